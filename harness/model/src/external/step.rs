//! A step: what the operator has set a server to for one run.

use crate::discovery::{Discovery, Topic};
use crate::plan::PlannedCase;
use crate::words::{DialectRange, GuestMapping, Signing};
use std::collections::BTreeMap;

/// Whether a case is one of a step: what the operator has set the server to.
///
/// # Errors
/// An axis that is no setting, or a word that it does not have.
pub fn is_of_step(case: &PlannedCase, step: &BTreeMap<String, String>) -> Result<bool, String> {
    let mut all = true;
    for (axis, word) in step {
        let unknown = |e: crate::words::UnknownWord| format!("--step {axis}={word}: {e}");
        all &= match axis.as_str() {
            "signing" => word.parse::<Signing>().map_err(unknown)? == case.server.signing,
            "guest" => word.parse::<GuestMapping>().map_err(unknown)? == case.server.guest,
            "dialects" => {
                let range: DialectRange = word.parse().map_err(unknown)?;
                let needs = case.axes.contains_key("server.dialects");
                !needs || (range.lowest, range.highest) == case.server.dialects
            }
            "encryption" => word == case.server.encryption.word(),
            _ => {
                return Err(format!(
                    "--step {axis}={word}: there is no setting `{axis}`: there are signing, guest, dialects and encryption"
                ));
            }
        };
    }
    Ok(all)
}

/// What of a step the server was not seen to be set to: the setting, and what it is instead.
#[must_use]
pub fn not_set(step: &BTreeMap<String, String>, seen: &Discovery) -> Option<String> {
    step.iter().find_map(|(axis, word)| {
        let now = match axis.as_str() {
            "signing" if matches!(word.as_str(), "enabled" | "disabled") => seen.observed(Topic::Smb1Mode),
            "signing" => seen.observed(Topic::Smb2Mode).or_else(|| seen.observed(Topic::Smb1Mode)),
            "guest" => seen.guest().map(GuestMapping::word),
            "encryption" => seen.observed(Topic::Encryption),
            _ => return None,
        };
        (now != Some(word)).then(|| {
            let now = now
                .map_or_else(|| "it could not be seen what it is".to_owned(), |now| format!("it is {now}"));
            format!("{axis} is to be {word}, and {now}")
        })
    })
}
