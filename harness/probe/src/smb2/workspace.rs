//! What is done to a share that is somebody's, beside the cases: a directory is made, cleared and removed. None of it is
//! judged, so no answer is verified: a server that signs wrongly can be worked on all the same.

use super::Client;
use super::exchange::{Answer, Sign};
use crate::{Recording, Stop};
use evidence::Recorder;
use model::scenario::ShareRole;
use model::{Dialect, NtStatus};
use smb::wire::{
    AccessMask, Body, CloseRequest, CreateDisposition, CreateOptions, CreateRequest, CreateResponse, FileId,
    FileInformationClass, ImpersonationLevel, QueryDirectoryFlags, QueryDirectoryRequest,
    QueryDirectoryResponse, ShareAccess, TreeConnectRequest, utf16,
};

/// A directory with more than this is not one of ours.
const MOST_ENTRIES: usize = 10_000;
/// FILE_ATTRIBUTE_DIRECTORY ([MS-FSCC] 2.6).
const DIRECTORY: u32 = 0x10;

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) directory: bool,
}

impl Client<'_> {
    /// Logs on and mounts the test share; gives the status of the mount.
    pub(crate) async fn mount(&mut self, recording: &mut Recording) -> Result<NtStatus, Stop> {
        self.log_on(recording).await?;
        let path = format!("\\\\{}", self.context.share(ShareRole::Share));
        let body = TreeConnectRequest { path: utf16(&path), ..Default::default() };
        let sign = if self.dialect == Some(Dialect::Smb311) { Sign::Always } else { Sign::AsSession };
        let answer = self.ask(&body, sign, &mut recording.recorder).await?;
        self.tree = answer.header.tree_id;
        Ok(answer.header.status)
    }

    /// Makes a directory that goes when it is closed, and is held so that no sweep takes it away meanwhile.
    pub(crate) async fn make_directory(
        &mut self,
        name: &str,
        recorder: &mut Recorder,
    ) -> Result<Result<FileId, NtStatus>, Stop> {
        let body = CreateRequest {
            create_disposition: CreateDisposition::CREATE,
            // Without FILE_SHARE_DELETE: who wants to delete it meets a sharing violation.
            share_access: ShareAccess::READ.with(ShareAccess::WRITE),
            ..directory(name, CreateOptions::DELETE_ON_CLOSE)
        };
        self.handle_of(&body, recorder).await
    }

    /// Deletes a file, or a directory that is empty; fails with a sharing violation where somebody has it open.
    pub(crate) async fn remove(
        &mut self,
        entry: &Entry,
        path: &str,
        recorder: &mut Recorder,
    ) -> Result<NtStatus, Stop> {
        let kind =
            if entry.directory { CreateOptions::DIRECTORY_FILE } else { CreateOptions::NON_DIRECTORY_FILE };
        let body = CreateRequest {
            desired_access: AccessMask::DELETE,
            share_access: ShareAccess(0),
            create_options: kind.with(CreateOptions::DELETE_ON_CLOSE),
            ..directory(path, CreateOptions(0))
        };
        match self.handle_of(&body, recorder).await? {
            Ok(file) => self.shut(file, recorder).await,
            Err(status) => Ok(status),
        }
    }

    /// Lists a directory; what is refused is empty.
    pub(crate) async fn list(&mut self, path: &str, recorder: &mut Recorder) -> Result<Vec<Entry>, Stop> {
        let body = CreateRequest {
            desired_access: AccessMask::FILE_READ_DATA.with(AccessMask::FILE_READ_ATTRIBUTES),
            ..directory(path, CreateOptions(0))
        };
        let Ok(file_id) = self.handle_of(&body, recorder).await? else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        while all.len() < MOST_ENTRIES {
            let body = QueryDirectoryRequest {
                file_information_class: FileInformationClass::ID_BOTH_DIRECTORY,
                flags: QueryDirectoryFlags(0),
                file_id,
                output_buffer_length: 64 << 10,
                file_name: utf16("countersign-*"),
                ..Default::default()
            };
            let answer = self.ask(&body, Sign::AsSession, recorder).await?;
            if answer.header.status != NtStatus::SUCCESS {
                break;
            }
            let found = entries(&answer.body::<QueryDirectoryResponse>()?.output_buffer);
            if found.is_empty() {
                break;
            }
            all.extend(found);
        }
        self.shut(file_id, recorder).await?;
        Ok(all)
    }

    /// Closes what was opened.
    pub(crate) async fn shut(&mut self, file_id: FileId, recorder: &mut Recorder) -> Result<NtStatus, Stop> {
        let body = CloseRequest { file_id, ..Default::default() };
        Ok(self.ask(&body, Sign::AsSession, recorder).await?.header.status)
    }

    async fn handle_of(
        &mut self,
        body: &CreateRequest,
        recorder: &mut Recorder,
    ) -> Result<Result<FileId, NtStatus>, Stop> {
        let answer = self.ask(body, Sign::AsSession, recorder).await?;
        match answer.header.status {
            NtStatus::SUCCESS => Ok(Ok(answer.body::<CreateResponse>()?.file_id)),
            status => Ok(Err(status)),
        }
    }

    /// Sends a request and takes its final answer, whatever it is signed with.
    async fn ask(&mut self, body: &impl Body, sign: Sign, recorder: &mut Recorder) -> Result<Answer, Stop> {
        let (header, request) = self.request(body, sign)?;
        self.round_trip(&request, &header, recorder).await
    }
}

fn directory(name: &str, options: CreateOptions) -> CreateRequest {
    CreateRequest {
        desired_access: AccessMask::FILE_READ_DATA
            .with(AccessMask::FILE_READ_ATTRIBUTES)
            .with(AccessMask::DELETE),
        share_access: ShareAccess::READ.with(ShareAccess::WRITE).with(ShareAccess::DELETE),
        impersonation_level: ImpersonationLevel::IMPERSONATION,
        create_disposition: CreateDisposition::OPEN,
        create_options: CreateOptions::DIRECTORY_FILE.with(options),
        name: utf16(name),
        ..Default::default()
    }
}

/// The entries in a buffer of FileIdBothDirectoryInformation ([MS-FSCC] 2.4.22), as far as they can be read.
fn entries(buffer: &[u8]) -> Vec<Entry> {
    let number = |at: usize| {
        let bytes = buffer.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let (mut all, mut at) = (Vec::new(), 0_usize);
    while let (Some(next), Some(attributes), Some(length)) = (number(at), number(at + 56), number(at + 60)) {
        let start = at + 104;
        let Some(name) = buffer.get(start..start.saturating_add(length as usize)) else { break };
        let units: Vec<u16> =
            name.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        all.push(Entry { name: String::from_utf16_lossy(&units), directory: attributes & DIRECTORY != 0 });
        match next as usize {
            0 => break,
            next => at = at.saturating_add(next),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(next: u32, attributes: u32, name: &str) -> Vec<u8> {
        let mut bytes = vec![0; 104];
        bytes[..4].copy_from_slice(&next.to_le_bytes());
        bytes[56..60].copy_from_slice(&attributes.to_le_bytes());
        let name = utf16(name);
        bytes[60..64].copy_from_slice(&u32::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend(name);
        bytes
    }

    #[test]
    fn a_listing_is_read_as_far_as_it_goes() {
        let mut buffer = entry(0, 0x20, "a");
        buffer.resize(112, 0);
        buffer[0] = 112;
        buffer.extend(entry(0, DIRECTORY, "bc"));
        let all = entries(&buffer);
        assert_eq!(all.len(), 2);
        assert_eq!((all[1].name.as_str(), all[0].directory, all[1].directory), ("bc", false, true));
        // Lies about lengths and offsets end it, and nothing else.
        assert_eq!(entries(&buffer[..150]).len(), 1);
        assert!(entries(&entry(0, 0, "a")[..100]).is_empty());
        let mut lie = entry(u32::MAX, 0, "a");
        assert_eq!(entries(&lie).len(), 1);
        lie[60..64].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(entries(&lie).is_empty());
        let mut still = entry(0, 0, "a");
        still[0] = 1;
        assert!(entries(&still).len() < 200);
    }
}
