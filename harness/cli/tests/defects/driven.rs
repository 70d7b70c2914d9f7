//! What is held against a client that people run: what it says of its work, what it signs, and what it does not notice. The
//! bytes are those of the probe, which stands in for such a client.

use crate::support::exchange::Exchange;
use crate::support::{Bench, PATIENT, Recorded, cause};
use evidence::{Evidence, SessionKey, Sidecar};
use interpose::{Account, Interposer, Mischief, Options};
use judge::Judged;
use model::plan::Interposed;
use model::scenario::Expect;
use model::software::{Ended, Means, PlannedSoftware, Said, Says, Setting};
use model::{PlannedCase, Subject, Verdict};
use probe::{Endpoint, Recording};
use smb::wire::Command;
use std::collections::BTreeSet;

const ALL: &str = "did: mount\ndid: write\ndid: read\ndid: delete\n";

fn driven(case: &PlannedCase) -> PlannedCase {
    let says = vec![
        Says { text: "NO WAY".to_owned(), means: Means::AccessDenied, note: None },
        Says { text: "NO SUCH OPTION".to_owned(), means: Means::Unsupported, note: None },
    ];
    let id = "somebody".to_owned();
    let software = PlannedSoftware { id, setting: Setting::Required, word: String::new(), says };
    PlannedCase { software: Some(software), steps: Vec::new(), ..case.clone() }
}

fn said(printed: &str, success: bool) -> Said {
    Said { printed: printed.to_owned(), success, ended: Ended::ByItself }
}

async fn exchange(bench: &Bench) -> Exchange {
    let case = bench
        .case("smb2-policy", "client=required,server.signing=required,dialect=3.1.1,algorithm=aes-128-cmac");
    let server = bench.server(&case).await;
    let recorded = bench.record(&case, &bench.endpoint(server.address, Some(&server)), PATIENT).await;
    server.stop().await;
    let mut exchange = Exchange::of(&recorded.read());
    exchange.case = driven(&exchange.case);
    exchange
}

fn judged(exchange: &Exchange, bench: &Bench, said: Option<Said>) -> Judged {
    let written = exchange.write(bench);
    let Evidence { sidecar, .. } = written.read();
    let sidecar = Sidecar { said, steps: Vec::new(), ..sidecar };
    bench.write(written.recorder, sidecar).judged()
}

fn rules(judged: &Judged) -> BTreeSet<&str> {
    judged.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_its_work_conforms() {
    let bench = Bench::new().await;
    let judged = judged(&exchange(&bench).await, &bench, Some(said(ALL, true)));
    assert_eq!((judged.verdict, rules(&judged)), (Verdict::Conforms, BTreeSet::new()), "{}", cause(&judged));
    assert_eq!(judged.checks.get("client/says"), Some(&1));
    assert!(judged.checks["client/request-signed"] > 5, "{:?}", judged.checks);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_let_in_and_does_not_do_it_deviates() {
    let bench = Bench::new().await;
    let exchange = exchange(&bench).await;
    let hangs = Said { ended: Ended::TimedOut, ..said("did: mount", false) };
    for said in [said("did: mount\nNO WAY", false), said(ALL, false), said("", true), hangs] {
        let judged = judged(&exchange, &bench, Some(said));
        assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
        assert_eq!(rules(&judged), BTreeSet::from(["client/says"]));
        assert!(judged.findings.iter().all(|finding| finding.subject == Subject::Client));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_says_nothing_or_cannot_is_not_judged() {
    let bench = Bench::new().await;
    let exchange = exchange(&bench).await;
    assert_eq!(judged(&exchange, &bench, None).verdict, Verdict::Inconclusive);
    // A server has answered: it is not what the client was set to that failed.
    let failed = judged(&exchange, &bench, Some(said("NO SUCH OPTION", false)));
    assert_eq!(failed.verdict, Verdict::Deviates, "{}", cause(&failed));
    let mut exchange = exchange;
    exchange.messages.clear();
    let cannot = judged(&exchange, &bench, Some(said("NO SUCH OPTION", false)));
    assert_eq!(cannot.verdict, Verdict::Unsupported, "{}", cause(&cannot));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_signature_is_the_clients() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench).await;
    let at = exchange.request(Command::WRITE);
    exchange.unsign(at);
    let judged = judged(&exchange, &bench, Some(said(ALL, true)));
    assert!(rules(&judged).contains("client/request-signed"), "{}", cause(&judged));
    let finding = judged.findings.iter().find(|finding| finding.rule == "client/request-signed").unwrap();
    assert_eq!(finding.at.map(|at| at.frame), Some(Exchange::frame(at)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_offers_something_else_is_another_client() {
    let bench = Bench::new().await;
    let mut exchange = exchange(&bench).await;
    exchange.case.client.algorithms = model::SigningOffer::None;
    let judged = judged(&exchange, &bench, Some(said(ALL, true)));
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert!(cause(&judged).contains("client.toml"), "{}", cause(&judged));
}

/// The probe through an interposer that makes the server faulty, recorded as a client is that people run.
async fn tampered(bench: &Bench, defect: &str, said: Said) -> Recorded {
    let case = bench
        .case("smb2-policy", "client=required,server.signing=required,dialect=3.1.1,algorithm=aes-128-cmac");
    let server = bench.server(&case).await;
    let endpoint = bench.endpoint(server.address, Some(&server));
    let account = Account {
        user: endpoint.user.clone(),
        domain: endpoint.domain.clone(),
        password: endpoint.password.clone(),
    };
    let known = interpose::defects().iter().find(|known| known.id == defect).unwrap();
    let options = Options {
        mischief: Mischief::Defect(known),
        account: Some(account),
        near: true,
        ..Options::new(server.address)
    };
    let interposer = Interposer::start(options).await.unwrap();
    let near = Endpoint { address: interposer.address, ..endpoint };
    let Recording { .. } = probe::run(&case, &near, PATIENT, 1).await;
    let leg = interposer.finish().await;
    server.stop().await;
    let mut all = leg.near;
    let shift = all.append_leg(1, leg.recorder);
    let mut keys = leg.session_keys.clone();
    keys.extend(
        leg.session_keys.into_iter().map(|key| SessionKey { connection: key.connection + shift, ..key }),
    );
    let mut case = driven(&case);
    case.expect = Expect::Noticed;
    case.interposed = Some(Interposed::Defect(defect.to_owned()));
    let mut sidecar = Sidecar::new(case, "127.0.0.1:445");
    sidecar.session_keys = keys;
    sidecar.said = Some(said);
    bench.write(all, sidecar)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_to_notice() {
    let bench = Bench::new().await;
    let noticed = tampered(&bench, "response-unsigned", said("did: mount\nNO WAY", false)).await.judged();
    assert_eq!(
        (noticed.verdict, rules(&noticed)),
        (Verdict::Conforms, BTreeSet::new()),
        "{}",
        cause(&noticed)
    );
    assert_eq!(noticed.checks.get("client/noticed"), Some(&1));
    // One that stumbles at its farewell has noticed nothing before; one that hangs tells nobody.
    let late = tampered(&bench, "response-unsigned", said(ALL, false)).await.judged();
    assert_eq!(rules(&late), BTreeSet::from(["client/noticed"]));
    let hangs = Said { ended: Ended::TimedOut, ..said("did: mount", false) };
    let hangs = tampered(&bench, "response-unsigned", hangs).await.judged();
    assert_eq!((hangs.verdict, rules(&hangs)), (Verdict::Deviates, BTreeSet::from(["client/says"])));
    let unseen = tampered(&bench, "response-unsigned", said(ALL, true)).await.judged();
    assert_eq!(unseen.verdict, Verdict::Deviates, "{}", cause(&unseen));
    assert_eq!(rules(&unseen), BTreeSet::from(["client/noticed"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_was_nothing_to_do_nothing_is_said() {
    let bench = Bench::new().await;
    let nothing = tampered(&bench, "compound-signed-before-next-command", said(ALL, true)).await.judged();
    assert_eq!(nothing.verdict, Verdict::Unsupported, "{}", cause(&nothing));
    let failed =
        tampered(&bench, "compound-signed-before-next-command", said("NO WAY", false)).await.judged();
    assert_eq!(failed.verdict, Verdict::Inconclusive, "{}", cause(&failed));
}
