//! The self-test, on the server that is built in.

use crate::support::Bench;
use model::selftest::KillMatrix;
use std::fs;

fn matrix(bench: &Bench) -> KillMatrix {
    serde_json::from_str(&fs::read_to_string(bench.path("r/kill-matrix.json")).unwrap()).unwrap()
}

#[test]
fn a_defect_trips_the_rule_that_is_meant_for_it_and_the_clean_server_does_not() {
    let bench = Bench::new();
    let args = ["selftest", "--target", "embedded", "--defect", "response-unsigned", "--out", "r"];
    let ended = bench.run(&args);
    // One defect proves one rule, and so the matrix is not whole.
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    let matrix = matrix(&bench);
    assert!(!matrix.whole && matrix.unclean.is_empty(), "{:?}", matrix.unclean);
    let [defect] = matrix.defects.as_slice() else { panic!("one defect was asked for") };
    assert!(defect.caught && defect.done > 0, "{defect:?}");
    let rule = |id: &str| matrix.rules.iter().find(|rule| rule.id == id).unwrap();
    assert!(rule("signing/response-signed").is_proved());
    assert!(!rule("negotiate/signing-enabled").is_proved(), "nothing tripped it");
    assert!(matrix.rules.iter().all(|rule| rule.false_alarms.is_empty()));
    assert!(ended.stdout.contains("1 of 1 defects caught, 0 false alarms"), "{}", ended.stdout);
    let page = fs::read_to_string(bench.path("r/kill-matrix.html")).unwrap();
    assert!(page.contains("response-unsigned") && page.contains("default-src 'none'"));
}

#[test]
fn a_faulty_client_trips_the_rule_about_attacks() {
    let bench = Bench::new();
    let defect = "client-validates-nothing";
    let ended = bench.run(&["selftest", "--target", "embedded", "--defect", defect, "--out", "r"]);
    assert_eq!(ended.status, 1, "{}", ended.stdout);
    let matrix = matrix(&bench);
    assert!(matrix.defects[0].caught, "{:?}", matrix.defects);
}

#[test]
fn what_does_not_exist_is_a_usage_error() {
    let bench = Bench::new();
    let ended = bench.run(&["selftest", "--defect", "response-unsinged", "--out", "r"]);
    assert_eq!(ended.status, 2);
    assert!(ended.stderr.contains("response-unsigned"), "{}", ended.stderr);
    assert_eq!(bench.run(&["selftest", "--target", "nas", "--out", "r"]).status, 2);
    assert!(!bench.path("r").exists());
}
