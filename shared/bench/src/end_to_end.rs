//! The whole way from an HTTP API to tables, each tool against the same server.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::generate::generate;
use crate::serve::{Served, serve};
use crate::workload::Workload;

/// What is asked of the measurement.
#[derive(Debug, Clone)]
pub struct EndToEnd {
    /// How many bookings the API has.
    pub records: u64,
    /// How often each tool runs; the run in the middle counts.
    pub runs: usize,
    /// The `lakehead` command.
    pub lakehead: PathBuf,
    /// The folder that holds the definition `bookings`.
    pub definitions: PathBuf,
    /// The Python of an environment with the other tools; without it only our own part is measured.
    pub python: Option<PathBuf>,
    /// Where pages and outputs are made.
    pub room: PathBuf,
}

/// What a process and all that it started used.
#[derive(Debug, Clone, Copy)]
struct Measured {
    cpu_seconds: f64,
    seconds: f64,
    /// The most memory that one of the processes held at a time.
    peak_bytes: u64,
}

/// Makes the pages, serves them, runs every tool against the server, compares what they wrote, and answers the report
/// as Markdown.
///
/// # Errors
/// What did not work, or where outputs differ.
pub fn end_to_end(asked: &EndToEnd) -> Result<String, String> {
    let here = Bench {
        asked,
        room: asked.room.join("end-to-end"),
    };
    here.all()
}

struct Bench<'a> {
    asked: &'a EndToEnd,
    room: PathBuf,
}

impl Bench<'_> {
    fn all(&self) -> Result<String, String> {
        let workload = Workload::Bookings;
        let records = self.asked.records;
        let pages = self.room.join("pages");
        fs::create_dir_all(&self.room).map_err(shown)?;
        fs::write(self.room.join("rivals.py"), crate::measure::RIVALS).map_err(shown)?;
        let columns = workload.columns()?.to_string();
        fs::write(self.room.join("columns.json"), columns).map_err(shown)?;
        eprintln!("making {records} records");
        let bytes = generate(workload, records, &pages, None).map_err(shown)?;
        let size = workload.page_size();
        let mut empty = workload.before_records().to_owned();
        workload.after_records(&mut empty, records.div_ceil(size), records);
        let address = serve(Served { pages, size, empty }).map_err(shown)?;
        let base = format!("http://{address}");

        let mut rows = vec![("lakehead run".to_owned(), self.ours(&base)?)];
        if let Some(python) = &self.asked.python {
            for (engine, name) in [("curl", "curl + DuckDB"), ("dlt_rest", "dlt, rest_api")] {
                rows.push((name.to_owned(), self.rival(python, engine, &base)?));
            }
        }
        Ok(self.report(bytes, &rows))
    }

    fn ours(&self, base: &str) -> Result<Measured, String> {
        let root = self.room.join("root");
        let mut command = Command::new(&self.asked.lakehead);
        command.arg("--pipelines").arg(&self.asked.definitions);
        command.args(["run", "bookings", "--param"]);
        command
            .arg(format!("base_url={base}"))
            .arg("--root")
            .arg(&root);
        let used = self.middle("lakehead run", &mut command, &root)?;
        // The parts, where they can be compared with what others wrote.
        let out = self.room.join("lakehead");
        emptied(&out)?;
        fs::create_dir_all(&out).map_err(shown)?;
        for table in ["bookings", "attendees"] {
            let runs = root.join("lake/bookings").join(table);
            for (number, part) in parquet_below(&runs).map_err(shown)?.iter().enumerate() {
                let place = out.join(format!("{table}-{number}.parquet"));
                fs::copy(part, place).map_err(shown)?;
            }
        }
        Ok(used)
    }

    fn rival(&self, python: &Path, engine: &str, base: &str) -> Result<Measured, String> {
        let script = self.room.join("rivals.py");
        let columns = self.room.join("columns.json");
        let out = self.room.join(engine);
        let size = Workload::Bookings.page_size();
        let pages = self.asked.records.div_ceil(size);
        let mut command = Command::new(python);
        command.arg(&script).arg(engine).arg(&columns);
        command
            .arg(format!("{base}/bookings?size={size}"))
            .arg(&out);
        command.arg(pages.to_string());
        let used = self.middle(engine, &mut command, &out)?;
        let same = if engine == "curl" {
            "same"
        } else {
            "same_sums"
        };
        let mut compare = Command::new(python);
        compare.arg(&script).arg(same).arg(&columns);
        compare.arg(self.room.join("lakehead")).arg(&out);
        if !compare.status().map_err(shown)?.success() {
            return Err(format!("{engine} wrote other rows than we did"));
        }
        Ok(used)
    }

    /// Runs a tool so often, each time from an empty place, and answers what it used: each figure the one in the middle.
    fn middle(&self, name: &str, command: &mut Command, out: &Path) -> Result<Measured, String> {
        let mut all = Vec::new();
        for _ in 0..self.asked.runs.max(1) {
            eprintln!("{name}");
            emptied(out)?;
            all.push(measured(command)?);
        }
        let place = all.len() / 2;
        all.sort_by(|one, two| one.seconds.total_cmp(&two.seconds));
        let seconds = all[place].seconds;
        all.sort_by_key(|used| used.peak_bytes);
        let peak_bytes = all[place].peak_bytes;
        all.sort_by(|one, two| one.cpu_seconds.total_cmp(&two.cpu_seconds));
        Ok(Measured {
            seconds,
            peak_bytes,
            ..all[place]
        })
    }

    fn report(&self, bytes: u64, rows: &[(String, Measured)]) -> String {
        let mut table = format!(
            "\n## From HTTP to tables: {} bookings, {:.1} MB\n\n\
             | tool | CPU s | s | peak MB | our CPU to its |\n|---|---:|---:|---:|---:|\n",
            self.asked.records,
            bytes as f64 / 1e6,
        );
        let ours = rows.first().map_or(0.0, |(_, used)| used.cpu_seconds);
        for (name, used) in rows {
            let _ = writeln!(
                table,
                "| {name} | {:.2} | {:.1} | {:.0} | {:.3} |",
                used.cpu_seconds,
                used.seconds,
                used.peak_bytes as f64 / 1e6,
                ours / used.cpu_seconds,
            );
        }
        table
    }
}

fn shown(error: io::Error) -> String {
    error.to_string()
}

fn emptied(place: &Path) -> Result<(), String> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// The Parquet files below a directory, in the order of their names.
fn parquet_below(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(parquet_below(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "parquet")
        {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Runs a command to its end and answers what it and all that it waited for used, as Linux tells it.
fn measured(command: &mut Command) -> Result<Measured, String> {
    let shown_command = format!("{command:?}");
    let before = children_seconds().map_err(shown)?;
    let started = Instant::now();
    let spawned = command.stdout(Stdio::null()).spawn();
    let mut child = spawned.map_err(|error| format!("{shown_command}: {error}"))?;
    let mut peak_bytes = 0;
    let status = loop {
        peak_bytes = peak_bytes.max(peak_of_tree(&child));
        if let Some(status) = child.try_wait().map_err(shown)? {
            break status;
        }
        thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(format!("{shown_command} ended with {status}"));
    }
    Ok(Measured {
        cpu_seconds: children_seconds().map_err(shown)? - before,
        seconds: started.elapsed().as_secs_f64(),
        peak_bytes,
    })
}

/// Seconds on the processor of all processes that ended below this one and were waited for.
fn children_seconds() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let wrong = || io::Error::other("the system does not tell what processes used");
    let (_, after_name) = stat.rsplit_once(')').ok_or_else(wrong)?;
    let ticks = |field: usize| {
        after_name
            .split_whitespace()
            .nth(field)?
            .parse::<f64>()
            .ok()
    };
    // Of a hundredth of a second each, user and system.
    Ok((ticks(13).ok_or_else(wrong)? + ticks(14).ok_or_else(wrong)?) / 100.0)
}

/// The largest peak of a process and those that it started; they may end any moment.
fn peak_of_tree(child: &Child) -> u64 {
    let mut open = vec![child.id()];
    let mut peak = 0;
    while let Some(process) = open.pop() {
        let place = format!("/proc/{process}");
        let status = fs::read_to_string(format!("{place}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or_default() * 1024);
        let started = fs::read_to_string(format!("{place}/task/{process}/children"));
        let started = started.unwrap_or_default();
        open.extend(
            started
                .split_whitespace()
                .filter_map(|id| id.parse::<u32>().ok()),
        );
    }
    peak
}
