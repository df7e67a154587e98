//! The run's tables in Redshift, where the definition and the deployment name one.

use std::collections::BTreeMap;

use edge::env::Env;
use edge::progress::Progress;
use edge::run::Run;
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use pipeline::report::DestinationReport;
use redshift::Target;

use crate::destinations::{Tables, stood_in, told};
use crate::gathered::Gathered;

/// What reports call it.
const NAME: &str = "redshift";

/// The database that a run publishes into.
pub enum Redshift<'a> {
    /// The definition names none.
    None,
    /// The definition names one, but the deployment has none: the lake stands in.
    NotSet,
    /// There it is.
    Open(Box<Target<'a>>),
}

impl<'a> Redshift<'a> {
    /// The database of a run.
    pub async fn open(run: &'a Run, env: &'a Env) -> Result<Self, Fault> {
        if run.pipeline.definition.destinations.redshift.is_none() {
            return Ok(Redshift::None);
        }
        Ok(match Target::open(run, env).await? {
            Some(target) => Redshift::Open(Box::new(target)),
            None => Redshift::NotSet,
        })
    }

    /// How many rows each table has there that gives way as a whole, to compare the new ones with.
    pub async fn rows(&self) -> Result<Progress<BTreeMap<String, u64>>, Fault> {
        match self {
            Redshift::Open(target) => target.rows().await,
            _ => Ok(Progress::Done(BTreeMap::new())),
        }
    }

    /// Publishes there what the lake is about to publish.
    pub async fn publish(
        &self,
        gathered: &Gathered,
        publication: &Publication,
    ) -> Result<Progress<Option<DestinationReport>>, Fault> {
        let target = match self {
            Redshift::None => return Ok(Progress::Done(None)),
            Redshift::NotSet => {
                let report = stood_in(NAME, "LAKEHEAD_REDSHIFT_WORKGROUP");
                return Ok(Progress::Done(Some(report)));
            }
            Redshift::Open(target) => target,
        };
        let tables = Tables::of(publication)?;
        let outcomes: Vec<_> = gathered.slices.iter().map(|(outcome, _)| outcome).collect();
        let published = target.publish(&tables.each(), &outcomes).await?;
        let moved = |added, removed| format!("{added} rows came, {removed} gave way");
        Ok(published.map(|outcome| Some(told(NAME, outcome, moved))))
    }
}
