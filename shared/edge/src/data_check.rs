//! Runs a run's checks over what it is about to publish, before anybody sees it.

use std::collections::BTreeMap;

use pipeline::data_check::{Check, CheckResult, Facts, Over, SAMPLE_ROWS, Status};
use pipeline::fault::Fault;
use pipeline::lake::Publication;
use pipeline::model::Scope;

use crate::engine::{Catalogue, Engine};
use crate::lake::{Lake, Prepared};

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
pub async fn run(
    engine: &dyn Engine,
    lake: &Lake,
    publication: &Publication,
    checks: &[Check],
    context: &Context<'_>,
) -> Result<Vec<CheckResult>, Fault> {
    let prepared = lake.prepare(publication).await?;
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
    let mut results = Vec::new();
    for check in checks {
        let catalogue = match check.over {
            Over::Window => &windows,
            Over::Table => &whole,
        };
        let facts = facts(check, publication, &prepared, context);
        let result = answer(engine, catalogue, check, &facts, context).await;
        results.push(result.map_err(|fault| fault.with("check", check.name()))?);
    }
    Ok(results)
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

async fn answer(
    engine: &dyn Engine,
    catalogue: &Catalogue,
    check: &Check,
    facts: &Facts,
    context: &Context<'_>,
) -> Result<CheckResult, Fault> {
    let files = |path: &str| context.files.get(path).map(|text| (*text).to_owned());
    let key = context.keys.get(&*check.table.value).cloned();
    let question = check
        .question(&context.scope, &files, &key.unwrap_or_default())
        .map_err(Fault::bad_definition)?;
    let Some(question) = question else {
        return Ok(check.judge(&[], facts));
    };
    let counted = engine
        .query(catalogue, &question.count)
        .await?
        .take(1)
        .await?;
    let counts: Vec<u64> = counted
        .first()
        .map(|row| {
            row.iter()
                .filter_map(pipeline::value::Value::as_count)
                .collect()
        })
        .unwrap_or_default();
    if counts.is_empty() {
        return Err(Fault::bug("the engine counted nothing"));
    }
    let mut result = check.judge(&counts, facts);
    if let (false, Some(sample)) = (result.status == Status::Passed, question.sample) {
        let rows = engine.query(catalogue, &sample).await?;
        let columns: Vec<String> = rows.columns.iter().map(|c| c.name.clone()).collect();
        for row in rows.take(SAMPLE_ROWS).await? {
            result.show(&columns, &row);
        }
    }
    Ok(result)
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
