//! `nidan bench` itself, as shortly as it can be run: figures are for quiet machines.

use std::process::{Command, Output};

use serde_json::Value;

use crate::smsc::Smsc;
use crate::store::Directory;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nidan")).arg("bench").args(arguments).output().expect("the program")
}

#[test]
fn everything_is_measured_once_on_a_database_of_its_own() {
    let directory = Directory::new();
    let database = directory.url().to_string();
    let arguments = ["--database", &database, "--accounts", "12", "--clients", "4", "--seconds", "1", "--json"];
    let done = bench(&arguments);
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{told}");
    let figures: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    for name in ["hash", "sign_in", "right_code", "wrong_code"] {
        let figure = |what: &str| figures[name][what].as_f64().expect("a number");
        assert!(figure("per_second") > 0.0 && figure("cpu_ms_each") > 0.0, "{name}: {figures}");
    }
    let said = String::from_utf8_lossy(&done.stdout) + told.as_str();
    assert!(!said.contains("nsk_"), "a key was printed");
    let again = bench(&arguments);
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(1));
    assert!(told.contains("there are accounts in sqlite:"), "{told}");
}

#[test]
fn start_and_idle_memory_are_measured() {
    let done = bench(&["start", "--json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let figures: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    for name in ["first_start_ms", "start_ms", "idle_pss_kib"] {
        assert!(figures[name].as_f64().is_some_and(|figure| figure > 0.0), "{name}: {figures}");
    }
}

#[test]
fn a_route_is_measured_beside_a_bare_client() {
    let smsc = Smsc::start_with(&["--quiet"]);
    let place = format!("127.0.0.1:{}", smsc.port());
    let done = bench(&["smpp", "--smsc", &place, "--window", "7", "--seconds", "1", "--json"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let figures: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(figures["peak"], 7);
    assert!(
        figures["route"]["per_second"].as_f64() > Some(0.0) && figures["bare"]["count"].as_u64() > Some(0),
        "{figures}"
    );
    let done = bench(&["smpp", "--smsc", &place, "--password", "wrong", "--seconds", "1"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("no bind"), "{done:?}");
}
