//! Servers that do one thing wrong, each against cases of every kind.

use crate::support::net::{Peer, listen};
use crate::support::{Bench, SHORT};
use crate::verdict::{Expected, check, matches};
use evidence::Direction;
use futures_util::future::join_all;
use model::PlannedCase;

const NOT_SMB: &[&str] = &["wire/well-formed", "in frame 5", "not-smb"];

/// One test per behaviour.
macro_rules! hostile {
    ($($(#[$meta:meta])* $name:ident: $expected:expr, $peer:pat => $serve:block)+) => {$(
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $crate::behaviours::against($expected, |$peer: $crate::support::net::Peer| async move $serve).await;
        }
    )+};
}

mod answers;
mod connection;
mod floods;
mod garbage;
mod handshake;

/// Cases of every dialect, with and without signing, with and without a user.
fn cases(bench: &Bench) -> Vec<PlannedCase> {
    let policy = bench.cases("smb2-policy", "server.signing=not-required");
    let anonymous = bench.cases("smb2-anonymous", "client=not-required,server.signing=not-required");
    let offers = ["none", "gmac-cmac", "unknown-gmac-unknown-cmac-hmac"];
    let offers = offers.map(|offer| bench.case("smb2-algorithms", &format!("offer={offer}")));
    assert_eq!((policy.len(), anonymous.len()), (10, 5));
    policy.into_iter().chain(anonymous).chain(offers).collect()
}

async fn against<F, S>(expected: Expected<'_>, serve: S)
where
    S: Fn(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let bench = Bench::new().await;
    let server = listen(serve).await;
    let endpoint = bench.endpoint(server.address, None);
    let cases = cases(&bench);
    let ends = join_all(cases.iter().map(|case| bench.record(case, &endpoint, SHORT))).await;
    for (case, recorded) in cases.iter().zip(ends) {
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        matches(case.id.as_str(), &judged, expected);
        // Bounded in what is kept: the limit, and what one read may bring beyond it.
        assert!(recorded.recorder.sent(0, Direction::ToClient) <= SHORT.received + (64 << 10), "{}", case.id);
    }
}
