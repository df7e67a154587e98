//! What travels between the steps of a run: references, counts and tokens, never data.
//!
//! Each step's output holds all that the next step's input reads; the state machine only hands it on. Unknown
//! members are therefore accepted on input.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::name::Name;

/// What starts a run: the execution's input.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// The pipeline, by the name of its folder.
    pub pipeline: Name,
    /// The window to read; without one the last complete window, or for a snapshot the day of the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// The first window of a backfill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The last window of a backfill, included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Parameters that differ from the definition's defaults.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub params: IndexMap<Name, String>,
    /// Whether windows that are published already are read again.
    #[serde(default, skip_serializing_if = "is_false")]
    pub force: bool,
    /// Whether only windows are read that were begun and not published.
    #[serde(default, skip_serializing_if = "is_false")]
    pub incomplete_only: bool,
    /// Steps to leave out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skip: Vec<SkippableStep>,
    /// A run whose raw pages are typed again instead of asking the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_of: Option<String>,
    /// A run that failed, or was broken off, which this execution takes up again instead of beginning its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
    /// The moment of the schedule that asks for this, RFC 3339: windows are those of that moment, however late the
    /// run starts, and of several runs for the same moment only the first has anything to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<String>,
    /// How many runs of the pipeline are under way at the same time, as in a backfill: each takes its part of the
    /// source's rates.
    #[serde(default = "alone", skip_serializing_if = "is_alone")]
    pub side_by_side: u32,
}

/// A step that a run can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SkippableStep {
    /// Stage and check, but make nothing visible; the models are not refreshed either.
    Publish,
    /// Publish, but leave the models and exports as they are.
    Refresh,
}

impl RunRequest {
    /// The run that an execution of this name works for.
    pub fn run_of(&self, execution: &str) -> RunRef {
        RunRef {
            pipeline: self.pipeline.clone(),
            id: self.resume.clone().unwrap_or_else(|| execution.to_owned()),
        }
    }
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Which run a step works for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunRef {
    /// The pipeline.
    pub pipeline: Name,
    /// The run: the execution's name.
    pub id: String,
}

/// One branch of a run: a part of one resource that is fetched, typed and staged on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slice {
    /// Its name within the run, safe in an object key.
    pub id: String,
    /// The resource, or the reference table, that it reads.
    pub resource: Name,
    /// What it reads of it.
    pub reads: Reads,
    /// The window it is for: a key of the ledger.
    pub window: String,
    /// The page that it begins with, where the pages of a resource are cut into slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Value>,
    /// The run whose raw pages are used instead of asking the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_of: Option<String>,
}

/// What a slice reads of its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Page after page, as the paginator leads.
    Pages,
    /// One request an id; the ids are in an object of the run.
    Ids,
    /// A reference table that ships with the definition.
    Reference,
}

/// The input of `plan`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlanInput {
    /// The execution's name.
    pub run_id: String,
    /// When the execution started, RFC 3339: what “now” means to this run.
    pub started_at: String,
    /// What was asked for.
    pub request: RunRequest,
}

/// The output of `plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlanOutput {
    /// The run.
    pub run: RunRef,
    /// Whether there is anything to fetch.
    pub status: PlanStatus,
    /// Where the list of slices stands.
    pub slices: SliceList,
}

/// Whether a plan holds work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// There are slices to fetch.
    Planned,
    /// Every window asked for is published.
    NothingToDo,
}

/// Where the list of slices stands, and how the Map is to go through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SliceList {
    /// The bucket (`local` on a laptop).
    pub bucket: String,
    /// The key of the JSON Lines object.
    pub key: String,
    /// The prefix for the Map's own results.
    pub results: String,
    /// How many slices there are.
    pub count: u64,
    /// How many of them may fail before all that follow are given up.
    #[serde(default)]
    pub tolerated_failures: u64,
    /// How many are worked on at the same time, at most.
    pub max_concurrency: u32,
    /// How many are worked on at the same time, as there are no more slices, in all runs side by side: among so many
    /// the rates of the source are divided where each is a process of its own.
    pub workers: u32,
}

/// The input of `fetch-page`, and its own output when there is more to fetch.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct FetchPageInput {
    /// The run.
    pub run: RunRef,
    /// What to fetch.
    pub slice: Slice,
    /// Among how many processes that fetch at the same time the rates of the source are divided.
    #[serde(default = "alone")]
    pub workers: u32,
}

fn alone() -> u32 {
    1
}

fn is_alone(runs: &u32) -> bool {
    *runs == 1
}

/// The output of `fetch-page`. Where the fetch stands is in the raw chunks; the state machine needs only the status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FetchPageOutput {
    /// The run.
    pub run: RunRef,
    /// The slice.
    pub slice: Slice,
    /// Among how many the rates are divided, for the next call.
    pub workers: u32,
    /// What is to happen next.
    pub status: FetchStatus,
    /// Seconds to wait before the next call; 0 unless the status is `wait`.
    pub wait_seconds: u64,
    /// What has been fetched of the slice so far.
    pub fetched: Fetched,
}

/// What is to happen after a call of `fetch-page`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FetchStatus {
    /// Call again: the budget of one call was used up.
    More,
    /// Call again after the wait that the source asked for.
    Wait,
    /// All pages of the slice are stored.
    Done,
}

/// How much of a slice was fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fetched {
    /// Raw chunks stored.
    pub chunks: u32,
    /// Answers stored.
    pub pages: u64,
    /// Answers that said “there is no such thing”.
    pub missing: u64,
    /// Bytes of the answers, decoded.
    pub bytes: u64,
    /// Requests sent, retries included.
    pub sent: u64,
    /// Requests that were sent again.
    pub retried: u64,
}

impl Fetched {
    /// Answers stored, those without a thing among them.
    pub fn answers(&self) -> u64 {
        self.pages + self.missing
    }

    /// Adds what another chunk or slice brought.
    pub fn add(&mut self, other: &Fetched) {
        self.chunks += other.chunks;
        self.pages += other.pages;
        self.missing += other.missing;
        self.bytes += other.bytes;
        self.sent += other.sent;
        self.retried += other.retried;
    }
}

/// The input of `transform` and of `load`: a slice of a run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SliceInput {
    /// The run.
    pub run: RunRef,
    /// The slice.
    pub slice: Slice,
}

/// The output of `transform` and of `load`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SliceOutput {
    /// The run.
    pub run: RunRef,
    /// The slice.
    pub slice: Slice,
    /// Rows in all tables together.
    pub rows: u64,
    /// Records set aside.
    pub rejected: u64,
    /// Parquet parts in all tables together.
    pub parts: u64,
}

/// The input of `publish`: after all slices are staged, or, with `failure`, after the run has failed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PublishInput {
    /// The run; absent when the run failed before it was planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
    /// What a Catch of the state machine caught.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Value>,
}

/// The output of `publish`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishOutput {
    /// The run; absent when it failed before it was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunRef>,
    /// What readers see now.
    pub status: PublishStatus,
    /// Seconds to wait before the next call; 0 unless the status is `running`.
    pub wait_seconds: u64,
}

impl PublishOutput {
    /// The output of a publish that has come to an end.
    pub fn ended(run: Option<RunRef>, status: PublishStatus) -> Self {
        PublishOutput {
            run,
            status,
            wait_seconds: 0,
        }
    }

    /// The output of a publish that waits for a warehouse.
    pub fn running(run: RunRef, wait_seconds: u64) -> Self {
        PublishOutput {
            run: Some(run),
            status: PublishStatus::Running,
            wait_seconds,
        }
    }
}

/// What a publish changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishStatus {
    /// Statements are running: call again after the wait.
    Running,
    /// A new version of at least one table.
    Published,
    /// The same content as before: nothing was written.
    Unchanged,
    /// Staged and checked only, as asked.
    Skipped,
    /// The run failed; the ledger says so.
    Failed,
}

impl PublishStatus {
    /// The status as reports write it.
    pub fn name(self) -> &'static str {
        match self {
            PublishStatus::Running => "running",
            PublishStatus::Published => "published",
            PublishStatus::Unchanged => "unchanged",
            PublishStatus::Skipped => "skipped",
            PublishStatus::Failed => "failed",
        }
    }
}

/// The input of `refresh`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RefreshInput {
    /// The run.
    pub run: RunRef,
}

/// The output of `refresh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefreshOutput {
    /// The run.
    pub run: RunRef,
    /// Whether all models are in place.
    pub status: RefreshStatus,
    /// Seconds to wait before the next call; 0 when done.
    pub wait_seconds: u64,
}

/// How far a refresh is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshStatus {
    /// Statements are running: call again after the wait.
    Running,
    /// All models and exports are in place.
    Done,
}
