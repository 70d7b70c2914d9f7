//! What all bodies have in common.

use super::block::{Block, ChainBuilder, Parts};
use super::{Command, Header, WireError};

/// What a block of a request or a response means.
///
/// Which type a block has, the message says: the command, [`super::Flags::REPLY`], WordCount, and for a response the
/// status. `parse` does not compare the command: it reads what it is asked to read.
pub trait Body: Sized {
    /// The command whose request or response this is; [`Command::INVALID`] where it is that of any.
    const COMMAND: Command;

    /// Reads it.
    ///
    /// # Errors
    /// [`WireError::WordCount`] where the block is none of this type; [`WireError::Truncated`] and
    /// [`WireError::Overlap`] where fields, lengths or offsets leave their place.
    fn parse(block: &Block<'_>) -> Result<Self, WireError>;

    /// Its parameters and data, for a block whose WordCount stands `at` bytes behind the first byte of the header:
    /// offsets in it count from there.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] where a value or a length does not fit into its field.
    fn parts(&self, at: usize) -> Result<Parts, WireError>;
}

/// The header of a message, and its first block as a body.
///
/// # Errors
/// Those of [`Block::first`] and [`Body::parse`].
pub fn parse<B: Body>(message: &[u8]) -> Result<(Header, B), WireError> {
    let header = Header::parse(message)?;
    Ok((header, B::parse(&Block::first(message)?)?))
}

/// A whole message of one block. The header goes out as given, its command included.
///
/// # Errors
/// Those of [`ChainBuilder::push`].
pub fn message(header: &Header, body: &impl Body) -> Result<Vec<u8>, WireError> {
    let mut builder = ChainBuilder::new(header);
    builder.push(body)?;
    Ok(builder.finish())
}

/// A block of any command, uninterpreted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Raw {
    /// SMB_Parameters.Words; an odd number of bytes cannot be written.
    pub words: Vec<u8>,
    /// SMB_Data.Bytes.
    pub bytes: Vec<u8>,
}

impl Body for Raw {
    const COMMAND: Command = Command::INVALID;

    fn parse(block: &Block<'_>) -> Result<Self, WireError> {
        Ok(Self { words: block.words.to_vec(), bytes: block.bytes.to_vec() })
    }

    fn parts(&self, _: usize) -> Result<Parts, WireError> {
        Ok(Parts { words: self.words.clone(), bytes: self.bytes.clone(), word_count: None })
    }
}

/// A body whose parameters are fields of fixed length, and whose data are nothing, or bytes as they are.
macro_rules! words_body {
    ($($(#[$meta:meta])* $name:ident: $command:ident, $count:literal {
        $($(#[$fmeta:meta])* $field:ident: $type:ty,)*
        $(@bytes $(#[$bmeta:meta])* $bytes:ident)?
    })+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$fmeta])* pub $field: $type,)*
            $($(#[$bmeta])* pub $bytes: Vec<u8>,)?
        }

        impl $crate::smb1::Body for $name {
            const COMMAND: $crate::smb1::Command = $crate::smb1::Command::$command;

            fn parse(block: &$crate::smb1::Block<'_>) -> Result<Self, $crate::smb1::WireError> {
                let _parameters = &mut block.parameters(&[$count])?;
                Ok(Self {
                    $($field: _parameters.field(stringify!($field))?,)*
                    $($bytes: block.bytes.to_vec(),)?
                })
            }

            fn parts(&self, _: usize) -> Result<$crate::smb1::Parts, $crate::smb1::WireError> {
                let mut _parts = $crate::smb1::Parts::default();
                $($crate::reader::Field::put(&self.$field, &mut _parts.words);)*
                $(_parts.bytes.clone_from(&self.$bytes);)?
                Ok(_parts)
            }
        }
    )+};
}

pub(super) use words_body;
