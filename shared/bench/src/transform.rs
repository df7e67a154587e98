//! Our own part in the measurement: pages to Parquet files, in a process of its own.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use pipeline::name::Name;
use serde::{Deserialize, Serialize};
use table::{Compiled, References, Reject, Sinks, Sizes};

use crate::workload::Workload;

/// What a process used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Used {
    /// Seconds on the processor, of all its threads.
    pub cpu_seconds: f64,
    /// The most memory that it held at a time.
    pub peak_bytes: u64,
}

struct Files<'a>(&'a Path);

impl Sinks for Files<'_> {
    type Part = File;

    fn part(&mut self, table: &Name, number: u32) -> io::Result<File> {
        File::create(self.0.join(format!("{table}-{number}.parquet")))
    }

    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        writeln!(io::stderr(), "{} {}", reject.pointer, reject.reason)
    }
}

/// Turns the pages of a directory into Parquet files and answers what that used.
///
/// # Errors
/// What the file system or the decoder says.
pub fn transform(
    workload: Workload,
    pages: &Path,
    out: &Path,
    cores: usize,
) -> Result<Used, String> {
    let tables = workload.tables()?;
    let tables = tables.iter().map(|(name, table)| (name, &table.value));
    let records = [workload.records()?];
    let compiled = Compiled::new(tables, &records, &References::default(), |_| None)
        .map_err(|fault| fault.to_string())?;
    let sizes = Sizes {
        cores,
        ..Sizes::default()
    };
    fs::create_dir_all(out).map_err(|error| error.to_string())?;
    let mut writer = compiled.writer(sizes, Files(out));
    let mut body = Vec::new();
    for (number, page) in paths(pages)?.iter().enumerate() {
        body.clear();
        let read = File::open(page).and_then(|mut page| page.read_to_end(&mut body));
        read.map_err(|error| format!("{}: {error}", page.display()))?;
        let taken = writer.page(number as u64, &body);
        taken.map_err(|fault| fault.to_string())?;
    }
    writer.finish().map_err(|fault| fault.to_string())?;
    used().map_err(|error| error.to_string())
}

fn paths(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let listed = || -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(directory)?;
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        paths.sort();
        Ok(paths)
    };
    listed().map_err(|error| format!("{}: {error}", directory.display()))
}

/// What this process used so far, as Linux tells it.
fn used() -> io::Result<Used> {
    let wrong = || io::Error::other("the system does not tell what a process used");
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or_else(wrong)?;
    let ticks = |field: usize| {
        after_name
            .split_whitespace()
            .nth(field)?
            .parse::<f64>()
            .ok()
    };
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(Used {
        // Of a hundredth of a second each, user and system.
        cpu_seconds: (ticks(11).ok_or_else(wrong)? + ticks(12).ok_or_else(wrong)?) / 100.0,
        peak_bytes: peak.ok_or_else(wrong)? * 1024,
    })
}
