//! Fetching page after page, as the paginator leads.

use edge::env::Env;
use edge::run::Run;
use edge::session::Traffic;
use edge::source::Page;
use pipeline::fault::Fault;
use pipeline::paginate::{Next, PageToken};
use pipeline::run::Slice;
use serde_json::Value;

use crate::Ended;
use crate::store::{Store, bookmark};

/// Fetches the pages of a slice that are not stored yet.
pub async fn fetch(
    run: &Run,
    slice: &Slice,
    token: Option<Value>,
    store: &mut Store<'_>,
    env: &Env,
) -> Result<Ended, Fault> {
    let (resource, values) = run.resource(slice)?;
    let session = env
        .sources
        .session(&run.pipeline.definition.source, &values)?;
    let mut token = match token {
        Some(token) => bookmark(token)?,
        None => resource.paginate.first(),
    };
    loop {
        let mut traffic = Traffic::default();
        let page = session
            .page(resource, &values, &token, env.deadline(), &mut traffic)
            .await;
        store.count(&traffic)?;
        let next = match page {
            Ok(Page::Fetched { answer, next, .. }) => {
                store.push(None, answer.status, Some(&answer.body))?;
                next
            }
            Ok(Page::Missing) => {
                store.push(None, 404, None)?;
                Next::End
            }
            Ok(Page::Wait { seconds, .. }) => {
                store.flush(Some(write(&token)?)).await?;
                return Ok(Ended::wait(seconds));
            }
            Err(fault) => {
                store.flush(Some(write(&token)?)).await?;
                return Err(fault);
            }
        };
        match next {
            Next::End => break,
            Next::Page(next) => token = next,
        }
        if store.is_full() {
            store.flush(Some(write(&token)?)).await?;
        }
    }
    store.flush(None).await?;
    Ok(Ended::Done)
}

fn write(token: &PageToken) -> Result<Value, Fault> {
    serde_json::to_value(token).map_err(|error| Fault::bug(format!("a token is no JSON: {error}")))
}
