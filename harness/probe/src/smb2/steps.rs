//! What each action of a scenario sends in SMB2 and SMB3.

use super::Client;
use super::exchange::{Answer, Sign};
use crate::context::PATTERN;
use crate::{Recording, Stop};
use evidence::Recorder;
use model::scenario::{ShareRole, WrongValidate};
use model::{Action, Deviation, Dialect, NtStatus, Step};
use smb::wire::{
    AccessMask, Capabilities, CloseRequest, CreateDisposition, CreateOptions, CreateRequest, CreateResponse,
    CtlCode, DialectRevision, EchoRequest, FileAttributes, FileEndOfFileInformation, FileId,
    FileInformationClass, FlushRequest, ImpersonationLevel, InfoType, IoctlRequest, LockElement, LockFlags,
    LockRequest, LogoffRequest, QueryDirectoryFlags, QueryDirectoryRequest, QueryInfoRequest, ReadRequest,
    ShareAccess, TreeConnectRequest, TreeDisconnectRequest, ValidateNegotiateInfoRequest, WriteRequest,
    utf16,
};

/// FileStandardInformation ([MS-FSCC] 2.4.47).
pub(super) const FILE_STANDARD_INFORMATION: u8 = 5;
/// FileFsAttributeInformation ([MS-FSCC] 2.5.1), which ends with the name of the file system.
const FILE_FS_ATTRIBUTE_INFORMATION: u8 = 5;
/// How long that is with two characters of the name, which has more: below that some servers answer that the length is
/// wrong.
const TWO_CHARACTERS: u32 = 16;
/// How much `write-large` writes: what costs two credits ([MS-SMB2] 3.1.5.2).
const LARGE: u32 = 128 << 10;
/// The range that `lock` locks.
const LOCKED: (u64, u64) = (0, 16);
/// SMB2_0_IOCTL_IS_FSCTL ([MS-SMB2] 2.2.31).
const IS_FSCTL: u32 = 1;
/// How long the answer to FSCTL_VALIDATE_NEGOTIATE_INFO is ([MS-SMB2] 2.2.32.6).
const VALIDATE_NEGOTIATE_RESPONSE: u32 = 24;
/// How much room there is for the server's interfaces.
const MAX_INTERFACES: u32 = 64 << 10;
/// The FileId of an FSCTL that is about the connection.
const NO_FILE: FileId = FileId { persistent: u64::MAX, volatile: u64::MAX };

impl Client<'_> {
    /// Carries out one step. A later step that needs what this one did not get stops the case.
    pub(crate) async fn step(&mut self, step: &Step, recording: &mut Recording) -> Result<(), Stop> {
        self.deviation = step.deviate;
        // What a step does wrong on purpose changes nothing that the next one builds on.
        let (tree, file) = (self.tree, self.file);
        let result = self.carry_out(step, recording).await;
        if step.deviate.is_some() {
            (self.tree, self.file) = (tree, file);
        }
        result
    }

    async fn carry_out(&mut self, step: &Step, recording: &mut Recording) -> Result<(), Stop> {
        self.setup = None;
        if let Some(Deviation::Setup(setup)) = self.deviation {
            (self.setup, self.deviation) = (Some(setup), None);
        }
        let recorder = match step.action {
            Action::SessionSetup => return self.log_on(recording).await,
            Action::SecondSession => return self.second_session(recording).await,
            Action::Negotiate => {
                let deviation = self.deviation.take();
                return self.negotiate_step(deviation, &mut recording.recorder).await;
            }
            Action::FailedSetup => return self.failed_setup(&mut recording.recorder).await,
            Action::Reauthenticate => return self.reauthenticate(&mut recording.recorder).await,
            _ => &mut recording.recorder,
        };
        match step.action {
            Action::SessionSetup
            | Action::SecondSession
            | Action::Negotiate
            | Action::FailedSetup
            | Action::Reauthenticate => {}
            Action::QueryInterfaces => {
                let body = IoctlRequest {
                    ctl_code: CtlCode::FSCTL_QUERY_NETWORK_INTERFACE_INFO,
                    file_id: NO_FILE,
                    max_output_response: MAX_INTERFACES,
                    flags: IS_FSCTL,
                    ..Default::default()
                };
                self.exchange(&body, Sign::AsSession, recorder).await?;
            }
            Action::Elsewhere => self.elsewhere(recorder).await?,
            Action::Pipeline => self.pipeline(recorder).await?,
            Action::TreeConnect => {
                self.tree_connect(step.share.unwrap_or(ShareRole::Share), recorder).await?;
            }
            Action::ValidateNegotiate => self.validate_negotiate(recorder).await?,
            Action::Create => {
                let answer = self.open(CreateDisposition::CREATE, recorder).await?;
                if step.deviate.is_some() {
                    return Ok(());
                }
                if answer.header.status != NtStatus::SUCCESS {
                    return Err(Stop::GivesUp("the server did not create the file"));
                }
                self.file = Some(answer.body::<CreateResponse>()?.file_id);
                self.length = 0;
            }
            Action::Reopen => {
                let answer = self.open(CreateDisposition::OPEN, recorder).await?;
                if answer.header.status == NtStatus::SUCCESS {
                    self.file = Some(answer.body::<CreateResponse>()?.file_id);
                }
            }
            Action::Write => {
                // What is to be refused is something else, so that it is seen if it is not.
                let data = match step.deviate {
                    Some(_) => PATTERN.iter().rev().copied().collect(),
                    None => PATTERN.to_vec(),
                };
                self.write(data, recorder).await?;
            }
            Action::WriteLarge => {
                self.large()?;
                let data = PATTERN.iter().cycle().take(LARGE as usize).copied().collect();
                self.write(data, recorder).await?;
            }
            Action::ReadLarge => {
                self.large()?;
                let body = ReadRequest { file_id: self.file()?, length: LARGE, ..Default::default() };
                self.exchange(&body, Sign::AsSession, recorder).await?;
            }
            Action::SetInfo => {
                let end_of_file = FileEndOfFileInformation { end_of_file: self.length };
                self.exchange(&end_of_file.request(self.file()?), Sign::AsSession, recorder).await?;
            }
            Action::Lock => self.lock(recorder).await?,
            Action::Flush => {
                let body = FlushRequest { file_id: self.file()?, ..Default::default() };
                self.exchange(&body, Sign::AsSession, recorder).await?;
            }
            Action::Read => {
                let length = u32::try_from(PATTERN.len()).unwrap_or(u32::MAX);
                let body = ReadRequest { file_id: self.file()?, length, ..Default::default() };
                self.exchange(&body, Sign::AsSession, recorder).await?;
            }
            Action::QueryInfo => {
                let body = QueryInfoRequest {
                    info_type: InfoType::FILE,
                    file_info_class: FILE_STANDARD_INFORMATION,
                    output_buffer_length: 1024,
                    file_id: self.file()?,
                    ..Default::default()
                };
                self.exchange(&body, Sign::AsSession, recorder).await?;
            }
            Action::QueryShort => {
                let body = QueryInfoRequest {
                    info_type: InfoType::FILESYSTEM,
                    file_info_class: FILE_FS_ATTRIBUTE_INFORMATION,
                    output_buffer_length: TWO_CHARACTERS,
                    file_id: self.file()?,
                    ..Default::default()
                };
                self.exchange(&body, Sign::AsSession, recorder).await?;
            }
            Action::QueryDirectory => self.query_directory(recorder).await?,
            Action::ChangeNotify => self.change_notify(recorder).await?,
            Action::Cancel => self.cancel_notify(recorder).await?,
            Action::OplockBreak => self.oplock_break(recorder).await?,
            Action::LeaseBreak => self.lease_break(recorder).await?,
            Action::CompoundRelated => self.compound_related(recorder).await?,
            Action::CompoundUnrelated => self.compound_unrelated(recorder).await?,
            Action::CompoundFailing => self.compound_failing(recorder).await?,
            Action::Pipe => self.pipe(recorder).await?,
            Action::Delete => {
                let body = CloseRequest { file_id: self.file()?, ..Default::default() };
                self.exchange(&body, Sign::AsSession, recorder).await?;
                self.file = None;
            }
            Action::Echo => {
                self.exchange(&EchoRequest::default(), Sign::AsSession, recorder).await?;
            }
            Action::TreeDisconnect => {
                self.exchange(&TreeDisconnectRequest::default(), Sign::AsSession, recorder).await?;
                self.tree = 0;
            }
            Action::Logoff => {
                self.tree = 0;
                self.exchange(&LogoffRequest::default(), Sign::AsSession, recorder).await?;
            }
            Action::MultiProtocolNegotiate
            | Action::QueryFs
            | Action::DfsReferral
            | Action::OpenReadClose
            | Action::ReadRaw => return Err(Stop::GivesUp("a client of SMB2 has no such step here")),
        }
        Ok(())
    }

    fn file(&self) -> Result<FileId, Stop> {
        self.file.ok_or(Stop::GivesUp("no file is open for this step"))
    }

    /// The name of a file or a directory that a step has for itself.
    pub(super) fn own_name(&self, what: &str) -> String {
        format!("{}-{what}", self.context.file_name)
    }

    async fn write(&mut self, data: Vec<u8>, recorder: &mut Recorder) -> Result<(), Stop> {
        let length = data.len() as u64;
        let body = WriteRequest { file_id: self.file()?, data, ..Default::default() };
        let answer = self.exchange(&body, Sign::AsSession, recorder).await?;
        if answer.header.status == NtStatus::SUCCESS {
            self.length = self.length.max(length);
        }
        Ok(())
    }

    /// Whether the server takes large reads and writes.
    fn large(&self) -> Result<(), Stop> {
        if self.multi_credit && self.largest >= LARGE {
            Ok(())
        } else {
            Err(Stop::GivesUp("the server takes no reads and writes beyond 64 KiB"))
        }
    }

    /// Locks a range, and unlocks it.
    async fn lock(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let file_id = self.file()?;
        let (offset, length) = LOCKED;
        let deviates = self.deviation.is_some();
        for flags in [LockFlags::EXCLUSIVE_LOCK.with(LockFlags::FAIL_IMMEDIATELY), LockFlags::UNLOCK] {
            let locks = vec![LockElement::new(offset, length, flags)];
            let body = LockRequest { file_id, locks, ..Default::default() };
            self.exchange(&body, Sign::AsSession, recorder).await?;
            if deviates {
                break; // It is to be refused, and then there is nothing to unlock.
            }
        }
        Ok(())
    }

    async fn tree_connect(&mut self, share: ShareRole, recorder: &mut Recorder) -> Result<(), Stop> {
        let path = format!("\\\\{}", self.context.share(share));
        let body = TreeConnectRequest { path: utf16(&path), ..Default::default() };
        let sign = if self.dialect == Some(Dialect::Smb311) { Sign::Always } else { Sign::AsSession };
        let deviates = self.deviation.is_some();
        let answer = self.exchange(&body, sign, recorder).await?;
        if answer.header.status != NtStatus::SUCCESS {
            return if deviates { Ok(()) } else { Err(Stop::GivesUp("the server refused TREE_CONNECT")) };
        }
        self.tree = answer.header.tree_id;
        Ok(())
    }

    async fn validate_negotiate(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        // It is signed (3.2.5.5), and where the server has made a guest of the user there is nothing to sign with.
        if self.deviation.is_none() && self.session.as_ref().is_some_and(|session| session.key.is_none()) {
            return Ok(());
        }
        let sent = self.request.as_ref().ok_or(Stop::GivesUp("nothing was negotiated for this step"))?;
        let mut input = ValidateNegotiateInfoRequest {
            capabilities: sent.capabilities,
            guid: sent.client_guid,
            security_mode: sent.security_mode,
            dialects: sent.dialects.clone(),
        };
        let mut room = VALIDATE_NEGOTIATE_RESPONSE;
        if let Some(Deviation::Validate(wrong)) = self.deviation {
            match wrong {
                WrongValidate::SmallOutput => room -= 1,
                WrongValidate::Dialects => input.dialects = vec![DialectRevision(0x03FF)],
                WrongValidate::MoreDialects => input.dialects.push(DialectRevision(0x03FF)),
                WrongValidate::Guid => input.guid[15] ^= 1,
                WrongValidate::SecurityMode => input.security_mode.0 ^= 3,
                WrongValidate::Capabilities => input.capabilities.0 ^= Capabilities::DIRECTORY_LEASING.0,
            }
        }
        let body = IoctlRequest {
            ctl_code: CtlCode::FSCTL_VALIDATE_NEGOTIATE_INFO,
            file_id: NO_FILE,
            max_output_response: room,
            flags: IS_FSCTL,
            input: input.encode().map_err(Stop::Request)?,
            ..Default::default()
        };
        self.exchange(&body, Sign::Always, recorder).await?;
        Ok(())
    }

    /// CREATE of the case's own file.
    async fn open(
        &mut self,
        disposition: CreateDisposition,
        recorder: &mut Recorder,
    ) -> Result<Answer, Stop> {
        let body = CreateRequest { create_disposition: disposition, ..own_file(&self.context.file_name) };
        self.exchange(&body, Sign::AsSession, recorder).await
    }

    /// Opens the directory of the case's own file, looks for the case's file in it, and closes it.
    async fn query_directory(&mut self, recorder: &mut Recorder) -> Result<(), Stop> {
        let open = CreateRequest {
            desired_access: AccessMask::FILE_READ_DATA.with(AccessMask::FILE_READ_ATTRIBUTES),
            share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
            impersonation_level: ImpersonationLevel::IMPERSONATION,
            create_disposition: CreateDisposition::OPEN,
            create_options: CreateOptions::DIRECTORY_FILE,
            name: utf16(self.context.endpoint.folder.as_deref().unwrap_or_default()),
            ..Default::default()
        };
        let deviation = self.deviation.take();
        let answer = self.exchange(&open, Sign::AsSession, recorder).await?;
        if answer.header.status != NtStatus::SUCCESS {
            return Ok(()); // The judge sees the status.
        }
        let root = answer.body::<CreateResponse>()?.file_id;
        let query = QueryDirectoryRequest {
            file_information_class: FileInformationClass::ID_BOTH_DIRECTORY,
            flags: QueryDirectoryFlags::RESTART_SCANS,
            file_id: root,
            output_buffer_length: 16 << 10,
            file_name: utf16(self.context.base_name()),
            ..Default::default()
        };
        self.deviation = deviation;
        self.exchange(&query, Sign::AsSession, recorder).await?;
        let close = CloseRequest { file_id: root, ..Default::default() };
        self.exchange(&close, Sign::AsSession, recorder).await?;
        Ok(())
    }
}

/// CREATE of a new file. It deletes itself when closed, so a case that is cut short leaves nothing.
pub(super) fn own_file(name: &str) -> CreateRequest {
    CreateRequest {
        desired_access: AccessMask::FILE_READ_DATA
            .with(AccessMask::FILE_WRITE_DATA)
            // Writing beyond the end takes this right of its own (3.3.5.13).
            .with(AccessMask::FILE_APPEND_DATA)
            .with(AccessMask::FILE_READ_ATTRIBUTES)
            .with(AccessMask::DELETE),
        file_attributes: FileAttributes::NORMAL,
        share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
        impersonation_level: ImpersonationLevel::IMPERSONATION,
        create_disposition: CreateDisposition::CREATE,
        create_options: CreateOptions::NON_DIRECTORY_FILE.with(CreateOptions::DELETE_ON_CLOSE),
        name: utf16(name),
        ..Default::default()
    }
}
