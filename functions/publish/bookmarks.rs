//! Moving the bookmarks of the resources that a run has read on: after its tables are published, and never back.

use edge::chunk::header;
use edge::env::Env;
use edge::ledger::Bookmarks;
use edge::run::Run;
use pipeline::bookmark::{Bookmark, Kept};
use pipeline::fault::Fault;
use pipeline::name::Name;

use crate::gathered::Gathered;

/// Moves every bookmark to where the run has read.
pub async fn advance(run: &Run, gathered: &Gathered, env: &Env) -> Result<(), Fault> {
    let bookmarks = Bookmarks::new(&env.objects, &run.reference.pipeline);
    for (name, reach) in run.reaches.iter().filter(|(_, reach)| reach.moves) {
        let resource = run.pipeline.definition.resources.get(name);
        let Some(bookmark) = resource.and_then(|resource| resource.bookmark.as_ref()) else {
            continue;
        };
        let value = match &reach.until {
            Some(until) => Some(until.clone()),
            None => newest(run, name, bookmark, gathered, env).await?,
        };
        let Some(value) = value else { continue };
        let to = Kept {
            value,
            run_id: run.reference.id.clone(),
            changed_at: env.clock.now().to_string(),
        };
        bookmarks.advance(name, bookmark.order, &to).await?;
    }
    Ok(())
}

/// The newest value among the records of a resource.
async fn newest(
    run: &Run,
    name: &Name,
    bookmark: &Bookmark,
    gathered: &Gathered,
    env: &Env,
) -> Result<Option<String>, Fault> {
    let mut newest: Option<String> = None;
    let slices = gathered.slices.iter().map(|(outcome, _)| &outcome.slice);
    for slice in slices.filter(|slice| slice.resource == *name) {
        let prefix = run.raw_keys(slice).raw_prefix(&slice.id);
        for listed in env.objects.list(&prefix).await? {
            let header = header(&env.objects, &listed.key).await?;
            newest = match (newest, header.newest) {
                (Some(one), Some(other)) => Some(bookmark.order.later(one, other)?),
                (one, other) => one.or(other),
            };
        }
    }
    Ok(newest)
}
