//! Where a client that people run met something else than the probe did: one of the two is wrong.
//!
//! Only what should be the same is compared: the same server, set to the same, a client that requires signing as the other one
//! does, the same logon and the same dialect. The range of dialects that a server is set to decides which one is negotiated
//! and nothing else, so it is the negotiated one that counts.

use super::client;
use crate::outcomes::State;
use crate::text::count;
use model::outcome::Kind;
use model::{Algorithm, CaseResult, Dialect, Outcome, Results, ServerPolicy, Signing};
use std::collections::BTreeMap;

/// The axes that a comparable case of the probe may have: any other is something that a client did not do.
const COMPARABLE: [&str; 9] = [
    "client",
    "client.guest",
    "server.signing",
    "server.guest",
    "server.dialects",
    "dialect",
    "algorithm",
    "login",
    "generation",
];
/// What somebody logs on with where no axis says so.
const ACCOUNT: &str = "user";

/// A case and its place in the results.
type Placed<'a> = (usize, &'a CaseResult);

/// A case of a client, and one of the probe that went otherwise.
#[derive(Debug)]
pub(crate) struct Disagreement<'a> {
    pub(crate) client: Placed<'a>,
    pub(crate) probe: Placed<'a>,
}

/// What came of comparing them all.
#[derive(Debug, Default)]
pub(crate) struct Comparison<'a> {
    /// How many cases of clients went as one of the probe's did.
    pub(crate) agree: usize,
    pub(crate) disagree: Vec<Disagreement<'a>>,
}

impl Comparison<'_> {
    /// How many there are, and how they went.
    pub(crate) fn said(&self) -> String {
        let disagree = self.disagree.len();
        match (self.agree, disagree) {
            (0, 0) => "no case of a client has a counterpart of the probe in this run.".to_owned(),
            (1, 0) => "the one comparison agrees.".to_owned(),
            (agree, 0) => format!("all {} agree.", count(agree, "comparison")),
            (agree, _) => {
                let all = count(agree + disagree, "comparison");
                let verb = if disagree == 1 { "disagrees" } else { "disagree" };
                format!("{disagree} of {all} {verb}: in each, one of the two is wrong.")
            }
        }
    }
}

/// A disagreement in one line.
pub(crate) fn disagreement(pair: &Disagreement<'_>) -> String {
    let went = |case: &CaseResult| case.outcome.as_ref().map(Outcome::line).unwrap_or_default();
    let (client, probe) = (pair.client.1, pair.probe.1);
    format!("{}: {}, but {}: {}", client.id, went(client), probe.id, went(probe))
}

/// What has to be the same: the target, what the server is set to, the logon, and the dialect.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a> {
    target: &'a str,
    signing: &'a str,
    guest: &'a str,
    login: &'a str,
    dialect: Dialect,
}

impl<'a> Key<'a> {
    /// The key of a case whose dialect is known.
    fn of(case: &'a CaseResult) -> Option<Self> {
        let default = ServerPolicy::default();
        let axis = |name: &str, default: &'static str| case.axes.get(name).map_or(default, String::as_str);
        let negotiated = case.outcome.as_ref().and_then(|outcome| outcome.dialect);
        Some(Self {
            target: &case.target,
            signing: axis("server.signing", default.signing.word()),
            guest: axis("server.guest", default.guest.word()),
            login: axis("login", ACCOUNT),
            // The probe offers one dialect, so it is that even where the case ended before its answer.
            dialect: negotiated.or_else(|| case.axes.get("dialect")?.parse().ok())?,
        })
    }
}

/// Compares every case of a client with what the probe met in its place. A client agrees where it went as any of the probe's
/// cases did: what these vary besides, such as whether it takes guests, is not known of a client.
pub(crate) fn compare(results: &Results) -> Comparison<'_> {
    let judged = |case: &CaseResult| {
        case.predicted.is_some()
            && case.outcome.is_some()
            && matches!(State::of(case), State::Conforms | State::Known | State::Deviates)
    };
    let (clients, probes): (Vec<Placed<'_>>, Vec<Placed<'_>>) = results
        .cases
        .iter()
        .enumerate()
        .filter(|(_, case)| judged(case))
        .partition(|(_, case)| client(case).is_some());
    let mut known: BTreeMap<Key<'_>, Vec<Placed<'_>>> = BTreeMap::new();
    for (index, case) in probes.into_iter().filter(|(_, case)| is_comparable(case)) {
        if let Some(key) = Key::of(case) {
            known.entry(key).or_default().push((index, case));
        }
    }
    let mut all = Comparison::default();
    for (index, case) in clients.into_iter().filter(|(_, case)| !super::has_fault(case)) {
        let there = Key::of(case).and_then(|key| known.get(&key)).into_iter().flatten();
        let mut there = there.filter(|(_, probe)| is_alike(case, probe)).peekable();
        let Some(first) = there.peek().copied() else { continue };
        if there.any(|(_, probe)| is_same(case, probe)) {
            all.agree += 1;
        } else {
            all.disagree.push(Disagreement { client: (index, case), probe: *first });
        }
    }
    all
}

/// Whether a case of the probe does what a client could do as well.
fn is_comparable(case: &CaseResult) -> bool {
    let own = |axis: &String| COMPARABLE.contains(&axis.as_str());
    case.axes.keys().all(own) && case.axes.contains_key("client")
}

/// Whether both clients require signing or neither does, and the probe could come to the algorithm of the other.
fn is_alike(case: &CaseResult, probe: &CaseResult) -> bool {
    let signs = match probe.axes.get("client").and_then(|word| word.parse().ok()) {
        Some(Signing::Required) => true,
        Some(Signing::NotRequired | Signing::Enabled) => false,
        // Nothing sets a client that people run so that it never signs.
        Some(Signing::Disabled) | None => return false,
    };
    let own = case.outcome.as_ref().and_then(|outcome| outcome.algorithm);
    let forced: Option<Algorithm> = probe.axes.get("algorithm").and_then(|word| word.parse().ok());
    let algorithm = own.is_none() || forced.is_none() || own == forced;
    algorithm && requires(case).is_none_or(|own| own == signs)
}

/// Whether a client requires signing; nothing where it does not follow from what it is set to.
fn requires(case: &CaseResult) -> Option<bool> {
    match case.axes.get("setting").map(String::as_str) {
        Some("required") => Some(true),
        Some("not-required") => Some(false),
        // As it comes: the prediction knows, wherever the server leaves it to the client.
        _ if case.axes.get("server.signing").is_some_and(|it| it == Signing::Required.word()) => None,
        _ => match case.predicted.as_ref()?.kind {
            Kind::Signed => Some(true),
            Kind::NotSigned => Some(false),
            _ => None,
        },
    }
}

/// Whether both went the same way, and came to the same algorithm where there is one to compare.
fn is_same(case: &CaseResult, probe: &CaseResult) -> bool {
    let (Some(own), Some(other)) = (&case.outcome, &probe.outcome) else { return false };
    if own.kind != other.kind {
        return false;
    }
    // Where a dialect has several, which one it is follows from what was offered, and that is the same only where the probe
    // offered this one.
    let single = own.dialect.is_some_and(|dialect| dialect.algorithms().len() == 1);
    let settled = single || probe.axes.contains_key("algorithm");
    !(matches!(own.kind, Kind::Signed | Kind::Mixed) && settled) || own.algorithm == other.algorithm
}
