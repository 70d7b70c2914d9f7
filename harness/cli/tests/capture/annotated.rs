//! Findings as comments on packets, read by the real tshark.

use crate::file;
use crate::made::{made, text};
use std::path::Path;
use std::process::Command;

/// The frames with comments, and the comments.
fn comments(file: &Path) -> Vec<(u64, String)> {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-n", "-Y", "frame.comment", "-T", "fields", "-e", "frame.number", "-e", "frame.comment"])
        .output()
        .expect("these tests need tshark");
    assert!(output.status.success(), "{}", text(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    let parse =
        |line: &str| line.split_once('\t').map(|(frame, told)| (frame.parse().unwrap(), told.to_owned()));
    lines.lines().filter_map(parse).collect()
}

/// Everything of every packet but its comments.
fn dump(file: &Path) -> String {
    let output = Command::new("tshark")
        .arg("-r")
        .arg(file)
        .args(["-n", "-t", "e", "-x", "-T", "fields"])
        .args(["-e", "frame.number", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "tcp.payload"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A capture in which a byte was changed, as pcap and as the pcapng that dumpcap wrote.
#[test]
fn a_capture_is_copied_with_its_findings() {
    let made = made();
    let whole = std::fs::read(made.pcapng()).unwrap();
    let text = b"what was written";
    let place = whole.windows(text.len()).rposition(|part| part == text);
    // The last is that of the session that signs nothing: the one before is signed.
    let place = whole[..place.unwrap()].windows(text.len()).rposition(|part| part == text).unwrap();
    let place = whole[..place].windows(text.len()).rposition(|part| part == text).unwrap();
    let mut changed = whole.clone();
    changed[place] ^= 0x20;
    let packets = file::read(&changed);
    let frame = (0..packets.len()).find(|at| packets[*at] != file::read(&whole)[*at]).unwrap() as u64 + 1;
    for (name, bytes) in [("flipped.pcapng", changed.clone()), ("flipped.pcap", file::pcap(&packets))] {
        let original = made.pcapng().with_file_name(name);
        std::fs::write(&original, &bytes).unwrap();
        let copy = made.pcapng().with_file_name(format!("annotated-{name}.pcapng"));
        let judged = made.judge(&original, Some(&made.password), &["--annotate", copy.to_str().unwrap()]);
        assert_eq!(judged.status, 1, "{}", judged.said);
        assert_eq!(std::fs::read(&original).unwrap(), bytes, "the capture itself was changed");
        let comments = comments(&copy);
        let (_, told) =
            comments.iter().find(|(at, _)| *at == frame).unwrap_or_else(|| panic!("{comments:?}"));
        for part in ["countersign: MUST", "-signed", "expected:", "got: signature", "MS-"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(dump(&copy), dump(&original), "{name}");
        // And never over the capture.
        let judged = made.judge(&original, Some(&made.password), &["--annotate", original.to_str().unwrap()]);
        assert_eq!(judged.status, 2, "{}", judged.said);
        assert!(judged.said.contains("it is the evidence itself"), "{}", judged.said);
        assert_eq!(std::fs::read(&original).unwrap(), bytes);
    }
}

/// A run: the evidence stays as it is, byte for byte, and is judged again as before.
#[test]
fn a_run_is_copied_beside_its_evidence() {
    const CASE: &str =
        "smb2-policy/algorithm=aes-128-cmac,client=required,dialect=3.1.1,server.signing=required@embedded";
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        let output = command.args(args).current_dir(folder.path()).output().unwrap();
        (output.status.code().unwrap(), text(&output))
    };
    let (status, said) = run(&["run", "--case", CASE, "--out", "r"]);
    assert_eq!(status, 0, "{said}");
    let (status, said) = run(&["judge", "r", "--annotate", "notes"]);
    assert_eq!(status, 0, "{said}");
    let evidence = folder.path().join("r/evidence").join(format!("{CASE}.pcapng"));
    // What was read is another thing now, so its signature is wrong.
    let mut bytes = std::fs::read(&evidence).unwrap();
    let pattern = b"countersign: what is read is what was written";
    let place = bytes.windows(pattern.len()).rposition(|part| part == pattern).unwrap();
    bytes[place] ^= 0x20;
    std::fs::write(&evidence, &bytes).unwrap();
    let (status, said) = run(&["judge", "r", "--annotate", "notes"]);
    assert_eq!(status, 1, "{said}");
    assert_eq!(std::fs::read(&evidence).unwrap(), bytes);
    let copy = folder.path().join("notes").join(format!("{CASE}.pcapng"));
    let told = comments(&copy);
    assert!(told.iter().any(|(_, told)| told.contains("signing/response-signed")), "{told:?}");
    assert_eq!(dump(&copy), dump(&evidence));
    // One file of it, too.
    let one = format!("r/evidence/{CASE}.pcapng");
    assert_eq!(run(&["judge", &one, "--annotate", "one.pcapng"]).0, 1);
    assert_eq!(comments(&folder.path().join("one.pcapng")), told);
    for wrong in ["r/evidence", "r/evidence/deeper", "./r/../r/evidence"] {
        let (status, said) = run(&["judge", "r", "--annotate", wrong]);
        assert_eq!(status, 2, "{wrong}: {said}");
    }
    assert_eq!(run(&["judge", "r", "--annotate", "."]).0, 1);
    assert_eq!(std::fs::read(&evidence).unwrap(), bytes);
}
