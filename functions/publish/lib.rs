//! `publish`: counts, checks, and one atomic step that makes a run's tables visible; or the record of a failure.
//!
//! Order matters: the data switches first, the ledger and the run's record follow. A crash in between is mended
//! by running the step again, which finds the switch done. While a warehouse works, the step answers that it is
//! running, and is called again; it finds what it knows already.

use edge::engine::{Engine, Work};
use edge::env::Env;
use edge::ledger::Ledger;
use edge::progress::Progress;
use edge::run::{self, Run};
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use pipeline::ledger::WindowEvent;
use pipeline::report::Manifest;
use pipeline::run::{PublishInput, PublishOutput, PublishStatus, SkippableStep};
use step::Step;

mod bookmarks;
mod checked;
mod destinations;
mod failure;
mod gathered;
mod in_redshift;
mod metrics;
mod publication;
mod record;
mod switched;
mod target;

use destinations::Destinations;
use gathered::Gathered;
use switched::Switched;

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
        if let Some(caught) = input.failure {
            let status = failure::record(&run, &caught, env).await?;
            return Ok(PublishOutput::ended(Some(reference), status));
        }
        Ok(match publish(&run, env).await? {
            Progress::Done(status) => PublishOutput::ended(Some(reference), status),
            Progress::Running { wait_seconds } => PublishOutput::running(reference, wait_seconds),
        })
    }
}

async fn publish(run: &Run, env: &Env) -> Result<Progress<PublishStatus>, Fault> {
    if let Some(done) = done_before(run, env).await? {
        return Ok(Progress::Done(done));
    }
    let gathered = Gathered::of(run, env).await?;
    note(run, &WindowEvent::Loaded, env).await?;
    if let Err(fault) = gathered.check_tolerance(run) {
        record::store_failed(run, &gathered, &[], env).await?;
        return Err(fault);
    }
    let publication = publication::of(run, &gathered, env).await?;
    let destinations = Destinations::open(run, env).await?;
    let checked = checked::check(run, &gathered, &publication, &destinations, env).await;
    let checked = match checked? {
        Progress::Done(checked) => checked,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    if let Some(fault) = edge::data_check::failure(&checked.results) {
        record::store_failed(run, &gathered, &checked.results, env).await?;
        return Err(fault);
    }
    let switched = switch(run, &gathered, &publication, &destinations, env).await?;
    let switched = match switched {
        Progress::Done(switched) => switched,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let status = switched.status;
    if status != PublishStatus::Skipped {
        note(run, &WindowEvent::Published(gathered.rows()), env).await?;
        bookmarks::advance(run, &gathered, env).await?;
    }
    record::store_published(run, &gathered, switched, &checked, env).await?;
    metrics::tell(run, status, &gathered, env);
    Ok(Progress::Done(status))
}

/// What this run published before, if it did: a repeated call has nothing to do.
async fn done_before(run: &Run, env: &Env) -> Result<Option<PublishStatus>, Fault> {
    let manifest: Option<Manifest> = run::optional(&env.objects, &run.keys.manifest()).await?;
    Ok(manifest
        .map(|manifest| manifest.status)
        .filter(|status| *status != PublishStatus::Failed))
}

/// Has the engine take away what it made for the work. If that fails it is no matter: the next run sweeps it up.
async fn end(engine: &dyn Engine, work: &Work) {
    if let Err(fault) = engine.end(work).await {
        tracing::warn!(%fault, "what was made for checks is left in the warehouse");
    }
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

/// Switches the destinations one after the other: first those that may refuse. What breaks off between them
/// is mended by the next call, which finds the first ones done.
async fn switch(
    run: &Run,
    gathered: &Gathered,
    publication: &Publication,
    destinations: &Destinations<'_>,
    env: &Env,
) -> Result<Progress<Switched>, Fault> {
    if run.request.skip.contains(&SkippableStep::Publish) {
        return Ok(Progress::Done(Switched::to(PublishStatus::Skipped)));
    }
    let elsewhere = match destinations.publish(gathered, publication).await? {
        Progress::Done(reports) => reports,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let in_lake = env.lake.publish(publication).await?;
    // Also when nothing changed: what an earlier run published may not be shown to all readers yet.
    let work = env.work(&run.reference);
    let shown = env.engine()?.show(&work, &publication.database).await?;
    Ok(shown.map(|()| Switched::of(&in_lake, elsewhere)))
}
