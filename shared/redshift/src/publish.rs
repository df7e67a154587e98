//! Publishing: the run's files are copied into staging tables, looked at, and switched in by one transaction.
//!
//! The transaction refuses by itself to be done twice or too late. Where it is refused, a new *round* looks at
//! what has happened: the run may have been published by a call whose answer was lost.

use std::collections::BTreeMap;

use edge::progress::Progress;
use edge::run;
use pipeline::balance::SliceOutcome;
use pipeline::destination::Outcome;
use pipeline::destination::redshift::{
    BOOKS, Change, Mode, StagedTable, Switch, batches, found, names,
};
use pipeline::fault::{Fault, Kind};
use pipeline::lake::{Column, DataFile};
use pipeline::name::Name;
use pipeline::sql::Relation;

use crate::catalogue::{Catalogue, catalogue, counts, first};
use crate::done;
use crate::target::Target;

/// How many rounds one call begins.
const ROUNDS: u32 = 3;

/// One table of a run.
pub(crate) struct Work {
    pub table: StagedTable,
    pub mode: Mode,
    /// The run's parts of it, as files of Parquet.
    pub parts: Vec<DataFile>,
    pub rows: u64,
}

/// What a round has found in the database.
struct Sight {
    there: Catalogue,
    is_published: bool,
    is_behind: bool,
    /// What was published last.
    latest: Option<String>,
    /// Staging tables that earlier runs have left.
    abandoned: Vec<String>,
    /// Rows of each table.
    rows: BTreeMap<String, (u64, u64)>,
}

/// How a round ended.
enum Round {
    Over(Outcome),
    Refused(Fault),
}

impl Target<'_> {
    /// Publishes the tables, with the columns that their rows have, all in one transaction: readers see all of
    /// it or nothing. Called again, it goes on; done again, it changes nothing.
    pub async fn publish(
        &self,
        tables: &[(&Name, &[Column])],
        outcomes: &[&SliceOutcome],
    ) -> Result<Progress<Outcome>, Fault> {
        let key = self.run.keys.statement("redshift-published");
        if let Some(outcome) = run::optional(&self.env.objects, &key).await? {
            return Ok(Progress::Done(outcome));
        }
        let work = self.work(tables, outcomes)?;
        let mut rounds = 0;
        loop {
            let round = self.round().await?;
            match done!(self.go(&work, outcomes, round).await?) {
                Round::Over(outcome) => {
                    run::store(&self.env.objects, &key, &outcome).await?;
                    return Ok(Progress::Done(outcome));
                }
                Round::Refused(fault) => {
                    rounds += 1;
                    if fault.kind != Kind::Transient || rounds == ROUNDS {
                        return Err(fault);
                    }
                }
            }
        }
    }

    fn work(
        &self,
        tables: &[(&Name, &[Column])],
        outcomes: &[&SliceOutcome],
    ) -> Result<Vec<Work>, Fault> {
        let mut all = Vec::new();
        for (name, columns) in tables {
            let mut parts = Vec::new();
            let mut rows = 0;
            for outcome in outcomes {
                if let Some(made) = outcome.tables.get(*name)
                    && self.takes(name, outcome)?
                {
                    parts.extend(made.parts.iter().filter(|part| part.rows > 0).cloned());
                    rows += made.rows.kept;
                }
            }
            all.push(Work {
                table: self.staged(name, columns)?,
                mode: self.redshift.mode(name),
                parts,
                rows,
            });
        }
        Ok(all)
    }

    /// The round that is under way: each switch that failed has ended one.
    async fn round(&self) -> Result<u32, Fault> {
        let mut round = 0;
        while self.steps.failures(&format!("switch-{round}")).await? > 0 {
            round += 1;
        }
        Ok(round)
    }

    async fn go(
        &self,
        work: &[Work],
        outcomes: &[&SliceOutcome],
        round: u32,
    ) -> Result<Progress<Round>, Fault> {
        let sight = done!(self.look(work, round).await?);
        if sight.is_published {
            done!(self.clean(work, &[], &sight, round).await?);
            return Ok(Progress::Done(Round::Over(Outcome::Before)));
        }
        let publication = publication(work);
        let is_same = sight.has_published(&publication, work);
        let changing: Vec<&Work> = work
            .iter()
            .filter(|work| !(is_same || sight.is_behind && work.mode == Mode::Replace))
            .collect();
        done!(self.fill(&changing, outcomes, round).await?);
        let mut changes = Vec::new();
        for work in &changing {
            let there = sight.there.get(&work.table.target);
            let drift = self.redshift.on_drift;
            changes.push(Change::of(&work.table, work.rows, there, work.mode, drift)?);
        }
        done!(self.evolve("evolve", &changes, round).await?);
        let relations: Vec<&Relation> = changing.iter().map(|work| &work.table.target).collect();
        let switch = Switch::of(
            &self.books,
            &self.load,
            &publication,
            sight.is_behind,
            &changes,
            &relations,
            &self.redshift.readers,
        )?;
        if let Err(refused) = done!(self.switch("switch", &switch, round).await?) {
            return Ok(Progress::Done(Round::Refused(refused)));
        }
        let comments = changes.iter().flat_map(|change| change.comments.clone());
        done!(self.comment("comments", comments.collect(), round).await?);
        done!(self.clean(work, &switch.after, &sight, round).await?);
        let outcome = match sight.is_behind && changing.len() < work.len() {
            true => Outcome::Behind,
            false => sight.outcome(&changing),
        };
        Ok(Progress::Done(Round::Over(outcome)))
    }

    /// What there is, and what was published: the catalogue first, as only tables that are there can be asked.
    async fn look(&self, work: &[Work], round: u32) -> Result<Progress<Sight>, Fault> {
        let books = BOOKS.map(|book| Relation::new(self.redshift.schema.to_string(), book));
        let targets = work.iter().map(|work| work.table.target.clone());
        let relations: Vec<Relation> = targets.chain(books.clone()).collect();
        let question = [found(&relations)];
        let step = format!("catalogue-{round}");
        let there = done!(self.steps.run(&step, &question).await?);
        let there = catalogue(there.rows(0).await?);
        if books.iter().any(|book| !there.contains_key(book)) {
            let step = format!("books-{round}");
            done!(self.steps.run(&step, &self.books.create()).await?);
        }
        let tables: Vec<&Relation> = work
            .iter()
            .map(|work| &work.table.target)
            .filter(|relation| there.get(*relation).is_some_and(|found| found.kind == "r"))
            .collect();
        let mut questions = vec![
            self.books.is_published(&self.load),
            self.books.later(&self.load),
            self.books.latest(&self.load),
            self.books.abandoned(&self.load),
        ];
        let asked = questions.len();
        questions.extend(self.count(&tables));
        let step = format!("look-{round}");
        let answers = done!(self.steps.run(&step, &questions).await?);
        let mut rows = BTreeMap::new();
        for statement in asked..questions.len() {
            rows.extend(counts(answers.rows(statement).await?)?);
        }
        let abandoned = answers.rows(3).await?.into_iter();
        Ok(Progress::Done(Sight {
            there,
            is_published: !answers.rows(0).await?.is_empty(),
            is_behind: !answers.rows(1).await?.is_empty(),
            latest: first(answers.rows(2).await?),
            abandoned: abandoned
                .filter_map(|row| row.into_iter().next()?)
                .collect(),
            rows,
        }))
    }

    /// Alters what is there, each change by itself.
    pub(crate) async fn evolve(
        &self,
        step: &str,
        changes: &[Change],
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        let statements = changes.iter().flat_map(|change| &change.evolve);
        for (number, statement) in statements.enumerate() {
            let step = format!("{step}-{round}-{number}");
            let statement = std::slice::from_ref(statement);
            done!(self.steps.run(&step, statement).await?);
        }
        Ok(Progress::Done(()))
    }

    /// Carries the transaction out. A refusal is answered as a fault that passes: the next round knows more.
    pub(crate) async fn switch(
        &self,
        step: &str,
        switch: &Switch,
        round: u32,
    ) -> Result<Progress<Result<(), Fault>>, Fault> {
        let procedures = format!("{step}-procedures");
        done!(
            self.run_all(&procedures, switch.procedures.clone(), round)
                .await?
        );
        let step = format!("{step}-{round}");
        let ended = done!(self.steps.attempt(&step, &switch.batch).await?);
        Ok(Progress::Done(match ended {
            Ok(_) => Ok(()),
            Err(failure) => Err(match failure.statement {
                Some(statement) if statement < switch.guards => Fault::transient(format!(
                    "Redshift: somebody else published meanwhile ({})",
                    failure.fault.message
                )),
                _ => failure.fault,
            }),
        }))
    }

    /// Says what is new in the words of the definition.
    pub(crate) async fn comment(
        &self,
        step: &str,
        comments: Vec<String>,
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        for (number, batch) in batches(comments).into_iter().enumerate() {
            let step = format!("{step}-{round}-{number}");
            done!(self.steps.try_run(&step, &batch).await?);
        }
        Ok(Progress::Done(()))
    }

    /// Takes away what waited, and what earlier runs have left.
    async fn clean(
        &self,
        work: &[Work],
        after: &[String],
        sight: &Sight,
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        let mine: Vec<StagedTable> = work.iter().map(|work| work.table.clone()).collect();
        let mut tables = names(&mine);
        let left = sight.abandoned.iter().map(String::as_str);
        tables.extend(left.take(MOST_SWEPT));
        let mut statements = self.books.drop_staged(&tables);
        statements.extend(after.iter().cloned());
        self.comment("clean", statements, round).await
    }

    /// Carries statements out in batches, one after the other.
    pub(crate) async fn run_all(
        &self,
        step: &str,
        statements: Vec<String>,
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        for (number, batch) in batches(statements).into_iter().enumerate() {
            let step = format!("{step}-{round}-{number}");
            done!(self.steps.run(&step, &batch).await?);
        }
        Ok(Progress::Done(()))
    }
}

/// How many staging tables of earlier runs are swept up at a time: their names are in one statement.
const MOST_SWEPT: usize = 200;

impl Sight {
    /// Whether what the run would publish is what is there: the same files were published last, and all of it is
    /// to be replaced and still as many rows.
    fn has_published(&self, publication: &str, work: &[Work]) -> bool {
        let is_there = |work: &Work| {
            let rows = self.rows.get(&work.table.target.table);
            work.mode == Mode::Replace && rows.is_some_and(|(rows, _)| *rows == work.rows)
        };
        !self.is_behind && self.latest.as_deref() == Some(publication) && work.iter().all(is_there)
    }

    fn outcome(&self, changed: &[&Work]) -> Outcome {
        let replaced = changed.iter().filter(|work| work.mode == Mode::Replace);
        let before = replaced.filter_map(|work| self.rows.get(&work.table.target.table));
        Outcome::Published {
            added: changed.iter().map(|work| work.rows).sum(),
            removed: before.map(|(rows, _)| rows).sum(),
        }
    }
}

/// What tells a publication from any other: its tables, their columns and types, and the content of their files.
fn publication(work: &[Work]) -> String {
    let mut all = String::new();
    for work in work {
        all += &format!(
            "{}\0{:?}\0{}\0",
            work.table.target, work.mode, work.table.layout
        );
        for column in &work.table.columns {
            all += &format!("{}\0{}\0{}\0", column.name, column.kind, column.not_null);
        }
        for part in &work.parts {
            all += &format!("{}\0{}\0", part.sha256, part.rows);
        }
        all.push('\n');
    }
    edge::objects::sha256(all.as_bytes())
}
