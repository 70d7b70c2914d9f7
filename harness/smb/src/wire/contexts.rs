//! Negotiate contexts and what the known ones say ([MS-SMB2] 2.2.3.1, 2.2.4.1).

use super::{ContextType, WireError};
use crate::reader::{Field, Reader, align8, fit, pad_to};

/// A negotiate context as it stands in the list ([MS-SMB2] 2.2.3.1): any type, known or not, with its data as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NegotiateContext {
    /// What the data is.
    pub context_type: ContextType,
    /// Reserved, 0.
    pub reserved: u32,
    /// The data as sent, DataLength bytes.
    pub data: Vec<u8>,
}

impl NegotiateContext {
    /// A context of any type.
    #[must_use]
    pub fn new(context_type: ContextType, data: impl Into<Vec<u8>>) -> Self {
        Self { context_type, reserved: 0, data: data.into() }
    }

    /// A context with well-formed data.
    ///
    /// # Errors
    /// Those of [`ContextData::encode`].
    pub fn of(data: &impl ContextData) -> Result<Self, WireError> {
        fn type_of<T: ContextData>(_: &T) -> ContextType {
            T::TYPE
        }
        Ok(Self::new(type_of(data), data.encode()?))
    }

    /// The data as a `T`, where the context has its type.
    #[must_use]
    pub fn decode<T: ContextData>(&self) -> Option<Result<T, WireError>> {
        (self.context_type == T::TYPE).then(|| T::parse(&self.data))
    }

    /// The first context of this type in a list, decoded.
    #[must_use]
    pub fn find<T: ContextData>(list: &[Self]) -> Option<Result<T, WireError>> {
        list.iter().find_map(Self::decode)
    }
}

/// The data of a known negotiate context. Bytes behind what the data announces are ignored.
pub trait ContextData: Sized {
    /// The type of the context.
    const TYPE: ContextType;

    /// Reads the Data field of a context.
    ///
    /// # Errors
    /// [`WireError::Truncated`] where the data ends before what it announces; offsets count from its first byte.
    fn parse(data: &[u8]) -> Result<Self, WireError>;

    /// The Data field of a context.
    ///
    /// # Errors
    /// [`WireError::TooLarge`] where a list has more entries, or a salt more bytes, than 65535.
    fn encode(&self) -> Result<Vec<u8>, WireError>;
}

/// SMB2_PREAUTH_INTEGRITY_CAPABILITIES ([MS-SMB2] 2.2.3.1.1, 2.2.4.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PreauthIntegrity {
    /// Hash algorithms: 1 is SHA-512. A response has one.
    pub hash_algorithms: Vec<u16>,
    /// The salt.
    pub salt: Vec<u8>,
}

impl ContextData for PreauthIntegrity {
    const TYPE: ContextType = ContextType::PREAUTH_INTEGRITY_CAPABILITIES;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let count = reader.field("hash_algorithm_count")?;
        let salt: u16 = reader.field("salt_length")?;
        let hash_algorithms = reader.u16s(count, "hash_algorithms")?;
        Ok(Self { hash_algorithms, salt: reader.take(usize::from(salt), "salt")?.to_vec() })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        fit::<u16>(self.hash_algorithms.len(), "hash_algorithm_count")?.put(&mut out);
        fit::<u16>(self.salt.len(), "salt_length")?.put(&mut out);
        put_all(&self.hash_algorithms, &mut out);
        out.extend_from_slice(&self.salt);
        Ok(out)
    }
}

/// SMB2_ENCRYPTION_CAPABILITIES ([MS-SMB2] 2.2.3.1.2, 2.2.4.1.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncryptionCapabilities {
    /// Ciphers, the preferred first: 1 AES-128-CCM, 2 AES-128-GCM, 3 AES-256-CCM, 4 AES-256-GCM. A response has one.
    pub ciphers: Vec<u16>,
}

impl ContextData for EncryptionCapabilities {
    const TYPE: ContextType = ContextType::ENCRYPTION_CAPABILITIES;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let count = reader.field("cipher_count")?;
        Ok(Self { ciphers: reader.u16s(count, "ciphers")? })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        fit::<u16>(self.ciphers.len(), "cipher_count")?.put(&mut out);
        put_all(&self.ciphers, &mut out);
        Ok(out)
    }
}

/// SMB2_COMPRESSION_CAPABILITIES ([MS-SMB2] 2.2.3.1.3, 2.2.4.1.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompressionCapabilities {
    /// Padding, 0.
    pub padding: u16,
    /// 1: chained compression.
    pub flags: u32,
    /// Algorithms, the preferred first: 0 none, 1 LZNT1, 2 LZ77, 3 LZ77+Huffman, 4 Pattern_V1, 5 LZ4.
    pub compression_algorithms: Vec<u16>,
}

impl ContextData for CompressionCapabilities {
    const TYPE: ContextType = ContextType::COMPRESSION_CAPABILITIES;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let count = reader.field("compression_algorithm_count")?;
        let padding = reader.field("padding")?;
        let flags = reader.field("flags")?;
        Ok(Self { padding, flags, compression_algorithms: reader.u16s(count, "compression_algorithms")? })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        fit::<u16>(self.compression_algorithms.len(), "compression_algorithm_count")?.put(&mut out);
        self.padding.put(&mut out);
        self.flags.put(&mut out);
        put_all(&self.compression_algorithms, &mut out);
        Ok(out)
    }
}

/// SMB2_NETNAME_NEGOTIATE_CONTEXT_ID ([MS-SMB2] 2.2.3.1.4), requests only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetName {
    /// The server's name as the client knows it, UTF-16LE, the whole of the data.
    pub net_name: Vec<u8>,
}

impl ContextData for NetName {
    const TYPE: ContextType = ContextType::NETNAME_NEGOTIATE_CONTEXT_ID;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        Ok(Self { net_name: data.to_vec() })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        Ok(self.net_name.clone())
    }
}

/// SMB2_TRANSPORT_CAPABILITIES ([MS-SMB2] 2.2.3.1.5, 2.2.4.1.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransportCapabilities {
    /// 1: SMB2_ACCEPT_TRANSPORT_LEVEL_SECURITY.
    pub flags: u32,
}

impl ContextData for TransportCapabilities {
    const TYPE: ContextType = ContextType::TRANSPORT_CAPABILITIES;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        Ok(Self { flags: Reader::new(data).field("flags")? })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        Ok(self.flags.to_le_bytes().to_vec())
    }
}

/// SMB2_RDMA_TRANSFORM_CAPABILITIES ([MS-SMB2] 2.2.3.1.6, 2.2.4.1.6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RdmaTransformCapabilities {
    /// Reserved, 0.
    pub reserved1: u16,
    /// Reserved, 0.
    pub reserved2: u32,
    /// Transforms: 0 none, 1 encryption, 2 signing.
    pub rdma_transform_ids: Vec<u16>,
}

impl ContextData for RdmaTransformCapabilities {
    const TYPE: ContextType = ContextType::RDMA_TRANSFORM_CAPABILITIES;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let count = reader.field("transform_count")?;
        let reserved1 = reader.field("reserved1")?;
        let reserved2 = reader.field("reserved2")?;
        Ok(Self { reserved1, reserved2, rdma_transform_ids: reader.u16s(count, "rdma_transform_ids")? })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        fit::<u16>(self.rdma_transform_ids.len(), "transform_count")?.put(&mut out);
        self.reserved1.put(&mut out);
        self.reserved2.put(&mut out);
        put_all(&self.rdma_transform_ids, &mut out);
        Ok(out)
    }
}

/// SMB2_SIGNING_CAPABILITIES ([MS-SMB2] 2.2.3.1.7, 2.2.4.1.7).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SigningCapabilities {
    /// Algorithms, the preferred first: 0 HMAC-SHA256, 1 AES-CMAC, 2 AES-GMAC. A response has one.
    pub algorithms: Vec<u16>,
}

impl ContextData for SigningCapabilities {
    const TYPE: ContextType = ContextType::SIGNING_CAPABILITIES;

    fn parse(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(data);
        let count = reader.field("signing_algorithm_count")?;
        Ok(Self { algorithms: reader.u16s(count, "signing_algorithms")? })
    }

    fn encode(&self) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        fit::<u16>(self.algorithms.len(), "signing_algorithm_count")?.put(&mut out);
        put_all(&self.algorithms, &mut out);
        Ok(out)
    }
}

/// Reads up to `count` contexts from `offset` on, each at a multiple of 8 from the header. What could be read comes
/// back with the error that ended the list early, if one did.
pub(super) fn read_list(
    reader: &mut Reader<'_>,
    offset: u32,
    count: u16,
) -> (Vec<NegotiateContext>, Option<WireError>) {
    let mut list = Vec::new();
    if count == 0 {
        return (list, None);
    }
    let mut next = usize::try_from(offset).unwrap_or(usize::MAX);
    for _ in 0..count {
        match read_one(reader, next) {
            Ok(context) => list.push(context),
            Err(error) => return (list, Some(error)),
        }
        next = align8(reader.at());
    }
    (list, None)
}

fn read_one(reader: &mut Reader<'_>, offset: usize) -> Result<NegotiateContext, WireError> {
    reader.seek(offset, "negotiate_context")?;
    let context_type = reader.field("context_type")?;
    let length: u16 = reader.field("data_length")?;
    let reserved = reader.field("reserved")?;
    let data = reader.take(usize::from(length), "negotiate_context_data")?.to_vec();
    Ok(NegotiateContext { context_type, reserved, data })
}

/// Appends the contexts. The first stands where `out` ends, which the caller has padded; `start` is where the header
/// is in `out`.
pub(super) fn write_list(
    list: &[NegotiateContext],
    start: usize,
    out: &mut Vec<u8>,
) -> Result<(), WireError> {
    for context in list {
        pad_to(out, start + align8(out.len() - start));
        context.context_type.put(out);
        fit::<u16>(context.data.len(), "data_length")?.put(out);
        context.reserved.put(out);
        out.extend_from_slice(&context.data);
    }
    Ok(())
}

fn put_all(numbers: &[u16], out: &mut Vec<u8>) {
    for number in numbers {
        number.put(out);
    }
}
