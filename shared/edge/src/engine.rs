//! The port of a SQL engine: queries over a catalogue of tables, and results kept as Parquet.
//!
//! An engine may work elsewhere and take its time. So a step says what it wants to know and is told whether that is
//! known by now; asked again after a while, the engine finds what it has started by its notes. An engine in this
//! process is always done at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile, Version};
use pipeline::layout::RunKeys;
use pipeline::model::PlannedModel;
use pipeline::run::RunRef;
use pipeline::sql::Relation;
use pipeline::value::Value;
use serde::{Deserialize, Serialize};

use crate::lake::Lake;
use crate::objects::Objects;
use crate::progress::{Progress, Statements};

/// One row, in the order of the columns.
pub type Row = Vec<Value>;

/// Something that runs SQL over the tables of a catalogue.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What files of SQL are called that are for this engine alone: `athena` is for `x.athena.sql` beside `x.sql`.
    /// None where every file is for it.
    fn dialect(&self) -> Option<&'static str> {
        None
    }

    /// Refuses tables that the engine could not show to its readers, before they are published.
    async fn admit(&self, _versions: &[Version]) -> Result<(), Fault> {
        Ok(())
    }

    /// Works on queries until [`Engine::rows`] can tell the rows of each. The queries are independent of each
    /// other; the engine may run them at the same time.
    async fn prepare(&self, _work: &Work, _queries: &[Query<'_>]) -> Result<Progress<()>, Fault> {
        Ok(Progress::Done(()))
    }

    /// The rows of a query that is prepared, in its order.
    async fn rows(&self, work: &Work, query: &Query<'_>) -> Result<Rows, Fault>;

    /// Writes the rows of models as Parquet into fresh places of the lake, unseen. The models do not read each
    /// other. They are answered in their order.
    async fn materialise(
        &self,
        work: &Work,
        catalogue: &Catalogue,
        models: &[&PlannedModel],
    ) -> Result<Progress<Vec<Materialised>>, Fault>;

    /// Makes the engine's readers see what the pointer of a database says. Done again, it changes nothing.
    async fn show(&self, _work: &Work, _database: &str) -> Result<Progress<()>, Fault> {
        Ok(Progress::Done(()))
    }

    /// Takes away what was made for the work alone. The work may have failed.
    async fn end(&self, _work: &Work) -> Result<(), Fault> {
        Ok(())
    }
}

/// What an engine works for: a step of a run, and the lake that it is about.
pub struct Work {
    /// The run.
    pub run: RunRef,
    /// The lake.
    pub lake: Lake,
    /// The run's objects.
    pub objects: Objects,
    /// The keys of the run's objects.
    pub keys: RunKeys,
    read: Mutex<BTreeMap<String, u64>>,
}

/// A query for an engine.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// Its name among the queries of the run: letters, digits, `-` and `_`.
    pub name: String,
    /// What it is for, which a fault says.
    pub about: (&'static str, String),
    /// The tables that it may name.
    pub catalogue: &'a Catalogue,
    /// One read-only statement. It names tables as [`Relation::quoted`] does.
    pub sql: String,
    /// How many rows are wanted at most. Where none are, its columns are.
    pub most_rows: usize,
}

/// What a query answers.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows, as many as were wanted.
    pub rows: Vec<Row>,
}

/// The rows that a query answers, as they come. Dropping them ends the work.
pub struct Rows {
    /// Their columns.
    pub columns: Vec<Column>,
    /// The rows, some at a time.
    pub batches: BoxStream<'static, Result<Vec<Row>, Fault>>,
}

/// What was written of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Materialised {
    /// The columns.
    pub columns: Vec<Column>,
    /// Its Parquet files in the lake, in the order of their rows; none where it has no rows.
    pub files: Vec<DataFile>,
}

/// The tables that a query may name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    tables: BTreeMap<Relation, Source>,
}

/// What a table is made of.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its columns.
    pub columns: Vec<Column>,
    /// The query of a view, which has no files.
    pub view: Option<String>,
    /// Its Parquet files on this machine, in the order of their rows; none where the lake is elsewhere.
    pub files: Option<Vec<PathBuf>>,
    /// A hash that tells its content.
    pub fingerprint: String,
    /// What it will be, where nobody else sees it yet.
    pub unseen: Option<Version>,
}

impl Work {
    /// The work for a run.
    pub fn of(run: &RunRef, objects: &Objects, lake: &Lake) -> Self {
        Work {
            run: run.clone(),
            lake: lake.clone(),
            objects: objects.clone(),
            keys: RunKeys::new(&run.pipeline, &run.id),
            read: Mutex::default(),
        }
    }

    /// The statements that were started for the run.
    pub fn statements(&self) -> Statements<'_> {
        Statements::of(&self.objects, &self.keys)
    }

    /// Notes how many bytes a statement has read.
    pub fn has_read(&self, statement: &str, bytes: u64) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert(statement.to_owned(), bytes);
    }

    /// How many bytes a statement has read, as far as noted.
    pub fn read_by(&self, statement: &str) -> u64 {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.get(statement).copied().unwrap_or(0)
    }

    /// How many bytes all statements have read that were asked about.
    pub fn bytes_read(&self) -> u64 {
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.values().sum()
    }
}

impl Catalogue {
    /// Makes a table known, in place of any other of that name.
    pub fn insert(&mut self, relation: Relation, source: Source) {
        self.tables.insert(relation, source);
    }

    /// What the table is made of.
    pub fn get(&self, relation: &Relation) -> Option<&Source> {
        self.tables.get(relation)
    }

    /// All tables, by database and name.
    pub fn tables(&self) -> impl Iterator<Item = (&Relation, &Source)> {
        self.tables.iter()
    }
}

impl Rows {
    /// The rows as a list, `limit` at most.
    pub async fn take(mut self, limit: usize) -> Result<Vec<Row>, Fault> {
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(batch) = self.batches.next().await
        {
            rows.extend(batch?);
        }
        rows.truncate(limit);
        Ok(rows)
    }
}

/// The answers of queries, in their order.
pub async fn ask(
    engine: &dyn Engine,
    work: &Work,
    queries: &[Query<'_>],
) -> Result<Progress<Vec<Answer>>, Fault> {
    if let Progress::Running { wait_seconds } = engine.prepare(work, queries).await? {
        return Ok(Progress::Running { wait_seconds });
    }
    let mut answers = Vec::new();
    for query in queries {
        answers.push(answer(engine, work, query).await.map_err(|fault| {
            let (what, which) = &query.about;
            fault.with(what, which)
        })?);
    }
    Ok(Progress::Done(answers))
}

async fn answer(engine: &dyn Engine, work: &Work, query: &Query<'_>) -> Result<Answer, Fault> {
    let rows = engine.rows(work, query).await?;
    Ok(Answer {
        columns: rows.columns.clone(),
        rows: rows.take(query.most_rows).await?,
    })
}
