//! What a server does, out of the recorded bytes of its discovery, and what of it contradicts what is claimed.

mod logon;

use crate::RuleInfo;
use crate::view::{View, place};
use evidence::{Direction, Evidence, StepRecord};
use model::discovery::{Capability, Claims, DECLARED_RULE, Discovery, Question, Topic, yes};
use model::{Algorithm, CheckLevel, Dialect, Finding, FrameRef, Login, NtStatus, Subject};
use smb::follow::{Connection, Message, Negotiated, Way};
use smb::smb1;
use smb::wire::{Command, DialectRevision, EncryptionCapabilities, NegotiateContext, SecurityMode};
use std::collections::BTreeMap;

/// The rule that compares what a target declares with what was seen.
pub(crate) const RULE: RuleInfo = RuleInfo {
    id: DECLARED_RULE,
    title: "What a server was seen to do is what its target declares, either way",
    level: CheckLevel::Must,
    cites: &["MS-SMB2 3.3.5.4", "MS-SMB2 3.3.5.5.3", "MS-CIFS 2.2.4.52.2"],
};

/// A word, or why there is none, and the message that says it.
type Fact = (Result<&'static str, String>, Option<FrameRef>);

/// What the evidence of a discovery says, beside what is claimed. It looks at the bytes and at which question they are
/// about; a connection whose client asked something else than that answers nothing.
#[must_use]
pub fn discovery(evidence: &Evidence, claims: &Claims) -> Discovery {
    let view = View::new(evidence);
    let asked = Asked { view: &view, evidence };
    let facts = asked.facts();
    let mut notes = BTreeMap::new();
    for (record, question) in asked.records() {
        if let (Question::Logon(login), Some(status)) = (question, asked.refusal(record.connection)) {
            notes.insert(Topic::Logon(login).to_string(), status.to_string());
        } else if asked.garbage(record.connection).is_some() {
            notes.insert(topic(question).to_string(), "what it answered is no message of SMB".to_owned());
        }
    }
    let known: BTreeMap<String, Fact> =
        facts.into_iter().map(|(topic, fact)| (topic.to_string(), fact)).collect();
    let not_asked = || (Err("it was not asked".to_owned()), None);
    let unasked = claims.keys().filter(|id| !known.contains_key(*id)).map(|id| (id.clone(), not_asked()));
    let unasked: BTreeMap<String, Fact> = unasked.collect();
    let mut found = Discovery { server_guid: asked.guid(), ..Discovery::default() };
    for (id, (word, at)) in known.into_iter().chain(unasked) {
        let claimed = claims.get(&id).cloned();
        if let (Some(claimed), Ok(word)) = (&claimed, &word) {
            found.checks += 1;
            found.findings.extend((claimed != word).then(|| contradiction(&id, claimed, word, at)));
        }
        let note = notes.remove(&id);
        let (observed, why) = match word {
            Ok(word) => (Some(word.to_owned()), note.filter(|_| word == "refused" || word == "no")),
            Err(why) => (None, Some(why)),
        };
        found.capabilities.push(Capability { id, claimed, observed, why, at });
    }
    found
}

fn contradiction(id: &str, claimed: &str, word: &str, at: Option<FrameRef>) -> Finding {
    Finding {
        rule: RULE.id.to_owned(),
        level: RULE.level,
        subject: Subject::Server,
        at,
        expected: format!("{id}: {claimed}, as the target declares or is set to"),
        got: format!("{id}: {word}"),
        cites: RULE.cites.iter().map(|cite| (*cite).to_owned()).collect(),
    }
}

struct Asked<'a> {
    view: &'a View<'a>,
    evidence: &'a Evidence,
}

impl Asked<'_> {
    /// Every connection with its question. Of several about one question the last counts.
    fn records(&self) -> impl Iterator<Item = (&StepRecord, Question)> {
        let sidecar = &self.evidence.sidecar;
        sidecar.steps.iter().filter_map(|record| {
            let question = sidecar.questions.get(record.step as usize)?;
            Some((record, *question))
        })
    }

    fn facts(&self) -> BTreeMap<Topic, Fact> {
        let mut all = BTreeMap::new();
        for question in &self.evidence.sidecar.questions {
            all.insert(
                topic(*question),
                (Err("it was not asked: the server was silent before".to_owned()), None),
            );
        }
        let mut modes = Vec::new();
        for (record, question) in self.records() {
            let connection = record.connection;
            let fact = match question {
                Question::Dialect(Dialect::Nt1) => self.smb1(connection),
                Question::Dialect(dialect) => self.dialect(connection, dialect),
                Question::Signing(algorithm) => self.signing(connection, algorithm),
                Question::Cipher(cipher) => self.cipher(connection, cipher.id()),
                Question::Logon(login) => self.logon(connection, login),
            };
            all.insert(topic(question), fact);
            if let Some((mode, at)) = self.smb2_mode(connection) {
                modes.push((mode, at));
            }
            if let Some(fact) = self.smb1_mode(connection) {
                all.insert(Topic::Smb1Mode, fact);
            }
            if let (Question::Logon(Login::User), Some(fact)) = (question, self.encryption(connection)) {
                all.insert(Topic::Encryption, fact);
            }
        }
        if let Some((mode, at)) = modes.first() {
            let fact = match modes.iter().find(|(other, _)| other != mode) {
                None => (Ok(*mode), Some(*at)),
                Some((other, at)) => {
                    (Err(format!("{mode} in one answer and {other} in another (frame {})", at.frame)), None)
                }
            };
            all.insert(Topic::Smb2Mode, fact);
        }
        all
    }

    fn smb2(&self, connection: u32) -> Option<&Connection> {
        self.view.connections().get(connection as usize)
    }

    fn old(&self, connection: u32) -> Option<&smb1::follow::Connection> {
        self.view.smb1().get(connection as usize)
    }

    /// What NEGOTIATE settled on a connection, and where.
    fn negotiated(&self, connection: u32) -> Option<(&Negotiated, FrameRef)> {
        let followed = self.smb2(connection)?;
        let negotiated = followed.negotiated.as_ref()?;
        Some((negotiated, place(connection, followed.messages.get(negotiated.response)?)))
    }

    /// Whether the server refused: with an error, or by ending the connection without a word of SMB.
    fn refused(&self, connection: u32) -> Fact {
        let Some(recorded) = self.evidence.connections.get(connection as usize) else {
            return (Err("the connection is not in the evidence".to_owned()), None);
        };
        if let Some(message) = self.smb2(connection).and_then(|it| last_answer(it, Command::NEGOTIATE)) {
            return (Ok("no"), Some(place(connection, message)));
        }
        let place = |frame| FrameRef { connection, leg: None, frame, element: 0, bytes: None };
        if let Some(frame) = self.garbage(connection) {
            return (Ok("no"), Some(place(frame)));
        }
        let said = recorded.chunks.iter().any(|it| it.direction == Direction::ToClient);
        let end = recorded.ends.first().filter(|end| end.direction == Direction::ToClient);
        match end {
            Some(end) if !said => (Ok("no"), Some(place(end.frame))),
            _ => (Err("the server did not answer in time".to_owned()), None),
        }
    }

    /// Where the server sent what is no message of SMB.
    fn garbage(&self, connection: u32) -> Option<u64> {
        let new = self.smb2(connection).map(|it| it.garbage.as_slice());
        let old = self.old(connection).map(|it| it.garbage.as_slice());
        let all = new.into_iter().chain(old).flatten();
        all.filter(|it| it.way == Way::ToClient).map(|it| it.frame).min()
    }

    /// Whether the server ended the connection before the client did.
    fn ended(&self, connection: u32) -> bool {
        let recorded = self.evidence.connections.get(connection as usize);
        recorded.and_then(|it| it.ends.first()).is_some_and(|end| end.direction == Direction::ToClient)
    }

    fn dialect(&self, connection: u32, dialect: Dialect) -> Fact {
        let Some((negotiated, at)) = self.negotiated(connection) else { return self.refused(connection) };
        if negotiated.offered_dialects
            != DialectRevision::from_dialect(dialect).into_iter().collect::<Vec<_>>()
        {
            return (Err("the client asked for something else".to_owned()), None);
        }
        (Ok(yes(negotiated.dialect == Some(dialect))), Some(at))
    }

    fn signing(&self, connection: u32, algorithm: Algorithm) -> Fact {
        let Some((negotiated, at)) = self.negotiated(connection) else { return self.refused(connection) };
        let id: Vec<u16> = algorithm.smb2_id().into_iter().collect();
        if negotiated.offered_algorithms.as_ref() != Some(&id) {
            return (Err("the client asked for something else".to_owned()), None);
        }
        let selected = negotiated.dialect == Some(Dialect::Smb311) && negotiated.selected_algorithms == [id];
        (Ok(yes(selected)), Some(at))
    }

    fn cipher(&self, connection: u32, id: u16) -> Fact {
        let Some((negotiated, at)) = self.negotiated(connection) else { return self.refused(connection) };
        let ciphers = |contexts: &[NegotiateContext]| {
            let found = NegotiateContext::find::<EncryptionCapabilities>(contexts);
            found.and_then(Result::ok).map(|found| found.ciphers)
        };
        let offered = negotiated.request_body.as_ref().and_then(|body| ciphers(&body.negotiate_contexts));
        if offered != Some(vec![id]) {
            return (Err("the client asked for something else".to_owned()), None);
        }
        (Ok(yes(ciphers(&negotiated.response_body.negotiate_contexts) == Some(vec![id]))), Some(at))
    }

    fn smb2_mode(&self, connection: u32) -> Option<(&'static str, FrameRef)> {
        let (negotiated, at) = self.negotiated(connection)?;
        let required = negotiated.server_mode.contains(SecurityMode::SIGNING_REQUIRED);
        Some((if required { "required" } else { "not-required" }, at))
    }

    fn smb1(&self, connection: u32) -> Fact {
        let Some(old) = self.old(connection) else {
            return (Err("the connection is not in the evidence".to_owned()), None);
        };
        let answer = old.messages.iter().find(|it| it.way == Way::ToClient);
        match (&old.negotiated, answer) {
            (Some(negotiated), Some(message)) => {
                // What selects it and has nothing that a client can log on to has no more of it than that.
                let setup = |way| {
                    let of = |it: &&smb1::follow::Message| {
                        it.way == way && it.command() == smb1::Command::SESSION_SETUP_ANDX
                    };
                    old.messages.iter().any(|it| of(&it))
                };
                let selected = negotiated.dialect == Some(Dialect::Nt1);
                if selected && setup(Way::ToServer) && !setup(Way::ToClient) && !self.ended(connection) {
                    return (Err("the server did not answer in time".to_owned()), None);
                }
                (Ok(yes(selected && setup(Way::ToClient))), Some(at_smb1(connection, message)))
            }
            // It took no dialect, or said so with an error.
            (None, Some(message)) => (Ok("no"), Some(at_smb1(connection, message))),
            (_, None) if old.smb2.is_some() => (Ok("no"), None),
            _ => self.refused(connection),
        }
    }

    fn smb1_mode(&self, connection: u32) -> Option<Fact> {
        let old = self.old(connection)?;
        let negotiated = old.negotiated.as_ref()?;
        let message = old.messages.get(negotiated.response)?;
        let has = |flag| negotiated.security_mode.contains(flag);
        let word = if has(smb1::SecurityMode::SECURITY_SIGNATURES_REQUIRED) {
            "required"
        } else if has(smb1::SecurityMode::SECURITY_SIGNATURES_ENABLED) {
            "enabled"
        } else {
            "disabled"
        };
        Some((Ok(word), Some(at_smb1(connection, message))))
    }

    /// The ServerGuid, where every answer has the same.
    fn guid(&self) -> Option<String> {
        let all = self.view.connections().iter().filter_map(|it| it.negotiated.as_ref());
        let mut all = all.map(|it| it.response_body.server_guid);
        let first = all.next()?;
        all.all(|guid| guid == first).then(|| first.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

const fn topic(question: Question) -> Topic {
    match question {
        Question::Dialect(it) => Topic::Dialect(it),
        Question::Signing(it) => Topic::Signing(it),
        Question::Cipher(it) => Topic::Cipher(it),
        Question::Logon(it) => Topic::Logon(it),
    }
}

/// The server's last answer to a command, where it is an error or, for a logon, anything final.
fn last_answer(followed: &Connection, command: Command) -> Option<&Message> {
    let of = |it: &&Message| it.way == Way::ToClient && it.command() == command && !it.is_interim();
    followed.messages.iter().rfind(of).filter(|it| it.header.status != NtStatus::SUCCESS)
}

const fn at_smb1(connection: u32, message: &smb1::follow::Message) -> FrameRef {
    FrameRef { connection, leg: None, frame: message.frame, element: 0, bytes: None }
}
