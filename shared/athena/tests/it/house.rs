//! An engine with its lake: DataFusion over a directory, or Athena over a bucket of the emulator.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array,
    Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use athena::Athena;
use edge::aws::Aws;
use edge::clock::Clock;
use edge::engine::{Catalogue, Engine, Query, Work, ask};
use edge::lake::{Lake, Published};
use edge::objects::Objects;
use edge::progress::Progress;
use embedded::{Embedded, Settings};
use emulator::Emulator;
use parquet::arrow::ArrowWriter;
use pipeline::destination::Write;
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile, Order, Publication, StagedTable, StagedWindow};
use pipeline::name::Name;
use pipeline::run::RunRef;
use pipeline::sql::Relation;
use tempfile::TempDir;

const BUCKET: &str = "lakehead-tests";

/// What the engine of a house stands on, as long as it is used.
enum Ground {
    Folder { _folder: TempDir },
    Aws { emulator: Emulator },
}

pub struct House {
    pub engine: Arc<dyn Engine>,
    pub lake: Lake,
    pub objects: Objects,
    pub exports: Objects,
    ground: Ground,
}

impl House {
    pub fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        House {
            engine: Arc::new(Embedded::new(&Settings::default()).expect("an engine")),
            lake: Lake::directory(folder.path().join("lake")),
            objects: Objects::directory(folder.path().join("objects")),
            exports: Objects::directory(folder.path().join("exports")),
            ground: Ground::Folder { _folder: folder },
        }
    }

    pub async fn athena() -> Self {
        let emulator = Emulator::start();
        emulator.bucket(BUCKET).await;
        let aws = aws(&emulator.endpoint);
        let below = |prefix| Objects::bucket(Arc::clone(&aws), BUCKET, prefix);
        House {
            engine: engine(&aws),
            lake: Lake::new(below("lake/")),
            objects: below("objects/"),
            exports: below("exports/"),
            ground: Ground::Aws { emulator },
        }
    }

    pub fn emulator(&self) -> &Emulator {
        match &self.ground {
            Ground::Aws { emulator } => emulator,
            Ground::Folder { .. } => panic!("there is no AWS in this house"),
        }
    }

    /// The catalogue of AWS, to look at and to meddle with.
    pub fn glue(&self) -> aws_sdk_glue::Client {
        aws_sdk_glue::Client::new(aws(&self.emulator().endpoint).config())
    }

    /// The same house as another process would have it, reached through another endpoint.
    pub fn engine_at(&self, endpoint: &str) -> Arc<dyn Engine> {
        engine(&aws(endpoint))
    }

    pub fn work(&self, run: &str) -> Work {
        let run = RunRef {
            pipeline: Name::new("gins").expect("a name"),
            id: run.to_owned(),
        };
        Work::of(&run, &self.objects, &self.lake)
    }

    /// Stages one file of a table, as a run's load would.
    pub async fn file(&self, table: &str, run: &str, name: &str, batch: &RecordBatch) -> DataFile {
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
        writer.write(batch).expect("written");
        writer.close().expect("closed");
        let key = format!("runs/{run}/{table}/{name}.parquet");
        self.objects.put(&key, bytes).await.expect("written");
        let stored = self.objects.measure(&key).await.expect("measured");
        let part = DataFile {
            key,
            rows: batch.num_rows() as u64,
            bytes: stored.bytes,
            sha256: stored.sha256,
        };
        let relation = Relation::new("gins", table);
        let staged = self.lake.stage(&self.objects, &part, &relation, run, name);
        staged.await.expect("staged")
    }

    /// A table that is one whole.
    pub async fn table(&self, run: &str, table: &str, batch: &RecordBatch) -> StagedTable {
        let file = self.file(table, run, "000000", batch).await;
        staged(table, batch, Write::Replace, vec![(None, vec![file])])
    }

    /// A table of which the run brings one window.
    pub async fn window(
        &self,
        run: &str,
        table: &str,
        write: Write,
        window: &str,
        batch: &RecordBatch,
    ) -> StagedTable {
        let files = match batch.num_rows() {
            0 => Vec::new(),
            _ => vec![self.file(table, run, "000000", batch).await],
        };
        staged(table, batch, write, vec![(Some(window), files)])
    }

    /// Publishes, and has the engine show it.
    pub async fn publish(&self, run: &str, order: u64, tables: Vec<StagedTable>) -> Published {
        let publication = publication(run, order, tables);
        let published = self.lake.publish(&publication).await.expect("published");
        self.show(run).await.expect("shown");
        published
    }

    pub async fn show(&self, run: &str) -> Result<(), Fault> {
        let work = self.work(run);
        until_done(async || self.engine.show(&work, "gins").await).await
    }

    /// The rows of a query over what is published, cells parted by bars.
    pub async fn rows(&self, run: &str, sql: &str) -> Result<Vec<String>, Fault> {
        let catalogue = self.lake.catalogue().await?;
        self.rows_over(run, &catalogue, sql).await
    }

    pub async fn rows_over(
        &self,
        run: &str,
        catalogue: &Catalogue,
        sql: &str,
    ) -> Result<Vec<String>, Fault> {
        let work = self.work(run);
        let queries = [Query {
            name: "rows".to_owned(),
            about: ("query", "rows".to_owned()),
            catalogue,
            sql: sql.to_owned(),
            most_rows: usize::MAX,
        }];
        let answers = until_done(async || ask(&*self.engine, &work, &queries).await).await?;
        let rows = answers[0].rows.iter();
        Ok(rows
            .map(|row| {
                let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
                cells.join("|")
            })
            .collect())
    }
}

fn engine(aws: &Arc<Aws>) -> Arc<dyn Engine> {
    Arc::new(Athena::new(aws, BUCKET, "primary", Clock::System))
}

/// Calls again and again, as the state machine does, until the work is done.
pub async fn until_done<T>(step: impl AsyncFn() -> Result<Progress<T>, Fault>) -> Result<T, Fault> {
    for _ in 0..MOST_CALLS {
        if let Progress::Done(outcome) = step().await? {
            return Ok(outcome);
        }
    }
    panic!("it is not done after {MOST_CALLS} calls");
}

const MOST_CALLS: usize = 2000;

pub fn publication(run: &str, order: u64, tables: Vec<StagedTable>) -> Publication {
    Publication {
        database: "gins".to_owned(),
        run: run.to_owned(),
        order: Order {
            as_of: String::new(),
            generation: order,
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
        description: Some(format!("What {} is.", field.name())),
    });
    StagedTable {
        table: table.to_owned(),
        description: Some(format!("All {table}.")),
        columns: columns.collect(),
        window_column: windows
            .iter()
            .any(|(window, _)| window.is_some())
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

fn type_name(data_type: &impl ToString) -> String {
    let text = data_type.to_string();
    match text.as_str() {
        "Utf8" => "string".to_owned(),
        "Boolean" => "bool".to_owned(),
        "Date32" => "date".to_owned(),
        other if other.starts_with("Timestamp") => "timestamp".to_owned(),
        "Decimal128(10, 2)" => "decimal(10,2)".to_owned(),
        other => other.to_lowercase(),
    }
}

fn batch<const N: usize>(columns: [(&str, ArrayRef); N]) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, column)| {
        let nullable = column.null_count() > 0;
        (name, column, nullable)
    });
    RecordBatch::try_from_iter_with_nullable(columns).expect("a batch")
}

pub fn ids(values: Vec<i64>) -> RecordBatch {
    batch([("id", Arc::new(Int64Array::from(values)) as ArrayRef)])
}

/// Days since the epoch.
pub const A_DAY: i32 = 19_807;

/// Rows of a day: an id and the day itself.
pub fn of_day(day: i32, values: Vec<i64>) -> RecordBatch {
    let days = vec![A_DAY + day; values.len()];
    batch([
        ("id", Arc::new(Int64Array::from(values)) as ArrayRef),
        ("day", Arc::new(Date32Array::from(days))),
    ])
}

/// A column of every type that a definition can declare and every warehouse has.
pub fn of_every_type() -> RecordBatch {
    let prices = Decimal128Array::from(vec![Some(1230), None, Some(-5)]);
    let prices = prices.with_precision_and_scale(10, 2).expect("fits");
    // 2024-03-25T10:00:00.5
    let seen = 1_711_360_800_500_000;
    batch([
        (
            "id",
            Arc::new(Int64Array::from(vec![i64::MAX, 2, 3])) as ArrayRef,
        ),
        (
            "small",
            Arc::new(Int16Array::from(vec![Some(-1), None, Some(7)])),
        ),
        (
            "count",
            Arc::new(Int32Array::from(vec![Some(100), Some(0), None])),
        ),
        (
            "name",
            Arc::new(StringArray::from(vec![
                Some("Juno, \"R\" é"),
                Some(""),
                None,
            ])),
        ),
        (
            "abv",
            Arc::new(Float64Array::from(vec![Some(47.11), Some(40.0), None])),
        ),
        ("price", Arc::new(prices)),
        (
            "ok",
            Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])),
        ),
        (
            "born",
            Arc::new(Date32Array::from(vec![Some(A_DAY), None, Some(-1)])),
        ),
        (
            "seen",
            Arc::new(TimestampMicrosecondArray::from(vec![
                Some(seen),
                None,
                Some(0),
            ])),
        ),
    ])
}

/// AWS at an endpoint.
pub fn aws(endpoint: &str) -> Arc<Aws> {
    Arc::new(Aws::over(emulator::config(endpoint)).expect("a region"))
}
