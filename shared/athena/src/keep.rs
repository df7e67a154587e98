//! Models as tables: `CREATE TABLE AS` into a fresh place of the lake, and what came of it, measured.
//!
//! A statement that failed may have left files behind, so every try has a place of its own; what nobody names is
//! pruned. The table that Athena makes of them only tells their columns, and is dropped.

use edge::engine::{Catalogue, Materialised, Work};
use edge::objects::sha256;
use edge::progress::Progress;
use edge::run;
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile};
use pipeline::model::PlannedModel;
use pipeline::sql::{Relation, text};
use serde::{Deserialize, Serialize};

use crate::describe::folder;
use crate::parts::measure;
use crate::settle::{DIGITS, Settled, waiting};
use crate::statement::{Found, Room, Statement, Succeeded, TRIES};
use crate::types::from_hive;
use crate::{Athena, STAGING, at_once};

/// What was made of a model, as the run notes it.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    #[serde(flatten)]
    materialised: Materialised,
    /// The statement, and the bytes that it read.
    statement: String,
    read_bytes: u64,
}

impl Athena {
    /// Makes one model, as far as it has come.
    pub(crate) async fn keep(
        &self,
        work: &Work,
        catalogue: &Catalogue,
        model: &PlannedModel,
        room: &Room,
    ) -> Result<Progress<Materialised>, Fault> {
        let settled = Settled::of(work, catalogue, &model.sql)?;
        let place = Place::of(work, model, &settled.id());
        let noted = work.keys.made(&place.name);
        let before: Option<Made> = run::optional(&work.objects, &noted).await?;
        if let Some(made) = before {
            work.has_read(&made.statement, made.read_bytes);
            return Ok(Progress::Done(made.materialised));
        }
        let locations: Vec<String> = (0..TRIES)
            .map(|attempt| folder(&work.lake, &place.folder(attempt)))
            .collect::<Result<_, Fault>>()?;
        let statement = Statement {
            name: place.name.clone(),
            about: &("model", model.name.clone()),
            text: &|attempt| {
                let location = text(&locations[attempt as usize]);
                let made = place.table(attempt).quoted();
                let query = &settled.sql;
                format!(
                    "CREATE TABLE {made} WITH (format = 'PARQUET', write_compression = 'ZSTD', external_location = {location}) AS\n{query}"
                )
            },
        };
        let made = match self.statements.find(work, room, &statement).await? {
            Found::Succeeded(made) => made,
            Found::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
            Found::NotStarted { attempt } => {
                return match self.needed(work, &settled, room).await? {
                    Progress::Running { wait_seconds } => Ok(Progress::Running { wait_seconds }),
                    Progress::Done(()) => {
                        let wait_seconds = self
                            .statements
                            .begin(work, room, &statement, attempt)
                            .await?;
                        Ok(Progress::Running { wait_seconds })
                    }
                };
            }
        };
        let materialised = self.made(work, &place, &made).await?;
        let made = Made {
            read_bytes: work.read_by(&made.id),
            statement: made.id,
            materialised,
        };
        run::store(&work.objects, &noted, &made).await?;
        Ok(Progress::Done(made.materialised))
    }

    /// What a statement has made: its columns and files.
    async fn made(
        &self,
        work: &Work,
        place: &Place,
        made: &Succeeded,
    ) -> Result<Materialised, Fault> {
        let table = place.table(made.attempt);
        let columns = self.columns(&table).await?;
        let folder = format!("{}/", place.folder(made.attempt));
        let listed = work.lake.objects().list(&folder).await?;
        let files = listed
            .into_iter()
            .map(|file| measure(work.lake.objects(), file.key));
        let files: Vec<DataFile> = at_once(files.collect()).await?;
        self.glue.delete(&table).await?;
        Ok(Materialised { columns, files })
    }

    async fn columns(&self, table: &Relation) -> Result<Vec<Column>, Fault> {
        let found = self.glue.table(table).await?;
        let found = found.ok_or_else(|| {
            // The run has made it and somebody has dropped it; another try would find it gone too.
            Fault::bad_data("the table that Athena made of a model is gone").with("table", table)
        })?;
        let columns = found.storage_descriptor.and_then(|storage| storage.columns);
        let columns = columns.unwrap_or_default().into_iter();
        let column = |column: aws_sdk_glue::types::Column| Column {
            type_name: from_hive(column.r#type().unwrap_or_default()),
            name: column.name,
            nullable: true,
            description: None,
        };
        Ok(columns.map(column).collect())
    }
}

/// Where a model is made.
struct Place {
    /// What tells it in the run.
    name: String,
    relation: Relation,
    run: String,
    /// The run and content, as part of names where tables wait.
    waiting: String,
}

impl Place {
    fn of(work: &Work, model: &PlannedModel, id: &str) -> Self {
        let Relation { database, table } = &model.relation;
        // Two models of one query are two tables.
        let own = format!("{database}.{table} {id}");
        let own = &sha256(own.as_bytes())[..DIGITS];
        Place {
            name: format!("model-{database}-{table}-{own}"),
            relation: model.relation.clone(),
            run: work.run.id.clone(),
            waiting: waiting(work, own, table),
        }
    }

    /// The folder of a try, in the lake.
    fn folder(&self, attempt: u32) -> String {
        let Relation { database, table } = &self.relation;
        let (run, own) = (&self.run, self.name.rsplit('-').next().unwrap_or_default());
        format!("{database}/{table}/{run}/{own}-{attempt}")
    }

    /// The table of a try, where tables wait.
    fn table(&self, attempt: u32) -> Relation {
        Relation::new(STAGING, format!("{}_{attempt}", self.waiting))
    }
}
