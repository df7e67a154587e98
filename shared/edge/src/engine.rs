//! The port of a SQL engine: queries over a catalogue of tables, and results kept as Parquet.

use std::collections::BTreeMap;
use std::path::PathBuf;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use pipeline::fault::Fault;
use pipeline::lake::Column;
use pipeline::sql::Relation;
use pipeline::value::Value;

use crate::objects::Upload;

/// One row, in the order of the columns.
pub type Row = Vec<Value>;

/// Something that runs SQL over the tables of a catalogue. Dropping what it answers ends the work.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The rows of one read-only query, in its order. The same query over the same files answers the same rows
    /// in the same order.
    async fn query(&self, catalogue: &Catalogue, sql: &str) -> Result<Rows, Fault>;

    /// Writes the rows of one read-only query as Parquet; the same query over the same files gives the same
    /// bytes. The upload is handed back to be committed.
    async fn materialise(
        &self,
        catalogue: &Catalogue,
        sql: &str,
        into: Upload,
    ) -> Result<Materialised, Fault>;
}

/// The rows that a query answers, as they come.
pub struct Rows {
    /// Their columns.
    pub columns: Vec<Column>,
    /// The rows, some at a time.
    pub batches: BoxStream<'static, Result<Vec<Row>, Fault>>,
}

/// What was written of a query.
pub struct Materialised {
    /// The columns.
    pub columns: Vec<Column>,
    /// The number of rows.
    pub rows: u64,
    /// The Parquet file, not committed yet.
    pub upload: Upload,
}

/// The tables that a query may name.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    tables: BTreeMap<Relation, Source>,
}

/// What a table is made of.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Its columns.
    pub columns: Vec<Column>,
    /// The query of a view, which has no files.
    pub view: Option<String>,
    /// Its Parquet files, in the order of their rows.
    pub files: Vec<PathBuf>,
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
