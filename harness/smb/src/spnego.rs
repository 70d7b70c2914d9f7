//! The tokens of SPNEGO that carry NTLM (RFC 4178, [MS-SPNG]), in a minimal DER.
//!
//! Reading is tolerant of what servers add (unknown fields, `negHints`, bytes after the token) and strict about lengths:
//! nothing is read outside of the element that holds it.

/// NTLMSSP, 1.3.6.1.4.1.311.2.2.10: the content of the OBJECT IDENTIFIER, without tag and length.
pub const NTLMSSP: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a];

/// SPNEGO itself, 1.3.6.1.5.5.2.
const SPNEGO: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];

const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
/// `[APPLICATION 0]`: the frame of the first token of any GSS mechanism (RFC 2743 3.1).
const GSS_FRAME: u8 = 0x60;

/// `[n]`, constructed: the field with this number.
const fn field(n: u8) -> u8 {
    0xa0 | n
}

/// Why a token cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpnegoError {
    /// It begins with nothing that begins a token.
    #[error("neither SPNEGO nor NTLM")]
    NotAToken,
    /// An element ends after what holds it.
    #[error("element with tag {0:#04x} is truncated")]
    Truncated(u8),
    /// A length is indefinite, or has more than four bytes.
    #[error("length of the element with tag {0:#04x} is not DER")]
    Length(u8),
    /// Another element has to be here.
    #[error("tag {got:#04x} instead of {expected:#04x}")]
    Tag {
        /// The tag that should be here.
        expected: u8,
        /// The tag that is.
        got: u8,
    },
    /// The GSS frame belongs to another mechanism.
    #[error("the GSS token is not one of SPNEGO")]
    OtherMechanism,
    /// A negState that RFC 4178 does not know, or not one byte.
    #[error("negState is not one of 0 to 3")]
    NegState,
}

/// negState (RFC 4178 4.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NegState {
    /// The authentication succeeded.
    AcceptCompleted = 0,
    /// Another token has to follow.
    AcceptIncomplete = 1,
    /// The authentication failed.
    Reject = 2,
    /// As AcceptIncomplete, and a mechListMIC is required.
    RequestMic = 3,
}

impl NegState {
    /// The state in the content of an ENUMERATED.
    const fn from_enumerated(content: &[u8]) -> Result<Self, SpnegoError> {
        match content {
            [0] => Ok(Self::AcceptCompleted),
            [1] => Ok(Self::AcceptIncomplete),
            [2] => Ok(Self::Reject),
            [3] => Ok(Self::RequestMic),
            _ => Err(SpnegoError::NegState),
        }
    }
}

/// The initiator's first token, and what a server sends in its NEGOTIATE response (RFC 4178 4.2.1, [MS-SPNG] 2.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NegTokenInit {
    /// mechTypes, most preferred first: the contents of the OBJECT IDENTIFIERs.
    pub mech_types: Vec<Vec<u8>>,
    /// mechToken: the first token of the first mechanism.
    pub mech_token: Option<Vec<u8>>,
}

/// Every later token (RFC 4178 4.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NegTokenResp {
    /// negState.
    pub state: Option<NegState>,
    /// supportedMech: the content of the OBJECT IDENTIFIER.
    pub supported_mech: Option<Vec<u8>>,
    /// responseToken: the token of the mechanism.
    pub response_token: Option<Vec<u8>>,
    /// mechListMIC: the signature over [`mech_type_list`].
    pub mech_list_mic: Option<Vec<u8>>,
}

/// A token of the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// NegTokenInit in its GSS frame; NegTokenInit2 reads the same.
    Init(NegTokenInit),
    /// NegTokenResp.
    Resp(NegTokenResp),
    /// An NTLM message without SPNEGO around it.
    Ntlm(Vec<u8>),
}

impl Token {
    /// Reads a token.
    ///
    /// # Errors
    ///
    /// [`SpnegoError`].
    pub fn decode(token: &[u8]) -> Result<Self, SpnegoError> {
        match token.first() {
            Some(&GSS_FRAME) => NegTokenInit::decode(token).map(Self::Init),
            Some(&tag) if tag == field(1) => NegTokenResp::decode(token).map(Self::Resp),
            _ if token.starts_with(crate::ntlm::message::SIGNATURE) => Ok(Self::Ntlm(token.to_vec())),
            _ => Err(SpnegoError::NotAToken),
        }
    }
}

impl NegTokenInit {
    /// The token in its GSS frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = element(field(0), &mech_type_list(&self.mech_types));
        if let Some(token) = &self.mech_token {
            fields.extend(element(field(2), &element(OCTET_STRING, token)));
        }
        let init = element(field(0), &element(SEQUENCE, &fields));
        element(GSS_FRAME, &[element(OBJECT_IDENTIFIER, SPNEGO), init].concat())
    }

    /// Reads a token in its GSS frame. reqFlags, negHints and mechListMIC are skipped: the number that RFC 4178 gives
    /// to mechListMIC is the one [MS-SPNG] gives to negHints, and nothing depends on either.
    ///
    /// # Errors
    ///
    /// [`SpnegoError`].
    pub fn decode(token: &[u8]) -> Result<Self, SpnegoError> {
        let mut frame = Reader(Reader(token).expect(GSS_FRAME)?);
        if frame.expect(OBJECT_IDENTIFIER)? != SPNEGO {
            return Err(SpnegoError::OtherMechanism);
        }
        let mut fields = Reader(Reader(frame.expect(field(0))?).expect(SEQUENCE)?);
        let mut init = Self::default();
        while let Some((tag, content)) = fields.next()? {
            if tag == field(0) {
                let mut list = Reader(Reader(content).expect(SEQUENCE)?);
                while !list.0.is_empty() {
                    init.mech_types.push(list.expect(OBJECT_IDENTIFIER)?.to_vec());
                }
            } else if tag == field(2) {
                init.mech_token = Some(Reader(content).expect(OCTET_STRING)?.to_vec());
            }
        }
        Ok(init)
    }
}

impl NegTokenResp {
    /// The token.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        if let Some(state) = self.state {
            fields.extend(element(field(0), &element(ENUMERATED, &[state as u8])));
        }
        let optional = [
            (1, OBJECT_IDENTIFIER, &self.supported_mech),
            (2, OCTET_STRING, &self.response_token),
            (3, OCTET_STRING, &self.mech_list_mic),
        ];
        for (n, tag, content) in optional {
            if let Some(content) = content {
                fields.extend(element(field(n), &element(tag, content)));
            }
        }
        element(field(1), &element(SEQUENCE, &fields))
    }

    /// Reads a token.
    ///
    /// # Errors
    ///
    /// [`SpnegoError`].
    pub fn decode(token: &[u8]) -> Result<Self, SpnegoError> {
        let mut fields = Reader(Reader(Reader(token).expect(field(1))?).expect(SEQUENCE)?);
        let mut resp = Self::default();
        while let Some((tag, content)) = fields.next()? {
            let mut content = Reader(content);
            if tag == field(0) {
                resp.state = Some(NegState::from_enumerated(content.expect(ENUMERATED)?)?);
            } else if tag == field(1) {
                resp.supported_mech = Some(content.expect(OBJECT_IDENTIFIER)?.to_vec());
            } else if tag == field(2) {
                resp.response_token = Some(content.expect(OCTET_STRING)?.to_vec());
            } else if tag == field(3) {
                resp.mech_list_mic = Some(content.expect(OCTET_STRING)?.to_vec());
            }
        }
        Ok(resp)
    }
}

/// The DER of a MechTypeList, which is what a mechListMIC signs (RFC 4178 5).
#[must_use]
pub fn mech_type_list(mech_types: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let list: Vec<u8> = mech_types.iter().flat_map(|oid| element(OBJECT_IDENTIFIER, oid.as_ref())).collect();
    element(SEQUENCE, &list)
}

/// One element: tag, length in its shortest form, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut bytes = vec![tag];
    match significant {
        [] => bytes.push(0),
        [short @ 0..=0x7f] => bytes.push(*short),
        // A usize has at most 8 bytes.
        long => {
            bytes.push(0x80 | long.len() as u8);
            bytes.extend_from_slice(long);
        }
    }
    bytes.extend_from_slice(content);
    bytes
}

/// What is left of the content of an element.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next element, tag and content; `None` at the end.
    fn next(&mut self) -> Result<Option<(u8, &'a [u8])>, SpnegoError> {
        let Some((&tag, rest)) = self.0.split_first() else {
            return Ok(None);
        };
        let truncated = SpnegoError::Truncated(tag);
        let (&first, rest) = rest.split_first().ok_or(truncated)?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(truncated)?;
                (length.iter().fold(0, |value, byte| value << 8 | usize::from(*byte)), rest)
            }
            _ => return Err(SpnegoError::Length(tag)),
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(truncated)?;
        self.0 = rest;
        Ok(Some((tag, content)))
    }

    /// The content of the next element, which has to have this tag.
    fn expect(&mut self, expected: u8) -> Result<&'a [u8], SpnegoError> {
        match self.next()? {
            Some((tag, content)) if tag == expected => Ok(content),
            Some((got, _)) => Err(SpnegoError::Tag { expected, got }),
            None => Err(SpnegoError::Truncated(expected)),
        }
    }
}
