//! What a client that people run says of its work, beside what was recorded.

use crate::RuleInfo;
use crate::view::View;
use evidence::{Direction, Evidence, Sidecar};
use model::plan::Interposed;
use model::scenario::Expect;
use model::software::{Did, Ended, Means, Said};
use model::{CheckLevel, Dialect, Finding, Outcome, SigningOffer, Subject};
use smb::wire::DialectRevision;

/// The rule that holds what the client says against what it should have come to.
pub(crate) const SAYS: RuleInfo = RuleInfo {
    id: "client/says",
    title: "A client does its work where it is let in, and tells the person where it is not",
    level: CheckLevel::Must,
    cites: &["MS-SMB2 3.2.5.3", "MS-SMB2 3.2.5.5"],
};

/// The rule that wants a client to notice what a faulty server, or somebody on the wire, does.
pub(crate) const NOTICED: RuleInfo = RuleInfo {
    id: "client/noticed",
    title: "A client that verifies does not go on where what it is sent is not what the server signed, or not what was agreed on",
    level: CheckLevel::Must,
    cites: &["MS-SMB2 3.2.5.1.3", "MS-SMB2 3.2.5.2", "MS-SMB2 3.2.5.3.1", "MS-SMB2 3.2.5.14.12"],
};

/// Why the case cannot be judged as one of this client, or what kind of case it is instead.
pub(crate) enum Trouble {
    /// It cannot do what it was set to, and says so.
    Unsupported(String),
    /// It never said anything.
    Unknown(String),
}

/// Whether the client did what the case is about.
pub(crate) fn trouble(evidence: &Evidence) -> Option<Trouble> {
    let sidecar = &evidence.sidecar;
    let software = sidecar.case.software.as_ref()?;
    let Some(said) = &sidecar.said else {
        let why = sidecar.problem.clone().unwrap_or_else(|| "the client was not driven".to_owned());
        return Some(Trouble::Unknown(why));
    };
    let meaning = said.meaning(&software.says).filter(|says| says.means == Means::Unsupported)?;
    let why = format!("the client says that it cannot do this: `{}`", meaning.text);
    // Who cannot do what it was set to says so before a server has said anything: what comes then is another failure.
    let mut chunks = evidence.connections.iter().flat_map(|connection| &connection.chunks);
    let answered = chunks.any(|chunk| chunk.direction == Direction::ToClient);
    (!said.did_all() && !answered && evidence.problems.is_empty()).then_some(Trouble::Unsupported(why))
}

/// What the client offers and its folder does not say: then the prediction is of another client.
pub(crate) fn undeclared(view: &View<'_>) -> Option<String> {
    let case = view.plan().filter(|case| case.interposed.is_none())?;
    let software = case.software.as_ref()?;
    let declared = &case.client;
    let offers = view.connections().iter().filter_map(|connection| connection.negotiated.as_ref());
    // Of an SMB_COM_NEGOTIATE only the strings are known, which mean more than one dialect.
    for negotiated in offers.filter(|negotiated| negotiated.request.is_some()) {
        let dialects = negotiated.offered_dialects.iter().filter_map(|it| it.to_dialect());
        let more: Vec<&str> =
            dialects.filter(|it| !declared.dialects.contains(it)).map(Dialect::word).collect();
        let offered = negotiated.offered_algorithms.clone().map_or(SigningOffer::None, SigningOffer::Ids);
        let newest = negotiated.offered_dialects.contains(&DialectRevision::SMB_3_1_1);
        if more.is_empty() && (!newest || offered == declared.algorithms) {
            continue;
        }
        let what = match more.as_slice() {
            [] => "another SMB2_SIGNING_CAPABILITIES".to_owned(),
            more => format!("also {}", more.join(", ")),
        };
        return Some(format!(
            "the client offers {what} than [offers] of containers/clients/{}/client.toml says: what was predicted is about \
             another client; mend the file",
            software.id
        ));
    }
    None
}

/// What is wrong with what the client says, and by which rule that was looked at.
pub(crate) fn evaluate(
    view: &View<'_>,
    sidecar: &Sidecar,
    predicted: Option<&Outcome>,
) -> Option<(&'static str, Option<Finding>)> {
    let said = sidecar.said.as_ref()?;
    let case = &sidecar.case;
    let done = said.is_done();
    if case.expect == Expect::Noticed {
        let what = match &case.interposed {
            Some(Interposed::Attack(name) | Interposed::Defect(name) | Interposed::Repair(name)) => {
                name.as_str()
            }
            Some(Interposed::Client(_)) | None => return None,
        };
        if !said.did_all() && said.ended == Ended::TimedOut {
            // It did not go on, and did not say so: nobody in front of it knows that somebody is there.
            let finding = Finding {
                rule: SAYS.id.to_owned(),
                level: case.level,
                subject: Subject::Client,
                at: None,
                expected: format!("`{what}` is noticed, and the person is told"),
                got: summary(said),
                cites: cites(&SAYS, view),
            };
            return Some((SAYS.id, Some(finding)));
        }
        let finding = said.did_all().then(|| Finding {
            rule: NOTICED.id.to_owned(),
            level: case.level,
            subject: Subject::Client,
            at: None,
            expected: format!("`{what}` is noticed"),
            got: "the client did everything, as if nothing had happened".to_owned(),
            cites: cites(&NOTICED, view),
        });
        return Some((NOTICED.id, finding));
    }
    let welcome = predicted?.why.is_none();
    let finding = (done != welcome).then(|| Finding {
        rule: SAYS.id.to_owned(),
        level: SAYS.level,
        subject: Subject::Client,
        at: None,
        expected: match welcome {
            true => "it mounts the share, writes, reads back and deletes".to_owned(),
            false => "it does not do its work, and says why".to_owned(),
        },
        got: summary(said),
        cites: cites(&SAYS, view),
    });
    Some((SAYS.id, finding))
}

/// How far it got, in one line.
fn summary(said: &Said) -> String {
    let did: Vec<&str> = said.did().iter().map(|did: &Did| did.word()).collect();
    let did = if did.is_empty() { "nothing".to_owned() } else { did.join(", ") };
    let end = match said.ended {
        Ended::ByItself if said.success => "and ended well",
        Ended::ByItself => "and ended with an error",
        Ended::TimedOut => "and had to be ended: it took too long",
        Ended::Crashed => "and crashed",
    };
    format!("did {did}, {end}")
}

fn cites(rule: &RuleInfo, view: &View<'_>) -> Vec<String> {
    let mut all: Vec<String> = rule.cites.iter().map(|cite| (*cite).to_owned()).collect();
    let planned = view.plan().map(|case| case.cites.as_slice()).unwrap_or_default();
    all.extend(planned.iter().filter(|cite| !rule.cites.contains(&cite.as_str())).cloned());
    all
}
