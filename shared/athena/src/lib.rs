//! The lake on AWS: its tables in the Glue catalogue, and SQL over them by Athena.
//!
//! Nobody waits for Athena: a statement is started and noted, and looked at when the step is called again. What is
//! not published yet is shown to Athena alone, in a database where tables wait.

mod admit;
mod describe;
mod glue;
mod keep;
mod parts;
mod refusal;
mod results;
mod settle;
mod show;
mod staging;
mod statement;
mod types;
mod views;

use std::sync::Arc;

use async_trait::async_trait;
use edge::aws::Aws;
use edge::clock::Clock;
use edge::engine::{Catalogue, Engine, Materialised, Query, Rows, Work};
use edge::env::{MakeEngine, Site};
use edge::objects::Objects;
use edge::progress::{Known, Progress};
use futures::stream::{self, StreamExt, TryStreamExt};
use pipeline::definition::ATHENA;
use pipeline::fault::Fault;
use pipeline::lake::Version;
use pipeline::model::PlannedModel;
use pipeline::sql::Relation;

use glue::Glue;
use settle::Settled;
use staging::Staging;
use statement::{Found, Room, Statement, Statements, Succeeded, longer};

/// The database where tables wait for their checks.
pub const STAGING: &str = "lakehead_staging";

/// The prefix of the bucket that Athena's results are below, and the lists of tables that wait.
const RESULTS: &str = "athena/";

/// How many calls of one kind are under way at a time.
const AT_ONCE: usize = 8;

/// What several calls answer, in their order; some of them are under way at a time.
async fn at_once<T>(calls: Vec<impl Future<Output = Result<T, Fault>>>) -> Result<Vec<T>, Fault> {
    stream::iter(calls).buffered(AT_ONCE).try_collect().await
}

/// Athena over a bucket, and the catalogue.
pub struct Athena {
    statements: Statements,
    glue: Glue,
    staging: Staging,
    clock: Clock,
    /// The statements that have succeeded, by what tells a query, with the bytes that they read: they are not asked
    /// about again.
    succeeded: Known<(String, u64)>,
}

/// The engine of a function: Athena where it works in a bucket of AWS, else the one for a directory, if it was
/// built with one.
pub fn engine_or(
    site: &Site<'_>,
    for_directory: Option<MakeEngine>,
) -> Result<Arc<dyn Engine>, Fault> {
    if let Some((aws, bucket)) = site.bucket {
        let workgroup = &site.settings.athena_workgroup;
        let athena = Athena::new(aws, bucket, workgroup, site.clock.clone());
        return Ok(Arc::new(athena));
    }
    match for_directory {
        Some(make) => make(site),
        None => Err(Fault::bad_definition(
            "LAKEHEAD_BUCKET is not set, and the function was built without an engine for a directory; set it, or build with the feature `embedded`",
        )),
    }
}

impl Athena {
    /// Athena in a workgroup, for the lake of a bucket. Nothing is sent.
    pub fn new(aws: &Arc<Aws>, bucket: &str, workgroup: &str, clock: Clock) -> Self {
        let glue = Glue::new(aws_sdk_glue::Client::new(aws.config()));
        Athena {
            statements: Statements {
                client: aws_sdk_athena::Client::new(aws.config()),
                workgroup: workgroup.to_owned(),
                output: format!("s3://{bucket}/{RESULTS}"),
            },
            staging: Staging {
                glue: glue.clone(),
                lists: Objects::bucket(Arc::clone(aws), bucket, RESULTS),
            },
            glue,
            clock,
            succeeded: Known::default(),
        }
    }

    /// Makes what a query needs before it can be started: tables and views that wait.
    async fn needed(
        &self,
        work: &Work,
        settled: &Settled,
        room: &Room,
    ) -> Result<Progress<()>, Fault> {
        self.glue.make_database(STAGING).await?;
        let tables = settled.tables.iter();
        let waiting = tables.map(|(name, version)| self.staging.add(&work.lake, name, version));
        at_once(waiting.collect()).await?;
        for (name, sql) in &settled.views {
            let view = Relation::new(STAGING, name.clone()).quoted();
            let statement = Statement {
                name: format!("view-{name}"),
                about: &("view", name.clone()),
                text: &|_| format!("CREATE OR REPLACE VIEW {view} AS\n{sql}"),
            };
            let wait_seconds = match self.statements.find(work, room, &statement).await? {
                Found::Succeeded(_) => continue,
                Found::Running { wait_seconds } => wait_seconds,
                Found::NotStarted { attempt } => {
                    self.statements
                        .begin(work, room, &statement, attempt)
                        .await?
                }
            };
            return Ok(Progress::Running { wait_seconds });
        }
        Ok(Progress::Done(()))
    }

    /// Runs a query, as far as it has come; answers the statement that has succeeded.
    async fn asked(
        &self,
        work: &Work,
        query: &Query<'_>,
        room: &Room,
    ) -> Result<Progress<String>, Fault> {
        let settled = Settled::of(work, query.catalogue, &query.sql)?;
        let name = format!("{}-{}-{}", query.name, query.most_rows.min(1), settled.id());
        let known = format!("{}/{}/{name}", work.run.pipeline, work.run.id);
        if let Some((id, bytes)) = self.succeeded.get(&known) {
            work.has_read(&id, bytes);
            return Ok(Progress::Done(id));
        }
        let statement = Statement {
            name,
            about: &query.about,
            text: &|_| match query.most_rows {
                // Nothing is read for it.
                0 => format!("SELECT * FROM (\n{}\n) AS q LIMIT 0", settled.sql),
                _ => settled.sql.clone(),
            },
        };
        match self.statements.find(work, room, &statement).await? {
            Found::Running { wait_seconds } => Ok(Progress::Running { wait_seconds }),
            Found::Succeeded(Succeeded { id, .. }) => {
                self.succeeded.learn(known, (id.clone(), work.read_by(&id)));
                Ok(Progress::Done(id))
            }
            Found::NotStarted { attempt } => {
                if let Progress::Running { wait_seconds } =
                    self.needed(work, &settled, room).await?
                {
                    return Ok(Progress::Running { wait_seconds });
                }
                let wait_seconds = self
                    .statements
                    .begin(work, room, &statement, attempt)
                    .await?;
                Ok(Progress::Running { wait_seconds })
            }
        }
    }
}

/// What came of all, once all are done.
fn all<T>(each: Vec<Progress<T>>) -> Progress<Vec<T>> {
    let (mut done, mut wait) = (Vec::new(), None);
    for progress in each {
        match progress {
            Progress::Done(outcome) => done.push(outcome),
            Progress::Running { wait_seconds } => wait = longer(wait, wait_seconds),
        }
    }
    match wait {
        Some(wait_seconds) => Progress::Running { wait_seconds },
        None => Progress::Done(done),
    }
}

#[async_trait]
impl Engine for Athena {
    fn dialect(&self) -> Option<&'static str> {
        Some(ATHENA)
    }

    async fn admit(&self, versions: &[Version]) -> Result<(), Fault> {
        for version in versions {
            admit::admit(version)?;
        }
        let looks = versions
            .iter()
            .map(|version| show::refuse_foreign(&self.glue, version));
        at_once(looks.collect()).await?;
        Ok(())
    }

    async fn prepare(&self, work: &Work, queries: &[Query<'_>]) -> Result<Progress<()>, Fault> {
        let room = Room::default();
        let asked = queries.iter().map(|query| {
            let room = &room;
            async move {
                let asked = self.asked(work, query, room).await;
                asked.map_err(|fault| fault.with(query.about.0, &query.about.1))
            }
        });
        let asked = at_once(asked.collect()).await?;
        Ok(all(asked).map(|_| ()))
    }

    async fn rows(&self, work: &Work, query: &Query<'_>) -> Result<Rows, Fault> {
        match self.asked(work, query, &Room::default()).await? {
            Progress::Done(id) => results::rows(&self.statements.client, &id).await,
            Progress::Running { .. } => {
                Err(Fault::bug("the rows of a query were asked for too early"))
            }
        }
    }

    async fn materialise(
        &self,
        work: &Work,
        catalogue: &Catalogue,
        models: &[&PlannedModel],
    ) -> Result<Progress<Vec<Materialised>>, Fault> {
        let room = Room::default();
        let kept = models.iter().map(|model| {
            let room = &room;
            async move {
                let kept = self.keep(work, catalogue, model, room).await;
                kept.map_err(|fault| fault.with("model", &model.name))
            }
        });
        Ok(all(at_once(kept.collect()).await?))
    }

    async fn show(&self, work: &Work, database: &str) -> Result<Progress<()>, Fault> {
        match show::tables(&self.glue, &work.lake, database).await? {
            Some(snapshot) => self.show_views(work, &snapshot).await,
            None => Ok(Progress::Done(())),
        }
    }

    async fn end(&self, work: &Work) -> Result<(), Fault> {
        self.staging.sweep(work, self.clock.now()).await
    }
}
