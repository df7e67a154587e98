//! The ids that a resource is asked for, and the slices that they are cut into.

use edge::env::Env;
use edge::run::Run;
use edge::session::Traffic;
use edge::source::Listing;
use pipeline::fault::{Fault, Kind};
use pipeline::for_each::{Ids, Listed};
use pipeline::name::Name;
use pipeline::plan::Period;
use pipeline::resource::ResourceDefinition;
use pipeline::run::{Reads, Slice};

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
    env: &Env,
) -> Result<Found, Fault> {
    let values = run.pipeline.values(period);
    let mut traffic = Traffic::default();
    let mut listed = Listed::default();
    if let Some(listing) = resource.for_each.listing() {
        let definition = &run.pipeline.definition;
        let parent = definition.resources.get(&*listing.resource.value);
        let parent = parent.ok_or_else(|| Fault::bug("the definition has no such listing"))?;
        let session = env.sources.session(&definition.source, &values)?;
        let read = session
            .listing(parent, &listing.id, &values, env.deadline(), &mut traffic)
            .await
            .map_err(|fault| fault.with("resource", &listing.resource.value))?;
        listed = match read {
            Listing::Read(listed) => listed,
            Listing::Wait {
                down: Some(fault), ..
            } => return Err(fault.with("resource", &listing.resource.value)),
            Listing::Wait { seconds, .. } => {
                return Err(Fault::new(
                    Kind::RateLimited,
                    format!("the source asks to wait {seconds} s before the listing of `{name}`"),
                ));
            }
        };
    }
    let listed_twice = listed.doubled();
    let ids = resource.for_each.ids(&values, listed)?;
    Ok(Found {
        pages: ids.len(),
        ids: Some(ids),
        listed_twice,
        sent: traffic.sent,
        retried: traffic.retried,
    })
}

/// Cuts what was found into slices, and stores the ids of each.
pub async fn cut(
    run: &Run,
    period: &Period,
    name: &Name,
    found: &Found,
    env: &Env,
) -> Result<Vec<Slice>, Fault> {
    let slice = |id: String, reads: Reads| Slice {
        id,
        resource: name.clone(),
        reads,
        window: period.key.clone(),
        raw_of: None,
    };
    let Some(ids @ (Ids::Each(_) | Ids::Numbers(_))) = &found.ids else {
        return Ok(vec![slice(format!("{name}-{}", period.key), Reads::Pages)]);
    };
    let ids: Vec<String> = ids.iter().collect();
    let size = ids.len().div_ceil(BRANCHES).clamp(FEWEST_IDS, MOST_IDS);
    let mut slices = Vec::new();
    // Where there are no ids, an empty slice makes empty tables.
    let empty = ids.is_empty().then_some(&[][..]);
    for (number, ids) in ids.chunks(size).chain(empty).enumerate() {
        let id = format!("{name}-{}-{number:05}", period.key);
        edge::run::store(&env.objects, &run.keys.ids(&id), &ids).await?;
        slices.push(slice(id, Reads::Ids));
    }
    Ok(slices)
}
