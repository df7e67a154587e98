//! What became of the windows of a backfill, for programs and for people.

use std::fmt::Write;
use std::time::Duration;

use indexmap::IndexMap;
use pipeline::ledger::{RecordedFault, WindowEntry};
use pipeline::report::RunReport;
use serde::Serialize;

use crate::output::Failure;
use crate::report::thousands;

/// What became of one window.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// The window's key.
    pub window: String,
    /// `published`, `unchanged`, `failed`, or `already_published` where it was left alone.
    pub status: String,
    /// The run; none where none was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// Rows of all tables together.
    pub rows: u64,
    /// How long the run took.
    pub seconds: f64,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<RecordedFault>,
}

/// The answer of `lakehead backfill --format json`.
#[derive(Debug, Serialize)]
pub struct Report {
    pipeline: String,
    /// The windows, in their order.
    windows: Vec<Outcome>,
    /// How many of them came to what.
    states: IndexMap<String, usize>,
    seconds: f64,
}

impl Outcome {
    /// A window that is published already.
    pub fn before(entry: &WindowEntry) -> Self {
        Outcome {
            window: entry.window.clone(),
            status: "already_published".to_owned(),
            run_id: entry.published_by.clone(),
            rows: entry.rows.values().sum(),
            seconds: 0.0,
            fault: None,
        }
    }

    /// A window that was run.
    pub fn of(window: &str, ended: Result<RunReport, Failure>, time: Duration) -> Self {
        let mut outcome = Outcome {
            window: window.to_owned(),
            status: "failed".to_owned(),
            run_id: None,
            rows: 0,
            seconds: seconds(time),
            fault: None,
        };
        match ended {
            Err(failure) => {
                outcome.fault = Some(RecordedFault {
                    kind: "NotBegun".to_owned(),
                    message: failure.message,
                });
            }
            Ok(report) => {
                let loaded = report.tables.values().filter(|table| !table.derived);
                outcome.rows = loaded.map(|table| table.rows).sum();
                outcome.status = report.status;
                outcome.run_id = Some(report.run_id);
                outcome.seconds = report.seconds;
                outcome.fault = report.fault;
            }
        }
        outcome
    }

    /// Whether the window is not published.
    pub fn is_failed(&self) -> bool {
        self.status == "failed"
    }

    /// The status as people read it.
    pub fn words(&self) -> String {
        self.status.replace('_', " ")
    }
}

impl Report {
    /// What became of windows, told in the order of `keys`.
    pub fn new(pipeline: &str, keys: &[String], mut windows: Vec<Outcome>, time: Duration) -> Self {
        windows.sort_by_key(|window| keys.iter().position(|key| *key == window.window));
        let mut states = IndexMap::new();
        for window in &windows {
            *states.entry(window.status.clone()).or_default() += 1;
        }
        Report {
            pipeline: pipeline.to_owned(),
            windows,
            states,
            seconds: seconds(time),
        }
    }

    /// Whether any window failed.
    pub fn has_failures(&self) -> bool {
        self.windows.iter().any(Outcome::is_failed)
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let mut out = format!(
            "{:<14} {:<17} {:>12} {:>9}  run\n",
            "window", "status", "rows", "seconds"
        );
        for window in &self.windows {
            let _ = writeln!(
                out,
                "{:<14} {:<17} {:>12} {:>9.1}  {}",
                window.window,
                window.words(),
                thousands(window.rows),
                window.seconds,
                window.run_id.as_deref().unwrap_or("-")
            );
            if let Some(fault) = &window.fault {
                let _ = writeln!(out, "  {}: {}", fault.kind, fault.message);
            }
        }
        let states = self.states.iter();
        let states: Vec<String> = states
            .map(|(state, count)| format!("{count} {}", state.replace('_', " ")))
            .collect();
        let _ = writeln!(
            out,
            "\n{}: {} windows, {}, in {:.1} s",
            self.pipeline,
            self.windows.len(),
            states.join(", "),
            self.seconds
        );
        if self.has_failures() {
            out += "the same command tries again what failed\n";
        }
        out
    }
}

fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
