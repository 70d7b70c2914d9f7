//! Invariants: what must hold in every case, whatever its scenario.
//!
//! One file per invariant, one line in a registry. Id, title, citation and level stand beside the code that checks.

mod break_unsigned;
mod cancel_unanswered;
mod cancel_verified;
mod client_signs;
mod encrypt_data;
mod final_setup_signed;
mod interim_signature_zero;
mod multi_protocol;
mod preauth_context;
mod response_signed;
mod salt_unique;
mod security_mode_enabled;
mod security_mode_required;
mod signature_field_zero;
mod signed_without_reason;
mod signing_algorithm;
mod smb1;
mod validate_negotiate;
mod well_formed;

use crate::view::View;
use model::{CheckLevel, Finding, FrameRef, Subject};
use smb::follow::Message;
use smb::wire::Command;

/// Every invariant: those of SMB2 and SMB3 in the order of a connection's life, then those of SMB1.
pub fn invariants() -> impl Iterator<Item = &'static Invariant> {
    SMB2.iter().chain(smb1::INVARIANTS)
}

const SMB2: &[Invariant] = &[
    well_formed::RULE,
    multi_protocol::RULE,
    security_mode_enabled::RULE,
    security_mode_required::RULE,
    preauth_context::RULE,
    salt_unique::RULE,
    signing_algorithm::RULE,
    final_setup_signed::RULE,
    encrypt_data::RULE,
    response_signed::RULE,
    signed_without_reason::RULE,
    signature_field_zero::RULE,
    interim_signature_zero::RULE,
    break_unsigned::RULE,
    cancel_verified::RULE,
    cancel_unanswered::RULE,
    validate_negotiate::RULE,
    client_signs::RULE,
];

/// One rule that holds in every case.
pub struct Invariant {
    /// Its id, as it stands in results and expectations.
    pub id: &'static str,
    /// One sentence that says what holds.
    pub title: &'static str,
    /// How strongly the specification speaks.
    pub level: CheckLevel,
    /// Whose duty it is.
    pub subject: Subject,
    /// The sections it rests on.
    pub cites: &'static [&'static str],
    /// Looks at the evidence and reports.
    pub check: fn(&View<'_>, &mut Report<'_>),
}

/// What an invariant found in one case.
pub struct Report<'r> {
    rule: &'r Invariant,
    checks: u64,
    findings: Vec<Finding>,
    /// Those that are no more than notes.
    notes: Vec<Finding>,
    /// How many of each are beyond [`MOST`].
    more: [u64; 2],
}

/// A hostile server can break a rule with every message: beyond this many findings of one rule, the last says how many
/// more there are.
const MOST: usize = 100;

impl<'r> Report<'r> {
    pub(crate) const fn new(rule: &'r Invariant) -> Self {
        Self { rule, checks: 0, findings: Vec::new(), notes: Vec::new(), more: [0; 2] }
    }

    /// Counts one place where the rule applies and, unless `holds`, reports it with what was expected and what was
    /// there.
    pub fn check(
        &mut self,
        at: FrameRef,
        holds: bool,
        expected: impl Into<String>,
        got: impl FnOnce() -> String,
    ) {
        self.check_at(self.rule.level, at, holds, expected, got);
    }

    /// The same where the place says how strongly it is meant: a note never decides a verdict.
    pub(crate) fn check_at(
        &mut self,
        level: CheckLevel,
        at: FrameRef,
        holds: bool,
        expected: impl Into<String>,
        got: impl FnOnce() -> String,
    ) {
        self.checks += 1;
        let [deciding, noted] = &mut self.more;
        let (list, more) = match level {
            CheckLevel::Info => (&mut self.notes, noted),
            _ => (&mut self.findings, deciding),
        };
        if !holds && list.len() == MOST {
            *more += 1;
        } else if !holds {
            list.push(Finding {
                rule: self.rule.id.to_owned(),
                level,
                subject: self.rule.subject,
                at: Some(at),
                expected: expected.into(),
                got: got(),
                cites: self.rule.cites.iter().map(|cite| (*cite).to_owned()).collect(),
            });
        }
    }

    pub(crate) fn into_parts(mut self) -> (u64, Vec<Finding>) {
        for (list, more) in [&mut self.findings, &mut self.notes].into_iter().zip(self.more) {
            if let Some(last) = list.last_mut().filter(|_| more > 0) {
                last.got = format!("{}; the same is so in {more} more places, not listed", last.got);
            }
        }
        self.findings.append(&mut self.notes);
        (self.checks, self.findings)
    }
}

/// The signature field of a header: what a finding about a signature points at ([MS-SMB2] 2.2.1.2).
const SIGNATURE_BYTES: (u32, u32) = (48, 64);

/// The place of a message's signature.
const fn signature_of(at: FrameRef) -> FrameRef {
    FrameRef { bytes: Some(SIGNATURE_BYTES), ..at }
}

/// How strongly what is wrong with the signature of a response counts, by what asked for it. Whether an answer is announced
/// depends on how fast the server is, and a verdict must not: that of an interim response is a note. The client waits for the
/// announcement of a CHANGE_NOTIFY however long it takes, so that one comes wherever the server announces anything.
fn level_of(response: &Message, request: Option<&Message>) -> CheckLevel {
    match request {
        Some(request) if response.is_interim() && request.command() != Command::CHANGE_NOTIFY => {
            CheckLevel::Info
        }
        _ => CheckLevel::Must,
    }
}

/// What a signature is, for a finding.
fn describe(signature: smb::follow::Signature) -> String {
    use smb::follow::Signature;
    match signature {
        Signature::Unsigned { .. } => "SMB2_FLAGS_SIGNED is clear".to_owned(),
        Signature::Valid(algorithm) => format!("a valid {algorithm} signature"),
        Signature::Invalid { expected, got } => {
            format!("signature {} where the bytes should carry {}", hex(&got), hex(&expected))
        }
        Signature::NoKey => "signed with no key to verify it with".to_owned(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_every_rule_cites() {
        let all: Vec<&Invariant> = invariants().collect();
        for (i, rule) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|other| other.id != rule.id), "{}", rule.id);
            assert!(!rule.cites.is_empty(), "{}", rule.id);
            assert!(rule.cites.iter().all(|cite| cite.starts_with("MS-")), "{}", rule.id);
        }
    }
}
