//! `lakehead query`: SQL over the published tables.

use std::path::Path;

use crate::arguments::{Query, RowFormat};
use crate::output::{Exit, Failure};
use crate::run;
use embedded::{Embedded, Settings};

/// Runs one query and writes its rows to standard output.
pub async fn query(options: &Query, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, None)?;
    let engine = Embedded::new(&Settings::default())?;
    let rows = engine.query_lake(&env.lake, &options.sql).await?;
    let mut out = std::io::stdout();
    match options.format {
        RowFormat::Table => embedded::write_table(rows, &mut out).await?,
        RowFormat::Csv => embedded::write_csv(rows, &mut out).await?,
        RowFormat::Json => embedded::write_json(rows, &mut out).await?,
    };
    Ok(Exit::Done)
}
