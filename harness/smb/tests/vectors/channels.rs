//! One SMB 3.1.1 session on two channels between Windows 10 machines, as Microsoft published it.

use super::vectors::hex_of;
use serde_json::Value;

/// The file of the first channel (1) or of the second, which is bound to the session of the first (2).
pub(crate) fn channel(number: usize) -> Value {
    let text = [include_str!("channel1.json"), include_str!("channel2.json")][number - 1];
    serde_json::from_str(text).expect("JSON")
}

/// A frame, from the SMB2 header on: two of NEGOTIATE, then four of SESSION_SETUP.
pub(crate) fn frame(channel: &Value, index: usize) -> Vec<u8> {
    hex_of(&channel["frames"][index]["hex"])
}

/// A key of the channel by name.
pub(crate) fn key(channel: &Value, name: &str) -> [u8; 16] {
    hex_of(&channel["keys"][name]).try_into().expect("16 bytes")
}
