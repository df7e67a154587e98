//! The run's own record: what became of its rows, what was checked, what readers see since.

use edge::env::Env;
use edge::run::{self, Run};
use indexmap::IndexMap;
use pipeline::balance::RowCounts;
use pipeline::data_check::CheckResult;
use pipeline::fault::Fault;
use pipeline::report::{Manifest, RequestReport, ResourceReport, TableReport, WindowReport};
use pipeline::run::PublishStatus;

use crate::checked::Checked;
use crate::gathered::Gathered;
use crate::switched::Switched;

/// Stores the record of a run that came as far as being counted, or checked, and no further.
pub async fn store_failed(
    run: &Run,
    gathered: &Gathered,
    checks: &[CheckResult],
    env: &Env,
) -> Result<(), Fault> {
    let checked = Checked::of(checks);
    let switched = Switched::to(PublishStatus::Failed);
    store_published(run, gathered, switched, &checked, env).await
}

/// Stores the record of a run with what became of each destination.
pub async fn store_published(
    run: &Run,
    gathered: &Gathered,
    mut switched: Switched,
    checked: &Checked,
    env: &Env,
) -> Result<(), Fault> {
    let status = switched.status;
    let database = run.pipeline.definition.database();
    let tables = gathered.tables().into_iter();
    let manifest = Manifest {
        run_id: run.reference.id.clone(),
        pipeline: run.reference.pipeline.clone(),
        status,
        windows: windows(run, status),
        tables: tables
            .map(|(name, rows)| {
                let name = name.to_string();
                let kept_windows = switched.kept_windows.remove(&name).unwrap_or_default();
                (name, table(database, rows, kept_windows))
            })
            .collect(),
        requests: requests(gathered),
        resources: resources(gathered),
        checks: checked.results.clone(),
        read_bytes: checked.read_bytes,
        destinations: switched.destinations,
        fault: None,
    };
    run::store(&env.objects, &run.keys.manifest(), &manifest).await
}

/// The windows of a run, each with the same status: they are published together.
pub fn windows(run: &Run, status: PublishStatus) -> Vec<WindowReport> {
    let report = |window: &str| WindowReport {
        window: window.to_owned(),
        status: status.name().to_owned(),
    };
    run.periods
        .iter()
        .map(|period| report(&period.key))
        .collect()
}

fn table(database: &str, rows: RowCounts, kept_windows: Vec<String>) -> TableReport {
    TableReport {
        database: database.to_owned(),
        rows: rows.kept,
        rejected: rows.all_rejected(),
        filtered: rows.all_filtered(),
        duplicates: rows.duplicates,
        filters: rows.filtered,
        rejects: rows.rejected,
        nulled: rows.nulled,
        unmatched: rows.unmatched,
        kept_windows,
        ..TableReport::default()
    }
}

fn requests(gathered: &Gathered) -> RequestReport {
    let fetched = gathered.fetched();
    RequestReport {
        sent: gathered.plan.sent + fetched.sent,
        retried: gathered.plan.retried + fetched.retried,
        missing: fetched.missing,
    }
}

fn resources(gathered: &Gathered) -> IndexMap<String, ResourceReport> {
    let mut reports: IndexMap<String, ResourceReport> = IndexMap::new();
    for (outcome, _) in &gathered.slices {
        let report = reports
            .entry(outcome.slice.resource.to_string())
            .or_default();
        report.records += outcome.records.records;
        report.unparsable += outcome.records.unparsable;
        report.unrouted += outcome.records.unrouted;
        report.ignored += outcome.records.ignored;
        report.rejects.extend(outcome.rejects.clone());
        let room = MISSING_SHOWN.saturating_sub(report.missing_ids.len());
        report
            .missing_ids
            .extend(outcome.missing_ids.iter().take(room).cloned());
    }
    for slice in &gathered.failed {
        let report = reports.entry(slice.resource.to_string()).or_default();
        report.failed_slices += 1;
    }
    reports
}

/// How many missing ids are named one by one.
const MISSING_SHOWN: usize = 1000;
