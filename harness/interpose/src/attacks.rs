//! The registry of attacks.

use crate::attack::{Act, On};
use crate::{Attack, SMB1, SMB2, SMB311};
use smb::follow::Way::{ToClient, ToServer};
use smb::smb1;
use smb::wire::{
    self, Body, Capabilities, ContextType, DialectRevision, Header, NegotiateContext, NegotiateRequest,
    NegotiateResponse, SecurityMode,
};

/// Every attack: on NEGOTIATE, on signed messages, on SMB1.
#[must_use]
pub const fn attacks() -> &'static [Attack] {
    ATTACKS
}

/// The SecurityMode of an SMB_COM_NEGOTIATE response: behind the header, WordCount and DialectIndex.
const SMB1_SECURITY_MODE: usize = smb1::Header::LEN + 3;
const SMB1_ENABLED: u8 = smb1::SecurityMode::SECURITY_SIGNATURES_ENABLED.0;
const SMB1_REQUIRED: u8 = smb1::SecurityMode::SECURITY_SIGNATURES_REQUIRED.0;

/// Another body, where there is one of this kind.
fn rewrite<B: Body>(bytes: &mut Vec<u8>, change: impl FnOnce(&mut B) -> bool) -> bool {
    let (Ok(header), Ok(mut body)) = (Header::parse(bytes), B::parse(bytes)) else { return false };
    if !change(&mut body) {
        return false;
    }
    wire::message(&header, &body).map(|changed| *bytes = changed).is_ok()
}

fn request(bytes: &mut Vec<u8>, change: impl FnOnce(&mut NegotiateRequest) -> bool) -> bool {
    rewrite(bytes, change)
}

/// The response that settles something.
fn response(bytes: &mut Vec<u8>, change: impl FnOnce(&mut NegotiateResponse) -> bool) -> bool {
    rewrite(bytes, |body: &mut NegotiateResponse| {
        body.dialect_revision != DialectRevision::WILDCARD && change(body)
    })
}

/// Takes SMB2_NEGOTIATE_SIGNING_REQUIRED away; whether it was there.
fn strip(mode: &mut SecurityMode) -> bool {
    let said = *mode;
    // A client that requires sends nothing but that bit: what is left says that it does not.
    *mode = said.without(SecurityMode::SIGNING_REQUIRED).with(SecurityMode::SIGNING_ENABLED);
    said.contains(SecurityMode::SIGNING_REQUIRED)
}

/// Keeps the dialects that `keeps` lets; whether something was taken away and something is left.
fn keep(body: &mut NegotiateRequest, keeps: impl Fn(DialectRevision) -> bool) -> bool {
    let before = body.dialects.len();
    body.dialects.retain(|dialect| keeps(*dialect));
    if !body.dialects.contains(&DialectRevision::SMB_3_1_1) {
        body.negotiate_contexts.clear();
    }
    !body.dialects.is_empty() && body.dialects.len() < before
}

fn drop_context(contexts: &mut Vec<NegotiateContext>, kind: ContextType) -> bool {
    let before = contexts.len();
    contexts.retain(|context| context.context_type != kind);
    contexts.len() < before
}

/// A bit of the last byte of the salt.
fn change_salt(contexts: &mut [NegotiateContext]) -> bool {
    let preauth = contexts.iter_mut().find(|c| c.context_type == ContextType::PREAUTH_INTEGRITY_CAPABILITIES);
    preauth.and_then(|context| context.data.last_mut()).map(|byte| *byte ^= 1).is_some()
}

/// A bit of the last byte of the message, which is in the body of everything that has one.
fn flip(bytes: &mut [u8]) -> bool {
    bytes.last_mut().map(|byte| *byte ^= 1).is_some()
}

/// A bit of the last byte of the data, where there are any: a message with another ByteCount would be another matter.
fn smb1_flip(bytes: &mut [u8]) -> bool {
    let data = smb1::blocks(bytes).ok().and_then(|blocks| blocks.last().map(|block| !block.bytes.is_empty()));
    data == Some(true) && flip(bytes)
}

/// Clears bits of the SecurityMode of an SMB_COM_NEGOTIATE response; whether they were there.
fn smb1_clear(bytes: &mut [u8], bits: u8) -> bool {
    if smb1::parse::<smb1::NegotiateResponse>(bytes).is_err() {
        return false;
    }
    let Some(mode) = bytes.get_mut(SMB1_SECURITY_MODE) else { return false };
    let said = std::mem::replace(mode, *mode & !bits);
    *mode != said
}

/// What a client says of signing in SESSION_SETUP ([MS-SMB] 2.2.3.1).
fn smb1_silence(bytes: &mut [u8]) -> bool {
    let says = smb1::Flags2::SECURITY_SIGNATURE | smb1::Flags2::SECURITY_SIGNATURE_REQUIRED;
    let Some(flags) = bytes.get_mut(smb1::Header::FLAGS2.start) else { return false };
    let said = std::mem::replace(flags, *flags & !says.0.to_le_bytes()[0]);
    *flags != said
}

const VALIDATES: &[&str] = &["MS-SMB2 3.3.5.15.12", "MS-SMB2 3.2.5.14.12", "MS-SMB2 3.3.5.5.3"];
const HASHED: &[&str] = &["MS-SMB2 3.3.5.4", "MS-SMB2 3.3.5.5.3", "MS-SMB2 3.2.5.3.1"];
const REFUSED: &[&str] = &["MS-SMB2 3.3.5.2.4", "MS-SMB2 3.1.5.1"];

const ATTACKS: &[Attack] = &[
    Attack {
        id: "strip-required",
        title: "SMB2_NEGOTIATE_SIGNING_REQUIRED is taken out of the NEGOTIATE response",
        cites: VALIDATES,
        trips: &["negotiate/signing-required", "negotiate/validate", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToClient,
            on: On::Negotiate,
            change: |bytes| response(bytes, |body| strip(&mut body.security_mode)),
        },
    },
    Attack {
        id: "strip-client-required",
        title: "SMB2_NEGOTIATE_SIGNING_REQUIRED is taken out of the NEGOTIATE request",
        cites: VALIDATES,
        trips: &["policy/outcome", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| request(bytes, |body| strip(&mut body.security_mode)),
        },
    },
    Attack {
        id: "lower-dialect",
        title: "The newest dialect is taken out of the NEGOTIATE request",
        cites: VALIDATES,
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| {
                request(bytes, |body| {
                    let newest = body.dialects.iter().max().copied();
                    keep(body, |dialect| Some(dialect) != newest)
                })
            },
        },
    },
    Attack {
        id: "lowest-dialect",
        title: "Everything but the oldest dialect is taken out of the NEGOTIATE request",
        cites: VALIDATES,
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| {
                request(bytes, |body| {
                    let oldest = body.dialects.iter().min().copied();
                    keep(body, |dialect| Some(dialect) == oldest)
                })
            },
        },
    },
    Attack {
        id: "change-capabilities",
        title: "A bit of Capabilities in the NEGOTIATE response is another",
        cites: VALIDATES,
        trips: &["negotiate/validate", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToClient,
            on: On::Negotiate,
            change: |bytes| {
                response(bytes, |body| {
                    body.capabilities.0 ^= Capabilities::DFS.0;
                    true
                })
            },
        },
    },
    Attack {
        id: "change-client-capabilities",
        title: "A bit of Capabilities in the NEGOTIATE request is another",
        cites: VALIDATES,
        trips: &["policy/outcome", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| {
                request(bytes, |body| {
                    body.capabilities.0 ^= Capabilities::DIRECTORY_LEASING.0;
                    true
                })
            },
        },
    },
    Attack {
        id: "change-guid",
        title: "A bit of ServerGuid in the NEGOTIATE response is another",
        cites: VALIDATES,
        trips: &["negotiate/validate", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToClient,
            on: On::Negotiate,
            change: |bytes| {
                response(bytes, |body| {
                    body.server_guid[15] ^= 1;
                    true
                })
            },
        },
    },
    Attack {
        id: "change-client-guid",
        title: "A bit of ClientGuid in the NEGOTIATE request is another",
        cites: VALIDATES,
        trips: &["policy/outcome", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| {
                request(bytes, |body| {
                    body.client_guid[15] ^= 1;
                    true
                })
            },
        },
    },
    Attack {
        id: "drop-signing-context",
        title: "SMB2_SIGNING_CAPABILITIES is taken out of the NEGOTIATE request",
        cites: HASHED,
        trips: &["negotiate/signing-algorithm", "session-setup/final-signed"],
        protocols: SMB311,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| {
                request(bytes, |body| {
                    drop_context(&mut body.negotiate_contexts, ContextType::SIGNING_CAPABILITIES)
                })
            },
        },
    },
    Attack {
        id: "drop-server-signing-context",
        title: "SMB2_SIGNING_CAPABILITIES is taken out of the NEGOTIATE response",
        cites: HASHED,
        trips: &["negotiate/signing-algorithm", "session-setup/final-signed"],
        protocols: SMB311,
        act: Act::Change {
            way: ToClient,
            on: On::Negotiate,
            change: |bytes| {
                response(bytes, |body| {
                    drop_context(&mut body.negotiate_contexts, ContextType::SIGNING_CAPABILITIES)
                })
            },
        },
    },
    Attack {
        id: "change-salt",
        title: "A bit of the salt in the NEGOTIATE request is another",
        cites: HASHED,
        trips: &["session-setup/final-signed"],
        protocols: SMB311,
        act: Act::Change {
            way: ToServer,
            on: On::Negotiate,
            change: |bytes| request(bytes, |body| change_salt(&mut body.negotiate_contexts)),
        },
    },
    Attack {
        id: "change-server-salt",
        title: "A bit of the salt in the NEGOTIATE response is another",
        cites: HASHED,
        trips: &["session-setup/final-signed"],
        protocols: SMB311,
        act: Act::Change {
            way: ToClient,
            on: On::Negotiate,
            change: |bytes| response(bytes, |body| change_salt(&mut body.negotiate_contexts)),
        },
    },
    Attack {
        id: "flip-request-bit",
        title: "A bit in the body of the first signed request behind the mount is another",
        cites: REFUSED,
        trips: &["step/status"],
        protocols: SMB2,
        act: Act::Change { way: ToServer, on: On::Signed, change: |bytes| flip(bytes) },
    },
    Attack {
        id: "flip-response-bit",
        title: "A bit in the body of the first signed response behind the mount is another",
        cites: &["MS-SMB2 3.2.5.1.3"],
        trips: &["signing/response-signed"],
        protocols: SMB2,
        act: Act::Change { way: ToClient, on: On::Signed, change: |bytes| flip(bytes) },
    },
    Attack {
        id: "replay-request",
        title: "The first signed request behind the mount is sent twice",
        cites: &["MS-SMB2 3.3.5.2.3"],
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Replay,
    },
    Attack {
        id: "drop-request",
        title: "The first signed ECHO request is not passed on",
        cites: &["MS-SMB2 3.2.6.1"],
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Drop(ToServer),
    },
    Attack {
        id: "drop-response",
        title: "The first signed ECHO response is not passed on",
        cites: &["MS-SMB2 3.2.6.1"],
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Drop(ToClient),
    },
    Attack {
        id: "swap-requests",
        title: "The first signed ECHO request comes behind the one after it",
        cites: &["MS-SMB2 3.3.5.2.3"],
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Swap(ToServer),
    },
    Attack {
        id: "swap-responses",
        title: "The first signed ECHO response comes behind the one after it",
        cites: &["MS-SMB2 3.2.5.1.2"],
        trips: &["policy/outcome"],
        protocols: SMB2,
        act: Act::Swap(ToClient),
    },
    Attack {
        id: "relay-logon",
        title: "The client's logon is passed on to the server by somebody who negotiates for himself and uses the session",
        cites: &["MS-SMB2 3.3.5.2.4", "MS-SMB2 3.3.5.7"],
        trips: &["attack/relayed-logon"],
        protocols: SMB2,
        act: Act::Relay,
    },
    Attack {
        id: "inject-unsigned-logoff",
        title: "An unsigned LOGOFF is sent into the client's session",
        cites: REFUSED,
        trips: &["step/status"],
        protocols: SMB2,
        act: Act::LogOff(None),
    },
    Attack {
        id: "inject-badly-signed-logoff",
        title: "A LOGOFF with a signature made of nothing is sent into the client's session",
        cites: REFUSED,
        trips: &["step/status"],
        protocols: SMB2,
        act: Act::LogOff(Some([0xA5; 16])),
    },
    Attack {
        id: "strip-enabled",
        title: "SecurityMode in the NEGOTIATE response becomes 0, as if the server knew no signing at all",
        cites: VALIDATES,
        trips: &["negotiate/signing-enabled", "negotiate/validate", "session-setup/final-signed"],
        protocols: SMB2,
        act: Act::Change {
            way: ToClient,
            on: On::Negotiate,
            change: |bytes| {
                response(bytes, |body| {
                    let said = std::mem::replace(&mut body.security_mode, SecurityMode(0));
                    said != SecurityMode(0)
                })
            },
        },
    },
    Attack {
        id: "smb1-strip-required",
        title: "NEGOTIATE_SECURITY_SIGNATURES_REQUIRED is taken out of the NEGOTIATE response",
        cites: &["MS-SMB 3.3.5.3", "MS-SMB 3.2.4.2.4"],
        trips: &["smb1/security-mode"],
        protocols: SMB1,
        act: Act::Change {
            way: ToClient,
            on: On::Smb1Negotiate,
            change: |bytes| smb1_clear(bytes, SMB1_REQUIRED),
        },
    },
    Attack {
        id: "smb1-strip-signing",
        title: "Both bits about signing are taken out of SecurityMode in the NEGOTIATE response",
        cites: &["MS-SMB 3.3.5.3", "MS-SMB 3.2.4.2.4"],
        trips: &["smb1/security-mode"],
        protocols: SMB1,
        act: Act::Change {
            way: ToClient,
            on: On::Smb1Negotiate,
            change: |bytes| smb1_clear(bytes, SMB1_ENABLED | SMB1_REQUIRED),
        },
    },
    Attack {
        id: "smb1-clear-flags2",
        title: "What SESSION_SETUP_ANDX requests say of signing in Flags2 is taken out",
        cites: &["MS-SMB 3.3.5.3", "MS-SMB 2.2.3.1"],
        trips: &["smb1/setup-signed"],
        protocols: SMB1,
        act: Act::Change { way: ToServer, on: On::Smb1Setup, change: |bytes| smb1_silence(bytes) },
    },
    Attack {
        id: "smb1-flip-request-bit",
        title: "A bit in the data of the first signed request behind the mount is another",
        cites: &["MS-CIFS 3.3.5.2.3", "MS-CIFS 3.1.5.1"],
        trips: &["step/status"],
        protocols: SMB1,
        act: Act::Change { way: ToServer, on: On::Smb1Signed, change: |bytes| smb1_flip(bytes) },
    },
    Attack {
        id: "smb1-flip-response-bit",
        title: "A bit in the data of the first signed response behind the mount is another",
        cites: &["MS-CIFS 3.2.5.1", "MS-CIFS 3.1.5.1"],
        trips: &["smb1/response-signed"],
        protocols: SMB1,
        act: Act::Change { way: ToClient, on: On::Smb1Signed, change: |bytes| smb1_flip(bytes) },
    },
];
