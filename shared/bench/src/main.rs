//! The benchmark by itself, which is built sooner than the whole `lakehead` command:
//! `cargo run --release -p bench -- RECORDS RUNS ROOM [PYTHON]`; and the whole way from HTTP to tables, which
//! `scripts/bench-end-to-end` measures.

use std::path::Path;
use std::process::ExitCode;

use bench::{EndToEnd, Options, Workload};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments.as_slice() {
        ["transform", workload, pages, out, cores] => transform(workload, pages, out, cores),
        [
            "end-to-end",
            records,
            runs,
            room,
            lakehead,
            definitions,
            python @ ..,
        ] => {
            let asked = EndToEnd {
                records: records.parse().unwrap_or(100_000),
                runs: runs.parse().unwrap_or(1),
                lakehead: lakehead.into(),
                definitions: definitions.into(),
                python: python.first().map(Into::into),
                room: room.into(),
            };
            bench::end_to_end(&asked)
        }
        [records, runs, room, python @ ..] => measure(records, runs, room, python.first().copied()),
        _ => Err("usage: bench RECORDS RUNS ROOM [PYTHON]".to_owned()),
    };
    match ended {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn transform(workload: &str, pages: &str, out: &str, cores: &str) -> Result<String, String> {
    let cores = cores.parse().map_err(|_| "cores are a number")?;
    let used = bench::transform(workload.parse()?, Path::new(pages), Path::new(out), cores)?;
    serde_json::to_string(&used).map_err(|error| error.to_string())
}

fn measure(records: &str, runs: &str, room: &str, python: Option<&str>) -> Result<String, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    bench::run(&Options {
        records: records.parse().map_err(|_| "records are a number")?,
        runs: runs.parse().map_err(|_| "runs are a number")?,
        workloads: Workload::ALL.to_vec(),
        python: python.map(Into::into),
        room: room.into(),
        ourselves: vec![program.display().to_string(), "transform".to_owned()],
    })
}
