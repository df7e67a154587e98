//! `lakehead status`: what the ledger knows of a pipeline's windows.

use std::fmt::Write;
use std::path::Path;

use edge::env::Env;
use edge::ledger::Ledger;
use jiff::{SpanRound, Timestamp, Unit};
use pipeline::ledger::WindowEntry;
use serde::Serialize;

use crate::arguments::{Format, Status};
use crate::output::{Exit, Failure, print, print_json};
use crate::report::thousands;
use crate::run;

/// The ledger of one pipeline, and what is missing in it.
#[derive(Serialize)]
struct Shown {
    pipeline: String,
    windows: Vec<WindowEntry>,
    missing: Vec<String>,
}

/// Shows the ledger.
pub async fn status(options: &Status, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, None)?;
    let bundle = env.definitions.load(&options.name)?;
    let windows = Ledger::new(&env.objects, &bundle.name).entries().await?;
    let missing = missing(&bundle, &windows, &env)?;
    let shown = Shown {
        pipeline: bundle.name.to_string(),
        windows,
        missing,
    };
    match options.format {
        Format::Json => print_json(&shown)?,
        Format::Text => print(&text(&shown, env.clock.now()))?,
    }
    Ok(Exit::Done)
}

/// The windows between the first one known and the last complete one that no run has published.
fn missing(
    bundle: &pipeline::definition::Bundle,
    known: &[WindowEntry],
    env: &Env,
) -> Result<Vec<String>, Failure> {
    let definition = bundle
        .check()
        .map_err(|problems| Failure::usage(problems.render(&bundle.file(), &bundle.text)))?;
    let Some(schedule) = &definition.schedule else {
        return Ok(Vec::new());
    };
    let (Some(length), Some(first)) = (schedule.window, known.first()) else {
        return Ok(Vec::new());
    };
    let Some(last) = schedule.last_complete(env.clock.now()) else {
        return Ok(Vec::new());
    };
    let first = pipeline::window::Window::parse(length, &first.window).map_err(Failure::run)?;
    let published = |key: &String| {
        known
            .iter()
            .any(|entry| entry.window == *key && entry.published_by.is_some())
    };
    let windows = pipeline::window::Window::range(first, &last);
    Ok(windows
        .iter()
        .map(|window| window.key())
        .filter(|key| !published(key))
        .collect())
}

fn text(shown: &Shown, now: Timestamp) -> String {
    if shown.windows.is_empty() {
        return format!(
            "{}: no window has been begun; `lakehead run {}` begins one\n",
            shown.pipeline, shown.pipeline
        );
    }
    let mut out = format!(
        "{:<14} {:<10} {:>8} {:>12} {:>10}  run\n",
        "window", "state", "attempts", "rows", "age"
    );
    for entry in &shown.windows {
        let rows: u64 = entry.rows.values().sum();
        let _ = writeln!(
            out,
            "{:<14} {:<10} {:>8} {:>12} {:>10}  {}",
            entry.window,
            entry.state.name(),
            entry.attempts,
            thousands(rows),
            age(&entry.changed_at, now),
            entry.run_id
        );
        if let Some(fault) = &entry.fault {
            let _ = writeln!(out, "  {}: {}", fault.kind, fault.message);
        }
    }
    if !shown.missing.is_empty() {
        let _ = writeln!(out, "missing: {}", shown.missing.join(", "));
    }
    out
}

/// How long ago, in its two largest units: `2d 3h`.
fn age(changed_at: &str, now: Timestamp) -> String {
    let Ok(changed_at) = changed_at.parse::<Timestamp>() else {
        return "?".to_owned();
    };
    let seconds = now.duration_since(changed_at).as_secs().max(0);
    let span = jiff::Span::new().seconds(seconds);
    let rounding = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    match span.round(rounding) {
        Ok(span) => {
            let shown = format!("{span:#}");
            shown
                .split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        }
        Err(_) => format!("{seconds}s"),
    }
}
