//! Results of clients that people run.

use super::{HOSTILE, conforms, deviates, finding, not_signed, of, policy, signed, unsupported};
use model::outcome::{By, Why};
use model::results::Status;
use model::software::{Did, Ended, Means, Setting, SoftwareResult};
use model::{Algorithm, CaseResult, CheckLevel, Dialect, NtStatus, Outcome, Results, Subject};
use std::collections::BTreeMap;

/// What a client made of a case in which it did everything, or else printed something.
fn made(id: &str, setting: Setting, means: Option<Means>, printed: &str) -> SoftwareResult {
    let done = means.is_none() && printed.is_empty();
    SoftwareResult {
        id: id.to_owned(),
        setting,
        did: if done { Did::ALL.to_vec() } else { vec![] },
        done,
        ended: Ended::ByItself,
        means,
        note: means.map(|_| format!("It means the signature: {HOSTILE}")),
        printed: printed.to_owned(),
    }
}

/// Two clients that people run on two servers: every setting of theirs, and faults that one of them does not notice; and the
/// probe, with which one of them disagrees.
pub(crate) fn software() -> Results {
    let mut cases = policy("nas");
    for id in ["tool-1.2", "other-tool"] {
        for target in ["nas", "embedded"] {
            cases.extend(Setting::ALL.iter().flat_map(|setting| software_policy(id, target, *setting)));
            cases.extend(software_faults(id, target));
        }
    }
    of(cases)
}

fn software_policy(id: &str, target: &str, setting: Setting) -> Vec<CaseResult> {
    const SCENARIO: &str = "tools-policy";
    let cell = |signing: &str| {
        let words = [("server.signing", signing), ("setting", setting.word()), ("software", id)];
        let outcome = match (signing, setting) {
            ("not-required", Setting::Default | Setting::NotRequired) => not_signed(Dialect::Smb311),
            _ => signed(Dialect::Smb311, Algorithm::Aes128Gmac),
        };
        let case = conforms(SCENARIO, target, &words, &outcome);
        match (id, target, signing, setting) {
            ("other-tool", _, _, Setting::NotRequired) => unsupported(case, "it has no such setting"),
            ("other-tool", "nas", "not-required", Setting::Required) => {
                // It goes on unsigned, although it is set to require it.
                let mut own = finding("client/request-signed", CheckLevel::Must, "a signature", HOSTILE);
                own.subject = Subject::Client;
                let case = deviates(case, Status::Unexpected, &not_signed(Dialect::Smb311), vec![own]);
                CaseResult { software: Some(made(id, setting, None, "")), ..case }
            }
            ("other-tool", "embedded", "required", _) => {
                let refused = Outcome::refused(By::Server, Why::AccessDenied, Some(NtStatus::ACCESS_DENIED));
                let said = made(id, setting, None, &format!("first line\n{HOSTILE}\nno such message"));
                CaseResult {
                    outcome: Some(refused.clone()),
                    predicted: Some(refused),
                    software: Some(said),
                    ..case
                }
            }
            _ => CaseResult { software: Some(made(id, setting, None, "")), ..case },
        }
    };
    ["required", "not-required"].map(cell).into()
}

fn software_faults(id: &str, target: &str) -> Vec<CaseResult> {
    let cell = |defect: &str| {
        let words = [("defect", defect), ("server.signing", "required"), ("software", id)];
        let refused = Outcome::refused(By::Client, Why::InvalidSignature, None);
        let case = CaseResult {
            predicted: None,
            checks: BTreeMap::from([("client/noticed".to_owned(), 1)]),
            ..conforms("tools-tampered", target, &words, &refused)
        };
        match (id, defect) {
            ("tool-1.2", "algorithm-not-offered") => {
                let said = Some(made(id, Setting::Default, None, ""));
                CaseResult { software: said, ..unsupported(case, "the defect was not done") }
            }
            (_, "algorithm-not-offered") => unsupported(case, "it cannot be set so"),
            ("other-tool", "response-unsigned") => {
                let mut own =
                    finding("client/noticed", CheckLevel::Must, "it is noticed", "it did everything");
                (own.subject, own.at) = (Subject::Client, None);
                let outcome = signed(Dialect::Smb311, Algorithm::Aes128Gmac);
                let said = made(id, Setting::Default, None, "");
                let case = deviates(case, Status::Unexpected, &outcome, vec![own]);
                CaseResult { software: Some(said), frames: vec![], ..case }
            }
            _ => {
                let printed = format!("{HOSTILE}\n{}\ntree connect failed", "0 1 2 3 ".repeat(80));
                let said = made(id, Setting::Default, Some(Means::InvalidSignature), &printed);
                CaseResult { software: Some(said), ..case }
            }
        }
    };
    ["response-unsigned", "final-setup-unsigned", "algorithm-not-offered"].map(cell).into()
}

/// Results with `number` cases at least, all of them of clients that people run, each of which printed something else.
pub(crate) fn many_software(number: usize) -> Results {
    let one = |i: usize| {
        let (id, target) = (format!("tool-{}", i % 12), format!("nas-{}", i / 500));
        let row = (i / 12).to_string();
        let words = [("defect", row.as_str()), ("server.signing", "required"), ("software", id.as_str())];
        let refused = Outcome::refused(By::Client, Why::InvalidSignature, None);
        let printed = format!("{i}: {}", "<&\"'\n 9 8".repeat(200));
        let checks = [("client/noticed", 1), ("wire/well-formed", 9), ("signing/response-signed", 4)];
        let case = conforms("tools-tampered", &target, &words, &refused);
        let evidence = Some(format!("evidence/{}.pcapng", case.id));
        CaseResult {
            predicted: None,
            checks: checks.map(|(rule, number)| (rule.to_owned(), number)).into(),
            software: Some(made(&id, Setting::Default, Some(Means::InvalidSignature), &printed)),
            evidence,
            ..case
        }
    };
    of((0..number).map(one).collect())
}
