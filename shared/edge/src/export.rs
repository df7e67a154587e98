//! Writes a pipeline's exports from published tables.

use std::io::Write;

use futures::StreamExt;
use pipeline::export::{CsvExport, Export};
use pipeline::fault::Fault;
use pipeline::sql::Relation;
use pipeline::value::Value;
use serde::{Deserialize, Serialize};

use crate::engine::{Catalogue, Engine};
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

/// Writes an export as `<pipeline>/<path>` among `exports` (locally `<root>/exports`), whole or not at all; the
/// same table gives the same bytes. `relation` is where the export's table is, `fill` knows the run's values.
pub async fn write(
    engine: &dyn Engine,
    catalogue: &Catalogue,
    export: &Export,
    relation: &Relation,
    fill: impl Fn(&str) -> Option<String>,
    exports: &Objects,
    pipeline: &str,
) -> Result<Exported, Fault> {
    let Export::Csv(csv) = export;
    let path = csv.path.fill(fill);
    let path = path.map_err(|unfilled| Fault::bad_definition(unfilled.to_string()))?;
    let key = format!("{pipeline}/{path}");
    let mut upload = exports.upload(&key).await.map_err(|error| match error {
        bad @ crate::objects::Error::BadKey(..) => Fault::bad_definition(bad.to_string()),
        other => other.into(),
    })?;
    let rows = write_csv(engine, catalogue, csv, relation, &mut upload)
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
    catalogue: &Catalogue,
    csv: &CsvExport,
    relation: &Relation,
    upload: &mut Upload,
) -> Result<u64, Fault> {
    let mut rows = engine.query(catalogue, &csv.sql(relation)).await?;
    let columns: Vec<String> = rows.columns.iter().map(|c| c.name.clone()).collect();
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
