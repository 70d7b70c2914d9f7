//! Every rule can fail: what a real server said, with one thing changed as a faulty server would have said it, trips the
//! rule that is about it, at the message that was changed. And what is said of evidence depends on nothing but it.
#![cfg(test)]

mod support;

use evidence::SessionKey;
use judge::{Judged, View};
use model::outcome::{Kind, Why};
use model::{
    Dialect, GuestMapping, GuestPolicy, Login, NtStatus, PlannedCase, Signing, SigningOffer, Verdict,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use smb::follow::Way;
use smb::signing::SigningKey;
use smb::wire::{
    self, Body, Capabilities, Command, ContextType, DialectRevision, Flags, Header, IoctlResponse,
    NegotiateContext, NegotiateResponse, ReadResponse, SecurityMode, SessionFlags, SessionSetupResponse,
    SigningCapabilities, ValidateNegotiateInfoResponse,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command as Process;
use support::exchange::{Exchange, Wire};
use support::{Bench, PATIENT, Recorded, cause};

/// What the faulty evidence is made of: an exchange with a real server that conforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clean {
    /// SMB 2.1, and the client requires signing.
    Required21,
    /// SMB 2.1, and nobody does.
    Free21,
    /// SMB 2.1, and the server does.
    Server21,
    /// SMB 3.0 with VALIDATE_NEGOTIATE, and the client requires signing.
    Required30,
    /// SMB 3.0 with VALIDATE_NEGOTIATE, and nobody does.
    Free30,
    /// SMB 3.1.1, and the client requires signing.
    Required311,
    /// SMB 3.1.1, and nobody does.
    Free311,
    /// SMB 3.1.1 without SMB2_SIGNING_CAPABILITIES.
    NoOffer,
    /// SMB 3.1.1 with an id in the offer that no algorithm has.
    OddOffer,
    /// SMB 3.0, and nobody logs on.
    Anonymous,
    /// SMB 2.1, and a user that the server does not know.
    WrongUser,
}

impl Clean {
    const ALL: [Self; 11] = [
        Self::Required21,
        Self::Free21,
        Self::Server21,
        Self::Required30,
        Self::Free30,
        Self::Required311,
        Self::Free311,
        Self::NoOffer,
        Self::OddOffer,
        Self::Anonymous,
        Self::WrongUser,
    ];

    fn case(self, bench: &Bench) -> PlannedCase {
        let policy = |client, server, dialect| {
            bench.case("smb2-policy", &format!("client={client},server.signing={server},dialect={dialect}"))
        };
        match self {
            Self::Required21 => policy("required", "not-required", "2.1"),
            Self::Free21 => policy("not-required", "not-required", "2.1"),
            Self::Server21 => policy("not-required", "required", "2.1"),
            Self::Required30 => policy("required", "not-required", "3.0"),
            Self::Free30 => policy("not-required", "not-required", "3.0"),
            Self::Required311 => policy("required", "not-required", "3.1.1"),
            Self::Free311 => policy("not-required", "not-required", "3.1.1"),
            Self::NoOffer => bench.case("smb2-algorithms", "offer=none"),
            Self::OddOffer => bench.case("smb2-algorithms", "offer=unknown-cmac"),
            Self::Anonymous => {
                bench.case("smb2-anonymous", "client=not-required,server.signing=not-required,dialect=3.0")
            }
            Self::WrongUser => bench.case(
                "smb2-guest",
                "client=not-required,client.guest=allowed,server.guest=never,login=unknown-user,dialect=2.1",
            ),
        }
    }

    async fn record(self, bench: &Bench) -> Recorded {
        let case = self.case(bench);
        let server = bench.server(&case).await;
        let recorded = bench.record(&case, &bench.endpoint(server.address, Some(&server)), PATIENT).await;
        server.stop().await;
        recorded
    }

    async fn exchange(self, bench: &Bench) -> Exchange {
        Exchange::of(&self.record(bench).await.read())
    }
}

fn conforms(name: &str, judged: &Judged) {
    assert_eq!(judged.verdict, Verdict::Conforms, "{name}: {}", cause(judged));
    assert_eq!(judged.findings, [], "{name}");
    assert_eq!(judged.why, None, "{name}");
}

fn rules(judged: &Judged) -> BTreeSet<&str> {
    judged.findings.iter().map(|finding| finding.rule.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clean_evidence_trips_nothing_and_neither_does_the_same_written_again() {
    let bench = Bench::new().await;
    for clean in Clean::ALL {
        let recorded = clean.record(&bench).await;
        let judged = recorded.judged();
        conforms(&format!("{clean:?}"), &judged);
        let mut exchange = Exchange::of(&recorded.read());
        let before = exchange.messages.clone();
        if !matches!(clean, Clean::WrongUser | Clean::Anonymous) {
            // The key that the defects sign with is the one the judge verifies with.
            let evidence = recorded.read();
            let view = View::new(&evidence);
            let session = view.connections()[0].sessions.values().next().unwrap();
            let (message, key) = (&before[0].bytes, session.key().unwrap());
            assert_eq!(exchange.key().unwrap().signature(message), key.signature(message));
            exchange.sign_all();
        }
        assert!(exchange.messages == before, "{clean:?}");
        let again = exchange.write(&bench).judged();
        assert_eq!(again, judged, "{clean:?}");
    }
}

/// One defect: its name, the rule that must see it, and what it trips besides.
struct Defect {
    name: &'static str,
    rule: &'static str,
    clean: Clean,
    also: &'static [&'static str],
    apply: fn(&mut Exchange) -> usize,
}

/// Each defect: what it is made of, the rules it trips, the one that is about it first, and what is changed; the closure
/// says which message is the faulty one.
macro_rules! defects {
    ($($name:ident: $clean:ident, $rule:literal $(+ $also:literal)* => $apply:expr;)+) => {
        const DEFECTS: &[Defect] = &[$(Defect {
            name: stringify!($name),
            rule: $rule,
            clean: Clean::$clean,
            also: &[$($also),*],
            apply: $apply,
        }),+];

        #[rstest]
        $(#[case::$name(stringify!($name))])+
        #[tokio::test(flavor = "multi_thread")]
        async fn defect(#[case] name: &str) {
            is_seen(DEFECTS.iter().find(|defect| defect.name == name).unwrap()).await;
        }
    };
}

async fn is_seen(defect: &Defect) {
    let bench = Bench::new().await;
    let recorded = defect.clean.record(&bench).await;
    let clean = recorded.judged();
    conforms(defect.name, &clean);
    let mut exchange = Exchange::of(&recorded.read());
    let changed = (defect.apply)(&mut exchange);
    let faulty = exchange.write(&bench);
    assert_eq!(faulty.read().problems, [], "{}: this is no alteration of evidence", defect.name);
    let judged = faulty.judged();
    assert_eq!(judged.verdict, Verdict::Deviates, "{}: {}", defect.name, cause(&judged));
    let expected: BTreeSet<&str> = defect.also.iter().copied().chain([defect.rule]).collect();
    assert_eq!(rules(&judged), expected, "{}: {}", defect.name, cause(&judged));
    assert!(judged.checks.get(defect.rule).is_some_and(|count| *count > 0), "{}", defect.name);
    for finding in judged.findings.iter().filter(|finding| finding.rule == defect.rule) {
        let Some(at) = finding.at else {
            // An outcome is about the whole case.
            assert_eq!(defect.rule, judge::OUTCOME_RULE, "{}: {finding:?}", defect.name);
            continue;
        };
        assert_eq!(
            (at.connection, at.frame, at.element),
            (0, Exchange::frame(changed), 0),
            "{}: {finding:?}",
            defect.name
        );
    }
}

#[test]
fn every_rule_has_a_defect_that_trips_it() {
    let seen: BTreeSet<&str> = DEFECTS.iter().map(|defect| defect.rule).collect();
    let rules: BTreeSet<&str> = judge::rules().map(|rule| rule.id).collect();
    assert_eq!(seen, rules, "left: the rules with a defect, right: the rules there are");
    let names: BTreeSet<&str> = DEFECTS.iter().map(|defect| defect.name).collect();
    assert_eq!(names.len(), DEFECTS.len(), "two defects of one name");
}

// What a faulty server does.

/// The NEGOTIATE response with another body.
fn negotiate(exchange: &mut Exchange, change: impl FnOnce(&mut NegotiateResponse)) -> usize {
    let message = exchange.response(Command::NEGOTIATE);
    exchange.rewrite(message, |bytes| {
        let header = Header::parse(bytes).unwrap();
        let mut body = NegotiateResponse::parse(bytes).unwrap();
        change(&mut body);
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// The signing contexts of the NEGOTIATE response become these.
fn selects(exchange: &mut Exchange, contexts: &[&[u16]]) -> usize {
    negotiate(exchange, |body| {
        body.negotiate_contexts.retain(|context| context.context_type != ContextType::SIGNING_CAPABILITIES);
        for ids in contexts {
            let context = SigningCapabilities { algorithms: ids.to_vec() };
            body.negotiate_contexts.push(NegotiateContext::of(&context).unwrap());
        }
    })
}

/// The answer to FSCTL_VALIDATE_NEGOTIATE_INFO with another body, signed.
fn validates(exchange: &mut Exchange, change: impl FnOnce(&mut ValidateNegotiateInfoResponse)) -> usize {
    let message = exchange.response(Command::IOCTL);
    exchange.change(message, |bytes| {
        let header = Header::parse(bytes).unwrap();
        let mut body = IoctlResponse::parse(bytes).unwrap();
        let mut told = ValidateNegotiateInfoResponse::parse(&body.output).unwrap();
        change(&mut told);
        body.output = told.encode();
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// The answer to READ with other data, signed.
fn reads(exchange: &mut Exchange, change: impl FnOnce(&mut Vec<u8>)) -> usize {
    let message = exchange.response(Command::READ);
    exchange.change(message, |bytes| {
        let header = Header::parse(bytes).unwrap();
        let mut body = ReadResponse::parse(bytes).unwrap();
        change(&mut body.data);
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// The final SESSION_SETUP response with other flags, signed where it was.
fn establishes(exchange: &mut Exchange, flags: SessionFlags) -> usize {
    let message = exchange.response(Command::SESSION_SETUP);
    exchange.change(message, |bytes| bytes[66..68].copy_from_slice(&flags.0.to_le_bytes()))
}

/// A logon that was refused is granted, unsigned.
fn lets_in(exchange: &mut Exchange, flags: SessionFlags) -> usize {
    let message = exchange.response(Command::SESSION_SETUP);
    let header = Header { status: NtStatus::SUCCESS, ..exchange.header(message) };
    // The client has a key all the same: the one it would have had with the right password.
    exchange.keys = vec![SessionKey { connection: 0, session_id: header.session_id, key: [1; 16] }];
    exchange.spoil(message, |bytes| {
        let body = SessionSetupResponse { session_flags: flags, ..SessionSetupResponse::default() };
        *bytes = wire::message(&header, &body).unwrap();
    })
}

/// This answer with another status and the body of an error, signed where it was.
fn fails(exchange: &mut Exchange, message: usize, status: NtStatus) -> usize {
    exchange.change(message, |bytes| {
        bytes.truncate(64);
        bytes[8..12].copy_from_slice(&status.0.to_le_bytes());
        bytes.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    })
}

/// An interim response in front of this answer.
fn interim(exchange: &mut Exchange, answer: usize, change: impl FnOnce(&mut Vec<u8>)) -> usize {
    let header = Header { status: NtStatus::PENDING, signature: [0; 16], ..exchange.header(answer) };
    let mut bytes = Vec::new();
    Header { flags: Flags::SERVER_TO_REDIR, ..header }.with_async_id(77).write(&mut bytes);
    bytes.extend_from_slice(&[9, 0, 0, 0, 0, 0, 0, 0, 0]);
    change(&mut bytes);
    exchange.insert(answer, bytes)
}

/// The message, signed by somebody else.
fn forged(exchange: &mut Exchange, message: usize, algorithm: model::Algorithm, key: [u8; 16]) -> usize {
    exchange.spoil(message, |bytes| SigningKey::new(algorithm, key).unwrap().sign(bytes).unwrap())
}

/// The flag without anything behind it.
fn zeroed(exchange: &mut Exchange, message: usize) -> usize {
    exchange.spoil(message, |bytes| {
        bytes[16] |= 8;
        bytes[48..64].fill(0);
    })
}

fn flagged(exchange: &mut Exchange, message: usize) -> usize {
    exchange.spoil(message, |bytes| {
        bytes[16] |= 8;
        bytes[48..64].fill(0xa5);
    })
}

fn echo(exchange: &Exchange) -> usize {
    exchange.response(Command::ECHO)
}

const PREAUTH: ContextType = ContextType::PREAUTH_INTEGRITY_CAPABILITIES;
const CMAC: model::Algorithm = model::Algorithm::Aes128Cmac;
const HMAC: model::Algorithm = model::Algorithm::HmacSha256;

defects! {
    answer_of_another_command: Required21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes[12] = 17)
    };
    answer_to_another_message: Free21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes[25] ^= 1)
    };
    answer_that_says_it_is_a_request: Required311, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes[16] &= !1)
    };
    answer_twice: Required21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.insert(at + 1, x.messages[at].bytes.clone())
    };
    answer_twice_with_other_words: Free30, "wire/well-formed" => |x| {
        let at = x.response(Command::READ);
        let mut bytes = x.messages[at].bytes.clone();
        *bytes.last_mut().unwrap() ^= 1;
        x.insert(at + 1, bytes)
    };
    answer_to_nobody: Free311, "wire/well-formed" => |x| {
        let at = x.response(Command::CREATE);
        let mut bytes = x.messages[at].bytes.clone();
        bytes[24..32].fill(0xff);
        x.insert(at, bytes)
    };
    answer_without_a_body: Required30, "wire/well-formed" => |x| {
        let at = echo(x);
        x.change(at, |bytes| bytes.truncate(64))
    };
    answer_with_the_body_of_an_error: Required311, "wire/well-formed" => |x| {
        let at = x.response(Command::WRITE);
        fails(x, at, NtStatus::SUCCESS)
    };
    not_smb_at_all: Free21, "wire/well-formed" => |x| {
        let at = echo(x);
        x.insert(at, b"HTTP/1.1 200 OK\r\n\r\n".to_vec())
    };
    not_smb_instead_of_an_answer: Free21, "wire/well-formed" + "policy/outcome" => |x| {
        let at = x.first_response(Command::SESSION_SETUP);
        x.messages.truncate(at);
        x.insert(at, b"\xffSMB".repeat(10))
    };

    enabled_is_clear: Free21, "negotiate/signing-enabled" => |x| {
        negotiate(x, |body| body.security_mode = SecurityMode(0))
    };
    enabled_is_clear_where_required_is_set: Server21, "negotiate/signing-enabled" => |x| {
        negotiate(x, |body| body.security_mode = SecurityMode::SIGNING_REQUIRED)
    };
    enabled_is_clear_and_validated_so: Required30, "negotiate/signing-enabled" => |x| {
        validates(x, |told| told.security_mode = SecurityMode(0));
        negotiate(x, |body| body.security_mode = SecurityMode(0))
    };
    enabled_is_clear_at_3_1_1: Required311, "negotiate/signing-enabled" => |x| {
        negotiate(x, |body| body.security_mode = SecurityMode(0))
    };

    required_is_set_against_the_policy: Required21, "negotiate/signing-required" => |x| {
        negotiate(x, |body| body.security_mode.0 |= 2)
    };
    required_is_set_and_then_nothing_signed: Free21, "negotiate/signing-required" + "policy/outcome" => |x| {
        negotiate(x, |body| body.security_mode.0 |= 2)
    };
    required_is_dropped: Server21, "negotiate/signing-required" => |x| {
        negotiate(x, |body| body.security_mode = SecurityMode::SIGNING_ENABLED)
    };
    required_is_set_at_3_1_1: Required311, "negotiate/signing-required" => |x| {
        negotiate(x, |body| body.security_mode.0 |= 2)
    };

    algorithm_that_was_not_offered: Required311, "negotiate/signing-algorithm" + "policy/outcome" => |x| {
        selects(x, &[&[2]])
    };
    two_algorithms: Required311, "negotiate/signing-algorithm" + "policy/outcome" => |x| selects(x, &[&[1, 1]]);
    two_algorithm_contexts: Free311, "negotiate/signing-algorithm" + "policy/outcome" => |x| {
        selects(x, &[&[1], &[1]])
    };
    no_algorithm_in_the_context: Required311,
        "negotiate/signing-algorithm" + "policy/outcome" + "session-setup/final-signed" => |x| selects(x, &[&[]]);
    algorithm_though_none_was_offered: NoOffer, "negotiate/signing-algorithm" + "policy/outcome" => |x| {
        selects(x, &[&[1]])
    };
    algorithm_that_does_not_exist: OddOffer,
        "negotiate/signing-algorithm" + "policy/outcome" + "session-setup/final-signed" => |x| {
        selects(x, &[&[0x7777]])
    };

    setup_unsigned: Free21, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.unsign(at)
    };
    setup_unsigned_where_signing_is_required: Required30, "session-setup/final-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.unsign(at)
    };
    setup_unsigned_at_3_1_1: Free311, "session-setup/final-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.unsign(at)
    };
    setup_with_a_zero_signature: Free311, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        zeroed(x, at)
    };
    setup_with_a_flipped_bit: Required311, "session-setup/final-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.spoil(at, |bytes| bytes[50] ^= 4)
    };
    setup_with_the_wrong_key: Free30, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        forged(x, at, CMAC, x.keys[0].key)
    };
    setup_with_the_wrong_algorithm: Free21, "session-setup/final-signed" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        forged(x, at, CMAC, x.keys[0].key)
    };
    setup_signed_without_the_flag: Free30,
        "session-setup/final-signed" + "signing/zero-when-unsigned" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.spoil(at, |bytes| bytes[16] &= !8)
    };

    response_unsigned: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        x.unsign(at)
    };
    response_unsigned_where_only_the_server_requires: Server21,
        "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::READ);
        x.unsign(at)
    };
    response_unsigned_to_the_one_signed_request: Free311, "signing/response-signed" => |x| {
        let at = x.response(Command::TREE_CONNECT);
        x.unsign(at)
    };
    error_unsigned: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let failed = |i: &usize| x.header(*i).status == NtStatus::OBJECT_NAME_NOT_FOUND;
        let at = (0..x.messages.len()).find(failed).unwrap();
        x.unsign(at)
    };
    response_with_a_zero_signature: Required311, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        zeroed(x, at)
    };
    response_with_a_flipped_signature_bit: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::WRITE);
        x.spoil(at, |bytes| bytes[63] ^= 0x80)
    };
    response_with_a_flipped_body_bit: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::QUERY_INFO);
        x.spoil(at, |bytes| *bytes.last_mut().unwrap() ^= 1)
    };
    response_with_the_wrong_key: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        forged(x, at, CMAC, x.keys[0].key)
    };
    response_with_a_zero_key: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        forged(x, at, HMAC, [0; 16])
    };
    response_with_the_algorithm_of_2_x: Required30, "signing/response-signed" + "policy/outcome" => |x| {
        let at = echo(x);
        let key = smb::kdf::signing_key(Dialect::Smb30, &x.keys[0].key, &[0; 64]);
        forged(x, at, HMAC, key)
    };
    response_signed_without_the_flag: Required21,
        "signing/response-signed" + "policy/outcome" + "signing/zero-when-unsigned" => |x| {
        let at = echo(x);
        x.spoil(at, |bytes| bytes[16] &= !8)
    };
    response_with_the_signature_of_its_request: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        let signature = x.header(x.request(Command::ECHO)).signature;
        let at = echo(x);
        x.spoil(at, |bytes| bytes[48..64].copy_from_slice(&signature))
    };

    negotiate_flagged: Free21, "signing/unsigned-response" => |x| {
        let at = x.response(Command::NEGOTIATE);
        flagged(x, at)
    };
    challenge_flagged: Required30, "signing/unsigned-response" => |x| {
        let at = x.first_response(Command::SESSION_SETUP);
        flagged(x, at)
    };
    interim_flagged: Required21, "signing/unsigned-response" => |x| {
        let at = echo(x);
        let at = interim(x, at, |_| {});
        x.sign(at);
        at
    };
    anonymous_session_flagged: Anonymous, "signing/unsigned-response" => |x| {
        let at = echo(x);
        flagged(x, at)
    };
    anonymous_setup_flagged: Anonymous, "signing/unsigned-response" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        flagged(x, at)
    };

    interim_with_a_signature: Required311, "signing/interim-zero" => |x| {
        let at = echo(x);
        interim(x, at, |bytes| bytes[48..64].fill(0x5a))
    };
    signature_nobody_asked_for: Free21, "signing/zero-when-unsigned" => |x| {
        let at = echo(x);
        x.spoil(at, |bytes| bytes[55] = 1)
    };
    signature_in_negotiate: Required21, "signing/zero-when-unsigned" => |x| {
        let at = x.response(Command::NEGOTIATE);
        x.spoil(at, |bytes| bytes[48] = 1)
    };
    signature_in_a_refusal: WrongUser, "signing/zero-when-unsigned" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.spoil(at, |bytes| bytes[48..64].fill(9))
    };

    validates_other_capabilities: Required30, "negotiate/validate" + "policy/outcome" => |x| {
        validates(x, |told| told.capabilities = Capabilities(told.capabilities.0 ^ 0x40))
    };
    validates_another_guid: Free30, "negotiate/validate" + "policy/outcome" => |x| validates(x, |told| told.guid[3] ^= 1);
    validates_another_mode: Required30, "negotiate/validate" + "policy/outcome" => |x| {
        validates(x, |told| told.security_mode = SecurityMode(3))
    };
    validates_another_dialect: Free30, "negotiate/validate" + "policy/outcome" => |x| {
        validates(x, |told| told.dialect = DialectRevision::SMB_2_1)
    };
    validates_a_negotiation_that_was_another: Required30, "negotiate/validate" + "policy/outcome" => |x| {
        negotiate(x, |body| body.capabilities = Capabilities(body.capabilities.0 ^ 0x40));
        x.response(Command::IOCTL)
    };
    validates_unsigned: Free30, "negotiate/validate" + "signing/response-signed" + "policy/outcome" => |x| {
        let at = x.response(Command::IOCTL);
        x.unsign(at)
    };
    validates_with_nothing: Required30, "negotiate/validate" + "policy/outcome" => |x| {
        let at = x.response(Command::IOCTL);
        x.change(at, |bytes| {
            let header = Header::parse(bytes).unwrap();
            let body = IoctlResponse { output: Vec::new(), ..IoctlResponse::parse(bytes).unwrap() };
            *bytes = wire::message(&header, &body).unwrap();
        })
    };

    write_refused: Required21, "step/status" => |x| {
        let at = x.response(Command::WRITE);
        fails(x, at, NtStatus::ACCESS_DENIED)
    };
    read_fails: Free311, "step/status" => |x| {
        let at = x.response(Command::READ);
        fails(x, at, NtStatus::END_OF_FILE)
    };
    deleted_file_is_still_there: Required30, "step/status" => |x| {
        let failed = |i: &usize| x.header(*i).status == NtStatus::OBJECT_NAME_NOT_FOUND;
        let at = (0..x.messages.len()).find(failed).unwrap();
        let opened = x.messages[x.first_response(Command::CREATE)].bytes[64..].to_vec();
        x.change(at, |bytes| {
            bytes[8..12].fill(0);
            bytes.truncate(64);
            bytes.extend_from_slice(&opened);
        })
    };
    directory_does_not_open: Free21, "step/status" => |x| {
        // The second CREATE leads up to QUERY_DIRECTORY.
        let created = x.first_response(Command::CREATE);
        let at = (created + 1..x.messages.len())
            .find(|i| x.messages[*i].way == Way::ToClient && x.header(*i).command == Command::CREATE)
            .unwrap();
        fails(x, at, NtStatus::OBJECT_NAME_NOT_FOUND)
    };
    success_with_another_number: Required311, "step/status" => |x| {
        let at = x.response(Command::LOGOFF);
        x.change(at, |bytes| bytes[8..12].copy_from_slice(&1_u32.to_le_bytes()))
    };

    reads_another_byte: Required21, "step/read-back" => |x| reads(x, |data| data[7] ^= 0x20);
    reads_too_little: Required311, "step/read-back" => |x| reads(x, |data| { data.pop(); });
    reads_too_much: Free21, "step/read-back" => |x| reads(x, |data| data.push(b'!'));
    reads_nothing: Free311, "step/read-back" => |x| reads(x, Vec::clear);

    user_becomes_guest: Required21, "policy/outcome" => |x| {
        let at = establishes(x, SessionFlags::IS_GUEST);
        x.unsign(at);
        // What the client would have sent to a guest session does not matter: it gives up.
        x.messages.truncate(at + 1);
        at
    };
    user_becomes_guest_and_signed: Free21, "policy/outcome" + "signing/unsigned-response" => |x| {
        establishes(x, SessionFlags::IS_GUEST)
    };
    user_becomes_nobody: Free21, "policy/outcome" => |x| {
        let at = establishes(x, SessionFlags::IS_NULL);
        x.unsign(at)
    };
    right_password_refused: Required30, "policy/outcome" => |x| {
        let at = x.response(Command::SESSION_SETUP);
        x.messages.truncate(at + 1);
        x.unsign(at);
        fails(x, at, NtStatus::LOGON_FAILURE)
    };
    wrong_user_let_in: WrongUser, "session-setup/final-signed" => |x| {
        lets_in(x, SessionFlags(0))
    };
    wrong_user_let_in_as_guest: WrongUser, "policy/outcome" => |x| {
        x.case.client.guest = GuestPolicy::Blocked;
        lets_in(x, SessionFlags::IS_GUEST)
    };
    tree_connect_refused: Required21, "policy/outcome" => |x| {
        let at = x.response(Command::TREE_CONNECT);
        fails(x, at, NtStatus::ACCESS_DENIED)
    };
    share_is_not_there: Free311, "policy/outcome" => |x| {
        let at = x.response(Command::TREE_CONNECT);
        fails(x, at, NtStatus::BAD_NETWORK_NAME)
    };
    goes_away: Required311, "policy/outcome" => |x| {
        let at = x.response(Command::WRITE);
        x.messages.truncate(at);
        x.closed = true;
        at
    };
    goes_away_between_two_steps: Free21, "policy/outcome" => |x| {
        let at = x.response(Command::WRITE);
        x.messages.truncate(at + 1);
        x.closed = true;
        at
    };
    signs_what_nobody_asked_for: Free21, "policy/outcome" => |x| {
        let at = echo(x);
        x.sign(at);
        at
    };
    no_dialect: Free21, "policy/outcome" => |x| {
        let at = x.response(Command::NEGOTIATE);
        x.messages.truncate(at + 1);
        fails(x, at, NtStatus::NOT_SUPPORTED)
    };
    no_preauthentication_context: Required311, "negotiate/preauth-context" + "policy/outcome" => |x| {
        negotiate(x, |body| body.negotiate_contexts.retain(|context| context.context_type != PREAUTH))
    };
    two_preauthentication_contexts: Free311, "negotiate/preauth-context" + "policy/outcome" => |x| {
        negotiate(x, |body| body.negotiate_contexts.push(body.negotiate_contexts[0].clone()))
    };
    preauthentication_by_an_unknown_hash: Required311, "negotiate/preauth-context" + "policy/outcome" => |x| {
        negotiate(x, |body| {
            for context in body.negotiate_contexts.iter_mut().filter(|context| context.context_type == PREAUTH) {
                context.data[4] = 9;
            }
        })
    };
    session_says_it_is_encrypted: Required311, "policy/outcome" => |x| {
        establishes(x, SessionFlags::ENCRYPT_DATA)
    };
    session_of_2_1_says_it_is_encrypted: Required21, "signing/response-signed" + "policy/outcome" => |x| {
        // The bit means nothing there: signing stays required.
        establishes(x, SessionFlags::ENCRYPT_DATA);
        let at = echo(x);
        x.unsign(at)
    };
    another_dialect: Free21, "policy/outcome" => |x| {
        negotiate(x, |body| body.dialect_revision = DialectRevision::SMB_2_0_2)
    };
}

/// A guest session, made of one in which nobody requires signing.
fn guest(mut exchange: Exchange) -> Exchange {
    exchange.case.client.guest = GuestPolicy::Allowed;
    exchange.case.server.guest = GuestMapping::BadUser;
    exchange.case.login = Login::UnknownUser;
    let at = establishes(&mut exchange, SessionFlags::IS_GUEST);
    exchange.unsign(at);
    exchange
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_session_conforms_where_it_is_predicted_and_must_not_be_signed() {
    let bench = Bench::new().await;
    let exchange = guest(Clean::Free21.exchange(&bench).await);
    let judged = exchange.write(&bench).judged();
    conforms("guest", &judged);
    assert_eq!(judged.outcome.unwrap().kind, Kind::NotSigned);

    let mut signed = exchange.clone();
    let at = signed.response(Command::ECHO);
    flagged(&mut signed, at);
    let judged = signed.write(&bench).judged();
    assert_eq!(judged.verdict, Verdict::Deviates);
    assert_eq!(rules(&judged), BTreeSet::from(["signing/unsigned-response"]));
    assert_eq!(judged.findings[0].at.unwrap().frame, Exchange::frame(at));

    let requiring = guest(Clean::Required21.exchange(&bench).await);
    for (exchange, policy) in [
        (&requiring, GuestPolicy::Allowed),
        (&exchange, GuestPolicy::Blocked),
        (&requiring, GuestPolicy::Blocked),
    ] {
        let mut refused = exchange.clone();
        refused.case.client.guest = policy;
        let judged = refused.write(&bench).judged();
        conforms("a client that takes no guest session", &judged);
        assert_eq!(judged.outcome.unwrap().why, Some(Why::GuestBlocked));
    }
}

// What a verdict does not depend on, and what it does.

#[tokio::test(flavor = "multi_thread")]
async fn what_the_probe_thought_is_not_in_the_evidence_and_would_not_count() {
    fn keys(value: &serde_json::Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }
    let bench = Bench::new().await;
    let clean = Clean::Required311.record(&bench).await;
    let path = evidence::sidecar_path(&clean.pcapng);
    let text = fs::read_to_string(&path).unwrap();
    let sidecar: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sorted = |mut all: Vec<&'static str>| {
        all.sort_unstable();
        all
    };
    assert_eq!(
        keys(&sidecar),
        sorted(vec![
            "schema",
            "case",
            "server",
            "session_keys",
            "steps",
            "server_log",
            "problem",
            "recorded"
        ])
    );
    assert_eq!(keys(&sidecar["session_keys"][0]), sorted(vec!["connection", "session_id", "key"]));
    assert_eq!(keys(&sidecar["steps"][0]), sorted(vec!["step", "connection", "sent"]));
    assert_eq!(
        keys(&sidecar["recorded"]["connections"][0]),
        sorted(vec!["client", "server", "packets", "to_server", "to_client"])
    );
    for word in ["dialect_revision", "outcome", "verdict", "\"predicted\"", "password", "signing_key"] {
        assert!(!text.contains(word), "{word}");
    }

    let mut faulty = Exchange::of(&clean.read());
    let at = faulty.response(Command::ECHO);
    faulty.unsign(at);
    for recorded in [clean, faulty.write(&bench)] {
        let judged = recorded.judged();
        for problem in ["everything conforms", "the server ended the connection", "no answer within 10 s"] {
            let mut evidence = recorded.read();
            evidence.sidecar.problem = Some(problem.to_owned());
            evidence.sidecar.server_log = Some("elsewhere".to_owned());
            assert_eq!(judge::judge(&evidence), judged, "{problem}");
        }
    }
}

/// What somebody who wants another verdict may do to the plan in a sidecar.
type Change = fn(&mut PlannedCase);

#[tokio::test(flavor = "multi_thread")]
async fn the_prediction_never_follows_the_observation() {
    let bench = Bench::new().await;
    let (required, outcome) = ("negotiate/signing-required", "policy/outcome");
    let changes: [(Clean, Change, Vec<&str>); 9] = [
        (Clean::Free21, |case| case.server.signing = Signing::Required, vec![required, outcome]),
        (Clean::Free311, |case| case.server.signing = Signing::Required, vec![required, outcome]),
        (Clean::Required21, |case| case.server.signing = Signing::Required, vec![required]),
        (Clean::Server21, |case| case.server.signing = Signing::NotRequired, vec![required, outcome]),
        (Clean::Required311, |case| case.negotiates = vec![model::Algorithm::Aes128Gmac], vec![]),
        (Clean::Required311, |case| case.server.algorithms = Some(vec![HMAC]), vec![]),
        (Clean::Anonymous, |case| case.login = Login::User, vec![outcome]),
        (Clean::WrongUser, |case| case.login = Login::User, vec![outcome]),
        (Clean::WrongUser, |case| case.server.guest = GuestMapping::BadUser, vec![outcome]),
    ];
    for (clean, change, expected) in changes {
        let recorded = clean.record(&bench).await;
        let mut evidence = recorded.read();
        change(&mut evidence.sidecar.case);
        let judged = judge::judge(&evidence);
        assert_eq!(rules(&judged), expected.iter().copied().collect(), "{clean:?}: {}", cause(&judged));
        let verdict = if expected.is_empty() { Verdict::Conforms } else { Verdict::Deviates };
        assert_eq!(judged.verdict, verdict, "{clean:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_other_than_the_planned_one_proves_nothing() {
    let bench = Bench::new().await;
    let changes: [(Clean, Change); 5] = [
        (Clean::Free30, |case| case.client.signing = Signing::Required),
        (Clean::Required30, |case| case.client.signing = Signing::NotRequired),
        (Clean::Required30, |case| case.client.dialects = vec![Dialect::Smb302]),
        (Clean::Required311, |case| case.client.algorithms = SigningOffer::Ids(vec![0])),
        (Clean::Required311, |case| case.client.algorithms = SigningOffer::None),
    ];
    for (clean, change) in changes {
        let recorded = clean.record(&bench).await;
        let mut evidence = recorded.read();
        change(&mut evidence.sidecar.case);
        let judged = judge::judge(&evidence);
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        assert_eq!(judged.findings, vec![], "{clean:?}");
        assert!(cause(&judged).contains("the client's NEGOTIATE (frame"), "{}", cause(&judged));
    }
}

/// The place of a message's bytes in the file.
fn place(file: &[u8], message: &Wire) -> usize {
    let framed = smb::nbss::wrap(&message.bytes).unwrap();
    let mut places = file.windows(framed.len()).enumerate().filter(|(_, window)| *window == framed);
    let (place, _) = places.next().unwrap();
    assert!(places.next().is_none());
    place + 4
}

/// Evidence to be altered on disk.
struct Altered {
    recorded: Recorded,
    exchange: Exchange,
    file: Vec<u8>,
}

impl Altered {
    async fn new(bench: &Bench, clean: Clean) -> Self {
        let exchange = clean.exchange(bench).await;
        let recorded = exchange.write(bench);
        conforms(&format!("{clean:?}"), &recorded.judged());
        let file = fs::read(&recorded.pcapng).unwrap();
        Self { recorded, exchange, file }
    }

    fn with(&self, file: &[u8]) -> Option<Judged> {
        fs::write(&self.recorded.pcapng, file).unwrap();
        evidence::Evidence::read(&self.recorded.pcapng).ok().map(|evidence| {
            let mut judged = judge::judge(&evidence);
            // The frames that are said to be altered, where a finding would name them.
            judged.why = Some(
                evidence.problems.iter().map(|p| format!("[{}]", p.frame.unwrap_or(0))).collect::<String>(),
            )
            .filter(|why| !why.is_empty())
            .or(judged.why);
            judged
        })
    }
}

async fn altered(bench: &Bench, all: &[Clean]) -> Vec<Altered> {
    let mut made = Vec::new();
    for clean in all {
        made.push(Altered::new(bench, *clean).await);
    }
    made
}

const SIGNED: [Clean; 5] =
    [Clean::Required21, Clean::Required30, Clean::Required311, Clean::Free311, Clean::Server21];

#[test]
fn a_bit_of_a_signed_message_that_is_flipped_on_disk_is_told_at_its_frame() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_bench, all) = runtime.block_on(async {
        let bench = Bench::new().await;
        let all = altered(&bench, &SIGNED).await;
        (bench, all)
    });
    let index = any::<prop::sample::Index>;
    TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() })
        .run(&(0..all.len(), index(), index(), 0..8_u32), |(which, message, byte, bit)| {
            let Altered { exchange, file, .. } = &all[which];
            let signed: Vec<usize> =
                (0..exchange.messages.len()).filter(|i| exchange.is_flagged(*i)).collect();
            let message = *message.get(&signed);
            let bytes = &exchange.messages[message];
            let mut file = file.clone();
            let flipped = place(&file, bytes) + byte.index(bytes.bytes.len());
            file[flipped] ^= 1 << bit;
            let judged = all[which].with(&file).unwrap();
            prop_assert_ne!(judged.verdict, Verdict::Conforms);
            let frame = Exchange::frame(message);
            let problem = judged.why.as_ref().is_some_and(|why| why.contains(&format!("[{frame}]")));
            prop_assert!(problem, "frame {}: {}", frame, cause(&judged));
            // Nobody else is accused: where it was the server's message the finding is about it, else there is none.
            match bytes.way {
                Way::ToServer => prop_assert_eq!(&judged.findings, &Vec::new()),
                Way::ToClient => {
                    for at in judged.findings.iter().filter_map(|finding| finding.at) {
                        prop_assert_eq!(at.frame, frame);
                    }
                }
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_bit_of_a_signed_message_that_the_server_sent_wrongly_is_found_at_its_frame() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (bench, all) = runtime.block_on(async {
        let bench = Bench::new().await;
        let all = altered(&bench, &SIGNED).await;
        (bench, all)
    });
    let index = any::<prop::sample::Index>;
    TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() })
        .run(&(0..all.len(), index(), index(), 0..8_u32), |(which, message, byte, bit)| {
            let mut exchange = all[which].exchange.clone();
            let signed: Vec<usize> = (0..exchange.messages.len())
                .filter(|i| exchange.is_flagged(*i) && exchange.messages[*i].way == Way::ToClient)
                .collect();
            let message = *message.get(&signed);
            let establishes = message == exchange.response(Command::SESSION_SETUP);
            exchange.spoil(message, |bytes| {
                let byte = byte.index(bytes.len());
                bytes[byte] ^= 1 << bit;
            });
            if establishes {
                // The id of the session is the one that the server says last.
                let id = exchange.messages[message].bytes[40..48].try_into().unwrap();
                exchange.keys[0].session_id = u64::from_le_bytes(id);
            }
            let judged = exchange.write(&bench).judged();
            prop_assert_eq!(judged.verdict, Verdict::Deviates, "{}", cause(&judged));
            let frame = Exchange::frame(message);
            // Where the logon itself comes out otherwise, it is the outcome that says so, and that has no frame.
            let status =
                establishes && judged.outcome.as_ref().is_some_and(|outcome| outcome.nt_status.is_some());
            prop_assert!(
                status
                    || judged.findings.iter().any(|finding| finding.at.is_some_and(|at| at.frame == frame)),
                "frame {}: {}",
                frame,
                cause(&judged)
            );
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_signature_of_the_client_that_does_not_verify_is_not_the_servers_fault() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let bench = Bench::new().await;
        for clean in SIGNED {
            let exchange = clean.exchange(&bench).await;
            let signed = (0..exchange.messages.len())
                .filter(|i| exchange.is_flagged(*i) && exchange.messages[*i].way == Way::ToServer);
            for message in signed {
                let mut exchange = exchange.clone();
                exchange.spoil(message, |bytes| *bytes.last_mut().unwrap() ^= 1);
                let judged = exchange.write(&bench).judged();
                assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
                assert!(cause(&judged).contains(&format!("(frame {})", Exchange::frame(message))));
            }
        }
    });
}

/// The parts of the file that say nothing about what was exchanged: when each packet was seen, and text for people.
fn says_nothing(file: &[u8]) -> Vec<std::ops::Range<usize>> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (mut all, mut at) = (Vec::new(), 0);
    while at < file.len() {
        let (kind, length) = (number(at), number(at + 4));
        let end = at + length - 4;
        match kind {
            // The section's header: version, length and options; the options are comments.
            0x0a0d_0d0a => all.push(at + 12..end),
            6 => {
                all.push(at + 12..at + 20);
                let data = at + 28 + number(at + 20);
                all.push(data..end);
            }
            1 => all.push(at + 10..end),
            _ => {}
        }
        at += length;
    }
    all
}

#[test]
fn a_bit_flipped_anywhere_else_never_conforms_unless_it_says_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_bench, all) = runtime.block_on(async {
        let bench = Bench::new().await;
        let all = altered(&bench, &[Clean::Free21, Clean::Required311, Clean::Anonymous]).await;
        (bench, all)
    });
    let nothing: Vec<_> = all.iter().map(|altered| says_nothing(&altered.file)).collect();
    let clean: Vec<_> = all.iter().map(|altered| altered.with(&altered.file).unwrap()).collect();
    let index = any::<prop::sample::Index>;
    TestRunner::new(Config { cases: 1500, failure_persistence: None, ..Config::default() })
        .run(&(0..all.len(), index(), 0..8_u32), |(which, byte, bit)| {
            let mut file = all[which].file.clone();
            let byte = byte.index(file.len());
            file[byte] ^= 1 << bit;
            // A file that cannot be read at all is inconclusive where it is one of a run.
            let Some(judged) = all[which].with(&file) else { return Ok(()) };
            if nothing[which].iter().any(|range| range.contains(&byte)) {
                if judged.verdict == Verdict::Conforms {
                    prop_assert_eq!(&judged, &clean[which]);
                }
            } else {
                prop_assert_ne!(judged.verdict, Verdict::Conforms, "byte {}", byte);
                prop_assert_ne!(judged.why, None);
            }
            Ok(())
        })
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packet_that_is_gone_leaves_nothing_known() {
    let bench = Bench::new().await;
    for clean in Clean::ALL {
        let altered = Altered::new(&bench, clean).await;
        let file = &altered.file;
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let (mut at, mut frame) = (0, 0);
        while at < file.len() {
            let length = number(at + 4);
            if number(at) == 6 {
                frame += 1;
                let rest = [&file[..at], &file[at + length..]].concat();
                let judged = altered.with(&rest).unwrap();
                assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?} {frame}: {}", cause(&judged));
                assert!(judged.why.is_some());
            }
            at += length;
        }
        assert_eq!(frame, 4 + altered.exchange.messages.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_a_session_is_not_known() {
    let bench = Bench::new().await;
    for clean in Clean::ALL {
        let recorded = clean.record(&bench).await;
        let mut evidence = recorded.read();
        let before = judge::judge(&evidence);
        let keys = std::mem::take(&mut evidence.sidecar.session_keys);
        let judged = judge::judge(&evidence);
        if matches!(clean, Clean::Anonymous | Clean::WrongUser) {
            // Nothing in them is verified with a key, so nothing is lost with it.
            assert_eq!(judged, before);
            continue;
        }
        assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        assert_eq!(judged.findings, [], "{clean:?}");
        assert!(judged.why.unwrap().contains("is not in the evidence"));

        // Of another session, or of another connection, it is as good as gone.
        evidence.sidecar.session_keys = keys.clone();
        evidence.sidecar.session_keys[0].session_id ^= 1;
        assert_eq!(judge::judge(&evidence).verdict, Verdict::Inconclusive, "{clean:?}");
        evidence.sidecar.session_keys = keys;
        evidence.sidecar.session_keys[0].key[15] ^= 1;
        let judged = judge::judge(&evidence);
        assert_ne!(judged.verdict, Verdict::Conforms, "{clean:?}");
        if !matches!(clean, Clean::Free21) {
            // The client signed something, so it shows that it is the key that is wrong.
            assert_eq!(judged.verdict, Verdict::Inconclusive, "{clean:?}: {}", cause(&judged));
        }
    }
}

/// The results of `countersign judge` on a run folder.
fn judge_run(run: &Path) -> serde_json::Value {
    let judged = Process::new(env!("CARGO_BIN_EXE_countersign")).arg("judge").arg(run).output().unwrap();
    let results: serde_json::Value =
        serde_json::from_slice(&fs::read(run.join("results.json")).unwrap()).unwrap();
    let verdict = results["cases"][0]["verdict"].as_str().unwrap();
    let expected = if verdict == "inconclusive" { 3 } else { 0 };
    assert_eq!(judged.status.code(), Some(expected), "{}", String::from_utf8_lossy(&judged.stderr));
    results["cases"][0].clone()
}

type Removal<'r> = Box<dyn Fn() + 'r>;

#[test]
fn a_run_without_its_evidence_is_inconclusive() {
    let folder = tempfile::TempDir::new().unwrap();
    let run = folder.path().join("run");
    let id =
        "smb2-policy/algorithm=aes-128-cmac,client=required,dialect=3.1.1,server.signing=required@embedded";
    let ran = Process::new(env!("CARGO_BIN_EXE_countersign"))
        .args(["run", "--case", id, "--out"])
        .arg(&run)
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", String::from_utf8_lossy(&ran.stderr));
    let pcapng = run.join("evidence").join(format!("{id}.pcapng"));
    let sidecar = evidence::sidecar_path(&pcapng);
    let (packets, text) = (fs::read(&pcapng).unwrap(), fs::read_to_string(&sidecar).unwrap());
    let whole = || {
        fs::write(&pcapng, &packets).unwrap();
        fs::write(&sidecar, &text).unwrap();
    };
    assert_eq!(judge_run(&run)["verdict"], "conforms");

    let mut gone: Vec<(&str, Removal<'_>)> = vec![
        ("sidecar", Box::new(|| fs::remove_file(&sidecar).unwrap())),
        ("pcapng", Box::new(|| fs::remove_file(&pcapng).unwrap())),
        (
            "both",
            Box::new(|| {
                fs::remove_file(&sidecar).unwrap();
                fs::remove_file(&pcapng).unwrap();
            }),
        ),
        ("empty pcapng", Box::new(|| fs::write(&pcapng, b"").unwrap())),
        ("half a pcapng", Box::new(|| fs::write(&pcapng, &packets[..packets.len() / 2]).unwrap())),
        ("half a sidecar", Box::new(|| fs::write(&sidecar, &text[..text.len() / 2]).unwrap())),
    ];
    gone.push((
        "session key",
        Box::new(|| {
            let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
            value["session_keys"] = serde_json::json!([]);
            fs::write(&sidecar, value.to_string()).unwrap();
        }),
    ));
    gone.push((
        "another policy in the sidecar",
        Box::new(|| {
            let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
            value["case"]["server"]["signing"] = "not-required".into();
            fs::write(&sidecar, value.to_string()).unwrap();
        }),
    ));
    for (what, remove) in gone {
        remove();
        let case = judge_run(&run);
        assert_eq!(case["verdict"], "inconclusive", "{what}: {case}");
        assert!(case["why"].as_str().is_some_and(|why| !why.is_empty()), "{what}: {case}");
        assert_eq!(case["findings"], serde_json::json!([]), "{what}: {case}");
        whole();
        assert_eq!(judge_run(&run)["verdict"], "conforms", "{what}");
    }
}
