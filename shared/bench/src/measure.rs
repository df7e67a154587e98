//! Measures the tools one after the other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::generate::generate;
use crate::report::Row;
use crate::transform::Used;
use crate::workload::Workload;

pub(crate) const RIVALS: &str = include_str!("../rivals.py");

/// What is asked of a benchmark.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many records are made of each workload.
    pub records: u64,
    /// Which workloads.
    pub workloads: Vec<Workload>,
    /// The Python of an environment with the other tools; without it only our own part is measured.
    pub python: Option<PathBuf>,
    /// Where pages and outputs are made; what is there stays.
    pub room: PathBuf,
    /// How often each tool runs; the one in the middle counts.
    pub runs: usize,
    /// The command that runs our own part; workload, pages, output and cores are added.
    pub ourselves: Vec<String>,
}

/// Another tool, and how it is measured.
struct Rival {
    /// Its name in `rivals.py`.
    engine: &'static str,
    shown: &'static str,
    /// Whether it reads prepared files with a record a line, which is not how an API answers.
    reads_lines: bool,
    /// More records than this take too long.
    most_records: u64,
    /// Whether it makes the columns that it is told, and no others.
    takes_columns: bool,
}

const fn rival(engine: &'static str, shown: &'static str) -> Rival {
    Rival {
        engine,
        shown,
        reads_lines: false,
        most_records: u64::MAX,
        takes_columns: true,
    }
}

const ALL: [Rival; 7] = [
    rival("duckdb", "DuckDB"),
    Rival {
        reads_lines: true,
        ..rival("duckdb", "DuckDB, prepared NDJSON")
    },
    rival("polars", "polars"),
    rival("pyarrow", "pyarrow"),
    Rival {
        most_records: 100_000,
        ..rival("orjson", "orjson + pyarrow")
    },
    Rival {
        most_records: 100_000,
        ..rival("pandas", "pandas")
    },
    Rival {
        most_records: 20_000,
        takes_columns: false,
        ..rival("dlt", "dlt")
    },
];

/// Makes the pages, measures, compares, and answers the report as Markdown.
///
/// # Errors
/// What did not work, or where outputs differ.
pub fn run(options: &Options) -> Result<String, String> {
    fs::create_dir_all(&options.room).map_err(|error| error.to_string())?;
    let script = options.room.join("rivals.py");
    fs::write(&script, RIVALS).map_err(|error| error.to_string())?;
    let mut report = crate::report::head(options);
    for workload in &options.workloads {
        let rows = Bench {
            options,
            workload: *workload,
            script: &script,
            room: options.room.join(workload.to_string()),
        }
        .all()?;
        report.push_str(&crate::report::table(*workload, options.records, &rows));
    }
    Ok(report)
}

struct Bench<'a> {
    options: &'a Options,
    workload: Workload,
    script: &'a Path,
    room: PathBuf,
}

impl Bench<'_> {
    fn all(&self) -> Result<Vec<Row>, String> {
        let records = self.options.records;
        let columns = self.workload.columns()?.to_string();
        let made = fs::create_dir_all(&self.room)
            .and_then(|()| fs::write(self.room.join("columns.json"), columns));
        made.map_err(|error| error.to_string())?;
        eprintln!("{}: making {records} records", self.workload);
        let lines = self.options.python.as_ref().map(|_| self.lines());
        let bytes = generate(self.workload, records, &self.pages(), lines.as_deref())
            .map_err(|error| error.to_string())?;
        let mut rows = vec![self.ours(bytes, 1)?, self.ours(bytes, 2)?];
        if let Some(python) = &self.options.python {
            for rival in &ALL {
                // What takes everything would make a row of every coordinate.
                if rival.takes_columns || self.workload == Workload::Bookings {
                    rows.push(self.rival(python, rival, bytes)?);
                }
            }
        }
        Ok(rows)
    }

    fn pages(&self) -> PathBuf {
        self.room.join("pages")
    }

    fn lines(&self) -> PathBuf {
        self.room.join("records.ndjson")
    }

    fn ours(&self, bytes: u64, cores: usize) -> Result<Row, String> {
        eprintln!("{}: lakehead, {cores} core(s)", self.workload);
        let out = self.empty(&format!("lakehead-{cores}"))?;
        let [program, arguments @ ..] = self.options.ourselves.as_slice() else {
            return Err("there is no command for our own part".to_owned());
        };
        let mut command = Command::new(program);
        command.args(arguments).arg(self.workload.to_string());
        command.arg(self.pages()).arg(&out).arg(cores.to_string());
        Ok(Row {
            name: format!("lakehead, {cores} core{}", if cores > 1 { "s" } else { "" }),
            used: middle(self.options.runs, &mut command)?,
            records: self.options.records,
            bytes,
            written: Some(size(&out).map_err(|error| error.to_string())?),
        })
    }

    fn rival(&self, python: &Path, rival: &Rival, bytes: u64) -> Result<Row, String> {
        let whole_pages = self.options.records.div_ceil(self.workload.page_size());
        let pages = whole_pages.min(rival.most_records.div_ceil(self.workload.page_size()));
        eprintln!("{}: {}", self.workload, rival.shown);
        let out = self.empty("rival")?;
        let columns = self.room.join("columns.json");
        let mut command = Command::new(python);
        command.arg(self.script).arg(rival.engine).arg(&columns);
        command.arg(if rival.reads_lines {
            self.lines()
        } else {
            self.pages()
        });
        command.arg(&out).arg(pages.to_string());
        let is_whole = pages == whole_pages;
        // Where a tool adds to what it finds, a second run would be another one.
        let runs = if rival.most_records < u64::MAX {
            1
        } else {
            self.options.runs
        };
        let used = middle(runs, &mut command)?;
        if rival.takes_columns && is_whole {
            let ours = self.room.join("lakehead-1");
            let mut same = Command::new(python);
            same.arg(self.script)
                .arg("same")
                .arg(&columns)
                .arg(ours)
                .arg(&out);
            if !same.status().map_err(|error| error.to_string())?.success() {
                return Err(format!("{} wrote other rows than we did", rival.shown));
            }
        }
        let written = size(&out).map_err(|error| error.to_string())?;
        Ok(Row {
            name: rival.shown.to_owned(),
            used,
            records: self.options.records.min(pages * self.workload.page_size()),
            bytes: bytes * pages / whole_pages,
            written: (is_whole && rival.takes_columns).then_some(written),
        })
    }

    fn empty(&self, name: &str) -> Result<PathBuf, String> {
        let place = self.room.join(name);
        match fs::remove_dir_all(&place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.to_string()),
            _ => Ok(place),
        }
    }
}

/// Runs a tool so often and answers what it used: each figure the one in the middle.
fn middle(runs: usize, command: &mut Command) -> Result<Used, String> {
    let mut all = (0..runs.max(1))
        .map(|_| used(command))
        .collect::<Result<Vec<Used>, _>>()?;
    let place = all.len() / 2;
    all.sort_by_key(|used| used.peak_bytes);
    let peak_bytes = all[place].peak_bytes;
    all.sort_by(|one, two| one.cpu_seconds.total_cmp(&two.cpu_seconds));
    Ok(Used {
        peak_bytes,
        ..all[place]
    })
}

/// Runs a tool that says on its last line what it used.
fn used(command: &mut Command) -> Result<Used, String> {
    let shown = format!("{command:?}");
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{shown}: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let told = text
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok());
    match told {
        Some(used) if output.status.success() => Ok(used),
        _ => Err(format!("{shown} ended with {}", output.status)),
    }
}

/// The bytes of the Parquet files of a directory.
fn size(directory: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry
            .path()
            .extension()
            .is_some_and(|extension| extension == "parquet")
        {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
