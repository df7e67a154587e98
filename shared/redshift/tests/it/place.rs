//! A place for runs of a test: a bucket and a database of its own, and runs whose rows are as the test writes them.

use std::io;
use std::sync::Arc;

use edge::aws::Aws;
use edge::env::{Env, Places};
use edge::progress::Progress;
use edge::run::{Run, StoredPlan, StoredRun, store};
use edge::secrets::SecretStore;
use edge::settings::{RedshiftSettings, Settings};
use emulator::Emulator;
use indexmap::IndexMap;
use pipeline::balance::{RecordCounts, SliceOutcome, TableOutcome};
use pipeline::definition::Bundle;
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile};
use pipeline::layout::RunKeys;
use pipeline::name::Name;
use pipeline::path::Path;
use pipeline::plan::asked_for;
use pipeline::run::{Fetched, PlanOutput, PlanStatus, Reads, RunRef, RunRequest, Slice, SliceList};
use table::{Compiled, References, Reject, Sinks, Sizes};

use crate::postgres::Postgres;

/// The bucket of every test; each has an emulator of its own.
pub const BUCKET: &str = "lakehead-test";

/// One table with a key, replaced as a whole.
pub const ONE: &str = "tables:
  t:
    from: things
    key: [id]
    columns:
      id: { from: $.id, type: int32, required: true }
      v: { from: $.v, type: int64 }
destinations: { redshift: { schema: w } }
";

/// AWS at an endpoint.
pub fn aws(endpoint: &str) -> Arc<Aws> {
    Arc::new(Aws::over(emulator::config(endpoint)).expect("a region"))
}

/// A warehouse with what stands around it.
pub struct Place {
    pub emulator: Emulator,
    pub postgres: Postgres,
    pub env: Env,
    _directory: tempfile::TempDir,
}

/// A run, and what its slices came to.
pub struct Begun {
    pub run: Run,
    pub outcomes: Vec<SliceOutcome>,
}

impl Place {
    /// A place on AWS.
    pub async fn on_aws() -> Self {
        let postgres = Postgres::start();
        let emulator = Emulator::over(&postgres.url());
        emulator.bucket(BUCKET).await;
        Place {
            env: env_on_aws(aws(&emulator.endpoint)),
            emulator,
            postgres,
            _directory: tempfile::tempdir().expect("a directory"),
        }
    }

    /// The same place by another way to AWS.
    pub fn by(&self, endpoint: &str) -> Env {
        env_on_aws(aws(endpoint))
    }

    /// What a question to the warehouse answers.
    pub fn sql(&self, statements: &str) -> String {
        self.postgres.sql(statements)
    }

    /// Begins a run and brings it as far as its rows are typed.
    pub async fn begin(&self, run: &str, second: u32, definition: &str, rows: &str) -> Begun {
        begin(&self.env, run, second, definition, &[], rows).await
    }

    /// Publishes, however often it takes.
    pub async fn publish(&self, begun: &Begun) -> Result<redshift::Outcome, Fault> {
        publish(&self.env, begun).await
    }

    /// Begins a run and publishes it.
    pub async fn published(&self, run: &str, second: u32, definition: &str, rows: &str) -> Begun {
        let begun = self.begin(run, second, definition, rows).await;
        let outcome = self.publish(&begun).await;
        outcome.unwrap_or_else(|fault| panic!("{run}: {fault}"));
        begun
    }

    /// Everything that a run may leave behind: tables and procedures of its own, and notes of them.
    pub fn leftovers(&self, schema: &str) -> String {
        self.sql(&format!(
            "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE '\\_staged%' AND relname <> '_staged' AND relkind IN ('r', 'v')) \
             + (SELECT count(*) FROM {schema}._staged) + (SELECT count(*) FROM pg_proc WHERE proname LIKE '\\_publish%')"
        ))
    }
}

fn env_on_aws(aws: Arc<Aws>) -> Env {
    let settings = Settings {
        bucket: Some(BUCKET.to_owned()),
        redshift: Some(RedshiftSettings {
            workgroup: "lakehead".to_owned(),
            database: "postgres".to_owned(),
            role: "arn:aws:iam::123456789012:role/lakehead-redshift".to_owned(),
        }),
        ..Settings::default()
    };
    Env::in_bucket(aws, BUCKET, settings, None).expect("handles")
}

/// A place on this machine, for a run into PostgreSQL.
pub fn env_here(root: &std::path::Path, url: &str) -> Env {
    let secrets = root.join("secrets");
    std::fs::write(&secrets, format!("LAKEHEAD_SECRET_W_URL={url}\n")).expect("written");
    let places = Places {
        root: root.to_owned(),
        pipelines: root.join("pipelines"),
    };
    let secrets = SecretStore::over(|_| None, Some(&secrets)).expect("secrets");
    Env::local(&places, Settings::default(), secrets, None).expect("handles")
}

/// Publishes into Redshift, however often it has to be called.
pub async fn publish(env: &Env, begun: &Begun) -> Result<redshift::Outcome, Fault> {
    let target = redshift::Target::open(&begun.run, env).await?;
    let target = target.expect("a destination");
    for outcome in &begun.outcomes {
        target.stage(outcome).await?;
    }
    for _ in 0..CALLS {
        match call(&target, begun).await? {
            Progress::Done(outcome) => return Ok(outcome),
            Progress::Running { wait_seconds } => assert!((1..=30).contains(&wait_seconds)),
        }
    }
    panic!("it never ends");
}

/// How often a step is called at most until it is done.
pub const CALLS: u32 = 5000;

/// Calls publish once.
pub async fn call(
    target: &redshift::Target<'_>,
    begun: &Begun,
) -> Result<Progress<redshift::Outcome>, Fault> {
    let outcomes: Vec<&SliceOutcome> = begun.outcomes.iter().collect();
    let tables: IndexMap<&Name, &[Column]> = begun
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.tables)
        .map(|(name, made)| (name, made.columns.as_slice()))
        .collect();
    let tables: Vec<(&Name, &[Column])> = tables.into_iter().collect();
    target.publish(&tables, &outcomes).await
}

/// Begins a run that started at a second of a morning, and types its rows: one page of records.
pub async fn begin(
    env: &Env,
    run: &str,
    second: u32,
    definition: &str,
    files: &[(&str, &str)],
    rows: &str,
) -> Begun {
    let text = format!(
        "version: 1\ndescription: A test.\nsource: {{ base_url: \"https://w.example\" }}\nresources: {{ things: {{ path: /things }} }}\n{definition}"
    );
    let bundle = Bundle {
        name: Name::new("w").expect("a name"),
        text,
        files: files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    };
    begin_of(env, run, second, bundle, &[("things", rows)]).await
}

/// Begins a run of a pipeline whose resources and references answer one page each.
pub async fn begin_of(
    env: &Env,
    run: &str,
    second: u32,
    bundle: Bundle,
    pages: &[(&str, &str)],
) -> Begun {
    let request = serde_json::json!({ "pipeline": bundle.name });
    let request: RunRequest = serde_json::from_value(request).expect("a request");
    let started_at = format!("2026-11-20T05:30:{second:02}Z");
    let checked = bundle.pipeline(&IndexMap::new());
    let checked = checked.unwrap_or_else(|problems| panic!("{problems}"));
    let start = started_at.parse().expect("a time");
    let periods = asked_for(&checked.definition, &request, start).expect("periods");
    let keys = RunKeys::new(&bundle.name, run);
    let reference = RunRef {
        pipeline: bundle.name.clone(),
        id: run.to_owned(),
    };
    let stored = StoredRun {
        bundle,
        parameters: checked.parameters.clone(),
        request,
        started_at,
        windows: periods.iter().map(|period| period.key.clone()).collect(),
        reaches: IndexMap::new(),
    };
    let objects = &env.objects;
    let done = store(objects, &keys.definition(), &stored).await;
    done.expect("stored");
    let plan = StoredPlan {
        output: PlanOutput {
            run: reference.clone(),
            status: PlanStatus::Planned,
            slices: SliceList {
                bucket: String::new(),
                key: String::new(),
                results: String::new(),
                count: 1,
                tolerated_failures: 0,
                max_concurrency: 1,
                workers: 1,
            },
        },
        generation: 0,
        listed_twice: 0,
        sent: 0,
        retried: 0,
        pages: 0,
    };
    store(objects, &keys.plan(), &plan).await.expect("stored");
    let run = Run::load(objects, &reference).await.expect("a run");
    let mut outcomes = Vec::new();
    for (resource, page) in pages {
        outcomes.push(typed(env, &run, resource, page).await);
    }
    Begun { run, outcomes }
}

/// Parts in memory.
struct Memory;

impl Sinks for Memory {
    type Part = Vec<u8>;

    fn part(&mut self, _table: &Name, _number: u32) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        panic!("{}: {}", reject.pointer, reject.reason)
    }
}

/// Types a page of records into Parquet, as transform does.
async fn typed(env: &Env, run: &Run, resource: &str, page: &str) -> SliceOutcome {
    let definition = &run.pipeline.definition;
    let tables = run.pipeline.tables_of(resource);
    let declared = definition.resources.get(resource);
    let records: &[Path] = declared.map_or(&[], |resource| resource.records.paths());
    let mut references = References::default();
    for (name, reference) in &definition.references {
        let text = &run.pipeline.files[&reference.file.value];
        references.add(name, text).expect("CSV");
    }
    let compiled = Compiled::new(&tables, records, &references, |_| None);
    let compiled = compiled.expect("compiles");
    let mut writer = compiled.writer(Sizes::default(), Memory);
    writer.page(0, page.as_bytes()).expect("no fault");
    let written = writer.finish().expect("balances");
    let mut made = IndexMap::new();
    for (name, table) in written.tables {
        let mut parts = Vec::new();
        for (number, part) in table.parts.into_iter().enumerate() {
            let key = run.keys.part(resource, &name, number);
            parts.push(DataFile {
                key: key.clone(),
                rows: part.rows,
                bytes: part.sink.len() as u64,
                sha256: edge::objects::sha256(&part.sink),
            });
            env.objects.put(&key, part.sink).await.expect("put");
        }
        let columns = tables[&name].columns.declared().into_iter().flatten();
        let columns = columns.map(|(name, column)| Column {
            name: name.to_string(),
            type_name: column.column_type.to_string(),
            nullable: !column.is_never_null(),
            description: column.description.clone(),
        });
        let outcome = TableOutcome {
            rows: table.counts,
            columns: columns.collect(),
            parts,
        };
        made.insert(name, outcome);
    }
    SliceOutcome {
        slice: Slice {
            id: resource.to_owned(),
            resource: Name::new(resource).expect("a name"),
            reads: Reads::Pages,
            window: run.newest().expect("a window").key.clone(),
            begin: None,
            raw_of: None,
        },
        fetched: Fetched::default(),
        missing_ids: Vec::new(),
        records: RecordCounts::default(),
        tables: made,
        rejects: None,
    }
}

/// Makes the models, however often it takes.
pub async fn refresh(env: &Env, begun: &Begun) -> Result<u64, Fault> {
    let target = redshift::Target::open(&begun.run, env).await?;
    let target = target.expect("a destination");
    for _ in 0..CALLS {
        if let Progress::Done(made) = target.refresh().await? {
            return Ok(made);
        }
    }
    panic!("it never ends");
}
