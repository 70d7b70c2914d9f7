//! Who logs on, and as whom the server takes the client: the same in SMB1 and SMB2.

use crate::Stop;
use crate::context::Context;
use model::Login;
use model::outcome::As;
use model::predict::refuses_identity;
use smb::ntlm::{Credentials, Password};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the case logs on with.
pub(crate) fn credentials(context: &Context<'_>) -> Result<Credentials, Stop> {
    credentials_of(context, context.case.login)
}

/// What one logs on with.
pub(crate) fn credentials_of(context: &Context<'_>, login: Login) -> Result<Credentials, Stop> {
    let endpoint = context.endpoint;
    let user = |user: &str, password: Password| Credentials::User {
        user: user.to_owned(),
        domain: endpoint.domain.clone(),
        password,
    };
    Ok(match login {
        Login::User => user(&endpoint.user, endpoint.password.clone()),
        Login::UnknownUser => user("countersign-nobody", invented()?),
        Login::WrongPassword => user(&endpoint.user, invented()?),
        Login::Anonymous => Credentials::Anonymous,
    })
}

/// As whom the server established the session, by what it says of that, unless this client does not stay as such.
pub(crate) fn identity(context: &Context<'_>, guest: bool, anonymous: bool) -> Result<As, Stop> {
    let identity = if guest {
        As::Guest
    } else if anonymous || context.case.login == Login::Anonymous {
        As::Anonymous
    } else {
        As::User
    };
    match refuses_identity(&context.case.client, identity) {
        Some(_) => Err(Stop::GivesUp("the client gave up: it does not take such a session")),
        None => Ok(identity),
    }
}

/// Now, in units of 100 ns since 1601 (UTC).
pub(crate) fn filetime() -> u64 {
    const UNIX_EPOCH_FILETIME: u64 = 116_444_736_000_000_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH_FILETIME + since.as_secs() * 10_000_000 + u64::from(since.subsec_nanos() / 100)
}

/// A password that nobody has.
fn invented() -> Result<Password, Stop> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Stop::NoRandomness)?;
    Ok(Password::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
