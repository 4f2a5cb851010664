//! D14: what is asked for 200 times at the same moment is sent once.
#![expect(clippy::print_stdout, reason = "with --nocapture the figure is shown beside its bound")]

use futures_util::future::join_all;
use nidan_core::time::Span;
use serde_json::json;

use crate::app::{TestServer, on_both_databases};
use crate::owner::{Owner, PHONE};

const CROWD: usize = 200;

on_both_databases! { guarded d14_of_200_identical_requests_one_sends }

async fn d14_of_200_identical_requests_one_sends(server: &TestServer) {
    let site = server.site().await;
    let owner = Owner::with_two_methods(server, &site).await;
    server.clock.advance(Span::minutes(30));
    let sent = async || {
        server.settled().await;
        server.phone.take(PHONE).len()
    };

    // A site's program sends its request again and again, as programs do, under the key that says that it is the same.
    let begin = owner.password();
    let begun = join_all((0..CROWD).map(|_| site.post_once("/api/v1/sign-ins", "k", &begin))).await;
    let by_requests = sent().await;
    let first = begun.iter().find(|answer| answer.status == 201).expect("one begins");
    assert!(begun.iter().all(|answer| answer.status == 409 || answer.body == first.body), "one sign-in");

    // "Send again" is pressed by as many.
    server.clock.advance(Span::seconds(30));
    let resend = format!("/api/v1/sign-ins/{}/resend", first.text("/id"));
    let nothing = json!({});
    let pressed = join_all((0..CROWD).map(|_| site.post_json(&resend, &nothing))).await;
    let granted = pressed.iter().filter(|answer| answer.status == 202).count();
    let by_presses = sent().await;
    println!(
        "D14: {CROWD} identical requests: {by_requests} SMS; {CROWD} identical presses: {by_presses} SMS (each 1)"
    );
    assert_eq!((by_requests, by_presses, granted), (1, 1, 1));
}
