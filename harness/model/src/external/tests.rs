use super::*;
use crate::discovery::Capability;
use crate::plan::expand;
use crate::scenario::Scenario;

const SCENARIO: &str = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.4\"]\nexpect = \"policy\"\n[axes]\n\
    dialect = [\"2.1\", \"3.1.1\"]\nalgorithm = \"each\"\n\
    \"server.signing\" = [\"required\", \"not-required\"]\n[[step]]\ndo = \"session-setup\"\n\
    [[step]]\ndo = \"tree-connect\"\nshare = \"share\"\n[[step]]\ndo = \"create\"\n";

fn cases(file: &ExternalFile) -> Vec<PlannedCase> {
    let shares = Shares { share: "data".to_owned(), guest: "data".to_owned() };
    let target = file.target("nas", shares, false);
    expand(&[Scenario::parse("s", "s.toml", SCENARIO).unwrap()], &[target])
}

fn seen(facts: &[(&str, Option<&str>, &str)]) -> Discovery {
    let capability = |&(id, claimed, observed): &(&str, Option<&str>, &str)| Capability {
        id: id.to_owned(),
        claimed: claimed.map(str::to_owned),
        observed: Some(observed.to_owned()),
        why: None,
        at: None,
    };
    Discovery { capabilities: facts.iter().map(capability).collect(), ..Discovery::default() }
}

fn fits(facts: &[(&str, Option<&str>, &str)]) -> Vec<(String, Fit)> {
    let all = cases(&ExternalFile::default());
    all.iter().map(|case| (case.id.to_string(), fit(case, &seen(facts)))).collect()
}

#[test]
fn only_what_the_server_is_set_to_runs_and_the_rest_says_how() {
    let all = fits(&[
        ("dialect/3.1.1", None, "yes"),
        ("dialect/2.1", None, "no"),
        ("signing/aes-128-cmac", None, "yes"),
        ("signing/aes-128-gmac", None, "no"),
        ("security-mode/smb2", None, "not-required"),
    ]);
    for (id, fit) in &all {
        match fit {
            Fit::Waits(why) => {
                assert!(id.contains("server.signing=required") && !id.contains("gmac"), "{id}");
                assert!(why.contains("--step signing=required"), "{why}");
            }
            Fit::Unsupported(why) if id.contains("dialect=2.1") => assert!(why.contains("2.1"), "{why}"),
            Fit::Unsupported(_) => assert!(id.contains("gmac"), "{id}"),
            Fit::Runs(case) => {
                assert!(id.contains("cmac") || id.contains("hmac"), "{id}");
                assert_eq!(case.negotiates, [Algorithm::Aes128Cmac]);
            }
        }
    }
    assert!(all.iter().any(|(_, fit)| matches!(fit, Fit::Runs(_))));
}

#[test]
fn what_is_claimed_is_never_unsupported() {
    let all = fits(&[
        ("dialect/3.1.1", None, "yes"),
        ("dialect/2.1", Some("yes"), "no"),
        ("signing/aes-128-gmac", Some("yes"), "no"),
        ("security-mode/smb2", None, "required"),
    ]);
    assert!(all.iter().all(|(_, fit)| !matches!(fit, Fit::Unsupported(_))));
}

#[test]
fn what_the_operator_does_not_allow_is_unsupported_before_anything_runs() {
    let case = &cases(&ExternalFile::default())[0];
    let mut allowed = PlannedExternal {
        address: "nas".to_owned(),
        step: BTreeMap::new(),
        read_only: false,
        failed_logons: false,
    };
    assert_eq!(not_allowed(case, &allowed, false), None);
    let wrong = PlannedCase { login: Login::WrongPassword, ..case.clone() };
    assert!(not_allowed(&wrong, &allowed, false).unwrap().contains("--allow-failed-logons"));
    allowed.failed_logons = true;
    assert_eq!(not_allowed(&wrong, &allowed, false), None);
    allowed.read_only = true;
    assert!(not_allowed(case, &allowed, false).unwrap().contains("--read-only"));
}

#[test]
fn a_step_that_was_not_taken_is_noticed() {
    let step = |axis: &str, word: &str| BTreeMap::from([(axis.to_owned(), word.to_owned())]);
    let now = seen(&[("security-mode/smb2", None, "not-required"), ("security-mode/smb1", None, "enabled")]);
    assert_eq!(not_set(&step("signing", "not-required"), &now), None);
    assert_eq!(not_set(&step("signing", "enabled"), &now), None);
    let why = not_set(&step("signing", "required"), &now).unwrap();
    assert_eq!(why, "signing is to be required, and it is not-required");
    let case = &cases(&ExternalFile::default())[0];
    assert!(is_of_step(case, &step("signing", "required")).unwrap());
    assert!(!is_of_step(case, &step("signing", "not-required")).unwrap());
    assert!(is_of_step(case, &step("signing", "loud")).is_err());
    assert!(is_of_step(case, &step("colour", "red")).unwrap_err().contains("colour"));
}

#[test]
fn a_target_file_says_what_it_may() {
    let text = "id = \"nas-7\"\naddress = \"nas.example\"\n[claims]\ndialects = \"2.1..3.1.1\"\n\
        signing-capabilities = [\"aes-128-cmac\"]\n[[unsupported]]\nwhen = { scenario = \"smb2-oplocks\" }\nwhy = \"none\"\n";
    let file = ExternalFile::parse(text).unwrap();
    let shares = Shares { share: "s".to_owned(), guest: "s".to_owned() };
    let target = file.target("x", shares, false);
    assert_eq!(target.id, "nas-7");
    assert_eq!(target.claims["dialect/2.0.2"], "no");
    for (text, says) in [("adress = \"x\"\n", "line 1"), ("id = \"1.2.3.4:445\"\n", "is not made of")] {
        let message = ExternalFile::parse(text).unwrap_err();
        assert!(message.contains(says), "{message}");
    }
}
