//! Imports only point down: the layers of ARCHITECTURE.md, held against what each crate's manifest says.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The crates, top to bottom, and for each the workspace crates it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    (
        "harness/cli",
        &["lab", "inprocess", "interpose", "probe", "judge", "evidence", "smb", "model", "reports"],
    ),
    ("harness/lab", &["smb", "model"]),
    ("harness/inprocess", &[]),
    ("harness/interpose", &["evidence", "smb", "model"]),
    ("harness/probe", &["evidence", "smb", "model"]),
    ("harness/judge", &["evidence", "smb", "model"]),
    ("harness/evidence", &["model"]),
    ("harness/smb", &["model"]),
    ("harness/model", &[]),
    ("reports", &["model"]),
];
/// What does no I/O may not even be able to.
const NO_TOKIO: &[&str] = &["harness/smb", "harness/model", "harness/judge", "harness/evidence", "reports"];

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn manifest(folder: &str) -> toml::Table {
    fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap().parse().unwrap()
}

fn dependencies(folder: &str, sections: &[&str]) -> Vec<String> {
    let manifest = manifest(folder);
    sections
        .iter()
        .filter_map(|section| manifest.get(*section)?.as_table())
        .flat_map(|table| table.keys().cloned())
        .collect()
}

#[test]
fn every_crate_imports_only_what_is_below_it() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let own: Vec<&str> = MAY_IMPORT.iter().map(|(folder, _)| folder.rsplit('/').next().unwrap()).collect();
    for (folder, may) in &allowed {
        for name in dependencies(folder, &["dependencies", "dev-dependencies", "build-dependencies"]) {
            assert!(
                !own.contains(&name.as_str()) || may.contains(&name.as_str()),
                "{folder} imports `{name}`, which is not below it: see the picture in ARCHITECTURE.md"
            );
        }
    }
}

#[test]
fn what_does_no_io_has_no_tokio() {
    for folder in NO_TOKIO {
        assert!(
            !dependencies(folder, &["dependencies"]).contains(&"tokio".to_owned()),
            "{folder} imports tokio"
        );
    }
}

#[test]
fn every_crate_of_the_workspace_is_in_the_picture() {
    let mut folders: Vec<String> = fs::read_dir(root().join("harness"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("Cargo.toml").exists())
        .map(|entry| format!("harness/{}", entry.file_name().to_string_lossy()))
        .collect();
    folders.push("reports".to_owned());
    folders.sort();
    let mut known: Vec<&str> = MAY_IMPORT.iter().map(|(folder, _)| *folder).collect();
    known.sort_unstable();
    assert_eq!(folders, known);
}

#[test]
fn no_code_names_a_server() {
    // What is special to one server stands in its folder. Tests of the real thing may name the real thing.
    let servers: Vec<String> = fs::read_dir(root().join("containers/servers"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "embedded")
        .flat_map(|name| [name.clone(), name.split('-').next().unwrap().to_owned()])
        .collect();
    for (folder, _) in MAY_IMPORT {
        look(&root().join(folder).join("src"), &servers);
    }
}

/// Fails where a line of code, comments aside, holds one of `words`.
fn look(folder: &Path, words: &[String]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, words);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let line = line.to_lowercase();
            for word in words {
                assert!(!line.contains(word), "{}: names a server: {line}", path.display());
            }
        }
    }
}
