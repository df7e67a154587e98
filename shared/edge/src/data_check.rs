//! Runs a run's checks over what it is about to publish, before anybody sees it.

use std::collections::BTreeMap;

use pipeline::data_check::{Check, CheckResult, Facts, Over, Question, SAMPLE_ROWS, Status};
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use pipeline::model::Scope;
use pipeline::value::Value;

use crate::engine::{Answer, Catalogue, Engine, Query, Work, ask};
use crate::lake::{Lake, Prepared};
use crate::progress::Progress;

/// What checks need to know beside the rows.
#[derive(Default)]
pub struct Context<'a> {
    /// Where tables are, and the run's parameters and window.
    pub scope: Scope,
    /// The key of each table, shown in samples.
    pub keys: BTreeMap<String, Vec<String>>,
    /// The files of SQL of the pipeline's folder, by path.
    pub files: BTreeMap<&'a str, &'a str>,
    /// The records that were read for each table, and those of them that were filtered out or rejected.
    pub dropped: BTreeMap<String, Dropped>,
    /// How many rows tables have in other destinations than the lake.
    pub published: BTreeMap<String, u64>,
}

/// How many records were read for a table, and how many of them did not get into it by rule.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dropped {
    /// The records read.
    pub parsed: u64,
    /// Those filtered out or rejected.
    pub dropped: u64,
}

/// What each check says of the publication. Tables that it does not hold are seen as they are published.
///
/// All checks are asked together; then those that do not hold are asked for rows to show.
pub async fn run(
    engine: &dyn Engine,
    work: &Work,
    publication: &Publication,
    checks: &[Check],
    context: &Context<'_>,
) -> Result<Progress<Vec<CheckResult>>, Fault> {
    let prepared = work.lake.prepare(publication).await?;
    engine.admit(&prepared.after).await?;
    let tables = Tables::of(&work.lake, publication, &prepared).await?;
    let mut asked = Vec::new();
    for (number, check) in checks.iter().enumerate() {
        let question = question(check, context).map_err(|fault| named(fault, check))?;
        asked.push(Asked {
            number,
            check,
            catalogue: tables.of_check(check),
            question,
        });
    }
    let counts = match counts(engine, work, &asked).await? {
        Progress::Done(counts) => counts,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let mut results: Vec<CheckResult> = asked
        .iter()
        .zip(&counts)
        .map(|(asked, counts)| {
            let facts = facts(asked.check, publication, &prepared, context);
            asked.check.judge(counts, &facts)
        })
        .collect();
    let shown = show(engine, work, &asked, &mut results).await?;
    Ok(shown.map(|()| results))
}

/// The tables as checks see them: whole, and with the run's windows only.
struct Tables {
    whole: Catalogue,
    windows: Catalogue,
}

impl Tables {
    async fn of(
        lake: &Lake,
        publication: &Publication,
        prepared: &Prepared,
    ) -> Result<Self, Fault> {
        let mut whole = lake.catalogue().await?;
        let mut windows = whole.clone();
        let of_run = publication.windows();
        for version in &prepared.after {
            lake.add(&mut whole, version)?;
            let narrowed = match version.window_column {
                Some(_) => version.clone().narrowed_to(&of_run),
                None => version.clone(),
            };
            lake.add(&mut windows, &narrowed)?;
        }
        Ok(Tables { whole, windows })
    }

    fn of_check(&self, check: &Check) -> &Catalogue {
        match check.over {
            Over::Window => &self.windows,
            Over::Table => &self.whole,
        }
    }
}

/// A check on its way.
struct Asked<'a> {
    number: usize,
    check: &'a Check,
    catalogue: &'a Catalogue,
    /// None where the facts tell enough.
    question: Option<Question>,
}

impl<'a> Asked<'a> {
    fn query(&self, what: &str, sql: &str, most_rows: usize) -> Query<'a> {
        Query {
            name: format!("check-{}-{what}", self.number),
            about: ("check", self.check.name()),
            catalogue: self.catalogue,
            sql: sql.to_owned(),
            most_rows,
        }
    }
}

fn named(fault: Fault, check: &Check) -> Fault {
    fault.with("check", check.name())
}

fn question(check: &Check, context: &Context<'_>) -> Result<Option<Question>, Fault> {
    let files = |path: &str| context.files.get(path).map(|text| (*text).to_owned());
    let key = context.keys.get(&*check.table.value).cloned();
    check
        .question(&context.scope, &files, &key.unwrap_or_default())
        .map_err(Fault::bad_definition)
}

/// What was counted for each check; nothing for one without a question.
async fn counts(
    engine: &dyn Engine,
    work: &Work,
    asked: &[Asked<'_>],
) -> Result<Progress<Vec<Vec<u64>>>, Fault> {
    let mut queries = Vec::new();
    for asked in asked {
        let question = asked.question.iter();
        queries.extend(question.map(|question| asked.query("count", &question.count, 1)));
    }
    let answers = match ask(engine, work, &queries).await? {
        Progress::Done(answers) => answers,
        Progress::Running { wait_seconds } => return Ok(Progress::Running { wait_seconds }),
    };
    let mut answers = answers.into_iter();
    let mut counts = Vec::new();
    for asked in asked {
        let answer = asked.question.as_ref().and_then(|_| answers.next());
        counts.push(match answer {
            None => Vec::new(),
            Some(answer) => counted(&answer).map_err(|fault| named(fault, asked.check))?,
        });
    }
    Ok(Progress::Done(counts))
}

fn counted(answer: &Answer) -> Result<Vec<u64>, Fault> {
    let cells = answer.rows.iter().take(1).flatten();
    let counts: Vec<u64> = cells.filter_map(Value::as_count).collect();
    match counts.is_empty() {
        true => Err(Fault::bug("the engine counted nothing")),
        false => Ok(counts),
    }
}

/// Adds some of the rows to each result for which a check does not hold.
async fn show(
    engine: &dyn Engine,
    work: &Work,
    asked: &[Asked<'_>],
    results: &mut [CheckResult],
) -> Result<Progress<()>, Fault> {
    let mut queries = Vec::new();
    let mut shown = Vec::new();
    for (asked, result) in asked.iter().zip(results) {
        let sample = asked.question.as_ref().and_then(|q| q.sample.as_ref());
        if let (false, Some(sample)) = (result.status == Status::Passed, sample) {
            queries.push(asked.query("sample", sample, SAMPLE_ROWS));
            shown.push(result);
        }
    }
    let answers = ask(engine, work, &queries).await?;
    Ok(answers.map(|answers| {
        for (result, answer) in shown.into_iter().zip(answers) {
            let columns: Vec<String> = answer.columns.iter().map(|c| c.name.clone()).collect();
            for row in &answer.rows {
                result.show(&columns, row);
            }
        }
    }))
}

/// The fault of a run whose checks failed; none where none did.
pub fn failure(results: &[CheckResult]) -> Option<Fault> {
    let failed: Vec<String> = results
        .iter()
        .filter(|result| result.status == Status::Failed)
        .map(ToString::to_string)
        .collect();
    (!failed.is_empty())
        .then(|| Fault::bad_data(format!("nothing was published: {}", failed.join("; "))))
}

fn facts(
    check: &Check,
    publication: &Publication,
    prepared: &Prepared,
    context: &Context<'_>,
) -> Facts {
    let table: &str = &check.table.value;
    let staged = publication
        .tables
        .iter()
        .find(|staged| staged.table == table);
    let published = prepared.published(table);
    let Dropped { parsed, dropped } = context.dropped.get(table).copied().unwrap_or_default();
    let in_lake = staged
        .zip(published)
        .and_then(|(staged, version)| version.rows_before(staged));
    let elsewhere = context.published.get(table).copied();
    Facts {
        // What readers of any destination would lose counts.
        published_rows: in_lake.max(elsewhere),
        parsed,
        dropped,
    }
}
