//! `plan`: what a run is to do, as a list of slices.

use std::collections::HashMap;

use edge::env::Env;
use edge::ledger::Ledger;
use edge::objects;
use edge::run::{self, StoredPlan, StoredRun};
use edge::session::Traffic;
use indexmap::IndexMap;
use pipeline::definition::Pipeline;
use pipeline::fault::Fault;
use pipeline::layout::{self, RunKeys};
use pipeline::ledger::{WindowEntry, WindowEvent};
use pipeline::name::Name;
use pipeline::plan::{self, Period};
use pipeline::run::{
    PlanInput, PlanOutput, PlanStatus, Reads, RunRef, RunRequest, Slice, SliceList,
};
use pipeline::trigger::Trigger;
use step::Step;

mod ids;
mod journal;
mod reaches;

use journal::Journal;

/// The step.
pub struct Plan;

impl Step for Plan {
    const NAME: &'static str = "plan";
    type Input = PlanInput;
    type Output = PlanOutput;

    async fn run(input: PlanInput, env: &Env) -> Result<PlanOutput, Fault> {
        let run = input.request.run_of(&input.run_id);
        let keys = RunKeys::new(&run.pipeline, &run.id);
        if let Some(planned) = run::optional::<StoredPlan>(&env.objects, &keys.plan()).await? {
            env.meter.expect(planned.pages, planned.output.slices.count);
            return Ok(planned.output);
        }
        if is_duplicate(&input.request, &run, env).await? {
            return nothing_to_do(run, &keys, env);
        }
        let mut traffic = Traffic::default();
        let stored = stored_run(&input, &mut traffic, env).await?;
        let run_definition = keys.definition();
        run::store(&env.objects, &run_definition, &stored).await?;
        let run_read = run::Run::load(&env.objects, &run).await?;
        let mut slices = slices(&run_read, env).await?;
        slices.found.sent += traffic.sent;
        slices.found.retried += traffic.retried;
        let generation = note_planned(&run_read, env).await?;
        finish(&run_read, slices, generation, env).await
    }
}

/// Whether another run has the moment of the schedule that this one stands for. Whoever notes it first has it, and
/// has it still when it comes again.
async fn is_duplicate(request: &RunRequest, run: &RunRef, env: &Env) -> Result<bool, Fault> {
    let Some(at) = request.triggered_at().map_err(Fault::bad_definition)? else {
        return Ok(false);
    };
    let key = layout::trigger(&request.pipeline, at, &request.params);
    let ours = Trigger {
        run_id: run.id.clone(),
    };
    let note = serde_json::to_vec(&ours)
        .map_err(|error| Fault::bug(format!("a trigger is no JSON: {error}")))?;
    match env.objects.create(&key, note).await {
        Ok(()) => return Ok(false),
        Err(objects::Error::AlreadyExists(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let first: Trigger = run::required(&env.objects, &key).await?;
    let is_duplicate = first.is_duplicate(&run.id);
    if is_duplicate {
        tracing::info!(run = run.id, by = first.run_id, %at, "another run has this trigger");
    }
    Ok(is_duplicate)
}

fn nothing_to_do(run: RunRef, keys: &RunKeys, env: &Env) -> Result<PlanOutput, Fault> {
    Ok(PlanOutput {
        run,
        status: PlanStatus::NothingToDo,
        slices: slice_list(keys, 0, 1, env)?,
    })
}

/// Where the list of slices stands, as the state machine is told.
fn slice_list(
    keys: &RunKeys,
    count: u64,
    max_concurrency: u32,
    env: &Env,
) -> Result<SliceList, Fault> {
    let slices = env.objects.address(&keys.slices())?;
    let results = env.objects.address(&keys.map_results())?;
    let most = u32::try_from(count).unwrap_or(u32::MAX);
    Ok(SliceList {
        bucket: slices.bucket,
        key: slices.key,
        results: results.key,
        count,
        tolerated_failures: 0,
        max_concurrency,
        workers: max_concurrency.min(most).max(1),
    })
}

/// Everything that the run is to know later, as it is now.
async fn stored_run(
    input: &PlanInput,
    traffic: &mut Traffic,
    env: &Env,
) -> Result<StoredRun, Fault> {
    let request = &input.request;
    let bundle = env.definitions.load(&request.pipeline)?;
    let pipeline = bundle
        .pipeline(&request.params)
        .map_err(Fault::bad_definition)?;
    let started_at = input
        .started_at
        .parse()
        .map_err(|error| Fault::bad_definition(format!("`started_at` is no time: {error}")))?;
    let asked = plan::asked_for(&pipeline.definition, request, started_at)
        .map_err(Fault::bad_definition)?;
    let ledger = known_windows(&request.pipeline, &asked, env).await?;
    let periods = plan::left_to_do(&pipeline.definition, request, asked, &ledger);
    let reaches = reaches::of(&pipeline, request, &periods, traffic, env).await?;
    Ok(StoredRun {
        reaches,
        bundle,
        parameters: pipeline.parameters,
        request: request.clone(),
        started_at: input.started_at.clone(),
        windows: periods.into_iter().map(|period| period.key).collect(),
    })
}

async fn known_windows(
    pipeline: &Name,
    asked: &[Period],
    env: &Env,
) -> Result<HashMap<String, WindowEntry>, Fault> {
    let ledger = Ledger::new(&env.objects, pipeline);
    if asked.len() > ONE_BY_ONE {
        let entries = ledger.entries().await?.into_iter();
        return Ok(entries.map(|entry| (entry.window.clone(), entry)).collect());
    }
    let mut known = HashMap::new();
    for period in asked {
        if let Some(entry) = ledger.entry(&period.key).await? {
            known.insert(period.key.clone(), entry);
        }
    }
    Ok(known)
}

/// Up to so many windows are looked up one by one.
const ONE_BY_ONE: usize = 30;

/// What the slices are, and what finding out took.
struct Planned {
    slices: Vec<Slice>,
    found: ids::Found,
}

async fn slices(run: &run::Run, env: &Env) -> Result<Planned, Fault> {
    if run.periods.is_empty() {
        return Ok(Planned {
            slices: Vec::new(),
            found: ids::Found::default(),
        });
    }
    if let Some(raw_of) = &run.request.raw_of {
        let slices = replayed(run, raw_of, env).await?;
        return Ok(Planned {
            slices,
            found: ids::Found::default(),
        });
    }
    let mut planned = Planned {
        slices: Vec::new(),
        found: ids::Found::default(),
    };
    let mut journal = Journal::open(&run.keys, env).await?;
    for period in &run.periods {
        for (name, resource) in read_resources(&run.pipeline) {
            let found = ids::find(run, period, name, resource, &mut journal, env).await;
            if found.is_err() {
                journal.store().await?;
            }
            let found = found?;
            planned
                .slices
                .extend(ids::cut(run, period, name, resource, &found, env).await?);
            planned.found.add(found);
        }
    }
    let newest = run.newest()?;
    for reference in read_references(&run.pipeline) {
        planned.slices.push(Slice {
            id: reference.to_string(),
            resource: reference.clone(),
            reads: Reads::Reference,
            window: newest.key.clone(),
            begin: None,
            raw_of: None,
        });
    }
    Ok(planned)
}

/// The resources that feed a table. Others are only read for their ids.
fn read_resources(
    pipeline: &Pipeline,
) -> impl Iterator<Item = (&Name, &pipeline::resource::ResourceDefinition)> {
    let resources = pipeline.definition.resources.iter();
    resources.filter(|(name, _)| !pipeline.tables_of(name).is_empty())
}

fn read_references(pipeline: &Pipeline) -> impl Iterator<Item = &Name> {
    let references = pipeline.definition.references.keys();
    references.filter(|name| !pipeline.tables_of(name).is_empty())
}

/// The slices of an earlier run, which has the raw pages.
async fn replayed(run: &run::Run, raw_of: &str, env: &Env) -> Result<Vec<Slice>, Fault> {
    let keys = RunKeys::new(&run.reference.pipeline, raw_of);
    let found = env.objects.get(&keys.slices()).await;
    let lines = found.map_err(|_| {
        Fault::bad_definition(format!(
            "there is no run `{raw_of}` of `{}` with raw pages",
            run.reference.pipeline
        ))
    })?;
    let mut slices = Vec::new();
    for line in lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let slice: Slice = serde_json::from_slice(line).map_err(|error| {
            Fault::bad_data(format!("a slice of `{raw_of}` is not readable: {error}"))
        })?;
        if run.period(&slice.window).is_err() {
            return Err(Fault::bad_definition(format!(
                "the run `{raw_of}` has raw pages of the window {}; run it with `--as-of {}`",
                slice.window, slice.window
            )));
        }
        let raw_of = slice.raw_of.clone().unwrap_or_else(|| raw_of.to_owned());
        slices.push(Slice {
            raw_of: Some(raw_of),
            ..slice
        });
    }
    Ok(slices)
}

/// Notes the plan in the ledger; answers which attempt at the newest window it is.
async fn note_planned(run: &run::Run, env: &Env) -> Result<u64, Fault> {
    let ledger = Ledger::new(&env.objects, &run.reference.pipeline);
    let now = env.clock.now().to_string();
    let mut generation = 0;
    for period in &run.periods {
        let event = WindowEvent::Planned;
        let entry = ledger
            .record(&period.key, &run.reference.id, &event, &now)
            .await?;
        generation = u64::from(entry.attempts);
    }
    Ok(generation)
}

/// Writes the list of slices and then, last, the plan.
async fn finish(
    run: &run::Run,
    planned: Planned,
    generation: u64,
    env: &Env,
) -> Result<PlanOutput, Fault> {
    run::store_lines(&env.objects, &run.keys.slices(), &planned.slices).await?;
    let status = match planned.slices.is_empty() {
        true => PlanStatus::NothingToDo,
        false => PlanStatus::Planned,
    };
    let count = planned.slices.len() as u64;
    let mut slices = slice_list(&run.keys, count, max_concurrency(run)?, env)?;
    slices.tolerated_failures = tolerated_failures(run, &planned.slices);
    slices.workers = slices
        .workers
        .saturating_mul(run.request.side_by_side.max(1));
    let output = PlanOutput {
        run: run.reference.clone(),
        status,
        slices,
    };
    let stored = StoredPlan {
        output: output.clone(),
        generation,
        listed_twice: planned.found.listed_twice,
        sent: planned.found.sent,
        retried: planned.found.retried,
        pages: planned.found.pages,
    };
    run::store(&env.objects, &run.keys.plan(), &stored).await?;
    env.meter.expect(stored.pages, output.slices.count);
    Ok(output)
}

/// How many slices may fail: what each resource bears in each window. Publish looks which have.
fn tolerated_failures(run: &run::Run, slices: &[Slice]) -> u64 {
    let mut counts: IndexMap<(&Name, &str), u64> = IndexMap::new();
    let asked = slices.iter();
    for slice in asked.filter(|slice| slice.reads != Reads::Reference) {
        *counts.entry((&slice.resource, &slice.window)).or_default() += 1;
    }
    let resources = &run.pipeline.definition.resources;
    let tolerated = counts.into_iter().map(|((resource, _), count)| {
        let resource = resources.get(resource);
        resource.map_or(0, |resource| resource.tolerated(count))
    });
    tolerated.sum()
}

/// As many branches as the source bears requests at a time.
fn max_concurrency(run: &run::Run) -> Result<u32, Fault> {
    let Some(newest) = run.periods.last() else {
        return Ok(1);
    };
    let source = run
        .pipeline
        .definition
        .source
        .open(&run.pipeline.values(newest))?;
    Ok(u32::try_from(source.pace().concurrency)
        .unwrap_or(u32::MAX)
        .clamp(1, 1000))
}
