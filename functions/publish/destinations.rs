//! The destinations of a run beside the lake: each may refuse, and some take their time.

use std::collections::BTreeMap;

use edge::env::Env;
use edge::progress::Progress;
use edge::run::Run;
use pipeline::destination::Outcome;
use pipeline::fault::Fault;
use pipeline::lake::{Column, Publication};
use pipeline::name::Name;
use pipeline::report::DestinationReport;

use crate::gathered::Gathered;
use crate::in_redshift::Redshift;
use crate::target::Postgres;

/// All destinations beside the lake.
pub struct Destinations<'a> {
    postgres: Postgres<'a>,
    redshift: Redshift<'a>,
}

impl<'a> Destinations<'a> {
    /// The destinations of a run.
    pub async fn open(run: &'a Run, env: &'a Env) -> Result<Self, Fault> {
        Ok(Destinations {
            postgres: Postgres::open(run, env).await?,
            redshift: Redshift::open(run, env).await?,
        })
    }

    /// How many rows each table has there, to compare the new ones with; of several destinations, the most.
    pub async fn rows(&self, run: &Run) -> Result<Progress<BTreeMap<String, u64>>, Fault> {
        let mut rows = self.postgres.rows(run).await?;
        let in_redshift = self.redshift.rows().await?;
        Ok(in_redshift.map(|in_redshift| {
            for (table, count) in in_redshift {
                let most = rows.entry(table).or_default();
                *most = count.max(*most);
            }
            rows
        }))
    }

    /// Publishes there what the lake is about to publish; a report of each destination that is declared.
    pub async fn publish(
        &self,
        gathered: &Gathered,
        publication: &Publication,
    ) -> Result<Progress<Vec<DestinationReport>>, Fault> {
        let in_postgres = self.postgres.publish(gathered, publication).await?;
        let in_redshift = self.redshift.publish(gathered, publication).await?;
        Ok(in_redshift.map(|in_redshift| in_postgres.into_iter().chain(in_redshift).collect()))
    }
}

/// Whether readers of the destination see something new.
pub fn has_changed(report: &DestinationReport) -> bool {
    report.status == "published"
}

/// The tables of a publication with their columns, as a destination is told.
pub struct Tables<'a>(Vec<(Name, &'a [Column])>);

impl<'a> Tables<'a> {
    /// Those of a publication.
    pub fn of(publication: &'a Publication) -> Result<Self, Fault> {
        let tables = publication.tables.iter();
        let named = tables.map(|table| {
            let name = Name::new(table.table.clone()).map_err(Fault::bug)?;
            Ok((name, table.columns.as_slice()))
        });
        Ok(Tables(named.collect::<Result<_, Fault>>()?))
    }

    /// Each by its name.
    pub fn each(&self) -> Vec<(&Name, &'a [Column])> {
        let tables = self.0.iter();
        tables.map(|(name, columns)| (name, *columns)).collect()
    }
}

/// The report of a destination whose address is not set in this variable.
pub fn stood_in(destination: &str, variable: &str) -> DestinationReport {
    let message = format!("{variable} is not set; the lake stands in");
    report(destination, "stood_in", message)
}

/// The report of a destination that was published into; `moved` says how many rows were added and removed.
pub fn told(
    destination: &str,
    outcome: Outcome,
    moved: impl Fn(u64, u64) -> String,
) -> DestinationReport {
    let (status, message) = match outcome {
        Outcome::Published {
            added: 0,
            removed: 0,
        } => ("unchanged", String::new()),
        Outcome::Published { added, removed } => ("published", moved(added, removed)),
        Outcome::Before => ("published", "by an earlier try of this run".to_owned()),
        Outcome::Behind => ("unchanged", "a later run is published there".to_owned()),
    };
    report(destination, status, message)
}

fn report(destination: &str, status: &str, message: String) -> DestinationReport {
    DestinationReport {
        destination: destination.to_owned(),
        status: status.to_owned(),
        message,
    }
}
