//! The one transaction that publishes: it fits what the Data API takes at a time, however many tables there are.
//!
//! A batch of the Data API is one transaction of at most 40 statements. Where the work is more, it is written
//! into procedures, which the batch calls: what a procedure does belongs to the transaction that calls it.

use super::Reader;
use super::books::Books;
use super::change::Change;
use crate::destination::sql::{Load, name_of};
use crate::fault::Fault;
use crate::sql::Relation;

/// How many statements a batch holds.
pub const STATEMENTS_A_BATCH: usize = 40;

/// The longest statement, in bytes: the Data API takes 100 KB.
pub const LONGEST_STATEMENT: usize = 100_000;

/// How long the body of a procedure becomes, so that the statement that makes it is short enough.
const LONGEST_BODY: usize = 90_000;

/// What is carried out in one transaction, and what has to be there for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Switch {
    /// Makes procedures; to be done before.
    pub procedures: Vec<String>,
    /// The transaction.
    pub batch: Vec<String>,
    /// How many statements of the batch, from its start, guard it against being done twice or too late.
    pub guards: usize,
    /// Takes the procedures away.
    pub after: Vec<String>,
}

impl Switch {
    /// The transaction that publishes a run: it is noted, and all tables change.
    ///
    /// `knows_later`: that a later run is published is known, and its tables are left out.
    pub fn of(
        books: &Books,
        load: &Load,
        publication: &str,
        knows_later: bool,
        changes: &[Change],
        tables: &[&Relation],
        readers: &[Reader],
    ) -> Result<Self, Fault> {
        let head = vec![
            books.lock(),
            books.guard(load, knows_later),
            books.note_run(load, publication),
        ];
        let mut work: Vec<String> = changes.iter().flat_map(|c| c.rows.clone()).collect();
        work.extend(
            readers
                .iter()
                .flat_map(|reader| reader.grants(books.schema(), tables)),
        );
        let counts: Vec<String> = changes.iter().filter_map(|c| c.balance.clone()).collect();
        Switch::packed(books, load, head, work, &counts, 2)
    }

    /// The transaction that makes models: one at a time, and none while a run is published.
    pub fn of_models(
        books: &Books,
        load: &Load,
        work: Vec<String>,
        counts: &[String],
    ) -> Result<Self, Fault> {
        Switch::packed(books, load, vec![books.lock()], work, counts, 0)
    }

    fn packed(
        books: &Books,
        load: &Load,
        head: Vec<String>,
        work: Vec<String>,
        counts: &[String],
        guards: usize,
    ) -> Result<Self, Fault> {
        let tail = united(counts).into_iter().map(|counts| {
            // Fails where a table does not have the rows that it is to have.
            format!(
                "SELECT 1 / min(CASE WHEN n = wanted THEN 1 ELSE 0 END) AS balanced FROM ({counts}) AS counted"
            )
        });
        let tail: Vec<String> = tail.collect();
        if let Some(long) = work.iter().find(|statement| statement.len() > LONGEST_BODY) {
            return Err(Fault::bad_definition(format!(
                "a statement of {} bytes is more than the Data API of Redshift takes; make the model or the table smaller",
                long.len()
            )));
        }
        let mut switch = Switch {
            procedures: Vec::new(),
            batch: head,
            guards,
            after: Vec::new(),
        };
        if switch.batch.len() + work.len() + tail.len() <= STATEMENTS_A_BATCH {
            switch.batch.extend(work.into_iter().chain(tail));
            return Ok(switch);
        }
        for (number, body) in bodies(&work).into_iter().enumerate() {
            let parts = [&*load.pipeline, &load.run, &load.started_at];
            let name = name_of("_publish", &parts, &number.to_string());
            let procedure = Relation::new(books.schema(), name).quoted();
            let quote = dollars(&body);
            switch.procedures.push(format!(
                "CREATE OR REPLACE PROCEDURE {procedure}() AS {quote}\nBEGIN\n{body}END;\n{quote} LANGUAGE plpgsql"
            ));
            switch.batch.push(format!("CALL {procedure}()"));
            switch.after.push(format!("DROP PROCEDURE {procedure}()"));
        }
        switch.batch.extend(tail);
        match switch.batch.len() <= STATEMENTS_A_BATCH {
            true => Ok(switch),
            false => Err(Fault::bad_definition(
                "the tables are more than one transaction of the Data API of Redshift takes; divide the pipeline",
            )),
        }
    }
}

/// The work in portions, each the body of a procedure.
fn bodies(work: &[String]) -> Vec<String> {
    let mut bodies: Vec<String> = Vec::new();
    for statement in work {
        let line = format!("{statement};\n");
        match bodies.last_mut() {
            Some(body) if body.len() + line.len() <= LONGEST_BODY => body.push_str(&line),
            _ => bodies.push(line),
        }
    }
    bodies
}

/// Dollars with a word between them that the body does not have.
fn dollars(body: &str) -> String {
    let quotes = std::iter::once("$$".to_owned()).chain((0..).map(|n: u32| format!("$b{n}$")));
    let mut free = quotes.skip_while(|quote| body.contains(quote.as_str()));
    free.next().unwrap_or_default()
}

/// The statements in batches that are done one after the other.
pub fn batches(statements: Vec<String>) -> Vec<Vec<String>> {
    let mut batches: Vec<Vec<String>> = Vec::new();
    for statement in statements {
        match batches.last_mut() {
            Some(batch) if batch.len() < STATEMENTS_A_BATCH => batch.push(statement),
            _ => batches.push(vec![statement]),
        }
    }
    batches
}

/// Queries that answer rows of the same columns, as few as are short enough.
pub fn united(queries: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for query in queries {
        match all.last_mut() {
            Some(last) if last.len() + query.len() + 16 <= LONGEST_STATEMENT => {
                last.push_str(" UNION ALL ");
                last.push_str(query);
            }
            _ => all.push(query.clone()),
        }
    }
    all
}
