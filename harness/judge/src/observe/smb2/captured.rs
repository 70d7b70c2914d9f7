//! What is different where nobody planned what the client does: several sessions and shares, and no end.

use super::Walk;
use crate::line::final_response;
use model::{As, NtStatus};
use smb::follow::{Message, Session};
use smb::wire::Command;

impl<'v> Walk<'v> {
    /// The session that a capture is judged by: the first of a user, or the first there is.
    pub(super) fn captured_session(&self) -> Option<&'v Session> {
        let all = || self.0.connection.sessions.values().filter(|_| self.0.view.is_unplanned());
        let users = all().filter(|session| self.0.view.identity(session) == As::User);
        let first = |session: &&Session| session.established;
        users.min_by_key(first).or_else(|| all().min_by_key(first))
    }

    /// The first share that was mounted in a capture: a client tries several, and not all have to be there.
    pub(super) fn captured_mount(&self, session: &Session) -> Option<&'v Message> {
        let granted = |request: &Message| {
            let answer = final_response(self.0.connection, request);
            answer.is_some_and(|answer| answer.header.status == NtStatus::SUCCESS)
        };
        self.0.requests_after(session.established).filter(|_| self.0.view.is_unplanned()).find(|request| {
            request.command() == Command::TREE_CONNECT
                && !self.is_of_another(session, request)
                && granted(request)
        })
    }

    /// Whether a request of a capture belongs to another session than the one it is judged by.
    pub(super) fn is_of_another(&self, session: &Session, request: &Message) -> bool {
        self.0.view.is_unplanned() && request.session_id != session.id
    }

    /// Whether it says nothing of a capture that a request was not answered: the capture or the client ended before, what
    /// it waits for never came, or the answer is not readable.
    pub(super) fn may_be_unanswered(&self, request: &Message) -> bool {
        self.0.view.is_unplanned()
            && (!self.0.server_ended()
                || request.command() == Command::CHANGE_NOTIFY
                || self.0.connection.first_opaque.is_some())
    }
}
