//! `lakehead tables`: the published tables with their columns and files.

use std::fmt::Write;
use std::path::Path;

use crate::arguments::{Format, Tables};
use crate::output::{Exit, Failure, print, print_json};
use crate::report::thousands;
use crate::run;
use embedded::{Embedded, Settings};

/// Lists the tables.
pub async fn tables(options: &Tables, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, None)?;
    let tables = Embedded::new(&Settings::default())?
        .tables(&env.lake)
        .await?;
    if options.format == Format::Json {
        print_json(&tables)?;
        return Ok(Exit::Done);
    }
    let mut out = String::new();
    for table in &tables {
        let files = match table.files.len() {
            1 => "1 file".to_owned(),
            count => format!("{count} files"),
        };
        let relation = format!("{}.{}", table.relation.database, table.relation.table);
        let _ = writeln!(out, "{relation}  {} rows in {files}", thousands(table.rows));
        if let Some(description) = &table.description {
            let _ = writeln!(out, "  {description}");
        }
        for column in &table.columns {
            let null = if column.nullable { "" } else { " not null" };
            let description = column.description.as_deref().unwrap_or_default();
            let kind = format!("{}{null}", column.type_name);
            let line = format!("    {:<28} {kind:<22} {description}", column.name);
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    if tables.is_empty() {
        out += "nothing is published below this root; run a pipeline first\n";
    }
    print(&out)?;
    Ok(Exit::Done)
}
