//! What the tests that record real exchanges share: the catalogue, servers to talk to, and evidence on disk.
#![allow(dead_code, reason = "every test binary uses its own part of this")]

pub(crate) mod exchange;
pub(crate) mod net;

use evidence::{Evidence, Recorder, Sidecar};
use judge::Judged;
use lab::{Lab, LabOptions, Server, TargetFiles};
use model::plan::expand;
use model::{PlannedCase, Scenario, Target};
use probe::{Endpoint, Limits, Recording};
use smb::ntlm::Password;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// How long a case may take before the test says that it hangs. Far above what any case needs.
const HANG: Duration = Duration::from_secs(60);

/// Limits under which a server that does not answer costs little.
pub(crate) const SHORT: Limits = Limits {
    connect: Duration::from_secs(5),
    answer: Duration::from_millis(300),
    message: 256 << 10,
    received: 1 << 20,
};

/// Limits that never decide: a server that answers at all answers within them, also on a busy machine.
pub(crate) const PATIENT: Limits = Limits {
    connect: Duration::from_secs(30),
    answer: Duration::from_secs(30),
    message: 1 << 20,
    received: 16 << 20,
};

/// The catalogue on the embedded target, a lab for it, and a folder for evidence.
pub(crate) struct Bench {
    pub(crate) target: Target,
    files: TargetFiles,
    cases: Vec<PlannedCase>,
    lab: Lab,
    folder: TempDir,
    written: AtomicUsize,
    seeds: AtomicU64,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let files = TargetFiles::read(&root.join("containers/servers/embedded")).unwrap();
        let description = String::from_utf8(files.file("target.toml").unwrap().to_vec()).unwrap();
        let target = Target::parse("embedded", &description, "").unwrap();
        let mut scenarios: Vec<PathBuf> = fs::read_dir(root.join("scenarios"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
            .collect();
        scenarios.sort();
        let scenarios: Vec<Scenario> = scenarios
            .iter()
            .map(|path| {
                let name = path.file_stem().unwrap().to_str().unwrap();
                Scenario::parse(name, name, &fs::read_to_string(path).unwrap()).unwrap()
            })
            .collect();
        let cases = expand(&scenarios, std::slice::from_ref(&target));
        let lab =
            Lab::new(LabOptions { run_id: format!("test-{}", std::process::id()), published: false }).await;
        Self {
            target,
            files,
            cases,
            lab,
            folder: TempDir::new().unwrap(),
            written: AtomicUsize::new(0),
            seeds: AtomicU64::new(0),
        }
    }

    /// The one case of `scenario` whose axes are these, `client=required,dialect=2.1` and so on; axes not named may have
    /// any value.
    pub(crate) fn case(&self, scenario: &str, axes: &str) -> PlannedCase {
        let found = self.cases(scenario, axes);
        assert_eq!(
            found.len(),
            1,
            "{scenario} {axes}: {:?}",
            found.iter().map(|c| &c.id).collect::<Vec<_>>()
        );
        found.into_iter().next().unwrap()
    }

    /// Every case of `scenario` with these axes that the embedded target can run.
    pub(crate) fn cases(&self, scenario: &str, axes: &str) -> Vec<PlannedCase> {
        let wanted: Vec<(&str, &str)> = axes
            .split(',')
            .filter(|axis| !axis.is_empty())
            .map(|axis| axis.split_once('=').unwrap())
            .collect();
        self.cases
            .iter()
            .filter(|case| case.scenario == scenario && case.unsupported.is_none())
            .filter(|case| {
                wanted.iter().all(|(axis, value)| case.axes.get(*axis).is_some_and(|given| given == value))
            })
            .cloned()
            .collect()
    }

    /// A real server, set to what the case wants.
    pub(crate) async fn server(&self, case: &PlannedCase) -> Server {
        let prepared = self.lab.prepare(&self.target, &self.files, &|_| {}).await.unwrap();
        let effective = self.lab.effective(&self.target, &self.files, &case.server).unwrap();
        self.lab.start(&prepared, &effective).await.unwrap()
    }

    /// A server as the probe wants it: at `address`, with the account of a real one.
    pub(crate) fn endpoint(&self, address: SocketAddr, account: Option<&Server>) -> Endpoint {
        let (user, domain, password) = match account {
            Some(server) => {
                let account = &server.account;
                (account.user.clone(), account.domain.clone(), Password::new(account.password.expose()))
            }
            None => ("countersign".to_owned(), "WORKGROUP".to_owned(), Password::new("no server knows it")),
        };
        let shares = self.target.shares.clone();
        Endpoint { address, user, domain, password, shares, host: None, folder: None }
    }

    /// Runs a case and writes its evidence, as `countersign run` does.
    pub(crate) async fn record(&self, case: &PlannedCase, endpoint: &Endpoint, limits: Limits) -> Recorded {
        // A file of its own for every recording: a server may not be done yet with the one before.
        let seed = self.seeds.fetch_add(1, Ordering::Relaxed);
        let run = probe::run(case, endpoint, limits, seed);
        let recording =
            tokio::time::timeout(HANG, run).await.unwrap_or_else(|_| panic!("{}: the probe hangs", case.id));
        let Recording { recorder, session_keys, steps, problem } = recording;
        let mut sidecar = Sidecar::new(case.clone(), endpoint.address.to_string());
        sidecar.session_keys = session_keys;
        sidecar.steps = steps;
        sidecar.problem = problem;
        self.write(recorder, sidecar)
    }

    /// Writes evidence to a file of its own.
    pub(crate) fn write(&self, recorder: Recorder, sidecar: Sidecar) -> Recorded {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let pcapng = self.folder.path().join(format!("{number}.pcapng"));
        recorder.write(&pcapng, &sidecar).unwrap();
        Recorded { pcapng, sidecar, recorder }
    }
}

/// Evidence on disk.
pub(crate) struct Recorded {
    pub(crate) pcapng: PathBuf,
    /// As it was given to be written.
    pub(crate) sidecar: Sidecar,
    pub(crate) recorder: Recorder,
}

impl Recorded {
    /// Reads it back.
    pub(crate) fn read(&self) -> Evidence {
        Evidence::read(&self.pcapng).unwrap()
    }

    /// Reads it back and grades it.
    pub(crate) fn judged(&self) -> Judged {
        let judged = judge::judge(&self.read());
        assert_decoded(&judged);
        judged
    }
}

/// The message that the first finding is about is decoded, and the field in question is among its fields.
fn assert_decoded(judged: &Judged) {
    let placed = judged.findings.iter().find_map(|finding| Some((finding, finding.at?)));
    let Some((finding, at)) = placed.filter(|(_, at)| at.leg.is_none_or(|leg| leg == 0)) else { return };
    let frame = judged.frames.iter().find(|it| (it.connection, it.frame) == (at.connection, at.frame));
    let frame = frame.unwrap_or_else(|| panic!("{}: frame {} is not decoded", finding.rule, at.frame));
    // A message that ends before its field has none of it.
    if let Some((first, _)) = at.bytes.filter(|(first, _)| *first < frame.length) {
        let holds = |(from, to): (u32, u32)| (from..to).contains(&first);
        assert!(frame.fields.iter().any(|it| holds(it.bytes)), "{}: {:?}", finding.rule, frame.fields);
    }
    assert!(judged.frames.len() <= 6 && judged.frames.iter().all(|it| it.hex.len() <= 512));
}

/// Everything a verdict gives as its cause.
pub(crate) fn cause(judged: &Judged) -> String {
    let findings = judged.findings.iter().map(|finding| {
        let place = finding.at.map_or_else(String::new, |at| format!(" in frame {}", at.frame));
        format!("{}{place}: expected {}, got {}", finding.rule, finding.expected, finding.got)
    });
    judged.why.iter().cloned().chain(findings).collect::<Vec<_>>().join("; ")
}
