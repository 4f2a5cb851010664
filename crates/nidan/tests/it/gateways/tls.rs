//! TLS to a gateway whose certificate comes from an authority of our own.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use nidan::send::http::check;
use nidan::send::route::Outcome;
use nidan_core::ledger::Reason;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use super::stub::{Reply, Stub};
use super::{accepted, line, send, settings};
use crate::store::Directory;

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl").current_dir(directory).args(arguments.split(' ')).output().expect("openssl");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// `name.crt`, an authority, and `name-server.crt` and `.key`, which it made for `host`.
fn authority(directory: &Path, name: &str, host: &str) {
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(directory, &format!("req -x509 {KEY} -subj /CN={name} -keyout {name}.key -out {name}.crt"));
    openssl(
        directory,
        &format!(
            "req -x509 {KEY} -subj /CN={host} -CA {name}.crt -CAkey {name}.key -addext subjectAltName=DNS:{host} \
             -addext basicConstraints=critical,CA:FALSE -keyout {name}-server.key -out {name}-server.crt"
        )
        .replace("             ", ""),
    );
}

fn acceptor(directory: &Path, name: &str) -> TlsAcceptor {
    let certificate =
        CertificateDer::from_pem_file(directory.join(format!("{name}-server.crt"))).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(directory.join(format!("{name}-server.key"))).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = builder.expect("versions").with_no_client_auth().with_single_cert(vec![certificate], key);
    TlsAcceptor::from(Arc::new(config.expect("they belong together")))
}

#[tokio::test]
async fn only_the_authority_that_was_named_is_believed() {
    let directory = Directory::new();
    let path = directory.path();
    authority(&path, "ours", "localhost");
    authority(&path, "other", "localhost");
    authority(&path, "stray", "elsewhere.example");
    let answer = || vec![Reply::Json(201, json!({"sid": "SM1"}))];
    for (server, trusted, outcome) in [
        ("ours", Some("ours.crt"), accepted("SM1")),
        ("ours", None, Outcome::NotTaken(Reason::RouteDown)),
        ("other", Some("ours.crt"), Outcome::NotTaken(Reason::RouteDown)),
        ("stray", Some("stray.crt"), Outcome::NotTaken(Reason::RouteDown)),
    ] {
        let stub = Stub::start_with(answer(), Some(acceptor(&path, server))).await;
        let mut settings = settings("twilio", &stub.url());
        settings.ca_file = trusted.map(|file| path.join(file));
        assert_eq!(send(&line(&settings).0).await, outcome, "{server} {trusted:?}");
        let checked = check(&settings).await;
        assert_eq!(checked.is_ok(), outcome == accepted("SM1"), "{checked:?}");
        assert!(
            checked.is_ok_and(|found| found.contains("201"))
                || !stub.asked().iter().any(|asked| asked.line.starts_with("POST"))
        );
    }
    let mut settings = settings("twilio", "https://localhost:1");
    settings.ca_file = Some(path.join("nothing.crt"));
    assert!(check(&settings).await.expect_err("no file").contains("ca_file"));
}
