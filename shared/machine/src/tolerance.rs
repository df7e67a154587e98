//! How many items of a distributed Map may fail before the Map does.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use futures::Stream;
use futures::stream::{self, StreamExt};
use serde_json::Value;

use crate::context::Context;
use crate::error_output::ErrorOutput;
use crate::results::Child;
use crate::state::Distributed;

/// How many items the list has, as far as it was read.
#[derive(Default)]
pub(crate) struct Listed {
    read: AtomicU64,
    is_complete: AtomicBool,
}

impl Listed {
    /// The same items, counted as they are taken.
    pub(crate) fn count<T>(
        &self,
        items: impl Stream<Item = T> + Send,
    ) -> impl Stream<Item = T> + Send {
        let end = stream::poll_fn(|_| {
            self.is_complete.store(true, Ordering::Relaxed);
            Poll::Ready(None)
        });
        let note = |_: &T| {
            self.read.fetch_add(1, Ordering::Relaxed);
        };
        items.inspect(note).chain(end)
    }
}

/// How the children that came to an end did.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    last_failure: String,
}

impl Tally {
    pub(crate) fn note(&mut self, child: &Child) {
        match &child.result {
            Ok(_) => self.succeeded += 1,
            Err(error) => {
                self.failed += 1;
                self.last_failure =
                    format!("item {}: {}: {}", child.index, error.error, error.cause);
            }
        }
    }
}

/// The bounds a Map sets.
pub(crate) struct Tolerance {
    count: Option<u64>,
    percentage: Option<f64>,
}

impl Tolerance {
    pub(crate) fn of(
        distributed: &Distributed,
        input: &Value,
        context: &Context<'_>,
    ) -> Result<Self, ErrorOutput> {
        let count = distributed
            .tolerated_count
            .as_ref()
            .map(|count| count.read(input, context))
            .transpose()?;
        let percentage = distributed.tolerated_percentage.as_ref();
        let percentage = percentage
            .map(|percentage| percentage.read(input, context))
            .transpose()?;
        Ok(Self {
            count: count.map(|count| count.0),
            percentage: percentage.map(|percentage| percentage.0),
        })
    }

    /// The Map's error, if more items failed than may.
    pub(crate) fn check(&self, tally: &Tally, listed: &Listed) -> Result<(), ErrorOutput> {
        match self.is_exceeded(tally.failed, listed) {
            false => Ok(()),
            true => Err(self.exceeded(tally)),
        }
    }

    /// Exceeding either bound is exceeding; a share is known only when all items are.
    fn is_exceeded(&self, failed: u64, listed: &Listed) -> bool {
        let past_percentage = |percentage: f64| {
            let is_known = percentage == 0.0 || listed.is_complete.load(Ordering::Relaxed);
            is_known
                && failed as f64 * 100.0 > percentage * listed.read.load(Ordering::Relaxed) as f64
        };
        match (self.count, self.percentage) {
            (None, None) => failed > 0,
            (count, percentage) => {
                count.is_some_and(|count| failed > count) || percentage.is_some_and(past_percentage)
            }
        }
    }

    fn exceeded(&self, tally: &Tally) -> ErrorOutput {
        let tolerated = match (self.count, self.percentage) {
            (None, None) => "none is tolerated".to_owned(),
            (Some(count), None) => format!("{count} are tolerated"),
            (None, Some(percentage)) => format!("{percentage} % are tolerated"),
            (Some(count), Some(percentage)) => format!("{count} and {percentage} % are tolerated"),
        };
        let cause = format!(
            "items failed: {}, {tolerated}; last {}",
            tally.failed, tally.last_failure
        );
        ErrorOutput::new("States.ExceedToleratedFailureThreshold", cause)
    }
}
