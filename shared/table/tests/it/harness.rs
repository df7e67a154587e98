//! Runs pages through tables as written in YAML and reads the Parquet back as text.

use std::collections::BTreeMap;
use std::io;

use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use indexmap::IndexMap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::decode::decode;
use pipeline::name::Name;
use pipeline::path::Path;
use pipeline::problem::Located;
use pipeline::table::TableDefinition;
use table::{Compiled, Outcome, References, Reject, Sinks, Sizes};

/// Keeps parts and rejects in memory.
#[derive(Debug, Default)]
pub struct Memory {
    pub rejects: Vec<String>,
    pub raws: Vec<String>,
}

impl Sinks for Memory {
    type Part = Vec<u8>;

    fn part(&mut self, _table: &Name, _number: u32) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        let record = reject
            .record
            .map_or("-".to_owned(), |record| record.to_string());
        let table = reject.table.map_or("-", |table| table);
        self.rejects.push(format!(
            "{}/{record} {table} {} {}",
            reject.page, reject.pointer, reject.reason
        ));
        self.raws
            .push(String::from_utf8_lossy(reject.raw).into_owned());
        Ok(())
    }
}

pub type Tables = IndexMap<Name, Located<TableDefinition>>;

pub fn tables(yaml: &str) -> Tables {
    let decoded = decode::<Tables>(yaml);
    let problems = decoded.problems.render("tables", yaml);
    assert!(decoded.problems.is_empty(), "{problems}");
    decoded.value.expect("tables")
}

pub fn path(text: &str) -> Path {
    Path::try_from(text.to_owned()).expect("a path")
}

pub fn countries() -> References {
    let mut references = References::default();
    let csv = "id,nicename\n1,Spain\n2,Germany\n3,Viet Nam\n4,United Kingdom\n5,France\n6,Belgium\n7,\"Taiwan, Province of China\"\n8,Hong Kong\n9,\"Virgin Islands, U.s.\"\n10,Russian Federation\n";
    references.add("countries", csv).expect("CSV");
    references
}

pub fn value(name: &str) -> Option<String> {
    (name == "window.date").then(|| "2024-03-26".to_owned())
}

pub fn run(tables: &Tables, records: &[&str], sizes: Sizes, pages: &[&[u8]]) -> Outcome<Memory> {
    let records: Vec<Path> = records.iter().map(|text| path(text)).collect();
    let tables = tables.iter().map(|(name, table)| (name, &table.value));
    let compiled = Compiled::new(tables, &records, &countries(), value).expect("compiles");
    let mut writer = compiled.writer(sizes, Memory::default());
    for (number, page) in pages.iter().enumerate() {
        writer.page(number as u64, page).expect("no fault");
    }
    writer.finish().expect("balances")
}

/// The rows of a table's parts, values separated by `;`, null as nothing.
pub fn rows(outcome: &Outcome<Memory>, table: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches(outcome, table) {
        let options = FormatOptions::default();
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).expect("shown"))
            .collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> = columns
                .iter()
                .map(|column| column.value(row).to_string())
                .collect();
            rows.push(values.join(";"));
        }
    }
    rows
}

pub fn batches(outcome: &Outcome<Memory>, table: &str) -> Vec<RecordBatch> {
    let mut batches = Vec::new();
    for part in &outcome.tables[table].parts {
        let bytes = Bytes::copy_from_slice(&part.sink);
        assert_eq!(bytes.len() as u64, part.bytes);
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).expect("Parquet");
        let reader = reader.build().expect("a reader");
        batches.extend(reader.map(|batch| batch.expect("a batch")));
    }
    batches
}

pub fn sorted(counts: &IndexMap<String, u64>) -> BTreeMap<&str, u64> {
    counts
        .iter()
        .map(|(name, count)| (name.as_str(), *count))
        .collect()
}
