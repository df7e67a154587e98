//! Recording that a run failed: the ledger and the run's record say so; what readers see stays as it is.

use edge::chunk::header;
use edge::env::Env;
use edge::run::{self, Run, StoredPlan};
use indexmap::IndexMap;
use pipeline::fault::{Fault, Kind};
use pipeline::ledger::{RecordedFault, WindowEvent};
use pipeline::report::{Manifest, RequestReport};
use pipeline::run::PublishStatus;
use postgres::Target;
use serde_json::Value;

use crate::record::windows;

/// Records what the state machine caught.
pub async fn record(run: &Run, caught: &Value, env: &Env) -> Result<PublishStatus, Fault> {
    abandon(run, env).await;
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
        ..match before {
            Some(before) => before,
            None => begun(run, env).await?,
        }
    };
    run::store(&env.objects, &run.keys.manifest(), &manifest).await?;
    crate::note(run, &WindowEvent::Failed(fault), env).await?;
    Ok(status)
}

/// Takes away what waits in PostgreSQL and Redshift, and what the engine made for the run. A run that is taken up again after
/// all makes it again, so that it is no matter if this fails: the next run sweeps it up.
async fn abandon(run: &Run, env: &Env) {
    if let Ok(engine) = env.engine() {
        crate::end(engine, &env.work(&run.reference)).await;
    }
    let abandoned = async {
        match Target::open(run, env).await? {
            Some(target) => target.abandon().await,
            None => Ok(()),
        }
    };
    let abandoned: Result<(), Fault> = abandoned.await;
    if let Err(fault) = abandoned {
        tracing::warn!(%fault, "staging tables are left in PostgreSQL");
    }
    let abandoned = async {
        match redshift::Target::open(run, env).await? {
            Some(target) => target.abandon().await,
            None => Ok(()),
        }
    };
    let abandoned: Result<(), Fault> = abandoned.await;
    if let Err(fault) = abandoned {
        tracing::warn!(%fault, "staging tables are left in Redshift");
    }
}

/// The record of a run that did not come as far as being counted: what it asked of the source, as far as stored.
async fn begun(run: &Run, env: &Env) -> Result<Manifest, Fault> {
    Ok(Manifest {
        run_id: run.reference.id.clone(),
        pipeline: run.reference.pipeline.clone(),
        status: PublishStatus::Failed,
        windows: Vec::new(),
        tables: IndexMap::new(),
        requests: requests(run, env).await?,
        resources: IndexMap::new(),
        checks: Vec::new(),
        read_bytes: 0,
        destinations: Vec::new(),
        fault: None,
    })
}

async fn requests(run: &Run, env: &Env) -> Result<RequestReport, Fault> {
    let plan: Option<StoredPlan> = run::optional(&env.objects, &run.keys.plan()).await?;
    let mut requests = RequestReport::default();
    if let Some(plan) = plan {
        requests.sent = plan.sent;
        requests.retried = plan.retried;
    }
    for chunk in env.objects.list(&run.keys.raws()).await? {
        let fetched = match header(&env.objects, &chunk.key).await {
            Ok(header) => header.fetched,
            // What cannot be read is told by the fault that is recorded.
            Err(fault) if fault.kind == Kind::BadData => continue,
            Err(fault) => return Err(fault),
        };
        requests.sent += fetched.sent;
        requests.retried += fetched.retried;
        requests.missing += fetched.missing;
    }
    Ok(requests)
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
