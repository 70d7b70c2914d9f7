//! `diff`: what is different between two runs.

use crate::args::{DiffArgs, Format};
use crate::exit::{Exit, Failure};
use model::Results;
use model::diff::Diff;
use std::fs;
use std::path::Path;

/// `countersign diff`.
pub(crate) fn diff(args: &DiffArgs) -> Result<Exit, Failure> {
    let diff = Diff::of(&read(&args.old)?, &read(&args.new)?);
    match args.format {
        Format::Text => anstream::print!("{}", reports::diff::text(&diff)),
        Format::Markdown => anstream::print!("{}", reports::diff::markdown(&diff)),
        Format::Json => {
            let text =
                serde_json::to_string_pretty(&diff).map_err(|e| Failure::environment(e.to_string()))?;
            anstream::println!("{text}");
        }
    }
    Ok(if diff.is_worse() { Exit::Deviation } else { Exit::Expected })
}

/// The results of a run: its folder, or its results.json.
pub(crate) fn read(path: &Path) -> Result<Results, Failure> {
    let file = if path.is_dir() { path.join("results.json") } else { path.to_owned() };
    let text = fs::read_to_string(&file).map_err(|e| {
        let mend = if path.join("plan.json").exists() {
            format!(": the run did not end; `countersign report {}` makes it", path.display())
        } else {
            ": give a run folder or a results.json".to_owned()
        };
        Failure::usage(format!("{}: {e}{mend}", file.display()))
    })?;
    serde_json::from_str(&text)
        .map_err(|e| Failure::usage(format!("{}: it is no results.json: {e}", file.display())))
}
