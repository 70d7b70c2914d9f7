//! `qualify` against real servers: a real Samba in a container, published on 127.0.0.1 as a NAS is, and the embedded one.

#![cfg(test)]

mod careful;
mod container;
mod declared;
mod differ;
mod drafts;
mod everything;
mod hostile;
mod nas;
mod refused;
mod steps;
#[path = "../command/support.rs"]
mod support;
