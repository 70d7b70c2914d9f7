//! A server that is somebody's, at an address: what a file may say of it, and which cases fit what it is set to now.

mod step;

pub use step::{is_of_step, not_set};

use crate::case::is_slug;
use crate::discovery::{Discovery, Topic, fails, stated};
use crate::expectation::{Expectation, check_expectations};
use crate::plan::PlannedCase;
use crate::scenario::{Action, ShareRole};
use crate::target::{Shares, Target, TargetKind, Unsupported};
use crate::words::{Algorithm, Dialect, DialectRange, GuestMapping, Login, Signing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::num::NonZeroU16;

/// What a target file says. Everything may be left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ExternalFile {
    /// The slug that its cases have.
    pub id: Option<String>,
    /// What a person calls it.
    pub title: Option<String>,
    /// Its host name or IP address, with a port or without.
    pub address: Option<String>,
    /// The account to log on with.
    pub user: Option<String>,
    /// The account's domain.
    pub domain: Option<String>,
    /// The share to work in.
    pub share: Option<String>,
    /// The share that guests may write to.
    pub guest_share: Option<String>,
    /// How many cases run on it at the same time.
    pub parallel_cases: Option<NonZeroU16>,
    /// What its vendor says that it does.
    pub claims: StatedClaims,
    /// What it cannot be set to, or does not do.
    pub unsupported: Vec<Unsupported>,
    /// Its known deviations.
    pub expectation: Vec<Expectation>,
}

/// What a vendor says that a server does.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StatedClaims {
    /// The dialects it speaks.
    pub dialects: Option<DialectRange>,
    /// The algorithms it selects from by SMB2_SIGNING_CAPABILITIES.
    pub signing_capabilities: Option<Vec<Algorithm>>,
}

/// What the operator allows, as it stands in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedExternal {
    /// Where it is, as the operator says it.
    pub address: String,
    /// What the operator has set it to for this run, axis by axis: only cases of that are planned.
    pub step: BTreeMap<String, String>,
    /// Whether nothing may be created on it.
    pub read_only: bool,
    /// Whether logons that must fail may be tried.
    pub failed_logons: bool,
}

impl ExternalFile {
    /// Parses the text of a target file.
    ///
    /// # Errors
    /// A message that shows the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        if let Some(id) = file.id.as_ref().filter(|id| !is_slug(id)) {
            return Err(format!("id `{id}` is not made of letters, digits, `.`, `_` and `-`"));
        }
        check_expectations(&file.expectation)?;
        Ok(file)
    }

    /// The target it describes, under the name it has or `fallback`.
    #[must_use]
    pub fn target(&self, fallback: &str, shares: Shares, failed_logons: bool) -> Target {
        let denied: Vec<_> = self.unsupported.iter().map(|it| it.when.clone()).collect();
        let signing = self.claims.signing_capabilities.as_deref();
        let id = self.id.clone().unwrap_or_else(|| fallback.to_owned());
        Target {
            title: self.title.clone().unwrap_or_else(|| id.clone()),
            id,
            kind: TargetKind::External,
            signing_capabilities: self.claims.signing_capabilities.clone().unwrap_or_default(),
            // What it is set to is not ours to say: it is seen.
            dialects: Vec::new(),
            parallel_servers: None,
            without: Vec::new(),
            spared: Vec::new(),
            default: false,
            parallel_cases: self.parallel_cases.unwrap_or(NonZeroU16::MIN.saturating_add(3)),
            server_per_case: false,
            shares,
            unsupported: self.unsupported.clone(),
            container: None,
            expectations: self.expectation.clone(),
            claims: stated(self.claims.dialects, signing, &denied),
            failed_logons,
        }
    }
}

/// Whether a case creates something on the server.
#[must_use]
pub fn writes(case: &PlannedCase) -> bool {
    case.steps.iter().any(|step| {
        matches!(
            step.action,
            Action::Create
                | Action::ChangeNotify
                | Action::Cancel
                | Action::OplockBreak
                | Action::LeaseBreak
                | Action::CompoundRelated
                | Action::CompoundFailing
                | Action::OpenReadClose
        )
    })
}

/// Whether a case logs on so that the server should refuse it.
#[must_use]
pub fn logs_on_wrongly(case: &PlannedCase) -> bool {
    fails(case.login) || case.steps.iter().any(|step| step.action == Action::FailedSetup)
}

/// Why a case is not run on a server that is somebody's: because of what the operator allows, whatever the server does.
#[must_use]
pub fn not_allowed(case: &PlannedCase, allowed: &PlannedExternal, has_guest_share: bool) -> Option<String> {
    let guests = || {
        case.server.guest != GuestMapping::Never
            && case.steps.iter().any(|step| step.share == Some(ShareRole::Guest))
    };
    if allowed.read_only && writes(case) {
        Some("it creates files, and --read-only is given".to_owned())
    } else if !allowed.failed_logons && logs_on_wrongly(case) {
        Some(
            "it logs on wrongly, for which a server can lock the account or this address out: \
             --allow-failed-logons runs it"
                .to_owned(),
        )
    } else if !has_guest_share && guests() {
        Some("no share for guests is named: --guest-share names one".to_owned())
    } else {
        None
    }
}

/// What becomes of a planned case once it is known what the server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It runs, as this: its prediction rests on the algorithms that were seen, where none are declared.
    Runs(Box<PlannedCase>),
    /// The server does not do this, and nobody says that it does.
    Unsupported(String),
    /// The server is set to something else now.
    Waits(String),
}

/// Whether a planned case fits what the server was seen to do.
///
/// What is claimed is never unsupported: where it was not seen, the case shows what comes of it.
#[must_use]
pub fn fit(case: &PlannedCase, seen: &Discovery) -> Fit {
    if let Some(why) = &case.unsupported {
        return Fit::Unsupported(why.clone());
    }
    let absent = |topic| seen.observed(topic) == Some("no") && seen.claimed(topic) != Some("yes");
    let dialect = case.client.dialects.iter().max().copied().unwrap_or(Dialect::Smb311);
    if absent(Topic::Dialect(dialect)) && !case.axes.contains_key("server.dialects") {
        return Fit::Unsupported(format!("it was seen not to speak {dialect}"));
    }
    if writes(case) && !seen.dialects().iter().any(|it| *it > Dialect::Nt1) {
        let why = "the directory to work in is made over SMB2, which it was not seen to speak";
        return Fit::Unsupported(why.to_owned());
    }
    let algorithm: Option<Algorithm> = case.axes.get("algorithm").and_then(|word| word.parse().ok());
    // Every dialect signs with its own algorithm without being asked.
    let asked = algorithm.filter(|it| dialect == Dialect::Smb311 && dialect.algorithms().first() != Some(it));
    if let Some(algorithm) = asked.filter(|it| absent(Topic::Signing(*it))) {
        return Fit::Unsupported(format!(
            "it was seen not to select {algorithm} where that is all it is offered"
        ));
    }
    // What it does not do no setting helps.
    if let Some((axis, wanted, now)) = other_setting(case, seen) {
        return Fit::Waits(format!(
            "the server is set to {axis} {now}: set it to {wanted} and run `countersign qualify` again with \
             --step {axis}={wanted} --into this run"
        ));
    }
    let mut case = case.clone();
    if Algorithm::ALL.iter().all(|it| seen.claimed(Topic::Signing(*it)).is_none()) {
        case.negotiates = seen.signing();
    }
    Fit::Runs(Box::new(case))
}

/// The setting that a case needs and the server does not have now: its axis, what it needs, and what it is.
fn other_setting(case: &PlannedCase, seen: &Discovery) -> Option<(&'static str, String, String)> {
    let other = |axis, wanted: String, now: String| (wanted != now).then_some((axis, wanted, now));
    if case.axes.contains_key("server.dialects") {
        let range = |lowest: &Dialect, highest: &Dialect| format!("{lowest}..{highest}");
        let wanted = range(&case.server.dialects.0, &case.server.dialects.1);
        let now = match seen.dialects().as_slice() {
            [only] => range(only, only),
            [first, .., last] => range(first, last),
            [] => "none".to_owned(),
        };
        if let Some(found) = other("dialects", wanted, now) {
            return Some(found);
        }
    }
    if let Some(now) = signing(case, seen) {
        let wanted = if now.1 { case.server.signing.word() } else { smb2_word(case.server.signing) };
        if let Some(found) = other("signing", wanted.to_owned(), now.0.to_owned()) {
            return Some(found);
        }
    }
    if logs_on_wrongly(case) {
        let now = seen.guest().map_or("unknown", GuestMapping::word);
        if let Some(found) = other("guest", case.server.guest.word().to_owned(), now.to_owned()) {
            return Some(found);
        }
    }
    let smb3 = case.client.dialects.iter().any(|dialect| dialect.is_smb3());
    match seen.observed(Topic::Encryption) {
        Some(now @ "required") if smb3 && case.login == Login::User => {
            other("encryption", case.server.encryption.word().to_owned(), now.to_owned())
        }
        _ => None,
    }
}

/// What the server's SecurityMode says in the protocol that a case speaks, and whether that is SMB1.
fn signing<'d>(case: &PlannedCase, seen: &'d Discovery) -> Option<(&'d str, bool)> {
    let smb1 = case.client.dialects == [Dialect::Nt1];
    let word = seen.observed(if smb1 { Topic::Smb1Mode } else { Topic::Smb2Mode })?;
    // A scenario of SMB1 that has no axis for it takes a server at its default.
    if smb1 && case.server.signing == Signing::NotRequired && word != "required" {
        return None;
    }
    Some((word, smb1))
}

/// What a signing policy comes to in SMB2, where enabled and disabled are the same.
const fn smb2_word(signing: Signing) -> &'static str {
    match signing {
        Signing::Required => "required",
        _ => "not-required",
    }
}

#[cfg(test)]
mod tests;
