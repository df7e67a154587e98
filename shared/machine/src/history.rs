//! What an execution leaves behind besides its output: how many events AWS would have written, how large payloads were.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::error_output::ErrorOutput;

/// AWS's limit on any state's input, output or result: 256 KiB of JSON.
pub const PAYLOAD_LIMIT_BYTES: usize = 262_144;

/// AWS's limit on the events of one execution.
pub const HISTORY_LIMIT_EVENTS: usize = 25_000;

/// The measures of one execution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// The events that AWS would have written into the execution's history.
    pub events: usize,
    /// By state, the bytes of the largest JSON that went in or came out; children of distributed Maps included.
    pub largest_payloads: BTreeMap<String, usize>,
    /// By distributed Map, its child executions.
    pub children: BTreeMap<String, Children>,
}

/// The child executions of one distributed Map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Children {
    /// How many came to an end.
    pub finished: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The events of the one with the longest history.
    pub most_events: usize,
}

/// The record of an execution that is still running; its items write to it concurrently.
pub(crate) struct History {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    record: Record,
    map_runs: u64,
    last_state: String,
}

impl History {
    /// A history that begins with its first event, ExecutionStarted.
    pub(crate) fn begin(limit: usize) -> Self {
        let record = Record {
            events: 1,
            ..Record::default()
        };
        Self {
            limit,
            inner: Mutex::new(Inner {
                record,
                ..Inner::default()
            }),
        }
    }

    /// Notes events. The last place in a full history is for the execution's end, as on AWS.
    pub(crate) fn add(&self, events: usize) -> Result<(), ErrorOutput> {
        let mut inner = self.lock();
        if inner.record.events + events > self.limit - 1 {
            inner.record.events = self.limit - 1;
            let cause = format!(
                "the execution reached the maximum number of history events ({})",
                self.limit
            );
            return Err(ErrorOutput::runtime(cause));
        }
        inner.record.events += events;
        Ok(())
    }

    pub(crate) fn enter(&self, state: &str) {
        self.lock().last_state = state.to_owned();
    }

    pub(crate) fn last_state(&self) -> String {
        self.lock().last_state.clone()
    }

    /// Notes a payload's size; one past AWS's limit is an error.
    pub(crate) fn payload(
        &self,
        state: &str,
        what: &str,
        payload: &Value,
    ) -> Result<(), ErrorOutput> {
        let bytes = size_bytes(payload);
        self.lock().record.note_payload(state, bytes);
        if bytes > PAYLOAD_LIMIT_BYTES {
            let cause = format!(
                "the {what} of `{state}` has {bytes} bytes, more than the {PAYLOAD_LIMIT_BYTES} that AWS carries; \
                 keep data in objects and pass their keys"
            );
            return Err(ErrorOutput::new("States.DataLimitExceeded", cause));
        }
        Ok(())
    }

    /// Notes a child execution of a Map.
    pub(crate) fn child(&self, map: &str, failed: bool, child: Record) {
        let mut inner = self.lock();
        let children = inner.record.children.entry(map.to_owned()).or_default();
        children.finished += 1;
        children.failed += u64::from(failed);
        children.most_events = children.most_events.max(child.events);
        for (state, bytes) in child.largest_payloads {
            inner.record.note_payload(&state, bytes);
        }
        for (map, grandchildren) in child.children {
            inner
                .record
                .children
                .entry(map)
                .or_default()
                .join(&grandchildren);
        }
    }

    /// The ordinal of a new Map Run in this execution.
    pub(crate) fn next_map_run(&self) -> u64 {
        let mut inner = self.lock();
        inner.map_runs += 1;
        inner.map_runs
    }

    /// The record, closed with its last event.
    pub(crate) fn end(&self) -> Record {
        let mut record = std::mem::take(&mut self.lock().record);
        record.events += 1;
        record
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn note_payload(&mut self, state: &str, bytes: usize) {
        match self.largest_payloads.get_mut(state) {
            Some(largest) => *largest = bytes.max(*largest),
            None => drop(self.largest_payloads.insert(state.to_owned(), bytes)),
        }
    }
}

impl Children {
    fn join(&mut self, other: &Self) {
        self.finished += other.finished;
        self.failed += other.failed;
        self.most_events = self.most_events.max(other.most_events);
    }
}

/// How long the value is as JSON text without spaces.
pub(crate) fn size_bytes(value: &Value) -> usize {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value)
        .expect("a JSON value can be written, and counting cannot fail");
    counter.0
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
