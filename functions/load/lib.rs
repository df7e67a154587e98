//! `load`: brings the parts of one slice to the destination, where nobody sees them yet.

use std::sync::atomic::Ordering::Relaxed;

use edge::env::Env;
use edge::run::{self, Run};
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use indexmap::IndexMap;
use pipeline::balance::{SliceOutcome, StagedSlice};
use pipeline::fault::Fault;
use pipeline::run::{SkippableStep, SliceInput, SliceOutput};
use pipeline::sql::Relation;
use postgres::Target;
use step::Step;

/// How many parts are brought into the lake at a time.
const TOGETHER: usize = 8;

/// The step.
pub struct Load;

impl Step for Load {
    const NAME: &'static str = "load";
    type Input = SliceInput;
    type Output = SliceOutput;

    async fn run(input: SliceInput, env: &Env) -> Result<SliceOutput, Fault> {
        let SliceInput {
            run: reference,
            slice,
        } = input;
        let run = env.run(&reference).await?;
        let outcome: SliceOutcome =
            run::required(&env.objects, &run.keys.outcome(&slice.id)).await?;
        let key = run.keys.staged(&slice.id);
        if run::optional::<StagedSlice>(&env.objects, &key)
            .await?
            .is_none()
        {
            let staged = stage(&run, &outcome, env).await?;
            stage_in_postgres(&run, &outcome, env).await?;
            stage_for_redshift(&run, &outcome, env).await?;
            run::store(&env.objects, &key, &staged).await?;
        }
        env.meter.staged.fetch_add(1, Relaxed);
        let parts = outcome.tables.values().flat_map(|table| &table.parts);
        Ok(SliceOutput {
            run: reference,
            slice,
            rows: parts.clone().map(|part| part.rows).sum(),
            rejected: outcome
                .tables
                .values()
                .map(|table| table.rows.all_rejected())
                .sum(),
            parts: parts.count() as u64,
        })
    }
}

async fn stage_in_postgres(run: &Run, outcome: &SliceOutcome, env: &Env) -> Result<(), Fault> {
    if run.request.skip.contains(&SkippableStep::Publish) {
        return Ok(());
    }
    match Target::open(run, env).await? {
        Some(target) => target.stage(outcome).await,
        None => Ok(()),
    }
}

async fn stage_for_redshift(run: &Run, outcome: &SliceOutcome, env: &Env) -> Result<(), Fault> {
    if run.request.skip.contains(&SkippableStep::Publish) {
        return Ok(());
    }
    match redshift::Target::open(run, env).await? {
        Some(target) => target.stage(outcome).await,
        None => Ok(()),
    }
}

async fn stage(run: &Run, outcome: &SliceOutcome, env: &Env) -> Result<StagedSlice, Fault> {
    let slice = &outcome.slice.id;
    let mut staged = IndexMap::new();
    for (name, table) in &outcome.tables {
        let relation = Relation::new(run.pipeline.definition.database(), name.to_string());
        let parts = table.parts.iter().enumerate();
        let parts = parts.map(|(number, part)| {
            let (relation, name) = (&relation, format!("{slice}-{number:05}"));
            async move {
                let run = &run.reference.id;
                env.lake
                    .stage(&env.objects, part, relation, run, &name)
                    .await
            }
            .boxed()
        });
        let parts: Vec<_> = parts.collect();
        let parts = stream::iter(parts)
            .buffered(TOGETHER)
            .try_collect::<Vec<_>>();
        staged.insert(name.clone(), parts.await?);
    }
    Ok(StagedSlice {
        slice: slice.clone(),
        parts: staged,
    })
}
