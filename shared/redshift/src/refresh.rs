//! Models made by Redshift itself: beside what readers see first, then switched in by one transaction.

use std::collections::{BTreeMap, BTreeSet};

use edge::progress::Progress;
use edge::run;
use pipeline::destination::redshift::{Change, Found, StagedModel, Switch, found, united};
use pipeline::fault::{Fault, Kind};
use pipeline::sql::{Relation, identifier};

use crate::catalogue::{Catalogue, catalogue, counts};
use crate::done;
use crate::target::Target;

impl Target<'_> {
    /// Makes the models, each after what it reads, and switches all of them in by one transaction; answers how
    /// many there are. Called again, it goes on; done again, it changes nothing.
    pub async fn refresh(&self) -> Result<Progress<u64>, Fault> {
        let models = self.models()?;
        if models.is_empty() {
            return Ok(Progress::Done(0));
        }
        let key = self.run.keys.statement("redshift-refreshed");
        if let Some(made) = run::optional(&self.env.objects, &key).await? {
            return Ok(Progress::Done(made));
        }
        let made = done!(self.make(&models).await?);
        run::store(&self.env.objects, &key, &made).await?;
        Ok(Progress::Done(made))
    }

    async fn make(&self, models: &[StagedModel]) -> Result<Progress<u64>, Fault> {
        let mut rounds = 0;
        loop {
            let mut round = 0;
            while self.steps.failures(&format!("models-{round}")).await? > 0 {
                round += 1;
            }
            match done!(self.make_round(models, round).await?) {
                Ok(()) => return Ok(Progress::Done(models.len() as u64)),
                Err(fault) => {
                    rounds += 1;
                    if fault.kind != Kind::Transient || rounds == 3 {
                        return Err(fault);
                    }
                }
            }
        }
    }

    async fn make_round(
        &self,
        models: &[StagedModel],
        round: u32,
    ) -> Result<Progress<Result<(), Fault>>, Fault> {
        done!(self.make_schemas(models, round).await?);
        let names = names(models);
        let mut making = self.books.drop_staged(&names);
        making.push(self.books.note_staged(&self.load, &names));
        making.extend(models.iter().flat_map(StagedModel::make));
        done!(self.run_all("models-make", making, round).await?);
        let (there, rows) = done!(self.look_at(models, round).await?);
        let mut changes: Vec<Change> = Vec::new();
        for model in models {
            let lost = || Fault::transient("a model that was made in Redshift is gone");
            let made: &Found = there.get(&model.staging).ok_or_else(lost)?;
            let rows = rows.get(&model.staging.table).copied().unwrap_or_default();
            let readers = &self.redshift.readers;
            let before = there.get(&model.model.relation);
            let change = model.change(made, rows.0, before, readers);
            changes.push(change.map_err(|fault| fault.with("model", &model.model.name))?);
        }
        done!(self.evolve("models-evolve", &changes, round).await?);
        let work = changes.iter().flat_map(|change| change.rows.clone());
        let balances: Vec<String> = changes.iter().filter_map(|c| c.balance.clone()).collect();
        let switch = Switch::of_models(&self.books, &self.load, work.collect(), &balances)?;
        if let Err(refused) = done!(self.switch("models", &switch, round).await?) {
            return Ok(Progress::Done(Err(refused)));
        }
        let comments = changes.iter().flat_map(|change| change.comments.clone());
        let step = "models-comments";
        done!(self.comment(step, comments.collect(), round).await?);
        let mut away = self.books.drop_staged(&names);
        away.extend(switch.after);
        done!(self.comment("models-clean", away, round).await?);
        Ok(Progress::Done(Ok(())))
    }

    async fn make_schemas(
        &self,
        models: &[StagedModel],
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        let schemas: BTreeSet<&str> = models
            .iter()
            .map(|model| model.model.relation.database.as_str())
            .collect();
        let making = schemas
            .iter()
            .map(|schema| format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(schema)));
        self.run_all("models-schemas", making.collect(), round)
            .await
    }

    /// What was made and what readers see, and how many rows were made.
    async fn look_at(
        &self,
        models: &[StagedModel],
        round: u32,
    ) -> Result<Progress<(Catalogue, BTreeMap<String, (u64, u64)>)>, Fault> {
        let places: Vec<Relation> = models
            .iter()
            .flat_map(|model| [model.staging.clone(), model.model.relation.clone()])
            .collect();
        let step = format!("models-catalogue-{round}");
        let there = done!(self.steps.run(&step, &[found(&places)]).await?);
        let there = catalogue(there.rows(0).await?);
        let queries: Vec<String> = models.iter().map(StagedModel::count).collect();
        let queries = united(&queries);
        let step = format!("models-count-{round}");
        let counted = done!(self.steps.run(&step, &queries).await?);
        let mut rows = BTreeMap::new();
        for statement in 0..queries.len() {
            rows.extend(counts(counted.rows(statement).await?)?);
        }
        Ok(Progress::Done((there, rows)))
    }
}

/// The names of the tables and views in which models wait.
pub(crate) fn names(models: &[StagedModel]) -> Vec<&str> {
    let places = models.iter().map(|model| &model.staging);
    places.map(|place| place.table.as_str()).collect()
}
