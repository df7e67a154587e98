//! Fetching by id or parent row: the first pages are known ahead, so several are under way at a time; what
//! follows a first page is walked before the next id's turn.

use std::collections::VecDeque;

use edge::env::Env;
use edge::run::{Run, lines};
use edge::session::Traffic;
use edge::source::Page;
use pipeline::fault::Fault;
use pipeline::for_each::Parent;
use pipeline::number::Values;
use pipeline::paginate::{Next, PageToken};
use pipeline::run::Slice;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ahead::{Ahead, Asker};
use crate::store::{Store, bookmark};
use crate::walk::Walk;
use crate::{Ended, asker};

/// Where a fetch by id goes on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Position {
    /// How many ids are done.
    position: usize,
    /// The page of the next id, where it has pages that are stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<PageToken>,
}

/// Fetches the ids of a slice that are not stored yet.
pub async fn fetch(
    run: &Run,
    slice: &Slice,
    token: Option<Value>,
    store: &mut Store<'_>,
    env: &Env,
) -> Result<Ended, Fault> {
    let (asker, values) = asker(run, slice, env).await?;
    let parents: Vec<Parent> = lines(&env.objects, &run.keys.ids(&slice.id)).await?;
    let mut children = Children {
        ahead: Ahead::new(asker.clone()),
        waiting: VecDeque::new(),
        at: token.map(bookmark).transpose()?.unwrap_or_default(),
        asker,
        values,
        parents,
        store,
    };
    let ended = children.all().await;
    let sent = children.ahead.forget().await?;
    children.store.count(&sent)?;
    let at = match &ended {
        Ok(Ended::Done) => None,
        _ => Some(write(&children.at)?),
    };
    children.store.flush(at).await?;
    ended
}

struct Children<'a, 's> {
    asker: Asker,
    values: Values,
    parents: Vec<Parent>,
    /// Ids whose first page is to be asked for.
    waiting: VecDeque<usize>,
    ahead: Ahead<usize>,
    at: Position,
    store: &'a mut Store<'s>,
}

impl Children<'_, '_> {
    async fn all(&mut self) -> Result<Ended, Fault> {
        if let Some(page) = self.at.page.clone()
            && let Some(ended) = self.rest(page).await.map_err(|fault| self.named(fault))?
        {
            return Ok(ended);
        }
        self.waiting = (self.at.position..self.parents.len()).collect();
        while self.at.position < self.parents.len() {
            let ended = self.one().await.map_err(|fault| self.named(fault))?;
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
        Ok(Ended::Done)
    }

    fn named(&self, fault: Fault) -> Fault {
        let parent = self.parents.get(self.at.position);
        fault.with("id", parent.map(Parent::label).unwrap_or_default())
    }

    fn values_of(&self, position: usize) -> Values {
        let parent = self.parents.get(position);
        parent.map_or_else(|| self.values.clone(), |parent| parent.onto(&self.values))
    }

    fn fill(&mut self) {
        while self.ahead.has_room() {
            let Some(position) = self.waiting.pop_front() else {
                return;
            };
            let first = self.asker.resource.paginate.first();
            let values = self.values_of(position);
            self.ahead.begin(position, values, first);
        }
    }

    /// One id: its first page, which was under way, and then those that follow.
    async fn one(&mut self) -> Result<Option<Ended>, Fault> {
        self.fill();
        let asked = self.ahead.next().await?;
        let asked = asked.ok_or_else(|| Fault::bug("no id is under way"))?;
        self.store.count(&asked.traffic)?;
        self.fill();
        let first = self.asker.resource.paginate.first();
        match self.take(&first, asked.page?, &self.values_of(asked.what))? {
            Taken::Wait(seconds) => Ok(Some(Ended::wait(seconds))),
            Taken::Next(next) => self.rest(next).await,
            Taken::End => self.done().await,
        }
    }

    /// The pages of one id from `token` on.
    async fn rest(&mut self, mut token: PageToken) -> Result<Option<Ended>, Fault> {
        let values = self.values_of(self.at.position);
        let mut walk = Walk::new(self.asker.clone(), values.clone());
        loop {
            self.at.page = (token.ordinal() > 0).then(|| token.clone());
            if self.store.is_full() && self.at.page.is_some() {
                self.store.flush(Some(write(&self.at)?)).await?;
            }
            let mut traffic = Traffic::default();
            let page = walk.page(&token, &mut traffic).await;
            self.store.count(&traffic)?;
            let taken = match page {
                Ok(page) => self.take(&token, page, &values),
                Err(fault) => Err(fault),
            };
            match taken {
                Ok(Taken::Next(next)) => token = next,
                ended => {
                    let sent = walk.end().await?;
                    self.store.count(&sent)?;
                    return match ended? {
                        Taken::Wait(seconds) => Ok(Some(Ended::wait(seconds))),
                        _ => self.done().await,
                    };
                }
            }
        }
    }

    fn take(&mut self, token: &PageToken, page: Page, values: &Values) -> Result<Taken, Fault> {
        let parent = self.parents.get(self.at.position);
        let next = match page {
            Page::Wait { seconds, .. } => return Ok(Taken::Wait(seconds)),
            Page::TooLarge { status } => {
                let smaller = self.asker.resource.shrunk(token, values, status)?;
                return Ok(Taken::Next(smaller));
            }
            Page::Missing => {
                if token.ordinal() == 0 {
                    self.store.push(parent, 404, None)?;
                }
                return Ok(Taken::End);
            }
            Page::Fetched { answer, turn, .. } => {
                self.store.push(parent, answer.status, Some(&answer.body))?;
                turn.next
            }
        };
        Ok(match next {
            Next::Page(next) => Taken::Next(next),
            Next::End => Taken::End,
        })
    }

    async fn done(&mut self) -> Result<Option<Ended>, Fault> {
        self.at = Position {
            position: self.at.position + 1,
            page: None,
        };
        if self.store.is_full() && self.at.position < self.parents.len() {
            self.store.flush(Some(write(&self.at)?)).await?;
        }
        Ok(None)
    }
}

/// What a page leads to.
enum Taken {
    Next(PageToken),
    End,
    Wait(u64),
}

fn write(position: &Position) -> Result<Value, Fault> {
    serde_json::to_value(position)
        .map_err(|error| Fault::bug(format!("a bookmark is no JSON: {error}")))
}
