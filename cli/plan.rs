//! `lakehead plan`: what a run would do, before it does anything.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::Path;

use edge::env::Env;
use edge::ledger::{Bookmarks, Ledger};
use indexmap::IndexMap;
use pipeline::bookmark::{BOOKMARK, Kept, UNTIL};
use pipeline::data_check::{Check, Severity};
use pipeline::definition::Pipeline;
use pipeline::destination::Write as Disposition;
use pipeline::fault::Fault;
use pipeline::for_each::ForEach;
use pipeline::model::PlannedModel;
use pipeline::plan::{self as decisions, Period};
use pipeline::run::RunRequest;
use pipeline::sql::{Relation, identifier};
use pipeline::table::TableDefinition;
use pipeline::table::column_type::ColumnType;
use pipeline::table::time::Timezone;
use serde::Serialize;

use crate::arguments::{Format, Plan};
use crate::estimate::{self, Estimate};
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
    checks: Vec<PlannedCheck>,
    publishes: Vec<String>,
    exports: Vec<String>,
    estimate: Estimate,
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
    /// None where the columns are taken as they come.
    ddl: Option<String>,
}

/// A check with the question that it asks; one that compares counts of the run asks none.
#[derive(Serialize)]
struct PlannedCheck {
    check: String,
    severity: Severity,
    sql: Option<String>,
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
    let mut pipeline = bundle.pipeline(&request.params).map_err(Failure::usage)?;
    let now = env.clock.now();
    pipeline.started_at = Some(now.to_string());
    let asked = decisions::asked_for(&pipeline.definition, request, now).map_err(Failure::usage)?;
    let known = Ledger::new(&env.objects, &pipeline.name).entries().await?;
    let known: HashMap<_, _> = known
        .into_iter()
        .map(|entry| (entry.window.clone(), entry))
        .collect();
    let bookmarks = Bookmarks::new(&env.objects, &pipeline.name).all().await?;
    let keys = |periods: &[Period]| -> Vec<String> {
        periods.iter().map(|period| period.key.clone()).collect()
    };
    let all = keys(&asked);
    let example = asked[0].clone();
    let left = decisions::left_to_do(&pipeline.definition, request, asked, &known);
    let windows = keys(&left);
    let estimate = estimate::of(&pipeline, env, &example, windows.len() as u64, &known).await?;
    let planned = Planned {
        pipeline: pipeline.name.to_string(),
        already_published: all
            .into_iter()
            .filter(|key| !windows.contains(key))
            .collect(),
        windows,
        requests: requests(&pipeline, &example, &bookmarks)?,
        secrets: pipeline
            .definition
            .source
            .secrets()
            .iter()
            .map(ToString::to_string)
            .collect(),
        tables: tables(&pipeline),
        models: models(&pipeline, &example),
        checks: checks(&pipeline, &example),
        publishes: publishes(&pipeline, &example),
        estimate,
        exports: exports(&pipeline),
    };
    match format {
        Format::Json => print_json(&planned)?,
        Format::Text => print(&text(&planned))?,
    }
    Ok(Exit::Done)
}

fn requests(
    pipeline: &Pipeline,
    period: &Period,
    bookmarks: &BTreeMap<String, Kept>,
) -> Result<Vec<FirstRequest>, Fault> {
    let mut values = pipeline.values(period);
    let source = pipeline.definition.source.open(&values)?;
    let mut requests = Vec::new();
    for (name, resource) in &pipeline.definition.resources {
        let repeated = match &resource.for_each {
            ForEach::None => String::new(),
            ForEach::Listing(listing) => format!("for each id of `{}`", listing.resource.value),
            ForEach::Range(_) => "for each id of a range".to_owned(),
            ForEach::Parents(_) => {
                let parents = resource.for_each.parents();
                let parents: Vec<String> = parents.iter().map(|name| format!("`{name}`")).collect();
                format!(
                    "for each row of {}",
                    match &parents[..] {
                        [] => "its lists".to_owned(),
                        parents => parents.join(" and "),
                    }
                )
            }
        };
        for name in resource.names(&pipeline.definition.resources) {
            values.insert(name, "1".to_owned());
        }
        if let Some(bookmark) = &resource.bookmark {
            let from = bookmark.begin(bookmarks.get(&**name))?;
            values.insert(BOOKMARK.to_owned(), from);
            values.insert(UNTIL.to_owned(), "what-the-source-says".to_owned());
        }
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
            ddl: ddl(&Relation::new(database, name.to_string()), table),
        }
    };
    pipeline.definition.tables.iter().map(table).collect()
}

fn models(pipeline: &Pipeline, period: &Period) -> Vec<PlannedStatement> {
    let models = pipeline.models(period, None);
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

/// The table as it would be made, in the SQL that warehouses share.
fn ddl(relation: &Relation, table: &TableDefinition) -> Option<String> {
    let declared = table.columns.declared()?.iter();
    let declared = declared.map(|(name, column)| {
        let never = if column.is_never_null() {
            " NOT NULL"
        } else {
            ""
        };
        let kind = sql_type(column.column_type, column.timezone.as_ref());
        format!("  {} {kind}{never}", identifier(name))
    });
    let extra = table.extra.as_deref();
    let extra = extra.map(|name| format!("  {} VARCHAR", identifier(name)));
    let columns: Vec<String> = declared.chain(extra).collect();
    let columns = columns.join(",\n");
    Some(format!(
        "CREATE TABLE {} (\n{columns}\n)",
        relation.quoted()
    ))
}

fn sql_type(column_type: ColumnType, timezone: Option<&Timezone>) -> String {
    let plain = match (column_type, timezone) {
        (ColumnType::String | ColumnType::Json, _) => "VARCHAR",
        (ColumnType::Bool, _) => "BOOLEAN",
        (ColumnType::Int16, _) => "SMALLINT",
        (ColumnType::Int32, _) => "INTEGER",
        (ColumnType::Int64, _) => "BIGINT",
        (ColumnType::Float64, _) => "DOUBLE PRECISION",
        (ColumnType::Date, _) => "DATE",
        (ColumnType::Time, _) => "TIME",
        (ColumnType::Timestamp, Some(Timezone::None)) => "TIMESTAMP",
        (ColumnType::Timestamp, _) => "TIMESTAMP WITH TIME ZONE",
        (ColumnType::Decimal { precision, scale }, _) => {
            return format!("DECIMAL({precision},{scale})");
        }
    };
    plain.to_owned()
}

fn checks(pipeline: &Pipeline, period: &Period) -> Vec<PlannedCheck> {
    let scope = pipeline.scope(period);
    let file = |path: &str| pipeline.files.get(path).cloned();
    let planned = |check: &Check| PlannedCheck {
        check: check.name(),
        severity: check.severity,
        sql: match check.question(&scope, &file, &[]) {
            Ok(question) => question.map(|question| question.count),
            // A definition that was checked has none of these.
            Err(_) => None,
        },
    };
    pipeline.checks().iter().map(planned).collect()
}

/// What readers see change, one step a database.
fn publishes(pipeline: &Pipeline, period: &Period) -> Vec<String> {
    let definition = &pipeline.definition;
    let write = |table: &str| {
        let lake = definition.destinations.lake.as_ref();
        match lake.map(|lake| lake.write_of(table)) {
            Some(Disposition::ReplaceWindow) => "rows of the window replaced",
            Some(Disposition::CreateOnly) => "added if the window is not there",
            Some(Disposition::Append) => "rows added",
            Some(Disposition::Replace) | None => "replaced",
        }
    };
    let tables = definition.tables.keys();
    let mut steps: IndexMap<String, Vec<String>> = IndexMap::new();
    let own = steps.entry(definition.database().to_string()).or_default();
    own.extend(tables.map(|name| format!("{name} {}", write(name))));
    for model in pipeline.models(period, None) {
        let relation = &model.relation;
        let of_database = steps.entry(format!("{} (models)", relation.database));
        of_database
            .or_default()
            .push(format!("{} replaced", relation.table));
    }
    let step = |(database, tables): (String, Vec<String>)| {
        format!("{database}, all at once: {}", tables.join(", "))
    };
    steps.into_iter().map(step).collect()
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
            "    {} from {}{}",
            table.table,
            table.from,
            if table.ddl.is_some() {
                ""
            } else {
                ": columns as they come"
            }
        );
        for line in table.ddl.iter().flat_map(|ddl| ddl.lines()) {
            let _ = writeln!(out, "      {line}");
        }
    }
    out += match planned.checks.is_empty() {
        true => "  checks    none\n",
        false => "  checks\n",
    };
    for check in &planned.checks {
        let warns = if check.severity == Severity::Warn {
            " (warns)"
        } else {
            ""
        };
        let _ = writeln!(out, "    {}{warns}", check.check);
        for line in check.sql.iter().flat_map(|sql| sql.lines()) {
            let _ = writeln!(out, "      {line}");
        }
    }
    out += "  publishes\n";
    for step in &planned.publishes {
        let _ = writeln!(out, "    {step}");
    }
    for model in &planned.models {
        let _ = writeln!(out, "  model {}", model.table);
        for line in model.sql.lines() {
            let _ = writeln!(out, "    {line}");
        }
    }
    let _ = writeln!(out, "  exports   {}", list(&planned.exports));
    let _ = writeln!(out, "  estimate  {}", planned.estimate);
    out
}
