//! `lakehead run`: one passage through the state machine, in this process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge::env::{Env, Places};
use edge::lock::Lock;
use edge::run::StoredRun;
use edge::secrets::SecretStore;
use edge::settings::Settings;
use indexmap::IndexMap;
use machine::Machine;
use pipeline::definition::Bundle;
use pipeline::fault::Fault;
use pipeline::layout::{self, RunKeys};
use pipeline::ledger::RecordedFault;
use pipeline::name::Name;
use pipeline::plan;
use pipeline::report::{Manifest, Refreshed, RunReport};
use pipeline::run::{PublishStatus, RunRequest};

use crate::arguments::{Asked, Format, Run, Target};
use crate::output::{Exit, Failure, print, print_json};
use crate::progress::Progress;
use crate::world::Desk;
use crate::{plan as plan_command, remote, report};

/// The state machine, the same file that is deployed.
const STATE_MACHINE: &str = include_str!("../infra/pipeline.asl.json");

/// Runs a pipeline and reports on it.
pub async fn run(options: &Run, pipelines: &Path) -> Result<Exit, Failure> {
    if options.place.target == Target::Aws {
        return remote::run(options, pipelines).await;
    }
    if options.detach {
        return Err(Failure::usage(
            "`--detach` is for runs on AWS; a local run lives in this process",
        ));
    }
    let env = env(&options.root.root, pipelines, options.secrets.as_deref())?;
    let request = request(&options.asked, options.raw_of.as_deref(), &env).await?;
    if options.dry_run {
        return plan_command::show(&request, &env, options.format).await;
    }
    let report = execute(&env, &request, options.run_id.as_deref(), false).await?;
    finish(&report, options.format, options.strict)
}

/// The handles of a local run, with secrets from the environment and perhaps a file.
pub fn env(root: &Path, pipelines: &Path, secrets: Option<&Path>) -> Result<Env, Failure> {
    let mut settings = settings()?;
    if let Some(file) = secrets {
        settings.secrets_file = Some(file.to_owned());
    }
    env_with(root, pipelines, SecretStore::open(&settings)?)
}

/// What the environment says of a local run: where a deployment is does not make it one on AWS.
fn settings() -> Result<Settings, Failure> {
    Ok(Settings {
        bucket: None,
        redshift: None,
        state_machine: None,
        ..Settings::read()?
    })
}

/// The handles of a local run with these secrets.
pub fn env_with(root: &Path, pipelines: &Path, secrets: SecretStore) -> Result<Env, Failure> {
    let settings = settings()?;
    let root = std::path::absolute(root)
        .map_err(|error| Failure::usage(format!("`--root {}`: {error}", root.display())))?;
    let places = Places {
        root,
        pipelines: pipelines.to_owned(),
    };
    Ok(Env::local(
        &places,
        settings,
        secrets,
        Some(embedded::engine),
    )?)
}

/// What the command line asks for, as the execution's input.
pub async fn request(
    asked: &Asked,
    raw_of: Option<&str>,
    env: &Env,
) -> Result<RunRequest, Failure> {
    let bundle = env.definitions.load(&asked.name)?;
    let mut request = RunRequest {
        pipeline: bundle.name,
        as_of: asked.as_of.clone(),
        from: asked.from.clone(),
        to: asked.to.clone(),
        params: asked.params.iter().cloned().collect::<IndexMap<_, _>>(),
        force: asked.force,
        incomplete_only: asked.incomplete_only,
        skip: asked.skip.clone(),
        raw_of: raw_of.map(str::to_owned),
        resume: None,
        scheduled_at: None,
        side_by_side: 1,
    };
    if let Some(raw_of) = raw_of {
        inherit(&mut request, raw_of, env).await?;
    }
    Ok(request)
}

/// A replay is for the windows of the run that it replays, and with its parameters where none are given.
async fn inherit(request: &mut RunRequest, raw_of: &str, env: &Env) -> Result<(), Failure> {
    let keys = RunKeys::new(&request.pipeline, raw_of);
    let stored: Option<StoredRun> = edge::run::optional(&env.objects, &keys.definition()).await?;
    let stored = stored.ok_or_else(|| {
        Failure::usage(format!(
            "there is no run `{raw_of}` of `{}`",
            request.pipeline
        ))
    })?;
    if request.as_of.is_none() && request.from.is_none() {
        request.from = stored.windows.first().cloned();
        request.to = stored.windows.last().cloned();
    }
    for (name, value) in stored.request.params {
        request.params.entry(name).or_insert(value);
    }
    Ok(())
}

/// Runs the state machine for a request and answers the report; `quiet` shows no progress.
pub async fn execute(
    env: &Env,
    request: &RunRequest,
    run_id: Option<&str>,
    quiet: bool,
) -> Result<RunReport, Failure> {
    let bundle = env.definitions.load(&request.pipeline)?;
    let asked = wanted(&bundle, request, env)?;
    let run_id = run_id.map(checked_id).transpose()?;
    let _lock = lock(env, &request.pipeline)?;
    let run_id = match run_id {
        Some(run_id) => {
            check_request(&run_id, request, env).await?;
            run_id
        }
        None => next_id(&plan::run_name(&bundle, request, &asked), request, env).await?,
    };
    let machine = Machine::parse(STATE_MACHINE)
        .map_err(|refusal| Failure::run(format!("the state machine cannot be run: {refusal}")))?;
    let progress = Progress::new(Arc::clone(&env.meter), quiet);
    let input = serde_json::to_value(request)
        .map_err(|error| Failure::run(format!("the request is no JSON: {error}")))?;
    let began = env.clock.elapsed();
    let follower = progress.follow();
    let desk = Desk::new(env.clone(), progress.clone());
    let ended = machine.run(input, &run_id, &desk).await;
    drop(follower);
    let fault = ended.err().map(|failure| match desk.fault() {
        Some(fault) => RecordedFault {
            kind: fault.kind.name().to_owned(),
            message: fault.to_string(),
        },
        None => RecordedFault {
            kind: failure.error,
            message: failure.cause,
        },
    });
    let seconds = env.clock.elapsed().saturating_sub(began);
    read_report(&request.pipeline, &run_id, fault, seconds, env).await
}

/// The windows asked for; what is wrong with the request or the definition is wrong usage.
pub fn wanted(
    bundle: &Bundle,
    request: &RunRequest,
    env: &Env,
) -> Result<Vec<plan::Period>, Failure> {
    let pipeline = bundle.pipeline(&request.params).map_err(Failure::usage)?;
    plan::asked_for(&pipeline.definition, request, env.clock.now()).map_err(Failure::usage)
}

/// One run of a pipeline at a time below a root; the lock ends with the process, however that ends.
fn lock(env: &Env, pipeline: &Name) -> Result<Lock, Failure> {
    let locked = Lock::try_take(&env.objects, &layout::lock(pipeline))?;
    locked.ok_or_else(|| {
        Failure::run(format!(
            "another run of `{pipeline}` is under way below this root; wait for it or give another `--root`"
        ))
    })
}

/// A run id that is safe in object keys and as the name of an execution.
pub fn checked_id(run_id: &str) -> Result<String, Failure> {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let good = (1..=80).contains(&run_id.len())
        && run_id.chars().all(safe)
        && run_id
            .chars()
            .next()
            .is_some_and(|c| c.is_ascii_alphanumeric());
    match good {
        true => Ok(run_id.to_owned()),
        false => Err(Failure::usage(format!(
            "`{run_id}` is not a run id; use letters, digits, `-`, `_` and `.`, 80 at most"
        ))),
    }
}

/// A name stands for one piece of work, as on AWS: under it, nothing else can be asked for.
async fn check_request(run_id: &str, request: &RunRequest, env: &Env) -> Result<(), Failure> {
    let keys = RunKeys::new(&request.pipeline, run_id);
    let begun: Option<StoredRun> = edge::run::optional(&env.objects, &keys.definition()).await?;
    let same = |stored: StoredRun| {
        serde_json::to_value(stored.request).ok() == serde_json::to_value(request).ok()
    };
    match begun.is_none_or(same) {
        true => Ok(()),
        false => Err(is_for_something_else(run_id)),
    }
}

/// What is said where a name stands for other work than what is asked for.
pub fn is_for_something_else(run_id: &str) -> Failure {
    Failure::usage(format!(
        "the run `{run_id}` is for something else; give another `--run-id`"
    ))
}

/// The name of the run: an unfinished one of the same work is taken up again, else there is a new one.
async fn next_id(base: &str, request: &RunRequest, env: &Env) -> Result<String, Failure> {
    let mut number = 1_u32;
    loop {
        let id = format!("{base}.{number}");
        let keys = RunKeys::new(&request.pipeline, &id);
        let begun: Option<StoredRun> =
            edge::run::optional(&env.objects, &keys.definition()).await?;
        if begun.is_none() {
            return Ok(id);
        }
        if is_unfinished(&keys, env).await? {
            eprintln!("taking up the run {id}");
            return Ok(id);
        }
        number += 1;
    }
}

/// Whether a run was broken off: by a kill, or by a fault that may have passed.
pub async fn is_unfinished(keys: &RunKeys, env: &Env) -> Result<bool, Fault> {
    let manifest: Option<Manifest> = edge::run::optional(&env.objects, &keys.manifest()).await?;
    let refreshed: Option<Refreshed> = edge::run::optional(&env.objects, &keys.refreshed()).await?;
    Ok(match manifest {
        None => !nothing_to_do(keys, env).await?,
        Some(manifest) if manifest.status != PublishStatus::Failed => refreshed.is_none(),
        Some(manifest) => manifest
            .fault
            .is_some_and(|fault| matches!(fault.kind.as_str(), "Transient" | "RateLimited")),
    })
}

async fn nothing_to_do(keys: &RunKeys, env: &Env) -> Result<bool, Fault> {
    let planned: Option<edge::run::StoredPlan> =
        edge::run::optional(&env.objects, &keys.plan()).await?;
    Ok(planned.is_some_and(|plan| plan.output.slices.count == 0))
}

/// The report of a run from what it left among the objects.
pub async fn read_report(
    pipeline: &Name,
    run_id: &str,
    fault: Option<RecordedFault>,
    time: Duration,
    env: &Env,
) -> Result<RunReport, Failure> {
    let keys = RunKeys::new(pipeline, run_id);
    let manifest: Option<Manifest> = edge::run::optional(&env.objects, &keys.manifest()).await?;
    let refreshed: Option<Refreshed> = edge::run::optional(&env.objects, &keys.refreshed()).await?;
    let stored: Option<StoredRun> = edge::run::optional(&env.objects, &keys.definition()).await?;
    let seconds = (time.as_secs_f64() * 1000.0).round() / 1000.0;
    let mut report = match manifest {
        Some(manifest) => RunReport::of(manifest, seconds),
        None => RunReport::nothing(pipeline, run_id, seconds),
    };
    if let (true, Some(stored)) = (report.windows.is_empty() && fault.is_none(), stored) {
        report.windows = published_before(stored, env).await?;
    }
    let refreshed = refreshed.unwrap_or_default();
    report.read_bytes += refreshed.read_bytes;
    for (name, table) in refreshed.tables {
        let name = match report.tables.contains_key(&name) {
            // A model may bear the name of a table in another database.
            true => format!("{}.{name}", table.database),
            false => name,
        };
        report.tables.insert(name, table);
    }
    if let Some(fault) = fault {
        report.status = PublishStatus::Failed.name().to_owned();
        report.fault = Some(fault);
    }
    Ok(report)
}

/// The windows of a run that had nothing to do: they are as an earlier run published them.
async fn published_before(
    stored: StoredRun,
    env: &Env,
) -> Result<Vec<pipeline::report::WindowReport>, Failure> {
    let pipeline = stored
        .bundle
        .pipeline(&stored.request.params)
        .map_err(Failure::usage)?;
    let started_at = stored
        .started_at
        .parse()
        .unwrap_or_else(|_| env.clock.now());
    let asked = plan::asked_for(&pipeline.definition, &stored.request, started_at)
        .map_err(Failure::usage)?;
    Ok(asked
        .into_iter()
        .map(|period| pipeline::report::WindowReport {
            window: period.key,
            status: PublishStatus::Unchanged.name().to_owned(),
        })
        .collect())
}

/// Shows a report and says how the command ends.
pub fn finish(report: &RunReport, format: Format, strict: bool) -> Result<Exit, Failure> {
    match format {
        Format::Json => print_json(report)?,
        Format::Text => print(&report::text(report))?,
    }
    Ok(exit(report, strict))
}

/// How a command with this report ends.
pub fn exit(report: &RunReport, strict: bool) -> Exit {
    match report.fault.as_ref().map(|fault| fault.kind.as_str()) {
        Some("BadDefinition") => Exit::Wrong,
        Some(_) => Exit::Failed,
        None if report.status == "failed" => Exit::Failed,
        None if strict && report.has_rejects() => Exit::Rejects,
        None => Exit::Done,
    }
}
