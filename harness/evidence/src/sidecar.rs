//! The sidecar: what the bytes cannot say by themselves.

use crate::error::EvidenceError;
use crate::files;
use model::PlannedCase;
use model::discovery::Question;
use model::software::Said;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The version of the sidecar that this crate writes, and the highest it reads.
pub const SCHEMA: u32 = 1;

/// What lies beside a `.pcapng`. It holds session keys, never a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// The version of this format.
    pub schema: u32,
    /// The plan's entry.
    pub case: PlannedCase,
    /// The server's real address and port, since the `.pcapng` says 445.
    pub server: String,
    /// Every session's key.
    pub session_keys: Vec<SessionKey>,
    /// Which step sent which bytes.
    pub steps: Vec<StepRecord>,
    /// What was asked, where this is a discovery: its steps are these questions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<Question>,
    /// What the client said of its work, where it is one that people run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// Where the server's log is, relative to the run folder.
    pub server_log: Option<String>,
    /// Why the harness stopped early. Text for people: a verdict names it as its cause and reads nothing out of it.
    pub problem: Option<String>,
    /// How much there was, so that a loss shows wherever it is. Filled in by [`Recorder::write`](crate::Recorder::write).
    pub recorded: Recorded,
}

impl Sidecar {
    /// A sidecar with nothing but its case and the server's real address.
    #[must_use]
    pub fn new(case: PlannedCase, server: impl Into<String>) -> Self {
        Self {
            schema: SCHEMA,
            case,
            server: server.into(),
            session_keys: Vec::new(),
            steps: Vec::new(),
            questions: Vec::new(),
            said: None,
            server_log: None,
            problem: None,
            recorded: Recorded::default(),
        }
    }

    /// Reads the sidecar of `pcapng`.
    pub(crate) fn read_beside(pcapng: &Path) -> Result<Self, EvidenceError> {
        const MEND: &str =
            "copy both files of a case, the .pcapng and the .json beside it, or run the case again";
        let path = sidecar_path(pcapng);
        let text = files::read(&path, MAX_BYTES, MEND)?;
        let unusable = |what: String| EvidenceError::Unusable { path: path.clone(), what, mend: MEND };
        // The version decides how to read the rest: it is looked at before anything else can fail.
        let version: Version = serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))?;
        if version.schema != SCHEMA {
            let what = format!("it has schema {}, this program reads schema {SCHEMA}", version.schema);
            let mend = "use the version of countersign that wrote it";
            return Err(EvidenceError::Unusable { path: path.clone(), what, mend });
        }
        serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))
    }
}

/// A session's key, from which the judge derives all others.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionKey {
    /// The connection, as [`Recorder::connect`](crate::Recorder::connect) numbered it.
    pub connection: u32,
    /// The id the server gave it.
    #[serde(serialize_with = "id_to_text", deserialize_with = "id_from_text")]
    pub session_id: u64,
    /// The key.
    #[serde(serialize_with = "key_to_text", deserialize_with = "key_from_text")]
    pub key: [u8; 16],
}

/// Without the key: what is printed ends up in logs.
impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionKey")
            .field("connection", &self.connection)
            .field("session_id", &format_args!("{:#018x}", self.session_id))
            .finish_non_exhaustive()
    }
}

/// The bytes one step sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's index in the case.
    pub step: u32,
    /// The connection it used.
    pub connection: u32,
    /// From and to: offsets in what this connection sent to the server.
    pub sent: (u64, u64),
}

/// How much was recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Packets in the `.pcapng`.
    pub packets: u64,
    /// Every connection, in the order in which they were opened.
    pub connections: Vec<RecordedConnection>,
}

/// How much was recorded of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedConnection {
    /// The client's address as it stands in the packets.
    pub client: SocketAddr,
    /// The server's address as it stands in the packets: always port 445.
    pub server: SocketAddr,
    /// The side of an interposer that it is on: 0 the client's, 1 the server's; none where there is no interposer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leg: Option<u8>,
    /// The connection on the client's side that an interposer opened it for, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
    /// Its packets.
    pub packets: u64,
    /// Bytes the client sent.
    pub to_server: u64,
    /// Bytes the server sent.
    pub to_client: u64,
}

/// The sidecar of `pcapng`: the same name with `.json`.
#[must_use]
pub fn sidecar_path(pcapng: &Path) -> PathBuf {
    // A name without `.pcapng` may hold dots of its own (`...@samba-4.22`): only the known ending is replaced.
    if pcapng.extension().is_some_and(|extension| extension == "pcapng") {
        return pcapng.with_extension("json");
    }
    let mut name = pcapng.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// A sidecar is a few KiB; a file far beyond that is none.
const MAX_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct Version {
    schema: u32,
}

fn id_to_text<S: Serializer>(id: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{id:#018x}"))
}

fn id_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits = text.strip_prefix("0x").filter(|digits| is_hex(digits, 16));
    let value = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
    value.ok_or_else(|| D::Error::custom("a session id is 0x and 16 hexadecimal digits"))
}

fn key_to_text<S: Serializer>(key: &[u8; 16], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(*key)))
}

fn key_from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 16], D::Error> {
    let text = String::deserialize(deserializer)?;
    let value = is_hex(&text, 32).then(|| u128::from_str_radix(&text, 16).ok()).flatten();
    // Not the text itself: it may be most of a key.
    value.map(u128::to_be_bytes).ok_or_else(|| D::Error::custom("a session key is 32 hexadecimal digits"))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SessionKey {
        SessionKey { connection: 1, session_id: 0x1234, key: *b"\0SECRETSECRETS\xfe\xff" }
    }

    #[test]
    fn keys_are_text() {
        let json = serde_json::to_string(&key()).unwrap();
        let text =
            r#"{"connection":1,"session_id":"0x0000000000001234","key":"0053454352455453454352455453feff"}"#;
        assert_eq!(json, text);
        assert_eq!(serde_json::from_str::<SessionKey>(&json).unwrap(), key());
    }

    #[test]
    fn keys_are_not_printed() {
        let shown = format!("{:?}", key());
        assert_eq!(shown, "SessionKey { connection: 1, session_id: 0x0000000000001234, .. }");
    }

    #[test]
    fn broken_keys_are_errors_without_the_key() {
        let json = serde_json::to_string(&key()).unwrap();
        for (from, to) in [("0x0000", "0x000"), ("0x0000", "000000"), ("0053", "053"), ("0053", "+053")] {
            let broken = json.replace(from, to);
            assert_ne!(broken, json);
            let error = serde_json::from_str::<SessionKey>(&broken).unwrap_err().to_string();
            assert!(!error.contains("4352"), "{error}");
        }
    }

    #[test]
    fn lies_beside_its_pcapng() {
        for (pcapng, sidecar) in
            [("a/b@samba-4.22.pcapng", "a/b@samba-4.22.json"), ("b@samba-4.22", "b@samba-4.22.json")]
        {
            assert_eq!(sidecar_path(Path::new(pcapng)), Path::new(sidecar));
        }
    }
}
