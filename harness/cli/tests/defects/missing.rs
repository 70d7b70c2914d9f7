//! Evidence of which a part is gone.

use crate::altered::Altered;
use crate::clean::Clean;
use crate::support::{Bench, cause};
use model::Verdict;
use std::fs;
use std::path::Path;
use std::process::Command as Process;

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_is_gone_leaves_nothing_known() {
    let bench = Bench::new().await;
    for clean in Clean::ALL {
        let altered = Altered::new(&bench, clean).await;
        let file = &altered.file;
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (mut at, mut frame) = (0, 0);
        while at < file.len() {
            let length = number(at + 4);
            if number(at) == 6 {
                frame += 1;
                let rest = [&file[..at], &file[at + length..]].concat();
                let judged = altered.with(&rest).unwrap();
                assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?} {frame}: {}", cause(&judged));
                assert!(judged.why.is_some());
            }
            at += length;
        }
        assert_eq!(frame, 4 + altered.exchange.messages.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_session_is_not_known() {
    let bench = Bench::new().await;
    for clean in Clean::ALL {
        let recorded = clean.record(&bench).await;
        let mut evidence = recorded.read();
        let before = judge::judge(&evidence);
        let keys = std::mem::take(&mut evidence.sidecar.session_keys);
        let judged = judge::judge(&evidence);
        if matches!(clean, Clean::Anonymous | Clean::WrongUser) {
            // Nothing in them is verified with a key, so nothing is lost with it.
            assert_eq!(judged, before);
            continue;
        }
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        assert_eq!(judged.findings, [], "{clean:?}");
        assert!(judged.why.unwrap().contains("is not in the evidence"));

        // Of another session, or of another connection, it is as good as gone.
        evidence.sidecar.session_keys = keys.clone();
        evidence.sidecar.session_keys[0].session_id ^= 1;
        assert_eq!(judge::judge(&evidence).verdict, Verdict::Inconclusive, "{clean:?}");
        evidence.sidecar.session_keys = keys;
        evidence.sidecar.session_keys[0].key[15] ^= 1;
        let judged = judge::judge(&evidence);
        assert_ne!(judged.verdict, Verdict::Conforms, "{clean:?}");
        if !matches!(clean, Clean::Free21) {
            // The client signed something, so it shows that it is the key that is wrong.
            assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        }
    }
}

/// The results of `countersign judge` on a run folder.
fn judge_run(run: &Path) -> serde_json::Value {
    let judged = Process::new(env!("CARGO_BIN_EXE_countersign")).arg("judge").arg(run).output().unwrap();
    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("results.json")).unwrap()).unwrap();
    let verdict = results["cases"][0]["verdict"].as_str().unwrap();
    let expected = if verdict == "inconclusive" { 3 } else { 0 };
    assert_eq!(judged.status.code(), Some(expected), "{}", String::from_utf8_lossy(&judged.stderr));
    results["cases"][0].clone()
}

type Removal<'r> = Box<dyn Fn() + 'r>;

#[test]
fn a_run_without_its_evidence_is_inconclusive() {
    let folder = tempfile::TempDir::new().unwrap();
    let run = folder.path().join("run");
    let id =
        "smb2-policy/algorithm=aes-128-cmac,client=required,dialect=3.1.1,server.signing=required@embedded";
    let ran = Process::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["run", "--case", id, "--out"])
        .arg(&run)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let pcapng = run.join("evidence").join(format!("{id}.pcapng"));
    let sidecar = evidence::sidecar_path(&pcapng);
    let (packets, text) = (fs::read(&pcapng).unwrap(), fs::read_to_string(&sidecar).unwrap());
    let whole = || {
        fs::write(&pcapng, &packets).unwrap();
        fs::write(&sidecar, &text).unwrap();
    };
    assert_eq!(judge_run(&run)["verdict"], "conforms");

    let mut gone: Vec<(&str, Removal<'_>)> = vec![
        ("sidecar", Box::new(|| fs::remove_file(&sidecar).unwrap())),
        ("pcapng", Box::new(|| fs::remove_file(&pcapng).unwrap())),
        (
            "both",
            Box::new(|| {
                fs::remove_file(&sidecar).unwrap();
                fs::remove_file(&pcapng).unwrap();
            }),
        ),
        ("empty pcapng", Box::new(|| fs::write(&pcapng, b"").unwrap())),
        ("half a pcapng", Box::new(|| fs::write(&pcapng, &packets[..packets.len() / 2]).unwrap())),
        ("half a sidecar", Box::new(|| fs::write(&sidecar, &text[..text.len() / 2]).unwrap())),
    ];
    gone.push((
        "session key",
        Box::new(|| {
            let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
            value["session_keys"] = serde_json::json!([]);
            fs::write(&sidecar, value.to_string()).unwrap();
        }),
    ));
    gone.push((
        "another policy in the sidecar",
        Box::new(|| {
            let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
            value["case"]["server"]["signing"] = "not-required".into();
            fs::write(&sidecar, value.to_string()).unwrap();
        }),
    ));
    for (what, remove) in gone {
        remove();
        let case = judge_run(&run);
        assert_eq!(case["verdict"], "inconclusive", "{what}: {case}");
        assert!(case["why"].as_str().is_some_and(|why| !why.is_empty()), "{what}: {case}");
        assert_eq!(case["findings"], serde_json::json!([]), "{what}: {case}");
        whole();
        assert_eq!(judge_run(&run)["verdict"], "conforms", "{what}");
    }
}
