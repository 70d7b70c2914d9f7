//! What the rules about SMB1 have in common.

use crate::view::View;
use model::{As, FrameRef, Signing};
use smb::follow::Way;
use smb::smb1::follow::{Connection, Message, Session, Signature};
use smb::smb1::{Command, Flags2, SecurityMode};

/// What a client takes the server's policy to be ([MS-CIFS] 3.2.5.2).
pub(crate) const fn server_state(mode: SecurityMode) -> Signing {
    if !mode.contains(SecurityMode::SECURITY_SIGNATURES_ENABLED) {
        Signing::Disabled
    } else if mode.contains(SecurityMode::SECURITY_SIGNATURES_REQUIRED) {
        Signing::Required
    } else {
        Signing::Enabled
    }
}

/// Whose session it is.
pub(crate) const fn identity(session: &Session) -> As {
    if session.is_guest() {
        As::Guest
    } else if session.anonymous_logon {
        As::Anonymous
    } else {
        As::User
    }
}

/// Whether a signature field holds something that could be a signature.
pub(crate) const fn is_something(signature: Signature) -> bool {
    !matches!(signature, Signature::Unsigned { zero: true, .. } | Signature::Unsigned { bsrspyl: true, .. })
}

/// Whether a request is answered by a message: NT_CANCEL is not ([MS-CIFS] 2.2.4.65), and READ_RAW is answered by bare
/// data (2.2.4.22.2).
pub(crate) const fn has_answer(request: &Message) -> bool {
    !matches!(request.command(), Command::NT_CANCEL | Command::READ_RAW)
}

/// Where a message is.
pub(crate) const fn place(connection: u32, message: &Message) -> FrameRef {
    FrameRef { connection, leg: None, frame: message.frame, element: 0, bytes: None }
}

/// Whether the server has to activate signing for a session ([MS-SMB] 3.3.5.3): for a user, where it is set to require
/// it, where the client does, or where both are ready to. What the server is set to comes from the plan, not from what it
/// says.
pub(crate) fn must_activate(view: &View<'_>, connection: &Connection, session: &Session) -> bool {
    let Some(request) = connection.messages.get(session.request) else { return false };
    let flags2 = request.header.flags2;
    // Of a capture it is all there is.
    let says =
        || connection.negotiated.as_ref().map_or(Signing::Disabled, |it| server_state(it.security_mode));
    let server = view.plan().map_or_else(says, |case| case.server.signing);
    identity(session) == As::User
        && match server {
            Signing::Required => true,
            _ if flags2.contains(Flags2::SECURITY_SIGNATURE_REQUIRED) => true,
            Signing::Enabled => flags2.contains(Flags2::SECURITY_SIGNATURE),
            Signing::Disabled | Signing::NotRequired => false,
        }
}

/// One exchange behind the activation of signing.
#[derive(Clone, Copy)]
pub(crate) struct Exchanged<'v> {
    pub(crate) index: u32,
    pub(crate) connection: &'v Connection,
    pub(crate) request: &'v Message,
    pub(crate) response: &'v Message,
}

impl Exchanged<'_> {
    pub(crate) const fn at(&self) -> FrameRef {
        place(self.index, self.response)
    }
}

impl View<'_> {
    /// The connections of SMB1 with their numbers.
    pub(crate) fn of_smb1(&self) -> impl Iterator<Item = (u32, &Connection)> {
        (0..).zip(self.smb1()).filter(|(_, connection)| !connection.messages.is_empty())
    }

    /// Every response whose request is known.
    pub(crate) fn smb1_answers(&self) -> impl Iterator<Item = Exchanged<'_>> {
        self.of_smb1().flat_map(|(index, connection)| {
            connection.messages.iter().filter_map(move |response| {
                let request = connection.messages.get(response.request?)?;
                (response.way == Way::ToClient).then_some(Exchanged { index, connection, request, response })
            })
        })
    }

    /// Every response behind the activation of signing whose signature can be judged: the right key is there.
    pub(crate) fn smb1_signed_answers(&self) -> impl Iterator<Item = Exchanged<'_>> {
        self.smb1_answers().filter(|exchanged| {
            let Some(activated) = exchanged.connection.activated else { return false };
            let Some(session) = exchanged.connection.sessions.get(&activated.uid) else { return false };
            let after = is_behind(activated.response, exchanged.response);
            let known = !is_something(exchanged.response.signature)
                || self.smb1_verifiable(exchanged.index, session).is_ok();
            after && known && !exchanged.response.is_oplock_break()
        })
    }
}

/// Whether a message came after the one at `index`.
pub(crate) const fn is_behind(index: usize, message: &Message) -> bool {
    message.index > index
}
