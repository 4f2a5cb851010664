//! The lines of the ledger: kept as long as they are shown, and read to the end.

use std::collections::BTreeSet;

use nidan_core::budget::Suppressed;
use nidan_core::ledger::State;

use super::history::{History, asker};
use super::{NOBODY_NEW, OWNERS, says};
use crate::app::{TestServer, on_both_databases};

on_both_databases! {
    letters_stay_as_long_as_their_line
    a_long_ledger_is_read_to_its_end
    a_carrier_that_delivers_twice_is_our_fault
}

async fn letters_stay_as_long_as_their_line(server: &TestServer) {
    let history = History::new(server).await;
    history.sign_in(&asker(OWNERS.0, OWNERS.1, true), State::Delivered).await;
    history.later(30 * 24 * 60);
    history.sign_ins_are_forgotten().await;
    let answer = history.site.get(&format!("{}/messages", history.at)).await.expect(200).json();
    assert_eq!(answer["messages"][0]["tag"], "KX", "{answer}");
}

/// More than is looked at, or shown, at once; every line once, the newest first.
async fn a_long_ledger_is_read_to_its_end(server: &TestServer) {
    const LINES: usize = 230;
    let history = History::new(server).await;
    for _ in 0..3 {
        history.sign_in(&asker("203.0.113.9", "Chrome (Windows)", false), State::Delivered).await;
    }
    for n in 0..LINES {
        history.seconds_later(1);
        // Each from a network of its own, so that none repeats another; some in the same moment.
        let stranger = |m: usize| asker(&format!("198.{}.{}.7", 18 + m, n % 250), &format!("Program-{n}-{m}"), false);
        history.refused(&stranger(0), Suppressed::PasswordKnown).await;
        if n % 50 == 0 {
            history.refused(&stranger(1), Suppressed::PasswordKnown).await;
        }
    }
    history.later(11);
    let answer = history.site.get(&format!("{}/messages", history.at)).await.expect(200).json();
    assert_eq!(answer["verdict"], "password_known", "what was refused hides nothing of what was sent");
    assert_eq!(answer["messages"].as_array().map(Vec::len), Some(200));
    let (mut address, mut seen, mut pages) = ("/security/messages?lang=en".to_owned(), Vec::new(), 0);
    loop {
        let page = history.person.browser.get(&address).await.expect(200).body;
        seen.extend(page.split("Program-").skip(1).filter_map(|rest| Some(rest.split_once(' ')?.0.to_owned())));
        assert_eq!(page.contains("id=\"verdict\""), pages == 0, "the card stands on the first page only: {page}");
        pages += 1;
        let Some((_, older)) = page.split_once("href=\"/security/messages?before=") else { break };
        address = format!("/security/messages?before={}", older.split('"').next().expect("an end"));
    }
    let different: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), different.len()), (LINES + LINES.div_ceil(50), seen.len()), "in {pages} pages");
    let number = |name: &String| name.split('-').next().and_then(|n| n.parse::<usize>().ok()).expect("a number");
    assert!(seen.is_sorted_by_key(|name| std::cmp::Reverse(number(name))), "{seen:?}");
    let odd = history.person.browser.get("/security/messages?before=yesterday").await.expect(200).body;
    assert!(odd.contains("id=\"verdict\""), "what is no time is nothing: {odd}");
}

async fn a_carrier_that_delivers_twice_is_our_fault(server: &TestServer) {
    let history = History::new(server).await;
    let verdict = async || history.site.get(&format!("{}/messages", history.at)).await.expect(200).text("/verdict");
    history.later(60);
    history.sign_in_by(&asker(OWNERS.0, OWNERS.1, true), "carrier").await;
    history.carrier_tells("carrier", 1).await;
    assert_eq!(verdict().await, "none");
    history.carrier_tells("carrier", 3).await;
    let ja = [NOBODY_NEW.0, "こちらの不具合です", "1回の依頼に対して、3通"];
    let en = [NOBODY_NEW.1, "our fault", "3 messages were sent where 1 was asked for"];
    says(&history, "own_bug_carrier", ("own_bug", "only_known"), [&ja, &en]).await;
}
