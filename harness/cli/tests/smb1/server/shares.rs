//! Shares and the files on them.

use super::connection::{Connection, Context, Opened, Tree};
use super::files::Wanted;
use super::logon::{Identity, filetime};
use super::requests::{Answered, one, read};
use super::{GUEST_SHARE, MAX_BUFFER, SHARE};
use model::NtStatus;
use smb::smb1::{
    AndX, Block, CreateFlags, Header, NtCreateExtended, NtCreateRequest, NtCreateResponse, OptionalSupport,
    ReadRawRequest, ReadRequest, ReadResponse, Text, TreeConnectFlags, TreeConnectRequest,
    TreeConnectResponse, WriteRequest, WriteResponse,
};
use smb::wire::{AccessMask, FileAttributes};

impl Connection {
    /// [MS-CIFS] 3.3.5.45, [MS-SMB] 3.3.5.4.
    pub(super) fn tree_connect(&mut self, context: &mut Context<'_>, block: &Block<'_>) -> Answered {
        let request: TreeConnectRequest = read(block)?;
        if request.flags.contains(TreeConnectFlags::DISCONNECT_TID) {
            let tid = context.tid;
            self.close(|_, opened| opened.tid == tid);
            self.trees.remove(&tid);
        }
        let path = request.path(block.unicode);
        let name = path.rsplit('\\').next().unwrap_or_default();
        let identity = self.sessions.get(&context.uid).and_then(|session| session.identity);
        let share = match [SHARE, GUEST_SHARE].into_iter().find(|share| share.eq_ignore_ascii_case(name)) {
            Some(SHARE) if identity != Some(Identity::User) => return Err(NtStatus::ACCESS_DENIED),
            Some(GUEST_SHARE) if identity == Some(Identity::Anonymous) => {
                return Err(NtStatus::ACCESS_DENIED);
            }
            None if !name.eq_ignore_ascii_case("IPC$") => return Err(NtStatus::BAD_NETWORK_NAME),
            share => share,
        };
        let (service, system) = if share.is_some() { ("A:", "NTFS") } else { ("IPC", "") };
        match request.service(block.unicode).as_str() {
            "?????" => {}
            asked if asked == service => {}
            _ => return Err(BAD_DEVICE_TYPE),
        }
        context.tid = self.issue(0x2000);
        self.trees.insert(context.tid, Tree { uid: context.uid, share });
        let rights = request
            .flags
            .contains(TreeConnectFlags::EXTENDED_RESPONSE)
            .then_some((AccessMask(0x001F_01FF), AccessMask(0)));
        let words = if rights.is_some() { 7 } else { 3 };
        let mut names = [service.as_bytes(), &[0]].concat();
        // A block begins at a multiple of 4, so what is aligned in the first is aligned in all.
        let at = Header::LEN + 1 + 2 * words + 2 + names.len();
        names.extend(Text::new(at, block.unicode, &[system]).bytes);
        one(TreeConnectResponse {
            andx: AndX::NONE,
            optional_support: Some(OptionalSupport::SUPPORT_SEARCH_BITS),
            rights,
            names,
        })
    }

    /// [MS-CIFS] 3.3.5.51, [MS-SMB] 3.3.5.5.
    pub(super) fn create(&mut self, context: &mut Context<'_>, block: &Block<'_>) -> Answered {
        let request: NtCreateRequest = read(block)?;
        let share = self.trees.get(&context.tid).and_then(|tree| tree.share);
        let share = share.ok_or(NtStatus::OBJECT_NAME_NOT_FOUND)?.to_owned();
        if request.root_directory_fid != 0 {
            return Err(NtStatus::NOT_SUPPORTED);
        }
        let wanted = Wanted {
            share,
            name: request.name.first(block.unicode).0,
            access: request.desired_access,
            shared: request.share_access,
            disposition: request.create_disposition,
            options: request.create_options,
        };
        let (open, action) = self.store().open(&wanted)?;
        let fid = self.issue(0x4000);
        context.fid = Some(fid);
        let (end_of_file, directory) = (self.store().length(&open), open.is_directory());
        self.opens.insert(fid, Opened { uid: context.uid, tid: context.tid, open });
        let now = filetime();
        let extended =
            request.flags.contains(CreateFlags::REQUEST_EXTENDED_RESPONSE).then(|| NtCreateExtended {
                word_count: 42, // As Windows counts, and [MS-SMB] 2.2.4.9.2 has it.
                maximal_access_rights: AccessMask(0x001F_01FF),
                ..NtCreateExtended::default()
            });
        one(NtCreateResponse {
            fid,
            create_disposition: action.0,
            create_time: now,
            last_access_time: now,
            last_write_time: now,
            last_change_time: now,
            ext_file_attributes: if directory { FileAttributes::DIRECTORY } else { FileAttributes::NORMAL },
            allocation_size: end_of_file.next_multiple_of(4096),
            end_of_file,
            directory: u8::from(directory),
            extended,
            ..NtCreateResponse::default()
        })
    }

    /// The open that a request means: in a chain the one that was opened in it, else its own, if it is of this session
    /// and share.
    pub(super) fn fid(&self, context: &Context<'_>, own: u16) -> Result<u16, NtStatus> {
        let fid = context.fid.unwrap_or(own);
        let opened =
            self.opens.get(&fid).filter(|opened| (opened.uid, opened.tid) == (context.uid, context.tid));
        opened.map(|_| fid).ok_or(NtStatus::INVALID_HANDLE)
    }

    /// [MS-CIFS] 3.3.5.36.
    pub(super) fn read(&self, context: &Context<'_>, block: &Block<'_>) -> Answered {
        let request: ReadRequest = read(block)?;
        let opened = &self.opens[&self.fid(context, request.fid)?];
        let offset = offset(request.offset, request.offset_high);
        let most = usize::from(request.max_count).min(usize::from(MAX_BUFFER) - 64);
        let data = self.store().read(&opened.open, offset, most)?;
        one(ReadResponse { available: 0xFFFF, pad: vec![0], data, ..ReadResponse::default() })
    }

    /// [MS-CIFS] 3.3.5.37.
    pub(super) fn write(&self, context: &Context<'_>, block: &Block<'_>) -> Answered {
        let request: WriteRequest = read(block)?;
        let opened = &self.opens[&self.fid(context, request.fid)?];
        let offset = offset(request.offset, request.offset_high);
        self.store().write(&opened.open, offset, &request.data)?;
        let count = u16::try_from(request.data.len()).map_err(|_| NtStatus::INVALID_PARAMETER)?;
        one(WriteResponse { count, available: 0xFFFF, ..WriteResponse::default() })
    }

    /// [MS-CIFS] 3.3.5.24.
    pub(super) fn read_raw(&self, context: &Context<'_>, block: &Block<'_>) -> Result<Vec<u8>, NtStatus> {
        let request: ReadRawRequest = read(block)?;
        let opened = &self.opens[&self.fid(context, request.fid)?];
        let offset = offset(request.offset, request.offset_high);
        self.store().read(&opened.open, offset, request.max_count.into())
    }
}

/// STATUS_BAD_DEVICE_TYPE.
const BAD_DEVICE_TYPE: NtStatus = NtStatus(0xC000_00CB);

fn offset(low: u32, high: Option<u32>) -> u64 {
    u64::from(high.unwrap_or(0)) << 32 | u64::from(low)
}
