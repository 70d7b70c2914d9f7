//! The account's password: from the environment or a terminal, never from the command line.

use crate::exit::Failure;
use smb::ntlm::Password;

/// Where it may stand.
const VARIABLE: &str = "COUNTERSIGN_PASSWORD";

/// The password, asked for without echo where the environment has none.
pub(crate) fn password(user: &str, at: &str) -> Result<Password, Failure> {
    match std::env::var(VARIABLE) {
        Ok(password) => return Ok(Password::new(password)),
        Err(std::env::VarError::NotUnicode(_)) => {
            return Err(Failure::usage(format!("{VARIABLE} is not UTF-8 text")));
        }
        Err(std::env::VarError::NotPresent) => {}
    }
    rpassword::prompt_password(format!("password of {user} on {at}: ")).map(Password::new).map_err(|error| {
        Failure::usage(format!(
            "there is no password: {VARIABLE} is not set, and there is no terminal to ask on ({error})"
        ))
    })
}
