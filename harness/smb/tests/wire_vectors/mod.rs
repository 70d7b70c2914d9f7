//! Real messages: the captures, and what others published.

use serde_json::Value;

const CAPTURES: [&str; 4] = [
    include_str!("../vectors/captures/cap210.json"),
    include_str!("../vectors/captures/cap300.json"),
    include_str!("../vectors/captures/cap311cmac.json"),
    include_str!("../vectors/captures/cap311gmac.json"),
];

/// Each capture, from NEGOTIATE to LOGOFF: its name, and its frames in order. A compound is a frame per element.
pub(crate) fn captured() -> Vec<(String, Vec<Value>)> {
    let files = CAPTURES.map(|text| serde_json::from_str(text).expect("JSON"));
    files.iter().map(|file: &Value| (text_of(&file["name"]), list_of(&file["frames"]))).collect()
}

/// The published messages that are no captures of ours: what they are, and their bytes.
pub(crate) fn published() -> Vec<(String, Vec<u8>)> {
    let channels = [include_str!("../vectors/channel1.json"), include_str!("../vectors/channel2.json")];
    let channels = channels.map(|text| serde_json::from_str(text).expect("JSON"));
    let file: Value = serde_json::from_str(include_str!("published.json")).expect("JSON");
    let named = channels
        .iter()
        .flat_map(|file: &Value| list_of(&file["frames"]))
        .map(|it| (text_of(&it["name"]), it));
    let others = list_of(&file["messages"]).into_iter().map(|it| (text_of(&it["what"]), it));
    named.chain(others).map(|(what, it)| (what, bytes_of(&it["hex"]))).collect()
}

/// The bytes behind a string of hex digits.
pub(crate) fn bytes_of(value: &Value) -> Vec<u8> {
    hex::decode(text_of(value)).expect("hex")
}

/// A string.
pub(crate) fn text_of(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn list_of(value: &Value) -> Vec<Value> {
    value.as_array().expect("a list").clone()
}
