//! Transactions.

use super::connection::{Connection, Context};
use super::logon::filetime;
use super::requests::{Answer, Answered, one, read};
use model::NtStatus;
use smb::smb1::{
    Block, FsInformationLevel, NtTransactFunction, NtTransactRequest, Trans2Request, Trans2Response,
    Trans2Subcommand,
};
use smb::wire::{FileAttributes, utf16};

impl Connection {
    /// [MS-CIFS] 3.3.5.58.
    pub(super) fn trans2(&self, context: &Context<'_>, block: &Block<'_>) -> Answered {
        let request: Trans2Request = read(block)?;
        let disk = self.trees.get(&context.tid).is_some_and(|tree| tree.share.is_some());
        match request.subcommand() {
            Some(Trans2Subcommand::QUERY_FS_INFORMATION) if disk => {
                let level: [u8; 2] =
                    request.parameters.as_slice().try_into().map_err(|_| NtStatus::INVALID_PARAMETER)?;
                let data = file_system(FsInformationLevel(u16::from_le_bytes(level)), block.unicode)?;
                if data.len() > usize::from(request.max_data_count) {
                    return Err(NtStatus::BUFFER_TOO_SMALL);
                }
                let total_data_count = u16::try_from(data.len()).map_err(|_| NtStatus::INVALID_PARAMETER)?;
                one(Trans2Response { total_data_count, data, ..Trans2Response::default() })
            }
            Some(Trans2Subcommand::QUERY_FILE_INFORMATION) => {
                let Some(&[a, b, ALL_INFO_LOW, ALL_INFO_HIGH]) = request.parameters.first_chunk() else {
                    return Err(NtStatus::INVALID_INFO_CLASS);
                };
                let data = self.file_information(context, u16::from_le_bytes([a, b]))?;
                let total_data_count = u16::try_from(data.len()).map_err(|_| NtStatus::INVALID_PARAMETER)?;
                let parameters = vec![0, 0];
                one(Trans2Response {
                    total_parameter_count: 2,
                    total_data_count,
                    parameters,
                    data,
                    ..Trans2Response::default()
                })
            }
            // There is no DFS here ([MS-DFSC] 3.2.5.5).
            Some(Trans2Subcommand::GET_DFS_REFERRAL) => Err(NtStatus::NOT_FOUND),
            _ => Err(NtStatus::NOT_IMPLEMENTED),
        }
    }

    /// SMB_QUERY_FILE_ALL_INFO ([MS-CIFS] 2.2.8.3.8), which smbclient asks for.
    fn file_information(&self, context: &Context<'_>, fid: u16) -> Result<Vec<u8>, NtStatus> {
        let open = &self.opens[&self.fid(context, fid)?].open;
        let (now, length) = (filetime().to_le_bytes(), self.store().length(open));
        let attributes = if open.is_directory() { FileAttributes::DIRECTORY } else { FileAttributes::NORMAL };
        Ok([
            now.repeat(4),
            attributes.0.to_le_bytes().to_vec(),
            vec![0; 4],
            length.next_multiple_of(4096).to_le_bytes().to_vec(),
            length.to_le_bytes().to_vec(),
            vec![1, 0, 0, 0, 0, u8::from(open.is_directory()), 0, 0],
            vec![0; 8],
        ]
        .concat())
    }

    /// [MS-CIFS] 3.3.5.59.4: the answer waits for a change, and none is ever told of.
    pub(super) fn nt_transact(&mut self, context: &Context<'_>, block: &Block<'_>) -> Answered {
        let request: NtTransactRequest = read(block)?;
        let &[_, _, fid, _] = request.setup.as_slice() else { return Err(NtStatus::INVALID_PARAMETER) };
        if request.function != NtTransactFunction::NOTIFY_CHANGE {
            return Err(NtStatus::NOT_IMPLEMENTED);
        }
        let opened = &self.opens[&self.fid(context, fid)?];
        if !opened.open.is_directory() {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        self.pending.push(context.header.clone());
        Ok(Answer::Nothing)
    }
}

/// SMB_QUERY_FILE_ALL_INFO, 0x0107, as its two bytes.
const ALL_INFO_LOW: u8 = 0x07;
const ALL_INFO_HIGH: u8 = 0x01;

/// What the file system is like ([MS-CIFS] 2.2.8.2).
fn file_system(level: FsInformationLevel, unicode: bool) -> Result<Vec<u8>, NtStatus> {
    const LABEL: &str = "TESTS";
    let number = |number: u32| number.to_le_bytes().to_vec();
    let label = if unicode { utf16(LABEL) } else { LABEL.as_bytes().to_vec() };
    let size = |bytes: &[u8]| number(u32::try_from(bytes.len()).unwrap());
    Ok(match level {
        FsInformationLevel::INFO_ALLOCATION => {
            [number(1), number(8), number(1 << 20), number(1 << 19), vec![0, 2]].concat()
        }
        FsInformationLevel::INFO_VOLUME => [number(7), vec![5], label].concat(),
        FsInformationLevel::QUERY_FS_VOLUME_INFO => {
            [vec![0; 8], number(7), size(&utf16(LABEL)), vec![0, 0], utf16(LABEL)].concat()
        }
        FsInformationLevel::QUERY_FS_SIZE_INFO => [
            (1_u64 << 20).to_le_bytes().to_vec(),
            (1_u64 << 19).to_le_bytes().to_vec(),
            number(8),
            number(512),
        ]
        .concat(),
        FsInformationLevel::QUERY_FS_DEVICE_INFO => [number(7), number(0x20)].concat(),
        FsInformationLevel::QUERY_FS_ATTRIBUTE_INFO => {
            [number(7), number(255), size(&utf16("NTFS")), utf16("NTFS")].concat()
        }
        _ => return Err(NtStatus::INVALID_INFO_CLASS),
    })
}
