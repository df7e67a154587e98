//! Measures decoding, and decoding with encoding, on a directory of pages:
//! `measure DIR DEFINITION RECORDS`, e.g. `measure pages bookings.yaml $.bookings`. Counts the thread's time on the
//! processor, so that a busy machine does not matter (Linux).

use std::io;

use indexmap::IndexMap;
use pipeline::decode::decode;
use pipeline::name::Name;
use pipeline::path::Path;
use pipeline::problem::Located;
use pipeline::table::TableDefinition;
use table::{Compiled, References, Reject, Sinks, Sizes};

struct Nowhere;

impl Sinks for Nowhere {
    type Part = io::Sink;

    fn part(&mut self, _table: &Name, _number: u32) -> io::Result<io::Sink> {
        Ok(io::sink())
    }

    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        eprintln!("{} {}", reject.pointer, reject.reason);
        Ok(())
    }
}

/// Seconds that this thread was on the processor.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, definition, records, only @ ..] = arguments.as_slice() else {
        return Err("usage: measure DIR DEFINITION RECORDS [decode]".into());
    };
    let text = std::fs::read_to_string(definition)?;
    let decoded = decode::<IndexMap<Name, Located<TableDefinition>>>(&text);
    eprint!("{}", decoded.problems.render(definition, &text));
    let tables = decoded.value.ok_or("not a definition")?;
    let records = [Path::try_from(records.clone())?];
    let named = tables.iter().map(|(name, table)| (name, &table.value));
    let compiled = Compiled::new(named, &records, &References::default(), |_| None)?;
    let mut paths: Vec<_> = std::fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let pages: Vec<Vec<u8>> = paths.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    let bytes: usize = pages.iter().map(Vec::len).sum();
    for round in 0..8 {
        let unbounded = Sizes {
            row_group_bytes: usize::MAX,
            ..Sizes::default()
        };
        let started = processor_seconds()?;
        let mut writer = compiled.writer(unbounded, Nowhere);
        for (number, page) in pages.iter().enumerate() {
            writer.page(number as u64, page)?;
            // As many rows as a row group has, and the same memory for the next ones.
            if number % 16 == 15 {
                writer.forget();
            }
        }
        report(round, "decode", bytes, started)?;
        if !only.is_empty() {
            continue;
        }

        let started = processor_seconds()?;
        let one_core = Sizes {
            cores: 1,
            ..Sizes::default()
        };
        let mut writer = compiled.writer(one_core, Nowhere);
        for (number, page) in pages.iter().enumerate() {
            writer.page(number as u64, page)?;
        }
        let outcome = writer.finish()?;
        report(round, "decode and encode", bytes, started)?;
        let parts = outcome.tables.values().flat_map(|table| &table.parts);
        let written: u64 = parts.map(|part| part.bytes).sum();
        println!("  {} records, {written} bytes", outcome.counts.records);
    }
    Ok(())
}

fn report(
    round: u32,
    what: &str,
    bytes: usize,
    started: f64,
) -> Result<(), Box<dyn std::error::Error>> {
    let seconds = processor_seconds()? - started;
    let speed = bytes as f64 / 1e6 / seconds;
    println!("{round} {what}: {speed:.0} MB/s, {seconds:.3} s");
    Ok(())
}
