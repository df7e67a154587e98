//! What a run says of itself: its record among the run's objects, and the command line's JSON answer.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::data_check::CheckResult;
use crate::ledger::RecordedFault;
use crate::name::Name;
use crate::run::PublishStatus;

/// The record of a run, written by publish when the run is decided and completed by refresh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The run.
    pub run_id: String,
    /// The pipeline.
    pub pipeline: Name,
    /// What readers see since.
    pub status: PublishStatus,
    /// The windows that the run was for.
    pub windows: Vec<WindowReport>,
    /// What became of each table's rows.
    pub tables: IndexMap<String, TableReport>,
    /// What was asked of the source.
    pub requests: RequestReport,
    /// Records of the source, by resource.
    pub resources: IndexMap<String, ResourceReport>,
    /// What was checked.
    pub checks: Vec<CheckResult>,
    /// Bytes that a warehouse read for the checks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read_bytes: u64,
    /// What became of each destination.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<DestinationReport>,
    /// Why the run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<RecordedFault>,
}

/// What became of one destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationReport {
    /// Its kind.
    pub destination: String,
    /// `published`, `unchanged`, or `stood_in` where another one stood in for it.
    pub status: String,
    /// More of it, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// One window of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowReport {
    /// Its key.
    pub window: String,
    /// `published`, `unchanged`, `skipped` or `failed`.
    pub status: String,
}

/// What became of a table's rows in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableReport {
    /// The database that it is published in.
    pub database: String,
    /// Rows that the run brought.
    pub rows: u64,
    /// Rows set aside.
    pub rejected: u64,
    /// Rows left out by a filter.
    pub filtered: u64,
    /// Rows whose key had come before.
    pub duplicates: u64,
    /// Rows left out, by the filter's name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub filters: IndexMap<String, u64>,
    /// Rows set aside, by reason.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rejects: IndexMap<String, u64>,
    /// Values made null because they did not fit, by column.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub nulled: IndexMap<String, u64>,
    /// Look-ups that found nothing, by column.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub unmatched: IndexMap<String, u64>,
    /// Windows whose rows were not published: readers of the lake see what was there, of a later run or of one that
    /// is not to be replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept_windows: Vec<String>,
    /// Whether a model makes it instead of the source.
    #[serde(default, skip_serializing_if = "is_false")]
    pub derived: bool,
    /// The model that it is one period of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_of: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// What was asked of the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReport {
    /// Requests sent, retries included.
    pub sent: u64,
    /// Requests that were sent again.
    pub retried: u64,
    /// Answers that said “there is no such thing”.
    pub missing: u64,
}

/// What became of a resource's records in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceReport {
    /// Records found in the pages.
    pub records: u64,
    /// Records set aside because they could not be read at all.
    pub unparsable: u64,
    /// Records set aside because no table takes them.
    pub unrouted: u64,
    /// Records left aside on purpose.
    pub ignored: u64,
    /// Slices that failed, in a run that was published without them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub failed_slices: u64,
    /// Ids that the source does not have, the first 1,000 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_ids: Vec<String>,
    /// Where the records that were set aside stand, with raw text, place and reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<String>,
}

/// What refresh made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    /// The tables and views that the models made.
    pub tables: IndexMap<String, TableReport>,
    /// How many models were made or changed in PostgreSQL, where the run publishes into one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_postgres: Option<u64>,
    /// The same for Redshift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_redshift: Option<u64>,
    /// The files that were written, as keys of the exports.
    pub exports: Vec<String>,
    /// Bytes that a warehouse read for models and exports.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub read_bytes: u64,
}

/// The answer of `lakehead run --format json`.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// The pipeline.
    pub pipeline: Name,
    /// `published`, `unchanged` or `failed`.
    pub status: String,
    /// The windows that the run was for.
    pub windows: Vec<WindowReport>,
    /// What became of each table's rows.
    pub tables: IndexMap<String, TableReport>,
    /// What was asked of the source.
    pub requests: RequestReport,
    /// Records of the source, by resource.
    pub resources: IndexMap<String, ResourceReport>,
    /// What was checked.
    pub checks: Vec<CheckResult>,
    /// Bytes that a warehouse read for checks, models and exports.
    #[serde(skip_serializing_if = "is_zero")]
    pub read_bytes: u64,
    /// What became of each destination.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<DestinationReport>,
    /// Why the run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<RecordedFault>,
    /// How long it took.
    pub seconds: f64,
}

impl RunReport {
    /// The report of a run that came as far as having a record.
    pub fn of(manifest: Manifest, seconds: f64) -> Self {
        RunReport {
            run_id: manifest.run_id,
            pipeline: manifest.pipeline,
            status: manifest.status.name().to_owned(),
            windows: manifest.windows,
            tables: manifest.tables,
            requests: manifest.requests,
            resources: manifest.resources,
            checks: manifest.checks,
            read_bytes: manifest.read_bytes,
            destinations: manifest.destinations,
            fault: manifest.fault,
            seconds,
        }
    }

    /// The report of a run that found nothing to do, or failed before it could leave a record.
    pub fn nothing(pipeline: &Name, run_id: &str, seconds: f64) -> Self {
        RunReport {
            run_id: run_id.to_owned(),
            pipeline: pipeline.clone(),
            status: PublishStatus::Unchanged.name().to_owned(),
            windows: Vec::new(),
            tables: IndexMap::new(),
            requests: RequestReport::default(),
            resources: IndexMap::new(),
            checks: Vec::new(),
            read_bytes: 0,
            destinations: Vec::new(),
            fault: None,
            seconds,
        }
    }

    /// Whether anything was set aside, or a slice failed.
    pub fn has_rejects(&self) -> bool {
        let records = self.resources.values();
        self.tables.values().any(|table| table.rejected > 0)
            || records
                .map(|resource| resource.unparsable + resource.unrouted + resource.failed_slices)
                .any(|aside| aside > 0)
    }
}
