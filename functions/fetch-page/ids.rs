//! Fetching by id: the addresses are known ahead, so several answers are under way at a time.

use edge::env::Env;
use edge::run::{Run, required};
use edge::session::{Session, Traffic};
use edge::source::Page;
use futures::StreamExt;
use pipeline::fault::Fault;
use pipeline::for_each::ID;
use pipeline::number::Values;
use pipeline::paginate::Next;
use pipeline::resource::ResourceDefinition;
use pipeline::run::Slice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Ended;
use crate::store::{Store, bookmark};

/// How many answers of one slice are under way at a time; other slices have theirs.
const TOGETHER: usize = 4;

/// Where a fetch by id goes on.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Position {
    /// How many ids are done.
    position: usize,
}

/// What one id came to: the bodies of its pages, or a wait.
enum Answered {
    Pages(Vec<(u16, Vec<u8>)>),
    Missing,
    Wait(u64),
}

/// Fetches the ids of a slice that are not stored yet.
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
    let ids: Vec<String> = required(&env.objects, &run.keys.ids(&slice.id)).await?;
    let mut done = position(token)?;
    let asked = ids
        .iter()
        .skip(done)
        .cloned()
        .map(|id| ask(&session, resource, &values, id, env));
    let mut answers = futures::stream::iter(asked).buffered(TOGETHER);
    while let Some((id, traffic, answered)) = answers.next().await {
        store.count(&traffic)?;
        match answered {
            Ok(Answered::Pages(pages)) => {
                for (status, body) in &pages {
                    store.push(Some(&id), *status, Some(body))?;
                }
            }
            Ok(Answered::Missing) => store.push(Some(&id), 404, None)?,
            Ok(Answered::Wait(seconds)) => {
                store.flush(Some(token_of(done))).await?;
                return Ok(Ended::wait(seconds));
            }
            Err(fault) => {
                store.flush(Some(token_of(done))).await?;
                return Err(fault.with("id", id));
            }
        }
        done += 1;
        if store.is_full() && done < ids.len() {
            store.flush(Some(token_of(done))).await?;
        }
    }
    store.flush(None).await?;
    Ok(Ended::Done)
}

async fn ask(
    session: &Session,
    resource: &ResourceDefinition,
    values: &Values,
    id: String,
    env: &Env,
) -> (String, Traffic, Result<Answered, Fault>) {
    let mut traffic = Traffic::default();
    let mut values = values.clone();
    values.insert(ID.to_owned(), id.clone());
    let answered = all_pages(session, resource, &values, env, &mut traffic).await;
    (id, traffic, answered)
}

async fn all_pages(
    session: &Session,
    resource: &ResourceDefinition,
    values: &Values,
    env: &Env,
    traffic: &mut Traffic,
) -> Result<Answered, Fault> {
    let mut pages = Vec::new();
    let mut token = resource.paginate.first();
    loop {
        match session
            .page(resource, values, &token, env.deadline(), traffic)
            .await?
        {
            Page::Missing if pages.is_empty() => return Ok(Answered::Missing),
            Page::Missing => return Ok(Answered::Pages(pages)),
            Page::Wait { seconds, .. } => return Ok(Answered::Wait(seconds)),
            Page::Fetched { answer, next, .. } => {
                pages.push((answer.status, answer.body));
                match next {
                    Next::Page(next) => token = next,
                    Next::End => return Ok(Answered::Pages(pages)),
                }
            }
        }
    }
}

fn position(token: Option<Value>) -> Result<usize, Fault> {
    let Some(token) = token else { return Ok(0) };
    let position: Position = bookmark(token)?;
    Ok(position.position)
}

fn token_of(position: usize) -> Value {
    serde_json::json!({ "position": position })
}
