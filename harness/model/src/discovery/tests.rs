use super::*;
use crate::plan::expand;
use crate::scenario::Scenario;

const TARGET: &str = "title = \"t\"\nkind = \"embedded\"\nsigning-capabilities = [\"aes-128-cmac\"]\n\
    [shares]\nshare = \"share\"\nguest = \"guest\"\n\
    [[unsupported]]\nwhen = { algorithm = \"aes-128-gmac\" }\nwhy = \"no GMAC\"\n\
    [[unsupported]]\nwhen = { login = \"anonymous\" }\nwhy = \"nobody is let in\"\n\
    [[unsupported]]\nwhen = { scenario = \"s\", dialect = \"2.1\" }\nwhy = \"not in this one\"\n";
const SCENARIO: &str = "title = \"t\"\ncites = [\"MS-SMB2 3.3.5.4\"]\nexpect = \"policy\"\n[axes]\n\
    dialect = [\"3.0\"]\n\"server.dialects\" = [\"2.0.2..3.1.1\", \"nt1..3.1.1\"]\n\
    \"server.signing\" = [\"required\", \"not-required\"]\n[[step]]\ndo = \"session-setup\"\n";

#[test]
fn the_server_that_speaks_the_most_is_asked() {
    let scenario = Scenario::parse("s", "s.toml", SCENARIO).unwrap();
    let target = Target::parse("t", TARGET, "").unwrap();
    let cases = expand(&[scenario], std::slice::from_ref(&target));
    let planned = plan_discovery(&target, &cases).unwrap();
    assert_eq!(planned.server.as_ref().unwrap().dialects, (Dialect::Nt1, Dialect::Smb311));
    assert!(planned.failed_logons);
    let claim = |topic: Topic| planned.claims.get(&topic.to_string()).map(String::as_str);
    assert_eq!(claim(Topic::Dialect(Dialect::Nt1)), Some("yes"));
    // What is said of one scenario is not said of the dialect.
    assert_eq!(claim(Topic::Dialect(Dialect::Smb21)), Some("yes"));
    assert_eq!(claim(Topic::Signing(Algorithm::Aes128Cmac)), Some("yes"));
    assert_eq!(claim(Topic::Signing(Algorithm::Aes128Gmac)), Some("no"));
    assert_eq!(claim(Topic::Cipher(Cipher::Aes128Gcm)), None);
    assert_eq!(claim(Topic::Logon(Login::Anonymous)), Some("refused"));
    assert_eq!(claim(Topic::Logon(Login::UnknownUser)), Some("refused"));
    assert_eq!(plan_discovery(&target, &[]), None);
}

#[test]
fn what_nobody_states_is_no_claim() {
    assert!(stated(None, None, &[]).is_empty());
    let range = "2.1..3.1.1".parse().unwrap();
    let claims = stated(Some(range), Some(&[Algorithm::Aes128Cmac]), &[]);
    assert_eq!(claims["dialect/2.0.2"], "no");
    assert_eq!(claims["dialect/3.1.1"], "yes");
    assert_eq!(claims["signing/aes-128-gmac"], "no");
    assert!(!claims.contains_key("security-mode/smb2"));
}

#[test]
fn logons_that_must_fail_are_asked_only_where_they_may() {
    assert!(Question::all(true).contains(&Question::Logon(Login::WrongPassword)));
    let careful = Question::all(false);
    assert!(careful.contains(&Question::Logon(Login::User)));
    assert!(!careful.iter().any(|it| matches!(it, Question::Logon(login) if fails(*login))));
}
