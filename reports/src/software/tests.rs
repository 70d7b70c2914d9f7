use super::*;
use model::outcome::By;
use model::results::{RunInfo, Status, Summary};
use model::{Algorithm, CaseId, Verdict};

fn case(
    scenario: &str,
    words: &[(&str, &str)],
    predicted: Option<&Outcome>,
    outcome: &Outcome,
) -> CaseResult {
    let axes: Axes = words.iter().map(|(axis, word)| ((*axis).to_owned(), (*word).to_owned())).collect();
    CaseResult {
        id: CaseId::new(scenario, &axes, "nas"),
        scenario: scenario.to_owned(),
        target: "nas".to_owned(),
        axes,
        verdict: Verdict::Conforms,
        status: Status::Expected,
        why: None,
        predicted: predicted.cloned(),
        outcome: Some(outcome.clone()),
        checks: BTreeMap::new(),
        findings: vec![],
        frames: vec![],
        software: None,
        evidence: None,
        reproduce: String::new(),
        millis: 0,
    }
}

fn results(cases: Vec<CaseResult>) -> Results {
    let text = String::new;
    Results {
        schema: 1,
        run: RunInfo { id: text(), version: text(), started: text(), seed: 0, command: text() },
        targets: vec![],
        clients: vec![],
        expectations: vec![],
        cases,
        left_out: vec![],
        summary: Summary::default(),
    }
}

fn signed(algorithm: Algorithm) -> Outcome {
    Outcome::connected(Kind::Signed, Dialect::Smb311, Some(algorithm), As::User)
}

fn unsigned() -> Outcome {
    Outcome::connected(Kind::NotSigned, Dialect::Smb311, Some(Algorithm::Aes128Gmac), As::User)
}

fn refused() -> Outcome {
    Outcome { dialect: Some(Dialect::Smb311), ..Outcome::refused(By::Client, Why::InvalidSignature, None) }
}

/// A case of a client on a server that does not require signing.
fn of_client(setting: &str, predicted: &Outcome, outcome: &Outcome) -> CaseResult {
    let words = [("server.signing", "not-required"), ("setting", setting), ("software", "tool-1")];
    case("clients", &words, Some(predicted), outcome)
}

/// A case of the probe on such a server.
fn of_probe(client: &str, algorithm: &str, outcome: &Outcome) -> CaseResult {
    let words = [
        ("algorithm", algorithm),
        ("client", client),
        ("dialect", "3.1.1"),
        ("server.signing", "not-required"),
    ];
    case("probe", &words, Some(outcome), outcome)
}

/// How many agree and how many disagree.
fn compared(cases: Vec<CaseResult>) -> (usize, usize) {
    let results = results(cases);
    let all = compare(&results);
    (all.agree, all.disagree.len())
}

const GMAC: Algorithm = Algorithm::Aes128Gmac;

#[test]
fn the_same_way_is_agreed_upon() {
    let client = of_client("required", &signed(GMAC), &signed(GMAC));
    assert_eq!(compared(vec![client, of_probe("required", "aes-128-gmac", &signed(GMAC))]), (1, 0));
}

#[test]
fn another_kind_or_algorithm_is_a_disagreement() {
    let probe = || of_probe("required", "aes-128-gmac", &signed(GMAC));
    for other in [unsigned(), refused()] {
        assert_eq!(compared(vec![of_client("required", &signed(GMAC), &other), probe()]), (0, 1));
    }
    // The probe offered GMAC alone and did not get it.
    let probe = of_probe("required", "aes-128-gmac", &signed(Algorithm::Aes128Cmac));
    assert_eq!(compared(vec![of_client("required", &signed(GMAC), &signed(GMAC)), probe]), (0, 1));
}

#[test]
fn an_algorithm_that_the_probe_did_not_offer_is_not_compared() {
    let client = || of_client("required", &signed(GMAC), &signed(GMAC));
    let cmac = of_probe("required", "aes-128-cmac", &signed(Algorithm::Aes128Cmac));
    assert_eq!(compared(vec![client(), cmac]), (0, 0));
    // Where nobody says what was offered, only the kind is.
    let mut open = of_probe("required", "x", &signed(Algorithm::Aes128Cmac));
    open.axes.remove("algorithm");
    assert_eq!(compared(vec![client(), open]), (1, 0));
}

#[test]
fn a_client_is_compared_with_who_needs_signing_as_it_does() {
    let probe = [
        of_probe("required", "aes-128-gmac", &signed(GMAC)),
        of_probe("not-required", "aes-128-gmac", &unsigned()),
    ];
    let with = |client: CaseResult| compared([vec![client], probe.to_vec()].concat());
    assert_eq!(with(of_client("required", &signed(GMAC), &unsigned())), (0, 1));
    assert_eq!(with(of_client("not-required", &unsigned(), &signed(GMAC))), (0, 1));
    // As it comes it requires what the prediction says, not what was seen.
    assert_eq!(with(of_client("default", &signed(GMAC), &unsigned())), (0, 1));
    assert_eq!(with(of_client("default", &unsigned(), &unsigned())), (1, 0));
}

#[test]
fn only_what_is_the_same_is_compared() {
    let client = || of_client("required", &signed(GMAC), &unsigned());
    let change = |axis: &str, word: &str| {
        let mut probe = of_probe("required", "aes-128-gmac", &signed(GMAC));
        probe.axes.insert(axis.to_owned(), word.to_owned());
        probe
    };
    assert_eq!(compared(vec![client(), change("dialect", "3.1.1")]), (0, 1));
    assert_eq!(compared(vec![client(), change("server.guest", "never")]), (0, 1));
    for (axis, word) in [
        ("server.signing", "required"),
        ("server.guest", "bad-user"),
        ("login", "unknown-user"),
        ("client", "disabled"),
        ("profile", "some-client"),
        ("deviation", "unsigned"),
        ("attack", "strip-required"),
        ("offer", "gmac"),
    ] {
        assert_eq!(compared(vec![client(), change(axis, word)]), (0, 0), "{axis}={word}");
    }
    let mut elsewhere = change("dialect", "3.1.1");
    elsewhere.target = "other".to_owned();
    assert_eq!(compared(vec![client(), elsewhere]), (0, 0));
    let mut older = change("dialect", "3.0");
    older.outcome = Some(Outcome { dialect: Some(Dialect::Smb30), ..signed(Algorithm::Aes128Cmac) });
    assert_eq!(compared(vec![client(), older]), (0, 0));
}

#[test]
fn what_is_not_known_or_not_predicted_is_not_compared() {
    let probe = || of_probe("required", "aes-128-gmac", &signed(GMAC));
    let client = || of_client("required", &signed(GMAC), &unsigned());
    let unsure = |case: CaseResult| CaseResult { verdict: Verdict::Inconclusive, ..case };
    let unpredicted = |case: CaseResult| CaseResult { predicted: None, ..case };
    assert_eq!(compared(vec![unsure(client()), probe()]), (0, 0));
    assert_eq!(compared(vec![client(), unsure(probe())]), (0, 0));
    assert_eq!(compared(vec![unpredicted(client()), probe()]), (0, 0));
    assert_eq!(compared(vec![client(), unpredicted(probe())]), (0, 0));
}

#[test]
fn it_says_how_many_agree() {
    let said = |agree, client: CaseResult| {
        let results = results(vec![client, of_probe("required", "aes-128-gmac", &signed(GMAC))]);
        let mut all = compare(&results);
        all.agree += agree;
        all.said()
    };
    let same = || of_client("required", &signed(GMAC), &signed(GMAC));
    assert_eq!(said(0, same()), "the one comparison agrees.");
    assert_eq!(said(3, same()), "all 4 comparisons agree.");
    let other = of_client("required", &signed(GMAC), &unsigned());
    assert_eq!(said(3, other), "1 of 4 comparisons disagrees: in each, one of the two is wrong.");
}

#[test]
fn clients_stand_across_and_servers_down() {
    let cells = [("a", "default"), ("a", "required"), ("b", "required"), ("b", "default")];
    let mut cases: Vec<CaseResult> = Vec::new();
    for target in ["nas", "another"] {
        for (software, setting) in cells {
            for signing in ["required", "not-required"] {
                let words = [("server.signing", signing), ("setting", setting), ("software", software)];
                let mut one = case("clients", &words, None, &unsigned());
                one.target = target.to_owned();
                cases.push(one);
            }
        }
    }
    let results = results(cases);
    let all = tables(&results);
    let [table] = all.as_slice() else { panic!("one scenario is one table") };
    assert_eq!(table.clients, ["a", "b"]);
    assert_eq!(table.servers.iter().map(|server| server.target).collect::<Vec<_>>(), ["another", "nas"]);
    let labels = |row: &Row<'_>| row.label.iter().map(|(_, word)| (*word).to_owned()).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = table.servers[1].rows.iter().map(labels).collect();
    assert_eq!(
        rows,
        [
            ["required", "default"],
            ["required", "required"],
            ["not-required", "default"],
            ["not-required", "required"]
        ]
    );
    assert!(table.rows().all(|row| row.cells.iter().all(Option::is_some)));
    assert_eq!(table.cases().count(), results.cases.len());
}

#[test]
fn a_fault_is_noticed_or_not() {
    let words = [("defect", "d"), ("setting", "default"), ("software", "a")];
    let mut one = case("faults", &words, None, &refused());
    assert!(has_fault(&one));
    assert_eq!(Fault::of(&one), Fault::Unknown);
    one.checks.insert(NOTICED.to_owned(), 1);
    assert_eq!(Fault::of(&one), Fault::Noticed);
    one.findings.push(model::Finding {
        rule: NOTICED.to_owned(),
        level: model::CheckLevel::Must,
        subject: model::Subject::Client,
        at: None,
        expected: String::new(),
        got: String::new(),
        cites: vec![],
    });
    assert_eq!(Fault::of(&one), Fault::Missed);
    one.verdict = Verdict::Unsupported;
    assert_eq!(Fault::of(&one), Fault::Unsupported);
    one.software = Some(SoftwareResult {
        id: "a".to_owned(),
        setting: model::software::Setting::Default,
        did: vec![],
        done: true,
        ended: Ended::ByItself,
        means: None,
        note: None,
        printed: String::new(),
    });
    assert_eq!(Fault::of(&one), Fault::Nothing);
}

#[test]
fn how_a_client_fared() {
    let said = |outcome: &Outcome| fared(outcome);
    let words = |one: &str, other: &str| (one.to_owned(), other.to_owned());
    assert_eq!(said(&signed(GMAC)), words("signed", "3.1.1 aes-128-gmac"));
    assert_eq!(said(&unsigned()), words("unsigned, as user", "3.1.1"));
    assert_eq!(
        said(&Outcome { identity: Some(As::Guest), ..unsigned() }),
        words("unsigned, as guest", "3.1.1")
    );
    assert_eq!(said(&Outcome::refused(By::Client, Why::Left, None)), words("gave up", "by the client"));
    assert_eq!(said(&refused()), words("refused: invalid signature", "by the client"));
}
