//! What a run publishes: its tables with their staged files, window by window.

use std::collections::BTreeMap;

use edge::env::Env;
use edge::run::Run;
use pipeline::balance::{SliceOutcome, TableOutcome};
use pipeline::destination::{Lake, Write};
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile, Publication, StagedTable, StagedWindow};
use pipeline::name::Name;
use pipeline::plan::Period;

use crate::gathered::Gathered;

/// The publication of a run into the lake.
pub async fn of(run: &Run, gathered: &Gathered, env: &Env) -> Result<Publication, Fault> {
    let definition = &run.pipeline.definition;
    let lake = definition.destinations.lake.as_ref();
    let lake = lake.ok_or_else(|| Fault::bad_definition("the definition has no destination"))?;
    let mut tables = Vec::new();
    for (name, table) in &definition.tables {
        let write = lake.write_of(name);
        tables.push(StagedTable {
            table: name.to_string(),
            description: table.description.clone(),
            columns: columns(name, gathered)?,
            window_column: by_window(write)
                .then(|| lake.window_column().cloned())
                .flatten()
                .map(String::from),
            write,
            view: None,
            windows: windows(run, name, lake, write, gathered)?,
        });
    }
    Ok(Publication {
        database: definition.database().to_owned(),
        run: run.reference.id.clone(),
        order: run.order(&env.objects).await?,
        tables,
    })
}

/// The key of every table.
pub fn keys(run: &Run) -> BTreeMap<String, Vec<String>> {
    let tables = run.pipeline.definition.tables.iter();
    let key = tables.map(|(name, table)| {
        let columns = table.key.iter().map(|column| column.value.to_string());
        (name.to_string(), columns.collect())
    });
    key.collect()
}

fn by_window(write: Write) -> bool {
    matches!(write, Write::ReplaceWindow | Write::CreateOnly)
}

/// The columns of a table, the same in every slice that has rows of it; a slice without rows may not know them.
fn columns(name: &Name, gathered: &Gathered) -> Result<Vec<Column>, Fault> {
    let slices = gathered.slices.iter();
    let made = slices.filter_map(|(outcome, _)| Some((outcome, outcome.tables.get(name)?)));
    let made: Vec<(&SliceOutcome, &TableOutcome)> = made.collect();
    let with_rows = made.iter().find(|(_, table)| table.rows.kept > 0);
    let (first, chosen) = with_rows
        .or(made.first())
        .ok_or_else(|| Fault::bug(format!("no slice made `{name}`")))?;
    for (other, table) in made.iter().filter(|(_, table)| table.rows.kept > 0) {
        if let Some((one, another)) = difference(&chosen.columns, &table.columns) {
            return Err(Fault::bad_data(format!(
                "the slices of `{name}` do not have the same columns: where {} has {one}, {} has {another}; declare the columns instead of `columns: infer`",
                first.slice.id, other.slice.id
            )));
        }
    }
    Ok(chosen.columns.clone())
}

/// The first column in which two slices of a table differ, in words.
fn difference(one: &[Column], another: &[Column]) -> Option<(String, String)> {
    let words = |column: Option<&Column>| match column {
        Some(Column {
            name,
            type_name,
            nullable,
            ..
        }) => {
            let null = if *nullable { "" } else { " not null" };
            format!("`{name}` {type_name}{null}")
        }
        None => "no more columns".to_owned(),
    };
    let longest = one.len().max(another.len());
    let mut pairs = (0..longest).map(|at| (words(one.get(at)), words(another.get(at))));
    pairs.find(|(one, another)| one != another)
}

fn windows(
    run: &Run,
    name: &Name,
    lake: &Lake,
    write: Write,
    gathered: &Gathered,
) -> Result<Vec<StagedWindow>, Fault> {
    if !by_window(write) {
        // A table that is one whole is made of the newest window alone, unless rows are added to it.
        let newest = run.newest()?;
        let periods = match write {
            Write::Append => &run.periods[..],
            _ => std::slice::from_ref(newest),
        };
        let files = periods
            .iter()
            .flat_map(|period| files(name, period, gathered));
        return Ok(vec![StagedWindow {
            window: None,
            files: files.collect(),
        }]);
    }
    let staged = run.periods.iter().map(|period| {
        let values = run.pipeline.values(period);
        let window = lake
            .window(|name| values.get(name).cloned())
            .map_err(|unfilled| Fault::bad_definition(unfilled.to_string()))?;
        Ok(StagedWindow {
            window,
            files: files(name, period, gathered),
        })
    });
    staged.collect()
}

fn files(name: &Name, period: &Period, gathered: &Gathered) -> Vec<DataFile> {
    let of_window = gathered
        .slices
        .iter()
        .filter(|(outcome, _)| outcome.slice.window == period.key);
    let parts = of_window.filter_map(|(_, staged)| staged.parts.get(name));
    parts.flatten().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(written: &[(&str, &str)]) -> Vec<Column> {
        let column = |(name, type_name): &(&str, &str)| Column {
            name: (*name).to_owned(),
            type_name: (*type_name).to_owned(),
            nullable: true,
            description: None,
        };
        written.iter().map(column).collect()
    }

    #[test]
    fn the_first_difference_of_columns_is_named() {
        let one = [("id", "Int64"), ("name", "Utf8")];
        for (another, found) in [
            (&one[..], None),
            (&[("id", "Int64")], Some(("`name` Utf8", "no more columns"))),
            (
                &[("id", "Float64"), ("name", "Utf8")],
                Some(("`id` Int64", "`id` Float64")),
            ),
            (
                &[("name", "Utf8"), ("id", "Int64")],
                Some(("`id` Int64", "`name` Utf8")),
            ),
        ] {
            let difference = difference(&columns(&one), &columns(another));
            let shown = difference.as_ref().map(|(a, b)| (a.as_str(), b.as_str()));
            assert_eq!(shown, found);
        }
    }
}
