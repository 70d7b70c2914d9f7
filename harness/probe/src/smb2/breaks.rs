//! OPLOCK_BREAK: what is broken is the client's own oplock or lease, by another open of the file on the same connection. The
//! server answers that only once the break is acknowledged.

use super::Client;
use super::exchange::{Answer, Sign};
use super::steps::own_file;
use crate::Stop;
use evidence::Recorder;
use model::{Dialect, NtStatus};
use smb::wire::{
    Body, CreateDisposition, CreateOptions, CreateRequest, CreateResponse, FileId, Lease,
    LeaseBreakAcknowledgment, LeaseBreakFlags, LeaseBreakNotification, LeaseContext, LeaseState, LeaseV2,
    OplockBreakAcknowledgment, OplockBreakNotification, OplockLevel,
};

/// All that a lease allows.
const EVERYTHING: LeaseState =
    LeaseState::READ_CACHING.with(LeaseState::HANDLE_CACHING).with(LeaseState::WRITE_CACHING);

impl Client<'_> {
    /// A batch oplock is broken (3.2.5.19.1).
    pub(super) async fn oplock_break(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let file = own_file(&self.own_name("oplock"));
        let asks = CreateRequest { requested_oplock_level: OplockLevel::BATCH, ..file.clone() };
        let Some(opened) = self.opened(&asks, recorder).await? else { return Ok(()) };
        let first = opened.file_id;
        if opened.oplock_level != OplockLevel::BATCH {
            return Err(Stop::GivesUp("the server granted no batch oplock, so none can be broken"));
        }
        self.broken(file, first, recorder, |notification| {
            let told: OplockBreakNotification = notification.body()?;
            Ok(OplockBreakAcknowledgment {
                oplock_level: told.oplock_level,
                file_id: told.file_id,
                ..Default::default()
            })
        })
        .await
    }

    /// A lease on everything is broken (3.2.5.19.2).
    pub(super) async fn lease_break(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let file = own_file(&self.own_name("lease"));
        let mut lease_key = [0; 16];
        getrandom::fill(&mut lease_key).map_err(|_| Stop::NoRandomness)?;
        let lease = if self.dialect.is_some_and(Dialect::is_smb3) {
            LeaseContext::V2(LeaseV2 { lease_key, lease_state: EVERYTHING, ..Default::default() })
        } else {
            LeaseContext::V1(Lease { lease_key, lease_state: EVERYTHING, ..Default::default() })
        };
        let asks = CreateRequest {
            requested_oplock_level: OplockLevel::LEASE,
            create_contexts: vec![lease.context()],
            ..file.clone()
        };
        let Some(opened) = self.opened(&asks, recorder).await? else { return Ok(()) };
        let first = opened.file_id;
        let granted = LeaseContext::find(&opened.create_contexts).and_then(Result::ok);
        if granted.is_none_or(|lease| lease.lease_state() != EVERYTHING) {
            return Err(Stop::GivesUp("the server granted no lease on everything, so none can be broken"));
        }
        self.broken(file, first, recorder, |notification| {
            let told: LeaseBreakNotification = notification.body()?;
            if !told.flags.contains(LeaseBreakFlags::ACK_REQUIRED) {
                return Err(Stop::GivesUp("the server wants no acknowledgment of the lease break"));
            }
            Ok(LeaseBreakAcknowledgment {
                lease_key: told.lease_key,
                lease_state: told.new_lease_state,
                ..Default::default()
            })
        })
        .await
    }

    /// The first open; `None` where the server refuses it, and the judge sees the status.
    async fn opened(
        &mut self,
        body: &CreateRequest,
        recorder: &mut Recorder,
    ) -> Result<Option<CreateResponse>, Stop> {
        let answer = self.exchange(body, Sign::AsSession, recorder).await?;
        if answer.header.status != NtStatus::SUCCESS {
            return Ok(None);
        }
        answer.body().map(Some)
    }

    /// Opens the file once more, acknowledges the break that this makes, waits for both answers, and closes both.
    async fn broken<B: Body>(
        &mut self,
        file: CreateRequest,
        first: FileId,
        recorder: &mut Recorder,
        acknowledge: impl FnOnce(&Answer) -> Result<B, Stop>,
    ) -> Result<(), Stop> {
        let again = CreateRequest {
            create_disposition: CreateDisposition::OPEN,
            // Deleting a file breaks what others may cache of it, so it is for the one that has the lease.
            create_options: CreateOptions::NON_DIRECTORY_FILE,
            ..file
        };
        let again = self.send(&again, recorder).await?;
        let notification = self.notification(recorder).await?;
        let acknowledgment = acknowledge(&notification)?;
        self.exchange(&acknowledgment, Sign::AsSession, recorder).await?;
        let answer = self.answer(&again, recorder).await?;
        if answer.header.status == NtStatus::SUCCESS {
            self.close(answer.body::<CreateResponse>()?.file_id, recorder).await?;
            self.close(first, recorder).await?;
        }
        Ok(())
    }
}
