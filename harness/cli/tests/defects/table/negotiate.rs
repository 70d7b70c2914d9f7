//! NEGOTIATE answered wrongly, and validated wrongly.

use crate::faulty::{negotiate, selects, validates};
use smb::wire::{
    self, Body, Capabilities, Command, ContextType, DialectRevision, Header, IoctlResponse, SecurityMode,
};

const PREAUTH: ContextType = ContextType::PREAUTH_INTEGRITY_CAPABILITIES;

defects! {
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
    algorithm_though_none_was_offered: NoOffer, "negotiate/signing-algorithm" => |x| {
        selects(x, &[&[1]])
    };
    // It does not know the type, so what the context says is nothing to it, and neither is how many there are.
    another_algorithm_though_none_was_offered: NoOffer, "negotiate/signing-algorithm" => |x| {
        selects(x, &[&[0]])
    };
    two_algorithm_contexts_though_none_was_offered: NoOffer, "negotiate/signing-algorithm" => |x| {
        selects(x, &[&[2], &[0x7777]])
    };
    algorithm_that_does_not_exist: OddOffer,
        "negotiate/signing-algorithm" + "policy/outcome" + "session-setup/final-signed" => |x| {
        selects(x, &[&[0x7777]])
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
}
