//! Whether it was an attack that ended a connection, or something that would have ended it without one.

use crate::line::{Conversation, Spoken, final_response};
use crate::observe;
use crate::validate;
use crate::view::{Spoken as Generation, View, is_beyond};
use evidence::Evidence;
use model::outcome::By;
use model::{NtStatus, Outcome};
use smb::follow::{Connection, Message, Way};
use smb::wire::{Body, IoctlRequest, NegotiateRequest, SecurityMode, ValidateNegotiateInfoRequest};

/// What the bytes of both sides say of the end.
pub(crate) enum End {
    /// It is about what was done on the way.
    Attack,
    /// What it is about is the same on both sides, so it would have come without an attack, too.
    Otherwise,
    /// There is nothing of the server's side.
    Unknown,
}

/// Looks at a refusal: it is the attack's where it is about a message that one side did not send so, or about one that is
/// wrong only because of such a message, as a signature made with another key is.
pub(crate) fn of(evidence: &Evidence, view: &View<'_>, refused: &Outcome) -> End {
    let Some(alone) = server_side(evidence) else { return End::Unknown };
    let beyond = View::new(&alone);
    let by_client = refused.by == Some(By::Client);
    // What the server sent, as the same client would have taken it with nobody between them.
    if by_client && !observe::observe(&beyond).outcome.is_some_and(|outcome| is_same(&outcome, refused)) {
        return End::Attack;
    }
    // What makes the client end it may be that the server did not take something.
    let status = refused.nt_status.filter(|_| !by_client);
    let has_reason = match (view.spoken(0), view.connections(), view.smb1()) {
        (Generation::Smb2, [near, ..], _) => {
            beyond.connections().first().is_some_and(|beyond| server_has_reason(near, beyond, status))
        }
        // Nothing guards the negotiation there: what the server does not take has to be other bytes.
        (Generation::Smb1, _, [near, ..]) => {
            beyond.smb1().first().is_some_and(|beyond| is_refused_as_done(near, beyond, status))
        }
        _ => false,
    };
    if has_reason { End::Attack } else { End::Otherwise }
}

/// The server's side of the first connection, as if it were all there is. Its sessions are those of the client's side.
fn server_side(evidence: &Evidence) -> Option<Evidence> {
    let mut all = evidence.connections.iter().zip(&evidence.sidecar.recorded.connections);
    let (connection, recorded) = all.find(|(it, _)| is_beyond(it) && it.of.is_none_or(|of| of == 0))?;
    let mut sidecar = evidence.sidecar.clone();
    sidecar.recorded.connections = vec![*recorded];
    let mut connection = connection.clone();
    connection.leg = None;
    connection.of = None;
    Some(Evidence { connections: vec![connection], sidecar, problems: Vec::new() })
}

fn is_same(one: &Outcome, other: &Outcome) -> bool {
    (one.by, one.why, one.nt_status) == (other.by, other.why, other.nt_status)
}

/// Whether what the server did not take was done on the way, or is wrong by what it had been told on the way.
fn server_has_reason(near: &Connection, beyond: &Connection, status: Option<NtStatus>) -> bool {
    is_refused_as_done(near, beyond, status)
        || refused(beyond, status).any(|request| {
            let mut sent = near.messages.iter().filter(|own| own.bytes == request.bytes);
            let misled = match request.signature.is_flagged() {
                // The two sides have different keys.
                true => !request.signature.is_valid() && sent.any(|own| own.signature.is_valid()),
                // Who is not told that signatures are required does not sign.
                false => says_required(beyond) && !says_required(near),
            };
            misled || validates_another(beyond, request)
        })
}

/// Whether a request that the server did not take is not what the client sent, or is there more often.
fn is_refused_as_done<C: Conversation>(near: &C, beyond: &C, status: Option<NtStatus>) -> bool {
    refused(beyond, status).any(|request| {
        let count = |connection: &C| {
            let all = connection.messages().iter();
            all.filter(|other| other.way() == Way::ToServer && other.bytes() == request.bytes()).count()
        };
        count(beyond) > count(near)
    })
}

/// The requests that have no answer, or one that refuses them: this status, or the one for a wrong signature (3.3.5.2.4).
fn refused<C: Conversation>(connection: &C, status: Option<NtStatus>) -> impl Iterator<Item = &C::Message> {
    connection.messages().iter().filter(move |message| {
        let answer = final_response(connection, message).map(Spoken::status);
        message.way() == Way::ToServer
            && match answer {
                Some(answer) => answer == NtStatus::ACCESS_DENIED || Some(answer) == status,
                // CANCEL has none, whatever becomes of it (3.3.5.16).
                None => !message.is_cancel(),
            }
    })
}

fn says_required(connection: &Connection) -> bool {
    connection.negotiated.as_ref().is_some_and(|negotiated| {
        let says = |mode: SecurityMode| mode.contains(SecurityMode::SIGNING_REQUIRED);
        says(negotiated.server_mode) || says(negotiated.client_mode)
    })
}

/// Whether a request is FSCTL_VALIDATE_NEGOTIATE_INFO and says something else than the NEGOTIATE that the server got
/// (3.3.5.15.12).
fn validates_another(beyond: &Connection, request: &Message) -> bool {
    let asked = beyond.negotiated.as_ref().and_then(|negotiated| negotiated.request_body.as_ref());
    let (true, Some(asked)) = (validate::is_asked(request), asked) else { return false };
    let told =
        IoctlRequest::parse(&request.bytes).and_then(|body| ValidateNegotiateInfoRequest::parse(&body.input));
    told.is_ok_and(|told| !is_of(&told, asked))
}

fn is_of(told: &ValidateNegotiateInfoRequest, asked: &NegotiateRequest) -> bool {
    told.capabilities == asked.capabilities
        && told.guid == asked.client_guid
        && told.security_mode == asked.security_mode
        && told.dialects == asked.dialects
}
