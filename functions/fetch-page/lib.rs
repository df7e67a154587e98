//! `fetch-page`: asks the source for the pages of one slice and stores them as received.
//!
//! Where a fetch stands is in the chunks themselves: each holds the token of the page after it. So a call that
//! is repeated, or a process that was killed, goes on behind the last chunk.

use std::sync::Arc;

use edge::env::Env;
use edge::run::Run;
use pipeline::fault::Fault;
use pipeline::number::Values;
use pipeline::run::{FetchPageInput, FetchPageOutput, FetchStatus, Reads, Slice};
use serde_json::Value;
use step::Step;

mod ahead;
mod ids;
mod pages;
mod reference;
mod store;
mod walk;

use ahead::Asker;
use store::{Next, Store};

/// The step.
pub struct FetchPage;

impl Step for FetchPage {
    const NAME: &'static str = "fetch-page";
    type Input = FetchPageInput;
    type Output = FetchPageOutput;

    async fn run(input: FetchPageInput, env: &Env) -> Result<FetchPageOutput, Fault> {
        let FetchPageInput {
            run: reference,
            slice,
            workers,
        } = input;
        let env = &env.among(workers);
        let run = env.run(&reference).await?;
        let mut store = Store::open(&run, &slice, env).await?;
        let (before, at) = (store.fetched(), store.next());
        let ended = match at.clone() {
            Next::Nothing => Ended::Done,
            Next::Page(token) => fetch(&run, &slice, token, &mut store, env).await?,
        };
        let (status, wait_seconds) = match ended {
            Ended::Done => (FetchStatus::Done, 0),
            Ended::More => (FetchStatus::More, 0),
            Ended::Wait(seconds) => (FetchStatus::Wait, seconds),
        };
        let fetched = store.fetched();
        if let Ended::More = ended
            && fetched.answers() == before.answers()
            && store.next() == at
        {
            // Called again at once, it would come no further.
            return Err(Fault::transient(
                "no page came within the time of one call; the source takes longer to answer than the function may, so give it a longer time-out",
            )
            .with("resource", &slice.resource));
        }
        Ok(FetchPageOutput {
            run: reference,
            slice,
            workers,
            status,
            wait_seconds,
            fetched,
        })
    }
}

/// What a call came to.
enum Ended {
    /// All pages are stored.
    Done,
    /// The time of the call is over.
    More,
    /// The source asks to wait so many seconds.
    Wait(u64),
}

impl Ended {
    /// A wait of no time means only that the call's own time is over.
    fn wait(seconds: u64) -> Self {
        match seconds {
            0 => Ended::More,
            seconds => Ended::Wait(seconds),
        }
    }
}

/// What asks for the pages of a slice, and what its requests are filled from.
async fn asker(run: &Run, slice: &Slice, env: &Env) -> Result<(Asker, Values), Fault> {
    let (resource, values) = run.resource(slice)?;
    let source = &run.pipeline.definition.source;
    let session = env
        .sources
        .session_among(env.processes(), source, &values)
        .await?;
    let asker = Asker {
        session,
        resource: Arc::new(resource.clone()),
        deadline: env.deadline(),
    };
    Ok((asker, values))
}

async fn fetch(
    run: &Run,
    slice: &Slice,
    token: Option<Value>,
    store: &mut Store<'_>,
    env: &Env,
) -> Result<Ended, Fault> {
    if let Some(raw_of) = &slice.raw_of {
        return Err(Fault::bad_definition(format!(
            "the run `{raw_of}` did not fetch `{}` to its end; run the pipeline without `--from-step`",
            slice.id
        )));
    }
    let fetched = match slice.reads {
        Reads::Reference => reference::store(run, slice, store).await,
        Reads::Ids => ids::fetch(run, slice, token, store, env).await,
        Reads::Pages => pages::fetch(run, slice, token, store, env).await,
    };
    fetched.map_err(|fault| fault.with("resource", &slice.resource))
}
