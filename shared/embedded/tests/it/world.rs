//! A lake in a temporary folder, filled from Arrow batches.

use std::collections::BTreeMap;

use arrow_array::{Array, ArrayRef, RecordBatch};
use edge::engine::{Row, Work};
use edge::lake::{Lake, Published};
use edge::objects::Objects;
use edge::progress::Progress;
use embedded::{Embedded, Settings};
use parquet::arrow::ArrowWriter;
use pipeline::destination::Write;
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile, Order, Publication, StagedTable, StagedWindow};
use pipeline::name::Name;
use pipeline::run::RunRef;
use pipeline::sql::Relation;
use tempfile::TempDir;

pub struct World {
    pub folder: TempDir,
    pub engine: Embedded,
    pub lake: Lake,
    parts: Objects,
}

impl World {
    pub fn new() -> Self {
        Self::with(&Settings::default())
    }

    pub fn with(settings: &Settings) -> Self {
        // A name that a careless path, URL or pattern would read as something else.
        let folder = tempfile::Builder::new()
            .prefix("a b%20[c]*é")
            .tempdir()
            .expect("a folder");
        World {
            engine: Embedded::new(settings).expect("an engine"),
            lake: Lake::directory(folder.path().join("lake")),
            parts: Objects::directory(folder.path().join("objects")),
            folder,
        }
    }

    /// Stages one file of a table, as a run's load would.
    pub async fn file(
        &self,
        relation: &Relation,
        run: &str,
        name: &str,
        batch: &RecordBatch,
    ) -> DataFile {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
        writer.write(batch).expect("written");
        writer.close().expect("closed");
        let key = format!("runs/{run}/{}/{name}.parquet", relation.table);
        self.parts.put(&key, bytes).await.expect("written");
        let stored = self.parts.measure(&key).await.expect("measured");
        let part = DataFile {
            key,
            rows: batch.num_rows() as u64,
            bytes: stored.bytes,
            sha256: stored.sha256,
        };
        let staged = self
            .lake
            .stage(&self.parts, &part, relation, run, name)
            .await;
        staged.expect("staged")
    }

    /// Stages a table of one file.
    pub async fn table(&self, run: &str, name: &str, batch: &RecordBatch) -> StagedTable {
        let file = self
            .file(&Relation::new("gins", name), run, "000000", batch)
            .await;
        staged(name, batch, Write::Replace, vec![(None, vec![file])])
    }

    pub async fn publish(&self, run: &str, generation: u64, tables: Vec<StagedTable>) -> Published {
        let publication = publication(run, generation, tables);
        self.lake.publish(&publication).await.expect("published")
    }

    /// What the engine works for in a run.
    pub fn work(&self, run: &str) -> Work {
        let run = RunRef {
            pipeline: Name::new("gins").expect("a name"),
            id: run.to_owned(),
        };
        Work::of(&run, &self.parts, &self.lake)
    }

    pub async fn rows(&self, sql: &str) -> Result<Vec<Row>, Fault> {
        self.engine
            .query_lake(&self.lake, sql)
            .await?
            .take(usize::MAX)
            .await
    }

    /// The rows as text, cells parted by bars.
    pub async fn shown(&self, sql: &str) -> Vec<String> {
        let rows = self.rows(sql).await.expect(sql);
        rows.iter().map(cells).collect()
    }

    pub async fn sha256_of(&self, sql: &str) -> String {
        let catalogue = self.lake.catalogue().await.expect("read");
        let upload = self.parts.upload("kept").await.expect("begun");
        let made = self
            .engine
            .materialise(&catalogue, sql, upload)
            .await
            .expect(sql);
        made.upload.commit().await.expect("committed").sha256
    }
}

/// What came of work of an engine that is done at once.
pub fn done<T>(progress: Progress<T>) -> T {
    match progress {
        Progress::Done(outcome) => outcome,
        Progress::Running { .. } => panic!("it goes on"),
    }
}

pub fn cells(row: &Row) -> String {
    let texts: Vec<String> = row.iter().map(ToString::to_string).collect();
    texts.join("|")
}

pub fn publication(run: &str, generation: u64, tables: Vec<StagedTable>) -> Publication {
    Publication {
        database: "gins".to_owned(),
        run: run.to_owned(),
        order: Order {
            as_of: String::new(),
            generation,
        },
        tables,
    }
}

pub fn staged(
    table: &str,
    like: &RecordBatch,
    write: Write,
    windows: Vec<(Option<&str>, Vec<DataFile>)>,
) -> StagedTable {
    let columns = like.schema();
    let columns = columns.fields().iter().map(|field| Column {
        name: field.name().clone(),
        type_name: type_name(field.data_type()),
        nullable: field.is_nullable(),
        description: None,
    });
    let windows: BTreeMap<Option<&str>, Vec<DataFile>> = windows.into_iter().collect();
    StagedTable {
        table: table.to_owned(),
        description: None,
        columns: columns.collect(),
        window_column: windows
            .keys()
            .any(Option::is_some)
            .then(|| "day".to_owned()),
        write,
        view: None,
        windows: windows
            .into_iter()
            .map(|(window, files)| StagedWindow {
                window: window.map(str::to_owned),
                files,
            })
            .collect(),
    }
}

fn type_name(data_type: &arrow_schema::DataType) -> String {
    match data_type.to_string().as_str() {
        "Utf8" => "string".to_owned(),
        other => other.to_lowercase(),
    }
}

pub fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, column)| {
        let nullable = column.null_count() > 0;
        (name, column, nullable)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("a batch")
}
