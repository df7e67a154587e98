//! A run's own copy of what it needs, in its objects: a deploy in the middle of a run changes nothing for it.

use std::io::{self, BufWriter, Write};

use indexmap::IndexMap;
use jiff::Timestamp;
use pipeline::bookmark::Reach;
use pipeline::definition::{Bundle, Pipeline};
use pipeline::fault::Fault;
use pipeline::lake::Order;
use pipeline::layout::RunKeys;
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::plan::{self, Period};
use pipeline::resource::ResourceDefinition;
use pipeline::run::{PlanOutput, RunRef, RunRequest, Slice};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::objects::{Error, Objects, Upload};

/// What plan stores of a run before anything is fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredRun {
    /// The definition's folder.
    pub bundle: Bundle,
    /// The value of every parameter.
    pub parameters: IndexMap<Name, String>,
    /// What was asked for.
    pub request: RunRequest,
    /// When the execution started, RFC 3339.
    pub started_at: String,
    /// The windows that the run is for, oldest first.
    pub windows: Vec<String>,
    /// Between which values resources with a bookmark are read.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub reaches: IndexMap<Name, Reach>,
}

/// What plan decided; its presence says that the plan is complete.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    /// What plan answered.
    pub output: PlanOutput,
    /// The attempt at the newest window that this run is, as it was when it was planned.
    #[serde(default)]
    pub generation: u64,
    /// Ids that a listing named more than once.
    pub listed_twice: u64,
    /// Requests that plan itself sent, retries included, for a listing of ids.
    pub sent: u64,
    /// Those of them that were sent again.
    pub retried: u64,
    /// Pages that the slices will fetch, where that is known ahead.
    pub pages: u64,
}

/// A run as every step after plan sees it.
#[derive(Debug, Clone)]
pub struct Run {
    /// The run.
    pub reference: RunRef,
    /// Its keys.
    pub keys: RunKeys,
    /// The checked definition with its parameters.
    pub pipeline: Pipeline,
    /// What was asked for.
    pub request: RunRequest,
    /// When the execution started; of a resumed one, when it started first.
    pub started_at: Timestamp,
    /// The windows that the run is for, oldest first.
    pub periods: Vec<Period>,
    /// Between which values resources with a bookmark are read.
    pub reaches: IndexMap<Name, Reach>,
}

impl Run {
    /// Reads a run back from its objects.
    pub async fn load(objects: &Objects, reference: &RunRef) -> Result<Self, Fault> {
        let keys = RunKeys::new(&reference.pipeline, &reference.id);
        let stored: StoredRun = required(objects, &keys.definition()).await?;
        let mut pipeline = stored
            .bundle
            .pipeline(&stored.request.params)
            .map_err(Fault::bad_definition)?;
        pipeline.started_at = Some(asked_at(objects, &reference.pipeline, &stored).await?);
        let started_at: Timestamp = stored
            .started_at
            .parse()
            .map_err(|error| Fault::bug(format!("the run's start is no time: {error}")))?;
        let asked = plan::asked_for(&pipeline.definition, &stored.request, started_at)
            .map_err(Fault::bad_definition)?;
        let periods = asked
            .into_iter()
            .filter(|period| stored.windows.contains(&period.key))
            .collect();
        Ok(Run {
            reference: reference.clone(),
            keys,
            pipeline,
            request: stored.request,
            started_at,
            periods,
            reaches: stored.reaches,
        })
    }

    /// The window of that key.
    pub fn period(&self, key: &str) -> Result<&Period, Fault> {
        let found = self.periods.iter().find(|period| period.key == key);
        found.ok_or_else(|| Fault::bug(format!("the run is not for the window `{key}`")))
    }

    /// The resource that a slice reads.
    pub fn resource_of(&self, slice: &Slice) -> Result<&ResourceDefinition, Fault> {
        let found = self.pipeline.definition.resources.get(&slice.resource);
        found.ok_or_else(|| {
            Fault::bug(format!(
                "the definition has no resource `{}`",
                slice.resource
            ))
        })
    }

    /// The resource that a slice reads, and what its templates are filled from.
    pub fn resource(&self, slice: &Slice) -> Result<(&ResourceDefinition, Values), Fault> {
        let period = self.period(&slice.window)?;
        let resource = self.resource_of(slice)?;
        Ok((resource, self.values(&slice.resource, period)))
    }

    /// What the templates of a resource are filled from in a window.
    pub fn values(&self, resource: &str, period: &Period) -> Values {
        let mut values = self.pipeline.values(period);
        if let Some(reach) = self.reaches.get(resource) {
            reach.add_to(&mut values);
        }
        values
    }

    /// The keys of the run that has the raw pages of a slice.
    pub fn raw_keys(&self, slice: &Slice) -> RunKeys {
        match &slice.raw_of {
            Some(run) => RunKeys::new(&self.reference.pipeline, run),
            None => self.keys.clone(),
        }
    }

    /// Which of two runs is the later: for windows, that of the later window, then that of the later attempt;
    /// for a snapshot, that which started later. It is settled when the run is planned: a run that was replaced
    /// meanwhile stays the earlier one.
    pub async fn order(&self, objects: &Objects) -> Result<Order, Fault> {
        let newest = self.newest()?;
        let plan: StoredPlan = required(objects, &self.keys.plan()).await?;
        let schedule = self.pipeline.definition.schedule.as_ref();
        let windowed = schedule.is_some_and(|schedule| schedule.window.is_some());
        Ok(Order {
            as_of: match windowed {
                true => newest.window.order(),
                false => Order::moment(self.started_at),
            },
            generation: plan.generation,
        })
    }

    /// The newest window.
    pub fn newest(&self) -> Result<&Period, Fault> {
        self.periods
            .last()
            .ok_or_else(|| Fault::bug("the run is for no window"))
    }
}

/// When the source was asked: raw pages that are typed again were fetched by an earlier run.
async fn asked_at(objects: &Objects, pipeline: &Name, stored: &StoredRun) -> Result<String, Fault> {
    let mut asked_at = stored.started_at.clone();
    let mut raw_of = stored.request.raw_of.clone();
    while let Some(id) = raw_of {
        let earlier = RunKeys::new(pipeline, &id).definition();
        let Some(earlier) = optional::<StoredRun>(objects, &earlier).await? else {
            break;
        };
        asked_at = earlier.started_at;
        raw_of = earlier.request.raw_of;
    }
    Ok(asked_at)
}

/// Reads an object as JSON; none where there is no object.
pub async fn optional<T: DeserializeOwned>(
    objects: &Objects,
    key: &str,
) -> Result<Option<T>, Fault> {
    match objects.get(key).await {
        Ok(bytes) => parse(key, &bytes).map(Some),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads an object as JSON.
pub async fn required<T: DeserializeOwned>(objects: &Objects, key: &str) -> Result<T, Fault> {
    let found = optional(objects, key).await?;
    found.ok_or_else(|| Fault::bad_data(format!("the run has lost its object `{key}`")))
}

/// Writes an object as JSON, in place of any other.
pub async fn store(objects: &Objects, key: &str, value: &impl Serialize) -> Result<(), Fault> {
    let bytes = serde_json::to_vec_pretty(value)
        .map_err(|error| Fault::bug(format!("`{key}` is no JSON: {error}")))?;
    Ok(objects.put(key, bytes).await?)
}

/// Writes a list, one JSON value a line; in memory is little of it at a time.
pub async fn store_lines<T: Serialize>(
    objects: &Objects,
    key: &str,
    items: impl IntoIterator<Item = T>,
) -> Result<(), Fault> {
    let mut upload = objects.upload(key).await?;
    write_lines(&mut upload, items)
        .map_err(|error| Fault::transient(format!("`{key}` can't be written: {error}")))?;
    upload.commit().await?;
    Ok(())
}

fn write_lines<T: Serialize>(
    upload: &mut Upload,
    items: impl IntoIterator<Item = T>,
) -> io::Result<()> {
    let mut lines = BufWriter::with_capacity(LINES_BYTES, upload);
    for item in items {
        serde_json::to_writer(&mut lines, &item)?;
        lines.write_all(b"\n")?;
    }
    lines.flush()
}

/// So much of a list is digested and written at once.
const LINES_BYTES: usize = 64 << 10;

/// Reads such a list.
pub async fn lines<T: DeserializeOwned>(objects: &Objects, key: &str) -> Result<Vec<T>, Fault> {
    let bytes = match objects.get(key).await {
        Err(Error::NotFound(_)) => {
            return Err(Fault::bad_data(format!(
                "the run has lost its object `{key}`"
            )));
        }
        found => found?,
    };
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| parse(key, line)).collect()
}

fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes)
        .map_err(|error| Fault::bad_data(format!("the object `{key}` is not readable: {error}")))
}
