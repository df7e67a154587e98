//! The ids that a resource is asked for, and the slices that they are cut into.

use edge::env::Env;
use edge::run::Run;
use edge::session::Traffic;
use edge::source::Page;
use futures::future::BoxFuture;
use indexmap::IndexMap;
use pipeline::fault::{Fault, Kind};
use pipeline::for_each::{ForEach, Ids, Listed, Parent, Rows, Taken};
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::paginate::Next;
use pipeline::path::Path;
use pipeline::plan::Period;
use pipeline::request::Answer;
use pipeline::resource::ResourceDefinition;
use pipeline::run::{Reads, Slice};
use pipeline::table::{Duplicates, TableDefinition};
use serde_json::Value;

use crate::journal::{Asked, Journal};

/// The most ids of one slice: what is fetched again, at worst, when a slice is lost.
const MOST_IDS: usize = 1000;
/// The fewest ids worth a slice of their own.
const FEWEST_IDS: usize = 100;
/// Into how many slices ids are cut where they are neither few nor many.
const BRANCHES: usize = 16;

/// The ids of a resource, and what finding them took.
#[derive(Debug, Default)]
pub struct Found {
    ids: Option<Ids>,
    /// What begins each slice, where the pages are cut into several.
    begins: Vec<Value>,
    /// Pages that will be fetched, where that is known.
    pub pages: u64,
    /// Ids that the listing named more than once.
    pub listed_twice: u64,
    /// Requests sent, retries included.
    pub sent: u64,
    /// Requests that were sent again.
    pub retried: u64,
}

impl Found {
    /// Adds what another resource took.
    pub fn add(&mut self, other: Found) {
        self.pages += other.pages;
        self.listed_twice += other.listed_twice;
        self.sent += other.sent;
        self.retried += other.retried;
    }
}

/// Finds the ids that a resource is asked for in a window, reading its listing where it has one.
pub async fn find(
    run: &Run,
    period: &Period,
    name: &Name,
    resource: &ResourceDefinition,
    journal: &mut Journal<'_>,
    env: &Env,
) -> Result<Found, Fault> {
    if matches!(resource.for_each, ForEach::None) && resource.paginate.is_cut() {
        return pages(run, period, name, resource, env).await;
    }
    let mut reader = Reader {
        run,
        period,
        values: run.values(name, period),
        env,
        journal,
        traffic: Traffic::default(),
        doubled: 0,
    };
    let ids = match &resource.for_each {
        ForEach::Parents(_) => Ids::Rows(reader.parents(name, resource).await?),
        _ => reader.by_id(name, resource).await?,
    };
    Ok(Found {
        pages: ids.len(),
        ids: Some(ids),
        begins: Vec::new(),
        listed_twice: reader.doubled,
        sent: reader.traffic.sent,
        retried: reader.traffic.retried,
    })
}

/// The slices of a resource whose first page tells how many pages there are.
async fn pages(
    run: &Run,
    period: &Period,
    name: &Name,
    resource: &ResourceDefinition,
    env: &Env,
) -> Result<Found, Fault> {
    let values = run.values(name, period);
    let session = env
        .sources
        .session(&run.pipeline.definition.source, &values)
        .await?;
    let mut traffic = Traffic::default();
    let first = resource.paginate.first();
    let page = session
        .page(resource, &values, &first, env.deadline(), &mut traffic)
        .await
        .map_err(|fault| fault.with("resource", name))?;
    let begins = match page {
        Page::Fetched { turn, .. } => resource.paginate.cut(&turn.next, &values)?,
        // What becomes of such an answer is the fetch's to say.
        Page::Missing | Page::TooLarge { .. } => Vec::new(),
        Page::Wait {
            down: Some(fault), ..
        } => return Err(fault.with("resource", name)),
        Page::Wait { seconds, .. } => {
            return Err(Fault::new(
                Kind::RateLimited,
                format!("the source asks to wait {seconds} s before the first page of `{name}`"),
            ));
        }
    };
    let begins = match begins.len() {
        0 | 1 => Vec::new(),
        _ => begins
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<_, _>>()
            .map_err(|error| Fault::bug(format!("a token is no JSON: {error}")))?,
    };
    Ok(Found {
        begins,
        sent: traffic.sent,
        retried: traffic.retried,
        ..Found::default()
    })
}

/// Reads parents, and theirs before them.
struct Reader<'a, 'j> {
    run: &'a Run,
    period: &'a Period,
    values: Values,
    env: &'a Env,
    journal: &'a mut Journal<'j>,
    traffic: Traffic,
    doubled: u64,
}

impl<'a> Reader<'a, '_> {
    /// What a resource is asked for: one parent without values where it is asked once.
    fn parents<'f>(
        &'f mut self,
        name: &'f Name,
        resource: &'f ResourceDefinition,
    ) -> BoxFuture<'f, Result<Vec<Parent>, Fault>> {
        Box::pin(async move {
            let parents = match &resource.for_each {
                ForEach::None => return Ok(vec![Parent::default()]),
                ForEach::Parents(parents) => parents,
                ForEach::Listing(_) | ForEach::Range(_) => {
                    let found = self.by_id(name, resource).await?;
                    return Ok(found.iter().collect());
                }
            };
            let mut of = Vec::new();
            for source in &parents.of {
                if let Some(rows) = source.listed(&self.values)? {
                    of.push(rows);
                    continue;
                }
                let Some((parent, take)) = source.rows() else {
                    continue;
                };
                let rows = self.rows(parent, take).await;
                of.push(rows.map_err(|fault| fault.with("resource", &parent.value))?);
            }
            parents.combined(of, &self.values)
        })
    }

    async fn by_id(&mut self, name: &Name, resource: &ResourceDefinition) -> Result<Ids, Fault> {
        let mut rows = Listed::default();
        if let Some(listing) = resource.for_each.listing() {
            let parent = self.resource(&listing.resource.value)?;
            let asked = self.parents(name, parent).await?;
            for of in &asked {
                let read = self.pages(&listing.resource.value, parent, of, |answer| {
                    rows.read(answer, &parent.records, &listing.id)
                });
                let read = read.await;
                read.map_err(|fault| fault.with("resource", &listing.resource.value))?;
            }
        }
        self.doubled += rows.doubled();
        resource.for_each.ids(&self.values, rows)
    }

    async fn rows(&mut self, name: &Name, take: &IndexMap<Name, Path>) -> Result<Rows, Fault> {
        let parent = self.resource(name)?;
        let mut rows = Rows::default();
        let taken = Taken {
            records: &parent.records,
            take,
        };
        let asked = self.parents(name, parent).await?;
        for of in &asked {
            self.pages(name, parent, of, |answer| rows.read(answer, &taken, of))
                .await?;
        }
        self.doubled += rows.doubled();
        Ok(rows)
    }

    fn resource(&self, name: &Name) -> Result<&'a ResourceDefinition, Fault> {
        let run: &'a Run = self.run;
        let resources = &run.pipeline.definition.resources;
        let found = resources.get(name);
        found.ok_or_else(|| Fault::bug(format!("the definition has no resource `{name}`")))
    }

    /// Hands every page of a resource to `read`.
    async fn pages(
        &mut self,
        name: &Name,
        resource: &ResourceDefinition,
        of: &Parent,
        mut read: impl FnMut(&Answer) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let values = of.onto(&self.run.values(name, self.period));
        let source = &self.run.pipeline.definition.source;
        let session = self.env.sources.session(source, &values).await?;
        let mut token = resource.paginate.first();
        loop {
            let asked = Asked {
                session: &session,
                name,
                resource,
                of,
                values: &values,
                token: &token,
            };
            let page = self.journal.page(&asked, &mut self.traffic).await?;
            match page {
                Page::Missing => return Ok(()),
                Page::TooLarge { status } => token = resource.shrunk(&token, &values, status)?,
                Page::Wait { .. } => return Err(Fault::bug("a wait is told as a fault")),
                Page::Fetched { answer, turn, .. } => {
                    read(&answer).map_err(|fault| session.clean(fault))?;
                    match turn.next {
                        Next::Page(next) => token = next,
                        Next::End => return Ok(()),
                    }
                }
            }
        }
    }
}

/// Cuts what was found into slices, and stores the ids of each.
pub async fn cut(
    run: &Run,
    period: &Period,
    name: &Name,
    resource: &ResourceDefinition,
    found: &Found,
    env: &Env,
) -> Result<Vec<Slice>, Fault> {
    let slice = |id: String, reads: Reads| Slice {
        id,
        resource: name.clone(),
        reads,
        window: period.key.clone(),
        begin: None,
        raw_of: None,
    };
    let Some(ids @ (Ids::Each(_) | Ids::Numbers(_) | Ids::Rows(_))) = &found.ids else {
        let whole = slice(format!("{name}-{}", period.key), Reads::Pages);
        let begins = found.begins.iter().enumerate();
        let parts: Vec<Slice> = begins
            .map(|(number, begin)| Slice {
                id: format!("{}-{number:05}", whole.id),
                begin: Some(begin.clone()),
                ..whole.clone()
            })
            .collect();
        return Ok(match parts.len() {
            0 => vec![whole],
            _ => parts,
        });
    };
    let fewest = match resource.paginate.is_divided() {
        // Each may have many pages of its own, which are walked one after the other.
        true => 1,
        false => FEWEST_IDS,
    };
    let count = usize::try_from(ids.len()).unwrap_or(usize::MAX);
    let size = match keeps_first(run, name) {
        // Only within a slice is a row known to have come before.
        true => count.max(1),
        false => count.div_ceil(BRANCHES).clamp(fewest, MOST_IDS),
    };
    let mut slices = Vec::new();
    // One slice's ids at a time are made into what is asked for: as such, each takes many times its own size.
    let mut left = ids.iter();
    // Where there are no ids, an empty slice makes empty tables.
    for number in 0..count.div_ceil(size).max(1) {
        let id = format!("{name}-{}-{number:05}", period.key);
        let ids = left.by_ref().take(size);
        edge::run::store_lines(&env.objects, &run.keys.ids(&id), ids).await?;
        slices.push(slice(id, Reads::Ids));
    }
    Ok(slices)
}

/// Whether a table of the resource leaves out rows whose key has come before.
fn keeps_first(run: &Run, resource: &Name) -> bool {
    let tables = run.pipeline.tables_of(resource);
    let keeps = |table: &TableDefinition| table.duplicates == Duplicates::KeepFirst;
    tables.values().any(keeps)
}
