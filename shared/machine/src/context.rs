//! The context object: what a state may know about its execution besides its input.

use jiff::Timestamp;
use serde_json::Value;

/// One execution, as `$$.Execution` shows it.
pub(crate) struct ExecutionContext {
    pub(crate) name: String,
    pub(crate) input: Value,
    pub(crate) started: Timestamp,
}

impl ExecutionContext {
    /// When it started, written as AWS does: UTC, milliseconds.
    pub(crate) fn start_time(&self) -> String {
        format_time(self.started)
    }
}

/// A time as AWS writes it: `2026-01-31T05:30:00.000Z`.
pub(crate) fn format_time(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// The item that a Map is at, as `$$.Map.Item` shows it.
pub(crate) struct Item {
    pub(crate) index: u64,
    pub(crate) value: Value,
}

/// Everything behind `$$` at one state.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) execution: &'a ExecutionContext,
    pub(crate) state: &'a str,
    pub(crate) item: Option<&'a Item>,
}
