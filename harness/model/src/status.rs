//! NTSTATUS values by name ([MS-ERREF] 2.3.1, [MS-SMB2] 2.2.2.1 for the SMB2-only ones, [MS-CIFS] 2.2.2.4 for SMB1's own; 0xC05D0003 is in neither: it
//! comes from what Windows clients show).

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// A 32-bit NTSTATUS. Values without a name survive as numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtStatus(pub u32);

macro_rules! statuses {
    ($($name:ident = $value:literal),+ $(,)?) => {
        impl NtStatus {
            $(#[doc = concat!("STATUS_", stringify!($name), ".")] pub const $name: Self = Self($value);)+
            const NAMED: &'static [(&'static str, Self)] = &[$((stringify!($name), Self::$name)),+];
        }
    };
}

statuses! {
    SUCCESS = 0x0000_0000,
    PENDING = 0x0000_0103,
    NOTIFY_CLEANUP = 0x0000_010B,
    NOTIFY_ENUM_DIR = 0x0000_010C,
    INVALID_SMB = 0x0001_0002,
    SMB_BAD_TID = 0x0005_0002,
    SMB_BAD_COMMAND = 0x0016_0002,
    SMB_BAD_UID = 0x005B_0002,
    BUFFER_OVERFLOW = 0x8000_0005,
    NO_MORE_FILES = 0x8000_0006,
    STOPPED_ON_SYMLINK = 0x8000_002D,
    UNSUCCESSFUL = 0xC000_0001,
    NOT_IMPLEMENTED = 0xC000_0002,
    INVALID_INFO_CLASS = 0xC000_0003,
    INFO_LENGTH_MISMATCH = 0xC000_0004,
    INVALID_HANDLE = 0xC000_0008,
    INVALID_PARAMETER = 0xC000_000D,
    NO_SUCH_DEVICE = 0xC000_000E,
    NO_SUCH_FILE = 0xC000_000F,
    INVALID_DEVICE_REQUEST = 0xC000_0010,
    END_OF_FILE = 0xC000_0011,
    MORE_PROCESSING_REQUIRED = 0xC000_0016,
    ACCESS_DENIED = 0xC000_0022,
    BUFFER_TOO_SMALL = 0xC000_0023,
    OBJECT_NAME_INVALID = 0xC000_0033,
    OBJECT_NAME_NOT_FOUND = 0xC000_0034,
    OBJECT_NAME_COLLISION = 0xC000_0035,
    OBJECT_PATH_NOT_FOUND = 0xC000_003A,
    SHARING_VIOLATION = 0xC000_0043,
    FILE_LOCK_CONFLICT = 0xC000_0054,
    DELETE_PENDING = 0xC000_0056,
    NO_SUCH_USER = 0xC000_0064,
    WRONG_PASSWORD = 0xC000_006A,
    LOGON_FAILURE = 0xC000_006D,
    ACCOUNT_RESTRICTION = 0xC000_006E,
    PASSWORD_EXPIRED = 0xC000_0071,
    ACCOUNT_DISABLED = 0xC000_0072,
    INSUFFICIENT_RESOURCES = 0xC000_009A,
    MEDIA_WRITE_PROTECTED = 0xC000_00A2,
    FILE_IS_A_DIRECTORY = 0xC000_00BA,
    NOT_SUPPORTED = 0xC000_00BB,
    NETWORK_NAME_DELETED = 0xC000_00C9,
    BAD_NETWORK_NAME = 0xC000_00CC,
    REQUEST_NOT_ACCEPTED = 0xC000_00D0,
    INTERNAL_ERROR = 0xC000_00E5,
    DIRECTORY_NOT_EMPTY = 0xC000_0101,
    CANCELLED = 0xC000_0120,
    CANNOT_DELETE = 0xC000_0121,
    FILE_DELETED = 0xC000_0123,
    FILE_CLOSED = 0xC000_0128,
    LOGON_TYPE_NOT_GRANTED = 0xC000_015B,
    FS_DRIVER_REQUIRED = 0xC000_019C,
    USER_SESSION_DELETED = 0xC000_0203,
    NOT_FOUND = 0xC000_0225,
    ACCOUNT_LOCKED_OUT = 0xC000_0234,
    NETWORK_SESSION_EXPIRED = 0xC000_035C,
    INVALID_SIGNATURE = 0xC000_A000,
    SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP = 0xC05D_0000,
    SMB_BAD_CLUSTER_DIALECT = 0xC05D_0001,
    SMB_GUEST_LOGON_BLOCKED_SIGNING_REQUIRED = 0xC05D_0003,
}

impl NtStatus {
    /// The name without `STATUS_`, where there is one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(_, value)| *value == self).map(|(name, _)| *name)
    }

    /// Whether the severity bits say error ([MS-ERREF] 2.3).
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 >> 30 == 3
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "STATUS_{name}"),
            None => write!(f, "0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} (0x{:08X})", self.0)
    }
}

/// Text that is neither the name of a status nor a number such as `0xC0000022`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status: give a name such as ACCESS_DENIED or a number such as 0xC0000022")]
pub struct UnknownStatus(pub String);

impl FromStr for NtStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let name = text.strip_prefix("STATUS_").unwrap_or(text);
        if let Some((_, status)) = Self::NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(*status);
        }
        text.strip_prefix("0x")
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .map(Self)
            .ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}

impl Serialize for NtStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NtStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for NtStatus {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NtStatus".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^(STATUS_[A-Z0-9_]+|0x[0-9A-F]{8})$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_read_back() {
        for (_, status) in NtStatus::NAMED {
            assert_eq!(status.to_string().parse::<NtStatus>().unwrap(), *status);
        }
        assert_eq!("0xC0001234".parse::<NtStatus>().unwrap().to_string(), "0xC0001234");
        assert_eq!("ACCESS_DENIED".parse::<NtStatus>().unwrap(), NtStatus::ACCESS_DENIED);
        assert!("ACCES_DENIED".parse::<NtStatus>().is_err());
    }

    #[test]
    fn no_two_names_share_a_value() {
        for (i, (_, a)) in NtStatus::NAMED.iter().enumerate() {
            assert!(NtStatus::NAMED[i + 1..].iter().all(|(_, b)| a != b), "{a}");
        }
    }
}
