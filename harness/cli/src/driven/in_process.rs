//! A client that is a Rust crate, driven in this process.

use super::{Leg, Options, Work};
use interpose::Interposer;
use model::Login;
use model::software::{Ended, Said};
use probe::Endpoint;
use std::time::Duration;

/// How long a client in this process may take: longer than one waits by itself, as smb-rs does for ten seconds.
const TIME: Duration = Duration::from_secs(20);

/// Drives it through a recorder on a port of this machine.
pub(super) async fn run(
    driver: &str,
    options: Options,
    work: &Work<'_>,
    endpoint: &Endpoint,
) -> (Result<Leg, String>, Result<Said, String>) {
    let never = || Err("the client was not driven".to_owned());
    let recorder = match Interposer::start(options).await {
        Ok(recorder) => recorder,
        Err(error) => return (Err(format!("failed to start the recorder: {error}")), never()),
    };
    let (user, password) = match logon(work.login, endpoint) {
        Ok(logon) => logon,
        Err(error) => return (Err(error), never()),
    };
    let job = inprocess::Job {
        server: recorder.address,
        share: work.share.to_owned(),
        file: work.file.to_owned(),
        user,
        domain: endpoint.domain.clone(),
        password,
        signing: work.signing.to_owned(),
        time: TIME,
    };
    let said = inprocess::run(driver, job).await.map(|said| Said {
        printed: said.printed,
        success: said.done,
        ended: match said.ended {
            inprocess::Ended::ByItself => Ended::ByItself,
            inprocess::Ended::Timeout => Ended::TimedOut,
            inprocess::Ended::Panicked => Ended::Crashed,
        },
    });
    (Ok(recorder.finish().await), said.ok_or_else(|| format!("this program has no driver `{driver}`")))
}

/// Who logs on, and with what.
fn logon(login: Login, endpoint: &Endpoint) -> Result<(String, String), String> {
    let invented = || {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| format!("there is no password: {error}"))?;
        Ok::<_, String>(hex::encode(bytes))
    };
    Ok(match login {
        Login::User => (endpoint.user.clone(), endpoint.password.expose().to_owned()),
        Login::UnknownUser => (lab::UNKNOWN_USER.to_owned(), invented()?),
        Login::WrongPassword => (endpoint.user.clone(), invented()?),
        Login::Anonymous => Default::default(),
    })
}
