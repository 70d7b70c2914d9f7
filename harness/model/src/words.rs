//! The words of the field, as they stand in case ids, axes and JSON.
//!
//! Every word matches `[A-Za-z0-9._-]+`, so ids need no escaping.

/// A word that is none of those its axis knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{word}` is not one of: {known}")]
pub struct UnknownWord {
    /// What the word was meant to be, such as "dialect".
    pub what: &'static str,
    /// The word as given.
    pub word: String,
    /// The words that exist, separated by commas.
    pub known: String,
}

macro_rules! words {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
            schemars::JsonSchema)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word of this axis, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that stands in ids, axes and JSON.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.word()) }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord { what: $what, word: word.to_owned(), known: [$($word),+].join(", ") }),
                }
            }
        }
    };
}

pub(crate) use words;

words! {
    /// A negotiated protocol revision ([MS-SMB2] 2.2.3 Dialects; [MS-CIFS] 2.2.4.52 for NT LM 0.12).
    Dialect, "dialect" {
        /// NT LM 0.12: SMB1.
        Nt1 = "nt1",
        /// SMB 2.0.2.
        Smb202 = "2.0.2",
        /// SMB 2.1.
        Smb21 = "2.1",
        /// SMB 3.0.
        Smb30 = "3.0",
        /// SMB 3.0.2.
        Smb302 = "3.0.2",
        /// SMB 3.1.1.
        Smb311 = "3.1.1",
    }
}

impl Dialect {
    /// Every dialect of SMB2 and SMB3, oldest first.
    pub const SMB2: &'static [Self] = &[Self::Smb202, Self::Smb21, Self::Smb30, Self::Smb302, Self::Smb311];

    /// Whether this dialect belongs to the SMB 3.x family.
    #[must_use]
    pub fn is_smb3(self) -> bool {
        self >= Self::Smb30
    }

    /// The signing algorithms this dialect can use, the one it uses without negotiation first
    /// (POLICY: [MS-SMB2] 3.1.4.1, [MS-CIFS] 3.1.4.1).
    #[must_use]
    pub const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Nt1 => &[Algorithm::Md5],
            Self::Smb202 | Self::Smb21 => &[Algorithm::HmacSha256],
            Self::Smb30 | Self::Smb302 => &[Algorithm::Aes128Cmac],
            Self::Smb311 => &[Algorithm::Aes128Cmac, Algorithm::HmacSha256, Algorithm::Aes128Gmac],
        }
    }
}

words! {
    /// A signing algorithm.
    Algorithm, "algorithm" {
        /// MD5 over key, challenge response and message, first 8 bytes (SMB1).
        Md5 = "md5",
        /// HMAC-SHA256, first 16 bytes.
        HmacSha256 = "hmac-sha256",
        /// AES-128-CMAC.
        Aes128Cmac = "aes-128-cmac",
        /// AES-128-GMAC.
        Aes128Gmac = "aes-128-gmac",
    }
}

impl Algorithm {
    /// The id of SMB2_SIGNING_CAPABILITIES ([MS-SMB2] 2.2.3.1.7); SMB1's MD5 has none.
    #[must_use]
    pub const fn smb2_id(self) -> Option<u16> {
        match self {
            Self::Md5 => None,
            Self::HmacSha256 => Some(0),
            Self::Aes128Cmac => Some(1),
            Self::Aes128Gmac => Some(2),
        }
    }

    /// The algorithm with this SMB2_SIGNING_CAPABILITIES id.
    #[must_use]
    pub const fn from_smb2_id(id: u16) -> Option<Self> {
        match id {
            0 => Some(Self::HmacSha256),
            1 => Some(Self::Aes128Cmac),
            2 => Some(Self::Aes128Gmac),
            _ => None,
        }
    }
}

words! {
    /// What one side's policy says of signing. SMB2 knows `required` and `not-required`; SMB1 knows `required`,
    /// `enabled` and `disabled`.
    Signing, "signing policy" {
        /// Nothing unsigned is accepted.
        Required = "required",
        /// SMB2: signing is available and not demanded.
        NotRequired = "not-required",
        /// SMB1: signs where the other side does.
        Enabled = "enabled",
        /// SMB1: does not offer signing.
        Disabled = "disabled",
    }
}

words! {
    /// Which of the three policy tables holds.
    Generation, "rule generation" {
        /// SMB 2.x and 3.x: only "required" counts.
        Smb2 = "smb2",
        /// SMB1 since KB950876 (Vista and Server 2008 on).
        Smb1Current = "smb1-current",
        /// SMB1 before it (XP, Server 2003).
        Smb1Older = "smb1-older",
    }
}

words! {
    /// Whether an SMB1 client logs on with SPNEGO tokens, or with the responses of NTLM alone ([MS-SMB] 3.2.4.2.4).
    ExtendedSecurity, "answer" {
        /// With SPNEGO tokens.
        Yes = "yes",
        /// With the responses of NTLMv2.
        No = "no",
    }
}

words! {
    /// When a server maps a failed logon to the guest account.
    GuestMapping, "guest mapping" {
        /// Never: a failed logon fails.
        Never = "never",
        /// An unknown user becomes guest.
        BadUser = "bad-user",
        /// An unknown user, and a known user with a wrong password, become guest.
        BadPassword = "bad-password",
    }
}

words! {
    /// Whether a client takes a guest session.
    GuestPolicy, "guest policy" {
        /// AllowInsecureGuestAccess TRUE ([MS-SMB2] 3.2.1.1).
        Allowed = "allowed",
        /// RejectGuestAccess TRUE ([MS-SMB2] 3.2.1.1).
        Blocked = "blocked",
    }
}

words! {
    /// What a client logs on with.
    Login, "login" {
        /// The test account and its password.
        User = "user",
        /// An account the server does not have.
        UnknownUser = "unknown-user",
        /// The test account with another password.
        WrongPassword = "wrong-password",
        /// NTLM anonymous: no user, no password ([MS-NLMP] 3.2.5.1.2).
        Anonymous = "anonymous",
    }
}

words! {
    /// What a client asks of one share besides its own policy.
    Mapping, "mapping" {
        /// Nothing.
        Ordinary = "ordinary",
        /// That it is signed: a hardened path, or a mapping with RequireIntegrity.
        RequireIntegrity = "require-integrity",
    }
}

/// The dialects a server is set to: from the lowest to the highest, such as `nt1..3.1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialectRange {
    /// The lowest.
    pub lowest: Dialect,
    /// The highest.
    pub highest: Dialect,
}

impl std::fmt::Display for DialectRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}..{}", self.lowest, self.highest))
    }
}

impl std::str::FromStr for DialectRange {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let unknown = || UnknownWord {
            what: "range of dialects",
            word: word.to_owned(),
            known: "LOWEST..HIGHEST, such as nt1..3.1.1 or 2.0.2..2.0.2".to_owned(),
        };
        let (lowest, highest) = word.split_once("..").ok_or_else(unknown)?;
        let (lowest, highest): (Dialect, Dialect) = (lowest.parse()?, highest.parse()?);
        if lowest > highest { Err(unknown()) } else { Ok(Self { lowest, highest }) }
    }
}

impl<'de> serde::Deserialize<'de> for DialectRange {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;
    use std::str::FromStr;

    #[test]
    fn every_word_is_a_slug_and_reads_back() {
        fn each<T: Copy + FromStr + PartialEq + fmt::Debug>(all: &[T], word: impl Fn(T) -> &'static str)
        where
            T::Err: fmt::Debug,
        {
            for &it in all {
                let word = word(it);
                assert!(word.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{word}");
                assert_eq!(word.parse::<T>().unwrap(), it);
            }
        }
        each(Dialect::ALL, Dialect::word);
        each(Algorithm::ALL, Algorithm::word);
        each(Signing::ALL, Signing::word);
        each(Generation::ALL, Generation::word);
        each(GuestMapping::ALL, GuestMapping::word);
        each(GuestPolicy::ALL, GuestPolicy::word);
        each(Login::ALL, Login::word);
        each(ExtendedSecurity::ALL, ExtendedSecurity::word);
    }

    #[test]
    fn ranges_of_dialects() {
        let range: DialectRange = "nt1..3.1.1".parse().unwrap();
        assert_eq!((range.lowest, range.highest), (Dialect::Nt1, Dialect::Smb311));
        assert_eq!(range.to_string(), "nt1..3.1.1");
        for bad in ["nt1", "3.0..2.1", "nt1..4", "..", "nt1...2.1"] {
            assert!(bad.parse::<DialectRange>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_unknown_word_names_the_known_ones() {
        let error = "3.2".parse::<Dialect>().unwrap_err().to_string();
        assert_eq!(error, "dialect `3.2` is not one of: nt1, 2.0.2, 2.1, 3.0, 3.0.2, 3.1.1");
    }
}
