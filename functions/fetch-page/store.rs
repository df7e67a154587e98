//! The raw chunks of a slice: what is stored already, and collecting what comes next.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use edge::chunk::{ChunkHeader, ChunkWriter, Entry, header};
use edge::env::Env;
use edge::run::Run;
use edge::session::Traffic;
use futures::{StreamExt, stream};
use pipeline::bookmark::Bookmark;
use pipeline::fault::{Fault, Kind};
use pipeline::for_each::Parent;
use pipeline::layout::RunKeys;
use pipeline::resource::Records;
use pipeline::run::{Fetched, Slice};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// When a chunk is stored: so much is lost, and asked for again, when a process is killed.
const CHUNK_BYTES: u64 = 8 << 20;
const CHUNK_PAGES: u64 = 500;
const CHUNK_TIME: Duration = Duration::from_secs(5);
/// How many headers are read at a time, when a fetch goes on.
const HEADERS: usize = 16;

/// The chunks of one slice.
pub struct Store<'a> {
    env: &'a Env,
    keys: RunKeys,
    slice: &'a str,
    stored: Fetched,
    next: Next,
    open: Option<Open>,
    bookmark: Option<(&'a Bookmark, &'a Records)>,
}

/// Where the fetch goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// At this page; none: at the first.
    Page(Option<Value>),
    /// Nowhere: the slice is complete.
    Nothing,
}

struct Open {
    writer: ChunkWriter,
    fetched: Fetched,
    newest: Option<String>,
    began: Duration,
}

impl<'a> Store<'a> {
    /// What is stored of a slice; of a replayed one, what the earlier run has stored.
    pub async fn open(run: &'a Run, slice: &'a Slice, env: &'a Env) -> Result<Self, Fault> {
        let keys = run.raw_keys(slice);
        let mut store = Store {
            env,
            slice: &slice.id,
            stored: Fetched::default(),
            next: Next::Page(None),
            open: None,
            bookmark: bookmark_of(run, slice),
            keys,
        };
        let chunks = env.objects.list(&store.keys.raw_prefix(&slice.id)).await?;
        let mut headers = stream::iter(chunks)
            .map(|chunk| async move { header(&env.objects, &chunk.key).await })
            .buffered(HEADERS);
        while let Some(header) = headers.next().await {
            store.note(&header?);
        }
        env.meter
            .fetched
            .fetch_add(store.stored.pages + store.stored.missing, Relaxed);
        Ok(store)
    }

    fn note(&mut self, header: &ChunkHeader) {
        self.stored.add(&header.fetched);
        self.next = match &header.next {
            Some(token) => Next::Page(Some(token.clone())),
            None => Next::Nothing,
        };
    }

    /// Where the fetch goes on.
    pub fn next(&self) -> Next {
        self.next.clone()
    }

    /// What is stored in all.
    pub fn fetched(&self) -> Fetched {
        self.stored
    }

    /// The number of the next answer in the slice.
    pub fn page(&self) -> u64 {
        let open = self
            .open
            .as_ref()
            .map_or(0, |open| open.fetched.pages + open.fetched.missing);
        self.stored.pages + self.stored.missing + open
    }

    /// Adds an answer; without a body it says that there is no such thing.
    pub fn push(
        &mut self,
        parent: Option<&Parent>,
        status: u16,
        body: Option<&[u8]>,
    ) -> Result<(), Fault> {
        let page = self.page();
        let bookmark = self.bookmark;
        let open = self.chunk()?;
        if let (Some((bookmark, records)), Some(body)) =
            (bookmark, body.filter(|body| !body.is_empty()))
        {
            match bookmark.newest(open.newest.clone(), body, records) {
                Ok(newest) => open.newest = newest,
                // What is no JSON however often it is asked for is set aside later.
                Err(fault) if fault.kind == Kind::Transient => {}
                Err(fault) => return Err(fault),
            }
        }
        let bytes = body.unwrap_or_default();
        let entry = Entry {
            page,
            id: parent.map(Parent::label),
            parent: parent.filter(|parent| parent.has_rows()).cloned(),
            status,
            bytes: bytes.len(),
        };
        open.writer
            .push(&entry, bytes)
            .map_err(|error| unwritten(&error))?;
        open.fetched.bytes += bytes.len() as u64;
        match body {
            Some(_) => open.fetched.pages += 1,
            None => open.fetched.missing += 1,
        }
        self.env.meter.fetched.fetch_add(1, Relaxed);
        Ok(())
    }

    /// Counts what was sent.
    pub fn count(&mut self, traffic: &Traffic) -> Result<(), Fault> {
        let open = self.chunk()?;
        open.fetched.sent += traffic.sent;
        open.fetched.retried += traffic.retried;
        Ok(())
    }

    fn chunk(&mut self) -> Result<&mut Open, Fault> {
        if self.open.is_none() {
            self.open = Some(Open {
                writer: ChunkWriter::new().map_err(|error| unwritten(&error))?,
                fetched: Fetched::default(),
                newest: None,
                began: self.env.clock.elapsed(),
            });
        }
        self.open
            .as_mut()
            .ok_or_else(|| Fault::bug("no chunk is open"))
    }

    /// Whether the open chunk is worth storing.
    pub fn is_full(&self) -> bool {
        self.open.as_ref().is_some_and(|open| {
            open.fetched.bytes >= CHUNK_BYTES
                || open.fetched.pages + open.fetched.missing >= CHUNK_PAGES
                || self.env.clock.elapsed().saturating_sub(open.began) >= CHUNK_TIME
        })
    }

    /// Stores the open chunk with the token of the page after it; none where the slice is complete.
    pub async fn flush(&mut self, next: Option<Value>) -> Result<(), Fault> {
        if next.is_some() && self.open.is_none() {
            return Ok(());
        }
        self.chunk()?;
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        open.fetched.chunks = 1;
        let header = ChunkHeader {
            fetched: open.fetched,
            next,
            newest: open.newest,
        };
        let chunk = open
            .writer
            .finish(&header)
            .map_err(|error| unwritten(&error))?;
        let key = self.keys.raw(self.slice, self.stored.chunks);
        self.env.objects.put(&key, chunk).await?;
        self.note(&header);
        Ok(())
    }
}

fn bookmark_of<'a>(run: &'a Run, slice: &Slice) -> Option<(&'a Bookmark, &'a Records)> {
    let resource = run.pipeline.definition.resources.get(&slice.resource)?;
    Some((resource.bookmark.as_ref()?, &resource.records))
}

/// Reads where the fetch goes on from what a chunk holds.
pub fn bookmark<T: DeserializeOwned>(token: Value) -> Result<T, Fault> {
    serde_json::from_value(token).map_err(|error| {
        Fault::bad_data(format!(
            "the bookmark of the slice is not readable: {error}"
        ))
    })
}

fn unwritten(error: &io::Error) -> Fault {
    Fault::transient(format!("a raw chunk could not be written: {error}"))
}
