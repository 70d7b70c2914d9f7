//! Results that hold every state there is, and hostile text wherever a server could have put some.

use model::discovery::{Capability, Discovery};
use model::outcome::{As, By, Kind, Why};
use model::plan::LeftOut;
use model::results::{ExpectationResult, RunInfo, SCHEMA, Status, Summary, TargetResult, TargetState};
use model::selftest::{DefectLine, KillMatrix, RuleLine};
use model::{
    Algorithm, Axes, CaseId, CaseResult, CheckLevel, Counted, Dialect, ExpectationState, Finding, Frame,
    FrameField, FrameRef, Heading, NtStatus, Outcome, Results, Shown, Subject, Verdict,
};
use std::collections::BTreeMap;

mod tools;
pub(crate) use tools::{many_software, software};

/// What a server could send to trick whoever reads the report.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\x1b[31m & ]]> \"'\u{202e}\0";

const POLICY: &str = "smb2-policy";
const TAMPER: &str = "smb2-tampered-tree-connect";

fn axes(words: &[(&str, &str)]) -> Axes {
    words.iter().map(|(axis, word)| ((*axis).to_owned(), (*word).to_owned())).collect()
}

fn signed(dialect: Dialect, algorithm: Algorithm) -> Outcome {
    Outcome {
        signed: Some(Counted { requests: (7, 7), responses: (7, 7) }),
        ..Outcome::connected(Kind::Signed, dialect, Some(algorithm), As::User)
    }
}

fn not_signed(dialect: Dialect) -> Outcome {
    Outcome {
        signed: Some(Counted { requests: (0, 7), responses: (0, 7) }),
        ..Outcome::connected(Kind::NotSigned, dialect, None, As::User)
    }
}

/// A case that conforms.
pub(crate) fn conforms(
    scenario: &str,
    target: &str,
    words: &[(&str, &str)],
    outcome: &Outcome,
) -> CaseResult {
    let axes = axes(words);
    let id = CaseId::new(scenario, &axes, target);
    CaseResult {
        scenario: scenario.to_owned(),
        target: target.to_owned(),
        axes,
        verdict: Verdict::Conforms,
        status: Status::Expected,
        why: None,
        predicted: Some(Outcome { signed: None, ..outcome.clone() }),
        outcome: Some(outcome.clone()),
        checks: BTreeMap::from([("policy/outcome".to_owned(), 1), ("signing/response-signed".to_owned(), 7)]),
        findings: vec![],
        frames: vec![],
        software: None,
        evidence: Some(format!("evidence/{id}.pcapng").replacen(
            &format!("{scenario}/"),
            &format!("{scenario} "),
            1,
        )),
        reproduce: format!("countersign run --case {id}"),
        millis: 4,
        id,
    }
}

fn finding(rule: &str, level: CheckLevel, expected: &str, got: &str) -> Finding {
    Finding {
        rule: rule.to_owned(),
        level,
        subject: Subject::Server,
        at: Some(FrameRef { connection: 0, leg: None, frame: 12, element: 0, bytes: Some((48, 64)) }),
        expected: expected.to_owned(),
        got: got.to_owned(),
        cites: vec!["MS-SMB2 3.3.4.1.1".to_owned(), "MS-SMB2 3.2.5.1.3".to_owned()],
    }
}

/// The message that findings are about: its signature is what is wrong with it.
fn frame() -> Frame {
    let field =
        |name: &str, value: &str, bytes| FrameField { name: name.to_owned(), value: value.to_owned(), bytes };
    Frame {
        connection: 0,
        frame: 12,
        element: 0,
        direction: Heading::ToClient,
        summary: "ECHO response, STATUS_SUCCESS, not signed".to_owned(),
        fields: vec![
            field("Flags", "SERVER_TO_REDIR|ASYNC", (16, 20)),
            field("Signature", "00000000000000000000000000000000", (48, 64)),
        ],
        length: 400,
        hex: "00".repeat(256),
    }
}

fn deviates(case: CaseResult, status: Status, outcome: &Outcome, findings: Vec<Finding>) -> CaseResult {
    let frames = vec![frame()];
    CaseResult {
        verdict: Verdict::Deviates,
        status,
        outcome: Some(outcome.clone()),
        findings,
        frames,
        ..case
    }
}

fn unsupported(case: CaseResult, why: &str) -> CaseResult {
    CaseResult {
        verdict: Verdict::Unsupported,
        why: Some(why.to_owned()),
        outcome: None,
        checks: BTreeMap::new(),
        evidence: None,
        millis: 0,
        ..case
    }
}

fn inconclusive(case: CaseResult, why: &str) -> CaseResult {
    CaseResult { verdict: Verdict::Inconclusive, status: Status::Unexpected, ..unsupported(case, why) }
}

/// Every cell of the policy scenario on `target`.
fn policy(target: &str) -> Vec<CaseResult> {
    let mut all = Vec::new();
    for &dialect in Dialect::SMB2 {
        for &algorithm in dialect.algorithms() {
            for client in ["required", "not-required"] {
                for server in ["required", "not-required"] {
                    let outcome = if [client, server].contains(&"required") {
                        signed(dialect, algorithm)
                    } else {
                        not_signed(dialect)
                    };
                    let words = [
                        ("algorithm", algorithm.word()),
                        ("client", client),
                        ("dialect", dialect.word()),
                        ("server.signing", server),
                    ];
                    all.push(conforms(POLICY, target, &words, &outcome));
                }
            }
        }
    }
    all
}

/// What the embedded server shows: no GMAC, and nothing else wrong.
fn embedded() -> Vec<CaseResult> {
    let why = "no GMAC: HMAC on 2.x and CMAC on 3.x, whatever is offered";
    policy("embedded")
        .into_iter()
        .map(|case| if case.axes["algorithm"] == "aes-128-gmac" { unsupported(case, why) } else { case })
        .collect()
}

/// What a server shows that signs nothing unless it must, and whose 2.0.2 is known to be broken.
fn appliance() -> Vec<CaseResult> {
    policy("nas")
        .into_iter()
        .map(|case| {
            let dialect: Dialect = case.axes["dialect"].parse().unwrap();
            let asked = case.axes["client"] == "required" && case.axes["server.signing"] == "not-required";
            let unsigned = "signing/response-signed";
            if asked && dialect.is_smb3() {
                let outcome = finding("policy/outcome", CheckLevel::Must, "kind signed", "kind not-signed");
                let each = finding(unsigned, CheckLevel::Must, "a signature that verifies", HOSTILE);
                deviates(case, Status::Unexpected, &not_signed(dialect), vec![outcome, each.clone(), each])
            } else if asked {
                let each = finding(unsigned, CheckLevel::Must, "a signature that verifies", "16 zero bytes");
                deviates(case, Status::Expected, &not_signed(dialect), vec![each])
            } else if dialect == Dialect::Smb30 && case.axes["client"] == "required" {
                inconclusive(case, &format!("no fence answered within 5 s; the server said: {HOSTILE}"))
            } else {
                case
            }
        })
        .collect()
}

/// A scenario whose axes all stand in rows, on two targets; a client refuses, and one finding is worth knowing only.
fn tamper() -> Vec<CaseResult> {
    let refused = Outcome {
        shown: Some(Shown {
            code: "0x80070035".to_owned(),
            text: "the network path was not found".to_owned(),
        }),
        ..Outcome::refused(By::Server, Why::AccessDenied, Some(NtStatus::ACCESS_DENIED))
    };
    let words = |dialect: &'static str| [("attack", "flip-bit"), ("dialect", dialect)];
    let mut info = finding("negotiate/echoes-guid", CheckLevel::Info, "one ServerGuid", "two ServerGuids");
    info.at = None;
    let worth_knowing =
        CaseResult { findings: vec![info], ..conforms(TAMPER, "embedded", &words("3.1.1"), &refused) };
    let mixed = Outcome { kind: Kind::Mixed, ..not_signed(Dialect::Smb311) };
    let mut should =
        finding("tamper/refused", CheckLevel::Should, "ACCESS_DENIED or a disconnect", "SUCCESS");
    should.at = Some(FrameRef { connection: 1, leg: Some(1), frame: 31, element: 2, bytes: None });
    vec![
        conforms(TAMPER, "embedded", &words("2.1"), &refused),
        worth_knowing,
        conforms(TAMPER, "nas", &words("2.1"), &refused),
        deviates(
            conforms(TAMPER, "nas", &words("3.1.1"), &refused),
            Status::Unexpected,
            &mixed,
            vec![should],
        ),
    ]
}

fn target(
    id: &str,
    title: &str,
    state: TargetState,
    version: Option<&str>,
    why: Option<&str>,
) -> TargetResult {
    TargetResult {
        id: id.to_owned(),
        title: title.to_owned(),
        state,
        why: why.map(str::to_owned),
        version: version.map(str::to_owned),
        image: version.filter(|_| id == "nas").map(|_| format!("sha256:{}", "0123456789abcdef".repeat(4))),
        discovery: if id == "nas" { vec![discovery()] } else { Vec::new() },
    }
}

/// What was seen of a server: as claimed, otherwise than claimed, not found out, and claimed by nobody.
fn discovery() -> Discovery {
    let row = |id: &str, claimed: Option<&str>, observed: Option<&str>, why: Option<&str>| Capability {
        id: id.to_owned(),
        claimed: claimed.map(str::to_owned),
        observed: observed.map(str::to_owned),
        why: why.map(str::to_owned),
        at: observed.map(|_| FrameRef { connection: 0, leg: None, frame: 5, element: 0, bytes: None }),
    };
    Discovery {
        run: "20240102-030405-7f".to_owned(),
        server_guid: Some("00112233445566778899aabbccddeeff".to_owned()),
        capabilities: vec![
            row("dialect/2.1", Some("yes"), Some("yes"), None),
            row("dialect/3.1.1", Some("yes"), None, Some("the server did not answer in time")),
            row("dialect/nt1", None, Some("yes"), None),
            row("logon/unknown-user", None, Some("refused"), Some(HOSTILE)),
            row("security-mode/smb2", None, Some("required"), None),
            row("signing/aes-128-gmac", Some("yes"), Some("no"), None),
        ],
        checks: 2,
        findings: vec![Finding {
            rule: "target/declared".to_owned(),
            level: CheckLevel::Must,
            subject: Subject::Server,
            at: None,
            expected: "signing/aes-128-gmac: yes, as the target declares or is set to".to_owned(),
            got: "signing/aes-128-gmac: no".to_owned(),
            cites: vec!["MS-SMB2 3.3.5.4".to_owned()],
        }],
        evidence: Some("evidence/discovery/20240102-030405-7f@nas.pcapng".to_owned()),
    }
}

fn known(rule: &str, condition: &str, reason: &str, state: ExpectationState) -> ExpectationResult {
    ExpectationResult {
        target: "nas".to_owned(),
        rule: rule.to_owned(),
        condition: serde_json::from_str(condition).unwrap(),
        except: vec![],
        outcome: None,
        got: None,
        reason: reason.to_owned(),
        link: Some("https://example.org/bugs/1?a=1&b=2".to_owned()),
        state,
    }
}

/// What two clients meet on a server: signed, unsigned, and as a guest who is refused.
pub(crate) fn clients() -> Results {
    const SCENARIO: &str = "who-can-connect";
    let mut cases = policy("nas");
    let guest = Outcome {
        shown: Some(Shown {
            code: "one of 0xC05D0003, 0x80070035".to_owned(),
            text: "You can't access this shared folder because your organization's security policies block \
                   unauthenticated guest access"
                .to_owned(),
        }),
        ..Outcome::refused(By::Client, Why::GuestBlocked, None)
    };
    for profile in ["windows-11", "windows-7"] {
        for signing in ["required", "not-required"] {
            for dialects in ["2.0.2..3.1.1", "nt1..3.1.1"] {
                for login in ["user", "unknown-user"] {
                    let words = [
                        ("login", login),
                        ("profile", profile),
                        ("server.dialects", dialects),
                        ("server.signing", signing),
                    ];
                    let outcome = match (profile, login, signing) {
                        ("windows-11", "unknown-user", _) => guest.clone(),
                        ("windows-7", "user", "not-required") => not_signed(Dialect::Smb21),
                        (_, "unknown-user", _) => {
                            Outcome { identity: Some(As::Guest), ..not_signed(Dialect::Smb21) }
                        }
                        _ => signed(Dialect::Smb311, Algorithm::Aes128Cmac),
                    };
                    cases.push(conforms(SCENARIO, "nas", &words, &outcome));
                }
            }
        }
    }
    of(cases)
}

/// Results that hold every state there is.
pub(crate) fn sample() -> Results {
    let cases = [embedded(), appliance(), tamper()].concat();
    let left_out = LeftOut {
        scenario: TAMPER.to_owned(),
        when: serde_json::from_str(r#"{ "attack": ["flip-bit"], "client": "not-required" }"#).unwrap(),
        instead: [("client".to_owned(), "required".to_owned())].into(),
        why: format!("a signature is a signature {HOSTILE}"),
        cells: [("embedded".to_owned(), 2), ("nas".to_owned(), 3)].into(),
    };
    Results { left_out: vec![left_out], ..of(cases) }
}

/// Results with nothing in them but `cases`, and the targets and expectations of the sample.
pub(crate) fn of(cases: Vec<CaseResult>) -> Results {
    let number = |verdict| cases.iter().filter(|case| case.verdict == verdict).count() as u64;
    Results {
        schema: SCHEMA,
        run: RunInfo {
            id: "20240102-030405-7f".to_owned(),
            version: "0.1.0".to_owned(),
            started: "2024-01-02T03:04:05Z".to_owned(),
            seed: 1,
            command: "countersign run --target embedded --target nas".to_owned(),
        },
        targets: vec![
            target(
                "embedded",
                "smb-server in this process",
                TargetState::Ready,
                Some("smb-server 0.8.0"),
                None,
            ),
            target("nas", "Appliance", TargetState::Ready, Some(HOSTILE), None),
            target(
                "samba-4.17",
                "Samba 4.17",
                TargetState::Failed,
                None,
                Some("the image could not be built: E: Unable to locate package samba"),
            ),
            target(
                "samba-4.22",
                "Samba 4.22",
                TargetState::Omitted,
                None,
                Some("no container engine answers: start Docker or set DOCKER_HOST, then run again"),
            ),
        ],
        clients: vec![
            target("smb-rs", "smb-rs", TargetState::Ready, Some(HOSTILE), None),
            target("smbclient-4.22", "smbclient 4.22", TargetState::Omitted, None, Some("no engine")),
        ],
        expectations: vec![
            known(
                "signing/response-signed",
                r#"{"dialect":["2.0.2","2.1"],"scenario":["smb2-policy"]}"#,
                "signs nothing on 2.x unless it is set to required",
                ExpectationState::Met,
            ),
            known(
                "negotiate/capabilities",
                r#"{"dialect":["3.1.1"]}"#,
                "answered with a context that was not offered",
                ExpectationState::Fixed,
            ),
            known(
                "negotiate/gone",
                r#"{"dialect":["nt1"]}"#,
                "written for a scenario that is gone",
                ExpectationState::Stale,
            ),
            known(
                "signing/pending-unsigned",
                r#"{"dialect":["3.0"],"client":["required"]}"#,
                "signs STATUS_PENDING",
                ExpectationState::NotRun,
            ),
        ],
        left_out: vec![],
        summary: Summary {
            conforms: number(Verdict::Conforms),
            deviates: number(Verdict::Deviates),
            unsupported: number(Verdict::Unsupported),
            inconclusive: number(Verdict::Inconclusive),
        },
        cases,
    }
}

/// Results in which everything is as expected.
pub(crate) fn all_well() -> Results {
    let mut results = of(embedded());
    results.targets.truncate(1);
    results.expectations.clear();
    results
}

/// Results without a case.
pub(crate) fn nothing() -> Results {
    let mut results = of(vec![]);
    results.targets.clear();
    results.expectations.clear();
    results
}

/// Results with `number` cases at least, most of which break the same rule.
pub(crate) fn many(number: usize) -> Results {
    let case = |i: usize| {
        let (target, dialect) = (format!("nas-{}", i / 28), Dialect::Smb311);
        appliance().into_iter().nth(i % 28).map(|case| {
            let each = finding("signing/response-signed", CheckLevel::Must, "a signature", "none");
            let id = CaseId::new(&case.scenario, &case.axes, &target);
            let evidence = case.evidence.as_ref().map(|_| format!("evidence/{id}.pcapng"));
            let reproduce = format!("countersign run --case {id}");
            let case = CaseResult { id, target, evidence, reproduce, ..case };
            deviates(case, Status::Unexpected, &not_signed(dialect), vec![each; 7])
        })
    };
    of((0..number).filter_map(case).collect())
}

/// A matrix in which a rule is proved by one defect, another is not, and a defect trips both.
pub(crate) fn matrix() -> KillMatrix {
    let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let rule = |id: &str, proved_by: &[&str], tripped_by: &[&str]| RuleLine {
        id: id.to_owned(),
        title: "What holds".to_owned(),
        level: CheckLevel::Must,
        held: 3,
        held_repaired: 0,
        proved_by: words(proved_by),
        tripped_by: words(tripped_by),
        false_alarms: Vec::new(),
    };
    let defect = |id: &str, meant_for: &[&str], trips: &[&str]| DefectLine {
        id: id.to_owned(),
        title: "What is wrong".to_owned(),
        meant_for: words(meant_for),
        cases: 2,
        done: 2,
        trips: words(trips),
        caught: !trips.is_empty(),
    };
    KillMatrix {
        schema: SCHEMA,
        run: nothing().run,
        rules: vec![rule("a/proved", &["one"], &["one"]), rule("b/not", &[], &["one"])],
        defects: vec![defect("one", &["a/proved"], &["a/proved", "b/not"]), defect("two", &["b/not"], &[])],
        clean_cases: 4,
        unclean: Vec::new(),
        whole: false,
    }
}

/// Fails where `text` holds something that a terminal, a browser or an XML parser would obey or refuse.
pub(crate) fn assert_harmless(text: &str) {
    let forbidden = |c: &char| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c);
    assert_eq!(text.chars().find(forbidden), None);
}
