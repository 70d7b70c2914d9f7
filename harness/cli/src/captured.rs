//! `judge FILE` of a capture that was made elsewhere.

use crate::args::JudgeArgs;
use crate::exit::{Exit, Failure};
use crate::files::RunFolder;
use crate::{annotating, judging, run};
use evidence::{Capture, Conversation, Problem, Wanted, sidecar_path};
use judge::{GivenKey, Judged, Secrets};
use model::results::{CAPTURE, RunInfo, Status, TargetResult, TargetState};
use model::{Axes, CaseId, CaseResult, Results};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The ports of SMB: over TCP, and over NetBIOS.
const PORTS: [u16; 2] = [445, 139];
/// The environment variable with the password.
const PASSWORD: &str = "COUNTERSIGN_PASSWORD";
/// Each key is tried for each session.
const MOST_KEYS: usize = 64;

/// Whether a sidecar lies beside a file: then a harness recorded it. Others put a JSON file there, too, with a list in it.
pub(crate) fn has_sidecar(pcapng: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(sidecar_path(pcapng)).and_then(|file| file.take(64).read_to_end(&mut start));
    read.is_ok() && start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Fails where something is asked for that only a capture made elsewhere has a use for.
pub(crate) fn check_unused(args: &JudgeArgs, why: &str) -> Result<(), Failure> {
    let given = [
        ("--session-key", !args.session_key.is_empty()),
        ("--port", !args.port.is_empty()),
        ("--out", args.out.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Failure::usage(format!(
            "{name} is for captures made elsewhere: {}: {why}; leave {name} out",
            args.run.display()
        ))),
        None => Ok(()),
    }
}

/// `countersign judge FILE`.
pub(crate) fn judge(args: &JudgeArgs) -> Result<Exit, Failure> {
    let path = &args.run;
    let secrets = Secrets { password: password()?, keys: given_keys(&args.session_key)? };
    let wanted = Wanted { ports: [&PORTS, &args.port[..]].concat(), recognises: judge::recognise };
    let Capture { mut conversations, packets, left_out, problems } =
        Capture::read(path, &wanted).map_err(|e| Failure::usage(e.to_string()))?;
    if conversations.is_empty() {
        let read = problems.first().map(|problem| format!("; {problem}")).unwrap_or_default();
        return Err(Failure::usage(format!(
            "{}: no SMB connection is in its {packets} packets, neither at ports {} nor recognised elsewhere{read}: \
             give the server's port with --port, or capture the connection from its beginning",
            path.display(),
            wanted.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )));
    }
    // What ends the file ends every connection that was still there.
    for conversation in conversations.iter_mut().filter(|it| it.connection.ends.is_empty()) {
        conversation.problems.extend(problems.iter().filter(|problem| problem.frame.is_none()).cloned());
    }
    let info = run::run_info(None, &command(args))?;
    let target = target(path, &problems);
    let cases = conversations.iter().map(|it| case(args, &target.id, it, &secrets)).collect();
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("countersign-runs").join(&info.id));
    let results = written(info, target, cases, &folder)?;
    for problem in &problems {
        anstream::eprintln!("countersign: {}: {problem}", path.display());
    }
    if let Some(copy) = &args.annotate {
        annotating::file(path, copy, &results.cases)?;
    }
    let exit = Exit::of(&results, args.fail_on.into());
    if left_out == 0 {
        return Ok(exit);
    }
    anstream::eprintln!(
        "countersign: {}: {left_out} more connections were not looked at: split the file",
        path.display()
    );
    // What was not looked at is not fine.
    Ok(if exit == Exit::Expected { Exit::Inconclusive } else { exit })
}

fn written(
    info: RunInfo,
    target: TargetResult,
    cases: Vec<CaseResult>,
    path: &Path,
) -> Result<Results, Failure> {
    let results = Results::unplanned(info, vec![target], cases);
    let folder = RunFolder::create(path)?;
    judging::finish(&folder, &results)?;
    Ok(results)
}

/// One connection, as the case it is.
fn case(args: &JudgeArgs, target: &str, conversation: &Conversation, secrets: &Secrets) -> CaseResult {
    let Judged { verdict, why, outcome, checks, findings, frames } =
        judge::judge_capture(conversation, secrets);
    let axes: Axes = [("connection".to_owned(), conversation.stream.to_string())].into();
    let lasted = conversation.connection.chunks.last().map(|chunk| chunk.at.as_millis());
    CaseResult {
        id: CaseId::new(CAPTURE, &axes, target),
        scenario: CAPTURE.to_owned(),
        target: target.to_owned(),
        axes,
        verdict,
        status: Status::Unexpected,
        why,
        predicted: None,
        outcome,
        checks,
        findings,
        frames,
        software: None,
        // Whole, since it does not lie in the folder of the results.
        evidence: std::path::absolute(&args.run).ok().map(|path| path.display().to_string()),
        reproduce: command(args),
        millis: lasted.and_then(|millis| u64::try_from(millis).ok()).unwrap_or(0),
    }
}

fn target(path: &Path, problems: &[Problem]) -> TargetResult {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let why: Vec<String> = problems.iter().map(ToString::to_string).collect();
    TargetResult {
        id: slug(path),
        title: format!("the capture {name}"),
        state: TargetState::Ready,
        why: (!why.is_empty()).then(|| why.join("; ")),
        version: None,
        image: None,
        discovery: Vec::new(),
    }
}

/// The name of a file as it may stand in an id.
fn slug(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let slug: String = name.chars().take(60).map(|c| if fits(c) { c } else { '-' }).collect();
    if model::case::is_slug(&slug) { slug } else { CAPTURE.to_owned() }
}

/// The command that judges it again. Keys are not in it, no more than the password: it goes into reports.
fn command(args: &JudgeArgs) -> String {
    let mut words = vec!["countersign judge".to_owned(), quoted(&args.run.display().to_string())];
    words.extend(args.port.iter().map(|port| format!("--port {port}")));
    words.extend(args.session_key.first().map(|_| "--session-key ...".to_owned()));
    words.join(" ")
}

fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/@=,+:".contains(c);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

fn password() -> Result<Option<smb::ntlm::Password>, Failure> {
    match std::env::var(PASSWORD) {
        Ok(password) => Ok(Some(smb::ntlm::Password::new(password))),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Failure::usage(format!("{PASSWORD}: it is not UTF-8 text: give --session-key instead")))
        }
    }
}

fn given_keys(texts: &[String]) -> Result<Vec<GivenKey>, Failure> {
    if texts.len() > MOST_KEYS {
        return Err(Failure::usage(format!("--session-key: there are more than {MOST_KEYS}: give fewer")));
    }
    let keys = texts.iter().zip(1..).map(|(text, number)| {
        // Not the text itself: it may be most of a key.
        given_key(text).ok_or_else(|| {
            Failure::usage(format!(
                "--session-key, number {number}: it is neither 32 hexadecimal digits nor a longer key, with SESSIONID= in \
                 front or without, such as 0x1c00000000b5=00112233445566778899aabbccddeeff"
            ))
        })
    });
    keys.collect()
}

fn given_key(text: &str) -> Option<GivenKey> {
    let (session, key) = match text.split_once('=') {
        Some((session, key)) => {
            let digits = session.strip_prefix("0x").or_else(|| session.strip_prefix("0X")).unwrap_or(session);
            let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            (Some(u64::from_str_radix(digits, 16).ok().filter(|_| hexadecimal)?), key)
        }
        None => (None, text),
    };
    let digits = key.as_bytes();
    // That of Kerberos may be longer; what signs is its beginning ([MS-SMB2] 3.2.1.3).
    if !(32..=128).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let key = u128::from_str_radix(key.get(..32)?, 16).ok()?;
    Some(GivenKey { session, key: key.to_be_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const KEY: &str = "00112233445566778899aabbccddeeff";

    #[rstest]
    #[case("", Some(None))]
    #[case("0x1c00=", Some(Some(0x1c00)))]
    #[case("1c00=", Some(Some(0x1c00)))]
    #[case("=", None)]
    #[case("0x=", None)]
    #[case("+1=", None)]
    #[case("x=", None)]
    fn keys_are_given(#[case] before: &str, #[case] session: Option<Option<u64>>) {
        let given = given_key(&format!("{before}{KEY}"));
        assert_eq!(given.as_ref().map(|given| given.session), session);
        let longer = given_key(&format!("{before}{KEY}{KEY}"));
        assert_eq!(longer, given);
        assert_eq!(given_key(&format!("{before}{}", &KEY[1..])), None);
    }

    #[test]
    fn a_broken_key_is_not_printed() {
        let message = given_keys(&[KEY.to_owned(), KEY.replace('f', "g")]).unwrap_err().message;
        assert!(message.contains("number 2") && !message.contains("aabbccddee g"), "{message}");
        assert!(!message.contains("gg"), "{message}");
        assert!(!format!("{:?}", given_keys(&[KEY.to_owned()])).contains("17"));
    }

    #[test]
    fn names_of_files_become_slugs() {
        for (name, slug_of_it) in [("a/b c.pcapng", "b-c"), ("..", "capture"), ("x@y=1.pcap", "x-y-1")] {
            assert_eq!(slug(Path::new(name)), slug_of_it);
        }
    }
}
