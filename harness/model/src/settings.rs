//! Windows' own settings of signing, as they stand in the registry.
//!
//! Since Windows 11 build 25381 a value that is *absent* does not mean "not required": it means the default of the edition. So
//! what settings do not say is left as it was.

use crate::client::{Basis, KnownClient, Sourced};
use crate::profile::ClientProfile;
use crate::words::{Dialect, GuestPolicy, Signing};
use std::collections::BTreeMap;
use std::fmt;

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

/// What a client's settings are called in its slug, which is part of the name of a file.
const SHORT: &[(&str, &str)] = &[
    ("RequireSecuritySignature", "require"),
    ("EnableSecuritySignature", "enable"),
    ("AllowInsecureGuestAuth", "guest"),
    ("MinSmb2Dialect", "min"),
    ("MaxSmb2Dialect", "max"),
];

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, value)) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

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

    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A client that people use as these settings make it, under a name of its own: its slug followed by the settings, so that
    /// two such clients are never mistaken for each other.
    ///
    /// # Errors
    /// They leave it no dialect.
    pub fn made(&self, client: &KnownClient) -> Result<KnownClient, SettingsError> {
        let profile = self.applied(&client.profile());
        if profile.dialects.is_empty() {
            let mend = format!("{} speaks nothing within these limits: widen them", client.id);
            return Err(SettingsError { setting: self.to_string(), mend });
        }
        let from = format!("given: {self}");
        let mut made = client.clone();
        made.title = format!("{}, {self}", client.title);
        for (key, value) in &self.0 {
            let value = dialect(value).map_or_else(|| value.clone(), |dialect| dialect.to_string());
            let short = SHORT.iter().find(|(name, _)| name == key).map_or(key.as_str(), |(_, short)| short);
            made.id = format!("{}_{short}{value}", made.id);
        }
        if made.dialects.is != profile.dialects {
            made.dialects = Sourced { is: profile.dialects, basis: Basis::Documented, from: from.clone() };
        }
        if made.signing.is != profile.signing {
            made.signing = Sourced { is: profile.signing, basis: Basis::Documented, from: from.clone() };
        }
        if made.guest.is != profile.guest {
            made.guest = Sourced { is: profile.guest, basis: Basis::Documented, from };
        }
        Ok(made)
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

    const KNOWN: &str = "title = \"t\"\n\
        dialects = { is = [\"2.1\", \"3.1.1\"], basis = \"documented\", from = \"d\" }\n\
        signing = { is = \"required\", basis = \"published\", from = \"p\" }\n\
        algorithms = { is = [], basis = \"assumed\", from = \"a\" }\n\
        ciphers = { is = [], basis = \"assumed\", from = \"a\" }\n\
        guest = { is = \"blocked\", basis = \"assumed\", from = \"a\" }\n\
        generation = { is = \"smb2\", basis = \"assumed\", from = \"a\" }\n\
        logon = { is = \"ntlm\", basis = \"assumed\", from = \"a\" }\n\
        hardened = { is = [], basis = \"assumed\", from = \"a\" }\n";

    #[test]
    fn a_client_that_is_set_otherwise_is_another_one() {
        let known = KnownClient::parse("c", "c.toml", KNOWN).unwrap();
        let settings = Settings::of_client("MaxSmb2Dialect=0x302, requiresecuritysignature=0").unwrap();
        let made = settings.made(&known).unwrap();
        assert_eq!(made.id, "c_max3.0.2_require0");
        assert!(crate::case::is_slug(&made.id));
        assert_eq!(made.title, "t, MaxSmb2Dialect=0x302,RequireSecuritySignature=0");
        assert_eq!(
            (made.signing.is, made.dialects.is.as_slice()),
            (Signing::NotRequired, &[Dialect::Smb21][..])
        );
        assert!(made.signing.from.contains("RequireSecuritySignature=0"));
        // What they do not say stays as it is known, with its source.
        assert_eq!(made.guest, known.guest);
        let none = Settings::of_client("MinSmb2Dialect=3.0,MaxSmb2Dialect=3.0").unwrap();
        assert!(none.made(&known).unwrap_err().to_string().contains("widen them"));
    }

    #[test]
    fn what_only_clients_have() {
        assert!(Settings::of_server("AllowInsecureGuestAuth=1").is_err());
    }
}
