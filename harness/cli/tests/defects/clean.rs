//! What the faulty evidence is made of, and that it trips nothing as it is.

use crate::support::exchange::Exchange;
use crate::support::{Bench, PATIENT, Recorded, cause};
use judge::{Judged, View};
use model::{PlannedCase, Verdict};
use std::collections::BTreeSet;

/// An exchange with a real server that conforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clean {
    /// SMB 2.1, and the client requires signing.
    Required21,
    /// SMB 2.1, and nobody does.
    Free21,
    /// SMB 2.1, and the server does.
    Server21,
    /// SMB 3.0 with VALIDATE_NEGOTIATE, and the client requires signing.
    Required30,
    /// SMB 3.0 with VALIDATE_NEGOTIATE, and nobody does.
    Free30,
    /// SMB 3.1.1, and the client requires signing.
    Required311,
    /// SMB 3.1.1, and nobody does.
    Free311,
    /// SMB 3.1.1 without SMB2_SIGNING_CAPABILITIES.
    NoOffer,
    /// SMB 3.1.1 with an id in the offer that no algorithm has.
    OddOffer,
    /// SMB 3.0, and nobody logs on.
    Anonymous,
    /// SMB 2.1, and a user that the server does not know.
    WrongUser,
    /// The other commands at SMB 2.0.2, and the client requires signing.
    Commands202,
    /// The other commands at SMB 3.0, and the client requires signing. Some of its messages take several packets.
    Commands30,
    /// Compounds at SMB 3.1.1, and the client requires signing.
    Compounds311,
}

impl Clean {
    /// Those whose every message is a packet of its own.
    pub(crate) const ALL: [Self; 13] = [
        Self::Required21,
        Self::Free21,
        Self::Server21,
        Self::Required30,
        Self::Free30,
        Self::Required311,
        Self::Free311,
        Self::NoOffer,
        Self::OddOffer,
        Self::Anonymous,
        Self::WrongUser,
        Self::Commands202,
        Self::Compounds311,
    ];

    fn case(self, bench: &Bench) -> PlannedCase {
        let policy = |client, server, dialect| {
            bench.case("smb2-policy", &format!("client={client},server.signing={server},dialect={dialect}"))
        };
        match self {
            Self::Required21 => policy("required", "not-required", "2.1"),
            Self::Free21 => policy("not-required", "not-required", "2.1"),
            Self::Server21 => policy("not-required", "required", "2.1"),
            Self::Required30 => policy("required", "not-required", "3.0"),
            Self::Free30 => policy("not-required", "not-required", "3.0"),
            Self::Required311 => policy("required", "not-required", "3.1.1"),
            Self::Free311 => policy("not-required", "not-required", "3.1.1"),
            Self::NoOffer => bench.case("smb2-algorithms", "offer=none"),
            Self::OddOffer => bench.case("smb2-algorithms", "offer=unknown-cmac"),
            Self::Anonymous => {
                bench.case("smb2-anonymous", "client=not-required,server.signing=not-required,dialect=3.0")
            }
            Self::WrongUser => bench.case(
                "smb2-guest",
                "client=not-required,client.guest=allowed,server.guest=never,login=unknown-user,dialect=2.1",
            ),
            Self::Commands202 => bench.case("smb2-commands", "client=required,dialect=2.0.2"),
            Self::Commands30 => bench.case("smb2-commands", "client=required,dialect=3.0"),
            Self::Compounds311 => bench.case("smb2-compounds", "client=required,dialect=3.1.1"),
        }
    }

    pub(crate) async fn record(self, bench: &Bench) -> Recorded {
        let case = self.case(bench);
        let server = bench.server(&case).await;
        let recorded = bench.record(&case, &bench.endpoint(server.address, Some(&server)), PATIENT).await;
        server.stop().await;
        recorded
    }

    pub(crate) async fn exchange(self, bench: &Bench) -> Exchange {
        Exchange::of(&self.record(bench).await.read())
    }
}

pub(crate) fn conforms(name: &str, judged: &Judged) {
    assert_eq!(judged.verdict, Verdict::Conforms, "{name}: {}", cause(judged));
    assert_eq!(judged.findings, [], "{name}");
    assert_eq!(judged.why, None, "{name}");
}

pub(crate) fn rules(judged: &Judged) -> BTreeSet<&str> {
    judged.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_evidence_trips_nothing_and_neither_does_the_same_written_again() {
    let bench = Bench::new().await;
    for clean in Clean::ALL {
        let recorded = clean.record(&bench).await;
        let judged = recorded.judged();
        conforms(&format!("{clean:?}"), &judged);
        let mut exchange = Exchange::of(&recorded.read());
        let before = exchange.messages.clone();
        if !matches!(clean, Clean::WrongUser | Clean::Anonymous) {
            // The key that the defects sign with is the one the judge verifies with.
            let evidence = recorded.read();
            let view = View::new(&evidence);
            let session = view.connections()[0].sessions.values().next().unwrap();
            let (message, key) = (&before[0].bytes, session.key().unwrap());
            assert_eq!(exchange.key().unwrap().signature(message), key.signature(message));
            exchange.sign_all();
        }
        assert!(exchange.messages == before, "{clean:?}");
        let again = exchange.write(&bench).judged();
        assert_eq!(again, judged, "{clean:?}");
    }
}
