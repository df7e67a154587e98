//! One run and the Redshift database that it publishes into.

use std::collections::BTreeMap;

use edge::env::Env;
use edge::progress::Progress;
use edge::run::Run;
use pipeline::balance::{SliceOutcome, TableOutcome};
use pipeline::destination::Redshift;
use pipeline::destination::redshift::{Books, Load, Mode, StagedModel, StagedTable, found, united};
use pipeline::fault::Fault;
use pipeline::lake::Column;
use pipeline::name::Name;
use pipeline::sql::Relation;

use crate::api::Api;
use crate::catalogue::{catalogue, counts};
use crate::done;
use crate::refresh;
use crate::steps::Steps;
use crate::text;

/// A run with the database that it publishes into.
pub struct Target<'a> {
    pub(crate) redshift: &'a Redshift,
    pub(crate) books: Books,
    pub(crate) steps: Steps<'a>,
    pub(crate) run: &'a Run,
    pub(crate) env: &'a Env,
    pub(crate) load: Load,
    /// The role that Redshift reads the bucket with.
    pub(crate) role: &'a str,
}

impl<'a> Target<'a> {
    /// The database of a run; none where the definition names none, or the deployment has none, as on a laptop.
    pub async fn open(run: &'a Run, env: &'a Env) -> Result<Option<Self>, Fault> {
        let Some(redshift) = &run.pipeline.definition.destinations.redshift else {
            return Ok(None);
        };
        let Some(settings) = &env.settings.redshift else {
            return Ok(None);
        };
        if env.objects.root().is_some() {
            return Err(Fault::bad_definition(
                "LAKEHEAD_REDSHIFT_WORKGROUP is set, but Redshift cannot read what is on this machine; take it out of the environment, or set LAKEHEAD_BUCKET",
            ));
        }
        let order = run.order(&env.objects).await?;
        let load = Load {
            pipeline: run.reference.pipeline.to_string(),
            run: run.reference.id.clone(),
            as_of: order.as_of,
            started_at: run.started_at.to_string(),
        };
        Ok(Some(Target {
            redshift,
            books: Books::new(&redshift.schema),
            steps: Steps::new(Api::open(env, settings)?, run, env, &load),
            run,
            env,
            load,
            role: &settings.role,
        }))
    }

    /// Brings the rows of a slice into a form that Redshift takes, where Parquet is none. Done again, it changes
    /// nothing.
    pub async fn stage(&self, outcome: &SliceOutcome) -> Result<(), Fault> {
        for (name, made) in &outcome.tables {
            if made.rows.kept == 0 || !self.takes(name, outcome)? {
                continue;
            }
            let table = self.staged(name, &made.columns)?;
            if table.is_text() {
                self.write_text(&table, made).await?;
            }
        }
        Ok(())
    }

    /// How many rows each table has that gives way as a whole, to compare the new ones with.
    pub async fn rows(&self) -> Result<Progress<BTreeMap<String, u64>>, Fault> {
        let names: Vec<&Name> = self.tables().filter(|name| self.replaces(name)).collect();
        let relations: Vec<Relation> = names.iter().map(|name| self.relation(name)).collect();
        if relations.is_empty() {
            return Ok(Progress::Done(BTreeMap::new()));
        }
        let there = done!(self.steps.run("before", &[found(&relations)]).await?);
        let there = catalogue(there.rows(0).await?);
        let relations: Vec<&Relation> = relations
            .iter()
            .filter(|relation| there.contains_key(relation))
            .collect();
        if relations.is_empty() {
            return Ok(Progress::Done(BTreeMap::new()));
        }
        let queries = self.count(&relations);
        let counted = done!(self.steps.run("before-rows", &queries).await?);
        let mut rows = BTreeMap::new();
        for statement in 0..queries.len() {
            let counted = counts(counted.rows(statement).await?)?;
            rows.extend(counted.into_iter().map(|(name, (count, _))| (name, count)));
        }
        Ok(Progress::Done(rows))
    }

    /// Whether the rows of a table give way to those of the run.
    pub fn replaces(&self, name: &Name) -> bool {
        self.redshift.mode(name) == Mode::Replace
    }

    /// Begins to take away what the run has waiting, and does not wait for it.
    pub async fn abandon(&self) -> Result<(), Fault> {
        if !self.steps.is_begun("catalogue-0").await? {
            return Ok(());
        }
        let tables: Vec<String> = self.tables().map(|name| self.staging(name)).collect();
        let models = self.models()?;
        let mut names: Vec<&str> = tables.iter().map(String::as_str).collect();
        names.extend(refresh::names(&models));
        let statements = self.books.drop_staged(&names);
        self.steps.start("abandon", &statements).await
    }

    /// Questions for how many rows tables have.
    pub(crate) fn count(&self, relations: &[&Relation]) -> Vec<String> {
        let queries: Vec<String> = relations
            .iter()
            .map(|relation| {
                format!(
                    "SELECT {} AS relation, count(*) AS present, 0 AS twice FROM {}",
                    pipeline::destination::redshift::text(&relation.table),
                    relation.quoted()
                )
            })
            .collect();
        united(&queries)
    }

    /// The models, each with where it is made.
    pub(crate) fn models(&self) -> Result<Vec<StagedModel>, Fault> {
        let newest = self.run.newest()?;
        Ok(self.run.pipeline.models_for_redshift(newest, &self.load))
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Name> {
        self.run.pipeline.definition.tables.keys()
    }

    pub(crate) fn relation(&self, name: &Name) -> Relation {
        Relation::new(self.redshift.schema.to_string(), name.to_string())
    }

    pub(crate) fn staging(&self, name: &str) -> String {
        pipeline::destination::redshift::staging_name(&self.load, name)
    }

    pub(crate) fn staged(&self, name: &Name, columns: &[Column]) -> Result<StagedTable, Fault> {
        let tables = &self.run.pipeline.definition.tables;
        let definition = tables
            .get(name)
            .ok_or_else(|| Fault::bug(format!("the definition has no table `{name}`")))?;
        StagedTable::of(self.redshift, &self.load, name, definition, columns)
    }

    /// Whether a slice's rows get into a table: one that is replaced is made of the newest window alone.
    pub(crate) fn takes(&self, name: &Name, outcome: &SliceOutcome) -> Result<bool, Fault> {
        let newest = self.run.newest()?;
        Ok(!self.replaces(name) || outcome.slice.window == newest.key)
    }

    /// Writes a slice's rows of a table as text, unless it is done.
    pub(crate) async fn write_text(
        &self,
        table: &StagedTable,
        made: &TableOutcome,
    ) -> Result<(), Fault> {
        for part in &made.parts {
            let key = self.run.keys.as_text(&part.key);
            if self.env.objects.size(&key).await?.is_none() {
                let written = text::write(&self.env.objects, part, &key, table).await;
                written.map_err(|fault| fault.with("table", &table.target))?;
            }
        }
        Ok(())
    }
}
