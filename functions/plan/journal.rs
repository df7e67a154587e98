//! What plan has read of listings and parents, so that a call that is cut short comes further than the one before it.
//!
//! Reading goes the same way every time. So what was read is kept in its order, and a call that begins again is given
//! it back answer by answer before the source is asked for more.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use edge::env::Env;
use edge::run::lines;
use edge::session::{Session, Traffic};
use edge::source::Page;
use pipeline::fault::{Fault, Kind};
use pipeline::for_each::Parent;
use pipeline::layout::RunKeys;
use pipeline::number::Values;
use pipeline::paginate::{Next, PageToken};
use pipeline::request::Answer;
use pipeline::resource::ResourceDefinition;
use pipeline::source::Turn;
use serde::{Deserialize, Serialize};

/// When what was read is stored: so much is lost, and asked for again, when a process is killed.
const BYTES: usize = 8 << 20;
const TIME: Duration = Duration::from_secs(5);
/// An answer of this size is stored as it comes, without a copy of it.
const LARGE: usize = 1 << 20;

/// The reading of one plan.
pub struct Journal<'a> {
    env: &'a Env,
    keys: &'a RunKeys,
    /// Read by an earlier call, and not given back yet.
    kept: VecDeque<Read<'static>>,
    /// Read by this call, and not stored yet.
    fresh: Vec<Read<'static>>,
    fresh_bytes: usize,
    since: Duration,
    stored: u32,
}

/// One answer.
#[derive(Debug, Serialize, Deserialize)]
struct Read<'p> {
    /// What was asked for.
    what: String,
    /// Requests sent for it, and those of them that were repeats.
    sent: u64,
    retried: u64,
    came: Came<'p>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Came<'p> {
    Missing,
    TooLarge(u16),
    Page {
        status: u16,
        body: Cow<'p, str>,
        next: Option<PageToken>,
    },
}

/// A page to ask for.
pub struct Asked<'a> {
    /// Whom to ask.
    pub session: &'a Session,
    /// Of which resource.
    pub name: &'a str,
    /// Its definition.
    pub resource: &'a ResourceDefinition,
    /// Of which parent.
    pub of: &'a Parent,
    /// What the request is filled from.
    pub values: &'a Values,
    /// Which page.
    pub token: &'a PageToken,
}

impl<'a> Journal<'a> {
    /// What earlier calls have kept.
    pub async fn open(keys: &'a RunKeys, env: &'a Env) -> Result<Self, Fault> {
        let mut journal = Journal {
            env,
            keys,
            kept: VecDeque::new(),
            fresh: Vec::new(),
            fresh_bytes: 0,
            since: env.clock.elapsed(),
            stored: 0,
        };
        for listed in env.objects.list(&keys.listed_prefix()).await? {
            journal
                .kept
                .extend(lines::<Read<'static>>(&env.objects, &listed.key).await?);
            journal.stored += 1;
        }
        Ok(journal)
    }

    /// A page, as it was read before or as the source answers now. Where it can't be had within the time of the
    /// call, what was read is stored and the fault says so.
    pub async fn page(&mut self, asked: &Asked<'_>, traffic: &mut Traffic) -> Result<Page, Fault> {
        let token = serde_json::to_string(asked.token);
        let token = token.map_err(|error| Fault::bug(format!("a token is no JSON: {error}")))?;
        let what = format!("{} {} {token}", asked.name, asked.of.label());
        match self.kept.pop_front() {
            Some(read) if read.what == what => {
                traffic.sent += read.sent;
                traffic.retried += read.retried;
                return Ok(read.came.into());
            }
            // Another way was gone: what was read on the old one is of no use.
            _ => self.kept.clear(),
        }
        let mut own = Traffic::default();
        let page = asked
            .session
            .page(
                asked.resource,
                asked.values,
                asked.token,
                self.env.deadline(),
                &mut own,
            )
            .await;
        *traffic += &own;
        let page = page?;
        match Came::of(&page) {
            Some(came) => self.keep(what, &own, came).await?,
            None => self.store().await?,
        }
        match page {
            Page::Wait {
                down: Some(fault), ..
            } => Err(fault),
            Page::Wait { seconds: 0, .. } => Err(Fault::transient(
                "the time of the call is over before all was listed; what was read is kept for the next call",
            )),
            Page::Wait { seconds, .. } => Err(Fault::new(
                Kind::RateLimited,
                format!("the source asks to wait {seconds} s before more is listed"),
            )),
            page => Ok(page),
        }
    }

    async fn keep(&mut self, what: String, own: &Traffic, came: Came<'_>) -> Result<(), Fault> {
        let bytes = match &came {
            Came::Page { body, .. } => body.len(),
            _ => 0,
        };
        let read = Read {
            what,
            sent: own.sent,
            retried: own.retried,
            came,
        };
        if bytes >= LARGE {
            self.store().await?;
            return self.write(std::slice::from_ref(&read)).await;
        }
        self.fresh_bytes += bytes;
        self.fresh.push(read.owned());
        let is_due = self.env.clock.elapsed().saturating_sub(self.since) >= TIME;
        match is_due || self.fresh_bytes >= BYTES {
            true => self.store().await,
            false => Ok(()),
        }
    }

    /// Stores what this call has read.
    pub async fn store(&mut self) -> Result<(), Fault> {
        self.since = self.env.clock.elapsed();
        self.fresh_bytes = 0;
        let fresh = std::mem::take(&mut self.fresh);
        match fresh.is_empty() {
            true => Ok(()),
            false => self.write(&fresh).await,
        }
    }

    async fn write(&mut self, reads: &[Read<'_>]) -> Result<(), Fault> {
        let key = self.keys.listed(self.stored);
        self.stored += 1;
        edge::run::store_lines(&self.env.objects, &key, reads).await
    }
}

impl Read<'_> {
    fn owned(self) -> Read<'static> {
        let came = match self.came {
            Came::Missing => Came::Missing,
            Came::TooLarge(status) => Came::TooLarge(status),
            Came::Page { status, body, next } => Came::Page {
                status,
                body: Cow::Owned(body.into_owned()),
                next,
            },
        };
        Read { came, ..self }
    }
}

impl<'p> Came<'p> {
    /// What came, where it can be kept: a wait is none, and neither is what is no text.
    fn of(page: &'p Page) -> Option<Self> {
        Some(match page {
            Page::Missing => Came::Missing,
            Page::TooLarge { status } => Came::TooLarge(*status),
            Page::Wait { .. } => return None,
            Page::Fetched { answer, turn, .. } => Came::Page {
                status: answer.status,
                body: Cow::Borrowed(std::str::from_utf8(&answer.body).ok()?),
                next: match &turn.next {
                    Next::Page(token) => Some(token.clone()),
                    Next::End => None,
                },
            },
        })
    }
}

impl From<Came<'_>> for Page {
    fn from(came: Came<'_>) -> Page {
        match came {
            Came::Missing => Page::Missing,
            Came::TooLarge(status) => Page::TooLarge { status },
            Came::Page { status, body, next } => Page::Fetched {
                answer: Answer {
                    status,
                    headers: Vec::new(),
                    body: body.into_owned().into_bytes(),
                },
                request: String::new(),
                turn: Box::new(Turn {
                    next: next.map_or(Next::End, Next::Page),
                    ..Turn::end()
                }),
            },
        }
    }
}
