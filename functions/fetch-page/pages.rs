//! Fetching page after page, as the paginator leads.

use edge::env::Env;
use edge::run::Run;
use edge::session::Traffic;
use edge::source::Page;
use pipeline::fault::Fault;
use pipeline::paginate::{Next, PageToken};
use pipeline::run::Slice;
use serde_json::Value;

use crate::ahead::Asker;
use crate::store::{Store, bookmark};
use crate::walk::Walk;
use crate::{Ended, asker};

/// Fetches the pages of a slice that are not stored yet.
pub async fn fetch(
    run: &Run,
    slice: &Slice,
    token: Option<Value>,
    store: &mut Store<'_>,
    env: &Env,
) -> Result<Ended, Fault> {
    let (asker, values) = asker(run, slice, env)?;
    let token = match token {
        Some(token) => bookmark(token)?,
        None => asker.resource.paginate.first(),
    };
    let mut walk = Walk::new(asker.clone(), values);
    let ended = walked(&mut walk, token, &asker, store).await;
    let sent = walk.end().await?;
    // What was asked for ahead and is of no use was asked for all the same.
    store.count(&sent)?;
    match ended {
        Ok(Left::Nothing) => store.flush(None).await.map(|()| Ended::Done),
        Ok(Left::Wait { token, seconds }) => {
            store.flush(Some(write(&token)?)).await?;
            Ok(Ended::wait(seconds))
        }
        Err((token, fault)) => {
            store.flush(Some(write(&token)?)).await?;
            Err(fault)
        }
    }
}

/// What is left of a walk.
enum Left {
    Nothing,
    Wait { token: PageToken, seconds: u64 },
}

/// Walks on from `token`; a fault comes with the page that it befell.
async fn walked(
    walk: &mut Walk,
    mut token: PageToken,
    asker: &Asker,
    store: &mut Store<'_>,
) -> Result<Left, (PageToken, Fault)> {
    loop {
        match step(walk, &token, asker, store).await {
            Ok(Step::Next(next)) => token = next,
            Ok(Step::End) => return Ok(Left::Nothing),
            Ok(Step::Wait(seconds)) => return Ok(Left::Wait { token, seconds }),
            Err(fault) => return Err((token, fault)),
        }
    }
}

/// What one page leads to.
enum Step {
    Next(PageToken),
    End,
    Wait(u64),
}

async fn step(
    walk: &mut Walk,
    token: &PageToken,
    asker: &Asker,
    store: &mut Store<'_>,
) -> Result<Step, Fault> {
    let mut traffic = Traffic::default();
    let page = walk.page(token, &mut traffic).await;
    store.count(&traffic)?;
    let next = match page? {
        Page::Wait { seconds, .. } => return Ok(Step::Wait(seconds)),
        Page::TooLarge { status } => {
            let smaller = asker.resource.shrunk(token, walk.values(), status)?;
            return Ok(Step::Next(smaller));
        }
        Page::Missing => {
            store.push(None, 404, None)?;
            Next::End
        }
        Page::Fetched { answer, next, .. } => {
            store.push(None, answer.status, Some(&answer.body))?;
            next
        }
    };
    let Next::Page(next) = next else {
        return Ok(Step::End);
    };
    if store.is_full() {
        store.flush(Some(write(&next)?)).await?;
    }
    Ok(Step::Next(next))
}

fn write(token: &PageToken) -> Result<Value, Fault> {
    serde_json::to_value(token).map_err(|error| Fault::bug(format!("a token is no JSON: {error}")))
}
