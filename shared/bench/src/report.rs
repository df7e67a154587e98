//! The figures as a person reads them.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::measure::Options;
use crate::transform::Used;
use crate::workload::Workload;

/// What one tool did.
pub(crate) struct Row {
    pub name: String,
    pub used: Used,
    pub records: u64,
    pub bytes: u64,
    /// The bytes of its Parquet files, where it wrote what we wrote.
    pub written: Option<u64>,
}

impl Row {
    fn seconds_a_million(&self) -> f64 {
        self.used.cpu_seconds / self.records as f64 * 1e6
    }
}

/// When, where and with which versions.
#[expect(clippy::disallowed_methods, reason = "a report says when it was made")]
pub(crate) fn head(options: &Options) -> String {
    let today = jiff::Zoned::now().date();
    let mut head = format!("# Benchmarks\n\nWritten by `lakehead bench` on {today}.\n\n");
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches(['\t', ' ', ':'])
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let _ = writeln!(head, "- machine: {model}, {cores} cores");
    let _ = writeln!(head, "- lakehead {}", env!("CARGO_PKG_VERSION"));
    if let Some(python) = &options.python {
        let listed = Command::new(python).args(["-m", "pip", "freeze"]).output();
        let listed = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned());
        let wanted = [
            "dlt==",
            "duckdb==",
            "orjson==",
            "pandas==",
            "polars==",
            "pyarrow==",
        ];
        let versions: Vec<String> = listed
            .unwrap_or_default()
            .lines()
            .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
            .map(|line| line.replace("==", " "))
            .collect();
        let _ = writeln!(head, "- {}", versions.join(", "));
    }
    head.push_str(
        "\nThe same pages, columns, types and codec (zstd, level 1) for all; others run with one thread. Seconds are\n\
         those on the processor, user and system, of the whole process. Ratios are of seconds a record to ours on one\n\
         core, run just before. Rows that were written are compared with ours, column by column, where a tool ran over all pages.\n",
    );
    head
}

/// The table of a workload.
pub(crate) fn table(workload: Workload, records: u64, rows: &[Row]) -> String {
    let bytes = rows.first().map_or(0, |row| row.bytes);
    let mut table = format!(
        "\n## {workload}: {records} records, {:.1} MB\n\n\
         | tool | records | CPU s | MB/s | records/s | peak MB | Parquet MB | CPU to ours |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
        bytes as f64 / 1e6
    );
    let ours = rows.first().map_or(1.0, Row::seconds_a_million);
    for row in rows {
        let seconds = row.used.cpu_seconds;
        let written = row.written.map_or("–".to_owned(), |written| {
            format!("{:.1}", written as f64 / 1e6)
        });
        let _ = writeln!(
            table,
            "| {} | {} | {seconds:.2} | {:.0} | {:.0} | {:.0} | {written} | {:.1} × |",
            row.name,
            row.records,
            row.bytes as f64 / 1e6 / seconds,
            row.records as f64 / seconds,
            row.used.peak_bytes as f64 / 1e6,
            row.seconds_a_million() / ours,
        );
    }
    table
}
