//! The embedded warehouse: DataFusion over the lake's files. On a laptop it stands in for Athena, Redshift and
//! the others.
//!
//! A query runs on one core, reads files in the order in which a version lists them and holds rows in a bounded
//! pool of memory, spilling what does not fit to disk: the same query over the same files answers the same rows
//! in the same order, and a table ten times as large takes longer, not more memory.

mod fault;
mod files;
mod in_order;
mod keep;
mod memory;
mod output;
mod session;
mod threads;
mod types;
mod values;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use edge::engine::{Catalogue, Engine, Materialised, Query, Rows, Work};
use edge::env::Site;
use edge::lake::{Lake, ListedTable};
use edge::objects::Upload;
use edge::progress::Progress;
use futures::stream::{self, StreamExt};
use pipeline::fault::Fault;
use pipeline::lake::Column;
use pipeline::model::PlannedModel;
use pipeline::value::Value;

use threads::Threads;

pub use output::{write_csv, write_json, write_table};

/// How much the engine may take.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The memory for rows that queries must hold, all of them together.
    pub memory_bytes: usize,
    /// How much of it one operator takes that can go on with files, such as one that sorts.
    pub spilling_bytes: usize,
    /// Where rows go that do not fit; the system's place for temporary files where nothing is said.
    pub spill: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            memory_bytes: 512 << 20,
            spilling_bytes: 4 << 20,
            spill: None,
        }
    }
}

/// How many files of sorted rows are merged at a time, of each some batches in memory. More files are merged into
/// fewer ones first, so that sorting takes the same memory however many rows there are.
const MERGED_FILES: usize = 4;

/// The embedded engine.
#[derive(Clone)]
pub struct Embedded {
    runtime: Arc<RuntimeEnv>,
    threads: Arc<Threads>,
}

impl Embedded {
    /// An engine with bounds.
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        let mode = match &settings.spill {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(memory::Pool::new(
                settings.memory_bytes,
                settings.spilling_bytes,
            )))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(mode))
            .with_max_spill_merge_fan_in(MERGED_FILES)
            .build_arc()
            .map_err(fault::from_engine)?;
        let threads = Threads::new().map_err(|error| Fault::transient(error.to_string()))?;
        Ok(Embedded {
            runtime,
            threads: Arc::new(threads),
        })
    }

    /// The rows of one read-only query over all published tables, named `database.table`.
    pub async fn query_lake(&self, lake: &Lake, sql: &str) -> Result<Rows, Fault> {
        let catalogue = lake.catalogue().await?;
        self.query(&catalogue, sql).await
    }

    /// All published tables; the rows of views are counted.
    pub async fn tables(&self, lake: &Lake) -> Result<Vec<ListedTable>, Fault> {
        let catalogue = lake.catalogue().await?;
        let mut tables = lake.tables().await?;
        for table in &mut tables {
            let is_view = catalogue
                .get(&table.relation)
                .is_some_and(|source| source.view.is_some());
            if is_view {
                table.rows = self.count(&catalogue, &table.relation.quoted()).await?;
            }
        }
        Ok(tables)
    }

    async fn count(&self, catalogue: &Catalogue, relation: &str) -> Result<u64, Fault> {
        let sql = format!("SELECT COUNT(*) FROM {relation}");
        let rows = self.query(catalogue, &sql).await?.take(1).await?;
        let count = rows.first().and_then(|row| row.first());
        count
            .and_then(Value::as_count)
            .ok_or_else(|| Fault::bug("the engine counted nothing"))
    }
}

/// An engine with the usual bounds, for a process that runs SQL.
pub fn engine(_: &Site<'_>) -> Result<Arc<dyn Engine>, Fault> {
    Ok(Arc::new(Embedded::new(&Settings::default())?))
}

/// What was written of a query.
pub struct Written {
    /// The columns.
    pub columns: Vec<Column>,
    /// The number of rows.
    pub rows: u64,
    /// The Parquet file, not committed yet.
    pub upload: Upload,
}

impl Embedded {
    /// The rows of one read-only query, in its order. The same query over the same files answers the same rows
    /// in the same order.
    pub async fn query(&self, catalogue: &Catalogue, sql: &str) -> Result<Rows, Fault> {
        let (runtime, catalogue) = (Arc::clone(&self.runtime), catalogue.clone());
        let sql = sql.to_owned();
        let work = async move {
            let frame = session::plan(&runtime, &catalogue, &sql).await?;
            let columns = types::columns(frame.schema().as_arrow());
            let columnar = frame.execute_stream().await.map_err(fault::from_engine)?;
            let batches = columnar.flat_map(|batch| match batch {
                Ok(batch) => stream::iter(values::pieces(batch)).left_stream(),
                Err(error) => stream::iter([Err(fault::from_engine(error))]).right_stream(),
            });
            Ok((columns, batches.boxed()))
        };
        self.threads.rows(work).await
    }

    /// Writes the rows of one read-only query as Parquet; the same query over the same files gives the same
    /// bytes. The upload is handed back to be committed.
    pub async fn materialise(
        &self,
        catalogue: &Catalogue,
        sql: &str,
        into: Upload,
    ) -> Result<Written, Fault> {
        let (runtime, catalogue) = (Arc::clone(&self.runtime), catalogue.clone());
        let sql = sql.to_owned();
        let work = async move {
            let frame = session::plan(&runtime, &catalogue, &sql).await?;
            keep::as_parquet(frame, into).await
        };
        self.threads.run(work).await
    }

    async fn keep(
        &self,
        work: &Work,
        catalogue: &Catalogue,
        model: &PlannedModel,
    ) -> Result<Materialised, Fault> {
        let (lake, run) = (&work.lake, &work.run.id);
        let upload = lake.upload(&model.relation, run, PART).await?;
        let written = self.materialise(catalogue, &model.sql, upload).await?;
        let file = lake.staged(written.upload, written.rows, &model.relation, run, PART);
        Ok(Materialised {
            columns: written.columns,
            files: vec![file.await?],
        })
    }
}

/// The name of the one file of a model's table.
const PART: &str = "000000";

#[async_trait]
impl Engine for Embedded {
    async fn rows(&self, _: &Work, query: &Query<'_>) -> Result<Rows, Fault> {
        self.query(query.catalogue, &query.sql).await
    }

    async fn materialise(
        &self,
        work: &Work,
        catalogue: &Catalogue,
        models: &[&PlannedModel],
    ) -> Result<Progress<Vec<Materialised>>, Fault> {
        let mut kept = Vec::new();
        for model in models {
            let made = self.keep(work, catalogue, model).await;
            kept.push(made.map_err(|fault| fault.with("model", &model.name))?);
        }
        Ok(Progress::Done(kept))
    }
}
