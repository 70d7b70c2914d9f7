//! A discovery as a case, for whoever takes one: what it is asked as, and where its evidence belongs.

use super::PlannedDiscovery;
use crate::CheckLevel;
use crate::case::{Axes, CaseId};
use crate::plan::{PROBE, PlannedCase};
use crate::profile::{ClientProfile, SigningOffer};
use crate::scenario::Expect;
use crate::words::{Dialect, ExtendedSecurity, Generation, GuestPolicy, Login, Signing};

/// What stands in place of a scenario.
const DISCOVERY: &str = "discovery";

impl PlannedDiscovery {
    /// The client that asks: one that requires nothing and takes whatever it gets.
    #[must_use]
    pub fn case(&self, target: &str) -> PlannedCase {
        PlannedCase {
            id: CaseId::new(DISCOVERY, &Axes::new(), target),
            scenario: DISCOVERY.to_owned(),
            target: target.to_owned(),
            axes: Axes::new(),
            client: ClientProfile {
                id: PROBE.to_owned(),
                dialects: vec![Dialect::Smb311],
                signing: Signing::NotRequired,
                algorithms: SigningOffer::None,
                guest: GuestPolicy::Allowed,
                generation: Generation::Smb2,
                extended_security: ExtendedSecurity::Yes,
            },
            server: self.server.clone().unwrap_or_default(),
            negotiates: Vec::new(),
            login: Login::User,
            steps: Vec::new(),
            expect: Expect::Steps,
            level: CheckLevel::Must,
            software: None,
            interposed: None,
            cites: Vec::new(),
            unsupported: None,
            reproduce: String::new(),
        }
    }

    /// Where its evidence is, relative to the run folder of the run that asked, and of every run that took that in.
    #[must_use]
    pub fn evidence(run: &str, target: &str) -> String {
        format!("evidence/{DISCOVERY}/{run}@{target}.pcapng")
    }
}
