//! Fetching page after page, as the paginator leads.

use edge::env::Env;
use edge::run::Run;
use edge::session::Traffic;
use edge::source::Page;
use pipeline::fault::Fault;
use pipeline::paginate::{Next, PageToken};
use pipeline::resource::{Relief, Span};
use pipeline::run::Slice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ahead::Asker;
use crate::store::{Store, bookmark};
use crate::walk::Walk;
use crate::{Ended, asker};

/// Where a fetch stands: at a page, in the last of the spans that are left of a window that was halved.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    page: PageToken,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spans: Vec<Span>,
}

/// Fetches the pages of a slice that are not stored yet.
pub async fn fetch(
    run: &Run,
    slice: &Slice,
    token: Option<Value>,
    store: &mut Store<'_>,
    env: &Env,
) -> Result<Ended, Fault> {
    let (asker, values) = asker(run, slice, env).await?;
    let whole = Span::of(&run.period(&slice.window)?.window);
    let mut place: Place = match (token, &slice.begin) {
        (Some(token), _) => bookmark(token)?,
        (None, Some(begin)) => Place {
            page: bookmark(begin.clone())?,
            spans: Vec::new(),
        },
        (None, None) => Place {
            page: asker.resource.paginate.first(),
            spans: Vec::new(),
        },
    };
    loop {
        let mut of_span = values.clone();
        let span = place.spans.last().copied();
        if let Some(span) = span {
            span.onto(&mut of_span);
        }
        let mut walk = Walk::new(asker.clone(), of_span);
        let ended = walked(&mut walk, &mut place, span.unwrap_or(whole), &asker, store).await;
        let sent = walk.end().await?;
        // What was asked for ahead and is of no use was asked for all the same.
        store.count(&sent)?;
        match ended {
            Ok(Left::Spans) => {}
            Ok(Left::Nothing) => return store.flush(None).await.map(|()| Ended::Done),
            Ok(Left::Wait(seconds)) => {
                store.flush(Some(write(&place)?)).await?;
                return Ok(Ended::wait(seconds));
            }
            Err(fault) => {
                store.flush(Some(write(&place)?)).await?;
                return Err(fault);
            }
        }
    }
}

/// What is left when a walk ends.
enum Left {
    Nothing,
    /// Other spans of the window.
    Spans,
    Wait(u64),
}

/// Walks on from `place`, which stays at the page that is still to come.
async fn walked(
    walk: &mut Walk,
    place: &mut Place,
    span: Span,
    asker: &Asker,
    store: &mut Store<'_>,
) -> Result<Left, Fault> {
    loop {
        let mut traffic = Traffic::default();
        let page = walk.page(&place.page, &mut traffic).await;
        store.count(&traffic)?;
        let next = match page? {
            Page::Wait { seconds, .. } => return Ok(Left::Wait(seconds)),
            Page::TooLarge { status } => {
                let resource = &asker.resource;
                match resource.relieved(&place.page, walk.values(), status, span)? {
                    Relief::Page(smaller) => place.page = smaller,
                    Relief::Halves(first, second) => {
                        place.spans.pop();
                        place.spans.extend([second, first]);
                        return Ok(Left::Spans);
                    }
                }
                continue;
            }
            Page::Missing => {
                store.push(None, 404, None)?;
                Next::End
            }
            Page::Fetched { answer, turn, .. } => {
                store.push(None, answer.status, Some(&answer.body))?;
                turn.next
            }
        };
        let is_over = matches!(next, Next::End);
        place.page = match next {
            Next::Page(next) => next,
            Next::End => asker.resource.paginate.first(),
        };
        if is_over {
            place.spans.pop();
            if place.spans.is_empty() {
                return Ok(Left::Nothing);
            }
        }
        if store.is_full() {
            store.flush(Some(write(place)?)).await?;
        }
        if is_over {
            return Ok(Left::Spans);
        }
    }
}

fn write(place: &Place) -> Result<Value, Fault> {
    serde_json::to_value(place).map_err(|error| Fault::bug(format!("a token is no JSON: {error}")))
}
