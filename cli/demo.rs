//! `lakehead demo`: a real pipeline against the bundled source, from nothing to published tables.

use std::fmt::Write;
use std::path::Path;

use edge::env::Env;
use edge::secrets::SecretStore;
use embedded::{Embedded, Settings};
use indexmap::IndexMap;
use pipeline::name::Name;
use pipeline::run::RunRequest;
use pipeline::value::Value;

use crate::arguments::{Behaviour, Demo, Format};
use crate::output::{Exit, Failure, print, print_json};
use crate::{mock, report, run};

/// Requests a second that the bundled source bears in the demo, and that the demo asks for.
const REQUESTS_PER_SECOND: u32 = 2_000;

/// How the bundled source misbehaves in the demo: now and then, and it recovers.
const FAULTS: [&str; 3] = ["429:0.002,retry-after=0", "500:0.003", "truncate:0.001"];

/// The widest bar, in characters.
const BAR: usize = 40;

/// Runs the demo.
pub async fn demo(options: &Demo, pipelines: &Path) -> Result<Exit, Failure> {
    let source = mock::start(options.products, &behaviour()?, 0, mock::KEY.to_owned()).await?;
    let secrets = SecretStore::over(key, None)?;
    let env = run::env_with(&options.root.root, pipelines, secrets)?;
    let text = options.format == Format::Text;
    if text {
        eprintln!(
            "source: {} products at {}, {REQUESTS_PER_SECOND} requests a second, 429, 500 and broken answers now and then",
            report::thousands(options.products.into()),
            source.url()
        );
    }
    let ended = run::execute(&env, &request(&source.url())?, None, !text).await;
    source.stop().await;
    let ended = ended?;
    if !text {
        print_json(&ended)?;
    } else {
        print(&report::text(&ended))?;
        if ended.fault.is_none() {
            print(&summary(&env, options).await?)?;
        }
    }
    Ok(run::exit(&ended, false))
}

fn behaviour() -> Result<Behaviour, Failure> {
    let faults = FAULTS.iter().map(|fault| fault.parse());
    let faults: Result<Vec<::mock::Fault>, _> = faults.collect();
    Ok(Behaviour {
        requests_per_second: Some(REQUESTS_PER_SECOND),
        faults: faults.map_err(|error| Failure::run(format!("the demo's faults: {error}")))?,
        ..Behaviour::default()
    })
}

fn key(name: &str) -> Option<String> {
    (name == "LAKEHEAD_SECRET_GINS_API_KEY").then(|| mock::KEY.to_owned())
}

fn request(base_url: &str) -> Result<RunRequest, Failure> {
    let name = |text: &str| Name::new(text).map_err(Failure::run);
    Ok(RunRequest {
        pipeline: name("gins")?,
        as_of: None,
        from: None,
        to: None,
        params: IndexMap::from([
            (name("base_url")?, base_url.to_owned()),
            (
                name("requests_per_second")?,
                REQUESTS_PER_SECOND.to_string(),
            ),
        ]),
        force: false,
        incomplete_only: false,
        skip: Vec::new(),
        raw_of: None,
        resume: None,
        scheduled_at: None,
        side_by_side: 1,
    })
}

/// What one looks at after a run: a ranking, a histogram, and where the files are.
async fn summary(env: &Env, options: &Demo) -> Result<String, Failure> {
    let mut out = String::from("\n  the best rated gins\n");
    let gins = "SELECT position, name, average_rating, rating_count FROM gins_report.best_rated_gins ORDER BY position LIMIT 5";
    for row in rows(env, gins).await? {
        if let [position, name, rating, votes] = &row[..] {
            let [position, rating, votes] = [position, rating, votes].map(Value::to_string);
            let _ = writeln!(
                out,
                "  {position:>4}  {:<44} {rating:>5}  {votes:>6} votes",
                one_line(name)
            );
        }
    }
    out += "\n  how ratings are spread\n";
    let bins = "SELECT lower_edge, upper_edge, gins FROM gins_report.rating_histogram ORDER BY bin";
    out += &histogram(&rows(env, bins).await?);
    let root = options.root.root.display();
    let _ = writeln!(
        out,
        "\n  Parquet  {root}/lake/gins/, {root}/lake/gins_report/"
    );
    let _ = writeln!(out, "  CSV      {root}/exports/gins/normalized_data/");
    out += "\n  lakehead tables                     what is published\n";
    out += "  lakehead query \"SELECT * FROM gins_report.countries_by_gins LIMIT 5\"\n";
    Ok(out)
}

async fn rows(env: &Env, sql: &str) -> Result<Vec<Vec<Value>>, Failure> {
    let engine = Embedded::new(&Settings::default())?;
    Ok(engine.query_lake(&env.lake, sql).await?.take(100).await?)
}

fn histogram(bins: &[Vec<Value>]) -> String {
    let count = |row: &[Value]| row.get(2).and_then(Value::as_count).unwrap_or(0);
    let most = bins.iter().map(|row| count(row)).max().unwrap_or(0).max(1);
    let mut out = String::new();
    for row in bins {
        let edge = |index: usize| row.get(index).and_then(number).unwrap_or_default();
        let length = (count(row) as usize * BAR).div_ceil(most as usize);
        let _ = writeln!(
            out,
            "  {:>5.1} to {:>4.1}  {:<BAR$} {}",
            edge(0),
            edge(1),
            "█".repeat(length),
            report::thousands(count(row))
        );
    }
    out
}

fn number(value: &Value) -> Option<f64> {
    value.to_string().parse().ok()
}

/// A name as one line of a table: a line break in it would break the table.
fn one_line(value: &Value) -> String {
    let text = value.to_string().replace(['\n', '\r'], " ");
    match text.char_indices().nth(44) {
        Some((end, _)) => format!("{}…", &text[..end].chars().take(43).collect::<String>()),
        None => text,
    }
}
