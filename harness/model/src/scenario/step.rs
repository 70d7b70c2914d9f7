//! One step of a scenario: what to do, when, what to do wrong, and how the answer must look.

use super::deviation::Deviation;
use crate::case::Axes;
use crate::expectation::Condition;
use crate::outcome::CheckLevel;
use crate::status::NtStatus;
use crate::words::Dialect;
use schemars::JsonSchema;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One protocol action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Connects and sends SMB_COM_NEGOTIATE with the dialect strings of `protocols` ([MS-SMB2] 3.2.4.2.2.1): the server
    /// answers it in SMB1, or with the first message of SMB2.
    MultiProtocolNegotiate,
    /// Connects and sends SMB2 NEGOTIATE.
    Negotiate,
    /// SMB2: negotiates, as far as an earlier step has not, and logs on with a wrong password, before `session-setup` does
    /// with the right one.
    FailedSetup,
    /// Connects, negotiates and logs on, as far as an earlier step has not.
    SessionSetup,
    /// Mounts the share named by `share`.
    TreeConnect,
    /// FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 3.2.5.5), signed.
    ValidateNegotiate,
    /// Creates a new file of a name nobody else uses.
    Create,
    /// Writes a pattern to it.
    Write,
    /// FLUSH.
    Flush,
    /// Reads it back; the data must be what was written.
    Read,
    /// SMB 2.1 and later: writes 128 KiB to it, which takes two credits and two MessageIds ([MS-SMB2] 3.2.4.1.5).
    WriteLarge,
    /// SMB 2.1 and later: reads that back.
    ReadLarge,
    /// FileStandardInformation of it.
    QueryInfo,
    /// SMB2: FileFsAttributeInformation of it into a buffer that has no room for the whole name ([MS-SMB2] 3.3.5.20.2).
    QueryShort,
    /// SMB2: FileEndOfFileInformation of it, to the length that it has.
    SetInfo,
    /// SMB2: locks a range of it exclusively, and unlocks it.
    Lock,
    /// Lists the share's root, looking for the file.
    QueryDirectory,
    /// CLOSE with FILE_DELETE_ON_CLOSE set at CREATE: the file is gone after it.
    Delete,
    /// Opens the file again, which after `delete` must fail.
    Reopen,
    /// The same user logs on again on the connection, and what follows is in the new session.
    SecondSession,
    /// SMB1: TRANS2_QUERY_FS_INFORMATION of the share ([MS-CIFS] 2.2.6.4).
    QueryFs,
    /// SMB1: TRANS2_GET_DFS_REFERRAL for the share ([MS-CIFS] 2.2.6.16).
    DfsReferral,
    /// SMB1: opens the file, reads it and closes it in one message, a chain of three.
    OpenReadClose,
    /// Waits for a change that never comes, and cancels that: in SMB1 in the share's root, with NT_CANCEL ([MS-CIFS]
    /// 2.2.4.65), in SMB2 in a directory of its own, with CANCEL ([MS-SMB2] 3.2.4.24).
    Cancel,
    /// SMB2: waits for a change in a directory of its own, and makes it.
    ChangeNotify,
    /// SMB2: opens a file of its own with a batch oplock and once more without, and acknowledges the break of the oplock
    /// ([MS-SMB2] 3.2.5.19.1).
    OplockBreak,
    /// SMB 2.1 and later: the same with a lease ([MS-SMB2] 3.2.5.19.2).
    LeaseBreak,
    /// SMB2: creates a file of its own, asks for its FileStandardInformation and closes it, in one message ([MS-SMB2]
    /// 3.2.4.1.4).
    CompoundRelated,
    /// SMB2: two ECHO requests in one message.
    CompoundUnrelated,
    /// SMB2: creates a file of its own, reads from it, which fails because it is empty, and closes it, in one message
    /// ([MS-SMB2] 3.3.5.2.7.2).
    CompoundFailing,
    /// SMB2: opens the pipe of the server service in `IPC$`, binds to it and closes it ([MS-SRVS] 2.1).
    Pipe,
    /// SMB2: logs on once more to the session there is, whose key stays ([MS-SMB2] 3.3.5.5.2).
    Reauthenticate,
    /// SMB2: FSCTL_QUERY_NETWORK_INTERFACE_INFO ([MS-SMB2] 3.2.4.20.10), which clients ask before they open further
    /// connections.
    QueryInterfaces,
    /// SMB2: connects and negotiates once more and, where it is to deviate, mounts the share there with the case's session or
    /// binds that; then ends that connection. The case's own goes on.
    Elsewhere,
    /// SMB1: SMB_COM_READ_RAW of the file ([MS-CIFS] 2.2.4.22).
    ReadRaw,
    /// SMB2: three ECHO requests, each sent before the one before it is answered.
    Pipeline,
    /// ECHO; in SMB1 with as many answers as `count` says.
    Echo,
    /// TREE_DISCONNECT.
    TreeDisconnect,
    /// LOGOFF.
    Logoff,
}

impl Action {
    /// The word in scenario files and sidecars.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::MultiProtocolNegotiate => "multi-protocol-negotiate",
            Self::Negotiate => "negotiate",
            Self::FailedSetup => "failed-setup",
            Self::SessionSetup => "session-setup",
            Self::TreeConnect => "tree-connect",
            Self::ValidateNegotiate => "validate-negotiate",
            Self::Create => "create",
            Self::Write => "write",
            Self::Flush => "flush",
            Self::Read => "read",
            Self::WriteLarge => "write-large",
            Self::ReadLarge => "read-large",
            Self::QueryInfo => "query-info",
            Self::QueryShort => "query-short",
            Self::SetInfo => "set-info",
            Self::Lock => "lock",
            Self::QueryDirectory => "query-directory",
            Self::Delete => "delete",
            Self::Reopen => "reopen",
            Self::SecondSession => "second-session",
            Self::QueryFs => "query-fs",
            Self::DfsReferral => "dfs-referral",
            Self::OpenReadClose => "open-read-close",
            Self::Cancel => "cancel",
            Self::ChangeNotify => "change-notify",
            Self::OplockBreak => "oplock-break",
            Self::LeaseBreak => "lease-break",
            Self::CompoundRelated => "compound-related",
            Self::CompoundUnrelated => "compound-unrelated",
            Self::CompoundFailing => "compound-failing",
            Self::Pipe => "pipe",
            Self::Reauthenticate => "reauthenticate",
            Self::QueryInterfaces => "query-interfaces",
            Self::Elsewhere => "elsewhere",
            Self::ReadRaw => "read-raw",
            Self::Pipeline => "pipeline",
            Self::Echo => "echo",
            Self::TreeDisconnect => "tree-disconnect",
            Self::Logoff => "logoff",
        }
    }

    /// Whether clients of this dialect have it.
    #[must_use]
    pub const fn is_of(self, dialect: Dialect) -> bool {
        match self {
            Self::Negotiate
            | Self::ValidateNegotiate
            | Self::Flush
            | Self::QueryInfo
            | Self::QueryDirectory
            | Self::QueryShort
            | Self::SetInfo
            | Self::Lock
            | Self::ChangeNotify
            | Self::OplockBreak
            | Self::CompoundRelated
            | Self::CompoundUnrelated
            | Self::CompoundFailing
            | Self::Pipe
            | Self::FailedSetup
            | Self::QueryInterfaces
            | Self::Elsewhere
            | Self::Pipeline
            | Self::Reauthenticate => !matches!(dialect, Dialect::Nt1),
            // Multi-credit requests and leases came with 2.1 (3.2.4.1.5, 2.2.13.2.8).
            Self::WriteLarge | Self::ReadLarge | Self::LeaseBreak => {
                !matches!(dialect, Dialect::Nt1 | Dialect::Smb202)
            }
            Self::QueryFs | Self::DfsReferral | Self::OpenReadClose | Self::ReadRaw => {
                matches!(dialect, Dialect::Nt1)
            }
            _ => true,
        }
    }
}

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// What to do.
    #[serde(rename = "do")]
    pub action: Action,
    /// Which share to mount (`tree-connect`): the test share, the guests' share, or `IPC$`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareRole>,
    /// The dialect strings to offer (`multi-protocol-negotiate`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocols: Option<Vec<Protocol>>,
    /// How many answers to ask for (`echo`, SMB1); one where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u16>,
    /// Only in the cells with these axes; in all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
    /// What to do wrong on purpose; nothing where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviate: Option<Deviation>,
    /// How its answer must look; success where absent.
    #[serde(default)]
    pub expect: StepExpect,
}

impl Step {
    /// The plain step that does this and expects success.
    #[must_use]
    pub fn of(action: Action) -> Self {
        let expect = StepExpect { status: success(), or: None, level: must() };
        Self { action, share: None, protocols: None, count: None, when: None, deviate: None, expect }
    }

    /// Whether it belongs to the cell of `scenario` with these axes.
    #[must_use]
    pub fn is_in(&self, scenario: &str, axes: &Axes) -> bool {
        self.when.as_ref().is_none_or(|when| when.matches(scenario, axes))
    }
}

/// A dialect string of SMB_COM_NEGOTIATE ([MS-CIFS] 2.2.4.52.1, [MS-SMB2] 3.2.4.2.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Protocol {
    /// SMB1.
    #[serde(rename = "NT LM 0.12")]
    NtLm012,
    /// SMB 2.0.2.
    #[serde(rename = "SMB 2.002")]
    Smb2002,
    /// SMB 2.1 and what came after it: the server answers 0x02FF and waits for an SMB2 NEGOTIATE.
    #[serde(rename = "SMB 2.???")]
    Smb2Wildcard,
}

impl Protocol {
    /// The string as it is sent.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NtLm012 => "NT LM 0.12",
            Self::Smb2002 => "SMB 2.002",
            Self::Smb2Wildcard => "SMB 2.???",
        }
    }
}

/// A share by what it is for; the target says what it is called there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ShareRole {
    /// The test account may read and write.
    #[serde(rename = "share")]
    Share,
    /// Guests may read and write.
    #[serde(rename = "guest")]
    Guest,
    /// The named-pipe share every server has.
    #[serde(rename = "IPC$")]
    Ipc,
}

/// How a step's answer must look where the client got that far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepExpect {
    /// The status of the answer, or those of which it must have one. None at all where there must be no answer.
    #[serde(default = "success", deserialize_with = "one_or_more")]
    pub status: Vec<NtStatus>,
    /// What besides is right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub or: Option<Instead>,
    /// How strongly.
    #[serde(default = "must")]
    pub level: CheckLevel,
}

impl StepExpect {
    /// Whether an answer with this status is right.
    #[must_use]
    pub fn takes(&self, status: NtStatus) -> bool {
        self.status.contains(&status) || self.or == Some(Instead::Refusal) && status.is_error()
    }

    /// Whether the end of the connection is right instead of an answer.
    #[must_use]
    pub fn takes_the_end(&self) -> bool {
        matches!(self.or, Some(Instead::Disconnect | Instead::Refusal))
    }

    /// What is right, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words: Vec<String> = self.status.iter().map(ToString::to_string).collect();
        match self.or {
            Some(Instead::Disconnect) => words.push("the end of the connection".to_owned()),
            Some(Instead::Refusal) => words.push("an error, or the end of the connection".to_owned()),
            Some(Instead::DisconnectAfter) | None => {}
        }
        words.join(" or ")
    }
}

/// What may take the place of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Instead {
    /// The end of the connection, before or after the answer. The steps behind it are then not expected any more.
    Disconnect,
    /// The end of the connection, but only after the answer.
    DisconnectAfter,
    /// Any error, where the specification leaves the code to the server, and the end of the connection.
    Refusal,
}

fn success() -> Vec<NtStatus> {
    vec![NtStatus::SUCCESS]
}

const fn must() -> CheckLevel {
    CheckLevel::Must
}

/// One status, or a list of them.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NtStatus>, D::Error> {
    struct Statuses;
    impl<'de> Visitor<'de> for Statuses {
        type Value = Vec<NtStatus>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the name or the number of a status, or a list of them")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<NtStatus>, E> {
            text.parse().map(|status| vec![status]).map_err(E::custom)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<NtStatus>, A::Error> {
            let mut all = Vec::new();
            while let Some(status) = seq.next_element()? {
                all.push(status);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Statuses)
}

impl Default for StepExpect {
    fn default() -> Self {
        Self { status: success(), or: None, level: must() }
    }
}
