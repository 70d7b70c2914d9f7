//! Guest sessions, which no real server here grants: they are made of a session of a user.

use crate::clean::{Clean, conforms, rules};
use crate::faulty::{establishes, flagged};
use crate::support::Bench;
use crate::support::exchange::Exchange;
use model::outcome::{Kind, Why};
use model::{GuestMapping, GuestPolicy, Login, Verdict};
use smb::wire::{Command, SessionFlags};
use std::collections::BTreeSet;

/// A guest session, made of one in which nobody requires signing.
fn guest(mut exchange: Exchange) -> Exchange {
    exchange.case.client.guest = GuestPolicy::Allowed;
    exchange.case.server.guest = GuestMapping::BadUser;
    exchange.case.login = Login::UnknownUser;
    let at = establishes(&mut exchange, SessionFlags::IS_GUEST);
    exchange.unsign(at);
    exchange
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_session_conforms_where_it_is_predicted_and_must_not_be_signed() {
    let bench = Bench::new().await;
    let exchange = guest(Clean::Free21.exchange(&bench).await);
    let judged = exchange.write(&bench).judged();
    conforms("guest", &judged);
    assert_eq!(judged.outcome.unwrap().kind, Kind::NotSigned);

    let mut signed = exchange.clone();
    let at = signed.response(Command::ECHO);
    flagged(&mut signed, at);
    let judged = signed.write(&bench).judged();
    assert_eq!(judged.verdict, Verdict::Deviates);
    assert_eq!(rules(&judged), BTreeSet::from(["signing/unsigned-response"]));
    assert_eq!(judged.findings[0].at.unwrap().frame, Exchange::frame(at));

    let requiring = guest(Clean::Required21.exchange(&bench).await);
    for (exchange, policy) in [
        (&requiring, GuestPolicy::Allowed),
        (&exchange, GuestPolicy::Blocked),
        (&requiring, GuestPolicy::Blocked),
    ] {
        let mut refused = exchange.clone();
        refused.case.client.guest = policy;
        let judged = refused.write(&bench).judged();
        conforms("a client that takes no guest session", &judged);
        assert_eq!(judged.outcome.unwrap().why, Some(Why::GuestBlocked));
    }
}

/// Who has nothing to sign with leaves FSCTL_VALIDATE_NEGOTIATE_INFO out; who has, does not.
#[tokio::test(flavor = "multi_thread")]
async fn the_validation_is_missed_only_where_the_client_could_sign_it() {
    let bench = Bench::new().await;
    let without = |mut exchange: Exchange| {
        exchange.remove(exchange.response(Command::IOCTL));
        exchange.remove(exchange.request(Command::IOCTL));
        exchange
    };
    let free = Clean::Free30.exchange(&bench).await;

    let judged = without(free.clone()).write(&bench).judged();
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert!(judged.why.unwrap().contains("(validate-negotiate) was not sent"));

    let mut mapped = without(guest(free));
    mapped.case.login = Login::User;
    let judged = mapped.write(&bench).judged();
    assert_eq!(rules(&judged), BTreeSet::from(["policy/outcome"]));
    assert_eq!(judged.why, None);
    mapped.case.login = Login::UnknownUser;
    conforms("a guest who is meant to be one", &mapped.write(&bench).judged());
}
