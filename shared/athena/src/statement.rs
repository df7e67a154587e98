//! Statements: started once, whoever asks and however often, noted, and looked at until they end.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecution, QueryExecutionContext, QueryExecutionState as State, ResultConfiguration,
};
use edge::engine::Work;
use edge::objects::sha256;
use edge::progress::Started;
use pipeline::fault::{Fault, Kind};

use crate::STAGING;
use crate::refusal;

/// The longest statement that Athena takes.
const LONGEST_BYTES: usize = 262_144;
/// How often a statement is started that fails for what may pass.
pub(crate) const TRIES: u32 = 3;
/// How many statements of a step are under way at a time; an account has room for some 20.
const MOST_RUNNING: usize = 10;
/// The longest wait before a statement is looked at again.
const LONGEST_WAIT_SECONDS: u64 = 20;

/// How statements are started and looked at.
#[derive(Debug, Clone)]
pub(crate) struct Statements {
    pub(crate) client: Client,
    pub(crate) workgroup: String,
    /// Where Athena puts results, unless the workgroup says so for all.
    pub(crate) output: String,
}

/// A statement to be run.
pub(crate) struct Statement<'a> {
    /// Its name in the run, with what tells its text and what it reads.
    pub(crate) name: String,
    /// What a fault says it is about.
    pub(crate) about: &'a (&'static str, String),
    /// Its text at each try: what writes files begins anew in a fresh place.
    pub(crate) text: &'a (dyn Fn(u32) -> String + Sync),
}

/// A statement that has ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Succeeded {
    pub(crate) id: String,
    pub(crate) attempt: u32,
}

/// The room for statements that run at a time.
#[derive(Debug, Default)]
pub(crate) struct Room {
    running: AtomicUsize,
}

/// How far a statement is.
pub(crate) enum Found {
    /// It has ended well.
    Succeeded(Succeeded),
    /// It goes on, or there is no room for it yet.
    Running { wait_seconds: u64 },
    /// It is to be started.
    NotStarted { attempt: u32 },
}

/// What a look at a statement found.
enum Seen {
    Succeeded,
    Running {
        wait_seconds: u64,
    },
    /// It failed for what may pass.
    Passing(Fault),
}

impl Statements {
    /// Looks how far a statement is.
    pub(crate) async fn find(
        &self,
        work: &Work,
        room: &Room,
        statement: &Statement<'_>,
    ) -> Result<Found, Fault> {
        let mut last = None;
        for attempt in 0..TRIES {
            let name = statement.at(attempt);
            let Some(Started { id, .. }) = work.statements().started(&name).await? else {
                return Ok(match room.is_full() {
                    true => Found::Running { wait_seconds: 1 },
                    false => Found::NotStarted { attempt },
                });
            };
            match self.look(work, &name, &id).await? {
                Seen::Succeeded => return Ok(Found::Succeeded(Succeeded { id, attempt })),
                Seen::Running { wait_seconds } => {
                    room.take();
                    return Ok(Found::Running { wait_seconds });
                }
                Seen::Passing(fault) => {
                    tracing::warn!(statement = name, %fault, "a statement has failed for what may pass");
                    last = Some(fault);
                }
            }
        }
        Err(last.unwrap_or_else(|| Fault::bug("a statement was never tried")))
    }

    /// Starts a statement that is not started; answers how long to wait for it.
    pub(crate) async fn begin(
        &self,
        work: &Work,
        room: &Room,
        statement: &Statement<'_>,
        attempt: u32,
    ) -> Result<u64, Fault> {
        room.take();
        let name = statement.at(attempt);
        let started = self.start(work, &name, statement, attempt).await?;
        work.statements().note(&name, started).await?;
        Ok(1)
    }

    async fn start(
        &self,
        work: &Work,
        name: &str,
        statement: &Statement<'_>,
        attempt: u32,
    ) -> Result<Started, Fault> {
        let text = (statement.text)(attempt);
        let (what, which) = statement.about;
        if text.len() > LONGEST_BYTES {
            return Err(Fault::bad_definition(format!(
                "the statement has {} bytes, and Athena takes {LONGEST_BYTES}; split it into models that read each other",
                text.len()
            )));
        }
        let sha256_of = sha256(text.as_bytes());
        // The same call made again, or by two at once, is one statement.
        let run = format!("{}/{}/{name}/{sha256_of}", work.run.pipeline, work.run.id);
        let results = ResultConfiguration::builder().output_location(&self.output);
        let context = QueryExecutionContext::builder().database(STAGING);
        let start = self
            .client
            .start_query_execution()
            .query_string(&text)
            .client_request_token(sha256(run.as_bytes()))
            .work_group(&self.workgroup)
            .query_execution_context(context.build())
            .result_configuration(results.build());
        let answer = start.send().await;
        let answer = answer.map_err(|error| {
            let on = format!("the statement for {what} {which}");
            refusal::fault("athena:StartQueryExecution", &on, &error)
        })?;
        let id = answer.query_execution_id;
        let id = id.ok_or_else(|| Fault::bug("Athena named no statement"))?;
        tracing::info!(statement = name, id, "started");
        Ok(Started {
            id,
            sha256: sha256_of,
        })
    }

    async fn look(&self, work: &Work, name: &str, id: &str) -> Result<Seen, Fault> {
        let get = self.client.get_query_execution().query_execution_id(id);
        let answer = get.send().await;
        let answer =
            answer.map_err(|error| refusal::fault("athena:GetQueryExecution", name, &error))?;
        let execution = answer.query_execution;
        let execution =
            execution.ok_or_else(|| Fault::bug("Athena told nothing of a statement"))?;
        let status = execution.status.as_ref();
        match status.and_then(|status| status.state.as_ref()) {
            Some(State::Succeeded) => {
                let statistics = execution.statistics.as_ref();
                let bytes = statistics.and_then(|s| s.data_scanned_in_bytes).unwrap_or(0);
                let bytes = u64::try_from(bytes).unwrap_or(0);
                work.has_read(id, bytes);
                tracing::info!(statement = name, id, bytes, "succeeded");
                Ok(Seen::Succeeded)
            }
            Some(State::Failed) => failed(&execution).map(Seen::Passing),
            Some(State::Cancelled) => Err(Fault::bad_definition(format!(
                "Athena was told to end the statement: {}; start the run anew when nothing stands in its way",
                reason(&execution)
            ))
            .with("statement", id)),
            // Waiting, running, or a state that is new to us.
            _ => Ok(Seen::Running {
                wait_seconds: wait(&execution),
            }),
        }
    }
}

/// How long to wait: short ones are over soon, long ones need not be asked often.
fn wait(execution: &QueryExecution) -> u64 {
    let statistics = execution.statistics.as_ref();
    let took = statistics.and_then(|s| s.total_execution_time_in_millis);
    let took = u64::try_from(took.unwrap_or(0)).unwrap_or(0) / 1000;
    (1 + took / 4).min(LONGEST_WAIT_SECONDS)
}

fn reason(execution: &QueryExecution) -> String {
    let status = execution.status.as_ref();
    let reason = status.and_then(|status| status.state_change_reason.clone());
    reason.unwrap_or_else(|| "no reason is given".to_owned())
}

/// What a failure means: a fault that may pass, or else the error that ends the run.
fn failed(execution: &QueryExecution) -> Result<Fault, Fault> {
    let reason = reason(execution);
    let status = execution.status.as_ref();
    let error = status.and_then(|status| status.athena_error.as_ref());
    let is_retryable = error.is_some_and(|error| error.retryable);
    let id = execution.query_execution_id.clone().unwrap_or_default();
    let fault = |kind| {
        let shown = without_values(&reason);
        Fault::new(kind, format!("Athena: {shown}")).with("statement", &id)
    };
    match is_retryable || may_pass(&reason) {
        true => Ok(fault(Kind::Transient)),
        false => Err(fault(kind_of(&reason))),
    }
}

/// Whether what Athena says may be otherwise when the statement is started anew.
fn may_pass(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    [
        "throttl",
        "slowdown",
        "slow down",
        "please reduce your request rate",
        "query exhausted resources",
        "internal error",
        "internal_error",
        "insufficient capacity",
        "insufficient_capacity",
        "concurrent modification",
        "timed out",
        "please retry",
        "try again",
    ]
    .iter()
    .any(|sign| reason.contains(sign))
}

/// Whose mistake it is: Athena's codes stand at the beginning of what it says.
fn kind_of(reason: &str) -> Kind {
    const OF_DATA: [&str; 8] = [
        "DIVISION_BY_ZERO",
        "INVALID_CAST_ARGUMENT",
        "NUMERIC_VALUE_OUT_OF_RANGE",
        "SUBQUERY_MULTIPLE_ROWS",
        "INVALID_FUNCTION_ARGUMENT",
        "HIVE_BAD_DATA",
        "HIVE_CURSOR_ERROR",
        "HIVE_CANNOT_OPEN_SPLIT",
    ];
    match OF_DATA.iter().any(|code| reason.contains(code)) {
        true => Kind::BadData,
        false => Kind::BadDefinition,
    }
}

/// The message with everything in single quotes left out but names: a fault never holds a record's values.
fn without_values(message: &str) -> String {
    let is_of_data = kind_of(message) == Kind::BadData;
    let pieces = message.split('\'');
    let shown: Vec<&str> = pieces
        .enumerate()
        .map(|(index, piece)| match is_of_data && index % 2 == 1 {
            true => "…",
            false => piece,
        })
        .collect();
    shown.join("'")
}

impl Statement<'_> {
    /// What the run notes a try under.
    fn at(&self, attempt: u32) -> String {
        format!("athena-{}-{attempt}", self.name)
    }
}

impl Room {
    fn take(&self) {
        self.running.fetch_add(1, Relaxed);
    }

    fn is_full(&self) -> bool {
        self.running.load(Relaxed) >= MOST_RUNNING
    }
}

/// The longer of two waits.
pub(crate) fn longer(one: Option<u64>, other: u64) -> Option<u64> {
    Some(one.map_or(other, |one| one.max(other)))
}

#[cfg(test)]
mod tests {
    use aws_sdk_athena::types::{AthenaError, QueryExecutionStatus};

    use super::*;

    fn execution(reason: &str, retryable: bool) -> QueryExecution {
        let error = AthenaError::builder().retryable(retryable).build();
        let status = QueryExecutionStatus::builder()
            .state(State::Failed)
            .state_change_reason(reason)
            .athena_error(error);
        QueryExecution::builder()
            .query_execution_id("q")
            .status(status.build())
            .build()
    }

    #[test]
    fn a_failure_is_tried_again_blamed_on_the_definition_or_on_the_data() {
        for (reason, retryable, kind, passes) in [
            ("anything", true, Kind::Transient, true),
            ("GENERIC_INTERNAL_ERROR: x", false, Kind::Transient, true),
            (
                "Query exhausted resources at this scale factor",
                false,
                Kind::Transient,
                true,
            ),
            (
                "com.amazonaws: Please reduce your request rate. SlowDown",
                false,
                Kind::Transient,
                true,
            ),
            (
                "COLUMN_NOT_FOUND: line 1:8: Column 'abw' cannot be resolved",
                false,
                Kind::BadDefinition,
                false,
            ),
            (
                "TABLE_NOT_FOUND: line 1:8: Table 'x' does not exist",
                false,
                Kind::BadDefinition,
                false,
            ),
            (
                "INVALID_CAST_ARGUMENT: Cannot cast 'Ann Smith' to BIGINT",
                false,
                Kind::BadData,
                false,
            ),
        ] {
            let outcome = failed(&execution(reason, retryable));
            assert_eq!(outcome.is_ok(), passes, "{reason}");
            let (Ok(fault) | Err(fault)) = outcome;
            assert_eq!(fault.kind, kind, "{reason}");
            assert!(!fault.to_string().contains("Ann"), "{fault}");
        }
    }
}
