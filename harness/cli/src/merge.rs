//! `merge`: several run folders as one.

use crate::args::MergeArgs;
use crate::exit::{Exit, Failure};
use crate::files::{Journalled, RunFolder};
use crate::judging::finish;
use evidence::sidecar_path;
use model::Results;
use model::merge::{Merged, Part, merge as merged};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// `countersign merge`.
pub(crate) fn merge(args: &MergeArgs) -> Result<Exit, Failure> {
    let runs: Vec<&Path> = args.runs.iter().map(AsRef::as_ref).collect();
    let parts = runs.iter().map(|run| read(run)).collect::<Result<Vec<_>, _>>()?;
    let all = merged(parts).map_err(|error| Failure::usage(error.to_string()))?;
    let out = RunFolder::create(&args.out)?;
    let results = write(&out, &runs, all)?;
    finish(&out, &results)?;
    Ok(Exit::of(&results, args.fail_on.into()))
}

/// Merges a run into the folder of an earlier one, which is its result then.
pub(crate) fn into(folder: &Path, run: &Path) -> Result<(RunFolder, Results), Failure> {
    let all = merged(vec![read(folder)?, read(run)?]).map_err(|error| Failure::usage(error.to_string()))?;
    let (out, _) = RunFolder::open(folder)?;
    let results = write(&out, &[folder, run], all)?;
    Ok((out, results))
}

/// A run as it is in its folder.
pub(crate) fn read(run: &Path) -> Result<Part, Failure> {
    let (folder, plan) = RunFolder::open(run)?;
    // Where a journal says several things of one, the last counts.
    let Results { targets, clients, cases, .. } = folder.read_journal()?.results(&plan);
    Ok(Part { plan, targets, clients, cases })
}

/// Writes a merged run: evidence first, so that nothing is said of what is not there.
fn write(out: &RunFolder, runs: &[&Path], Merged { part, from }: Merged) -> Result<Results, Failure> {
    let Part { plan, targets, clients, cases } = part;
    for case in &cases {
        let run = from.get(&case.id).and_then(|place| runs.get(*place));
        if let (Some(run), Some(relative)) = (run, &case.evidence) {
            copy(run, out.path(), relative)?;
        }
    }
    for relative in targets.iter().flat_map(|target| &target.discovery).filter_map(|it| it.evidence.as_ref())
    {
        // The file of a discovery is called by the run that asked: it is in one of them.
        if let Some(run) = runs.iter().find(|run| run.join(relative).exists()) {
            copy(run, out.path(), relative)?;
        }
    }
    out.write_plan(&plan)?;
    let journal = Journalled { targets, clients, cases };
    out.replace_journal(&journal)?;
    Ok(journal.results(&plan))
}

/// Copies a pcapng with its sidecar, and the server's log that it names: under the run's name, for logs of several runs are
/// called the same.
fn copy(run: &Path, out: &Path, relative: &str) -> Result<(), Failure> {
    let (from, to) = (run.join(relative), out.join(relative));
    if from == to || !from.exists() {
        return Ok(());
    }
    let failed = |path: &Path, e: std::io::Error| Failure::environment(format!("{}: {e}", path.display()));
    put(&to, &fs::read(&from).map_err(|e| failed(&from, e))?)?;
    let (sidecar, to) = (sidecar_path(&from), sidecar_path(&to));
    let text = fs::read(&sidecar).map_err(|e| failed(&sidecar, e))?;
    let mut value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|e| Failure::usage(format!("{}: {e}", sidecar.display())))?;
    let Some(log) = value.get("server_log").and_then(|log| log.as_str()).map(str::to_owned) else {
        return put(&to, &text);
    };
    let name = Path::new(&log).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let id = run.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let moved = format!("evidence/logs/{id}/{name}");
    if let Ok(text) = fs::read(run.join(&log)) {
        put(&out.join(&moved), &text)?;
    }
    if let Some(log) = value.get_mut("server_log") {
        *log = moved.into();
    }
    put(&to, &serde_json::to_vec(&value).map_err(|e| Failure::environment(e.to_string()))?)
}

/// Writes a file that only its owner can read.
fn put(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        if let Some(parent) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(content)
    };
    write().map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
}
