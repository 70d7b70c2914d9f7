//! The account every server of a run has.

use smb::ntlm;
use std::fmt;

/// A password in clear. `Debug` hides it and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// A password that nobody has seen: 128 random bits.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The password in clear, for whoever hands it to a server or a client. Never print it, log it, or put it where
    /// other processes see it (arguments).
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The test account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user name.
    pub user: String,
    /// The domain or workgroup to log on to.
    pub domain: String,
    /// The password, another one for every run.
    pub password: Password,
}

impl Account {
    /// The account of one run.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        Ok(Self {
            user: "countersign".to_owned(),
            domain: "WORKGROUP".to_owned(),
            password: Password::random()?,
        })
    }

    /// The account as the NTLM client takes it.
    #[must_use]
    pub fn credentials(&self) -> ntlm::Credentials {
        ntlm::Credentials::User {
            user: self.user.clone(),
            domain: self.domain.clone(),
            password: self.password.expose().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_password() {
        let account = Account::random().unwrap();
        assert!(!format!("{account:?}").contains(account.password.expose()));
        assert_eq!(account.password.expose().len(), 32);
        assert_ne!(account.password, Password::random().unwrap());
    }
}
