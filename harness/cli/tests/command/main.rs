//! The command as a person or a CI runs it: exit statuses, messages, files, signals.

#![cfg(test)]

mod engine;
mod evidence;
mod failures;
mod page;
mod support;
