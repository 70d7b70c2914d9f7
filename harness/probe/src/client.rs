//! Carries out the steps of a case with the client of the protocol that is spoken, and records which step sent what.

use crate::context::Context;
use crate::{Recording, Stop, smb1, smb2};
use evidence::{Direction, Recorder, StepRecord};
use model::scenario::Protocol;
use model::{Action, Dialect, Step};
use smb::wire;

/// The client of one case.
enum Client<'c> {
    Smb1(Box<smb1::Client<'c>>),
    Smb2(Box<smb2::Client<'c>>),
}

/// Carries out the steps in order. A later step that needs what an earlier one did not get stops the case.
pub(crate) async fn carry_out(context: Context<'_>, recording: &mut Recording) -> Result<(), Stop> {
    let connection = context.link.connection;
    let mut steps = context.case.steps.iter().zip(0_u32..).peekable();
    // It comes first or not at all.
    let mut client = match steps.next_if(|(step, _)| step.action == Action::MultiProtocolNegotiate) {
        None => Client::alone(context),
        Some((step, number)) => {
            let protocols = step.protocols.as_deref().unwrap_or_default();
            let from = recording.recorder.sent(connection, Direction::ToServer);
            let client = Client::multi_protocol(context, protocols, &mut recording.recorder).await;
            recording.record(number, connection, from);
            client?
        }
    };
    for (step, number) in steps {
        let from = recording.recorder.sent(connection, Direction::ToServer);
        let known = recording.recorder.count();
        let result = client.step(step, recording).await;
        recording.record(number, connection, from);
        for another in known..recording.recorder.count() {
            recording.record(number, another, 0);
        }
        result?;
    }
    Ok(())
}

impl<'c> Client<'c> {
    /// The client of a case that offers the dialects of one protocol only.
    fn alone(context: Context<'c>) -> Self {
        match context.case.client.dialects.as_slice() {
            [Dialect::Nt1] => Self::Smb1(Box::new(smb1::Client::new(context))),
            _ => Self::Smb2(Box::new(smb2::Client::new(context))),
        }
    }

    /// Offers SMB1 and SMB2 in one message, and goes on in the protocol in which the server answers
    /// ([MS-SMB2] 3.2.4.2.2.1, 3.2.5.2).
    async fn multi_protocol(
        context: Context<'c>,
        protocols: &[Protocol],
        recorder: &mut Recorder,
    ) -> Result<Self, Stop> {
        let mut smb1 = smb1::Client::new(context);
        let answer = smb1.offer(protocols, recorder).await?;
        match wire::Protocol::of(&answer) {
            wire::Protocol::Smb2 => {
                let mut smb2 = smb2::Client::new(smb1.into_context());
                smb2.multi_protocol_answer(protocols, &answer)?;
                Ok(Self::Smb2(Box::new(smb2)))
            }
            _ => {
                smb1.selected(protocols, &answer)?;
                Ok(Self::Smb1(Box::new(smb1)))
            }
        }
    }

    async fn step(&mut self, step: &Step, recording: &mut Recording) -> Result<(), Stop> {
        match self {
            Self::Smb1(client) => client.step(step, recording).await,
            Self::Smb2(client) => client.step(step, recording).await,
        }
    }
}

impl Recording {
    /// Notes that a step sent what was sent since `from`.
    fn record(&mut self, step: u32, connection: u32, from: u64) {
        let to = self.recorder.sent(connection, Direction::ToServer);
        if to > from {
            self.steps.push(StepRecord { step, connection, sent: (from, to) });
        }
    }
}
