//! `lakehead backfill`: a range of windows, one run each; one that fails does not hold up the others.

mod board;
mod outcome;

use std::collections::HashMap;
use std::path::Path;

use edge::env::Env;
use edge::ledger::Ledger;
use futures::StreamExt;
use futures::stream;
use pipeline::definition::Bundle;
use pipeline::ledger::WindowEntry;
use pipeline::plan::{self, Period};
use pipeline::report::RunReport;
use pipeline::run::RunRequest;

use crate::arguments::{Backfill, Format, Target};
use crate::deployed::Deployed;
use crate::output::{Exit, Failure, print, print_json};
use crate::{remote, run};
use board::Board;
use outcome::{Outcome, Report};

/// Where the runs take place.
enum Runner {
    Here(Box<Env>),
    OnAws(Box<Deployed>),
}

/// Runs a pipeline for each window of a range.
pub async fn backfill(options: &Backfill, pipelines: &Path) -> Result<Exit, Failure> {
    let runner = Runner::open(options, pipelines).await?;
    let env = runner.env();
    let began = env.clock.elapsed();
    let bundle = env.definitions.load(&options.name)?;
    let Range { keys, done, left } = divided(options, &bundle, env).await?;
    let board = Board::new(done.len(), left.len());
    let ended = tokio::select! {
        ended = work(options, &bundle, left, &runner, &board) => Some(ended),
        _ = interrupted(&runner) => None,
    };
    drop(board);
    let Some(ended) = ended else {
        eprintln!("what is under way goes on; the same command follows it and does what is left");
        return Ok(Exit::Interrupted);
    };
    let seconds = env.clock.elapsed().saturating_sub(began);
    let report = Report::new(&bundle.name, &keys, [done, ended].concat(), seconds);
    match options.format {
        Format::Json => print_json(&report)?,
        Format::Text => print(&report.text())?,
    }
    Ok(match report.has_failures() {
        true => Exit::Failed,
        false => Exit::Done,
    })
}

/// The windows of a range.
struct Range {
    /// All of them, in the order in which they are told.
    keys: Vec<String>,
    /// Those that are published already, with what the ledger knows of them.
    done: Vec<Outcome>,
    /// Those left to do, in their order.
    left: Vec<Period>,
}

async fn divided(options: &Backfill, bundle: &Bundle, env: &Env) -> Result<Range, Failure> {
    let request = RunRequest {
        from: options.from.clone(),
        to: options.to.clone(),
        ..of_window(options, bundle, None)
    };
    let pipeline = bundle.pipeline(&request.params).map_err(Failure::usage)?;
    let schedule = pipeline.definition.schedule.as_ref();
    if schedule.is_none_or(|schedule| schedule.window.is_none()) {
        let name = &bundle.name;
        return Err(Failure::usage(format!(
            "`{name}` has no windows to fill; `lakehead run {name}` reads its source as it is now"
        )));
    }
    let asked = plan::asked_for(&pipeline.definition, &request, env.clock.now());
    let mut asked = asked.map_err(Failure::usage)?;
    if options.newest_first {
        asked.reverse();
    }
    let entries = Ledger::new(&env.objects, &bundle.name).entries().await?;
    let known: HashMap<String, WindowEntry> = entries
        .into_iter()
        .map(|entry| (entry.window.clone(), entry))
        .collect();
    let mut range = Range {
        keys: asked.iter().map(|period| period.key.clone()).collect(),
        done: Vec::new(),
        left: Vec::new(),
    };
    for period in asked {
        match known.get(&period.key) {
            Some(entry) if entry.is_published() && !options.force => {
                range.done.push(Outcome::before(entry));
            }
            _ => range.left.push(period),
        }
    }
    Ok(range)
}

/// The request for one window; the same again is the same run.
fn of_window(options: &Backfill, bundle: &Bundle, window: Option<String>) -> RunRequest {
    let side_by_side = match options.place.target {
        Target::Local => 1,
        Target::Aws => options.max_parallel.into(),
    };
    RunRequest {
        side_by_side,
        pipeline: bundle.name.clone(),
        as_of: window,
        from: None,
        to: None,
        params: options.params.iter().cloned().collect(),
        force: options.force,
        incomplete_only: false,
        skip: Vec::new(),
        raw_of: None,
        scheduled_at: None,
        resume: None,
    }
}

async fn work(
    options: &Backfill,
    bundle: &Bundle,
    left: Vec<Period>,
    runner: &Runner,
    board: &Board,
) -> Vec<Outcome> {
    let one = async |period: Period| {
        let request = of_window(options, bundle, Some(period.key.clone()));
        board.begun(&period.key);
        let began = runner.env().clock.elapsed();
        let ended = runner.run(&request).await;
        let time = runner.env().clock.elapsed().saturating_sub(began);
        let outcome = Outcome::of(&period.key, ended, time);
        board.ended(&outcome);
        outcome
    };
    stream::iter(left)
        .map(one)
        .buffer_unordered(runner.most_at_once(options))
        .collect()
        .await
}

/// Ends when a person has had enough of watching runs on AWS. A local run ends with this process, and is taken up
/// by the next.
async fn interrupted(runner: &Runner) {
    match runner {
        Runner::Here(_) => std::future::pending().await,
        Runner::OnAws(_) => drop(tokio::signal::ctrl_c().await),
    }
}

impl Runner {
    async fn open(options: &Backfill, pipelines: &Path) -> Result<Self, Failure> {
        let secrets = options.secrets.as_deref();
        Ok(match options.place.target {
            Target::Local => {
                let env = run::env(&options.root.root, pipelines, secrets)?;
                Runner::Here(Box::new(env))
            }
            Target::Aws if secrets.is_some() => return Err(remote::has_no_secrets_file()),
            Target::Aws => {
                let deployed = Deployed::open(&options.place, pipelines).await?;
                Runner::OnAws(Box::new(deployed))
            }
        })
    }

    fn env(&self) -> &Env {
        match self {
            Runner::Here(env) => env,
            Runner::OnAws(deployed) => &deployed.env,
        }
    }

    /// A pipeline has one run at a time below a root.
    fn most_at_once(&self, options: &Backfill) -> usize {
        match self {
            Runner::Here(_) => 1,
            Runner::OnAws(_) => options.max_parallel.into(),
        }
    }

    async fn run(&self, request: &RunRequest) -> Result<RunReport, Failure> {
        match self {
            Runner::Here(env) => run::execute(env, request, None, true).await,
            Runner::OnAws(deployed) => {
                let run_id = remote::begin(deployed, request, None).await?;
                let clock = &deployed.env.clock;
                let ended = deployed.executions.follow(&run_id, clock, async |_| {});
                remote::report(deployed, &request.pipeline, &run_id, &ended.await?).await
            }
        }
    }
}
