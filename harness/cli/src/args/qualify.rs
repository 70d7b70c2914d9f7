//! The arguments of `qualify`.

use super::CommonArgs;
use clap::Args;
use std::path::PathBuf;

const JOBS: &str = "How many cases run at the same time, at most; the target file may say less";

/// Test a server that is somebody's, such as a NAS, by its address.
///
/// First the server is asked what it does; every case that fits what it does and what it is set to now is run, and for the
/// rest it is said which setting to change. The password comes from COUNTERSIGN_PASSWORD or is asked for; it is in no
/// output and no file. But the run folder holds NTLM exchanges, which can be attacked offline: use an account that was made
/// for this, and keep the folder to yourself.
///
/// All files are made in one directory of the share, countersign-run- and sixteen digits, which is removed at the end; what
/// a killed run left of that name is removed first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  countersign qualify nas.example --user tester --share data
  countersign qualify nas.example --user tester --share data --step signing=required --into countersign-runs/ID
  countersign qualify '[fe80::1%eth0]:445' --user tester --share data --read-only
  countersign qualify --target-file nas.toml

A target file says the same, and what its vendor claims; all of it may be left out:
  id = \"nas-7\"
  title = \"NAS 7, firmware 1.2\"
  address = \"nas.example\"
  user = \"tester\"
  domain = \"WORKGROUP\"
  share = \"data\"
  guest-share = \"public\"
  [claims]
  dialects = \"2.0.2..3.1.1\"
  signing-capabilities = [\"aes-128-gmac\", \"aes-128-cmac\"]
  [[unsupported]]
  when = { \"server.guest\" = [\"bad-user\", \"bad-password\"] }
  why = \"it has no guests\"", mut_arg("jobs", |jobs| jobs.help(JOBS)))]
pub(crate) struct QualifyArgs {
    /// The server: a host name or an IP address, with a port or without; IPv6 with a port in brackets
    #[arg(value_name = "ADDRESS[:PORT]")]
    pub(crate) address: Option<String>,

    /// The account to log on with
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,

    /// The account's domain [default: none]
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,

    /// The share to work in
    #[arg(long, value_name = "SHARE")]
    pub(crate) share: Option<String>,

    /// A share that guests may write to, for the cases that are let in as guest
    #[arg(long, value_name = "SHARE")]
    pub(crate) guest_share: Option<String>,

    /// What the server's cases are called by: letters, digits, `.`, `_` and `-`, never the address [default: nas]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,

    /// What is known of the server, as TOML; what is said on the command line counts more
    #[arg(long, value_name = "FILE")]
    pub(crate) target_file: Option<PathBuf>,

    /// Only cases of servers that are set so, and only if this one is: signing=required|not-required|enabled|disabled,
    /// guest=never|bad-user|bad-password, dialects=LOWEST..HIGHEST; repeat for several
    #[arg(long, value_name = "SETTING=WORD", value_parser = setting)]
    pub(crate) step: Vec<(String, String)>,

    /// Merge what comes out into this run folder of the same server. What this step measured stays besides in a folder of its
    /// own in countersign-runs/, which can be removed when the merged run is as it should be
    #[arg(long, value_name = "RUN", conflicts_with = "out")]
    pub(crate) into: Option<PathBuf>,

    /// Create nothing on the server: cases that do are unsupported
    #[arg(long)]
    pub(crate) read_only: bool,

    /// Also run cases that log on wrongly, for which the server can lock the account or this address out; the others run
    /// first, and these one at a time
    #[arg(long)]
    pub(crate) allow_failed_logons: bool,

    /// A scenario to run; repeat for several; all where none is named
    #[arg(long, value_name = "SCENARIO")]
    pub(crate) scenario: Vec<String>,

    #[command(flatten)]
    pub(crate) common: CommonArgs,
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((axis, word)) if !axis.is_empty() && !word.is_empty() => Ok((axis.to_owned(), word.to_owned())),
        _ => Err(format!("`{text}` is not SETTING=WORD, such as signing=required")),
    }
}
