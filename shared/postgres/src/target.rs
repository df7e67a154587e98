//! One run and the database that it publishes into: rows come to wait there, and are published in one transaction.

use edge::env::Env;
use edge::run::Run;
use pipeline::balance::{SliceOutcome, TableOutcome};
use pipeline::destination::postgres::{
    Books, Change, Found, FoundColumn, Load, Mode, StagedTable, found_columns, found_table,
};
use pipeline::destination::{Outcome, Postgres};
use pipeline::fault::Fault;
use pipeline::lake::{Column, DataFile};
use pipeline::name::Name;
use pipeline::sql::Relation;

use crate::connect::Address;
use crate::copy::Chunks;
use crate::database::{Database, fault};

/// What the books note for a staging table before any slice is in it; no slice is called so.
const ITSELF: &str = "";

/// A run with an open connection to the database that it publishes into.
pub struct Target<'a> {
    pub(crate) postgres: &'a Postgres,
    pub(crate) database: Database,
    pub(crate) books: Books,
    run: &'a Run,
    env: &'a Env,
    load: Load,
}

impl<'a> Target<'a> {
    /// The database of a run; none where the definition names none, or the secret of its address is not set.
    pub async fn open(run: &'a Run, env: &'a Env) -> Result<Option<Self>, Fault> {
        let Some(postgres) = &run.pipeline.definition.destinations.postgres else {
            return Ok(None);
        };
        let Some(url) = env.secrets.optional(&postgres.url.secret).await? else {
            return Ok(None);
        };
        let address = Address::read(&url)?;
        let database = Database::open(&address, postgres, env.settings.ca_file.as_deref()).await?;
        let order = run.order(&env.objects).await?;
        Ok(Some(Target {
            postgres,
            database,
            books: Books::new(&postgres.schema),
            run,
            env,
            load: Load {
                pipeline: run.reference.pipeline.to_string(),
                run: run.reference.id.clone(),
                as_of: order.as_of,
                started_at: run.started_at.to_string(),
            },
        }))
    }

    /// Brings the rows of a slice to where they wait. Done again, it changes nothing.
    pub async fn stage(&self, outcome: &SliceOutcome) -> Result<(), Fault> {
        let mut waiting = Vec::new();
        for (name, made) in &outcome.tables {
            if made.rows.kept > 0 && self.takes(name, outcome)? {
                waiting.push((self.staged(name, &made.columns)?, made));
            }
        }
        let tables: Vec<&StagedTable> = waiting.iter().map(|(table, _)| table).collect();
        self.prepare(&tables).await?;
        for (table, made) in waiting {
            self.fill(&table, &outcome.slice.id, made).await?;
        }
        Ok(())
    }

    /// Publishes the tables, with the columns that their rows have, all in one transaction: readers see all of
    /// it or nothing. Done again, it changes nothing.
    pub async fn publish(
        &self,
        tables: &[(&Name, &[Column])],
        outcomes: &[&SliceOutcome],
    ) -> Result<Outcome, Fault> {
        let mut staged = Vec::new();
        for (name, columns) in tables {
            staged.push((*name, self.staged(name, columns)?));
        }
        self.prepare(&staged.iter().map(|(_, table)| table).collect::<Vec<_>>())
            .await?;
        let before = self
            .database
            .run(&self.books.is_published(&self.load))
            .await?;
        if !before.rows.is_empty() {
            self.abandon().await?;
            return Ok(Outcome::Before);
        }
        for (name, table) in &staged {
            self.complete(name, table, outcomes).await?;
        }
        let outcome = self.database.atomically(self.switch(&staged)).await?;
        self.sweep().await;
        Ok(outcome)
    }

    /// Whether the rows of a table give way to those of the run.
    pub fn replaces(&self, name: &Name) -> bool {
        self.postgres.mode(name) == Mode::Replace
    }

    /// How many rows a table has in the database; none where it is not there.
    pub async fn rows(&self, name: &Name) -> Result<Option<u64>, Fault> {
        let relation = Relation::new(self.postgres.schema.to_string(), name.to_string());
        if self.found(&relation).await?.is_none() {
            return Ok(None);
        }
        let sql = format!("SELECT count(*) FROM ONLY {}", relation.quoted());
        self.count(&sql).await.map(Some)
    }

    /// Takes away what the run has waiting.
    pub async fn abandon(&self) -> Result<(), Fault> {
        if self.is_new().await? {
            return Ok(());
        }
        let waiting = self.database.run(&self.books.of_run(&self.load)).await?;
        self.drop_staging(waiting.rows).await
    }

    fn staged(&self, name: &Name, columns: &[Column]) -> Result<StagedTable, Fault> {
        let tables = &self.run.pipeline.definition.tables;
        let definition = tables
            .get(name)
            .ok_or_else(|| Fault::bug(format!("the definition has no table `{name}`")))?;
        Ok(StagedTable::of(
            self.postgres,
            &self.load,
            name,
            definition,
            columns,
        ))
    }

    /// Whether a slice's rows get into a table: one that is replaced is made of the newest window alone.
    fn takes(&self, name: &Name, outcome: &SliceOutcome) -> Result<bool, Fault> {
        let newest = self.run.newest()?;
        Ok(!self.replaces(name) || outcome.slice.window == newest.key)
    }

    /// Whether there are no books yet.
    async fn is_new(&self) -> Result<bool, Fault> {
        let there = self.database.run(&self.books.there()).await?;
        Ok(there.rows.iter().filter(|row| row[1].is_some()).count() < 3)
    }

    /// Makes schema, books and staging tables, as far as they are not there.
    async fn prepare(&self, tables: &[&StagedTable]) -> Result<(), Fault> {
        let database = &self.database;
        database
            .atomically(async {
                database.run(&self.books.one_at_a_time()).await?;
                let there = database.run(&self.books.there()).await?;
                if there.rows.is_empty() {
                    database.run(&self.books.create_schema()).await?;
                }
                if self.is_new().await? {
                    database.run_all(&self.books.create()).await?;
                }
                for table in tables {
                    if self.found(&table.staging).await?.is_none() {
                        database.run_all(&table.create(&self.load)).await?;
                        // Noted with it, so that it is found again whatever becomes of its slices.
                        database
                            .run(&self.books.note_slice(&self.load, table, ITSELF))
                            .await?;
                    }
                }
                Ok(())
            })
            .await
    }

    /// Copies a slice's rows into a staging table, unless they are there: both are noted by one transaction.
    async fn fill(
        &self,
        table: &StagedTable,
        slice: &str,
        made: &TableOutcome,
    ) -> Result<(), Fault> {
        let database = &self.database;
        let filled = database.atomically(async {
            let noted = database
                .run(&self.books.note_slice(&self.load, table, slice))
                .await?;
            if noted.rows.is_empty() {
                return Ok(());
            }
            for part in &made.parts {
                self.copy(table, part).await?;
            }
            Ok(())
        });
        filled
            .await
            .map_err(|fault| fault.with("table", &table.target))
    }

    async fn copy(&self, table: &StagedTable, part: &DataFile) -> Result<(), Fault> {
        let path = self.env.objects.local_path(&part.key)?;
        let path = path.ok_or_else(|| Fault::bug("a part is not on this machine"))?;
        let columns = table.columns.iter().map(|column| column.name.clone());
        let chunks = Chunks::open(&path, columns.collect())?;
        let copied = self.database.copy(&table.copy(), chunks).await?;
        match copied == part.rows {
            true => Ok(()),
            false => Err(Fault::bug(format!(
                "rows do not balance after load: {} in the part, {copied} copied",
                part.rows
            ))),
        }
    }

    /// Loads a table's rows again if not all of them wait: another run may have swept them up, or the server
    /// have crashed.
    async fn complete(
        &self,
        name: &Name,
        table: &StagedTable,
        outcomes: &[&SliceOutcome],
    ) -> Result<(), Fault> {
        let mut slices = Vec::new();
        for outcome in outcomes {
            if let Some(made) = outcome.tables.get(name)
                && made.rows.kept > 0
                && self.takes(name, outcome)?
            {
                slices.push((outcome.slice.id.as_str(), made));
            }
        }
        let expected: u64 = slices.iter().map(|(_, made)| made.rows.kept).sum();
        if self.count(&table.count()).await? == expected {
            return Ok(());
        }
        let again = vec![table.drop(), self.books.forget(table)];
        self.database
            .atomically(self.database.run_all(&again))
            .await?;
        self.prepare(&[table]).await?;
        for (slice, made) in slices {
            self.fill(table, slice, made).await?;
        }
        let found = self.count(&table.count()).await?;
        match found == expected {
            true => Ok(()),
            false => Err(Fault::bug(format!(
                "rows of `{name}` do not balance after load: {expected} typed, {found} in PostgreSQL"
            ))),
        }
    }

    /// The one transaction: the run is noted, every table changed, what waited taken away.
    async fn switch(&self, tables: &[(&Name, StagedTable)]) -> Result<Outcome, Fault> {
        let database = &self.database;
        let later = database.run(&self.books.later(&self.load)).await?;
        let noted = database.run(&self.books.note_run(&self.load)).await?;
        if noted.rows.is_empty() {
            return Ok(Outcome::Before);
        }
        let (mut added, mut removed, mut behind) = (0, 0, false);
        for (name, table) in tables {
            let mode = self.postgres.mode(name);
            if mode == Mode::Replace && !later.rows.is_empty() {
                behind = true;
            } else {
                let change = self
                    .change(table, mode, self.postgres.indexes.get(*name))
                    .await?;
                let (more, less) = self
                    .carry_out(&change)
                    .await
                    .map_err(|fault| fault.with("table", &table.target))?;
                added += more;
                removed += less;
            }
            database.run(&table.drop()).await?;
            database.run(&self.books.forget(table)).await?;
        }
        match behind {
            true => Ok(Outcome::Behind),
            false => Ok(Outcome::Published { added, removed }),
        }
    }

    async fn change(
        &self,
        table: &StagedTable,
        mode: Mode,
        indexes: Option<&Vec<Vec<pipeline::problem::Located<Name>>>>,
    ) -> Result<Change, Fault> {
        let staged = self.columns(&table.staging).await?;
        let there = self.found(&table.target).await?;
        let drift = self.postgres.on_drift;
        let change = Change::of(table, &staged, there.as_ref(), mode, drift)?;
        let indexes: Vec<Vec<&str>> = indexes
            .into_iter()
            .flatten()
            .map(|columns| columns.iter().map(|column| &*column.value).collect())
            .collect();
        Ok(change
            .with_indexes(table, &indexes)
            .with_readers(table, &self.postgres.readers))
    }

    pub(crate) async fn carry_out(&self, change: &Change) -> Result<(u64, u64), Fault> {
        let database = &self.database;
        database.run_all(&change.before).await?;
        let removed = match &change.delete {
            Some(delete) => database.run(delete).await?.count,
            None => 0,
        };
        let added = database.run(&change.insert).await?.count;
        database.run_all(&change.after).await?;
        Ok((added, removed))
    }

    /// The table as it is; none where there is none of that name.
    pub(crate) async fn found(&self, relation: &Relation) -> Result<Option<Found>, Fault> {
        let answer = self.database.run(&found_table(relation)).await?;
        let Some(row) = answer.rows.into_iter().next() else {
            return Ok(None);
        };
        let mut cells = row.into_iter();
        Ok(Some(Found {
            kind: cells.next().flatten().unwrap_or_default(),
            comment: cells.next().flatten(),
            columns: self.columns(relation).await?,
        }))
    }

    pub(crate) async fn columns(&self, relation: &Relation) -> Result<Vec<FoundColumn>, Fault> {
        let answer = self.database.run(&found_columns(relation)).await?;
        let column = |row: Vec<Option<String>>| {
            let mut cells = row.into_iter();
            let mut next = || cells.next().flatten();
            let is = |cell: Option<String>| cell.as_deref() == Some("t");
            FoundColumn {
                name: next().unwrap_or_default(),
                sql_type: next().unwrap_or_default(),
                not_null: is(next()),
                generated: is(next()),
                comment: next(),
            }
        };
        Ok(answer.rows.into_iter().map(column).collect())
    }

    async fn count(&self, sql: &str) -> Result<u64, Fault> {
        let answer = self.database.run(sql).await?;
        let cell = answer
            .rows
            .first()
            .and_then(|row| row.first())
            .cloned()
            .flatten();
        let count = cell.and_then(|text| text.parse().ok());
        count.ok_or_else(|| Fault::bug("PostgreSQL counted nothing"))
    }

    /// Takes away what runs that were broken off have left; a table that somebody still fills stays.
    async fn sweep(&self) {
        let swept = async {
            let left = self.database.run(&self.books.abandoned(&self.load)).await?;
            self.drop_staging(left.rows).await
        };
        if let Err(fault) = swept.await {
            tracing::warn!(%fault, "staging tables of earlier runs were left");
        }
    }

    async fn drop_staging(&self, rows: Vec<Vec<Option<String>>>) -> Result<(), Fault> {
        for staging in rows.into_iter().flatten().flatten() {
            let statements = self.books.drop_abandoned(&staging);
            self.database
                .atomically(self.database.run_all(&statements))
                .await?;
        }
        Ok(())
    }

    pub(crate) fn staging(&self, table: &str) -> Relation {
        let name = pipeline::destination::postgres::staging_name(&self.load, table);
        Relation::new(self.postgres.schema.to_string(), name)
    }
}

impl Database {
    /// Does all of it or nothing.
    pub async fn atomically<T>(
        &self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        self.run("BEGIN").await?;
        match work.await {
            Ok(value) => {
                self.run("COMMIT").await?;
                Ok(value)
            }
            Err(failed) => {
                // A connection that is gone has rolled back by itself.
                let _ = self
                    .try_run("ROLLBACK")
                    .await
                    .map_err(|error| fault(&error));
                Err(failed)
            }
        }
    }
}
