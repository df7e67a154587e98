//! The run's tables in PostgreSQL, where the definition and the secrets name one.

use std::collections::BTreeMap;

use edge::env::Env;
use edge::run::Run;
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use pipeline::report::DestinationReport;
use postgres::Target;

use crate::destinations::{Tables, stood_in, told};
use crate::gathered::Gathered;

/// What reports call it.
const NAME: &str = "postgres";

/// The database that a run publishes into.
pub enum Postgres<'a> {
    /// The definition names none.
    None,
    /// The definition names one, but the secret of its address is not set: the lake stands in.
    NotSet(String),
    /// There it is.
    Open(Box<Target<'a>>),
}

impl<'a> Postgres<'a> {
    /// The database of a run.
    pub async fn open(run: &'a Run, env: &'a Env) -> Result<Self, Fault> {
        let Some(declared) = &run.pipeline.definition.destinations.postgres else {
            return Ok(Postgres::None);
        };
        Ok(match Target::open(run, env).await? {
            Some(target) => Postgres::Open(Box::new(target)),
            None => Postgres::NotSet(declared.url.secret.environment_variable()),
        })
    }

    /// How many rows each table has there, to compare the new ones with.
    pub async fn rows(&self, run: &Run) -> Result<BTreeMap<String, u64>, Fault> {
        let mut rows = BTreeMap::new();
        if let Postgres::Open(target) = self {
            for name in run.pipeline.definition.tables.keys() {
                // Only of a table that is replaced as a whole the old rows tell how many are to be expected.
                if !target.replaces(name) {
                    continue;
                }
                if let Some(count) = target.rows(name).await? {
                    rows.insert(name.to_string(), count);
                }
            }
        }
        Ok(rows)
    }

    /// Publishes there what the lake is about to publish.
    pub async fn publish(
        &self,
        gathered: &Gathered,
        publication: &Publication,
    ) -> Result<Option<DestinationReport>, Fault> {
        let target = match self {
            Postgres::None => return Ok(None),
            Postgres::NotSet(variable) => {
                return Ok(Some(stood_in(NAME, variable)));
            }
            Postgres::Open(target) => target,
        };
        let tables = Tables::of(publication)?;
        let outcomes: Vec<_> = gathered.slices.iter().map(|(outcome, _)| outcome).collect();
        let outcome = target.publish(&tables.each(), &outcomes).await?;
        let moved = |added, removed| format!("{added} rows added, {removed} removed");
        Ok(Some(told(NAME, outcome, moved)))
    }
}
