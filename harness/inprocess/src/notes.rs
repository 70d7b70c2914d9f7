//! What a client says, as it says it: also what it said before it hung or panicked.

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most so much is kept of what a client says.
const LIMIT: usize = 64 * 1024;

/// The four things that a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Mount,
    Write,
    Read,
    Delete,
}

impl Deed {
    const ALL: usize = 4;

    fn word(self) -> &'static str {
        match self {
            Self::Mount => "mount",
            Self::Write => "write",
            Self::Read => "read",
            Self::Delete => "delete",
        }
    }
}

/// Shared by the client, whoever waits for it, and the panic hook.
#[derive(Clone)]
pub(crate) struct Notes(Arc<Mutex<Inner>>);

struct Inner {
    password: String,
    printed: String,
    deeds: usize,
    panicked: bool,
}

impl Notes {
    pub(crate) fn new(password: &str) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            password: password.to_owned(),
            printed: String::new(),
            deeds: 0,
            panicked: false,
        })))
    }

    pub(crate) fn did(&self, deed: Deed) {
        let mut inner = self.lock();
        inner.deeds += 1;
        inner.add("did: ", deed.word());
    }

    pub(crate) fn error(&self, error: &(dyn Error + 'static)) {
        let mut inner = self.lock();
        let text = inner.clean(&chain(error));
        inner.add("error: ", &text);
    }

    pub(crate) fn panicked(&self, why: &str) {
        let mut inner = self.lock();
        inner.panicked = true;
        let text = inner.clean(why);
        inner.add("error: panicked: ", &text);
    }

    /// What was printed, whether all was done, and whether anything panicked.
    pub(crate) fn read(&self) -> (String, bool, bool) {
        let inner = self.lock();
        (inner.printed.clone(), inner.deeds == Deed::ALL, inner.panicked)
    }

    /// A panic while this was locked leaves nothing half done: every change is one line.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn add(&mut self, kind: &str, text: &str) {
        let room = LIMIT.saturating_sub(self.printed.len() + kind.len() + 1);
        if room == 0 {
            return;
        }
        self.printed.push_str(kind);
        self.printed.push_str(&text[..text.floor_char_boundary(room)]);
        self.printed.push('\n');
    }

    /// One line for a person, without escapes of a terminal, and without the password whatever the client thinks of it.
    fn clean(&self, text: &str) -> String {
        let mut line = String::new();
        let mut rest = text.chars().peekable();
        while let Some(next) = rest.next() {
            if next == '\u{1b}' && rest.next_if_eq(&'[').is_some() {
                // A control sequence ends with its first letter.
                while rest.next().is_some_and(|c| !c.is_ascii_alphabetic()) {}
            } else if next.is_control() || is_frame(next) {
                line.push(' ');
            } else {
                line.push(next);
            }
        }
        let line = line.split_whitespace().map(without_folder).collect::<Vec<_>>().join(" ");
        if self.password.is_empty() { line } else { line.replace(&self.password, "***") }
    }
}

/// What draws frames on a terminal.
fn is_frame(c: char) -> bool {
    ('\u{2500}'..='\u{257f}').contains(&c)
}

/// A line of source as an error names it (`/a/b/c.rs:1`), without the folder: that says more about the machine which
/// compiled it than about the client.
fn without_folder(word: &str) -> &str {
    if word.contains(".rs:") { word.rsplit(['/', '\\']).next().unwrap_or(word) } else { word }
}

/// An error and its causes. Many put the cause's text into their own, where it need not stand twice.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Above(std::io::Error);

    impl std::fmt::Display for Above {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("above")
        }
    }

    impl Error for Above {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn printed(notes: &Notes) -> String {
        notes.read().0
    }

    #[test]
    fn an_error_is_one_line_with_its_causes_and_without_the_password() {
        let notes = Notes::new("s3cret");
        notes.did(Deed::Mount);
        let text = "\u{1b}[1mline\none\u{1b}[0m \u{257a}\u{2501}\u{2578} of s3cret\r\n  at /home/me/src/two.rs:2 \\\\a\\b";
        notes.error(&Above(std::io::Error::other(text)));
        assert_eq!(printed(&notes), "did: mount\nerror: above: line one of *** at two.rs:2 \\\\a\\b\n");
    }

    #[test]
    fn a_cause_that_is_said_already_is_not_said_again() {
        let notes = Notes::new("");
        notes.error(&std::io::Error::other(Above(std::io::Error::other("above"))));
        assert_eq!(printed(&notes), "error: above\n");
    }

    #[test]
    fn it_is_bounded_in_the_middle_of_whatever() {
        let notes = Notes::new("");
        for _ in 0..3 {
            notes.error(&std::io::Error::other("ß".repeat(LIMIT / 3)));
        }
        assert!((LIMIT - 8..=LIMIT).contains(&printed(&notes).len()));
    }

    #[test]
    fn all_four_are_done_and_not_three() {
        let notes = Notes::new("");
        for deed in [Deed::Mount, Deed::Write, Deed::Read] {
            notes.did(deed);
        }
        assert!(!notes.read().1);
        notes.did(Deed::Delete);
        assert!(notes.read().1);
        assert_eq!(printed(&notes), "did: mount\ndid: write\ndid: read\ndid: delete\n");
    }
}
