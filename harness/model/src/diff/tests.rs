use super::*;
use rstest::rstest;

fn case(verdict: Verdict, status: Status, rules: &[&str]) -> CaseState {
    CaseState {
        verdict,
        status,
        outcome: None,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        why: None,
    }
}

fn of(word: &str) -> Option<CaseState> {
    Some(match word {
        "conforms" => case(Verdict::Conforms, Status::Expected, &[]),
        "known" => case(Verdict::Deviates, Status::Expected, &["a/b"]),
        "deviates" => case(Verdict::Deviates, Status::Unexpected, &["a/b"]),
        "deviates-more" => case(Verdict::Deviates, Status::Unexpected, &["a/b", "c/d"]),
        "unsupported" => case(Verdict::Unsupported, Status::Expected, &[]),
        "inconclusive" => case(Verdict::Inconclusive, Status::Unexpected, &[]),
        _ => return None,
    })
}

#[rstest]
#[case("conforms", "deviates", Turn::Worse)]
#[case("conforms", "inconclusive", Turn::Worse)]
#[case("conforms", "unsupported", Turn::Worse)]
#[case("conforms", "gone", Turn::Worse)]
#[case("known", "deviates", Turn::Worse)]
#[case("inconclusive", "deviates", Turn::Worse)]
#[case("deviates", "deviates-more", Turn::Worse)]
#[case("gone", "deviates", Turn::Worse)]
#[case("gone", "inconclusive", Turn::Worse)]
#[case("conforms", "known", Turn::Other)]
#[case("known", "conforms", Turn::Other)]
#[case("gone", "conforms", Turn::Other)]
#[case("inconclusive", "gone", Turn::Other)]
#[case("deviates", "conforms", Turn::Better)]
#[case("deviates", "known", Turn::Better)]
#[case("deviates-more", "deviates", Turn::Better)]
#[case("inconclusive", "conforms", Turn::Better)]
#[case("unsupported", "conforms", Turn::Better)]
fn turns(#[case] old: &str, #[case] new: &str, #[case] expected: Turn) {
    assert_eq!(turn(of(old).as_ref(), of(new).as_ref()), expected);
}

#[test]
fn another_cause_of_not_knowing_is_no_change() {
    let other = CaseState { why: Some("another".to_owned()), ..of("inconclusive").unwrap() };
    assert!(is_same(of("inconclusive").as_ref(), Some(&other)));
    assert!(!is_same(of("conforms").as_ref(), None));
}
