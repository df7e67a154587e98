//! The ledger: what is known of every window of a pipeline's work. Backfill, resume, gap-filling and
//! “what is missing” are questions to it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How far a window has come. The order is that of a run; the ledger never runs ahead of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowState {
    /// A run has planned it.
    Planned,
    /// All its slices are staged and counted.
    Loaded,
    /// Readers see it.
    Published,
    /// The last run for it failed; what readers see is as it was.
    Failed,
}

impl WindowState {
    /// The state as it is written.
    pub fn name(self) -> &'static str {
        match self {
            WindowState::Planned => "planned",
            WindowState::Loaded => "loaded",
            WindowState::Published => "published",
            WindowState::Failed => "failed",
        }
    }
}

/// The ledger's entry of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowEntry {
    /// The window's key.
    pub window: String,
    /// How far it has come.
    pub state: WindowState,
    /// The run that works, or worked, for it.
    pub run_id: String,
    /// The run whose data readers see, if any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_by: Option<String>,
    /// How many runs were planned for it.
    pub attempts: u32,
    /// Rows a table as published last.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rows: IndexMap<String, u64>,
    /// When the entry changed last, RFC 3339. For people; nothing is decided by it.
    pub changed_at: String,
    /// Why the last run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<RecordedFault>,
}

/// A fault as the ledger and reports keep it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFault {
    /// The kind, or the state machine's own error name.
    pub kind: String,
    /// The message.
    pub message: String,
}

/// Something that happened to a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowEvent {
    /// A run planned it.
    Planned,
    /// All its slices are staged.
    Loaded,
    /// Readers see it, with these rows a table.
    Published(IndexMap<String, u64>),
    /// The run failed.
    Failed(RecordedFault),
}

impl WindowEntry {
    /// The entry after `event` of run `run_id`, given the entry before.
    ///
    /// A window that is published stays so when a later run for it fails: `published_by` and `rows` keep
    /// saying what readers see. An event of a run that another one has replaced changes nothing.
    pub fn after(
        before: Option<&WindowEntry>,
        window: &str,
        run_id: &str,
        event: WindowEvent,
        now: &str,
    ) -> WindowEntry {
        let mut entry = before.cloned().unwrap_or_else(|| WindowEntry {
            window: window.to_owned(),
            state: WindowState::Planned,
            run_id: run_id.to_owned(),
            published_by: None,
            attempts: 0,
            rows: IndexMap::new(),
            changed_at: now.to_owned(),
            fault: None,
        });
        let replaced = entry.run_id != run_id && event != WindowEvent::Planned;
        if replaced {
            return entry;
        }
        match event {
            WindowEvent::Planned => {
                let again = entry.run_id == run_id && entry.attempts > 0;
                entry.attempts += u32::from(!again);
                entry.state = WindowState::Planned;
                entry.run_id = run_id.to_owned();
                entry.fault = None;
            }
            WindowEvent::Loaded => entry.state = WindowState::Loaded,
            WindowEvent::Published(rows) => {
                entry.state = WindowState::Published;
                entry.published_by = Some(run_id.to_owned());
                entry.rows = rows;
                entry.fault = None;
            }
            WindowEvent::Failed(fault) => {
                entry.state = WindowState::Failed;
                entry.fault = Some(fault);
            }
        }
        entry.changed_at = now.to_owned();
        entry
    }

    /// Whether readers see this window and no later run for it was begun.
    pub fn is_published(&self) -> bool {
        self.state == WindowState::Published
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(before: Option<&WindowEntry>, run: &str, event: WindowEvent) -> WindowEntry {
        WindowEntry::after(before, "2026-11-20", run, event, "2026-11-21T00:00:00Z")
    }

    #[test]
    fn a_failed_rerun_leaves_what_readers_see() {
        let rows = IndexMap::from([("t".to_owned(), 3)]);
        let planned = after(None, "r1", WindowEvent::Planned);
        let published = after(Some(&planned), "r1", WindowEvent::Published(rows.clone()));
        let again = after(Some(&published), "r2", WindowEvent::Planned);
        let fault = RecordedFault {
            kind: "BadData".to_owned(),
            message: "too many rejects".to_owned(),
        };
        let failed = after(Some(&again), "r2", WindowEvent::Failed(fault));
        assert_eq!(failed.state, WindowState::Failed);
        assert_eq!(failed.published_by.as_deref(), Some("r1"));
        assert_eq!(failed.rows, rows);
        assert_eq!(failed.attempts, 2);
    }

    #[test]
    fn a_run_planned_twice_is_one_attempt() {
        let once = after(None, "r1", WindowEvent::Planned);
        assert_eq!(after(Some(&once), "r1", WindowEvent::Planned).attempts, 1);
    }

    #[test]
    fn a_replaced_run_changes_nothing() {
        let first = after(None, "r1", WindowEvent::Planned);
        let second = after(Some(&first), "r2", WindowEvent::Planned);
        let zombie = after(Some(&second), "r1", WindowEvent::Published(IndexMap::new()));
        assert_eq!(zombie, second);
    }
}
