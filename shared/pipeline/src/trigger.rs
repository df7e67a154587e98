//! A trigger of a schedule: the moment that a run stands for. A schedule may deliver it twice, or late; so the first
//! run to note it has it, and its windows are those of that moment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::RunRequest;

/// Which run has a trigger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// The run.
    pub run_id: String,
}

impl Trigger {
    /// Whether a run came upon what another has: there is nothing to do for it. The same run may come again.
    pub fn is_duplicate(&self, run_id: &str) -> bool {
        self.run_id != run_id
    }
}

impl RunRequest {
    /// The moment of the schedule that asked for this; none where a person did.
    pub fn triggered_at(&self) -> Result<Option<Timestamp>, String> {
        let parsed = self.scheduled_at.as_deref().map(|text| {
            let parsed = text.parse::<Timestamp>();
            parsed.map_err(|error| format!("`scheduled_at` is no time: {error}"))
        });
        parsed.transpose()
    }

    /// What “now” means to the windows of a run that started at this moment: a trigger that comes late stands for
    /// its own moment. One that lies ahead, as clocks differ, is of now.
    pub fn now(&self, started_at: Timestamp) -> Result<Timestamp, String> {
        let triggered_at = self.triggered_at()?;
        Ok(triggered_at.map_or(started_at, |at| at.min(started_at)))
    }
}
