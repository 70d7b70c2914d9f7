//! What each action of a scenario sends in SMB1.

use super::exchange::Answer;
use super::{Client, NO_TREE};
use crate::context::PATTERN;
use crate::{Recording, Stop};
use evidence::Recorder;
use model::scenario::ShareRole;
use model::{Action, Deviation, Step};
use smb::smb1::{
    self, ChainBuilder, CloseRequest, Command, CompletionFilter, EchoRequest, FsInformationLevel, Header,
    LogoffRequest, NtCancelRequest, NtCreateRequest, NtCreateResponse, NtTransactRequest, ReadRawRequest,
    ReadRequest, Trans2Request, TreeConnectFlags, TreeConnectRequest, TreeDisconnectRequest, WriteRequest,
};
use smb::wire::{
    AccessMask, CreateDisposition, CreateOptions, FileAttributes, ImpersonationLevel, ShareAccess,
};

/// The FID in the later blocks of a chain: the server takes the one the first block opens, whatever stands there
/// ([MS-CIFS] 3.3.5.2.4).
const FID_OF_THE_CHAIN: u16 = 0xFFFF;
/// LastTimeModified of a CLOSE that leaves the time alone ([MS-CIFS] 2.2.4.5.1).
const KEEP_TIME: u32 = u32::MAX;
/// How many bytes the client takes as the result of a transaction.
const MAX_RESULT: u16 = 4096;
/// MaxReferralLevel: version 3, that of Windows 2000 and later ([MS-DFSC] 2.2.2).
const REFERRAL_LEVEL: u16 = 3;
/// What an ECHO sends back.
const ECHO: &[u8] = b"countersign";

impl Client<'_> {
    /// Carries out one step. A later step that needs what this one did not get stops the case.
    pub(crate) async fn step(&mut self, step: &Step, recording: &mut Recording) -> Result<(), Stop> {
        let recorder = match step.action {
            Action::SessionSetup | Action::SecondSession => return self.log_on(recording).await,
            _ => &mut recording.recorder,
        };
        let deviation = step.deviate;
        match step.action {
            Action::SessionSetup | Action::SecondSession => {}
            Action::TreeConnect => {
                self.tree_connect(step.share.unwrap_or(ShareRole::Share), deviation, recorder).await?;
            }
            Action::QueryFs => {
                let level = FsInformationLevel::QUERY_FS_SIZE_INFO;
                let body = Trans2Request::query_fs_information(level, MAX_RESULT);
                self.exchange(&body, deviation, recorder).await?;
            }
            Action::DfsReferral => {
                let path = format!("\\{}", self.context.share(ShareRole::Share));
                let body = Trans2Request::get_dfs_referral(REFERRAL_LEVEL, &path, MAX_RESULT)
                    .map_err(Stop::RequestSmb1)?;
                self.exchange(&body, deviation, recorder).await?;
            }
            Action::Create => self.create(deviation, recorder).await?,
            Action::Reopen => {
                let answer = self.open(CreateDisposition::OPEN, deviation, recorder).await?;
                if answer.is_success() && deviation.is_none() {
                    self.file = Some(answer.body::<NtCreateResponse>()?.fid);
                }
            }
            Action::Write => {
                let body = WriteRequest {
                    fid: self.file()?,
                    offset_high: Some(0),
                    // Behind fourteen words it aligns the data ([MS-CIFS] 2.2.4.43.1).
                    pad: vec![0],
                    data: PATTERN.to_vec(),
                    ..Default::default()
                };
                self.exchange(&body, deviation, recorder).await?;
            }
            Action::Read => {
                let body = read(self.file()?);
                self.exchange(&body, deviation, recorder).await?;
            }
            Action::Delete => {
                self.exchange(&close(self.file()?), deviation, recorder).await?;
                // Whatever comes of a deviation, the steps behind it are still sent.
                if deviation.is_none() {
                    self.file = None;
                }
            }
            Action::OpenReadClose => self.open_read_close(deviation, recorder).await?,
            Action::Cancel => self.cancel(recorder).await?,
            Action::ReadRaw => self.read_raw(recorder).await?,
            Action::Echo => self.echo(step.count.unwrap_or(1), deviation, recorder).await?,
            Action::TreeDisconnect => {
                self.exchange(&TreeDisconnectRequest::default(), deviation, recorder).await?;
                if deviation.is_none() {
                    (self.tree, self.file) = (NO_TREE, None);
                }
            }
            Action::Logoff => {
                let header = Header { tid: NO_TREE, ..self.header(Command::LOGOFF_ANDX) };
                let message = smb1::message(&header, &LogoffRequest::default()).map_err(Stop::RequestSmb1)?;
                self.transact(header, message, deviation, recorder).await?;
            }
            _ => return Err(Stop::GivesUp("a client of SMB1 has no such step here")),
        }
        Ok(())
    }

    fn file(&self) -> Result<u16, Stop> {
        self.file.ok_or(Stop::GivesUp("no file is open for this step"))
    }

    async fn tree_connect(
        &mut self,
        share: ShareRole,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let path = format!("\\\\{}", self.context.share(share));
        let service = if share == ShareRole::Ipc { "IPC" } else { "?????" };
        let mut body = TreeConnectRequest::new(self.is_unicode(), &path, service);
        // The extended response is a must ([MS-SMB] 3.2.4.2.5). The other flag there protects the session key from
        // applications, and there are none here.
        body.flags = TreeConnectFlags::EXTENDED_RESPONSE;
        let answer = self.exchange(&body, deviation, recorder).await?;
        if deviation.is_some() {
            return Ok(());
        }
        if !answer.is_success() {
            return Err(Stop::GivesUp("the server refused TREE_CONNECT"));
        }
        self.tree = answer.header.tid;
        Ok(())
    }

    async fn create(&mut self, deviation: Option<Deviation>, recorder: &mut Recorder) -> Result<(), Stop> {
        let answer = self.open(CreateDisposition::CREATE, deviation, recorder).await?;
        if deviation.is_some() {
            return Ok(());
        }
        if !answer.is_success() {
            return Err(Stop::GivesUp("the server did not create the file"));
        }
        self.file = Some(answer.body::<NtCreateResponse>()?.fid);
        Ok(())
    }

    /// NT_CREATE_ANDX of the case's own file. It deletes itself when closed, so a case that is cut short leaves nothing.
    async fn open(
        &mut self,
        disposition: CreateDisposition,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        let body = self.named(NtCreateRequest {
            desired_access: AccessMask::FILE_READ_DATA
                .with(AccessMask::FILE_WRITE_DATA)
                .with(AccessMask::FILE_APPEND_DATA)
                .with(AccessMask::FILE_READ_ATTRIBUTES)
                .with(AccessMask::DELETE),
            ext_file_attributes: FileAttributes::NORMAL,
            create_disposition: disposition,
            create_options: CreateOptions::NON_DIRECTORY_FILE.with(CreateOptions::DELETE_ON_CLOSE),
            ..Default::default()
        })?;
        self.exchange(&body, deviation, recorder).await
    }

    /// The same request with the name of the case's own file, which others may read, write and delete meanwhile.
    fn named(&self, request: NtCreateRequest) -> Result<NtCreateRequest, Stop> {
        let request = NtCreateRequest {
            share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            ..request
        };
        let name = format!("\\{}", self.context.file_name);
        request.with_name(self.is_unicode(), &name).map_err(Stop::RequestSmb1)
    }

    /// Opens the file a second time, reads it and closes it, in one message ([MS-CIFS] 3.2.4.1.4).
    async fn open_read_close(
        &mut self,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let open = self.named(NtCreateRequest {
            desired_access: AccessMask::FILE_READ_DATA.with(AccessMask::FILE_READ_ATTRIBUTES),
            create_disposition: CreateDisposition::OPEN,
            create_options: CreateOptions::NON_DIRECTORY_FILE,
            ..Default::default()
        })?;
        let header = self.header(Command::NT_CREATE_ANDX);
        let mut chain = ChainBuilder::new(&header);
        chain
            .push(&open)
            .and_then(|chain| chain.push(&read(FID_OF_THE_CHAIN)))
            .and_then(|chain| chain.push(&close(FID_OF_THE_CHAIN)))
            .map_err(Stop::RequestSmb1)?;
        self.transact(header, chain.finish(), deviation, recorder).await?;
        Ok(())
    }

    /// Opens the root of the share, waits for a change in it, cancels that, and closes it.
    async fn cancel(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let root = NtCreateRequest {
            desired_access: AccessMask::FILE_READ_DATA.with(AccessMask::FILE_READ_ATTRIBUTES),
            share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
            create_disposition: CreateDisposition::OPEN,
            create_options: CreateOptions::DIRECTORY_FILE,
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            ..Default::default()
        };
        let folder = self.context.endpoint.folder.as_deref().unwrap_or_default();
        let root = root.with_name(self.is_unicode(), &format!("\\{folder}")).map_err(Stop::RequestSmb1)?;
        let answer = self.exchange(&root, None, recorder).await?;
        if !answer.is_success() {
            return Ok(()); // The judge sees the status.
        }
        let fid = answer.body::<NtCreateResponse>()?.fid;
        let header = self.header(Command::NT_TRANSACT);
        // Names that change are those of no other case: other cases make files, and this waits for directories.
        let body =
            NtTransactRequest::notify_change(fid, CompletionFilter::DIR_NAME, false, u32::from(MAX_RESULT));
        let message = smb1::message(&header, &body).map_err(Stop::RequestSmb1)?;
        let notify = self.send(header.clone(), message, None, recorder).await?;
        // It has the identifiers of what it cancels, and no answer of its own ([MS-CIFS] 2.2.4.65).
        let header = Header { command: Command::NT_CANCEL, ..header };
        let message = smb1::message(&header, &NtCancelRequest::default()).map_err(Stop::RequestSmb1)?;
        self.send(header, message, None, recorder).await?;
        let answer = self.receive(&notify, recorder).await?;
        self.answered(&notify, &answer.header);
        self.exchange(&close(fid), None, recorder).await?;
        Ok(())
    }

    /// SMB_COM_READ_RAW. Its answer is one transport message without a header, and may have no bytes
    /// ([MS-CIFS] 2.2.4.22.2), so there is nothing in it to verify: whatever comes is taken for it.
    async fn read_raw(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let header = self.header(Command::READ_RAW);
        let body = ReadRawRequest { fid: self.file()?, max_count: pattern_len(), ..Default::default() };
        let message = smb1::message(&header, &body).map_err(Stop::RequestSmb1)?;
        let sent = self.send(header.clone(), message, None, recorder).await?;
        self.receive_raw(&sent, recorder).await?;
        self.answered(&sent, &header);
        Ok(())
    }

    /// ECHO with that many answers, all of them in the time one answer may take ([MS-CIFS] 2.2.4.39).
    async fn echo(
        &mut self,
        count: u16,
        deviation: Option<Deviation>,
        recorder: &mut Recorder,
    ) -> Result<(), Stop> {
        let header = self.header(Command::ECHO);
        let body = EchoRequest { echo_count: count, data: ECHO.to_vec() };
        let message = smb1::message(&header, &body).map_err(Stop::RequestSmb1)?;
        let sent = self.send(header, message, deviation, recorder).await?;
        for number in 1..=count {
            let answer = self.receive(&sent, recorder).await?;
            // A refusal is one answer, however many were asked for.
            if number == count || !answer.is_success() {
                self.answered(&sent, &answer.header);
                break;
            }
        }
        Ok(())
    }
}

fn read(fid: u16) -> ReadRequest {
    ReadRequest { fid, max_count: pattern_len(), offset_high: Some(0), ..Default::default() }
}

const fn close(fid: u16) -> CloseRequest {
    CloseRequest { fid, last_time_modified: KEEP_TIME }
}

fn pattern_len() -> u16 {
    u16::try_from(PATTERN.len()).unwrap_or(u16::MAX)
}
