//! Clients that people use, as far as signing is concerned: each a file that says where every word of it comes from.

use crate::case::is_slug;
use crate::profile::{ClientProfile, SigningOffer};
use crate::words::{Algorithm, Dialect, ExtendedSecurity, Generation, GuestPolicy, Signing, words};
use serde::{Deserialize, Serialize};

words! {
    /// How well a field of a client is known.
    Basis, "basis" {
        /// The specification or the vendor's documentation says so.
        Documented = "documented",
        /// The vendor's people have published it.
        Published = "published",
        /// Nobody has said it, and it fits what was said.
        Assumed = "assumed",
    }
}

words! {
    /// Which way of logging on a client tries first.
    Logon, "way of logging on" {
        /// Kerberos where it can have a ticket, else NTLM.
        Kerberos = "kerberos",
        /// NTLM.
        Ntlm = "ntlm",
    }
}

/// A field with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sourced<T> {
    /// What it is.
    pub is: T,
    /// How well that is known.
    pub basis: Basis,
    /// Where it is said.
    pub from: String,
}

/// The content of a client's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownClient {
    /// The slug: the file's name without `.toml`.
    #[serde(skip_deserializing)]
    pub id: String,
    /// What a person calls it.
    pub title: String,
    /// The dialects it offers, oldest first.
    pub dialects: Sourced<Vec<Dialect>>,
    /// Its signing policy.
    pub signing: Sourced<Signing>,
    /// The signing algorithms it offers at 3.1.1, in order; none where it sends no SMB2_SIGNING_CAPABILITIES.
    pub algorithms: Sourced<Vec<Algorithm>>,
    /// The ciphers it offers, in order, for a reader: nothing here encrypts.
    pub ciphers: Sourced<Vec<String>>,
    /// Whether it takes guest sessions.
    pub guest: Sourced<GuestPolicy>,
    /// Which policy table it follows where SMB1 is spoken.
    pub generation: Sourced<Generation>,
    /// Which way of logging on it tries first, for a reader: here every client logs on with NTLM.
    pub logon: Sourced<Logon>,
    /// The shares of which it requires signing whatever its policy.
    pub hardened: Sourced<Vec<String>>,
}

/// A client's file that cannot be used. Displays the place and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("client {file}: {message}")]
pub struct ClientError {
    /// The file's name as the reader knows it.
    pub file: String,
    /// What is wrong, with the line where it is.
    pub message: String,
}

impl KnownClient {
    /// Parses the text of a client's file; `id` is its name without `.toml`, `file` the name for messages.
    ///
    /// # Errors
    /// Unknown keys and wrong types show their line; a client without a dialect, or with the dialects out of order, says so.
    pub fn parse(id: &str, file: &str, text: &str) -> Result<Self, ClientError> {
        let error = |message: String| ClientError { file: file.to_owned(), message };
        let mut client: Self =
            toml::from_str(text).map_err(|e| error(e.to_string().trim_end().to_owned()))?;
        if !is_slug(id) {
            return Err(error("its name is not made of letters, digits, `.`, `_` and `-`".to_owned()));
        }
        if client.dialects.is.is_empty() {
            return Err(error("[dialects] is empty: a client offers at least one".to_owned()));
        }
        if !client.dialects.is.is_sorted_by(|a, b| a < b) {
            return Err(error("[dialects] names each once, the oldest first".to_owned()));
        }
        if let Some(algorithm) = client.algorithms.is.iter().find(|algorithm| algorithm.smb2_id().is_none()) {
            return Err(error(format!("[algorithms] has `{algorithm}`, which cannot be offered at 3.1.1")));
        }
        id.clone_into(&mut client.id);
        Ok(client)
    }

    /// The client in a case.
    #[must_use]
    pub fn profile(&self) -> ClientProfile {
        ClientProfile {
            id: self.id.clone(),
            dialects: self.dialects.is.clone(),
            signing: self.signing.is,
            algorithms: match self.algorithms.is.as_slice() {
                [] => SigningOffer::None,
                algorithms => SigningOffer::of(algorithms),
            },
            guest: self.guest.is,
            generation: self.generation.is,
            extended_security: ExtendedSecurity::Yes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "title = \"t\"\n\
        dialects = { is = [\"2.1\", \"3.1.1\"], basis = \"documented\", from = \"d\" }\n\
        signing = { is = \"required\", basis = \"published\", from = \"p\" }\n\
        algorithms = { is = [\"aes-128-cmac\"], basis = \"assumed\", from = \"a\" }\n\
        ciphers = { is = [], basis = \"assumed\", from = \"a\" }\n\
        guest = { is = \"blocked\", basis = \"assumed\", from = \"a\" }\n\
        generation = { is = \"smb2\", basis = \"assumed\", from = \"a\" }\n\
        logon = { is = \"ntlm\", basis = \"assumed\", from = \"a\" }\n\
        hardened = { is = [], basis = \"assumed\", from = \"a\" }\n";

    #[test]
    fn a_good_one() {
        let client = KnownClient::parse("c", "c.toml", GOOD).unwrap();
        let profile = client.profile();
        assert_eq!((profile.id.as_str(), profile.signing), ("c", Signing::Required));
        assert_eq!(profile.algorithms, SigningOffer::Ids(vec![1]));
        let none = GOOD.replace("[\"aes-128-cmac\"]", "[]");
        let client = KnownClient::parse("c", "c.toml", &none).unwrap();
        assert_eq!(client.profile().algorithms, SigningOffer::None);
    }

    #[test]
    fn mistakes_say_where_and_what() {
        let error = |text: &str| KnownClient::parse("c", "c.toml", text).unwrap_err().to_string();
        assert!(error(&GOOD.replace("guest", "geust")).contains("line 6"));
        assert!(error(&GOOD.replace("\"published\"", "\"hearsay\"")).contains("line 3"));
        assert!(error(&GOOD.replace("[\"2.1\", \"3.1.1\"]", "[]")).contains("at least one"));
        assert!(error(&GOOD.replace("\"2.1\", \"3.1.1\"", "\"3.1.1\", \"2.1\"")).contains("oldest first"));
        assert!(error(&GOOD.replace("aes-128-cmac", "md5")).contains("`md5`"));
        // Every field has a source.
        assert!(error(&GOOD.replace(", from = \"p\"", "")).contains("from"));
        assert!(KnownClient::parse("a b", "a b.toml", GOOD).is_err());
    }
}
