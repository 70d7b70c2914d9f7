//! CHANGE_NOTIFY: a directory of the case's own, so that nobody else's changes are reported, and its request, which ends
//! with a change or is cancelled.

use super::Client;
use super::deviate;
use super::exchange::Sign;
use super::steps::{FILE_STANDARD_INFORMATION, own_file};
use crate::Stop;
use evidence::Recorder;
use model::{Deviation, NtStatus};
use smb::wire::{
    AccessMask, ChangeNotifyRequest, CloseRequest, CompletionFilter, CreateDisposition, CreateOptions,
    CreateRequest, CreateResponse, EchoRequest, FileId, Header, ImpersonationLevel, InfoType,
    QueryInfoRequest, ShareAccess, utf16,
};

/// How many bytes of changes the client takes.
const MAX_CHANGES: u32 = 4096;

/// A directory that is watched.
struct Watched {
    name: String,
    /// The open that deletes it. The other one cannot be it: what deletes itself is not watched ([MS-FSA] 2.1.5.11).
    deletes: FileId,
    watches: FileId,
}

impl Watched {
    fn request(&self) -> ChangeNotifyRequest {
        ChangeNotifyRequest {
            output_buffer_length: MAX_CHANGES,
            file_id: self.watches,
            completion_filter: CompletionFilter::FILE_NAME,
            ..Default::default()
        }
    }
}

impl Client<'_> {
    /// Waits for a change, and makes it once the request is known to wait; a broken request is not to wait at all.
    pub(super) async fn change_notify(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let deviation = self.deviation.take();
        let Some(watched) = self.watched("notify", recorder).await? else { return Ok(()) };
        if let Some(deviation) = deviation {
            return self.refused_notify(&watched, deviation, recorder).await;
        }
        let sent = self.watch(&watched, recorder).await?;
        self.interim(&sent, recorder).await?;
        let body = own_file(&format!("{}\\{}", watched.name, self.context.base_name()));
        let Some(file) = self.create(&body, recorder).await? else { return Ok(()) };
        self.answer(&sent, recorder).await?;
        // The file goes when nobody watches any more: smbd 4.13 can report its end, late, to the next directory that is watched.
        self.close(watched.watches, recorder).await?;
        self.close(file, recorder).await?;
        self.close(watched.deletes, recorder).await
    }

    /// A broken request to wait for a change; one that is made to wait all the same is cancelled.
    async fn refused_notify(
        &mut self,
        watched: &Watched,
        deviation: Deviation,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let (sent, mut request) = self.request(&watched.request(), Sign::Always)?;
        deviate::message(&mut request, deviation, self.deviating(deviation)?);
        self.begin(&request, &sent, recorder).await?;
        if let Some(async_id) = self.interim(&sent, recorder).await? {
            self.cancel(&sent, Some(async_id), recorder).await?;
        }
        self.receive(&sent, recorder).await?;
        self.close(watched.watches, recorder).await?;
        self.close(watched.deletes, recorder).await
    }

    /// Waits for a change, and cancels that. Where the CANCEL is to be broken, a change ends it instead: then it is told by the
    /// answer whether the CANCEL did anything.
    pub(super) async fn cancel_notify(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let deviation = self.deviation.take();
        let Some(watched) = self.watched("cancel", recorder).await? else { return Ok(()) };
        let sent = self.watch(&watched, recorder).await?;
        let async_id = self.interim(&sent, recorder).await?;
        // A server can have something left to do once that is on its way: ksmbd of 7.2 makes the request one that can be
        // cancelled only then, and a CANCEL right behind it can find nothing and is lost. Not an ECHO, which ksmbd of 6.12 answers
        // unsigned.
        let anything = QueryInfoRequest {
            info_type: InfoType::FILE,
            file_info_class: FILE_STANDARD_INFORMATION,
            output_buffer_length: MAX_CHANGES,
            file_id: watched.deletes,
            ..Default::default()
        };
        self.exchange(&anything, Sign::AsSession, recorder).await?;
        self.deviation = deviation;
        self.cancel(&sent, async_id, recorder).await?;
        if deviation.is_some() {
            // The answer to the ECHO proves that the broken one was dealt with.
            self.exchange(&EchoRequest::default(), Sign::AsSession, recorder).await?;
            let body = own_file(&format!("{}\\{}", watched.name, self.context.file_name));
            let Some(file) = self.create(&body, recorder).await? else { return Ok(()) };
            self.answer(&sent, recorder).await?;
            self.close(file, recorder).await?;
        } else {
            self.answer(&sent, recorder).await?;
        }
        self.close(watched.watches, recorder).await?;
        self.close(watched.deletes, recorder).await
    }

    /// Makes a directory and opens it twice; `None` where the server does not, and the judge sees the status.
    async fn watched(&mut self, what: &str, recorder: &mut Recorder) -> Result<Option<Watched>, Stop> {
        let name = self.own_name(what);
        let list = AccessMask::FILE_READ_DATA.with(AccessMask::FILE_READ_ATTRIBUTES);
        let body = CreateRequest {
            desired_access: list.with(AccessMask::DELETE),
            share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            create_disposition: CreateDisposition::CREATE,
            create_options: CreateOptions::DIRECTORY_FILE.with(CreateOptions::DELETE_ON_CLOSE),
            name: utf16(&name),
            ..Default::default()
        };
        let Some(deletes) = self.create(&body, recorder).await? else { return Ok(None) };
        let body = CreateRequest {
            desired_access: list,
            create_disposition: CreateDisposition::OPEN,
            create_options: CreateOptions::DIRECTORY_FILE,
            ..body
        };
        let watches = self.create(&body, recorder).await?;
        Ok(watches.map(|watches| Watched { name, deletes, watches }))
    }

    async fn watch(&mut self, watched: &Watched, recorder: &mut Recorder) -> Result<Header, Stop> {
        self.send(&watched.request(), recorder).await
    }

    /// What a CREATE opened; `None` where the server did not, and the judge sees the status.
    pub(super) async fn create(
        &mut self,
        body: &CreateRequest,
        recorder: &mut Recorder,
    ) -> Result<Option<FileId>, Stop> {
        let answer = self.exchange(body, Sign::AsSession, recorder).await?;
        if answer.header.status != NtStatus::SUCCESS {
            return Ok(None);
        }
        Ok(Some(answer.body::<CreateResponse>()?.file_id))
    }

    pub(super) async fn close(&mut self, file_id: FileId, recorder: &mut Recorder) -> Result<(), Stop> {
        let body = CloseRequest { file_id, ..Default::default() };
        self.exchange(&body, Sign::AsSession, recorder).await?;
        Ok(())
    }
}
