//! The command as a person or a CI runs it: exit statuses, messages, files, signals.

#![cfg(test)]

mod attacks;
mod engine;
mod evidence;
mod failures;
mod page;
mod selftest;
mod support;
mod words;
