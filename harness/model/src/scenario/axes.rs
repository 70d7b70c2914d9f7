//! The axes a scenario varies.

use crate::software::Setting;
use crate::words::{
    Algorithm, Dialect, DialectRange, ExtendedSecurity, Generation, GuestMapping, GuestPolicy, Login,
    Mapping, Signing,
};
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// The axes a scenario varies. An axis that is absent has its default and does not appear in the id.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AxisValues {
    /// The client's signing policy.
    pub client: Option<Vec<Signing>>,
    /// The server's signing policy.
    #[serde(rename = "server.signing")]
    pub server_signing: Option<Vec<Signing>>,
    /// Which of SMB1's two policy tables the client follows.
    pub generation: Option<Vec<Generation>>,
    /// Whether an SMB1 client logs on with SPNEGO tokens ([MS-SMB] 3.2.4.2.4).
    pub extended_security: Option<Vec<ExtendedSecurity>>,
    /// The one dialect the client offers; with a multi-protocol NEGOTIATE the newest.
    pub dialect: Option<Vec<Dialect>>,
    /// The one algorithm the client offers, or uses where the dialect knows no offer.
    pub algorithm: Option<AlgorithmAxis>,
    /// The dialects the server is set to.
    #[serde(rename = "server.dialects")]
    pub server_dialects: Option<Vec<DialectRange>>,
    /// When the server maps to guest.
    #[serde(rename = "server.guest")]
    pub server_guest: Option<Vec<GuestMapping>>,
    /// Whether the client takes guest sessions.
    #[serde(rename = "client.guest")]
    pub client_guest: Option<Vec<GuestPolicy>>,
    /// What the client logs on with.
    pub login: Option<Vec<Login>>,
    /// Which client it is: its dialects, signing policy, algorithms and guest policy are its own, and the axes about these are
    /// not there.
    pub profile: Option<ProfileAxis>,
    /// Which of the clients that people run does it: it is driven through the recorder, and does what it does.
    pub software: Option<SoftwareAxis>,
    /// What that client's signing is set to.
    pub setting: Option<Vec<Setting>>,
    /// What the client asks of the share besides its policy.
    pub mapping: Option<Vec<Mapping>>,
    /// A named list of algorithm ids to offer at 3.1.1; see [`super::Scenario::offers`].
    pub offer: Option<Vec<String>>,
    /// Which of the things that the steps can do wrong on purpose is done: words of the scenario's own, for the `when`
    /// of its steps.
    pub deviation: Option<Vec<String>>,
    /// What somebody between client and server does who knows no secret; `countersign list attacks` has the words.
    pub attack: Option<Vec<String>>,
    /// What makes a faulty server out of the target; `countersign list defects` has the words.
    pub defect: Option<Vec<String>>,
}

impl AxisValues {
    /// Every axis name.
    pub const NAMES: &'static [&'static str] = &[
        "client",
        "server.signing",
        "generation",
        "extended-security",
        "dialect",
        "algorithm",
        "server.dialects",
        "server.guest",
        "client.guest",
        "login",
        "profile",
        "software",
        "setting",
        "mapping",
        "offer",
        "deviation",
        "attack",
        "defect",
    ];

    /// Every axis that is there, with its words.
    pub(super) fn words(&self) -> Vec<(&'static str, Vec<String>)> {
        fn words<T: fmt::Display>(
            name: &'static str,
            values: Option<&Vec<T>>,
        ) -> Option<(&'static str, Vec<String>)> {
            values.map(|values| (name, values.iter().map(ToString::to_string).collect()))
        }
        let each = vec!["each".to_owned()];
        let profiles = match &self.profile {
            Some(ProfileAxis::These(these)) => words("profile", Some(these)),
            Some(ProfileAxis::Each) => Some(("profile", each.clone())),
            None => None,
        };
        let software = match &self.software {
            Some(SoftwareAxis::These(these)) => words("software", Some(these)),
            Some(SoftwareAxis::Each) => Some(("software", each.clone())),
            None => None,
        };
        let algorithms = match &self.algorithm {
            Some(AlgorithmAxis::These(these)) => words("algorithm", Some(these)),
            Some(AlgorithmAxis::Each) => Some(("algorithm", each)),
            None => None,
        };
        [
            words("client", self.client.as_ref()),
            words("server.signing", self.server_signing.as_ref()),
            words("generation", self.generation.as_ref()),
            words("extended-security", self.extended_security.as_ref()),
            words("dialect", self.dialect.as_ref()),
            algorithms,
            words("server.dialects", self.server_dialects.as_ref()),
            words("server.guest", self.server_guest.as_ref()),
            words("client.guest", self.client_guest.as_ref()),
            words("login", self.login.as_ref()),
            profiles,
            software,
            words("setting", self.setting.as_ref()),
            words("mapping", self.mapping.as_ref()),
            words("offer", self.offer.as_ref()),
            words("deviation", self.deviation.as_ref()),
            words("attack", self.attack.as_ref()),
            words("defect", self.defect.as_ref()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// `algorithm = "each"`, or a list: every algorithm the dialect allows, or these where it does.
pub type AlgorithmAxis = EachOr<Algorithm>;

/// `profile = "each"`, or a list: every client there is, or these by their ids.
pub type ProfileAxis = EachOr<String>;

/// `software = "each"`, or a list: every client that can be run, or these by their ids.
pub type SoftwareAxis = EachOr<String>;

/// `"each"`, or a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EachOr<T> {
    /// Every one there is.
    Each,
    /// These.
    These(Vec<T>),
}

// Written by hand because an untagged enum would answer a typing slip with "data did not match any variant".
impl<'de, T: Deserialize<'de>> Deserialize<'de> for EachOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Axis<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Axis<T> {
            type Value = EachOr<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"each\" or a list of words")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<EachOr<T>, E> {
                if text == "each" {
                    Ok(EachOr::Each)
                } else {
                    Err(E::invalid_value(de::Unexpected::Str(text), &self))
                }
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<EachOr<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(EachOr::These(all))
            }
        }
        deserializer.deserialize_any(Axis(PhantomData))
    }
}

/// One id in an offer: the name of an algorithm or a number that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedId(pub u16);

impl<'de> Deserialize<'de> for OfferedId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl Visitor<'_> for Id {
            type Value = OfferedId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an SMB2 signing algorithm or a 16-bit number")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OfferedId, E> {
                let algorithm: Algorithm = text.parse().map_err(E::custom)?;
                algorithm
                    .smb2_id()
                    .map(OfferedId)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<OfferedId, E> {
                u16::try_from(number)
                    .map(OfferedId)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }
        deserializer.deserialize_any(Id)
    }
}
