//! `lakehead status`: what the ledger knows of a pipeline's windows.

use std::fmt::Write;
use std::path::Path;

use edge::ledger::{Bookmarks, Ledger};
use pipeline::definition::Definition;
use pipeline::status::Status as Stands;

use crate::arguments::{Format, Status};
use crate::output::{Exit, Failure, print, print_json};
use crate::report::thousands;
use crate::run;

/// Shows the ledger.
pub async fn status(options: &Status, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, None)?;
    let bundle = env.definitions.load(&options.name)?;
    let definition = bundle
        .check()
        .map_err(|problems| Failure::usage(problems.render(&bundle.file(), &bundle.text)))?;
    let entries = Ledger::new(&env.objects, &bundle.name).entries().await?;
    let bookmarks = Bookmarks::new(&env.objects, &bundle.name).all().await?;
    let now = env.clock.now();
    let stands = Stands::of(&bundle.name, &definition, entries, bookmarks, now);
    match options.format {
        Format::Json => print_json(&stands)?,
        Format::Text => print(&text(&stands, &definition))?,
    }
    Ok(Exit::Done)
}

fn text(stands: &Stands, definition: &Definition) -> String {
    if stands.windows.is_empty() && stands.missing.is_empty() {
        return format!(
            "{}: no window has been begun; `lakehead run {}` begins one\n",
            stands.pipeline, stands.pipeline
        );
    }
    let mut out = format!(
        "{:<14} {:<10} {:>8} {:>12} {:>10}  run\n",
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
