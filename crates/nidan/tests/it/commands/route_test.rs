//! `nidan route test`: a message to a real short message centre and a real mail server, and what the operator reads of it.

use nidan::app::{App, Clock, Random};
use nidan::config::Settings;
use nidan::config::ways::SmtpTls;
use nidan::keys::KeyRing;
use nidan::send::receipts::Receipts;
use nidan::send::route::CarrierReceipt;
use nidan::store::{Db, migrate};
use nidan_core::ledger::Receipt;
use nidan_core::secret::Secret;
use serde_json::Value;

use super::{Deployment, err, json, out};
use crate::mail::MailServer;
use crate::smsc::Smsc;

async fn test(deployment: &Deployment, arguments: &[&str]) -> std::process::Output {
    deployment.nidan(&[&["route", "test"], arguments].concat()).await
}

fn states(document: &Value) -> Vec<&str> {
    let steps = document["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["state"].as_str().expect("a state")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_gets_an_sms_and_the_receipt_is_told() {
    let smsc = Smsc::start();
    let mut deployment = Deployment::new();
    deployment.add_smpp("carrier-a", &smsc.settings());
    let output = test(&deployment, &["090-1234-5601"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let lines = out(&output);
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines.len() == 2 && lines[0].contains("Z  accepted: by carrier-a as "), "{lines:?}");
    assert!(lines[1].ends_with("Z  delivered"), "{lines:?}");
    let messages = smsc.phone("819012345601");
    assert_eq!(messages.len(), 1);
    let text = messages[0]["text"].as_str().expect("a text");
    assert_eq!(text, "【例社】これは送信テストです（経路 carrier-a）。何もしていただく必要はありません。");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_arrive_fails_and_says_why() {
    let smsc = Smsc::start();
    let mut deployment = Deployment::new();
    deployment.add_smpp("carrier-a", &smsc.settings());
    for (number, wait, expected, told) in [
        ("09012345602", "20", vec!["accepted", "undelivered"], "route carrier-a: it was not delivered"),
        ("09012345611", "1", vec!["accepted"], "no receipt came within 1 s"),
        ("09012345613", "20", vec!["accepted", "en_route", "delivered"], ""),
        ("09012345617", "20", vec!["rejected"], "it refuses that number or address"),
        ("09012345612", "20", vec!["accepted", "delivered"], ""),
        ("09012345610", "20", vec!["accepted", "delivered"], ""),
    ] {
        let output = test(&deployment, &[number, "--json", "--wait", wait]).await;
        let document = json(&output);
        assert_eq!(states(&document), expected, "{number}");
        assert_eq!(document["ok"], told.is_empty(), "{number}");
        assert_eq!(output.status.code(), Some(i32::from(!told.is_empty())), "{number}");
        assert!(err(&output).contains(told), "{number} {}", err(&output));
        assert_eq!(
            (&document["route"], &document["to"]),
            (&"carrier-a".into(), &format!("•••• {}", &number[7..]).into())
        );
    }
}

/// A carrier tells its receipts to whichever connection it likes, and gateways to the server alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_a_running_server_was_told_is_found() {
    let smsc = Smsc::start();
    let mut deployment = Deployment::new();
    deployment.add_smpp("carrier-a", &smsc.settings());
    let settings =
        Settings::read(&deployment.settings, &Default::default(), &deployment.directory.path()).expect("good");
    let db = Db::open(&settings.database).await.expect("opens");
    migrate::migrate(&db).await.expect("migrates");
    let (clock, random) = (Clock::system(), Random::system());
    let keys = KeyRing::create(&settings.keys_file, &random, clock.now()).expect("a key file");
    let (server, _messages) = App::new(&settings, (db, keys), (clock, random)).expect("a server");
    let testing = test(&deployment, &["09012345611", "--json", "--wait", "20"]);
    let telling = async {
        let message = smsc.tells("phone", 1).await.remove(0);
        let receipt = CarrierReceipt {
            carrier_id: message["id"].as_str().expect("an id").to_owned(),
            number: message["to"].as_str().map(str::to_owned),
            receipt: Receipt::Delivered,
        };
        Receipts::new(server).record("carrier-a", receipt).await.expect("kept");
    };
    let (output, ()) = tokio::join!(testing, telling);
    assert_eq!(states(&json(&output)), ["accepted", "delivered"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_gets_a_mail_by_the_route_that_is_named() {
    let mut mail = MailServer::start().await;
    let mut deployment = Deployment::new();
    let mut route = mail.route("starttls", SmtpTls::Required);
    deployment.add_smtp("good", &route);
    route.login = Some(("nidan".into(), Secret::new("wrong".into())));
    deployment.add_smtp("bad", &route);
    let output = test(&deployment, &["Hanako@mail.example.jp", "--json"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(states(&json(&output)), ["accepted"]);
    let got = mail.next().await;
    assert!(got.to_string().contains("hanako@mail.example.jp"), "{got}");
    let output = test(&deployment, &["hanako@mail.example.jp", "--route", "bad"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(
        err(&output).contains("route bad did not take the message: it refuses our name and password"),
        "{}",
        err(&output)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_refused_before_anything_is_opened() {
    let mut deployment = Deployment::new();
    let told = |output: &std::process::Output| (output.status.code(), err(output));
    let nobody = test(&deployment, &["09012345678"]).await;
    assert!(told(&nobody).1.starts_with("no route carries sms there"), "{:?}", told(&nobody));
    deployment.add(
        "[[route]]\nname = \"carrier-a\"\nchannel = \"sms\"\nkind = \"smpp\"\nhost = \"127.0.0.1\"\nport = 1\n\
         system_id = \"nidan\"\npassword = \"secret\"\nsender = \"Example\"\n",
    );
    for (arguments, code, expected) in [
        (
            &["09012345678", "--route", "carrier-b"][..],
            1,
            "carrier-b is no route that carries sms there: these do: carrier-a",
        ),
        (&["hanako@mail.example.jp"], 1, "no route carries email there"),
        (&["03-1234-5678"], 1, "that number takes no SMS"),
        (&["+1 415 555 2671"], 1, "only numbers in Japan are taken"),
        (&["12"], 1, "not a phone number: write it like"),
        (&["a@b"], 1, "that is not an e-mail address"),
        (&["09012345678", "--wait", "0"], 2, "error: invalid value"),
        (&["09012345678"], 1, "route carrier-a did not take the message: it cannot be reached"),
    ] {
        let (status, said) = told(&test(&deployment, arguments).await);
        assert!(status == Some(code) && said.contains(expected), "{arguments:?} {status:?} {said}");
    }
    deployment = Deployment::new();
    deployment.settings = deployment
        .settings
        .replace("https://id.example.jp", "http://127.0.0.1:1")
        .replace("\"example.jp\"", "\"localhost\"");
    deployment.add("[demo_phone]\nenabled = true\n");
    let demo = test(&deployment, &["09012345678"]).await;
    assert!(told(&demo).1.contains("is the demo phone, which is inside a running server"), "{:?}", told(&demo));
}
