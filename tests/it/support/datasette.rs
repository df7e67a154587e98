//! A real Datasette over a SQLite file of real data sets, and what SQLite and DuckDB say of tables and files.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use serde_json::Value;

/// The scripts that are run by the Python of the test environment.
const SCRIPTS: &str = "tests/datasette";

/// A running Datasette; it ends with this value.
pub struct Datasette {
    process: Child,
    base_url: String,
}

impl Datasette {
    /// Serves a SQLite file on a free port.
    pub fn serve(database: &Path) -> Self {
        let mut command = python("serve.py");
        command.arg(database).arg("0").stdout(Stdio::null());
        let mut process = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut log = BufReader::new(process.stderr.take().expect("piped"));
        let mut said = String::new();
        let base_url = loop {
            let before = said.len();
            let read = log.read_line(&mut said).expect("it says where it is");
            assert!(read > 0, "Datasette ended:\n{said}");
            if let Some((_, after)) = said[before..].split_once("running on ") {
                let address = after.split_whitespace().next();
                break address.expect("an address").to_owned();
            }
        };
        // It must not wait for someone to read what else it says.
        thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Datasette { process, base_url }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Drop for Datasette {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Builds the SQLite file below a directory and answers where it is, and its tables with their rows.
pub fn build(directory: &Path) -> (PathBuf, Vec<(String, u64)>) {
    let path = directory.join("vega.db");
    let built = output(python("build.py").arg(&path));
    let tables = built.lines().map(|line| {
        let (table, rows) = line.split_once(' ').expect("a table and its rows");
        (table.to_owned(), rows.parse().expect("a number"))
    });
    (path, tables.collect())
}

/// What SQLite says of a table.
pub fn of_sqlite(database: &Path, table: &str) -> Value {
    figures(python("figures.py").arg("sqlite").arg(database).arg(table))
}

/// What DuckDB says of Parquet files.
pub fn of_parquet(files: &[&str]) -> Value {
    figures(python("figures.py").arg("parquet").args(files))
}

/// Runs a statement that changes a SQLite file.
pub fn change(database: &Path, statement: &str) {
    let program = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as db: print(db.execute(sys.argv[2]).rowcount)";
    let mut command = emulator::python();
    let changed = output(command.args(["-c", program]).arg(database).arg(statement));
    assert_ne!(changed.trim(), "0", "{statement}");
}

fn figures(command: &mut Command) -> Value {
    let printed = output(command);
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"))
}

fn output(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("Python starts");
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}\n{said}");
    String::from_utf8(stdout).expect("text")
}

fn python(script: &str) -> Command {
    let mut command = emulator::python();
    command.arg(Path::new(SCRIPTS).join(script));
    command
}
