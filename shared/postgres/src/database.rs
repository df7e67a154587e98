//! One connection: statements in, rows as text out, and what its errors mean.

use std::path::Path;

use bytes::Bytes;
use futures::SinkExt;
use pipeline::destination::Postgres;
use pipeline::fault::{Fault, Kind};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::connect::Address;

/// A connection to a database.
pub struct Database {
    client: Client,
}

/// What a statement answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its rows, as text; none is null.
    pub rows: Vec<Vec<Option<String>>>,
    /// How many rows it answered or changed.
    pub count: u64,
}

impl Database {
    /// Connects, and makes the session say and read everything in one way, whatever the server's settings.
    pub async fn open(
        address: &Address,
        postgres: &Postgres,
        ca_file: Option<&Path>,
    ) -> Result<Self, Fault> {
        let client = address.connect(ca_file).await?;
        let database = Database { client };
        let settings = format!(
            "SET standard_conforming_strings = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; \
             SET extra_float_digits = 1; SET client_encoding = 'UTF8'; SET client_min_messages = warning; \
             SET statement_timeout = '{}s'; SET lock_timeout = '{}s'",
            postgres.statement_timeout, postgres.lock_timeout
        );
        for statement in settings.split("; ") {
            database.run(statement).await?;
        }
        Ok(database)
    }

    /// Runs one statement.
    pub async fn run(&self, statement: &str) -> Result<Answer, Fault> {
        self.try_run(statement).await.map_err(|error| fault(&error))
    }

    /// Runs statements one after the other.
    pub async fn run_all(&self, statements: &[String]) -> Result<(), Fault> {
        for statement in statements {
            self.run(statement).await?;
        }
        Ok(())
    }

    /// Runs one statement and answers the error as it is.
    pub(crate) async fn try_run(&self, statement: &str) -> Result<Answer, tokio_postgres::Error> {
        tracing::debug!(statement, "postgres");
        let mut answer = Answer::default();
        for message in self.client.simple_query(statement).await? {
            match message {
                SimpleQueryMessage::Row(row) => {
                    let cells = (0..row.len()).map(|at| row.get(at).map(str::to_owned));
                    answer.rows.push(cells.collect());
                }
                SimpleQueryMessage::CommandComplete(count) => answer.count = count,
                _ => {}
            }
        }
        Ok(answer)
    }

    /// Sends rows to a statement that begins `COPY … FROM STDIN`; answers how many were taken.
    pub(crate) async fn copy(
        &self,
        statement: &str,
        chunks: impl Iterator<Item = Result<Bytes, Fault>>,
    ) -> Result<u64, Fault> {
        let sink = self.client.copy_in(statement).await;
        let sink = sink.map_err(|error| fault(&error))?;
        let mut sink = std::pin::pin!(sink);
        for chunk in chunks {
            sink.send(chunk?).await.map_err(|error| fault(&error))?;
        }
        sink.as_mut().finish().await.map_err(|error| fault(&error))
    }
}

/// Whether an error says that a view's columns would change.
pub(crate) fn changes_columns(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::INVALID_TABLE_DEFINITION)
}

/// What an error means for the run. Only what the server says of its own things is told: never a value.
pub(crate) fn fault(error: &tokio_postgres::Error) -> Fault {
    let Some(said) = error.as_db_error() else {
        if let Some(reason) = lasting(error) {
            return Fault::bad_definition(reason);
        }
        let mut deepest: &dyn std::error::Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        return Fault::transient(format!("PostgreSQL: {deepest}"));
    };
    let code = said.code().code();
    let kind = kind(code);
    let message = match kind {
        // What was expected is told, what was found is not.
        Kind::BadData => said.message().split(": \"").next().unwrap_or_default(),
        _ => said.message(),
    };
    let mut fault = Fault::new(kind, format!("PostgreSQL: {message} ({code})"));
    if let Some(hint) = remedy(code) {
        fault.message += &format!("; {hint}");
    }
    let place = said
        .where_()
        .and_then(|place| place.split(", column ").nth(1));
    let place = place.map(|rest| rest.split([':', '\n']).next().unwrap_or_default());
    match place.or(said.column()) {
        Some(column) => fault.with("column", column),
        None => fault,
    }
}

/// What is wrong with the way to the server, and stays so.
fn lasting(error: &tokio_postgres::Error) -> Option<String> {
    let text = format!("{error:?}");
    let is = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if is(&["InvalidCertificate", "UnknownIssuer"]) {
        return Some("the certificate of PostgreSQL is not to be trusted; name its issuer with LAKEHEAD_CA_FILE".to_owned());
    }
    is(&["server does not support TLS"]).then(|| {
        "PostgreSQL offers no encryption; let it, or add `?sslmode=disable` to the address"
            .to_owned()
    })
}

fn kind(code: &str) -> Kind {
    match (&code[..2], code) {
        // Too large a value, a broken constraint.
        ("22" | "23" | "21", _) => Kind::BadData,
        // Connections, resources, operators' hands, serialisation, locks.
        ("08" | "53" | "57" | "58" | "40", _) | (_, "55P03") => Kind::Transient,
        // Others who made the same thing at the same moment.
        (_, "42P06" | "42P07" | "42710") => Kind::Transient,
        // Something stands on what was to change.
        (_, "0A000" | "2BP01") => Kind::BadData,
        _ => Kind::BadDefinition,
    }
}

fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "28P01" | "28000" => "check the secret that holds its address",
        "42501" => "grant the role what it lacks",
        "55P03" => "another session holds the table",
        "2BP01" | "0A000" => "take what stands on it away first, and make it again after the run",
        "42704" => "make it, or take it out of the definition",
        _ => return None,
    })
}
