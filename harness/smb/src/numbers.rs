//! The two macros of named numbers: a struct around the number, so that values without a name survive.

/// An enumeration of the protocol: one value at a time has a name. The form with a prefix is for long lists that need no
/// words of their own: each constant is documented by its full name in the specification, prefix and all.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident($int:ty, $hex:literal, $prefix:literal) { $($code:ident = $value:literal),+ $(,)? }) => {
        $crate::numbers::codes! {
            $(#[$meta])*
            $name($int, $hex) { $(#[doc = concat!($prefix, stringify!($code), ".")] $code = $value),+ }
        }
    };
    ($(#[$meta:meta])* $name:ident($int:ty, $hex:literal) { $($(#[$vmeta:meta])* $code:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            $($(#[$vmeta])* pub const $code: Self = Self($value);)+

            /// Every value that has a name, in the order of the specification.
            pub const NAMED: &'static [Self] = &[$(Self::$code),+];

            /// The name, where there is one.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($value => Some(stringify!($code)),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.name() {
                    Some(name) => f.pad(name),
                    None => f.pad(&format!($hex, self.0)),
                }
            }
        }

        $crate::numbers::field!($name, $int);
    };
}

/// A set of flags: each bit, or group of bits, has a name.
macro_rules! flags {
    ($(#[$meta:meta])* $name:ident($int:ty) { $($(#[$vmeta:meta])* $flag:ident = $value:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            $($(#[$vmeta])* pub const $flag: Self = Self($value);)+

            const NAMED: &'static [(&'static str, $int)] = &[$((stringify!($flag), $value)),+];

            /// Whether every bit of `other` is set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// These flags and those of `other`.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// These flags less those of `other`.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether no bit is set.
            #[must_use]
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.with(other)
            }
        }

        /// The names joined by `|`, the bits without a name as one hexadecimal number, `0` where nothing is set.
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut left = self.0;
                let mut parts = Vec::new();
                for (name, value) in Self::NAMED {
                    if left & value == *value {
                        left &= !value;
                        parts.push((*name).to_owned());
                    }
                }
                if left != 0 {
                    parts.push(format!("0x{left:X}"));
                }
                f.pad(if parts.is_empty() { "0".to_owned() } else { parts.join("|") }.as_str())
            }
        }

        $crate::numbers::field!($name, $int);
    };
}

/// What both kinds share: they show name and number, and are read and written as the number.
macro_rules! field {
    ($name:ident, $int:ty) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{self} (0x{:X})", self.0)
            }
        }

        impl $crate::reader::Field for $name {
            fn read(
                reader: &mut $crate::reader::Reader<'_>,
                field: &'static str,
            ) -> Result<Self, $crate::reader::OutOfBounds> {
                reader.field(field).map(Self)
            }

            fn put(&self, out: &mut Vec<u8>) {
                $crate::reader::Field::put(&self.0, out);
            }
        }
    };
}

pub(crate) use {codes, field, flags};
