//! What happens in an execution, told while it happens: for progress displays and logs.

use std::time::Duration;

use serde_json::Value;

use crate::error_output::ErrorOutput;

/// Something that happened, and where.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The execution's name; a child of a distributed Map has its own.
    pub execution: &'a str,
    /// The item of the innermost Map around, if any.
    pub item: Option<u64>,
    /// The state's name.
    pub state: &'a str,
    /// What happened there.
    pub what: What<'a>,
}

/// What happened at a state.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum What<'a> {
    /// It was entered with this input.
    Entered(&'a Value),
    /// It was left with this output.
    Exited(&'a Value),
    /// An attempt failed; after the delay there is another.
    WillRetry {
        /// How many attempts there have been.
        attempts: u32,
        /// What the last one reported.
        error: &'a ErrorOutput,
        /// The wait before the next one.
        delay: Duration,
    },
    /// It failed, and a `Catch` leads on.
    Caught {
        /// What it reported.
        error: &'a ErrorOutput,
        /// The state that follows.
        next: &'a str,
    },
    /// It failed, and nothing catches it.
    Failed(&'a ErrorOutput),
    /// A Wait state waits this long.
    Waiting(Duration),
    /// A Map begins; of a listing in an object the number of items is not known yet.
    MapStarted {
        /// How many items there are.
        items: Option<u64>,
    },
    /// An item of a Map is done.
    ItemFinished {
        /// Its place in the list, from 0.
        index: u64,
        /// What it reported, if it failed.
        error: Option<&'a ErrorOutput>,
    },
    /// A Map is done.
    MapFinished {
        /// Items done.
        succeeded: u64,
        /// Items that failed and were tolerated.
        failed: u64,
    },
}
