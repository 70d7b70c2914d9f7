//! The answer in one sentence, and the counts behind it.

use crate::discovery;
use crate::outcomes::{Look, State, expectation};
use crate::text;
use model::Results;
use model::results::{Status, TargetState};

/// What a run says as a whole.
#[derive(Debug)]
pub(crate) struct Headline {
    /// The state that the run as a whole is in.
    pub(crate) state: State,
    /// One sentence.
    pub(crate) answer: String,
    /// What else has to be said.
    pub(crate) also: Vec<String>,
    /// How many cases are in each state.
    pub(crate) counts: [(State, usize); 5],
    /// How many cases are unexpected, inconclusive ones included.
    pub(crate) unexpected: usize,
    /// The time that all cases took together.
    pub(crate) millis: u64,
}

impl Headline {
    pub(crate) fn of(results: &Results) -> Self {
        let number = |state| results.cases.iter().filter(|case| State::of(case) == state).count();
        let counts = State::ALL.map(|state| (state, number(state)));
        let dead = results.expectations.iter().filter(|it| is_dead(expectation(it.state).0)).count();
        let wrong = results.targets.iter().map(discovery::wrong);
        let (contradicted, open) = wrong.fold((0, 0), |all, it| (all.0 + it.0, all.1 + it.1));
        let (state, answer) = match answer(results.cases.len(), number, dead) {
            told @ (State::Deviates, _) => told,
            told if results.cases.is_empty() => told,
            _ if contradicted > 0 => (State::Deviates, is_contradicted(contradicted)),
            (State::Conforms | State::Unsupported, _) if open > 0 => {
                (State::Inconclusive, format!("{} not found out.", is_are(open, "claim")))
            }
            told => told,
        };
        let mut also = Vec::new();
        if number(State::Deviates) + dead > 0 && contradicted > 0 {
            also.push(is_contradicted(contradicted));
        }
        if state == State::Deviates && number(State::Deviates) > 0 && dead > 0 {
            also.push(format!("{} fixed or stale.", is_are(dead, "expectation")));
        }
        if state != State::Inconclusive && number(State::Inconclusive) > 0 {
            also.push(format!("{} inconclusive.", is_are(number(State::Inconclusive), "case")));
        }
        for target in results.targets.iter().chain(&results.clients) {
            let title = text::clean(&target.title);
            match target.state {
                TargetState::Ready => {}
                TargetState::Failed => also.push(format!("{title} could not be brought up.")),
                TargetState::Omitted => also.push(format!("{title} was left out.")),
            }
        }
        Self {
            state,
            answer,
            also,
            counts,
            unexpected: results.cases.iter().filter(|case| case.status == Status::Unexpected).count(),
            millis: results.cases.iter().map(|case| case.millis).sum(),
        }
    }

    pub(crate) fn look(&self) -> Look {
        self.state.look()
    }
}

/// Whether something looks like a failure.
fn is_dead(look: Look) -> bool {
    look.junit == crate::outcomes::Junit::Failure
}

fn is_are(number: usize, noun: &str) -> String {
    format!("{} {}", text::count(number, noun), if number == 1 { "is" } else { "are" })
}

fn is_contradicted(number: usize) -> String {
    format!("{} contradicted by what was seen of the server.", is_are(number, "claim"))
}

fn answer(all: usize, number: impl Fn(State) -> usize, dead: usize) -> (State, String) {
    let deviate = number(State::Deviates);
    let unsure = number(State::Inconclusive);
    let measured = all - number(State::Unsupported) - unsure;
    if all == 0 {
        (State::Inconclusive, "Nothing ran: the plan is empty.".to_owned())
    } else if deviate > 0 {
        let verb = if deviate == 1 { "deviates" } else { "deviate" };
        (State::Deviates, format!("{deviate} of {} {verb} unexpectedly.", text::count(all, "case")))
    } else if dead > 0 {
        (State::Deviates, format!("{} fixed or stale.", is_are(dead, "expectation")))
    } else if measured == 0 && unsure == 0 {
        (State::Unsupported, format!("Nothing was measured: {} unsupported.", is_are(all, "case")))
    } else if unsure > 0 {
        (State::Inconclusive, format!("{unsure} of {} inconclusive.", is_are(all, "case")))
    } else {
        (
            State::Conforms,
            format!("{}{} as expected.", if all > 1 { "All " } else { "" }, is_are(all, "case")),
        )
    }
}
