//! Windows' own settings of signing, as they stand in the registry.
//!
//! Since Windows 11 build 25381 a value that is *absent* does not mean "not required": it means the default of the edition. So
//! what settings do not say is left as it was.

use crate::profile::ClientProfile;
use crate::words::{Dialect, GuestPolicy, Signing};
use std::collections::BTreeMap;

/// A setting that cannot be used. Displays the place and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{setting}`: {mend}")]
pub struct SettingsError {
    /// The setting as it was given.
    pub setting: String,
    /// What to do about it.
    pub mend: String,
}

/// The values of one side, `KEY=VALUE,...`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings(BTreeMap<String, String>);

/// What a server can be set to by them.
const SERVER: &[&str] = &["RequireSecuritySignature", "EnableSecuritySignature"];
/// What a client can.
const CLIENT: &[&str] = &[
    "RequireSecuritySignature",
    "EnableSecuritySignature",
    "AllowInsecureGuestAuth",
    "MinSmb2Dialect",
    "MaxSmb2Dialect",
];

impl Settings {
    /// Reads the settings of a client (LanmanWorkstation\Parameters).
    ///
    /// # Errors
    /// A key that there is not, a value that it does not take, or a key twice.
    pub fn of_client(text: &str) -> Result<Self, SettingsError> {
        Self::parse(text, CLIENT)
    }

    /// Reads the settings of a server (LanmanServer\Parameters).
    ///
    /// # Errors
    /// A key that there is not, a value that it does not take, or a key twice.
    pub fn of_server(text: &str) -> Result<Self, SettingsError> {
        Self::parse(text, SERVER)
    }

    fn parse(text: &str, known: &[&str]) -> Result<Self, SettingsError> {
        let mut all = BTreeMap::new();
        for setting in text.split(',').map(str::trim).filter(|setting| !setting.is_empty()) {
            let error = |mend: String| SettingsError { setting: setting.to_owned(), mend };
            let (key, value) =
                setting.split_once('=').ok_or_else(|| error("write it KEY=VALUE".to_owned()))?;
            let name = known.iter().find(|name| name.eq_ignore_ascii_case(key.trim()));
            let name = name.ok_or_else(|| error(format!("the keys are {}", known.join(", "))))?;
            let value = value.trim();
            if name.ends_with("Smb2Dialect") {
                dialect(value).ok_or_else(|| {
                    error("it takes 0x202, 0x210, 0x300, 0x302 or 0x311, or the dialect's word".to_owned())
                })?;
            } else if !["0", "1"].contains(&value) {
                return Err(error("it takes 0 or 1".to_owned()));
            }
            if all.insert((*name).to_owned(), value.to_owned()).is_some() {
                return Err(error("it is there twice".to_owned()));
            }
        }
        Ok(Self(all))
    }

    /// The policy that RequireSecuritySignature and EnableSecuritySignature make; `own` where they say nothing. What SMB1 makes
    /// of the second is nothing to SMB2 ([`crate::signing_rule`]).
    #[must_use]
    pub fn signing(&self, own: Signing) -> Signing {
        let set = |key: &str| self.0.get(key).map(|value| value == "1");
        match (set("RequireSecuritySignature"), set("EnableSecuritySignature")) {
            (Some(true), _) => Signing::Required,
            (None, _) if own == Signing::Required => Signing::Required,
            (_, Some(true)) => Signing::Enabled,
            (_, Some(false)) => Signing::Disabled,
            (Some(false), None) if own == Signing::Required => Signing::NotRequired,
            (_, None) => own,
        }
    }

    /// A client as these settings make it.
    #[must_use]
    pub fn applied(&self, client: &ClientProfile) -> ClientProfile {
        let limit = |key: &str| self.0.get(key).and_then(|value| dialect(value));
        let (lowest, highest) = (limit("MinSmb2Dialect"), limit("MaxSmb2Dialect"));
        let within = |dialect: &Dialect| {
            // They say nothing of SMB1.
            *dialect == Dialect::Nt1
                || lowest.is_none_or(|lowest| *dialect >= lowest)
                    && highest.is_none_or(|highest| *dialect <= highest)
        };
        ClientProfile {
            signing: self.signing(client.signing),
            guest: match self.0.get("AllowInsecureGuestAuth").map(String::as_str) {
                Some("1") => GuestPolicy::Allowed,
                Some(_) => GuestPolicy::Blocked,
                None => client.guest,
            },
            dialects: client.dialects.iter().copied().filter(within).collect(),
            ..client.clone()
        }
    }
}

fn dialect(value: &str) -> Option<Dialect> {
    Some(match value.to_ascii_lowercase().as_str() {
        "0x202" | "0x0202" | "514" => Dialect::Smb202,
        "0x210" | "0x0210" | "528" => Dialect::Smb21,
        "0x300" | "0x0300" | "768" => Dialect::Smb30,
        "0x302" | "0x0302" | "770" => Dialect::Smb302,
        "0x311" | "0x0311" | "785" => Dialect::Smb311,
        word => word.parse().ok().filter(|dialect| *dialect != Dialect::Nt1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("RequireSecuritySignature=1,EnableSecuritySignature=0", Signing::NotRequired, Signing::Required)]
    #[case("RequireSecuritySignature=0,EnableSecuritySignature=1", Signing::Required, Signing::Enabled)]
    #[case("RequireSecuritySignature=0,EnableSecuritySignature=0", Signing::Required, Signing::Disabled)]
    #[case("RequireSecuritySignature=0", Signing::Required, Signing::NotRequired)]
    #[case("RequireSecuritySignature=0", Signing::Enabled, Signing::Enabled)]
    // A value that is absent is the edition's, not 0.
    #[case("EnableSecuritySignature=0", Signing::Required, Signing::Required)]
    #[case("", Signing::Required, Signing::Required)]
    fn what_both_keys_make(#[case] text: &str, #[case] own: Signing, #[case] made: Signing) {
        assert_eq!(Settings::of_client(text).unwrap().signing(own), made);
    }

    #[rstest]
    #[case("RequireSecuritySignature", "KEY=VALUE")]
    #[case("RequireSecuritySignature=2", "0 or 1")]
    #[case("RequireSignature=1", "the keys are")]
    #[case("MaxSmb2Dialect=3", "0x311")]
    #[case("MaxSmb2Dialect=nt1", "0x311")]
    #[case("requiresecuritysignature=1,RequireSecuritySignature=1", "twice")]
    fn mistakes_name_the_setting(#[case] text: &str, #[case] says: &str) {
        let error = Settings::of_client(text).unwrap_err().to_string();
        assert!(error.contains(says) && error.starts_with("setting `"), "{error}");
    }

    #[test]
    fn what_only_clients_have() {
        assert!(Settings::of_server("AllowInsecureGuestAuth=1").is_err());
    }
}
