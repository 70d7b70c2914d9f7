//! Things done wrong on purpose, as data.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing done wrong on purpose, in the one request of a step. The client that does it knows better: it signs as it
/// should and then breaks that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Deviation {
    /// In a scenario file only: the one that the cell's `deviation` axis names in `[deviations]`.
    ByAxis,
    /// The signature is another one.
    Signature(WrongSignature),
    /// SMB1: it is signed with a sequence number that is so much off ([MS-CIFS] 3.2.4.1.3).
    Sequence(i32),
    /// The flag that says that the message is signed.
    Flag(WrongFlag),
    /// SMB2: what NEGOTIATE says; of the step `negotiate`, and of no other.
    Negotiate(WrongNegotiate),
    /// SMB2: how the client logs on; of the steps `session-setup` and `failed-setup`, and of no others.
    Setup(WrongSetup),
    /// SMB2: what FSCTL_VALIDATE_NEGOTIATE_INFO says; of the step `validate-negotiate`, and of no other.
    Validate(WrongValidate),
    /// SMB2: a byte between two requests of a compound is changed after signing ([MS-SMB2] 3.1.4.1); of the step
    /// `compound-unrelated`, and of no other.
    Padding,
    /// SMB2: a field of the header is changed after signing ([MS-SMB2] 2.2.1.2).
    Header(HeaderField),
    /// SMB2: this byte of the body, from 0, is changed after signing; of a shorter body the last.
    Body(u16),
    /// SMB2: it names another session ([MS-SMB2] 3.3.5.2.9), and is signed over that.
    Session(WrongSession),
    /// SMB2: its MessageId is one that was used ([MS-SMB2] 3.3.5.2.3), and it is signed over that.
    MessageId(WrongMessageId),
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongSignature {
    /// The first bit is another.
    FlipBit,
    /// A bit of this byte is another; from 0 to 15, in SMB1 to 7.
    Byte(u8),
    /// It is zero, and the flag says that there is one.
    Zero,
    /// It is made of random bytes.
    Random,
    /// There is none: the field is zero, and so is the flag.
    Missing,
    /// SMB2: it is made with another algorithm than the connection's.
    OtherAlgorithm,
    /// It is made with a key that nobody has.
    WrongKey,
    /// SMB 3.x: it is made with the session key itself, not with what is derived from it.
    SessionKey,
    /// SMB2: it is made with the key of the session before `second-session`.
    OtherSession,
    /// SMB2: it is there although the session has no key, as that of a guest ([MS-SMB2] 3.3.5.2.4).
    WithoutKey,
    /// AES-128-GMAC: the nonce says that the server sent it ([MS-SMB2] 3.1.4.1).
    ServerRole,
    /// AES-128-GMAC: the nonce says that it is an SMB2 CANCEL ([MS-SMB2] 3.1.4.1).
    CancelBit,
}

/// What is wrong with a NEGOTIATE request, or only unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongNegotiate {
    /// Two SMB2_SIGNING_CAPABILITIES contexts ([MS-SMB2] 3.3.5.4).
    SigningTwice,
    /// SigningAlgorithmCount is 0 ([MS-SMB2] 3.3.5.4).
    SigningCountZero,
    /// The data of SMB2_SIGNING_CAPABILITIES are shorter than its structure ([MS-SMB2] 3.3.5.4).
    SigningShort,
    /// SigningAlgorithmCount is beyond what the context holds ([MS-SMB2] 3.3.5.2.6).
    SigningOverrun,
    /// No SMB2_PREAUTH_INTEGRITY_CAPABILITIES context at 3.1.1 ([MS-SMB2] 3.3.5.4).
    PreauthMissing,
    /// Two SMB2_PREAUTH_INTEGRITY_CAPABILITIES contexts ([MS-SMB2] 3.3.5.4).
    PreauthTwice,
    /// A hash that does not exist, alone ([MS-SMB2] 3.3.5.4).
    UnknownHash,
    /// SMB2_FLAGS_SIGNED, and something in the Signature ([MS-SMB2] 3.3.5.2.4).
    Signed,
    /// No dialect at all ([MS-SMB2] 3.3.5.4).
    NoDialect,
    /// It is the second one of the connection, after one that was granted ([MS-SMB2] 3.3.5.4).
    Again,
    /// A context of a type that is to be ignored besides the others ([MS-SMB2] 2.2.3.1).
    UnknownContext,
    /// The contexts in reverse order ([MS-SMB2] 2.2.3.1).
    Reversed,
    /// SMB2_SIGNING_CAPABILITIES where 3.1.1 is not offered ([MS-SMB2] 2.2.3).
    SigningAtOlderDialect,
    /// SMB2_ENCRYPTION_CAPABILITIES with AES-256-GCM, which nothing is encrypted with: keys that sign stay as long as they
    /// are ([MS-SMB2] 2.2.3.1.2, 3.3.5.5.3).
    Aes256,
}

impl WrongNegotiate {
    /// Whether the server grants such a request as any other.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        matches!(self, Self::UnknownContext | Self::Reversed | Self::SigningAtOlderDialect | Self::Aes256)
    }
}

/// What is wrong with a logon, or only unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongSetup {
    /// A client that requires signing says so in NEGOTIATE alone ([MS-SMB2] 3.3.5.4: Connection.ShouldSign).
    RequiredInNegotiate,
    /// A client that requires signing says so in SESSION_SETUP alone ([MS-SMB2] 3.3.5.5.3).
    RequiredInSetup,
    /// SecurityMode has no bit at all, which is as good as SMB2_NEGOTIATE_SIGNING_ENABLED ([MS-SMB2] 2.2.3, 2.2.5).
    NoMode,
    /// NTLM without NTLMSSP_NEGOTIATE_KEY_EXCH: the session key is the one that the proof is made of ([MS-NLMP] 3.1.5.1.2).
    NoKeyExchange,
    /// The first SESSION_SETUP says that it is signed, with SessionId 0 ([MS-SMB2] 3.3.5.2.4).
    Signed,
    /// Before the proof is sent, another command is ([MS-SMB2] 3.3.5.2.9).
    CommandBetween,
}

impl WrongSetup {
    /// Whether the session is granted all the same.
    #[must_use]
    pub const fn is_granted(self) -> bool {
        !matches!(self, Self::Signed | Self::CommandBetween)
    }
}

/// What is wrong with FSCTL_VALIDATE_NEGOTIATE_INFO ([MS-SMB2] 3.3.5.15.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongValidate {
    /// MaxOutputResponse has no room for the answer.
    SmallOutput,
    /// It has a dialect that nobody knows, and no other.
    Dialects,
    /// It has a dialect that nobody knows besides those of NEGOTIATE: only servers that implement 3.1.1 compare the lists.
    MoreDialects,
    /// It has another Guid.
    Guid,
    /// It has another SecurityMode.
    SecurityMode,
    /// It has other Capabilities.
    Capabilities,
}

/// What is wrong with the flag of a signed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongFlag {
    /// It was cleared after signing: the signature is kept and is that of the message with the flag.
    Dropped,
}

/// A field of the SMB2 header, in its order ([MS-SMB2] 2.2.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeaderField {
    /// ProtocolId.
    ProtocolId,
    /// StructureSize.
    StructureSize,
    /// CreditCharge.
    CreditCharge,
    /// ChannelSequence; at 2.x the Status, which is reserved in a request.
    ChannelSequence,
    /// Command.
    Command,
    /// CreditRequest.
    CreditRequest,
    /// A flag without a name.
    Flags,
    /// NextCommand.
    NextCommand,
    /// MessageId.
    MessageId,
    /// ProcessId, which is reserved.
    ProcessId,
    /// TreeId.
    TreeId,
    /// SessionId.
    SessionId,
}

impl HeaderField {
    /// Whether a message in which it is changed is none of SMB2 any more.
    #[must_use]
    pub const fn says_that_it_is_one(self) -> bool {
        matches!(self, Self::ProtocolId | Self::StructureSize | Self::NextCommand)
    }

    /// Where its bytes are, from the start of the header.
    #[must_use]
    pub const fn bytes(self) -> std::ops::Range<usize> {
        match self {
            Self::ProtocolId => 0..4,
            Self::StructureSize => 4..6,
            Self::CreditCharge => 6..8,
            Self::ChannelSequence => 8..10,
            Self::Command => 12..14,
            Self::CreditRequest => 14..16,
            Self::Flags => 16..20,
            Self::NextCommand => 20..24,
            Self::MessageId => 24..32,
            Self::ProcessId => 32..36,
            Self::TreeId => 36..40,
            Self::SessionId => 40..48,
        }
    }
}

/// What is wrong with the session of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongSession {
    /// Its SessionId is one that the server never gave.
    Unknown,
    /// Its SessionId is that of the case's session, which is of another connection ([MS-SMB2] 3.3.5.2.4); of the step
    /// `elsewhere`, and of no other.
    Elsewhere,
    /// The same, unsigned.
    ElsewhereUnsigned,
    /// It is bound to the other connection ([MS-SMB2] 3.3.5.5), and signed, which a session without a key cannot be; of the
    /// step `elsewhere`, and of no other.
    Bind,
    /// The same, unsigned.
    BindUnsigned,
}

impl WrongSession {
    /// Whether it is about a session of another connection.
    #[must_use]
    pub const fn is_elsewhere(self) -> bool {
        !matches!(self, Self::Unknown)
    }

    /// Whether the session is to be bound to another connection.
    #[must_use]
    pub const fn binds(self) -> bool {
        matches!(self, Self::Bind | Self::BindUnsigned)
    }
}

/// What is wrong with the MessageId of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WrongMessageId {
    /// It is the one of the request before.
    Replayed,
}

impl Deviation {
    /// Whether a client of SMB1 can do it.
    #[must_use]
    pub const fn is_of_smb1(self) -> bool {
        match self {
            Self::Signature(what) => matches!(
                what,
                WrongSignature::FlipBit
                    | WrongSignature::Byte(_)
                    | WrongSignature::Zero
                    | WrongSignature::Random
                    | WrongSignature::Missing
                    | WrongSignature::WrongKey
            ),
            Self::Sequence(_) | Self::Flag(_) | Self::ByAxis => true,
            Self::Negotiate(_)
            | Self::Setup(_)
            | Self::Validate(_)
            | Self::Padding
            | Self::Header(_)
            | Self::Body(_)
            | Self::Session(_)
            | Self::MessageId(_) => false,
        }
    }

    /// Which request of a message it is done to, where that is a compound of two: to the padding behind the first, or else
    /// to the second.
    #[must_use]
    pub const fn element(self) -> u32 {
        match self {
            Self::Padding => 0,
            _ => 1,
        }
    }

    /// Whether the signature of what it is done to is right all the same, or is none at all.
    #[must_use]
    pub const fn leaves_the_signature(self) -> bool {
        matches!(
            self,
            Self::Session(_) | Self::MessageId(_) | Self::Negotiate(_) | Self::Setup(_) | Self::Validate(_)
        )
    }

    /// Whether a client of SMB2 can do it.
    #[must_use]
    pub const fn is_of_smb2(self) -> bool {
        !matches!(self, Self::Sequence(_))
    }
}
