//! `lakehead clean`: removes versions that readers no longer need and what dead writers have left.

use std::collections::BTreeSet;
use std::path::Path;

use edge::env::Env;
use pipeline::fault::Fault;
use pipeline::layout::RunKeys;
use pipeline::name::Name;
use serde::Serialize;

use crate::arguments::{Clean, Format};
use crate::output::{Exit, Failure, print, print_json};
use crate::report::thousands;
use crate::run;

/// What was removed.
#[derive(Serialize)]
struct Cleaned {
    objects: u64,
    bytes: u64,
    unfinished_writes: usize,
}

/// Cleans up below a root.
pub async fn clean(options: &Clean, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, None)?;
    let mut cleaned = Cleaned {
        objects: 0,
        bytes: 0,
        unfinished_writes: 0,
    };
    for database in env.lake.databases().await? {
        let pruned = env
            .lake
            .prune(&database, options.keep, unfinished(&env))
            .await?;
        cleaned.objects += pruned.objects;
        cleaned.bytes += pruned.bytes;
    }
    for store in [&env.objects, &env.exports] {
        cleaned.unfinished_writes += store.sweep().await.map_err(Fault::from)?;
    }
    match options.format {
        Format::Json => print_json(&cleaned)?,
        Format::Text => print(&format!(
            "removed {} objects of earlier versions ({} bytes) and {} writes that nobody finishes\n",
            thousands(cleaned.objects),
            thousands(cleaned.bytes),
            cleaned.unfinished_writes,
        ))?,
    }
    Ok(Exit::Done)
}

/// The runs that may still be taken up: their staged files stay.
async fn unfinished(env: &Env) -> Result<BTreeSet<String>, Fault> {
    let mut unfinished = BTreeSet::new();
    for pipeline in env.objects.folders("runs/").await? {
        let Ok(name) = Name::new(&pipeline) else {
            continue;
        };
        for run_id in env.objects.folders(&format!("runs/{pipeline}/")).await? {
            if run::is_unfinished(&RunKeys::new(&name, &run_id), env).await? {
                unfinished.insert(run_id);
            }
        }
    }
    Ok(unfinished)
}
