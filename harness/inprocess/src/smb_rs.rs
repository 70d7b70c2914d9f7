//! The crate `smb` (smb-rs), by its high-level client.
//!
//! As it comes it signs in every session but a guest's, takes no guest session, and cannot be told more than that.

use crate::notes::{Deed, Notes};
use crate::{CONTENT, Fault, Job, compare, no_such_setting};
use ::smb_rs::resource::{File, Resource};
use ::smb_rs::{
    Client, ClientConfig, ConnectionConfig, CreateOptions, FileAccessMask, FileAttributes, FileCreateArgs,
    FileDispositionInformation, UncPath,
};

/// It has no anonymous logon ("Got empty identity"): this is as near as it comes.
const NOBODY: &str = "Guest";
/// It stays in a session that the server flags as guest, and does not sign there.
const UNSIGNED_GUEST: &str = "allow-unsigned-guest-access";

pub(crate) async fn work(job: Job, notes: Notes) -> Result<(), Fault> {
    let allow_unsigned_guest_access = match job.signing.as_str() {
        "" => false,
        UNSIGNED_GUEST => true,
        other => return Err(no_such_setting(other)),
    };
    let connection = ConnectionConfig {
        port: Some(job.server.port()),
        allow_unsigned_guest_access,
        ..ConnectionConfig::default()
    };
    let client = Client::new(ClientConfig { connection, ..ClientConfig::default() });
    // The port is no part of the name: it would go into the path that the server is asked for.
    let share = UncPath::new(&job.server.ip().to_string())?.with_share(&job.share)?;
    let path = share.clone().with_path(&job.file);
    let user = match (job.domain.as_str(), job.user) {
        (_, user) if user.is_empty() => NOBODY.to_owned(),
        ("", user) => user,
        (domain, user) => format!(r"{domain}\{user}"),
    };

    client.share_connect(&share, &user, job.password).await?;
    notes.did(Deed::Mount);

    let new = FileCreateArgs::make_overwrite(FileAttributes::new(), CreateOptions::new());
    let file = open(&client, &path, &new).await?;
    let mut written = 0;
    while written < CONTENT.len() {
        match file.write_block(&CONTENT[written..], written as u64, None).await? {
            0 => return Err("the server wrote none of the bytes".into()),
            more => written += more,
        }
    }
    file.close().await?;
    notes.did(Deed::Write);

    let there = FileCreateArgs::make_open_existing(FileAccessMask::new().with_generic_read(true));
    let file = open(&client, &path, &there).await?;
    // A byte of room, to see what is too much.
    let mut read = [0; CONTENT.len() + 1];
    let length = file.read_block(&mut read, 0, None, false).await?;
    file.close().await?;
    compare(&read[..length])?;
    notes.did(Deed::Read);

    let there = FileCreateArgs::make_open_existing(FileAccessMask::new().with_delete(true));
    let file = open(&client, &path, &there).await?;
    file.set_info(FileDispositionInformation { delete_pending: true.into() }).await?;
    file.close().await?;
    notes.did(Deed::Delete);

    client.close().await?;
    Ok(())
}

async fn open(client: &Client, path: &UncPath, args: &FileCreateArgs) -> Result<File, Fault> {
    match client.create_file(path, args).await? {
        Resource::File(file) => Ok(file),
        Resource::Directory(_) | Resource::Pipe(_) => Err("what was opened is no file".into()),
    }
}
