//! `publish`: counts, checks, and one atomic step that makes a run's tables visible; or the record of a failure.
//!
//! Order matters: the data switches first, the ledger and the run's record follow. A crash in between is mended
//! by running the step again, which finds the switch done.

use edge::env::Env;
use edge::lake::Published;
use edge::ledger::Ledger;
use edge::run::{self, Run};
use pipeline::data_check::CheckResult;
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use pipeline::ledger::WindowEvent;
use pipeline::report::{DestinationReport, Manifest};
use pipeline::run::{PublishInput, PublishOutput, PublishStatus, SkippableStep};
use step::Step;

mod bookmarks;
mod failure;
mod gathered;
mod publication;
mod record;
mod target;

use gathered::Gathered;
use target::Postgres;

/// The step.
pub struct Publish;

impl Step for Publish {
    const NAME: &'static str = "publish";
    type Input = PublishInput;
    type Output = PublishOutput;

    async fn run(input: PublishInput, env: &Env) -> Result<PublishOutput, Fault> {
        let Some(reference) = input.run else {
            return Ok(PublishOutput::ended(None, PublishStatus::Failed));
        };
        let run = env.run(&reference).await?;
        let status = match input.failure {
            Some(caught) => failure::record(&run, &caught, env).await?,
            None => publish(&run, env).await?,
        };
        Ok(PublishOutput::ended(Some(reference), status))
    }
}

async fn publish(run: &Run, env: &Env) -> Result<PublishStatus, Fault> {
    if let Some(done) = done_before(run, env).await? {
        return Ok(done);
    }
    let gathered = Gathered::of(run, env).await?;
    note(run, &WindowEvent::Loaded, env).await?;
    if let Err(fault) = gathered.check_tolerance(run) {
        record::store(run, &gathered, PublishStatus::Failed, Vec::new(), env).await?;
        return Err(fault);
    }
    let publication = publication::of(run, &gathered, env).await?;
    let postgres = Postgres::open(run, env).await?;
    let checks = check(run, &gathered, &publication, &postgres, env).await?;
    if let Some(fault) = edge::data_check::failure(&checks) {
        record::store(run, &gathered, PublishStatus::Failed, checks, env).await?;
        return Err(fault);
    }
    let (status, destinations) = switch(run, &gathered, &publication, &postgres, env).await?;
    if status != PublishStatus::Skipped {
        note(run, &WindowEvent::Published(gathered.rows()), env).await?;
        bookmarks::advance(run, &gathered, env).await?;
    }
    record::store_published(run, &gathered, status, checks, destinations, env).await?;
    Ok(status)
}

/// What this run published before, if it did: a repeated call has nothing to do.
async fn done_before(run: &Run, env: &Env) -> Result<Option<PublishStatus>, Fault> {
    let manifest: Option<Manifest> = run::optional(&env.objects, &run.keys.manifest()).await?;
    Ok(manifest
        .map(|manifest| manifest.status)
        .filter(|status| *status != PublishStatus::Failed))
}

async fn note(run: &Run, event: &WindowEvent, env: &Env) -> Result<(), Fault> {
    let ledger = Ledger::new(&env.objects, &run.reference.pipeline);
    let now = env.clock.now().to_string();
    for period in &run.periods {
        ledger
            .record(&period.key, &run.reference.id, event, &now)
            .await?;
    }
    Ok(())
}

async fn check(
    run: &Run,
    gathered: &Gathered,
    publication: &Publication,
    postgres: &Postgres<'_>,
    env: &Env,
) -> Result<Vec<CheckResult>, Fault> {
    let files = run.pipeline.files.iter();
    let context = edge::data_check::Context {
        scope: run.pipeline.scope(run.newest()?),
        keys: publication::keys(run),
        files: files
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect(),
        dropped: gathered.dropped(),
        published: postgres.rows(run).await?,
    };
    let checks = run.pipeline.checks();
    edge::data_check::run(env.engine()?, &env.lake, publication, &checks, &context).await
}

/// Switches the destinations one after the other: first the one that may refuse. What breaks off between them
/// is mended by the next call, which finds the first one done.
async fn switch(
    run: &Run,
    gathered: &Gathered,
    publication: &Publication,
    postgres: &Postgres<'_>,
    env: &Env,
) -> Result<(PublishStatus, Vec<DestinationReport>), Fault> {
    if run.request.skip.contains(&SkippableStep::Publish) {
        return Ok((PublishStatus::Skipped, Vec::new()));
    }
    let in_postgres = postgres.publish(gathered, publication).await?;
    let in_lake = match env.lake.publish(publication).await? {
        Published::Published { .. } => PublishStatus::Published,
        Published::Unchanged { .. } => PublishStatus::Unchanged,
    };
    // Of the one destination that every pipeline has, the run's status says all.
    let Some(in_postgres) = in_postgres else {
        return Ok((in_lake, Vec::new()));
    };
    let changed = target::has_changed(&in_postgres);
    let status = match changed {
        true => PublishStatus::Published,
        false => in_lake,
    };
    let lake = DestinationReport {
        destination: "lake".to_owned(),
        status: in_lake.name().to_owned(),
        message: String::new(),
    };
    Ok((status, vec![lake, in_postgres]))
}
