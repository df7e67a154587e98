//! A query's answer as text: for a person, for a spreadsheet, for a program.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Write};

use edge::engine::{Row, Rows};
use futures::StreamExt;
use pipeline::csv::Dialect;
use pipeline::fault::Fault;
use pipeline::value::Value;

/// The longest cell that a person is shown.
const CELL_CHARACTERS: usize = 40;
/// The most rows that a person is shown.
const SHOWN_ROWS: usize = 1000;

/// Writes CSV by RFC 4180: a line of names, null as nothing, empty text as `""`. Answers the rows.
pub async fn write_csv(mut rows: Rows, out: &mut (dyn Write + Send)) -> Result<u64, Fault> {
    let mut text = Vec::new();
    let names = rows.columns.iter().map(|column| column.name.as_str());
    Dialect::RFC_4180.write_header(names, &mut text);
    let mut written = 0;
    while let Some(batch) = rows.batches.next().await {
        for row in batch? {
            Dialect::RFC_4180.write_row(&row, &mut text);
            written += 1;
        }
        if !goes_on(out.write_all(&text))? {
            return Ok(written);
        }
        text.clear();
    }
    goes_on(out.write_all(&text))?;
    Ok(written)
}

/// Writes JSON: one array of objects, numbers exact, times in ISO 8601. Answers the rows.
pub async fn write_json(mut rows: Rows, out: &mut (dyn Write + Send)) -> Result<u64, Fault> {
    let names: Vec<String> = rows
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect();
    let different: BTreeSet<&String> = names.iter().collect();
    if different.len() < names.len() {
        return Err(Fault::bad_definition(
            "two columns of the query have the same name; name one of them otherwise",
        ));
    }
    let mut written = 0;
    let mut text = b"[".to_vec();
    while let Some(batch) = rows.batches.next().await {
        for row in batch? {
            text.extend_from_slice(if written == 0 { b"\n  " } else { b",\n  " });
            let object = Value::Struct(names.iter().cloned().zip(row).collect());
            serde_json::to_writer(&mut text, &object)
                .map_err(|error| Fault::bug(error.to_string()))?;
            written += 1;
        }
        if !goes_on(out.write_all(&text))? {
            return Ok(written);
        }
        text.clear();
    }
    text.extend_from_slice(if written == 0 { b"]\n" } else { b"\n]\n" });
    goes_on(out.write_all(&text))?;
    Ok(written)
}

/// Writes aligned text for a person: long cells are cut, the number of rows stands below. Answers the rows.
pub async fn write_table(mut rows: Rows, out: &mut (dyn Write + Send)) -> Result<u64, Fault> {
    let names: Vec<String> = rows.columns.iter().map(|c| cell(&c.name)).collect();
    let mut shown: Vec<Vec<Shown>> = Vec::new();
    let mut total = 0;
    while let Some(batch) = rows.batches.next().await {
        for row in batch? {
            total += 1;
            if shown.len() < SHOWN_ROWS {
                shown.push(row_cells(&row));
            }
        }
    }
    goes_on(out.write_all(aligned(&names, &shown, total).as_bytes()))?;
    Ok(total)
}

struct Shown {
    text: String,
    is_number: bool,
}

fn row_cells(row: &Row) -> Vec<Shown> {
    let cells = row.iter().map(|value| Shown {
        text: cell(&value.to_string()),
        is_number: value.is_number(),
    });
    cells.collect()
}

/// The text on one line, no longer than is good to read; what would move the cursor is a dot.
fn cell(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '·' } else { c };
    let mut shown: String = text
        .chars()
        .take(CELL_CHARACTERS + 1)
        .map(visible)
        .collect();
    if shown.chars().count() > CELL_CHARACTERS {
        shown = shown.chars().take(CELL_CHARACTERS - 1).collect();
        shown.push('…');
    }
    shown
}

fn aligned(names: &[String], rows: &[Vec<Shown>], total: u64) -> String {
    let width = |index: usize| {
        let cells = rows.iter().map(|row| row[index].text.chars().count());
        cells
            .chain([names[index].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..names.len()).map(width).collect();
    // A column of numbers has its name above their last digits.
    let is_number = |index: usize| rows.iter().any(|row| row[index].is_number);
    let header: Vec<(&str, bool)> = names
        .iter()
        .enumerate()
        .map(|(index, name)| (name.as_str(), is_number(index)))
        .collect();
    let mut text = line(&header, &widths);
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    text += &format!("{}\n", rule.join("  "));
    for row in rows {
        let cells: Vec<(&str, bool)> = row
            .iter()
            .map(|shown| (shown.text.as_str(), shown.is_number))
            .collect();
        text += &line(&cells, &widths);
    }
    text + &below(rows.len() as u64, total)
}

fn line(cells: &[(&str, bool)], widths: &[usize]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|((text, to_the_right), width)| match to_the_right {
            true => format!("{text:>width$}"),
            false => format!("{text:<width$}"),
        })
        .collect();
    format!("{}\n", padded.join("  ").trim_end())
}

fn below(shown: u64, total: u64) -> String {
    match total {
        1 => "1 row\n".to_owned(),
        _ if shown < total => format!("{total} rows, the first {shown} are shown\n"),
        _ => format!("{total} rows\n"),
    }
}

/// Whether the reader is still there. One that has seen enough and left is no fault.
fn goes_on(written: io::Result<()>) -> Result<bool, Fault> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Fault::transient(error.to_string())),
    }
}
