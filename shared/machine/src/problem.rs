//! What is wrong with a state machine's text: where, what, and what to do instead.

use std::fmt;

/// One thing that keeps a state machine from being run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The path to it, such as `States.FetchPage.Retry[0]`; empty for the text as a whole.
    pub place: String,
    /// The fact and its remedy, as one sentence.
    pub fact: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, fact: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            fact: fact.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.fact),
            place => write!(f, "{place}: {}", self.fact),
        }
    }
}

/// A state machine that cannot be run, with everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Refusal {
    /// All problems found, in the order of the text; never empty.
    pub problems: Vec<Problem>,
}
