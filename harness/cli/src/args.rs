//! The command line.

mod common;
mod compare;
mod qualify;

use clap::{Args, Parser, Subcommand, ValueEnum};
pub(crate) use common::CommonArgs;
pub(crate) use compare::{DiffArgs, Format, MergeArgs};
pub(crate) use qualify::QualifyArgs;
use std::path::PathBuf;

const EXIT_STATUS: &str = "\
Exit status:
  0    all as expected
  1    a deviation, or an expectation that is fixed or stale; of diff: something is worse
  2    usage or configuration: the message names the place and the mend
  3    something is inconclusive: it was asked for and could not be found out
  4    the plan is empty: the filters select nothing
  130  interrupted (SIGINT), 143 terminated (SIGTERM)
When several hold: 2, 1, 3, 0.";

/// Which clients can connect to an SMB server, is what they exchange really signed, and does the server notice when
/// it is not?
#[derive(Debug, Parser)]
#[command(name = "countersign", version, after_help = EXIT_STATUS, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(RunArgs),
    Qualify(QualifyArgs),
    Judge(JudgeArgs),
    Report(ReportArgs),
    Diff(DiffArgs),
    Merge(MergeArgs),
    List(ListArgs),
    Explain(ExplainArgs),
    Predict(PredictArgs),
    Selftest(SelftestArgs),
}

/// Prove that the verdicts can fail: every rule against every defect.
///
/// Runs cases on clean servers, and the same cases through an interposer that makes a faulty server out of each clean one,
/// one documented defect at a time. Every rule has to be tripped by a defect and held on a clean server, which must not
/// trip it outside of what is known of it; every defect has to be caught by the rule that is meant for it. Writes
/// kill-matrix.html and kill-matrix.json into the run folder. Exit status 1 where it is not so.
#[derive(Debug, Args)]
pub(crate) struct SelftestArgs {
    /// A server to make faulty, by its id, or `all`; repeat for several [default: those that run without --target]
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// A defect to try, by its id; repeat for several; all where none is named. `countersign list defects` shows them
    #[arg(long, value_name = "DEFECT")]
    pub(crate) defect: Vec<String>,

    /// The run folder to create [default: countersign-runs/ and the run's id]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// How many cases run at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: u16,

    /// How much memory servers in containers may use together, in MiB [default: three quarters of what is free]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory: Option<u32>,

    /// How long to wait for one answer, in seconds, before its case is inconclusive
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) timeout: u16,
}

/// Bring servers up, drive them, judge what was recorded, and write the report.
///
/// With no arguments: every scenario on the server built into this program and, where a Docker engine answers, on the
/// default servers in containers. The run folder holds plan.json, evidence/ (one pcapng per case, which Wireshark opens, and its
/// sidecar with the session key), results.jsonl, results.json, report.html and junit.xml.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign run                                        the main job
  countersign run smb2-policy --target embedded        one scenario on one server
  countersign run --target all                           every server there is
  countersign run --case 'smb2-policy/algorithm=aes-128-cmac,client=required,dialect=3.1.1,server.signing=required@embedded'
  countersign run --shard 1/4 --out shard-1              the first quarter of the plan
  countersign run who-can-connect --client windows-11-24h2 --client-settings RequireSecuritySignature=0
                                                         one client as somebody has set it")]
pub(crate) struct RunArgs {
    /// The scenarios to run; all where none is named. `countersign list scenarios` shows them
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<String>,

    /// A server to run them on, by its id, or `all`; repeat for several. `countersign list targets` shows them
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// A client to drive, by its id; repeat for several. `countersign list clients` shows them
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Vec<String>,

    /// The settings of the one client that is named, KEY=VALUE,..., as `predict` takes them: it is driven as it is set, under an
    /// id that says so. What they do not say is the named client's own, so there has to be one. What is known of a server for a
    /// client by its id is not about this one
    #[arg(long, value_name = "SETTINGS", requires = "client")]
    pub(crate) client_settings: Option<String>,

    /// Also know the servers whose folders are in this directory; one with the name of a built-in server replaces it
    #[arg(long = "targets", value_name = "DIR")]
    pub(crate) targets_dir: Option<PathBuf>,

    /// How much memory servers in containers may use together, in MiB [default: three quarters of what is free]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) memory: Option<u32>,

    /// Run only the K-th of N equal parts of the plan
    #[arg(long, value_name = "K/N", value_parser = shard)]
    pub(crate) shard: Option<(usize, usize)>,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

/// Grade stored evidence again, with today's rules.
///
/// Every signature is computed anew from the recorded bytes and the session key; nothing else that was thought when it
/// was recorded counts. results.json, report.html and junit.xml of the run are replaced.
///
/// A capture that was made elsewhere, pcapng or pcap, is judged connection by connection, as far as it is there. The session
/// keys follow from the password in the environment variable COUNTERSIGN_PASSWORD and the NTLM logon in the capture, or are
/// given. Its results go into a new folder.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign judge countersign-runs/ID                  a run, with today's rules
  COUNTERSIGN_PASSWORD=... countersign judge a.pcapng    a capture of somebody's client and server
  countersign judge a.pcapng --annotate b.pcapng         a copy with the findings as comments on its packets")]
pub(crate) struct JudgeArgs {
    /// A run folder, the pcapng of one case with its sidecar beside it, or a capture made elsewhere
    #[arg(value_name = "RUN|FILE")]
    pub(crate) run: PathBuf,

    /// A session key of a capture in hexadecimal digits, for the session with this id or for whichever it fits; repeat for
    /// several
    #[arg(long, value_name = "[SESSIONID=]HEX")]
    pub(crate) session_key: Vec<String>,

    /// A port of the server in a capture, beside 445 and 139; SMB is recognised at other ports where its beginning is there
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Vec<u16>,

    /// The folder to create for the results of a capture [default: countersign-runs/ and an id]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// Write the findings as comments on the packets: of a run into copies in this folder, of a file into this file
    #[arg(long, value_name = "DIR|FILE.pcapng")]
    pub(crate) annotate: Option<PathBuf>,

    /// From which level on an unexpected finding fails
    #[arg(long, value_enum, default_value_t = FailOn::Should)]
    pub(crate) fail_on: FailOn,
}

/// Render a run again from its journal; also one that was killed.
///
/// Cases the journal does not have are inconclusive. results.json, report.html and junit.xml are replaced.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// A run folder
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,

    /// Also write the HTML report here
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Also write the JUnit report here
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,

    /// Also write a summary in Markdown here, for the page of a job
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// From which level on an unexpected finding fails
    #[arg(long, value_enum, default_value_t = FailOn::Should)]
    pub(crate) fail_on: FailOn,
}

/// Show what there is.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub(crate) what: Listed,

    /// As JSON, one document
    #[arg(long)]
    pub(crate) json: bool,

    /// Read the scenarios from this directory instead of those built in
    #[arg(long = "scenarios", value_name = "DIR")]
    pub(crate) scenarios_dir: Option<PathBuf>,

    /// Also know the servers whose folders are in this directory; one with the name of a built-in server replaces it
    #[arg(long = "targets", value_name = "DIR")]
    pub(crate) targets_dir: Option<PathBuf>,
}

/// Say what a rule, an outcome, a code or a case means: what happened, why, who is affected, and what mends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign explain signing/response-signed --target embedded
  countersign explain 0x80070035
  countersign explain guest-blocked
  countersign explain ID --run RUN                        a case of a run, with each of its findings")]
pub(crate) struct ExplainArgs {
    /// A rule's id, an outcome's word, a status or error code however it is written, a client's id or what it printed, or a
    /// case's id
    #[arg(value_name = "RULE|OUTCOME|CODE|CLIENT|MESSAGE|CASE", allow_hyphen_values = true)]
    pub(crate) what: String,

    /// A run folder: what happened in the case there
    #[arg(long, value_name = "RUN")]
    pub(crate) run: Option<PathBuf>,

    /// Also say how it is mended on this server; repeat for several
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// Read the scenarios from this directory instead of those built in
    #[arg(long = "scenarios", value_name = "DIR")]
    pub(crate) scenarios_dir: Option<PathBuf>,

    /// Also know the servers whose folders are in this directory; one with the name of a built-in server replaces it
    #[arg(long = "targets", value_name = "DIR")]
    pub(crate) targets_dir: Option<PathBuf>,
}

/// Work out from both sides' settings what a client will meet, by the three published tables; no server is needed.
///
/// Without settings it shows every client there is against a server with the defaults of its edition.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign predict --server-settings RequireSecuritySignature=1
  countersign predict --client windows-11-24h2 --login unknown-user --server-guest bad-user
  countersign predict --client-settings RequireSecuritySignature=0,EnableSecuritySignature=1 \\
                      --server-settings RequireSecuritySignature=0,EnableSecuritySignature=0

Settings, as they stand in the registry (LanmanWorkstation\\Parameters, LanmanServer\\Parameters):
  RequireSecuritySignature   1: required
  EnableSecuritySignature    SMB1 alone: 1 enabled, 0 disabled
  AllowInsecureGuestAuth     client: 1 takes guest sessions, 0 does not
  MinSmb2Dialect, MaxSmb2Dialect   client: 0x202, 0x210, 0x300, 0x302, 0x311, or the word (2.0.2, ...)")]
pub(crate) struct PredictArgs {
    /// A client, by its id; all where none is named. `countersign list clients` shows them
    #[arg(long, value_name = "CLIENT")]
    pub(crate) client: Vec<String>,

    /// The client's settings, KEY=VALUE,...: what they do not say is the named client's, or the probe's
    #[arg(long, value_name = "SETTINGS")]
    pub(crate) client_settings: Option<String>,

    /// The server's settings, KEY=VALUE,...
    #[arg(long, value_name = "SETTINGS")]
    pub(crate) server_settings: Option<String>,

    /// The dialects the server speaks, LOWEST..HIGHEST
    #[arg(long, value_name = "RANGE", default_value = "2.0.2..3.1.1")]
    pub(crate) server_dialects: model::DialectRange,

    /// When the server maps a failed logon to guest: never, bad-user or bad-password
    #[arg(long, value_name = "WORD", default_value = "never")]
    pub(crate) server_guest: model::GuestMapping,

    /// What the client logs on with: user, unknown-user, wrong-password or anonymous
    #[arg(long, value_name = "WORD", default_value = "user")]
    pub(crate) login: model::Login,

    /// As JSON, one document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Listed {
    /// What can be done
    Scenarios,
    /// The servers it can be done on
    Targets,
    /// The clients it can be done with
    Clients,
    /// The rules evidence is judged by
    Rules,
    /// What an interposer can do that knows no secret
    Attacks,
    /// What an interposer can make of a good server
    Defects,
    /// Every case of the catalogue
    Cases,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FailOn {
    /// What the specification says MUST
    Must,
    /// And what it says SHOULD
    Should,
    /// Any finding
    Any,
}

impl From<FailOn> for model::results::FailOn {
    fn from(level: FailOn) -> Self {
        match level {
            FailOn::Must => Self::Must,
            FailOn::Should => Self::Should,
            FailOn::Any => Self::Any,
        }
    }
}

fn shard(text: &str) -> Result<(usize, usize), String> {
    let mend = || format!("`{text}` is not K/N with 1 <= K <= N, such as 1/4");
    let (k, n) = text.split_once('/').ok_or_else(mend)?;
    let (k, n): (usize, usize) = (k.parse().map_err(|_| mend())?, n.parse().map_err(|_| mend())?);
    if (1..=n).contains(&k) { Ok((k, n)) } else { Err(mend()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use rstest::rstest;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[rstest]
    #[case("1/4", Some((1, 4)))]
    #[case("4/4", Some((4, 4)))]
    #[case("0/4", None)]
    #[case("5/4", None)]
    #[case("1", None)]
    #[case("a/b", None)]
    fn shards(#[case] text: &str, #[case] parsed: Option<(usize, usize)>) {
        assert_eq!(shard(text).ok(), parsed);
    }
}
