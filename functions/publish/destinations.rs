//! The destinations of a run beside the lake: each may refuse, and some take their time.

use std::collections::BTreeMap;

use edge::env::Env;
use edge::progress::Progress;
use edge::run::Run;
use pipeline::fault::Fault;
use pipeline::lake::Publication;
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
