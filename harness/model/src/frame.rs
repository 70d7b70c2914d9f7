//! A message of the evidence as it is shown beside a finding: decoded, bounded, and with the place of every field.

use crate::words::words;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

words! {
    /// Which way a message went.
    Heading, "direction" {
        /// From the client to the server.
        ToServer = "to-server",
        /// From the server to the client.
        ToClient = "to-client",
    }
}

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrameField {
    /// Its name in the specification.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Its bytes, from the first to before the last, counted from the first byte of the message's header.
    pub bytes: (u32, u32),
}

/// A message, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// Which connection of the case, from 0.
    pub connection: u32,
    /// The packet's number in the pcapng, from 1, as Wireshark shows it: where the message begins.
    pub frame: u64,
    /// Its place in a compound, from 0.
    pub element: u32,
    /// Which way it went.
    pub direction: Heading,
    /// What it is, in one line.
    pub summary: String,
    /// Its fields, those that matter for signing and for its status.
    pub fields: Vec<FrameField>,
    /// How many bytes it has.
    pub length: u32,
    /// Its first bytes, in hexadecimal.
    pub hex: String,
}
