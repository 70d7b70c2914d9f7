//! What a client works with, whichever protocol it turns out to speak.

use crate::Endpoint;
use crate::link::Link;
use model::PlannedCase;
use model::scenario::ShareRole;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// What is written to the file and must come back.
pub(crate) const PATTERN: &[u8] = b"countersign: what is read is what was written\r\n";

/// One case, and the connection it is carried out on.
pub(crate) struct Context<'c> {
    pub(crate) case: &'c PlannedCase,
    pub(crate) endpoint: &'c Endpoint,
    pub(crate) link: &'c mut Link,
    /// The client's GUID: random, but the same for the same seed.
    pub(crate) guid: [u8; 16],
    /// The path of the case's own file, which nobody else uses.
    pub(crate) file_name: String,
}

impl<'c> Context<'c> {
    pub(crate) fn new(case: &'c PlannedCase, endpoint: &'c Endpoint, link: &'c mut Link, seed: u64) -> Self {
        let part = |which: &str| {
            let mut hasher = DefaultHasher::new();
            (seed, case.id.as_str(), which).hash(&mut hasher);
            hasher.finish()
        };
        let mut guid = [0; 16];
        guid[..8].copy_from_slice(&part("guid-low").to_le_bytes());
        guid[8..].copy_from_slice(&part("guid-high").to_le_bytes());
        let folder = endpoint.folder.as_ref().map(|folder| format!("{folder}\\")).unwrap_or_default();
        let file_name = format!("{folder}countersign-{:016x}.tmp", part("file"));
        Self { case, endpoint, link, guid, file_name }
    }

    /// `server\share` without what a UNC path begins with: one backslash or two.
    pub(crate) fn share(&self, role: ShareRole) -> String {
        let host = self.endpoint.host.clone().unwrap_or_else(|| self.endpoint.address.ip().to_string());
        format!("{host}\\{}", self.endpoint.shares.name(role))
    }

    /// The last part of the path of the case's own file.
    pub(crate) fn base_name(&self) -> &str {
        self.file_name.rsplit('\\').next().unwrap_or_default()
    }
}
