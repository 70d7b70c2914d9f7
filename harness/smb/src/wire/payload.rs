//! The macro of what is inside bodies and has a fixed length.

/// A payload that consists of nothing but fields of fixed length.
macro_rules! fixed_payload {
    ($($(#[$meta:meta])* $name:ident: $size:literal {
        $($(#[$fmeta:meta])* $field:ident: $type:ty),+ $(,)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name { $($(#[$fmeta])* pub $field: $type),+ }

        impl $name {
            /// Its length in bytes.
            pub const LEN: usize = $size;

            /// Reads it. Further bytes are ignored.
            ///
            /// # Errors
            /// [`WireError::Truncated`]($crate::wire::WireError::Truncated) below [`Self::LEN`] bytes, counted from the
            /// first byte of the data.
            pub fn parse(data: &[u8]) -> Result<Self, $crate::wire::WireError> {
                let mut reader = $crate::reader::Reader::new(data);
                Ok(Self { $($field: reader.field(stringify!($field))?),+ })
            }

            /// Its [`Self::LEN`] bytes.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                use $crate::reader::Field as _;
                let mut out = Vec::with_capacity(Self::LEN);
                $(self.$field.put(&mut out);)+
                out
            }
        }
    )+};
}

pub(super) use fixed_payload;
