//! `lakehead bench`: how fast pages become typed Parquet on this machine, also against other tools.

use std::path::Path;

use ::bench::{Options, Used, Workload};

use crate::arguments::Bench;
use crate::output::{Exit, Failure, print};

/// Makes pages, measures, and prints the figures; also into a file, if one is given.
pub fn bench(options: &Bench) -> Result<Exit, Failure> {
    if let Some(part) = &options.transform {
        return transform(part);
    }
    let program = std::env::current_exe();
    let program = program.map_err(|error| Failure::run(format!("who am I: {error}")))?;
    let program = program.to_string_lossy();
    let ourselves = [&program, "bench", "--transform"];
    let asked = Options {
        records: options.records,
        runs: options.runs,
        workloads: Workload::ALL.to_vec(),
        python: options
            .rivals
            .as_ref()
            .map(|place| place.join("bin/python")),
        room: options.room.clone(),
        ourselves: ourselves.map(str::to_owned).to_vec(),
    };
    let report = ::bench::run(&asked).map_err(Failure::run)?;
    if let Some(file) = &options.write {
        let written = std::fs::write(file, &report);
        written.map_err(|error| Failure::run(format!("{}: {error}", file.display())))?;
    }
    print(&report)?;
    Ok(Exit::Done)
}

/// Our own part, in a process of its own, so that what it uses can be told.
fn transform(part: &[String]) -> Result<Exit, Failure> {
    let [workload, pages, out, cores] = part else {
        return Err(Failure::usage(
            "--transform takes a workload, pages, a place and cores",
        ));
    };
    let workload = workload.parse().map_err(Failure::usage)?;
    let cores = cores
        .parse()
        .map_err(|_| Failure::usage("cores are a number"))?;
    let used = ::bench::transform(workload, Path::new(pages), Path::new(out), cores);
    print_line(&used.map_err(Failure::run)?)
}

fn print_line(used: &Used) -> Result<Exit, Failure> {
    let line = serde_json::to_string(used).map_err(|error| Failure::run(error.to_string()))?;
    print(&format!("{line}\n"))?;
    Ok(Exit::Done)
}
