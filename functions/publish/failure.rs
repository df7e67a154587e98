//! Recording that a run failed: the ledger and the run's record say so; what readers see stays as it is.

use edge::env::Env;
use edge::run::{self, Run};
use indexmap::IndexMap;
use pipeline::fault::Fault;
use pipeline::ledger::{RecordedFault, WindowEvent};
use pipeline::report::{Manifest, RequestReport};
use pipeline::run::PublishStatus;
use serde_json::Value;

use crate::record::windows;

/// Records what the state machine caught.
pub async fn record(run: &Run, caught: &Value, env: &Env) -> Result<PublishStatus, Fault> {
    let fault = recorded(caught);
    let before: Option<Manifest> = run::optional(&env.objects, &run.keys.manifest()).await?;
    if before
        .as_ref()
        .is_some_and(|manifest| manifest.status != PublishStatus::Failed)
    {
        // The tables are published; what failed came after, and is told by the execution.
        return Ok(PublishStatus::Failed);
    }
    let status = PublishStatus::Failed;
    let manifest = Manifest {
        fault: Some(fault.clone()),
        windows: windows(run, status),
        ..before.unwrap_or_else(|| empty(run))
    };
    run::store(&env.objects, &run.keys.manifest(), &manifest).await?;
    crate::note(run, &WindowEvent::Failed(fault), env).await?;
    Ok(status)
}

fn empty(run: &Run) -> Manifest {
    Manifest {
        run_id: run.reference.id.clone(),
        pipeline: run.reference.pipeline.clone(),
        status: PublishStatus::Failed,
        windows: Vec::new(),
        tables: IndexMap::new(),
        requests: RequestReport::default(),
        resources: IndexMap::new(),
        checks: Vec::new(),
        fault: None,
    }
}

/// What a Catch hands over: `Error` and `Cause`, the latter perhaps the JSON that Lambda answers.
fn recorded(caught: &Value) -> RecordedFault {
    let text = |name: &str| caught[name].as_str().unwrap_or_default().to_owned();
    let cause = text("Cause");
    let answered: Option<Value> = serde_json::from_str(&cause).ok();
    let message = answered
        .as_ref()
        .and_then(|answer| answer["errorMessage"].as_str());
    RecordedFault {
        kind: text("Error"),
        message: message.map_or(cause.clone(), str::to_owned),
    }
}
