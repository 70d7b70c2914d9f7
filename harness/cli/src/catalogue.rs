//! The catalogue: scenarios and targets, from inside the binary or from a directory.

use crate::exit::Failure;
use crate::names;
use include_dir::{Dir, include_dir};
use lab::TargetFiles;
use model::Software;
use model::plan::{PlannedTexts, expand};
use model::settings::Settings;
use model::{Expectation, KnownClient, PlannedCase, Scenario, Target};
use std::fs;
use std::path::{Path, PathBuf};

static SCENARIOS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../scenarios");
static SERVERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../containers/servers");
static CLIENTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../containers/clients");

/// A target with the files of its folder.
pub(crate) struct KnownTarget {
    pub(crate) target: Target,
    pub(crate) files: TargetFiles,
    /// What mends what on it.
    pub(crate) remedies: Vec<Remedy>,
}

/// A client that people run, with the files of its folder.
pub(crate) struct KnownSoftware {
    pub(crate) software: Software,
    pub(crate) files: TargetFiles,
}

/// What mends the things of one topic on a server.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Remedy {
    /// The topic, as `explain` knows it.
    pub(crate) topic: String,
    /// The setting, in the server's own words.
    pub(crate) mend: String,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Remedies {
    #[serde(default)]
    remedy: Vec<Remedy>,
}

/// Everything a run can choose from.
pub(crate) struct Catalogue {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) targets: Vec<KnownTarget>,
    /// The clients that scenarios can name, by id.
    pub(crate) clients: Vec<KnownClient>,
    /// The clients that can be run, by id.
    pub(crate) software: Vec<KnownSoftware>,
    /// The cases of the built-in scenarios that a directory replaced; none where none did.
    pub(crate) built_in_cases: Vec<PlannedCase>,
    /// The client that was made of settings for this run.
    pub(crate) made: Option<Made>,
}

/// A client as somebody's is set.
pub(crate) struct Made {
    /// Its id.
    pub(crate) id: String,
    /// What makes it again: options of `run`.
    pub(crate) options: String,
}

impl Catalogue {
    /// Reads the catalogue; scenarios from `directory` where one is given, and servers from the folders in `servers`
    /// besides those built in.
    pub(crate) fn load(directory: Option<&Path>, servers: Option<&Path>) -> Result<Self, Failure> {
        Self::load_with(directory, servers, None)
    }

    /// The same, and wherever the client with this id is driven one that is set so, too.
    pub(crate) fn load_with(
        directory: Option<&Path>,
        servers: Option<&Path>,
        set: Option<(&str, &Settings)>,
    ) -> Result<Self, Failure> {
        let mut clients = built_in_clients()?;
        if let Some(own) = directory.map(|directory| directory.join("clients")).filter(|own| own.is_dir()) {
            let own = clients_in(&own)?;
            clients.retain(|client| own.iter().all(|own| own.id != client.id));
            clients.extend(own);
            clients.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let mut made = None;
        if let Some((base, settings)) = set {
            names::check("client", &[base.to_owned()], clients.iter().map(|client| client.id.as_str()))?;
            let known = clients.iter().find(|client| client.id == base);
            let client = known.map(|known| settings.made(known)).transpose();
            let client = client.map_err(|error| Failure::usage(format!("--client-settings: {error}")))?;
            made = client.as_ref().map(|client| Made {
                id: client.id.clone(),
                options: format!("--client {base} --client-settings {settings}"),
            });
            clients.extend(client);
            clients.sort_by(|a, b| a.id.cmp(&b.id));
        }
        let software = built_in_software()?;
        let known: Vec<Software> = software.iter().map(|known| known.software.clone()).collect();
        let built_in = built_in_scenarios(&clients, &known)?;
        let mut targets = built_in_targets()?;
        if let Some(servers) = servers {
            let own = targets_in(servers)?;
            targets.retain(|known| own.iter().all(|own| own.target.id != known.target.id));
            targets.extend(own);
        }
        targets.sort_by(|a, b| a.target.id.cmp(&b.target.id));
        let Some(directory) = directory else {
            return Ok(Self {
                scenarios: built_in,
                targets,
                clients,
                software,
                built_in_cases: Vec::new(),
                made,
            });
        };
        let bare: Vec<Target> = targets.iter().map(|known| known.target.clone()).collect();
        let built_in_cases = expand(&built_in, &bare);
        let scenarios = scenarios_in(directory, &clients, &known)?;
        Ok(Self { scenarios, targets, clients, software, built_in_cases, made })
    }

    /// What a report says of these cases besides results: the files that say it may be gone when it is made.
    pub(crate) fn texts(&self, cases: &[PlannedCase]) -> PlannedTexts {
        let is_used = |of: fn(&PlannedCase) -> &str, id: &str| cases.iter().any(|case| of(case) == id);
        let scenarios = self.scenarios.iter().filter(|it| is_used(|case| &case.scenario, &it.id));
        let clients = self.clients.iter().filter(|it| is_used(|case| &case.client.id, &it.id));
        let software = self.software.iter().map(|known| &known.software);
        let software = software.filter(|it| is_used(|case| &case.client.id, &it.id));
        let software = software.map(|it| (it.id.clone(), it.title.clone()));
        let targets = self.targets.iter().filter(|it| is_used(|case| &case.target, &it.target.id));
        let mends =
            |remedies: &[Remedy]| remedies.iter().map(|it| (it.topic.clone(), it.mend.clone())).collect();
        PlannedTexts {
            scenarios: scenarios.map(|it| (it.id.clone(), it.title.clone())).collect(),
            clients: clients.map(|it| (it.id.clone(), it.title.clone())).chain(software).collect(),
            remedies: targets.map(|it| (it.target.id.clone(), mends(&it.remedies))).collect(),
        }
    }

    /// The bare targets.
    pub(crate) fn targets(&self) -> Vec<Target> {
        self.targets.iter().map(|known| known.target.clone()).collect()
    }
}

fn parse(
    name: &str,
    file: &str,
    text: &[u8],
    clients: &[KnownClient],
    software: &[Software],
) -> Result<Scenario, Failure> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Failure::usage(format!("scenario {file}: it is not UTF-8 text")))?;
    Scenario::parse(name, file, text)
        .and_then(|scenario| scenario.with_clients(file, clients))
        .and_then(|scenario| scenario.with_software(file, software))
        .map_err(|error| Failure::usage(error.to_string()))
}

fn client(name: &str, file: &str, text: &[u8]) -> Result<KnownClient, Failure> {
    let text = std::str::from_utf8(text)
        .map_err(|_| Failure::usage(format!("client {file}: it is not UTF-8 text")))?;
    KnownClient::parse(name, file, text).map_err(|error| Failure::usage(error.to_string()))
}

fn built_in_clients() -> Result<Vec<KnownClient>, Failure> {
    let files = SCENARIOS.get_dir("clients").into_iter().flat_map(Dir::files);
    let mut all = files
        .map(|file| {
            let name = file.path().file_stem().unwrap_or_default().to_string_lossy();
            client(&name, &file.path().to_string_lossy(), file.contents())
        })
        .collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

/// The clients whose files are in a directory on disk.
fn clients_in(directory: &Path) -> Result<Vec<KnownClient>, Failure> {
    toml_files(directory)
        .map_err(|e| Failure::usage(format!("{}: {e}", directory.display())))?
        .iter()
        .map(|path| {
            let file = path.display().to_string();
            let text = fs::read(path).map_err(|e| Failure::usage(format!("client {file}: {e}")))?;
            client(&path.file_stem().unwrap_or_default().to_string_lossy(), &file, &text)
        })
        .collect()
}

/// The `*.toml` files in a directory, by name.
fn toml_files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    paths.sort();
    Ok(paths)
}

fn built_in_scenarios(clients: &[KnownClient], software: &[Software]) -> Result<Vec<Scenario>, Failure> {
    let mut all = SCENARIOS
        .files()
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "toml"))
        .map(|file| {
            let name = file.path().file_stem().unwrap_or_default().to_string_lossy();
            parse(&name, &file.path().to_string_lossy(), file.contents(), clients, software)
        })
        .collect::<Result<Vec<_>, _>>()?;
    all.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(all)
}

fn scenarios_in(
    directory: &Path,
    clients: &[KnownClient],
    software: &[Software],
) -> Result<Vec<Scenario>, Failure> {
    let shown = directory.display();
    let paths = toml_files(directory).map_err(|e| {
        Failure::usage(format!("--scenarios {shown}: {e}: give a directory with *.toml files"))
    })?;
    if paths.is_empty() {
        return Err(Failure::usage(format!("--scenarios {shown}: there is no *.toml file in it")));
    }
    paths
        .iter()
        .map(|path| {
            let file = path.display().to_string();
            let text = fs::read(path).map_err(|e| Failure::usage(format!("scenario {file}: {e}")))?;
            parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &file, &text, clients, software)
        })
        .collect()
}

fn built_in_targets() -> Result<Vec<KnownTarget>, Failure> {
    SERVERS
        .dirs()
        .map(|folder| {
            let id = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            target(&id, TargetFiles::included(folder))
        })
        .collect()
}

/// The clients that people run.
fn built_in_software() -> Result<Vec<KnownSoftware>, Failure> {
    let mut all = CLIENTS
        .dirs()
        .map(|folder| {
            let id = folder.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            let files = TargetFiles::included(folder);
            let text =
                |name: &str| String::from_utf8_lossy(files.file(name).unwrap_or_default()).into_owned();
            let software = Software::parse(&id, &text("client.toml"), &text("expectations.toml"))
                .map_err(|error| Failure::usage(error.to_string()))?;
            check_rules(&format!("client {id}"), &software.expectations)?;
            Ok(KnownSoftware { software, files })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    // A program without drivers has none of the clients that need one.
    all.retain(|known| known.software.driver.is_none() || cfg!(feature = "inprocess"));
    all.sort_by(|a, b| a.software.id.cmp(&b.software.id));
    Ok(all)
}

/// The servers whose folders are in a directory on disk.
fn targets_in(directory: &Path) -> Result<Vec<KnownTarget>, Failure> {
    let shown = directory.display();
    let entries = fs::read_dir(directory).map_err(|e| {
        Failure::usage(format!("--targets {shown}: {e}: give a directory with one folder per server"))
    })?;
    let folders: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    if folders.is_empty() {
        return Err(Failure::usage(format!(
            "--targets {shown}: there is no folder in it: each server has one, with a target.toml"
        )));
    }
    folders
        .iter()
        .map(|folder| {
            let id = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let files =
                TargetFiles::read(folder).map_err(|error| Failure::usage(format!("failed to {error}")))?;
            target(&id, files)
        })
        .collect()
}

/// The target that a folder describes.
fn target(id: &str, files: TargetFiles) -> Result<KnownTarget, Failure> {
    let text = |name: &str| {
        files.file(name).map(|bytes| {
            std::str::from_utf8(bytes)
                .map(str::to_owned)
                .map_err(|_| Failure::usage(format!("target {id}/{name}: it is not UTF-8 text")))
        })
    };
    let Some(description) = text("target.toml").transpose()? else {
        return Err(Failure::usage(format!("target {id}: its folder has no target.toml")));
    };
    let expectations = text("expectations.toml").transpose()?.unwrap_or_default();
    let target =
        Target::parse(id, &description, &expectations).map_err(|error| Failure::usage(error.to_string()))?;
    check_rules(&format!("target {}", target.id), &target.expectations)?;
    for rule in target.spared.iter().flat_map(|spared| &spared.rules) {
        check_rule(&format!("target {id}/target.toml"), rule)?;
    }
    let remedies = text("remedies.toml").transpose()?.unwrap_or_default();
    let remedies: Remedies = toml::from_str(&remedies).map_err(|error| {
        Failure::usage(format!("target {id}/remedies.toml: {}", error.to_string().trim_end()))
    })?;
    Ok(KnownTarget { target, files, remedies: remedies.remedy })
}

/// An expectation about a rule that does not exist would never be met and never be fixed.
pub(crate) fn check_rules(whose: &str, expectations: &[Expectation]) -> Result<(), Failure> {
    for expectation in expectations {
        check_rule(&format!("{whose}/expectations.toml"), &expectation.rule)?;
    }
    Ok(())
}

fn check_rule(file: &str, rule: &str) -> Result<(), Failure> {
    if judge::rules().any(|known| known.id == rule) {
        return Ok(());
    }
    let near = names::nearest(rule, judge::rules().map(|known| known.id));
    let mend = near.map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
    Err(Failure::usage(format!("{file}: no rule is called `{rule}`{mend}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_built_in_parses() {
        let catalogue = Catalogue::load(None, None).unwrap();
        for name in ["smb2-policy", "smb2-guest", "smb2-anonymous", "smb2-algorithms"] {
            assert!(catalogue.scenarios.iter().any(|scenario| scenario.id == name), "{name}");
        }
        assert!(catalogue.targets.iter().any(|known| known.target.default));
    }

    #[test]
    fn what_a_server_is_spared_is_known_of_a_client() {
        let catalogue = Catalogue::load(None, None).unwrap();
        for known in &catalogue.targets {
            for spared in &known.target.spared {
                for rule in &spared.rules {
                    let mut all = catalogue.software.iter().flat_map(|client| &client.software.expectations);
                    assert!(all.any(|known| known.rule == *rule), "{}: {rule}", known.target.id);
                }
            }
        }
    }
}
