//! Who can connect: every client that people use, on every policy of a server, in what the person in front of it sees.

mod answer;
mod column;

pub(crate) use answer::{Answer, answer};
pub(crate) use column::{Column, setting};

use crate::glossary::Glossary;
use crate::outcomes::State;
use crate::text::clean;
use model::outcome::{As, Kind, Why};
use model::{Algorithm, CaseResult, Dialect, Outcome, Results};

/// The axis that names the client.
const CLIENT: &str = "profile";
/// The axis that says what it logs on with.
pub(crate) const LOGIN: &str = "login";
/// What is said where there is no such axis.
const ACCOUNT: &str = "user";

/// What becomes of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gets {
    /// In, and everything is signed or encrypted.
    Signed,
    /// In, and not everything is.
    Unsigned,
    /// Not in, because the logon is wrong.
    WrongLogon,
    /// Not in.
    Out,
    /// Not known, or not tried.
    Unknown,
}

impl Gets {
    pub(crate) fn of(case: &CaseResult) -> Self {
        match (&case.outcome, State::of(case)) {
            (_, State::Unsupported | State::Inconclusive) | (None, _) => Self::Unknown,
            (Some(outcome), _) => match (outcome.kind, outcome.why) {
                (Kind::Signed | Kind::Encrypted, _) => Self::Signed,
                (Kind::NotSigned | Kind::Mixed, _) => Self::Unsigned,
                (Kind::Refused, Some(Why::LogonFailure)) => Self::WrongLogon,
                (Kind::Refused, _) => Self::Out,
            },
        }
    }

    /// A mark that reads in monochrome, and is none of those that a verdict has.
    pub(crate) const fn mark(self) -> &'static str {
        match self {
            Self::Signed => "●",
            Self::Unsigned => "◐",
            Self::WrongLogon | Self::Out => "○",
            Self::Unknown => "–",
        }
    }

    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Signed => "good",
            Self::Unsigned => "unsure",
            Self::Out => "bad",
            Self::WrongLogon | Self::Unknown => "quiet",
        }
    }
}

/// What the person sees, in a few words, and the text beside the code where there is one.
pub(crate) fn seen(case: &CaseResult) -> (String, String) {
    let Some(outcome) = case.outcome.as_ref().filter(|_| Gets::of(case) != Gets::Unknown) else {
        return (State::of(case).look().word.to_owned(), String::new());
    };
    let words = match outcome.kind {
        Kind::Refused => match (&outcome.shown, outcome.nt_status, outcome.why) {
            (Some(shown), ..) => return (clean(&shown.code), clean(&shown.text)),
            (None, Some(status), why) => {
                return (status.to_string(), why.map_or(String::new(), words_of));
            }
            (None, None, Some(why)) => words_of(why),
            (None, None, None) => "refused".to_owned(),
        },
        kind => {
            let how = match kind {
                Kind::NotSigned => "unsigned",
                Kind::Mixed => "partly signed",
                kind => kind.word(),
            };
            return (format!("{how}{}", as_whom(outcome)), with(outcome));
        }
    };
    (words, String::new())
}

fn as_whom(outcome: &Outcome) -> &'static str {
    match outcome.identity {
        Some(As::Guest) => ", as guest",
        Some(As::Anonymous) => ", as nobody",
        Some(As::User) | None => "",
    }
}

fn with(outcome: &Outcome) -> String {
    let algorithm = outcome.algorithm.filter(|_| matches!(outcome.kind, Kind::Signed | Kind::Mixed));
    let words = [outcome.dialect.map(Dialect::word), algorithm.map(Algorithm::word)];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn words_of(why: Why) -> String {
    why.word().replace('-', " ")
}

/// A scenario with clients, on a target, with one way to log on.
pub(crate) struct Table<'a> {
    pub(crate) scenario: &'a str,
    pub(crate) target: &'a str,
    /// `user` where it does not vary.
    pub(crate) login: &'a str,
    /// The clients, by their slugs, in the order of the results.
    pub(crate) clients: Vec<&'a str>,
    /// The policies; those that make no difference stand as one.
    pub(crate) columns: Vec<Column<'a>>,
    /// Why the target cannot be set to other policies.
    pub(crate) without: Vec<String>,
}

impl<'a> Table<'a> {
    /// Whether it shows clients with an account.
    pub(crate) fn has_account(&self) -> bool {
        self.login == ACCOUNT
    }

    /// Who logs on.
    pub(crate) fn who(&self) -> String {
        match self.login {
            ACCOUNT => "with an account on the server".to_owned(),
            "unknown-user" => "with a user name that the server does not know".to_owned(),
            "wrong-password" => "with a wrong password".to_owned(),
            other => format!("as {}", clean(other)),
        }
    }
}

/// Every table there is.
pub(crate) fn tables(results: &Results) -> Vec<Table<'_>> {
    let mut keys: Vec<(&str, &str, &str)> = Vec::new();
    for case in results.cases.iter().filter(|case| case.axes.contains_key(CLIENT)) {
        let key = (case.scenario.as_str(), case.target.as_str(), login(case));
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter().map(|key| table(results, key)).collect()
}

fn login(case: &CaseResult) -> &str {
    case.axes.get(LOGIN).map_or(ACCOUNT, String::as_str)
}

fn table<'a>(results: &'a Results, (scenario, target, with): (&'a str, &'a str, &'a str)) -> Table<'a> {
    let cases: Vec<(usize, &CaseResult)> = results
        .cases
        .iter()
        .enumerate()
        .filter(|(_, case)| case.scenario == scenario && case.target == target && login(case) == with)
        .collect();
    let mut clients: Vec<&str> = Vec::new();
    for client in cases.iter().filter_map(|(_, case)| case.axes.get(CLIENT)) {
        if !clients.contains(&client.as_str()) {
            clients.push(client);
        }
    }
    let (columns, without) = column::columns(&cases, &clients, &[CLIENT, LOGIN]);
    Table { scenario, target, login: with, clients, columns, without }
}

/// What a person calls clients: a few by name, the rest counted.
pub(crate) fn names(glossary: &Glossary, clients: &[&str]) -> String {
    const NAMED: usize = 4;
    let short = |id: &&str| {
        let title = clean(glossary.client(id));
        // What stands behind a colon are the editions, and they make the difference.
        title.split_once(": ").map_or(title.clone(), |(name, editions)| format!("{name} ({editions})"))
    };
    let mut all: Vec<String> = clients.iter().map(short).collect();
    let more = all.len().saturating_sub(NAMED);
    if more > 1 {
        all.truncate(NAMED);
        return format!("{} and {more} more", all.join(", "));
    }
    match all.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
