//! The signing rules: three published tables as one pure function.
//!
//! Sources: "SMB 2 and SMB 3 signing" and "The Basics of SMB Signing" (Microsoft), [MS-SMB2] 3.2.5.3.1 and 3.3.5.5.3,
//! [MS-SMB] 3.2.4.2.4 and 3.3.5.3, [MS-CIFS] 3.2.4.2.4, KB950876 and KB887429. These tables are the oracle: nothing
//! that a server does changes them.

use crate::words::{Generation, Signing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a cell of a policy table says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    /// Traffic after the mount is signed, both ways.
    Signed,
    /// Traffic after the mount is not signed.
    NotSigned,
    /// The client ends the connection itself: it requires what the server does not offer ([MS-CIFS] 3.2.4.2.4).
    ClientRefuses,
    /// The server answers STATUS_ACCESS_DENIED to TREE_CONNECT or TRANS2 (KB887429).
    ServerRefuses,
}

/// The cell for a client's and a server's signing policy under one rule generation.
///
/// Words that a generation does not have are read by what they mean: under `smb2` everything that is not `required` is
/// `not-required` (EnableSecuritySignature is ignored on both sides); under SMB1 `not-required` is the default of that
/// side, `enabled` for a client and `disabled` for a server.
#[must_use]
pub fn signing_rule(client: Signing, server: Signing, generation: Generation) -> Cell {
    use Signing::{Disabled, Enabled, NotRequired, Required};
    let client = if client == NotRequired && generation != Generation::Smb2 { Enabled } else { client };
    let server = if server == NotRequired && generation != Generation::Smb2 { Disabled } else { server };
    match generation {
        Generation::Smb2 => match (client, server) {
            (Required, _) | (_, Required) => Cell::Signed,
            _ => Cell::NotSigned,
        },
        Generation::Smb1Current => match (client, server) {
            (Required, _) | (_, Required) | (Enabled, Enabled) => Cell::Signed,
            _ => Cell::NotSigned,
        },
        Generation::Smb1Older => match (client, server) {
            (Required, Disabled) => Cell::ClientRefuses,
            (Disabled, Required) => Cell::ServerRefuses,
            (Required, _) | (_, Required) | (Enabled, Enabled) => Cell::Signed,
            _ => Cell::NotSigned,
        },
    }
}

/// What a client of SMB1 does with its policy once it knows the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Smb1Client {
    /// It asks for signing in its SESSION_SETUP requests, and signs and verifies once a user has logged on.
    pub targets_signing: bool,
    /// It ends the connection after NEGOTIATE.
    pub gives_up: bool,
}

/// What a client with this policy does where NEGOTIATE says that the server is `server`: `Required`, `Enabled`, or
/// `Disabled` where SECURITY_SIGNATURES_ENABLED is clear ([MS-CIFS] 3.2.5.2).
///
/// The client of the older generation follows [MS-CIFS] 3.2.4.2.4, but that its `Disabled` goes on at a server that
/// requires signing, as KB887429 has it: it is the server that refuses. The client of the current generation follows
/// [MS-SMB] 3.2.4.2.4, where `Disabled` is that section's *Declined*. A server that declines looks like one that is
/// disabled, so a client that requires signing goes on there: it sets SMB_FLAGS2_SMB_SECURITY_SIGNATURE_REQUIRED and
/// gives up where the answer to its SESSION_SETUP is unsigned ([MS-SMB] 2.2.3.1).
#[must_use]
pub fn smb1_client(client: Signing, generation: Generation, server: Signing) -> Smb1Client {
    use Signing::{Disabled, Enabled, NotRequired, Required};
    let older = generation == Generation::Smb1Older;
    let targets_signing = match (client, server) {
        (Required, Disabled | NotRequired) => !older,
        (Required, _) => true,
        (Enabled | NotRequired, Enabled | Required) => true,
        (Disabled, Required) => !older,
        _ => false,
    };
    Smb1Client { targets_signing, gives_up: client == Required && !targets_signing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Cell::{ClientRefuses, NotSigned, ServerRefuses, Signed};
    use Signing::{Disabled, Enabled, NotRequired, Required};
    use rstest::rstest;

    #[rstest]
    #[case(Required, Required, Signed)]
    #[case(Required, NotRequired, Signed)]
    #[case(NotRequired, Required, Signed)]
    #[case(NotRequired, NotRequired, NotSigned)]
    fn smb2(#[case] client: Signing, #[case] server: Signing, #[case] cell: Cell) {
        assert_eq!(signing_rule(client, server, Generation::Smb2), cell);
    }

    #[rstest]
    fn smb2_ignores_enabled(
        #[values(Enabled, Disabled, NotRequired)] client: Signing,
        #[values(Enabled, Disabled, NotRequired)] server: Signing,
    ) {
        assert_eq!(signing_rule(client, server, Generation::Smb2), NotSigned);
        assert_eq!(signing_rule(Required, server, Generation::Smb2), Signed);
        assert_eq!(signing_rule(client, Required, Generation::Smb2), Signed);
    }

    #[rstest]
    #[case(Required, Required, Signed)]
    #[case(Required, Enabled, Signed)]
    #[case(Required, Disabled, Signed)]
    #[case(Enabled, Required, Signed)]
    #[case(Enabled, Enabled, Signed)]
    #[case(Enabled, Disabled, NotSigned)]
    #[case(Disabled, Required, Signed)]
    #[case(Disabled, Enabled, NotSigned)]
    #[case(Disabled, Disabled, NotSigned)]
    fn smb1_current(#[case] client: Signing, #[case] server: Signing, #[case] cell: Cell) {
        assert_eq!(signing_rule(client, server, Generation::Smb1Current), cell);
    }

    #[rstest]
    #[case(Required, Required, Signed)]
    #[case(Required, Enabled, Signed)]
    #[case(Required, Disabled, ClientRefuses)]
    #[case(Enabled, Required, Signed)]
    #[case(Enabled, Enabled, Signed)]
    #[case(Enabled, Disabled, NotSigned)]
    #[case(Disabled, Required, ServerRefuses)]
    #[case(Disabled, Enabled, NotSigned)]
    #[case(Disabled, Disabled, NotSigned)]
    fn smb1_older(#[case] client: Signing, #[case] server: Signing, #[case] cell: Cell) {
        assert_eq!(signing_rule(client, server, Generation::Smb1Older), cell);
    }

    #[rstest]
    fn smb1_defaults(#[values(Generation::Smb1Current, Generation::Smb1Older)] generation: Generation) {
        assert_eq!(signing_rule(NotRequired, NotRequired, generation), NotSigned);
        assert_eq!(signing_rule(NotRequired, Required, generation), Signed);
        assert_eq!(signing_rule(NotRequired, Enabled, generation), Signed);
    }

    /// The client's own rule leads to the table's cell wherever the server keeps to its side.
    #[rstest]
    fn an_smb1_client_follows_its_table(
        #[values(Required, Enabled, Disabled)] client: Signing,
        #[values(Required, Enabled, Disabled)] server: Signing,
        #[values(Generation::Smb1Current, Generation::Smb1Older)] generation: Generation,
    ) {
        let does = smb1_client(client, generation, server);
        let expected = match (does.gives_up, does.targets_signing, server) {
            (true, ..) => ClientRefuses,
            (_, true, _) => Signed,
            (_, false, Required) => ServerRefuses,
            _ => NotSigned,
        };
        assert_eq!(signing_rule(client, server, generation), expected);
    }
}
