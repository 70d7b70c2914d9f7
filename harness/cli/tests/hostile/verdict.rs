//! What is to be said of a server that breaks something.

use crate::support::{Recorded, cause};
use judge::Judged;
use model::{CheckLevel, Verdict};

/// What is to be said of a server, and words that its cause must hold.
#[derive(Clone, Copy)]
pub(crate) enum Expected<'w> {
    Deviates(&'w [&'w str]),
    Inconclusive(&'w [&'w str]),
    /// It depends on when the bytes and the end of the connection meet.
    Either(&'w [&'w str]),
}

/// What holds of every verdict on a server that breaks something.
pub(crate) fn check(name: &str, recorded: &Recorded, judged: &Judged) {
    let cause = cause(judged);
    assert_ne!(judged.verdict, Verdict::Conforms, "{name} conforms");
    assert!(!cause.is_empty(), "{name}: {:?} without a cause", judged.verdict);
    match judged.verdict {
        // Something that the server did, not only what it left undone.
        Verdict::Deviates => {
            assert!(
                judged.findings.iter().any(|finding| finding.level >= CheckLevel::Should),
                "{name}: {cause}"
            );
            assert!(
                judged.findings.iter().any(|finding| finding.at.is_some())
                    || judged.outcome.as_ref().is_some_and(|outcome| outcome.why.is_some()),
                "{name}: {cause}"
            );
            assert!(!recorded.read().connections.is_empty());
        }
        Verdict::Inconclusive => assert!(judged.why.is_some(), "{name}: {cause}"),
        other => panic!("{name}: {other:?}"),
    }
    assert_eq!(recorded.read().problems, [], "{name}: the evidence is not whole");
}

pub(crate) fn matches(name: &str, judged: &Judged, expected: Expected<'_>) {
    let (verdict, words) = match expected {
        Expected::Deviates(words) => (Verdict::Deviates, words),
        Expected::Inconclusive(words) => (Verdict::Inconclusive, words),
        Expected::Either(words) => (judged.verdict, words),
    };
    let cause = cause(judged);
    assert_eq!(judged.verdict, verdict, "{name}: {cause}");
    for word in words {
        assert!(cause.contains(word), "{name}: no `{word}` in: {cause}");
    }
}
