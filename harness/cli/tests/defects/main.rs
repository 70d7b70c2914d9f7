//! Every rule can fail: what a real server said, with one thing changed as a faulty server would have said it, trips the
//! rule that is about it, at the message that was changed. And what is said of evidence depends on nothing but it.
#![cfg(test)]

mod altered;
mod broken;
mod cancel;
mod clean;
mod compounds;
mod driven;
mod faulty;
mod guest;
mod interim;
mod missing;
mod noticed;
mod plan;
mod salts;
#[path = "../support/mod.rs"]
mod support;
mod table;
