//! The two files: who can read them, that they appear whole, and what an error says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail it")]

mod common;

use common::{addr, at, exists, sidecar, small, write};
use countersign_evidence::{Direction, Evidence, EvidenceError, Recorder};
use std::fs;
use tempfile::TempDir;

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_is_created() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().unwrap();
    let pcapng = folder.path().join("run/evidence/case.pcapng");
    let (recorder, sidecar) = small();
    recorder.write(&pcapng, &sidecar).unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&pcapng), 0o600);
    assert_eq!(mode(&countersign_evidence::sidecar_path(&pcapng)), 0o600);
    assert_eq!(mode(pcapng.parent().unwrap()), 0o700);
    assert_eq!(mode(pcapng.parent().unwrap().parent().unwrap()), 0o700);
}

#[test]
fn writing_again_replaces_both_and_leaves_nothing_else() {
    let (recorder, sidecar) = small();
    let written = write(&recorder, &sidecar);
    // What a killed process may have left.
    fs::write(written.folder.path().join("case@target.pcapng.tmp"), "half").unwrap();
    fs::write(written.folder.path().join("case@target.json.tmp"), "half").unwrap();
    Recorder::default().write(&written.pcapng, &common::sidecar()).unwrap();
    let evidence = written.read();
    assert_eq!((evidence.connections.len(), evidence.problems.len()), (0, 0));
    let mut names: Vec<_> =
        fs::read_dir(written.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["case@target.json", "case@target.pcapng"]);
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let pcapng = folder.path().join("case.pcapng");
    // The sidecar cannot replace a folder that has something in it.
    fs::create_dir_all(folder.path().join("case.json/full")).unwrap();
    // Nor may an older recording stay, as if it were this one's.
    fs::write(&pcapng, "older").unwrap();
    let (recorder, sidecar) = small();
    let error = recorder.write(&pcapng, &sidecar).unwrap_err();
    assert!(matches!(&error, EvidenceError::Write { path, .. } if path.ends_with("case.json")), "{error}");
    assert!(!exists(&pcapng));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

    fs::write(folder.path().join("file"), "").unwrap();
    let error = recorder.write(&folder.path().join("file/case.pcapng"), &sidecar).unwrap_err();
    assert!(matches!(&error, EvidenceError::Write { path, .. } if path.ends_with("file")), "{error}");
}

#[test]
fn a_connection_that_was_never_opened_is_an_error() {
    let (mut recorder, sidecar) = small();
    recorder.data(7, Direction::ToServer, b"lost", at(0));
    let folder = TempDir::new().unwrap();
    let error = recorder.write(&folder.path().join("case.pcapng"), &sidecar).unwrap_err();
    assert!(matches!(error, EvidenceError::NeverOpened { connection: 7 }));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn errors_name_the_file_and_the_way_out() {
    let written = write(&Recorder::default(), &sidecar());
    let json = fs::read_to_string(written.sidecar()).unwrap();
    let shown = || Evidence::read(&written.pcapng).unwrap_err().to_string();

    fs::write(written.sidecar(), json.replace("\"schema\": 1", "\"schema\": 2")).unwrap();
    assert!(shown().ends_with(
        "case@target.json is unusable: it has schema 2, this program reads schema 1; use the version of countersign \
         that wrote it"
    ));
    fs::write(written.sidecar(), "{}").unwrap();
    assert!(shown().contains("case@target.json is unusable: missing field `schema`"));
    fs::remove_file(written.sidecar()).unwrap();
    let missing = shown();
    assert!(missing.contains("cannot read") && missing.contains("case@target.json: "), "{missing}");
    assert!(
        missing.ends_with(
            "copy both files of a case, the .pcapng and the .json beside it, or run the case again"
        )
    );

    fs::write(written.sidecar(), json).unwrap();
    fs::write(&written.pcapng, "not a capture, but longer than one header").unwrap();
    assert!(shown().contains("case@target.pcapng is unusable: it is not a pcapng file"));
    fs::remove_file(&written.pcapng).unwrap();
    assert!(shown().contains("case@target.pcapng: "));
}

#[test]
fn the_sidecar_holds_what_was_said_and_no_more() {
    let (recorder, mut sidecar) = small();
    sidecar.problem = Some("no answer within 5 s".to_owned());
    sidecar.server_log = Some("logs/embedded.txt".to_owned());
    let written = write(&recorder, &sidecar);
    let text = fs::read_to_string(written.sidecar()).unwrap();
    for part in [
        "\"schema\": 1",
        "\"id\": \"smb2-policy/dialect=3.1.1@embedded\"",
        "\"server\": \"127.0.0.1:40445\"",
        "\"session_id\": \"0x0000000000000077\"",
        "\"key\": \"30313233343536373839616263646566\"",
        "\"problem\": \"no answer within 5 s\"",
        "\"server_log\": \"logs/embedded.txt\"",
        "\"client\": \"[::1]:50000\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // A field that a later version adds does not make the evidence unreadable.
    fs::write(written.sidecar(), text.replacen("{", "{ \"added\": [1],", 1)).unwrap();
    let evidence = written.read();
    assert_eq!(evidence.problems, []);
    assert_eq!(evidence.sidecar.problem, sidecar.problem);
    assert!(!format!("{evidence:?}").contains("30313233"));
}

#[test]
fn the_file_names_the_case_and_the_real_server() {
    let (recorder, sidecar) = small();
    let file = write(&recorder, &sidecar).bytes();
    let has = |part: &str| file.windows(part.len()).any(|window| window == part.as_bytes());
    assert!(has("case smb2-policy/dialect=3.1.1@embedded\nserver 127.0.0.1:40445 (port 445 here"));
    assert!(has(concat!("countersign ", env!("CARGO_PKG_VERSION"))));
    assert!(has("connection 1: [::1]:50000 to [::1]:40445"));
    // Neither the key nor its text.
    assert!(!has("0123456789abcdef") && !has("3031323334353637"));
    let mut recorder = Recorder::default();
    let mut sidecar = sidecar;
    sidecar.server = "x".repeat(100_000);
    recorder.connect(addr("127.0.0.1:50000"), addr("127.0.0.1:40445"), at(0));
    sidecar.steps.clear();
    assert_eq!(write(&recorder, &sidecar).read().problems, []);
}
