//! `nidan doctor`: each thing well, and each thing ill.

use std::os::unix::fs::PermissionsExt;

use nidan::app::{Clock, Random};
use nidan::commands::doctor::{Finding, Verdict, look};
use nidan::config::ways::SmtpTls;
use nidan::keys::KeyRing;
use nidan::store::{Db, migrate};
use nidan_core::secret::Secret;
use nidan_core::time::Span;

use super::{Deployment, err, json, out};
use crate::app::START;
use crate::mail::MailServer;
use crate::postgres::TestDatabase;
use crate::smsc::Smsc;

async fn findings(deployment: &Deployment) -> Vec<Finding> {
    look(&deployment.file(), &Default::default(), &Clock::manual(START).0).await
}

/// What was found of one thing: the worst, if there are several lines.
fn of<'f>(findings: &'f [Finding], thing: &str) -> (Verdict, &'f str) {
    let found = findings.iter().filter(|finding| finding.thing == thing);
    let worst = found.max_by_key(|finding| finding.verdict == Verdict::Failed);
    worst.map(|finding| (finding.verdict, finding.told.as_str())).unwrap_or_else(|| panic!("{findings:#?}"))
}

#[track_caller]
fn failed(findings: &[Finding], thing: &str, told: &str) {
    let (verdict, found) = of(findings, thing);
    assert!(verdict == Verdict::Failed && found.contains(told), "{verdict:?} {found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_grows_well() {
    let (smsc, mail) = (Smsc::start(), MailServer::start().await);
    let mut deployment = Deployment::new();
    deployment.add_smpp("carrier-a", &smsc.settings());
    deployment.add_smtp("mail", &mail.route("starttls", SmtpTls::Required));
    let before = findings(&deployment).await;
    failed(&before, "database", "is not there yet: run `nidan migrate`");
    assert_eq!(of(&before, "keys").0, Verdict::NotChecked);
    assert!(!deployment.path("nidan.db").exists(), "looking makes nothing");
    let url = format!("sqlite:{}", deployment.path("nidan.db").display());
    let db = Db::open(&url.parse().expect("a URL")).await.expect("opens");
    failed(&findings(&deployment).await, "database", "run `nidan migrate`");
    migrate::migrate(&db).await.expect("migrates");
    let after = findings(&deployment).await;
    let ill: Vec<String> =
        after.iter().filter(|finding| finding.verdict == Verdict::Failed).map(|finding| finding.told.clone()).collect();
    assert!(ill.is_empty(), "{ill:?}");
    assert!(of(&after, "database").1.ends_with(&format!("is at schema version {}", migrate::NEWEST)));
    assert!(of(&after, "keys").1.ends_with("nidan.key is made at the first start"));
    assert_eq!(of(&after, "clock").0, Verdict::NotChecked, "there is none to compare with");
    assert_eq!(of(&after, "disk").0, Verdict::Ok);
    assert!(of(&after, "route carrier-a").1.contains("bound to localhost"), "{after:?}");
    assert!(of(&after, "route mail").1.contains("takes mail"), "{after:?}");
    assert!(smsc.told("phone").is_empty(), "nothing was sent");
    KeyRing::create(&deployment.path("nidan.key"), &Random::system(), START).expect("a key file");
    assert!(of(&findings(&deployment).await, "keys").1.contains("the database holds no account yet"));
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_that_do_not_work_say_why() {
    let (smsc, mail) = (Smsc::start(), MailServer::start().await);
    let mut deployment = Deployment::new();
    let mut smpp = smsc.settings();
    smpp.password = Secret::new("wrong".into());
    deployment.add_smpp("carrier-a", &smpp);
    smpp.port = 1;
    deployment.add_smpp("carrier-b", &smpp);
    let mut smtp = mail.route("starttls", SmtpTls::Required);
    smtp.login = Some(("nidan".into(), Secret::new("wrong".into())));
    deployment.add_smtp("mail", &smtp);
    let found = findings(&deployment).await;
    failed(&found, "route carrier-a", "refuses system_id and password");
    failed(&found, "route carrier-b", "cannot be reached");
    assert_eq!(of(&found, "route mail").0, Verdict::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_apart_are_found_on_postgres() {
    let database = TestDatabase::migrated().await;
    let mut deployment = Deployment::new();
    deployment.add(&format!("[database]\nurl = \"{}\"\n", database.url_text()));
    let (file, env) = (deployment.file(), Default::default());
    let right = look(&file, &env, &Clock::system()).await;
    assert_eq!(of(&right, "clock").0, Verdict::Ok, "{right:?}");
    assert_eq!(of(&right, "database").0, Verdict::Ok);
    let now = Clock::system().now();
    let late = look(&file, &env, &Clock::manual(now.minus(Span::minutes(2))).0).await;
    failed(&late, "clock", "behind the database's: let both follow a time server");
    let early = look(&file, &env, &Clock::manual(now.plus(Span::minutes(2))).0).await;
    failed(&early, "clock", "ahead of the database's: let both follow a time server");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_prints_lines_or_json_and_fails_if_anything_does() {
    let mut deployment = Deployment::new();
    KeyRing::create(&deployment.path("nidan.key"), &Random::system(), START).expect("a key file");
    std::fs::set_permissions(deployment.path("nidan.key"), PermissionsExt::from_mode(0o644)).expect("opened to all");
    let lines = deployment.nidan(&["doctor"]).await;
    assert_eq!(lines.status.code(), Some(1));
    assert!(out(&lines).contains("\nFAILED       keys: the key file "), "{}", out(&lines));
    assert!(out(&lines).contains("run `chmod 0400 "), "{}", out(&lines));
    assert!(out(&lines).contains("\nwarning      settings: no route carries sms"), "{}", out(&lines));
    assert_eq!(err(&lines), "2 things fail\n");
    let document = json(&deployment.nidan(&["doctor", "--json"]).await);
    assert_eq!(document["ok"], false);
    let checks = document["checks"].as_array().expect("a list");
    let keys = checks.iter().find(|check| check["name"] == "keys").expect("keys");
    assert_eq!(keys["state"], "failed");
    deployment.add("[demo_phone]\nenabled = 1\n");
    let mistakes = deployment.nidan(&["doctor"]).await;
    assert!(out(&mistakes).starts_with("FAILED       settings: "), "{}", out(&mistakes));
    assert!(out(&mistakes).contains("line 6: demo_phone.enabled is neither true nor false"), "{}", out(&mistakes));
}
