//! `transform`: the raw pages of one slice become typed Parquet parts, and what does not fit is set aside.

use std::sync::atomic::Ordering::Relaxed;

use edge::env::Env;
use edge::run::{self, Run};
use pipeline::balance::SliceOutcome;
use pipeline::fault::Fault;
use pipeline::run::{SliceInput, SliceOutput};
use step::Step;

mod sinks;
mod typing;

/// The step.
pub struct Transform;

impl Step for Transform {
    const NAME: &'static str = "transform";
    type Input = SliceInput;
    type Output = SliceOutput;

    async fn run(input: SliceInput, env: &Env) -> Result<SliceOutput, Fault> {
        let SliceInput {
            run: reference,
            slice,
        } = input;
        let run = env.run(&reference).await?;
        let key = run.keys.outcome(&slice.id);
        let outcome = match run::optional::<SliceOutcome>(&env.objects, &key).await? {
            Some(outcome) => outcome,
            None => {
                let outcome = transform(&run, &slice, env).await?;
                outcome.check_balance()?;
                run::store(&env.objects, &key, &outcome).await?;
                outcome
            }
        };
        env.meter.typed.fetch_add(1, Relaxed);
        Ok(SliceOutput {
            run: reference,
            slice,
            rows: outcome.tables.values().map(|table| table.rows.kept).sum(),
            rejected: outcome
                .tables
                .values()
                .map(|table| table.rows.all_rejected())
                .sum(),
            parts: outcome
                .tables
                .values()
                .map(|table| table.parts.len() as u64)
                .sum(),
        })
    }
}

/// Typing is work for a core, not for the tasks that wait on the network.
async fn transform(
    run: &Run,
    slice: &pipeline::run::Slice,
    env: &Env,
) -> Result<SliceOutcome, Fault> {
    let _core = env.cores.acquire().await;
    let (run, slice, env) = (run.clone(), slice.clone(), env.clone());
    let handle = tokio::runtime::Handle::current();
    let work = move || {
        typing::Typing {
            run: &run,
            slice: &slice,
            env: &env,
            handle,
        }
        .all()
    };
    let ended = tokio::task::spawn_blocking(work).await;
    ended.map_err(|error| Fault::bug(format!("typing stopped: {error}")))?
}
