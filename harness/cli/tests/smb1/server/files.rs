//! The files of the shares, in memory, with the share modes and the deletion on close of a real file system.

use model::NtStatus;
use smb::wire::{AccessMask, CreateAction, CreateDisposition, CreateOptions, ShareAccess};
use std::collections::BTreeMap;

/// Every file of every share by its share and its name in upper case.
#[derive(Default)]
pub(crate) struct Store {
    files: BTreeMap<(String, String), File>,
    opened: u64,
}

#[derive(Default)]
struct File {
    data: Vec<u8>,
    /// An open with DELETE_ON_CLOSE was closed: nobody opens it any more, and it goes with its last open.
    deleting: bool,
    opens: BTreeMap<u64, (AccessMask, ShareAccess)>,
}

/// What somebody wants to open.
pub(crate) struct Wanted {
    pub(crate) share: String,
    pub(crate) name: String,
    pub(crate) access: AccessMask,
    pub(crate) shared: ShareAccess,
    pub(crate) disposition: CreateDisposition,
    pub(crate) options: CreateOptions,
}

/// An open, by which alone a file is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    id: u64,
    /// `None` for the root of the share.
    file: Option<(String, String)>,
    access: AccessMask,
    delete_on_close: bool,
}

impl Open {
    pub(crate) const fn is_directory(&self) -> bool {
        self.file.is_none()
    }
}

/// What an access mask comes down to.
const READS: AccessMask = AccessMask(0x9000_0001 | 0x0200_0000);
const WRITES: AccessMask = AccessMask(0x5000_0006 | 0x0200_0000);
const DELETES: AccessMask = AccessMask(0x1001_0000 | 0x0200_0000);

const fn any(mask: AccessMask, of: AccessMask) -> bool {
    mask.0 & of.0 != 0
}

impl Store {
    /// Opens or creates a file, or opens the root.
    pub(crate) fn open(&mut self, wanted: &Wanted) -> Result<(Open, CreateAction), NtStatus> {
        let Wanted { access, options, .. } = *wanted;
        let name = wanted.name.trim_start_matches('\\').to_uppercase();
        self.opened += 1;
        let id = self.opened;
        let delete_on_close = options.contains(CreateOptions::DELETE_ON_CLOSE);
        if delete_on_close && !any(access, DELETES) {
            return Err(NtStatus::INVALID_PARAMETER);
        }
        if name.is_empty() {
            return match wanted.disposition {
                _ if options.contains(CreateOptions::NON_DIRECTORY_FILE) => {
                    Err(NtStatus::FILE_IS_A_DIRECTORY)
                }
                CreateDisposition::OPEN | CreateDisposition::OPEN_IF if !delete_on_close => {
                    Ok((Open { id, file: None, access, delete_on_close: false }, CreateAction::OPENED))
                }
                _ => Err(NtStatus::ACCESS_DENIED),
            };
        }
        if name.contains('\\') {
            return Err(NtStatus::OBJECT_PATH_NOT_FOUND);
        }
        if options.contains(CreateOptions::DIRECTORY_FILE) {
            return Err(NtStatus::ACCESS_DENIED); // There are no directories but the root.
        }
        let key = (wanted.share.clone(), name);
        let action = match (self.files.get(&key), wanted.disposition) {
            (Some(file), _) if file.deleting => return Err(NtStatus::DELETE_PENDING),
            (Some(_), CreateDisposition::CREATE) => return Err(NtStatus::OBJECT_NAME_COLLISION),
            (None, CreateDisposition::OPEN | CreateDisposition::OVERWRITE) => {
                return Err(NtStatus::OBJECT_NAME_NOT_FOUND);
            }
            (None, _) => CreateAction::CREATED,
            (Some(_), CreateDisposition::OPEN | CreateDisposition::OPEN_IF) => CreateAction::OPENED,
            (Some(_), CreateDisposition::SUPERSEDE) => CreateAction::SUPERSEDED,
            (Some(_), _) => CreateAction::OVERWRITTEN,
        };
        let file = self.files.entry(key.clone()).or_default();
        if file
            .opens
            .values()
            .any(|(other, shared)| collides(access, *shared) || collides(*other, wanted.shared))
        {
            return Err(NtStatus::SHARING_VIOLATION);
        }
        if action == CreateAction::SUPERSEDED || action == CreateAction::OVERWRITTEN {
            file.data.clear();
        }
        file.opens.insert(id, (access, wanted.shared));
        Ok((Open { id, file: Some(key), access, delete_on_close }, action))
    }

    /// At most `count` bytes from `offset` on; none behind the end.
    pub(crate) fn read(&self, open: &Open, offset: u64, count: usize) -> Result<Vec<u8>, NtStatus> {
        let file = self.file(open)?;
        if !any(open.access, READS) {
            return Err(NtStatus::ACCESS_DENIED);
        }
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.data.len());
        Ok(file.data[from..].iter().copied().take(count).collect())
    }

    pub(crate) fn write(&mut self, open: &Open, offset: u64, data: &[u8]) -> Result<(), NtStatus> {
        const LARGEST: usize = 1 << 20;
        if !any(open.access, WRITES) {
            return Err(NtStatus::ACCESS_DENIED);
        }
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = from.checked_add(data.len()).filter(|end| *end <= LARGEST);
        let end = end.ok_or(NtStatus::INSUFFICIENT_RESOURCES)?;
        let key = open.file.as_ref().ok_or(NtStatus::INVALID_DEVICE_REQUEST)?;
        let file = self.files.get_mut(key).ok_or(NtStatus::FILE_CLOSED)?;
        if file.data.len() < end {
            file.data.resize(end, 0);
        }
        file.data[from..end].copy_from_slice(data);
        Ok(())
    }

    pub(crate) fn close(&mut self, open: &Open) {
        let Some(key) = &open.file else { return };
        let Some(file) = self.files.get_mut(key) else { return };
        file.opens.remove(&open.id);
        file.deleting |= open.delete_on_close;
        if file.deleting && file.opens.is_empty() {
            self.files.remove(key);
        }
    }

    /// How long a file is; 0 for the root.
    pub(crate) fn length(&self, open: &Open) -> u64 {
        self.file(open).map_or(0, |file| file.data.len() as u64)
    }

    fn file(&self, open: &Open) -> Result<&File, NtStatus> {
        let key = open.file.as_ref().ok_or(NtStatus::INVALID_DEVICE_REQUEST)?;
        self.files.get(key).ok_or(NtStatus::FILE_CLOSED)
    }
}

/// Whether an open with this access goes against what another one shares.
const fn collides(access: AccessMask, shared: ShareAccess) -> bool {
    any(access, READS) && !shared.contains(ShareAccess::READ)
        || any(access, WRITES) && !shared.contains(ShareAccess::WRITE)
        || any(access, DELETES) && !shared.contains(ShareAccess::DELETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: ShareAccess = ShareAccess(7);
    const EVERYTHING: AccessMask = AccessMask(0x0001_0003);

    fn wanted(name: &str, disposition: CreateDisposition) -> Wanted {
        Wanted {
            share: "S".to_owned(),
            name: name.to_owned(),
            access: EVERYTHING,
            shared: ALL,
            disposition,
            options: CreateOptions(0),
        }
    }

    #[test]
    fn a_file_is_written_read_shared_and_deleted() {
        let mut store = Store::default();
        let created = Wanted {
            options: CreateOptions::DELETE_ON_CLOSE,
            ..wanted("\\a.txt", CreateDisposition::CREATE)
        };
        let (first, action) = store.open(&created).unwrap();
        assert_eq!(action, CreateAction::CREATED);
        assert_eq!(store.open(&created), Err(NtStatus::OBJECT_NAME_COLLISION));
        store.write(&first, 2, b"xyz").unwrap();
        let (second, _) = store.open(&wanted("A.TXT", CreateDisposition::OPEN)).unwrap();
        assert_eq!(store.read(&second, 1, 3).unwrap(), b"\0xy");
        assert_eq!(store.read(&second, 9, 3).unwrap(), b"");
        let alone = Wanted { shared: ShareAccess::READ, ..wanted("a.txt", CreateDisposition::OPEN) };
        assert_eq!(store.open(&alone), Err(NtStatus::SHARING_VIOLATION));
        store.close(&first);
        assert_eq!(store.open(&wanted("a.txt", CreateDisposition::OPEN)), Err(NtStatus::DELETE_PENDING));
        store.close(&second);
        assert_eq!(
            store.open(&wanted("a.txt", CreateDisposition::OPEN)),
            Err(NtStatus::OBJECT_NAME_NOT_FOUND)
        );
    }
}
