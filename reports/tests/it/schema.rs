use super::support;
use countersign_reports as reports;
use serde_json::{Value, json};
use std::path::Path;

const FILE: &str = "results.schema.json";

fn valid(results: &Value) -> bool {
    let schema: Value = serde_json::from_str(&reports::schema::json()).unwrap();
    jsonschema::validator_for(&schema).unwrap().is_valid(results)
}

fn sample() -> Value {
    serde_json::to_value(support::sample()).unwrap()
}

#[test]
fn the_published_file_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, reports::schema::json()).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == reports::schema::json(),
        "reports/{FILE} is not what model::Results writes; see that fields were added and none renamed, \
         then run: UPDATE_SCHEMA=1 cargo test -p countersign-reports"
    );
}

#[test]
fn what_is_written_is_valid() {
    let schema: Value = serde_json::from_str(&reports::schema::json()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for results in
        [support::sample(), support::all_well(), support::nothing(), support::many(60), support::software()]
    {
        let errors: Vec<String> = validator
            .iter_errors(&serde_json::to_value(results).unwrap())
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[rstest::rstest]
#[case("", "cases")]
#[case("/run", "started")]
#[case("/targets/0", "why")]
#[case("/expectations/0", "condition")]
#[case("/cases/0", "verdict")]
#[case("/cases/0", "evidence")]
#[case("/cases/0/predicted", "as")]
#[case("/cases/0/outcome", "nt_status")]
#[case("/cases/0/outcome/signed", "requests")]
#[case("/cases/29/findings/0", "got")]
#[case("/cases/29/findings/0/at", "frame")]
#[case("/summary", "inconclusive")]
fn a_renamed_field_is_not_valid(#[case] at: &str, #[case] field: &str) {
    let mut results = sample();
    let object = results.pointer_mut(at).and_then(Value::as_object_mut).unwrap();
    let value = object.remove(field).unwrap();
    object.insert(format!("{field}_renamed"), value);
    assert!(!valid(&results));
}

#[rstest::rstest]
#[case("/schema", json!(2))]
#[case("/cases/0/verdict", json!("passed"))]
#[case("/cases/0/outcome/kind", json!("fine"))]
#[case("/cases/0/outcome/dialect", json!("3.2"))]
#[case("/cases/0/outcome/signed/requests", json!([7]))]
#[case("/targets/0/state", json!("up"))]
fn a_value_nobody_knows_is_not_valid(#[case] at: &str, #[case] value: Value) {
    let mut results = sample();
    *results.pointer_mut(at).unwrap() = value;
    assert!(!valid(&results));
}

#[test]
fn a_field_that_was_added_is_valid() {
    let mut results = sample();
    results["run"]["added"] = json!(true);
    assert!(valid(&results));
}

/// The example of DESIGN.md, with its placeholders filled in.
#[test]
fn the_documented_example_is_valid_and_reads() {
    let example = json!({
        "schema": 1,
        "run": { "id": "r", "version": "v", "started": "s", "seed": 1, "command": "c" },
        "targets": [{ "id": "samba-4.22", "title": "t", "state": "ready", "why": null,
            "version": "4.22.x (package version)", "image": "sha256:0" }],
        "expectations": [{ "target": "samba-4.22", "rule": "r", "condition": { "dialect": ["3.0"] },
            "reason": "r", "state": "not-run" }],
        "cases": [{ "id": "i", "scenario": "smb2-policy", "target": "samba-4.22",
            "axes": { "client": "required", "dialect": "3.1.1", "server.signing": "required" },
            "verdict": "conforms", "status": "expected", "why": null, "predicted": null,
            "outcome": { "kind": "signed", "dialect": "3.1.1", "algorithm": "aes-128-gmac", "as": "user",
                "signed": { "requests": [7, 7], "responses": [7, 7] }, "by": null, "nt_status": null, "why": null,
                "shown": { "code": "0x80070035", "text": "t" } },
            "checks": { "signing/response-signed": 7 },
            "findings": [{ "rule": "r", "level": "must", "subject": "server",
                "at": { "connection": 0, "leg": null, "frame": 12, "element": 0, "bytes": [48, 64] },
                "expected": "e", "got": "g", "cites": ["MS-SMB2 3.3.5.2.4"] }],
            "evidence": "evidence/x.pcapng", "reproduce": "countersign run --case i", "millis": 4 }],
        "summary": { "conforms": 1, "deviates": 0, "unsupported": 0, "inconclusive": 0 }
    });
    assert!(valid(&example));
    let read: model::Results = serde_json::from_value(example.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), example);
}
