//! Writes a pipeline's exports from published tables.

use std::io::Write;

use futures::StreamExt;
use pipeline::export::Export;
use pipeline::fault::Fault;
use pipeline::sql::Relation;
use pipeline::value::Value;
use serde::{Deserialize, Serialize};

use crate::engine::{Catalogue, Engine, Query, Work};
use crate::objects::{Objects, Upload};

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// Its key among the exports.
    pub key: String,
    /// Its rows, without the line of names.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// An export to be written, and the query for its rows.
pub struct Job<'a> {
    export: &'a Export,
    /// The query, to be prepared before the export is written.
    pub query: Query<'a>,
    /// The columns of the table, where they are known: an engine may spell them otherwise.
    known: Vec<&'a str>,
}

impl<'a> Job<'a> {
    /// The job of an export. `relation` is where its table is, `name` what its query is called.
    pub fn new(
        export: &'a Export,
        relation: &Relation,
        catalogue: &'a Catalogue,
        name: String,
    ) -> Self {
        let Export::Csv(csv) = export;
        let columns = catalogue.get(relation).into_iter();
        let columns = columns.flat_map(|source| &source.columns);
        let known: Vec<&str> = columns.map(|column| column.name.as_str()).collect();
        Job {
            export,
            query: Query {
                name,
                about: ("export", csv.path.to_string()),
                catalogue,
                sql: csv.sql(relation, &known),
                most_rows: usize::MAX,
            },
            known,
        }
    }

    /// The name of a column as the table has it.
    fn spelt(&self, name: &str) -> String {
        let mut known = self.known.iter();
        let known = known.find(|known| known.eq_ignore_ascii_case(name));
        known.map_or_else(|| name.to_owned(), |known| (*known).to_owned())
    }
}

/// Writes an export as `<pipeline>/<path>` among `exports` (locally `<root>/exports`), whole or not at all; the
/// same table gives the same bytes. Its query is prepared, `fill` knows the run's values.
pub async fn write(
    engine: &dyn Engine,
    work: &Work,
    job: &Job<'_>,
    fill: impl Fn(&str) -> Option<String>,
    exports: &Objects,
) -> Result<Exported, Fault> {
    let Export::Csv(csv) = job.export;
    let pipeline = &work.run.pipeline;
    let path = csv.path.fill(fill);
    let path = path.map_err(|unfilled| Fault::bad_definition(unfilled.to_string()))?;
    let key = format!("{pipeline}/{path}");
    let mut upload = exports.upload(&key).await.map_err(|error| match error {
        bad @ crate::objects::Error::BadKey(..) => Fault::bad_definition(bad.to_string()),
        other => other.into(),
    })?;
    let rows = write_csv(engine, work, job, &mut upload)
        .await
        .map_err(|fault| fault.with("export", &path))?;
    let stored = upload.commit().await?;
    Ok(Exported {
        key,
        rows,
        bytes: stored.bytes,
        sha256: stored.sha256,
    })
}

async fn write_csv(
    engine: &dyn Engine,
    work: &Work,
    job: &Job<'_>,
    upload: &mut Upload,
) -> Result<u64, Fault> {
    let Export::Csv(csv) = job.export;
    let mut rows = engine.rows(work, &job.query).await?;
    let columns: Vec<String> = rows.columns.iter().map(|c| job.spelt(&c.name)).collect();
    let header = csv.header(&columns);
    let dialect = csv.dialect();
    let mut text = Vec::new();
    dialect.write_header(header.iter().map(|(_, name)| name.as_str()), &mut text);
    let mut written = 0;
    while let Some(batch) = rows.batches.next().await {
        for row in batch? {
            let cells: Vec<Value> = header
                .iter()
                .map(|(index, _)| row[*index].clone())
                .collect();
            dialect.write_row(&cells, &mut text);
            written += 1;
        }
        upload.write_all(&text).map_err(unwritten)?;
        upload.settle().await?;
        text.clear();
    }
    upload.write_all(&text).map_err(unwritten)?;
    Ok(written)
}

fn unwritten(error: std::io::Error) -> Fault {
    Fault::transient(error.to_string())
}
