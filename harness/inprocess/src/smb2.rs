//! The crate `smb2`, by its high-level client.
//!
//! As it comes it signs in every session but a guest's, and takes a guest session only where no account was named. There
//! is nothing to set.

use crate::notes::{Deed, Notes};
use crate::{CONTENT, Fault, Job, compare, no_such_setting};
use ::smb2::{ClientConfig, SmbClient};

pub(crate) async fn work(job: Job, notes: Notes) -> Result<(), Fault> {
    if !job.signing.is_empty() {
        return Err(no_such_setting(&job.signing));
    }
    let mut client = SmbClient::connect(ClientConfig {
        addr: job.server.to_string(),
        username: job.user,
        password: job.password,
        domain: job.domain,
        ..ClientConfig::default()
    })
    .await?;
    let mut share = client.connect_share(&job.share).await?;
    notes.did(Deed::Mount);

    client.write_file(&share, &job.file, CONTENT).await?;
    notes.did(Deed::Write);

    let read = client.read_file(&mut share, &job.file).await?;
    compare(&read)?;
    notes.did(Deed::Read);

    client.delete_file(&share, &job.file).await?;
    notes.did(Deed::Delete);

    // It knows no LOGOFF: the session ends with the connection.
    client.disconnect_share(&share).await?;
    Ok(())
}
