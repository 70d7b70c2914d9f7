//! NTLMv2, SPNEGO and the authenticator, against published values, captured sessions and damaged messages.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod authenticator;
#[path = "../vectors/channels.rs"]
mod channels;
mod client;
mod exchange;
mod hostile;
mod published;
#[path = "../vectors/mod.rs"]
mod vectors;
