//! Servers that break every rule of SMB1 there is, each against cases of every kind: no verdict ever says that they
//! conform, none hangs, none panics, and what is said of them names its cause.

use crate::cases::cases;
use crate::server::endpoint;
use crate::support::net::{Peer, listen};
use crate::support::{Bench, SHORT};
use crate::verdict::{Expected, check, matches};
use evidence::Direction;
use futures_util::future::join_all;
use model::PlannedCase;
use model::scenario::Expect;

const NOT_SMB: &[&str] = &["smb1/well-formed", "in frame 5", "not-smb"];

/// One test per behaviour.
macro_rules! hostile {
    ($($(#[$meta:meta])* $name:ident: $expected:expr, $peer:pat => $serve:block)+) => {$(
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $crate::hostile::against($expected, |$peer: $crate::support::net::Peer| async move $serve).await;
        }
    )+};
}

mod answers;
mod connection;
mod floods;
mod garbage;
mod good;
mod handshake;
mod replies;

/// Cases of both generations and kinds of logon, with and without signing, and such as rest on their steps alone. All at
/// servers that offer signing and do not require it, which is what the servers here say.
fn all_kinds() -> Vec<PlannedCase> {
    let policy = cases("smb1-policy", "server.signing=enabled");
    let signing = cases("smb1-signing", "server.signing=enabled");
    let tamper = cases("smb1-tamper", "server.signing=enabled,client=required,deviation=later-signature");
    let raw = cases("smb1-read-raw", "server.signing=enabled,client=enabled");
    assert_eq!((policy.len(), signing.len(), tamper.len(), raw.len()), (12, 2, 2, 1));
    [policy, signing, tamper, raw].concat()
}

async fn against<F, S>(expected: Expected<'_>, serve: S)
where
    S: Fn(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let bench = Bench::new().await;
    let server = listen(serve).await;
    let endpoint = endpoint(&server);
    let cases = all_kinds();
    let ends = join_all(cases.iter().map(|case| bench.record(case, &endpoint, SHORT))).await;
    for (case, recorded) in cases.iter().zip(ends) {
        let judged = recorded.judged();
        check(case.id.as_str(), &recorded, &judged);
        // Of what rests on its steps no outcome is predicted: a server that lets nobody in leaves it unknown.
        if case.expect == Expect::Policy {
            matches(case.id.as_str(), &judged, expected);
        }
        // Bounded in what is kept: the limit, and what one read may bring beyond it.
        assert!(recorded.recorder.sent(0, Direction::ToClient) <= SHORT.received + (64 << 10), "{}", case.id);
    }
}
