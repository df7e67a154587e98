//! Work that goes on elsewhere, such as a statement in a warehouse: done, or to be asked for again after a while.
//!
//! No function idles while a warehouse works: a step starts what it needs, notes how it is called there, and
//! answers that it is running; the state machine waits and calls the step again, which finds its notes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use pipeline::fault::Fault;
use pipeline::layout::RunKeys;
use serde::{Deserialize, Serialize};

use crate::objects::{Error, Objects};

/// How far some work is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Progress<T> {
    /// It is done, and this came of it.
    Done(T),
    /// It goes on; ask again in about so many seconds.
    Running {
        /// Seconds, at least one.
        wait_seconds: u64,
    },
}

impl<T> Progress<T> {
    /// The same progress of what is made of the outcome.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Progress<U> {
        match self {
            Progress::Done(outcome) => Progress::Done(make(outcome)),
            Progress::Running { wait_seconds } => Progress::Running { wait_seconds },
        }
    }
}

/// A statement that a run has started in a warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// What the warehouse calls it.
    pub id: String,
    /// The SHA-256 of its text, in hexadecimal.
    pub sha256: String,
}

/// The statements that a run has started, one object each: whoever starts one notes it before anything else, and
/// whoever comes after finds it instead of starting it again.
#[derive(Debug, Clone, Copy)]
pub struct Statements<'a> {
    objects: &'a Objects,
    keys: &'a RunKeys,
}

impl<'a> Statements<'a> {
    /// The statements of a run.
    pub fn of(objects: &'a Objects, keys: &'a RunKeys) -> Self {
        Statements { objects, keys }
    }

    /// The statement that was started under this name; none where none was.
    pub async fn started(&self, name: &str) -> Result<Option<Started>, Fault> {
        let key = self.keys.statement(name);
        crate::run::optional(self.objects, &key).await
    }

    /// Notes that a statement was started, and answers the one that counts: another call may have been first.
    /// The warehouse is to be told a token that follows from run and name, so that both are one there.
    pub async fn note(&self, name: &str, started: Started) -> Result<Started, Fault> {
        let key = self.keys.statement(name);
        let content = serde_json::to_vec(&started)
            .map_err(|error| Fault::bug(format!("a statement's note is no JSON: {error}")))?;
        match self.objects.create(&key, content).await {
            Ok(()) => Ok(started),
            Err(Error::AlreadyExists(_)) => crate::run::required(self.objects, &key).await,
            Err(error) => Err(error.into()),
        }
    }
}

/// What a process knows of statements that have ended well: of them it need not ask again.
#[derive(Debug, Clone)]
pub struct Known<T>(Arc<Mutex<BTreeMap<String, T>>>);

/// How many statements a process keeps in mind: it serves many runs, one after the other.
const MOST_KNOWN: usize = 10_000;

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known(Arc::default())
    }
}

impl<T: Clone> Known<T> {
    /// What is known under this name.
    pub fn get(&self, name: &str) -> Option<T> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name).cloned()
    }

    /// Keeps in mind what does not change any more.
    pub fn learn(&self, name: String, ended: T) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(name, ended);
    }
}

#[cfg(test)]
mod tests {
    use pipeline::name::Name;

    use super::*;

    #[tokio::test]
    async fn the_first_note_of_a_statement_counts() {
        let directory = tempfile::tempdir().expect("a directory");
        let objects = Objects::directory(directory.path());
        let keys = RunKeys::new(&Name::new("gins").expect("a name"), "r1");
        let statements = Statements::of(&objects, &keys);
        let started = |id: &str| Started {
            id: id.to_owned(),
            sha256: "s".to_owned(),
        };
        assert_eq!(statements.started("check-0").await, Ok(None));
        let first = statements.note("check-0", started("q1")).await;
        assert_eq!(first, Ok(started("q1")));
        let second = statements.note("check-0", started("q2")).await;
        assert_eq!(second, Ok(started("q1")));
        assert_eq!(statements.started("check-0").await, Ok(Some(started("q1"))));
    }
}
