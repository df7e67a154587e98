//! Loading: the run's files come to wait in staging tables, and what waits is counted.

use std::collections::BTreeMap;

use edge::progress::Progress;
use pipeline::balance::SliceOutcome;
use pipeline::destination::redshift::{CopiedFile, Mode, STATEMENTS_A_BATCH, united};
use pipeline::fault::Fault;

use crate::api::Failure;
use crate::catalogue::counts;
use crate::done;
use crate::publish::Work;
use crate::target::Target;

/// How many batches of COPY run at a time.
const BATCHES_AT_A_TIME: usize = 4;

/// How many statements fill one table.
const COPY_STATEMENTS: usize = 2;

/// How many tables a batch fills.
const COPIES_A_BATCH: usize = STATEMENTS_A_BATCH / COPY_STATEMENTS;

impl Target<'_> {
    /// Makes the staging tables, copies the run's files into them, and counts what came.
    pub(crate) async fn fill(
        &self,
        work: &[&Work],
        outcomes: &[&SliceOutcome],
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        if work.is_empty() {
            return Ok(Progress::Done(()));
        }
        let staging: Vec<&str> = work
            .iter()
            .map(|w| w.table.staging.table.as_str())
            .collect();
        let mut making = vec![self.books.note_staged(&self.load, &staging)];
        making.extend(work.iter().flat_map(|work| work.table.create()));
        done!(self.run_all("staging", making, round).await?);
        done!(self.copy(work, outcomes, round).await?);
        let counts_of = |work: &&Work| work.table.count(work.mode != Mode::Append);
        let questions = united(&work.iter().map(counts_of).collect::<Vec<_>>());
        let step = format!("count-{round}");
        let answers = done!(self.steps.run(&step, &questions).await?);
        let mut waiting = BTreeMap::new();
        for statement in 0..questions.len() {
            waiting.extend(counts(answers.rows(statement).await?)?);
        }
        for work in work {
            let name = &work.table.target.table;
            let (rows, twice) = waiting
                .get(&work.table.staging.table)
                .copied()
                .unwrap_or_default();
            if rows != work.rows {
                return Err(Fault::bug(format!(
                    "rows of `{name}` do not balance after load: {} typed, {rows} in Redshift",
                    work.rows
                )));
            }
            if twice > 0 {
                return Err(Fault::bad_data(format!(
                    "nothing was published: {twice} keys of `{name}` are there more than once, which Redshift would not refuse; see its `key`"
                )));
            }
        }
        Ok(Progress::Done(()))
    }

    /// Copies, in a few batches side by side: a statement for each table would be looked at for each table.
    async fn copy(
        &self,
        work: &[&Work],
        outcomes: &[&SliceOutcome],
        round: u32,
    ) -> Result<Progress<()>, Fault> {
        let with_rows = work.iter().filter(|work| !work.parts.is_empty());
        let with_rows: Vec<&Work> = with_rows.copied().collect();
        let size = with_rows.len().div_ceil(BATCHES_AT_A_TIME);
        let mut wait = None;
        let mut running = 0;
        for (number, some) in with_rows.chunks(size.clamp(1, COPIES_A_BATCH)).enumerate() {
            if running == BATCHES_AT_A_TIME {
                break;
            }
            let step = format!("copy-{round}-{number}");
            let mut statements = Vec::new();
            for work in some {
                let manifest = self.manifest(work, outcomes, &step).await?;
                statements.extend(work.table.copy(&manifest, self.role));
            }
            match self.steps.run_to_its_end(&step, &statements).await? {
                Progress::Done(Ok(_)) => {}
                Progress::Done(Err(Failure { fault, statement })) => {
                    let work = statement.and_then(|at| some.get(at / COPY_STATEMENTS));
                    return Err(match work {
                        Some(work) => fault.with("table", &work.table.target),
                        None => fault,
                    });
                }
                Progress::Running { wait_seconds } => {
                    running += 1;
                    wait = wait.max(Some(wait_seconds));
                }
            }
        }
        Ok(match wait {
            None => Progress::Done(()),
            Some(wait_seconds) => Progress::Running { wait_seconds },
        })
    }

    /// Writes the list of a table's files, unless its COPY was begun; answers its address.
    async fn manifest(
        &self,
        work: &Work,
        outcomes: &[&SliceOutcome],
        step: &str,
    ) -> Result<String, Fault> {
        let objects = &self.env.objects;
        let key = self.run.keys.copied(&work.table.target.table);
        let address = objects.address(&key)?.to_string();
        if self.steps.is_begun(step).await? {
            return Ok(address);
        }
        if work.table.is_text() {
            for outcome in outcomes {
                self.stage(outcome).await?;
            }
        }
        let mut files = Vec::new();
        for part in &work.parts {
            let (key, bytes) = match work.table.is_text() {
                false => (part.key.clone(), part.bytes),
                true => {
                    let key = self.run.keys.as_text(&part.key);
                    let size = objects.size(&key).await?;
                    let lost = || Fault::bad_data(format!("the run has lost its object `{key}`"));
                    let size = size.ok_or_else(lost)?;
                    (key, size)
                }
            };
            files.push(CopiedFile {
                url: objects.address(&key)?.to_string(),
                bytes,
            });
        }
        objects.put(&key, work.table.manifest(&files)).await?;
        Ok(address)
    }
}
