//! The run folder: plan.json, evidence/, results.jsonl, results.json, report.html, junit.xml.

use crate::exit::Failure;
use crate::glossary::glossary;
use model::plan::PlannedTexts;
use model::results::{JournalLine, TargetResult};
use model::selftest::KillMatrix;
use model::{CaseId, CaseResult, Plan, Results};
use reports::Glossary;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A run folder that exists.
#[derive(Debug, Clone)]
pub(crate) struct RunFolder {
    path: PathBuf,
}

/// What the journal of a run holds.
#[derive(Default)]
pub(crate) struct Journalled {
    pub(crate) targets: Vec<TargetResult>,
    pub(crate) clients: Vec<TargetResult>,
    pub(crate) cases: Vec<CaseResult>,
}

impl Journalled {
    pub(crate) fn add(&mut self, line: JournalLine) {
        match line {
            JournalLine::Target(target) => self.targets.push(target),
            JournalLine::Client(client) => self.clients.push(client),
            JournalLine::Case(case) => self.cases.push(*case),
        }
    }

    /// What it comes to, with the plan of the run.
    pub(crate) fn results(self, plan: &Plan) -> Results {
        Results::assemble(plan, self.targets, self.cases).with_clients(self.clients)
    }
}

impl RunFolder {
    /// Creates a new run folder, mode 0700: a recorded NTLM exchange can be attacked offline.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |e: std::io::Error| {
            Failure::usage(format!(
                "the run folder {} could not be created: {e}: give another with --out",
                path.display()
            ))
        };
        if fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(Failure::usage(format!(
                "the run folder {} exists and is not empty: nothing in it was touched; give another with --out",
                path.display()
            )));
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        // An empty directory that was there already keeps its mode otherwise.
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(path, private).map_err(failed)?;
        DirBuilder::new().mode(0o700).create(path.join("evidence")).map_err(failed)?;
        Ok(Self { path: path.to_owned() })
    }

    /// Opens the folder of an earlier run with its plan.
    pub(crate) fn open(path: &Path) -> Result<(Self, Plan), Failure> {
        let file = path.join("plan.json");
        let text = fs::read_to_string(&file).map_err(|e| {
            Failure::usage(format!("{} is not a run folder: {}: {e}", path.display(), file.display()))
        })?;
        let plan = serde_json::from_str(&text).map_err(|e| {
            Failure::usage(format!(
                "{}: {e}: it was not written by this program, or was changed since",
                file.display()
            ))
        })?;
        Ok((Self { path: path.to_owned() }, plan))
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the evidence of a case is, relative to the folder.
    pub(crate) fn evidence_of(case: &CaseId) -> String {
        format!("evidence/{case}.pcapng")
    }

    /// Writes `plan.json`.
    pub(crate) fn write_plan(&self, plan: &Plan) -> Result<(), Failure> {
        self.replace("plan.json", json(plan)?.as_bytes())
    }

    /// Opens the journal for appending.
    pub(crate) fn journal(&self) -> Result<Journal, Failure> {
        let path = self.path.join("results.jsonl");
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| Failure::environment(format!("{}: {e}", path.display())))?;
        Ok(Journal { file, path })
    }

    /// Reads the journal. A last line that a kill cut short is left out: its case is then one that did not end.
    pub(crate) fn read_journal(&self) -> Result<Journalled, Failure> {
        let path = self.path.join("results.jsonl");
        let failed = |e: std::io::Error| Failure::usage(format!("{}: {e}", path.display()));
        let mut all = Journalled::default();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(all),
            Err(e) => return Err(failed(e)),
        };
        let lines: Vec<Vec<u8>> =
            BufReader::new(file).split(b'\n').collect::<Result<_, _>>().map_err(failed)?;
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(line) => all.add(line),
                Err(_) if number + 1 == lines.len() => {}
                Err(e) => {
                    return Err(Failure::usage(format!("{}: line {}: {e}", path.display(), number + 1)));
                }
            }
        }
        Ok(all)
    }

    /// Replaces the journal by what was judged again, so that a later `report` renders today's verdicts.
    pub(crate) fn replace_journal(&self, journal: &Journalled) -> Result<(), Failure> {
        let Journalled { targets, clients, cases } = journal;
        let targets = targets.iter().cloned().map(JournalLine::Target);
        let clients = clients.iter().cloned().map(JournalLine::Client);
        let cases = cases.iter().cloned().map(|case| JournalLine::Case(Box::new(case)));
        let mut text = String::new();
        for line in targets.chain(clients).chain(cases) {
            text += &serde_json::to_string(&line).map_err(|e| Failure::environment(e.to_string()))?;
            text.push('\n');
        }
        self.replace("results.jsonl", text.as_bytes())
    }

    /// Writes everything that is rendered from results.
    pub(crate) fn write_results(&self, results: &Results) -> Result<(), Failure> {
        // Each takes a second or so where there are tens of thousands of cases, and nothing else is left to do.
        std::thread::scope(|scope| {
            let json = scope.spawn(|| self.replace("results.json", json(results)?.as_bytes()));
            let junit = scope.spawn(|| self.replace("junit.xml", junit(results)?.as_bytes()));
            let report = self.write_report(results);
            for written in [json, junit] {
                written.join().map_err(|_| Failure::environment("failed to render the results"))??;
            }
            report
        })
    }

    /// Writes the HTML report.
    pub(crate) fn write_report(&self, results: &Results) -> Result<(), Failure> {
        self.replace("report.html", self.html(results)?.as_bytes())
    }

    /// The HTML report, with the kill matrix that lies in the folder.
    pub(crate) fn html(&self, results: &Results) -> Result<String, Failure> {
        let matrix = fs::read(self.path.join("kill-matrix.json")).ok();
        let matrix: Option<KillMatrix> = matrix.and_then(|text| serde_json::from_slice(&text).ok());
        reports::html::render(results, &self.glossary()?, matrix.as_ref())
            .map_err(|e| Failure::environment(format!("report.html: {e}")))
    }

    /// The summary for a job's page.
    pub(crate) fn markdown(&self, results: &Results) -> Result<String, Failure> {
        Ok(reports::markdown::render(results, &self.glossary()?))
    }

    /// What the plan in the folder says of its catalogue; what a capture left has none.
    fn glossary(&self) -> Result<Glossary, Failure> {
        /// The cases of a plan can be a hundred megabytes.
        #[derive(serde::Deserialize)]
        struct Texts {
            #[serde(default)]
            texts: PlannedTexts,
        }
        let plan = fs::read(self.path.join("plan.json")).ok();
        let plan: Option<Texts> = plan.and_then(|text| serde_json::from_slice(&text).ok());
        glossary(&plan.map(|plan| plan.texts).unwrap_or_default())
    }

    /// Writes the matrix of a self-test.
    pub(crate) fn write_matrix(&self, matrix: &KillMatrix) -> Result<(), Failure> {
        let mut text =
            serde_json::to_string_pretty(matrix).map_err(|e| Failure::environment(e.to_string()))?;
        text.push('\n');
        self.replace("kill-matrix.json", text.as_bytes())?;
        let page =
            reports::selftest::html(matrix).map_err(|e| Failure::environment(format!("failed to {e}")))?;
        self.replace("kill-matrix.html", page.as_bytes())
    }

    /// Writes a server's log, at a path relative to the folder.
    pub(crate) fn write_log(&self, relative: &str, text: &str) -> Result<(), Failure> {
        let path = self.path.join(relative);
        let write = || -> std::io::Result<()> {
            if let Some(parent) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
            }
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&path)?;
            file.write_all(text.as_bytes())
        };
        write().map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
    }

    /// Replaces a file of the folder in one step, so that a reader never sees half of it.
    fn replace(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.path.join(name);
        let partial = self.path.join(format!(".{name}.partial"));
        let write = || -> std::io::Result<()> {
            let mut file =
                OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&partial)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().map_err(|e| Failure::environment(format!("{}: {e}", path.display())))
    }
}

/// The journal of a running run.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Appends one line in one write.
    pub(crate) fn append(&mut self, line: &JournalLine) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line).map_err(|e| Failure::environment(e.to_string()))?;
        text.push('\n');
        self.file
            .write_all(text.as_bytes())
            .map_err(|e| Failure::environment(format!("{}: {e}", self.path.display())))
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|e| Failure::environment(e.to_string()))
}

/// The JUnit report.
pub(crate) fn junit(results: &Results) -> Result<String, Failure> {
    reports::junit::render(results).map_err(|e| Failure::environment(format!("junit.xml: {e}")))
}
