//! countersign: an interoperability test harness for SMB signing on servers nobody here wrote.
//!
//! This crate is the command line: it reads the catalogue, plans, brings targets up through `lab`, drives them with
//! `probe`, has `judge` grade what was recorded, and renders through `reports`.

mod annotating;
mod args;
mod captured;
mod catalogue;
mod diff;
mod discovery;
mod driven;
mod exit;
mod explain;
mod files;
mod glossary;
mod interposed;
mod judging;
mod listing;
mod memory;
mod merge;
mod names;
mod predict;
mod progress;
mod qualify;
mod run;
mod select;
mod selftest;
mod servers;
mod slots;

use args::{Cli, Command};
use clap::Parser;
use exit::Exit;
use std::ffi::OsString;
use std::process::ExitCode;

/// Runs the command with these arguments, the program's name first, and says how it ended.
#[must_use]
pub fn main(args: &[OsString]) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() { Exit::Usage } else { Exit::Expected };
            // Nothing is left to be done where even this cannot be printed.
            let _ = error.print();
            return status.into();
        }
    };
    let command: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let result = match cli.command {
        Command::Run(args) => run::run(&args, &command.join(" ")),
        Command::Qualify(args) => qualify::qualify(&args, &command.join(" ")),
        Command::Judge(args) => judging::judge(&args),
        Command::Report(args) => judging::report(&args),
        Command::Diff(args) => diff::diff(&args),
        Command::Merge(args) => merge::merge(&args),
        Command::List(args) => listing::list(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Predict(args) => predict::predict(&args),
        Command::Selftest(args) => selftest::selftest(&args, &command.join(" ")),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            anstream::eprintln!("countersign: {}", failure.message);
            failure.exit.into()
        }
    }
}
