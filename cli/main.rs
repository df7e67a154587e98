//! The `lakehead` command.

mod arguments;
mod backfill;
mod bench;
mod check;
mod clean;
mod demo;
mod deployed;
mod estimate;
mod mock;
mod output;
mod plan;
mod progress;
mod query;
mod redrive;
mod remote;
mod report;
mod run;
mod schema;
mod status;
mod tables;
mod watch;
mod world;

use std::process::ExitCode;

use arguments::{Arguments, Command};
use clap::Parser;
use output::{Exit, Failure};

/// The C library's allocator keeps memory for each thread that freed some, so that a long run held many times
/// what it used. How this one is set stands in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    step::telemetry::plain();
    let arguments = Arguments::parse();
    match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime.block_on(dispatch(arguments)).into(),
        Err(error) => output::complain(&Failure::run(format!("no runtime: {error}"))).into(),
    }
}

async fn dispatch(arguments: Arguments) -> Exit {
    let pipelines = arguments.pipelines;
    let ended = match arguments.command {
        Command::Demo(options) => demo::demo(&options, &pipelines).await,
        Command::Run(options) => run::run(&options, &pipelines).await,
        Command::Check(options) => check::check(&options, &pipelines),
        Command::Plan(options) => plan::plan(&options, &pipelines).await,
        Command::Query(options) => query::query(&options, &pipelines).await,
        Command::Tables(options) => tables::tables(&options, &pipelines).await,
        Command::Status(options) => status::status(&options, &pipelines).await,
        Command::Backfill(options) => backfill::backfill(&options, &pipelines).await,
        Command::Redrive(options) => redrive::redrive(&options, &pipelines).await,
        Command::Clean(options) => clean::clean(&options, &pipelines).await,
        Command::Schema => schema::schema(),
        Command::Mock(options) => mock::mock(&options, &pipelines).await,
        Command::Bench(options) => bench::bench(&options),
    };
    ended.unwrap_or_else(|failure| output::complain(&failure))
}
