//! `lakehead plan`: what a run would do, before it does anything.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use edge::env::Env;
use edge::ledger::Ledger;
use pipeline::definition::Pipeline;
use pipeline::fault::Fault;
use pipeline::for_each::{ForEach, ID};
use pipeline::model::PlannedModel;
use pipeline::plan::{self as decisions, Period};
use pipeline::run::RunRequest;
use serde::Serialize;

use crate::arguments::{Format, Plan};
use crate::output::{Exit, Failure, print, print_json};
use crate::run;

/// What a run would do.
#[derive(Serialize)]
struct Planned {
    pipeline: String,
    windows: Vec<String>,
    already_published: Vec<String>,
    requests: Vec<FirstRequest>,
    secrets: Vec<String>,
    tables: Vec<PlannedTable>,
    models: Vec<PlannedStatement>,
    checks: Vec<String>,
    exports: Vec<String>,
}

/// The first request of a resource in the oldest window.
#[derive(Serialize)]
struct FirstRequest {
    resource: String,
    request: String,
    repeated: String,
}

#[derive(Serialize)]
struct PlannedTable {
    table: String,
    from: String,
    columns: Vec<String>,
}

#[derive(Serialize)]
struct PlannedStatement {
    table: String,
    sql: String,
}

/// Shows what a run would do.
pub async fn plan(options: &Plan, pipelines: &Path) -> Result<Exit, Failure> {
    let env = run::env(&options.root.root, pipelines, None)?;
    let request = run::request(&options.asked, None, &env).await?;
    show(&request, &env, options.format).await
}

/// Shows what a run for this request would do.
pub async fn show(request: &RunRequest, env: &Env, format: Format) -> Result<Exit, Failure> {
    let bundle = env.definitions.load(&request.pipeline)?;
    let pipeline = bundle.pipeline(&request.params).map_err(Failure::usage)?;
    let now = env.clock.now();
    let asked = decisions::asked_for(&pipeline.definition, request, now).map_err(Failure::usage)?;
    let known = Ledger::new(&env.objects, &pipeline.name).entries().await?;
    let known: HashMap<_, _> = known
        .into_iter()
        .map(|entry| (entry.window.clone(), entry))
        .collect();
    let keys = |periods: &[Period]| -> Vec<String> {
        periods.iter().map(|period| period.key.clone()).collect()
    };
    let all = keys(&asked);
    let example = asked[0].clone();
    let left = decisions::left_to_do(&pipeline.definition, request, asked, &known);
    let windows = keys(&left);
    let planned = Planned {
        pipeline: pipeline.name.to_string(),
        already_published: all
            .into_iter()
            .filter(|key| !windows.contains(key))
            .collect(),
        windows,
        requests: requests(&pipeline, &example)?,
        secrets: pipeline
            .definition
            .source
            .secrets()
            .iter()
            .map(ToString::to_string)
            .collect(),
        tables: tables(&pipeline),
        models: models(&pipeline, &example),
        checks: pipeline.checks().iter().map(|check| check.name()).collect(),
        exports: exports(&pipeline),
    };
    match format {
        Format::Json => print_json(&planned)?,
        Format::Text => print(&text(&planned))?,
    }
    Ok(Exit::Done)
}

fn requests(pipeline: &Pipeline, period: &Period) -> Result<Vec<FirstRequest>, Fault> {
    let mut values = pipeline.values(period);
    let source = pipeline.definition.source.open(&values)?;
    let mut requests = Vec::new();
    for (name, resource) in &pipeline.definition.resources {
        let repeated = match &resource.for_each {
            ForEach::None => String::new(),
            ForEach::Listing(listing) => format!("for each id of `{}`", listing.resource.value),
            ForEach::Range(_) => "for each id of a range".to_owned(),
            ForEach::Parents(_) => "for each of its parents".to_owned(),
        };
        values.insert(ID.to_owned(), "1".to_owned());
        let request = source.request(resource, &resource.paginate.first(), &values)?;
        requests.push(FirstRequest {
            resource: name.to_string(),
            request: request.to_string(),
            repeated,
        });
    }
    Ok(requests)
}

fn tables(pipeline: &Pipeline) -> Vec<PlannedTable> {
    let database = pipeline.definition.database();
    let table = |(name, table): (
        &pipeline::name::Name,
        &pipeline::problem::Located<pipeline::table::TableDefinition>,
    )| {
        let columns = table.columns.declared().map(|columns| {
            let column = |(name, column): (
                &pipeline::name::Name,
                &pipeline::problem::Located<pipeline::table::column::ColumnDefinition>,
            )| { format!("{name} {}", column.column_type) };
            columns.iter().map(column).collect()
        });
        PlannedTable {
            table: format!("{database}.{name}"),
            from: table.from.value.to_string(),
            columns: columns.unwrap_or_else(|| vec!["(as they come)".to_owned()]),
        }
    };
    pipeline.definition.tables.iter().map(table).collect()
}

fn models(pipeline: &Pipeline, period: &Period) -> Vec<PlannedStatement> {
    let models = pipeline.models(period);
    // Of the periods of a model, the newest shows what is done for all of them.
    let followed = |at: usize, model: &PlannedModel| {
        let next = models.get(at + 1);
        !model.period.is_empty() && next.is_some_and(|next| next.of == model.of)
    };
    let shown = models
        .iter()
        .enumerate()
        .filter(|(at, model)| !followed(*at, model));
    shown
        .map(|(_, model)| PlannedStatement {
            table: format!("{}.{}", model.relation.database, model.relation.table),
            sql: model.sql.clone(),
        })
        .collect()
}

fn exports(pipeline: &Pipeline) -> Vec<String> {
    let exports = pipeline.definition.exports.iter();
    exports
        .map(|export| {
            let pipeline::export::Export::Csv(csv) = export;
            csv.path.value.to_string()
        })
        .collect()
}

fn text(planned: &Planned) -> String {
    let mut out = format!("{}\n", planned.pipeline);
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let _ = writeln!(out, "  windows   {}", list(&planned.windows));
    if !planned.already_published.is_empty() {
        let _ = writeln!(
            out,
            "            published already: {}",
            list(&planned.already_published)
        );
    }
    let _ = writeln!(out, "  secrets   {}", list(&planned.secrets));
    out += "  requests\n";
    for request in &planned.requests {
        let line = format!(
            "    {:<14} {}  {}",
            request.resource, request.request, request.repeated
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out += "  tables\n";
    for table in &planned.tables {
        let _ = writeln!(
            out,
            "    {} from {}: {}",
            table.table,
            table.from,
            table.columns.join(", ")
        );
    }
    let _ = writeln!(out, "  checks    {}", list(&planned.checks));
    for model in &planned.models {
        let _ = writeln!(out, "  model {}", model.table);
        for line in model.sql.lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
    let _ = writeln!(out, "  exports   {}", list(&planned.exports));
    out
}
