//! `lakehead redrive`: a run that has failed or was broken off goes on, with all that it has done.

use std::path::Path;

use edge::executions::{Execution, Start, State};
use pipeline::name::Name;

use crate::arguments::{Redrive, Target};
use crate::deployed::Deployed;
use crate::output::{Exit, Failure};
use crate::{remote, run};

/// How often a run is taken up again by an execution of another name.
const MOST: u32 = 1000;

/// Takes a run up again.
pub async fn redrive(options: &Redrive, pipelines: &Path) -> Result<Exit, Failure> {
    match options.place.target {
        Target::Local => here(options, pipelines).await,
        Target::Aws => on_aws(options, pipelines).await,
    }
}

async fn here(options: &Redrive, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, options.secrets.as_deref())?;
    let name = env.definitions.load(&options.name)?.name;
    let stored = remote::stored(&env, &name, &options.run_id).await?;
    let stored = stored.ok_or_else(|| no_run(&options.run_id, &name))?;
    let report = run::execute(&env, &stored.request, Some(&options.run_id), false).await?;
    run::finish(&report, options.format, false)
}

async fn on_aws(options: &Redrive, pipelines: &Path) -> Result<Exit, Failure> {
    let deployed = Deployed::open(&options.place, pipelines).await?;
    let pipeline = deployed.env.definitions.load(&options.name)?.name;
    let run_id = &options.run_id;
    let known = deployed.executions.describe(run_id).await?;
    let execution = match &known {
        Some(known) if !known.is_of(&pipeline) => {
            return Err(Failure::usage(format!(
                "the execution `{run_id}` is not one of `{pipeline}`"
            )));
        }
        Some(known) if known.state == State::Running => run_id.clone(),
        Some(known) if known.state == State::Succeeded => {
            return Err(Failure::usage(format!(
                "the run `{run_id}` has come to its end; `lakehead run {pipeline} --target aws` begins another"
            )));
        }
        Some(known) if can_go_on(&deployed, known).await? => {
            deployed.executions.redrive(run_id).await?;
            run_id.clone()
        }
        _ => again(&deployed, &pipeline, run_id).await?,
    };
    match remote::attend(&deployed, &pipeline, run_id, &execution).await? {
        Some(report) => run::finish(&report, options.format, false),
        None => Ok(Exit::Interrupted),
    }
}

/// Whether AWS itself can let an execution go on. One that ended where its failure is recorded would only end
/// there again.
async fn can_go_on(deployed: &Deployed, known: &Execution) -> Result<bool, Failure> {
    if known.not_redrivable.is_some() {
        return Ok(false);
    }
    let entered = deployed.executions.entered(&known.name).await?;
    Ok(entered.is_some_and(|entered| !entered.is_fail))
}

/// Starts an execution that takes the run up again: what it has planned, fetched, typed and staged is done.
async fn again(deployed: &Deployed, pipeline: &Name, run_id: &str) -> Result<String, Failure> {
    let stored = remote::stored(&deployed.env, pipeline, run_id).await?;
    let mut request = stored.ok_or_else(|| no_run(run_id, pipeline))?.request;
    request.resume = Some(run_id.to_owned());
    let input = remote::input(&request)?;
    for number in 1..=MOST {
        let name = name(run_id, number);
        if deployed.executions.start(&name, &input).await? == Start::Running {
            return Ok(name);
        }
    }
    Err(Failure::run(format!(
        "the run `{run_id}` was taken up {MOST} times; begin another with `lakehead run {pipeline} --target aws`"
    )))
}

/// The name of the execution that takes a run up for the so manieth time, short enough for AWS.
fn name(run_id: &str, number: u32) -> String {
    let begins: String = run_id.chars().take(69).collect();
    format!("{begins}.again-{number}")
}

fn no_run(run_id: &str, pipeline: &Name) -> Failure {
    Failure::usage(format!("there is no run `{run_id}` of `{pipeline}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_longer_than_aws_takes() {
        assert_eq!(name("gins.2026-11-21.1", 2), "gins.2026-11-21.1.again-2");
        assert!(name(&"x".repeat(80), MOST).len() <= 80);
    }
}
