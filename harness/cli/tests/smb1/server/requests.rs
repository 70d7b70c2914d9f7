//! What each command does: which part of the server it goes to.

use super::conduct::RawAnswer;
use super::connection::{Connection, Context, Piece, piece};
use model::NtStatus;
use smb::smb1::{
    AndX, Block, Body, CloseRequest, CloseResponse, Command, EchoRequest, Header, LogoffResponse,
    TreeDisconnectResponse,
};

/// What a command is answered with.
pub(super) enum Answer {
    /// A block of the response.
    One(Piece),
    /// A block with a status that is neither success nor an error, which ends the chain.
    Last(Piece, NtStatus),
    /// So many responses with these data.
    Echoes(u16, Vec<u8>),
    /// No SMB message at all, but these bytes.
    Raw(Vec<u8>),
    /// Nothing, or nothing yet.
    Nothing,
    /// The end of the connection.
    End,
    /// The response STATUS_CANCELLED to another request, which waited.
    Instead(Header),
}

pub(super) type Answered = Result<Answer, NtStatus>;

pub(super) fn one<B: Body + 'static>(body: B) -> Answered {
    Ok(Answer::One(piece(B::COMMAND, body)))
}

pub(super) fn read<B: Body>(block: &Block<'_>) -> Result<B, NtStatus> {
    B::parse(block).map_err(|_| NtStatus::INVALID_SMB)
}

impl Connection {
    /// Carries out one command of a message.
    pub(super) fn dispatch(&mut self, context: &mut Context<'_>, block: &Block<'_>) -> Answered {
        match block.command {
            Command::NEGOTIATE => self.negotiate(context, block),
            Command::SESSION_SETUP_ANDX => self.session_setup(context, block),
            Command::LOGOFF_ANDX => {
                self.log_off(context.uid);
                one(LogoffResponse { andx: AndX::NONE })
            }
            Command::TREE_CONNECT_ANDX => self.tree_connect(context, block),
            Command::TREE_DISCONNECT => {
                let tid = context.tid;
                self.close(|_, opened| opened.tid == tid);
                self.trees.remove(&tid);
                one(TreeDisconnectResponse {})
            }
            Command::NT_CREATE_ANDX => self.create(context, block),
            Command::READ_ANDX => self.read(context, block),
            Command::WRITE_ANDX => self.write(context, block),
            Command::CLOSE => {
                let fid = self.fid(context, read::<CloseRequest>(block)?.fid)?;
                self.close(|other, _| other == fid);
                one(CloseResponse {})
            }
            Command::ECHO => {
                let EchoRequest { echo_count, data } = read(block)?;
                Ok(if echo_count == 0 { Answer::Nothing } else { Answer::Echoes(echo_count, data) })
            }
            Command::READ_RAW => match (self.conduct.reads_raw)(self.signing.is_some()) {
                RawAnswer::Data => Ok(Answer::Raw(self.read_raw(context, block).unwrap_or_default())),
                RawAnswer::Nothing => Ok(Answer::Raw(Vec::new())),
                RawAnswer::Error => Err(NtStatus::ACCESS_DENIED),
                RawAnswer::Disconnect => Ok(Answer::End),
            },
            Command::TRANSACTION2 => self.trans2(context, block),
            Command::NT_TRANSACT => self.nt_transact(context, block),
            Command::NT_CANCEL => {
                let ids = |header: &Header| (header.uid, header.tid, header.pid, header.mid);
                let waits = self.pending.iter().position(|other| ids(other) == ids(context.header));
                Ok(waits.map_or(Answer::Nothing, |at| Answer::Instead(self.pending.remove(at))))
            }
            Command::INVALID | Command::NO_ANDX_COMMAND => Err(NtStatus::SMB_BAD_COMMAND),
            command if command.name().is_none() => Err(NtStatus::SMB_BAD_COMMAND),
            _ => Err(NtStatus::NOT_IMPLEMENTED),
        }
    }
}
