//! What is altered or missing in evidence.

use std::fmt;

/// One sign that the evidence is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The frame it shows at, as Wireshark numbers them; none where it shows only in the whole.
    pub frame: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.frame {
            Some(frame) => write!(f, "frame {frame}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// A hostile file can be wrong at every packet: beyond this many, one more line says so.
const MOST: usize = 1000;

/// The problems of one file, bounded.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn at(&mut self, frame: u64, what: impl Into<String>) {
        self.push(Problem { frame: Some(frame), what: what.into() });
    }

    pub(crate) fn whole(&mut self, what: impl Into<String>) {
        self.push(Problem { frame: None, what: what.into() });
    }

    pub(crate) fn into_vec(self) -> Vec<Problem> {
        self.0
    }

    fn push(&mut self, problem: Problem) {
        if self.0.len() < MOST {
            self.0.push(problem);
        } else if self.0.len() == MOST {
            self.0.push(Problem {
                frame: problem.frame,
                what: "more problems from here on, not listed".to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_bounded_and_name_the_frame() {
        let mut problems = Problems::default();
        problems.whole("short");
        for frame in 1..5000 {
            problems.at(frame, "bad");
        }
        let problems = problems.into_vec();
        assert_eq!(problems.len(), MOST + 1);
        assert_eq!(problems[0].to_string(), "short");
        assert_eq!(problems[1].to_string(), "frame 1: bad");
        assert_eq!(problems[MOST].frame, Some(1000));
    }
}
