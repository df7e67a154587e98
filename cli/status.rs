//! `lakehead status`: what the ledger knows of a pipeline's windows, and what AWS is doing for it.

use std::fmt::Write;
use std::path::Path;

use edge::env::Env;
use edge::executions::Execution;
use edge::ledger::{Bookmarks, Ledger};
use pipeline::definition::Definition;
use pipeline::run::RunRequest;
use pipeline::status::{Status as Stands, age};
use serde::Serialize;

use crate::arguments::{Format, Status, Target};
use crate::deployed::Deployed;
use crate::output::{Exit, Failure, print, print_json};
use crate::report::thousands;
use crate::run;

/// How a pipeline stands, and what is under way for it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    stands: Stands,
    /// Only of a deployment: none below a directory, where a run's process tells itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    executions: Option<Vec<UnderWay>>,
}

/// An execution that is under way.
#[derive(Serialize)]
struct UnderWay {
    run_id: String,
    started_at: String,
    age_seconds: u64,
    windows: String,
    execution: String,
}

/// Shows the ledger.
pub async fn status(options: &Status, pipelines: &Path) -> Result<Exit, Failure> {
    match options.place.target {
        Target::Local => {
            let env = run::env(&options.root.root, pipelines, None)?;
            show(options, &env, None).await
        }
        Target::Aws => {
            let deployed = Deployed::open(&options.place, pipelines).await?;
            let running = under_way(&deployed, &options.name).await?;
            show(options, &deployed.env, Some(running)).await
        }
    }
}

async fn show(
    options: &Status,
    env: &Env,
    executions: Option<Vec<UnderWay>>,
) -> Result<Exit, Failure> {
    let bundle = env.definitions.load(&options.name)?;
    let definition = bundle
        .check()
        .map_err(|problems| Failure::usage(problems.render(&bundle.file(), &bundle.text)))?;
    let entries = Ledger::new(&env.objects, &bundle.name).entries().await?;
    let bookmarks = Bookmarks::new(&env.objects, &bundle.name).all().await?;
    let now = env.clock.now();
    let stands = Stands::of(&bundle.name, &definition, entries, bookmarks, now);
    let shown = Shown { stands, executions };
    match options.format {
        Format::Json => print_json(&shown)?,
        Format::Text => print(&text(&shown, &definition))?,
    }
    Ok(Exit::Done)
}

async fn under_way(deployed: &Deployed, pipeline: &str) -> Result<Vec<UnderWay>, Failure> {
    let now = deployed.env.clock.now();
    let told = |execution: Execution| UnderWay {
        windows: execution
            .request()
            .as_ref()
            .map(windows)
            .unwrap_or_default(),
        started_at: execution.started.to_string(),
        age_seconds: execution.time(now).as_secs(),
        execution: deployed.executions.arn(&execution.name),
        run_id: execution
            .request()
            .map_or(execution.name.clone(), |request| {
                request.run_of(&execution.name).id
            }),
    };
    let running = deployed.executions.running(pipeline).await?;
    Ok(running.into_iter().map(told).collect())
}

/// Which windows a request names, in words.
fn windows(request: &RunRequest) -> String {
    match (&request.as_of, &request.from, &request.to) {
        (Some(window), ..) => window.clone(),
        (None, Some(from), Some(to)) => format!("{from} to {to}"),
        (None, Some(from), None) => format!("from {from} on"),
        (None, None, Some(to)) => format!("up to {to}"),
        (None, None, None) => "what is due".to_owned(),
    }
}

fn text(shown: &Shown, definition: &Definition) -> String {
    let stands = &shown.stands;
    let mut out = String::new();
    for execution in shown.executions.iter().flatten() {
        let _ = writeln!(
            out,
            "running: {} for {}, since {}",
            execution.run_id,
            execution.windows,
            age(i64::try_from(execution.age_seconds).unwrap_or(i64::MAX))
        );
    }
    if stands.windows.is_empty() && stands.missing.is_empty() {
        let _ = writeln!(
            out,
            "{}: no window has been begun; `lakehead run {}` begins one",
            stands.pipeline, stands.pipeline
        );
        return out;
    }
    let _ = writeln!(
        out,
        "{:<14} {:<10} {:>8} {:>12} {:>10}  run",
        "window", "state", "attempts", "rows", "age"
    );
    for window in &stands.windows {
        let entry = &window.entry;
        let _ = writeln!(
            out,
            "{:<14} {:<10} {:>8} {:>12} {:>10}  {}",
            entry.window,
            entry.state.name(),
            entry.attempts,
            thousands(window.total_rows),
            window.age(),
            entry.run_id
        );
        if let Some(fault) = &entry.fault {
            let _ = writeln!(out, "  {}: {}", fault.kind, fault.message);
        }
    }
    for (resource, kept) in &stands.bookmarks {
        let _ = writeln!(
            out,
            "bookmark: {resource} {} by {}",
            kept.value, kept.run_id
        );
    }
    if !stands.missing.is_empty() {
        let ranges = stands.missing_ranges(definition);
        let _ = writeln!(out, "missing: {}", ranges.join(", "));
    }
    out
}
