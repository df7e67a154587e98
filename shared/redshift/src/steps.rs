//! The statements of a run, each started once by its name: what was noted of it tells how far it is.

use edge::env::Env;
use edge::objects::sha256;
use edge::progress::{Progress, Started, Statements};
use edge::run::Run;
use pipeline::destination::redshift::Load;
use pipeline::fault::{Fault, Kind};

use crate::api::{Api, Failure, Rows, State};
use crate::done;

/// How often a statement that fails for a reason that passes is started again by one call.
const ATTEMPTS: u32 = 3;

/// The longest pause before somebody looks again.
const LONGEST_WAIT: u64 = 30;

/// What a run does in a database, statement by statement.
pub(crate) struct Steps<'a> {
    api: Api,
    notes: Statements<'a>,
    env: &'a Env,
    /// What tells this run from any other.
    identity: String,
}

/// A statement or batch that is finished.
pub(crate) struct Finished<'s> {
    api: &'s Api,
    id: String,
    is_batch: bool,
}

impl Finished<'_> {
    /// The rows that a statement of it answered, counted from 0.
    pub(crate) async fn rows(&self, statement: usize) -> Result<Rows, Fault> {
        match self.is_batch {
            true => {
                self.api
                    .rows(&format!("{}:{}", self.id, statement + 1))
                    .await
            }
            false => self.api.rows(&self.id).await,
        }
    }
}

impl<'a> Steps<'a> {
    pub(crate) fn new(api: Api, run: &'a Run, env: &'a Env, load: &Load) -> Self {
        Steps {
            api,
            notes: Statements::of(&env.objects, &run.keys),
            env,
            identity: format!("{}\0{}\0{}", load.pipeline, load.run, load.started_at),
        }
    }

    /// Carries statements out, several as one transaction; what fails and passes is tried again.
    pub(crate) async fn run(
        &self,
        name: &str,
        statements: &[String],
    ) -> Result<Progress<Finished<'_>>, Fault> {
        match done!(self.run_to_its_end(name, statements).await?) {
            Ok(finished) => Ok(Progress::Done(finished)),
            Err(failure) => Err(failure.fault),
        }
    }

    /// The same, telling which of the statements failed in the end.
    pub(crate) async fn run_to_its_end(
        &self,
        name: &str,
        statements: &[String],
    ) -> Result<Progress<Result<Finished<'_>, Failure>>, Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            match done!(self.attempt(name, statements).await?) {
                Err(failure) if failure.fault.kind == Kind::Transient && tries < ATTEMPTS => {}
                ended => return Ok(Progress::Done(ended)),
            }
        }
    }

    /// Carries statements out whose failure is no matter.
    pub(crate) async fn try_run(
        &self,
        name: &str,
        statements: &[String],
    ) -> Result<Progress<()>, Fault> {
        if statements.is_empty() || self.failures(name).await? > 0 {
            return Ok(Progress::Done(()));
        }
        if let Err(failure) = done!(self.attempt(name, statements).await?) {
            tracing::warn!(fault = %failure.fault, statement = name, "left undone in Redshift");
        }
        Ok(Progress::Done(()))
    }

    /// Starts statements, or looks at them if they were started, and answers how they ended. One that failed is
    /// noted as such: the next attempt is another statement to Redshift.
    pub(crate) async fn attempt(
        &self,
        name: &str,
        statements: &[String],
    ) -> Result<Progress<Result<Finished<'_>, Failure>>, Fault> {
        let sha256 = sha256(statements.join("\0").as_bytes());
        let known = self.known(name);
        let before = self.env.ended.get(&known);
        if let Some(started) = before.filter(|started| started.sha256 == sha256) {
            return Ok(Progress::Done(Ok(self.finished(started.id, statements))));
        }
        let attempt = self.failures(name).await?;
        let note = noted(name, attempt);
        let started = match self.notes.started(&note).await? {
            Some(started) => started,
            None => {
                let token = self.token(name, attempt, &sha256);
                let id = self.api.start(statements, &token).await?;
                let sha256 = sha256.clone();
                self.notes.note(&note, Started { id, sha256 }).await?
            }
        };
        if started.sha256 != sha256 {
            let fault = Fault::transient("Redshift was given another statement under this name");
            return self.note_failed(name, attempt, started, fault.into()).await;
        }
        let failure = match self.api.look(&started.id).await? {
            State::Running(since) => {
                let seconds = self.env.clock.now().duration_since(since).as_secs();
                let wait = u64::try_from(seconds / 4).unwrap_or(0);
                return Ok(Progress::Running {
                    wait_seconds: wait.clamp(1, LONGEST_WAIT),
                });
            }
            State::Finished => {
                self.env.ended.learn(known, started.clone());
                return Ok(Progress::Done(Ok(self.finished(started.id, statements))));
            }
            State::Failed(failure) => failure,
            State::Forgotten => {
                Fault::transient("Redshift has forgotten a statement of this run").into()
            }
        };
        self.note_failed(name, attempt, started, failure).await
    }

    fn finished(&self, id: String, statements: &[String]) -> Finished<'_> {
        Finished {
            api: &self.api,
            id,
            is_batch: statements.len() > 1,
        }
    }

    /// What a process knows a statement by that has ended.
    fn known(&self, name: &str) -> String {
        format!("{}\0{name}", self.identity)
    }

    async fn note_failed<T>(
        &self,
        name: &str,
        attempt: u32,
        started: Started,
        failure: Failure,
    ) -> Result<Progress<Result<T, Failure>>, Fault> {
        self.notes.note(&failed(name, attempt), started).await?;
        Ok(Progress::Done(Err(failure)))
    }

    /// How often statements of that name have failed.
    pub(crate) async fn failures(&self, name: &str) -> Result<u32, Fault> {
        let mut count = 0;
        while self.notes.started(&failed(name, count)).await?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Whether a statement was ever started under that name.
    pub(crate) async fn is_begun(&self, name: &str) -> Result<bool, Fault> {
        Ok(self.env.ended.get(&self.known(name)).is_some()
            || self.notes.started(&noted(name, 0)).await?.is_some())
    }

    /// Starts statements that nobody waits for.
    pub(crate) async fn start(&self, name: &str, statements: &[String]) -> Result<(), Fault> {
        let sha256 = sha256(statements.join("\0").as_bytes());
        let token = self.token(name, 0, &sha256);
        self.api.start(statements, &token).await.map(drop)
    }

    /// What Redshift knows an attempt by: the same for every call that makes it.
    fn token(&self, name: &str, attempt: u32, sha256_of_statements: &str) -> String {
        let all = format!(
            "{}\0{name}\0{attempt}\0{sha256_of_statements}",
            self.identity
        );
        sha256(all.as_bytes())
    }
}

fn noted(name: &str, attempt: u32) -> String {
    format!("redshift-{name}-{attempt}")
}

fn failed(name: &str, attempt: u32) -> String {
    format!("redshift-{name}-{attempt}-failed")
}
