//! The `countersign` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    countersign::main(std::env::args_os().collect())
}
