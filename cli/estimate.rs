//! How many requests a run would send, and how long the declared rate makes it: counted from the definition where
//! that tells, else taken from the last published run, else unknown.

use std::collections::HashMap;
use std::fmt;

use edge::env::Env;
use pipeline::definition::Pipeline;
use pipeline::fault::Fault;
use pipeline::for_each::{ForEach, Listed, ParentSource};
use pipeline::layout::RunKeys;
use pipeline::ledger::WindowEntry;
use pipeline::number::Values;
use pipeline::plan::Period;
use pipeline::report::Manifest;
use pipeline::resource::ResourceDefinition;
use serde::Serialize;

/// What a run would cost the source.
#[derive(Debug, Serialize)]
pub struct Estimate {
    /// None where nothing tells.
    requests: Option<u64>,
    /// No fewer than these.
    at_least: u64,
    /// At the declared rate, with answers that come at once.
    seconds: Option<f64>,
    /// The declared rate.
    requests_per_second: f64,
    rests_on: String,
}

/// The estimate for so many windows like `period`.
pub async fn of(
    pipeline: &Pipeline,
    env: &Env,
    period: &Period,
    windows: u64,
    known: &HashMap<String, WindowEntry>,
) -> Result<Estimate, Fault> {
    let values = pipeline.values(period);
    let source = pipeline.definition.source.open(&values)?;
    let login = u64::from(source.grants().is_some() && windows > 0);
    let (mut at_least, mut unknown) = (0, Vec::new());
    for (name, resource) in &pipeline.definition.resources {
        let walks = walks(resource, &values)?;
        at_least += walks.unwrap_or_default();
        if walks.is_none() || resource.paginate.is_divided() {
            unknown.push(format!("`{name}`"));
        }
    }
    let at_least = at_least * windows + login;
    let (requests, rests_on) = match (
        unknown.is_empty() || windows == 0,
        last(pipeline, env, known).await?,
    ) {
        (true, _) => (
            Some(at_least),
            "the definition, which tells every request; repeats are not counted".to_owned(),
        ),
        (false, Some((run, each))) => (
            Some((each * windows + login).max(at_least)),
            format!("run {run}, which sent {each} requests a window"),
        ),
        (false, None) => (
            None,
            format!(
                "nothing yet: how many requests {} takes is known once it was read",
                unknown.join(", ")
            ),
        ),
    };
    let pace = source.pace();
    let rate = pace.requests as f64 / pace.period.as_secs_f64();
    Ok(Estimate {
        requests,
        at_least,
        seconds: requests.map(|requests| requests as f64 / rate),
        requests_per_second: rate,
        rests_on,
    })
}

/// How often a resource is asked for from its first page on; none where only the source knows.
fn walks(resource: &ResourceDefinition, values: &Values) -> Result<Option<u64>, Fault> {
    match &resource.for_each {
        ForEach::None => Ok(Some(1)),
        ForEach::Range(_) => {
            let ids = resource.for_each.ids(values, Listed::default())?;
            Ok(Some(ids.len()))
        }
        ForEach::Listing(_) => Ok(None),
        ForEach::Parents(parents) => {
            let mut lists = Vec::new();
            for source in &parents.of {
                match ParentSource::listed(source, values)? {
                    Some(rows) => lists.push(rows),
                    None => return Ok(None),
                }
            }
            Ok(Some(parents.combined(lists, values)?.len() as u64))
        }
    }
}

/// The newest published run, and how many requests it sent a window.
async fn last(
    pipeline: &Pipeline,
    env: &Env,
    known: &HashMap<String, WindowEntry>,
) -> Result<Option<(String, u64)>, Fault> {
    let published = known.values().filter(|entry| entry.published_by.is_some());
    let newest = published.max_by(|one, other| one.window.cmp(&other.window));
    let Some(run) = newest.and_then(|entry| entry.published_by.clone()) else {
        return Ok(None);
    };
    let key = RunKeys::new(&pipeline.name, &run).manifest();
    let manifest: Option<Manifest> = edge::run::optional(&env.objects, &key).await?;
    Ok(manifest.map(|manifest| {
        let windows = manifest.windows.len().max(1) as u64;
        (run, manifest.requests.sent.div_ceil(windows))
    }))
}

impl fmt::Display for Estimate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.requests_per_second;
        match (self.requests, self.seconds) {
            (Some(requests), Some(seconds)) => write!(
                formatter,
                "{requests} requests, {} at {rate} a second",
                duration(seconds)
            )?,
            _ => write!(
                formatter,
                "unknown, at least {} requests, at {rate} a second",
                self.at_least
            )?,
        }
        write!(formatter, "; it rests on {}", self.rests_on)
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.1} s"),
        120.0..7200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3600.0),
    }
}
