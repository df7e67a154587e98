//! The calls of the Data API: a statement or a batch is started, looked at, and its rows are read.

use aws_sdk_redshiftdata::Client;
use aws_sdk_redshiftdata::types::{ExecutionMode, Field, StatusString};
use edge::env::Env;
use edge::settings::RedshiftSettings;
use jiff::Timestamp;
use pipeline::fault::Fault;

use crate::fault::{of_call, of_statement};

/// The Data API of one database.
pub(crate) struct Api {
    client: Client,
    workgroup: String,
    database: String,
}

/// How far a statement is.
#[derive(Debug)]
pub(crate) enum State {
    /// It waits or runs since then.
    Running(Timestamp),
    /// It is done; a batch was committed.
    Finished,
    /// It failed, or was broken off; a batch was undone.
    Failed(Failure),
    /// Nobody knows it any more: it ended more than a day ago.
    Forgotten,
}

/// Why a statement failed.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What it means for the run.
    pub fault: Fault,
    /// Which statement of a batch it was, where that is told.
    pub statement: Option<usize>,
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Failure {
            fault,
            statement: None,
        }
    }
}

/// The rows of a statement; every value as text.
pub(crate) type Rows = Vec<Vec<Option<String>>>;

impl Api {
    /// The database that the deployment names.
    pub(crate) fn open(env: &Env, settings: &RedshiftSettings) -> Result<Self, Fault> {
        let aws = env.aws.as_ref();
        let aws = aws.ok_or_else(|| Fault::bug("Redshift is published into from AWS alone"))?;
        Ok(Api {
            client: Client::new(aws.config()),
            workgroup: settings.workgroup.clone(),
            database: settings.database.clone(),
        })
    }

    /// Starts statements, several as one transaction; the same token starts the same only once.
    pub(crate) async fn start(&self, statements: &[String], token: &str) -> Result<String, Fault> {
        let id = match statements {
            [one] => {
                let call = self.client.execute_statement().sql(one);
                let call = call.client_token(token);
                let call = call.workgroup_name(&self.workgroup);
                let answer = call.database(&self.database).send().await;
                answer.map_err(|error| of_call(&error))?.id
            }
            many => {
                let call = self.client.batch_execute_statement();
                let call = call.set_sqls(Some(many.to_vec())).client_token(token);
                let call = call.execution_mode(ExecutionMode::Transaction);
                let call = call.workgroup_name(&self.workgroup);
                let answer = call.database(&self.database).send().await;
                answer.map_err(|error| of_call(&error))?.id
            }
        };
        id.ok_or_else(|| Fault::transient("Redshift named no statement"))
    }

    /// How far a statement is.
    pub(crate) async fn look(&self, id: &str) -> Result<State, Fault> {
        let answer = self.client.describe_statement().id(id).send().await;
        let described = match answer {
            Ok(described) => described,
            Err(error) if is_not_found(&error) => return Ok(State::Forgotten),
            Err(error) => return Err(of_call(&error)),
        };
        let failed =
            |status: &StatusString| matches!(status, StatusString::Failed | StatusString::Aborted);
        match described.status() {
            Some(StatusString::Finished) => Ok(State::Finished),
            Some(status) if failed(status) => {
                let subs = described.sub_statements().iter();
                let statement = subs
                    .clone()
                    .position(|sub| sub.status().map(|status| status.as_str()) == Some("FAILED"));
                let of_sub = statement.and_then(|at| described.sub_statements()[at].error());
                let said = described.error().or(of_sub);
                Ok(State::Failed(Failure {
                    fault: of_statement(said, *status == StatusString::Aborted),
                    statement,
                }))
            }
            _ => {
                let since = described.created_at().map(|at| at.secs());
                let since = since.and_then(|secs| Timestamp::from_second(secs).ok());
                Ok(State::Running(since.unwrap_or(Timestamp::MAX)))
            }
        }
    }

    /// The rows of a finished statement, or of one of a batch: `id:2`.
    pub(crate) async fn rows(&self, id: &str) -> Result<Rows, Fault> {
        let mut rows = Vec::new();
        let mut next = None;
        loop {
            let call = self.client.get_statement_result().id(id);
            let answer = call.set_next_token(next).send().await;
            let page = answer.map_err(|error| of_call(&error))?;
            let cells = |row: &Vec<Field>| row.iter().map(cell).collect();
            rows.extend(page.records().iter().map(cells));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(rows);
            }
        }
    }
}

fn cell(field: &Field) -> Option<String> {
    match field {
        Field::StringValue(text) => Some(text.clone()),
        Field::LongValue(number) => Some(number.to_string()),
        Field::DoubleValue(number) => Some(number.to_string()),
        Field::BooleanValue(is) => Some(is.to_string()),
        _ => None,
    }
}

type DescribeError = aws_sdk_redshiftdata::error::SdkError<
    aws_sdk_redshiftdata::operation::describe_statement::DescribeStatementError,
>;

fn is_not_found(error: &DescribeError) -> bool {
    error
        .as_service_error()
        .is_some_and(|error| error.is_resource_not_found_exception())
}
