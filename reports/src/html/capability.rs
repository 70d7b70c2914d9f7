//! What is claimed of each server beside what was seen: servers in columns, what was asked in rows.

use super::case::Evidence;
use crate::discovery::{self, Row};
use crate::text::clean;
use model::Results;

/// A server as it was asked.
pub(super) struct Server {
    pub(super) target: String,
    pub(super) line: String,
    pub(super) guid: String,
    pub(super) evidence: Option<Evidence>,
}

/// The table.
#[derive(Default)]
pub(super) struct Capabilities {
    pub(super) servers: Vec<Server>,
    /// What was asked, and for each server what came of it.
    pub(super) rows: Vec<(String, Vec<Option<Row>>)>,
}

impl Capabilities {
    pub(super) fn of(results: &Results) -> Self {
        let mut all = Self::default();
        let seen =
            results.targets.iter().flat_map(|target| target.discovery.iter().map(move |it| (target, it)));
        let number = seen.clone().count();
        for (column, (target, seen)) in seen.enumerate() {
            all.servers.push(Server {
                target: clean(&target.id),
                line: discovery::line(seen),
                guid: seen.server_guid.as_deref().map(clean).unwrap_or_default(),
                evidence: seen.evidence.as_deref().map(Evidence::at),
            });
            for row in discovery::rows(seen) {
                let at = all.rows.iter().position(|(id, _)| *id == row.id).unwrap_or_else(|| {
                    all.rows.push((row.id.clone(), (0..number).map(|_| None).collect()));
                    all.rows.len() - 1
                });
                all.rows[at].1[column] = Some(row);
            }
        }
        all
    }
}
