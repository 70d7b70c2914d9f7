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
}
