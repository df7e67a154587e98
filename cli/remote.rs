//! Runs on AWS: an execution of the deployed state machine, begun, followed and reported as a local run is.

use std::path::Path;

use edge::executions::{Execution, Start, State};
use edge::run::StoredRun;
use pipeline::layout::RunKeys;
use pipeline::ledger::RecordedFault;
use pipeline::name::Name;
use pipeline::plan;
use pipeline::report::{Manifest, RunReport};
use pipeline::run::RunRequest;
use serde::Serialize;
use serde_json::Value;

use crate::arguments::{Format, Run};
use crate::deployed::Deployed;
use crate::output::{Exit, Failure, print, print_json};
use crate::watch::Watch;
use crate::{plan as plan_command, run};

/// What `--detach` answers.
#[derive(Serialize)]
struct Begun<'a> {
    run_id: &'a str,
    pipeline: &'a Name,
    status: &'static str,
    execution: String,
}

/// Runs a pipeline on AWS and reports on it.
pub async fn run(options: &Run, pipelines: &Path) -> Result<Exit, Failure> {
    if options.secrets.is_some() {
        return Err(has_no_secrets_file());
    }
    let deployed = Deployed::open(&options.place, pipelines).await?;
    let request = run::request(&options.asked, options.raw_of.as_deref(), &deployed.env).await?;
    if options.dry_run {
        return plan_command::show(&request, &deployed.env, options.format).await;
    }
    let run_id = begin(&deployed, &request, options.run_id.as_deref()).await?;
    if options.detach {
        return tell_begun(&deployed, &request.pipeline, &run_id, options.format);
    }
    let attended = attend(&deployed, &request.pipeline, &run_id, &run_id).await?;
    let Some(report) = attended else {
        return Ok(Exit::Interrupted);
    };
    run::finish(&report, options.format, options.strict)
}

/// What is said to whoever gives a file of secrets to a run on AWS.
pub fn has_no_secrets_file() -> Failure {
    Failure::usage(
        "`--secrets` is for local runs; on AWS secrets are in Secrets Manager or Parameter Store",
    )
}

/// Starts the execution of a request, or finds the one that is under way for the very same; answers its name.
pub async fn begin(
    deployed: &Deployed,
    request: &RunRequest,
    run_id: Option<&str>,
) -> Result<String, Failure> {
    let bundle = deployed.env.definitions.load(&request.pipeline)?;
    let asked = run::wanted(&bundle, request, &deployed.env)?;
    let input = input(request)?;
    if let Some(run_id) = run_id {
        let run_id = run::checked_id(run_id)?;
        return match deployed.executions.start(&run_id, &input).await? {
            Start::Running | Start::Ended(_) => Ok(run_id),
            Start::Other => Err(run::is_for_something_else(&run_id)),
        };
    }
    let base = plan::run_name(&bundle, request, &asked);
    let mut number = 1_u32;
    loop {
        let run_id = format!("{base}.{number}");
        match deployed.executions.describe(&run_id).await? {
            Some(known) if is_under_way(&known, request)? => return Ok(run_id),
            Some(_) => {}
            None if was_run(deployed, request, &run_id).await? => {}
            None => {
                if deployed.executions.start(&run_id, &input).await? == Start::Running {
                    return Ok(run_id);
                }
            }
        }
        number += 1;
    }
}

/// Whether an execution does the very work of a request, however many others are beside it.
fn is_under_way(known: &Execution, request: &RunRequest) -> Result<bool, Failure> {
    let same = known.request().map(|known| RunRequest {
        side_by_side: request.side_by_side,
        ..known
    });
    let same = same.as_ref().map(input).transpose()?;
    Ok(known.state == State::Running && same == Some(input(request)?))
}

/// Whether there was a run of this name: its objects outlive what AWS knows of an execution.
async fn was_run(deployed: &Deployed, request: &RunRequest, run_id: &str) -> Result<bool, Failure> {
    let keys = RunKeys::new(&request.pipeline, run_id);
    let size = deployed.env.objects.size(&keys.definition()).await;
    Ok(size.map_err(pipeline::fault::Fault::from)?.is_some())
}

/// A request as the execution's input.
pub fn input(request: &RunRequest) -> Result<Value, Failure> {
    serde_json::to_value(request)
        .map_err(|error| Failure::run(format!("the request is no JSON: {error}")))
}

fn tell_begun(
    deployed: &Deployed,
    pipeline: &Name,
    run_id: &str,
    format: Format,
) -> Result<Exit, Failure> {
    match format {
        Format::Json => print_json(&Begun {
            run_id,
            pipeline,
            status: "running",
            execution: deployed.executions.arn(run_id),
        })?,
        Format::Text => print(&format!(
            "{pipeline} is running  (run {run_id})\n  the same command without `--detach` follows it\n"
        ))?,
    }
    Ok(Exit::Done)
}

/// Follows a run's execution to its end and answers the run's report; none where whoever watched had enough of it.
pub async fn attend(
    deployed: &Deployed,
    pipeline: &Name,
    run_id: &str,
    execution: &str,
) -> Result<Option<RunReport>, Failure> {
    let watch = Watch::new(&deployed.executions, execution);
    let clock = &deployed.env.clock;
    let look = async |_: &Execution| watch.look().await;
    let followed = deployed.executions.follow(execution, clock, look);
    let ended = tokio::select! {
        ended = followed => Some(ended?),
        _ = tokio::signal::ctrl_c() => None,
    };
    drop(watch);
    let Some(ended) = ended else {
        eprintln!("the run {run_id} goes on; the same command follows it again");
        return Ok(None);
    };
    report(deployed, pipeline, run_id, &ended).await.map(Some)
}

/// What a run that has ended left in the bucket, as a local run would tell it.
pub async fn report(
    deployed: &Deployed,
    pipeline: &Name,
    run_id: &str,
    ended: &Execution,
) -> Result<RunReport, Failure> {
    let fault = recorded(deployed, pipeline, run_id, ended).await?;
    let time = ended.time(deployed.env.clock.now());
    run::read_report(pipeline, run_id, fault, time, &deployed.env).await
}

/// Why a run failed: what its record says of it, as the execution may only know that a branch failed.
async fn recorded(
    deployed: &Deployed,
    pipeline: &Name,
    run_id: &str,
    ended: &Execution,
) -> Result<Option<RecordedFault>, Failure> {
    let Some(told) = &ended.fault else {
        return Ok(None);
    };
    let keys = RunKeys::new(pipeline, run_id);
    let manifest: Option<Manifest> =
        edge::run::optional(&deployed.env.objects, &keys.manifest()).await?;
    let recorded = manifest.and_then(|manifest| manifest.fault);
    Ok(Some(recorded.unwrap_or_else(|| told.clone())))
}

/// What a run was asked for, as plan has stored it.
pub async fn stored(
    env: &edge::env::Env,
    pipeline: &Name,
    run_id: &str,
) -> Result<Option<StoredRun>, Failure> {
    let keys = RunKeys::new(pipeline, run_id);
    Ok(edge::run::optional(&env.objects, &keys.definition()).await?)
}
