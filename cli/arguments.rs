//! The command line: what can be asked, in the words of the contract.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pipeline::name::Name;
use pipeline::run::SkippableStep;

/// Moves data from HTTP APIs into a data lake and warehouses.
#[derive(Debug, Parser)]
#[command(name = "lakehead", version, about, propagate_version = true)]
pub struct Arguments {
    /// The folder that holds one folder a pipeline.
    #[arg(long, global = true, default_value = "pipelines", value_name = "DIR")]
    pub pipelines: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a real pipeline against a bundled source API, from nothing to published tables and a report.
    Demo(Demo),
    /// Run a pipeline: fetch, transform, load, check, publish, refresh.
    Run(Run),
    /// Check definitions: every mistake with its place and a remedy. Touches nothing.
    Check(Check),
    /// Show what a run would do: windows, first requests, tables, statements. Touches nothing.
    Plan(Plan),
    /// Ask the published tables with SQL, named `database.table`.
    Query(Query),
    /// List the published tables with their columns and Parquet files.
    Tables(Tables),
    /// Show what the ledger knows of a pipeline's windows, and on AWS the executions under way.
    Status(Status),
    /// Run a pipeline for each window of a range, one run a window; what is published already is left alone.
    Backfill(Backfill),
    /// Take up a run again that has failed or was broken off, with all that it has done.
    Redrive(Redrive),
    /// Remove earlier versions of tables and what writers that died have left.
    Clean(Clean),
    /// Print the JSON Schema of the definition language, for editors.
    Schema,
    /// Serve a pipeline's source API on this machine, with faults on demand.
    Mock(Mock),
    /// Measure how fast pages become typed Parquet on this machine, also against other tools.
    Bench(Bench),
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document on standard output.
    Json,
}

/// Where a run takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// In this process, below `--root`.
    Local,
    /// On AWS, by the deployed state machine.
    Aws,
}

/// Where a command works.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Where it takes place.
    #[arg(long, value_enum, default_value = "local")]
    pub target: Target,
    /// The ARN of the deployed state machine, with `--target aws`; LAKEHEAD_STATE_MACHINE where it is not given.
    #[arg(long, value_name = "ARN")]
    pub state_machine: Option<String>,
    /// The bucket of the deployment, with `--target aws`; LAKEHEAD_BUCKET where it is not given.
    #[arg(long, value_name = "NAME")]
    pub bucket: Option<String>,
}

/// Where a local run leaves everything.
#[derive(Debug, Clone, Args)]
pub struct Root {
    /// The directory that everything is below; deleting it forgets everything.
    #[arg(long, default_value = ".lakehead", value_name = "DIR")]
    pub root: PathBuf,
}

/// What a run is for.
#[derive(Debug, Clone, Args)]
pub struct Asked {
    /// The pipeline: the name of its folder.
    pub name: String,
    /// The window to read, such as 2026-11-20; without it the last complete one.
    #[arg(long, value_name = "DATE", conflicts_with_all = ["from", "to"])]
    pub as_of: Option<String>,
    /// The first window of a range; without `--to` it goes on to the last complete window.
    #[arg(long, value_name = "DATE")]
    pub from: Option<String>,
    /// The last window of a range, included; without `--from` it begins with the schedule's `start`.
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    /// The value of a parameter; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(Name, String)>,
    /// Read windows again that are published already.
    #[arg(long)]
    pub force: bool,
    /// Read only windows that were begun and not published.
    #[arg(long)]
    pub incomplete_only: bool,
    /// A step to leave out; may be given several times.
    #[arg(long, value_name = "STEP", value_parser = skippable)]
    pub skip: Vec<SkippableStep>,
}

/// `lakehead run`.
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// What the run is for.
    #[command(flatten)]
    pub asked: Asked,
    /// Where it leaves everything.
    #[command(flatten)]
    pub root: Root,
    /// The run's name; without it one that is the same for the same work.
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    /// Where it takes place.
    #[command(flatten)]
    pub place: Place,
    /// Start the run on AWS and do not wait for its end.
    #[arg(long, conflicts_with = "dry_run")]
    pub detach: bool,
    /// Begin at this step, with the raw pages of the run given by `--run`.
    #[arg(long, value_name = "STEP", value_parser = ["transform"], requires = "raw_of")]
    pub from_step: Option<String>,
    /// The run whose raw pages are used.
    #[arg(long = "run", value_name = "ID", requires = "from_step")]
    pub raw_of: Option<String>,
    /// Show what the run would do, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 3 when records were set aside, even inside the tolerance.
    #[arg(long)]
    pub strict: bool,
    /// A file of `NAME=value` lines with secrets, read besides the environment.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead check`.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// The pipeline; without it all of them.
    pub name: Option<String>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead plan`.
#[derive(Debug, Clone, Args)]
pub struct Plan {
    /// What the run would be for.
    #[command(flatten)]
    pub asked: Asked,
    /// Where its ledger is.
    #[command(flatten)]
    pub root: Root,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    /// Aligned, for people.
    Table,
    /// RFC 4180 with a header line; empty is null.
    Csv,
    /// One array of objects.
    Json,
}

/// `lakehead query`.
#[derive(Debug, Clone, Args)]
pub struct Query {
    /// The statement; tables are named `database.table`.
    pub sql: String,
    /// Where the tables are.
    #[command(flatten)]
    pub root: Root,
    /// How the rows are written.
    #[arg(long, value_enum, default_value = "table")]
    pub format: RowFormat,
}

/// `lakehead tables`.
#[derive(Debug, Clone, Args)]
pub struct Tables {
    /// Where the tables are.
    #[command(flatten)]
    pub root: Root,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead clean`.
#[derive(Debug, Clone, Args)]
pub struct Clean {
    /// Where the tables are.
    #[command(flatten)]
    pub root: Root,
    /// How many earlier states of every database to keep, so that readers who began on one can end on it.
    #[arg(long, default_value = "3", value_name = "N")]
    pub keep: usize,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead status`.
#[derive(Debug, Clone, Args)]
pub struct Status {
    /// The pipeline: the name of its folder.
    pub name: String,
    /// Where its ledger is.
    #[command(flatten)]
    pub root: Root,
    /// Whose ledger is shown.
    #[command(flatten)]
    pub place: Place,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead backfill`.
#[derive(Debug, Clone, Args)]
pub struct Backfill {
    /// The pipeline: the name of its folder.
    pub name: String,
    /// The first window of the range, such as 2026-11-01; without it the schedule's `start`.
    #[arg(long, value_name = "DATE", required_unless_present = "to")]
    pub from: Option<String>,
    /// The last window of the range, included; without it the last complete one.
    #[arg(long, value_name = "DATE")]
    pub to: Option<String>,
    /// How many windows are run at the same time on AWS. On this machine they are run one after the other, as a
    /// pipeline has one run at a time below a root.
    #[arg(long, default_value = "1", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub max_parallel: u16,
    /// Begin with the newest window.
    #[arg(long)]
    pub newest_first: bool,
    /// The value of a parameter; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(Name, String)>,
    /// Read windows again that are published already.
    #[arg(long)]
    pub force: bool,
    /// Where local runs leave everything.
    #[command(flatten)]
    pub root: Root,
    /// Where the runs take place.
    #[command(flatten)]
    pub place: Place,
    /// A file of `NAME=value` lines with secrets, read besides the environment by local runs.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead redrive`.
#[derive(Debug, Clone, Args)]
pub struct Redrive {
    /// The pipeline: the name of its folder.
    pub name: String,
    /// The run that is taken up again.
    #[arg(long = "run", value_name = "ID")]
    pub run_id: String,
    /// Where a local run has left everything.
    #[command(flatten)]
    pub root: Root,
    /// Where the run took place.
    #[command(flatten)]
    pub place: Place,
    /// A file of `NAME=value` lines with secrets, read besides the environment by a local run.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// How the report is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// `lakehead bench`.
#[derive(Debug, Clone, Args)]
pub struct Bench {
    /// How many records are made of each workload.
    #[arg(long, default_value = "100000", value_name = "N")]
    pub records: u64,
    /// How often each tool runs; the run in the middle counts.
    #[arg(long, default_value = "3", value_name = "N")]
    pub runs: usize,
    /// Measure other tools as well, from the environment that `scripts/bench-rivals` makes.
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = ".venv-rivals", require_equals = true)]
    pub rivals: Option<PathBuf>,
    /// Where pages and outputs are made, some gigabytes for a million records.
    #[arg(long, default_value = ".lakehead-bench", value_name = "DIR")]
    pub room: PathBuf,
    /// Write the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    pub write: Option<PathBuf>,
    /// Our own part alone: a workload, its pages, a place for the output, and cores.
    #[arg(long, hide = true, num_args = 4)]
    pub transform: Option<Vec<String>>,
}

/// `lakehead mock`.
#[derive(Debug, Clone, Args)]
pub struct Mock {
    /// The pipeline whose source is served. `gins` gets a catalogue of its own, every other one what its
    /// definition declares.
    pub name: String,
    /// The port on 127.0.0.1; 0 for a free one.
    #[arg(long, default_value = "8080")]
    pub port: u16,
    /// How the source behaves.
    #[command(flatten)]
    pub behaviour: Behaviour,
    /// What a declared source has.
    #[command(flatten)]
    pub declared: DeclaredSource,
    /// What the catalogue of `gins` has.
    #[command(flatten)]
    pub catalogue: Catalogue,
    /// How it is said where the source is.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// How a served source behaves.
#[derive(Debug, Clone, Default, Args)]
pub struct Behaviour {
    /// The seed that the records are made from.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Requests that it bears in a second before it answers 429.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub requests_per_second: Option<u32>,
    /// Time that it takes for each answer.
    #[arg(long, default_value = "0", value_name = "MILLISECONDS")]
    pub latency_ms: u64,
    /// A fault, such as `429:0.01`, `500:every=97` or `stall:id=17`; may be given several times.
    #[arg(long = "fault", value_name = "FAULT")]
    pub faults: Vec<::mock::Fault>,
}

/// What a source has that is served as its definition declares.
#[derive(Debug, Clone, Args)]
pub struct DeclaredSource {
    /// Serve `gins` too as its definition declares it.
    #[arg(long)]
    pub declared: bool,
    /// How many records a resource has that is asked for once [default: 250].
    #[arg(long, value_name = "N")]
    pub rows: Option<u64>,
    /// The most records on a page, whatever is asked for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub page_size: Option<u32>,
    /// For how many requests a session or token is good.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub expire_after: Option<u32>,
    /// The value of a parameter, as the run will have it; may be given several times.
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    pub params: Vec<(Name, String)>,
    /// A file of `NAME=value` lines with secrets, read besides the environment.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
}

/// What the catalogue of `gins` has.
#[derive(Debug, Clone, Args)]
pub struct Catalogue {
    /// The key that the catalogue of `gins` takes, the secret `gins/api_key` of a run [default: juniper].
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// How many products the catalogue of `gins` has [default: 8437].
    #[arg(long, value_name = "N")]
    pub products: Option<u32>,
}

fn mock_products() -> u32 {
    ::mock::PRODUCTS
}

/// `lakehead demo`.
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Where the run leaves everything.
    #[command(flatten)]
    pub root: Root,
    /// How many products the bundled source has.
    #[arg(long, default_value_t = mock_products(), value_name = "N")]
    pub products: u32,
    /// How the report is written.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

fn parameter(text: &str) -> Result<(Name, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((Name::new(name)?, value.to_owned()))
}

fn skippable(text: &str) -> Result<SkippableStep, String> {
    match text {
        "publish" => Ok(SkippableStep::Publish),
        "refresh" => Ok(SkippableStep::Refresh),
        _ => Err("only `publish` and `refresh` can be left out".to_owned()),
    }
}
