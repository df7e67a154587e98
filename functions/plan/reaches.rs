//! Between which values the resources with a bookmark are read.

use edge::env::Env;
use edge::ledger::Bookmarks;
use edge::session::{Sent, Traffic};
use indexmap::IndexMap;
use pipeline::bookmark::{Bookmark, Reach};
use pipeline::definition::Pipeline;
use pipeline::fault::{Fault, Kind};
use pipeline::name::Name;
use pipeline::plan::{self, Period};
use pipeline::run::RunRequest;

/// What each resource with a bookmark is read between; what the source says of its end is asked for now.
pub async fn of(
    pipeline: &Pipeline,
    request: &RunRequest,
    periods: &[Period],
    traffic: &mut Traffic,
    env: &Env,
) -> Result<IndexMap<Name, Reach>, Fault> {
    let mut reaches = IndexMap::new();
    // Where pages are typed again, nothing is asked for.
    let Some(newest) = periods.last().filter(|_| request.raw_of.is_none()) else {
        return Ok(reaches);
    };
    let bookmarks = Bookmarks::new(&env.objects, &pipeline.name);
    for (name, resource) in &pipeline.definition.resources {
        let Some(bookmark) = &resource.bookmark else {
            continue;
        };
        let from = match &request.from {
            Some(from) => from.clone(),
            None => bookmark.begin(bookmarks.kept(name).await?.as_ref())?,
        };
        let until = match &request.to {
            Some(to) => Some(to.clone()),
            None => until(pipeline, bookmark, newest, traffic, env)
                .await
                .map_err(|fault| fault.with("resource", name))?,
        };
        let reach = Reach {
            from,
            until,
            moves: plan::is_live(request),
        };
        reaches.insert(name.clone(), reach);
    }
    Ok(reaches)
}

/// How far the source reaches, as it says.
async fn until(
    pipeline: &Pipeline,
    bookmark: &Bookmark,
    newest: &Period,
    traffic: &mut Traffic,
    env: &Env,
) -> Result<Option<String>, Fault> {
    let Some(until) = &bookmark.until else {
        return Ok(None);
    };
    let values = pipeline.values(newest);
    let source = &pipeline.definition.source;
    let session = env.sources.session(source, &values).await?;
    let asked = session.source().asking(&until.path, &values)?;
    let sent = session
        .send(
            &asked,
            &Default::default(),
            env.deadline(),
            traffic,
            |answer, _| bookmark.named(answer),
        )
        .await?;
    match sent {
        Sent::Fetched { read, .. } => Ok(read),
        Sent::Missing | Sent::End => Err(Fault::rejected(
            "the source has nothing that says how far it reaches",
        )),
        Sent::Wait {
            down: Some(fault), ..
        } => Err(fault),
        Sent::Wait { seconds, .. } => Err(Fault::new(
            Kind::RateLimited,
            format!("the source asks to wait {seconds} s before it says how far it reaches"),
        )),
    }
}
