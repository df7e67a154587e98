//! Models: tables and views that SQL derives from published tables, and the order in which they are made.
//!
//! A model's SQL is a template. `{{ ref('gins') }}` stands for a table of the pipeline or another model,
//! `{{ source('occupeye', 'sensors') }}` for a table of another pipeline; every other value, such as
//! `{{ window.date }}` or `{{ parameters.organisation }}`, becomes an SQL literal. So no value of a run can
//! ever be read as SQL, and what a model depends on is known from what it refers to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use jiff::Timestamp;
use minijinja::value::{Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, State, UndefinedBehavior};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::destination::redshift;
use crate::name::Name;
use crate::per_period::PerPeriod;
use crate::problem::{Located, Problems, suggestion};
use crate::sql::{self, Relation};
use crate::window::Window;

/// Model.
///
/// A table or view that SQL derives from the published tables, made anew after every publish and switched in
/// when all models of the run are complete.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// The file with the query.
    ///
    /// One `SELECT`, in the pipeline's folder, such as `models/ranking.sql`. `{{ ref('gins') }}` names a table
    /// or another model; `{{ window.date }}` and `{{ parameters.x }}` become SQL literals.
    pub sql: Located<SqlFile>,
    /// What is kept.
    ///
    /// `table`: the rows. `view`: the query, run anew by every reader.
    #[serde(default)]
    pub materialized: Materialized,
    /// The database that it is published in.
    ///
    /// The destination's where nothing is said; a parameter may choose it.
    pub database: Option<Located<Database>>,
    /// The name that it is published under.
    ///
    /// The model's where nothing is said.
    pub table: Option<Located<Name>>,
    /// What it is about.
    pub description: Option<String>,
    /// What its columns mean.
    #[serde(default)]
    pub columns: IndexMap<Name, String>,
    /// Whether there is one for each period of time; other models cannot read it then.
    #[serde(default)]
    pub per: Option<PerPeriod>,
}

/// What is kept of a model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Materialized {
    /// Its rows.
    #[default]
    Table,
    /// Its query.
    View,
}

/// A file of SQL in the pipeline's folder: `models/ranking.sql`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[^/\\\\].*\\.sql$"))]
pub struct SqlFile(String);

impl SqlFile {
    /// Its path from the pipeline's folder.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The path of the file that holds what one engine wants otherwise: `models/ranking.redshift.sql`.
    pub fn path_for(&self, engine: &str) -> String {
        let stem = self.0.strip_suffix(".sql").unwrap_or(&self.0);
        format!("{stem}.{engine}.sql")
    }
}

impl TryFrom<String> for SqlFile {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let safe = |part: &str| !part.is_empty() && !part.starts_with('.');
        let inside = text.split('/').all(safe) && !text.contains(['\\', ':']);
        if inside && text.ends_with(".sql") && !text.contains(char::is_control) {
            return Ok(SqlFile(text));
        }
        Err(format!(
            "`{text}` is not a file of SQL in the pipeline's folder; write it as `models/name.sql`"
        ))
    }
}

impl From<SqlFile> for String {
    fn from(file: SqlFile) -> String {
        file.0
    }
}

/// What the SQL of a pipeline may refer to.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Tables and models by the name that `ref` knows them by.
    pub relations: IndexMap<String, Relation>,
    /// The values of the run's parameters.
    pub parameters: BTreeMap<String, String>,
    /// What is known of the run's window: `date`, `start`, …
    pub window: BTreeMap<String, String>,
    /// What is known of the period that a model is for, where there is one for each.
    pub period: BTreeMap<String, String>,
    /// The moment up to which periods are complete; none before there is a run.
    pub through: Option<Timestamp>,
    /// Where models are read while they are made beside what readers see.
    pub instead: IndexMap<String, Relation>,
    /// How text is written.
    pub literals: Literals,
}

/// How the engine that SQL is for reads text in quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Literals {
    /// As it stands.
    #[default]
    Plain,
    /// A backslash begins an escape, as in Redshift.
    Escaped,
}

impl Literals {
    fn text(self, text: &str) -> String {
        match self {
            Literals::Plain => sql::text(text),
            Literals::Escaped => redshift::text(text),
        }
    }
}

/// SQL ready to be run, and what it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The statement.
    pub sql: String,
    /// What it refers to by `ref`, in order.
    pub refs: Vec<String>,
    /// The tables of other pipelines that it refers to by `source`, in order.
    pub sources: Vec<Relation>,
}

/// Why a template of SQL could not be filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrendered {
    /// The line of the template.
    pub line: usize,
    /// What is wrong there, and the remedy after `; `.
    pub message: String,
}

impl Unrendered {
    /// The message with its place in a file.
    pub fn at(&self, path: &str) -> String {
        format!("{path}:{}: {}", self.line, self.message)
    }
}

/// A model ready to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedModel {
    /// The model's name.
    pub name: String,
    /// Where it is published.
    pub relation: Relation,
    /// What is kept.
    pub materialized: Materialized,
    /// What it is about.
    pub description: Option<String>,
    /// What its columns mean.
    pub columns: BTreeMap<String, String>,
    /// Its query.
    pub sql: String,
    /// The models and tables that it reads.
    pub refs: Vec<String>,
    /// The model of the definition that it is made of: its own name, unless there is one for each period.
    #[serde(default)]
    pub of: String,
    /// What is known of its period.
    #[serde(default)]
    pub period: BTreeMap<String, String>,
}

impl Scope {
    /// Fills a template of SQL.
    pub fn render(&self, template: &str) -> Result<Rendered, Unrendered> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let environment = self.environment(Arc::clone(&seen));
        let context = minijinja::context! {
            parameters => &self.parameters,
            window => &self.window,
            period => &self.period,
        };
        let rendered = environment.render_str(template, context);
        let text = rendered.map_err(|error| match error.kind() {
            ErrorKind::UndefinedError => self.undefined(&environment, template, &error),
            _ => unrendered(&error),
        })?;
        let seen = seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        Ok(Rendered {
            sql: one_statement(&text),
            refs: seen.refs,
            sources: seen.sources,
        })
    }

    /// Which value is not known, and which one may be meant.
    fn undefined(
        &self,
        environment: &Environment<'_>,
        template: &str,
        error: &Error,
    ) -> Unrendered {
        let known: Vec<String> = self.value_names().collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let line = error.line().unwrap_or(0);
        let text = template.lines().nth(line.saturating_sub(1)).unwrap_or("");
        let parsed = environment.template_from_str(template);
        let used = parsed.map(|parsed| parsed.undeclared_variables(true));
        let unknown = used.unwrap_or_default().into_iter();
        let unknown = unknown.filter(|name| !known.contains(&name.as_str()));
        let here = unknown.filter(|name| text.contains(name.as_str()));
        match here.min_by_key(|name| text.find(name.as_str())) {
            Some(name) => Unrendered {
                line,
                message: format!("`{name}` is not known; {}", suggestion(&name, &known)),
            },
            None => unrendered(error),
        }
    }

    /// What SQL may refer to besides tables.
    fn value_names(&self) -> impl Iterator<Item = String> {
        let parameters = self.parameters.keys();
        let window = self.window.keys();
        let period = self.period.keys();
        parameters
            .map(|name| format!("parameters.{name}"))
            .chain(window.map(|part| format!("window.{part}")))
            .chain(period.map(|part| format!("period.{part}")))
            .chain(["ref", "source"].map(str::to_owned))
    }

    fn environment(&self, seen: Arc<Mutex<Seen>>) -> Environment<'static> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Custom("sql".into()));
        let literals = self.literals;
        environment.set_formatter(move |out, _, value| {
            out.write_str(&literal(value, literals)?)
                .map_err(Error::from)
        });
        // A value stays a value: there is no way to mark one as SQL but as a name.
        environment.remove_filter("safe");
        environment.add_filter("identifier", |name: String| {
            Value::from_safe_string(sql::identifier(&name))
        });
        let (relations, instead) = (self.relations.clone(), self.instead.clone());
        let refs = Arc::clone(&seen);
        environment.add_function("ref", move |_: &State, name: String| {
            let Some(relation) = relations.get(&name) else {
                let known: Vec<&str> = relations.keys().map(String::as_str).collect();
                return Err(invalid(format!(
                    "there is no table or model `{name}`; {}",
                    suggestion(&name, &known)
                )));
            };
            note(&refs, |seen| seen.refs.push(name.clone()));
            let relation = instead.get(&name).unwrap_or(relation);
            Ok(Value::from_safe_string(relation.quoted()))
        });
        environment.add_function("source", move |database: String, table: String| {
            let relation = Relation::new(database, table);
            let quoted = relation.quoted();
            note(&seen, |seen| seen.sources.push(relation.clone()));
            Value::from_safe_string(quoted)
        });
        environment
    }
}

#[derive(Debug, Clone, Default)]
struct Seen {
    refs: Vec<String>,
    sources: Vec<Relation>,
}

fn note(seen: &Mutex<Seen>, add: impl FnOnce(&mut Seen)) {
    if let Ok(mut seen) = seen.lock() {
        add(&mut seen);
    }
}

fn literal(value: &Value, literals: Literals) -> Result<String, Error> {
    if value.is_safe() {
        return Ok(value.to_string());
    }
    match value.kind() {
        ValueKind::None => Ok("NULL".to_owned()),
        ValueKind::Bool if value.is_true() => Ok("TRUE".to_owned()),
        ValueKind::Bool => Ok("FALSE".to_owned()),
        ValueKind::Number => Ok(value.to_string()),
        ValueKind::String => Ok(literals.text(value.as_str().unwrap_or_default())),
        ValueKind::Undefined => Err(Error::from(ErrorKind::UndefinedError)),
        other => Err(invalid(format!(
            "a {other} cannot stand in SQL; name one of its values"
        ))),
    }
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn unrendered(error: &Error) -> Unrendered {
    let detail = error.detail().map(str::to_owned);
    let message = match error.kind() {
        ErrorKind::UndefinedError => {
            "it refers to a value that is not known; known are `parameters`, `window`, `ref` and `source`"
                .to_owned()
        }
        kind => detail.unwrap_or_else(|| kind.to_string()),
    };
    Unrendered {
        line: error.line().unwrap_or(0),
        message,
    }
}

/// The statement without what may follow it, so that it can stand inside another.
fn one_statement(text: &str) -> String {
    text.trim().trim_end_matches(';').trim_end().to_owned()
}

/// The models in an order in which each comes after all that it reads.
///
/// `texts` holds the files of SQL by path, `scope` the tables of the pipeline (the models are added here), and
/// `database` is where a model is published that names none.
pub fn plan(
    models: &IndexMap<Name, Model>,
    texts: &BTreeMap<String, String>,
    scope: &Scope,
    database: &str,
    problems: &mut Problems,
) -> Vec<PlannedModel> {
    let mut scope = scope.clone();
    for (name, model) in models {
        let relation = relation_of(name, model, database);
        let taken = scope
            .relations
            .iter()
            .find(|(known, there)| known.as_str() == &**name || **there == relation);
        if let Some((known, _)) = taken {
            let at = model.table.as_ref().map_or(model.sql.at, |table| table.at);
            problems.add_with(
                at,
                format!("the model `{name}` stands in the way of `{known}`"),
                "give it another name, or another `database` or `table`",
            );
        }
        if model.per.is_none() {
            scope.relations.insert(name.to_string(), relation);
        }
    }
    let mut waiting = Vec::new();
    for (name, model) in models {
        match &model.per {
            None => waiting.extend(planned(name, model, texts, &scope, problems)),
            Some(per) => {
                let period = Periodic {
                    model,
                    per,
                    database,
                };
                waiting.extend(period.planned(name, texts, &scope, problems));
            }
        }
    }
    in_order(waiting, models, problems)
}

fn relation_of(name: &Name, model: &Model, database: &str) -> Relation {
    let own: Option<&str> = model.database.as_ref().map(|own| &***own);
    let database = own.unwrap_or(database);
    let table = model.table.as_ref().map_or(&**name, |table| &*table.value);
    Relation::new(database, table)
}

/// A model of which there is one for each period.
struct Periodic<'a> {
    model: &'a Model,
    per: &'a PerPeriod,
    database: &'a str,
}

impl Periodic<'_> {
    /// The models of all periods. Before there is a run, that of the first one is looked at for problems.
    fn planned(
        &self,
        name: &Name,
        texts: &BTreeMap<String, String>,
        scope: &Scope,
        problems: &mut Problems,
    ) -> Vec<PlannedModel> {
        let Some(through) = scope.through else {
            if let Some(first) = self.per.first() {
                self.one(name, &first, texts, scope, problems);
            }
            return Vec::new();
        };
        let periods = self.per.complete_at(through).into_iter();
        periods
            .filter_map(|period| self.one(name, &period, texts, scope, problems))
            .collect()
    }

    fn one(
        &self,
        name: &Name,
        period: &Window,
        texts: &BTreeMap<String, String>,
        scope: &Scope,
        problems: &mut Problems,
    ) -> Option<PlannedModel> {
        let values = match self.per.values(period, &scope.parameters) {
            Ok(values) => values,
            Err(wrong) => {
                let year = self.per.year.as_ref();
                let at = year.map_or(self.per.name.at, |year| year.first_day.at);
                problems.add_sentence(at, &wrong);
                return None;
            }
        };
        let value = |name: &str| match name.strip_prefix("period.") {
            Some(part) => values.get(part).cloned(),
            None => scope.parameters.get(name).cloned(),
        };
        let published = self.per.name.fill(value).ok()?;
        let published = match Name::new(published) {
            Ok(published) => published,
            Err(wrong) => {
                problems.add_sentence(self.per.name.at, &wrong);
                return None;
            }
        };
        let mut scope = Scope {
            period: values.clone(),
            ..scope.clone()
        };
        let own: Option<&str> = self.model.database.as_ref().map(|own| &***own);
        let relation = Relation::new(own.unwrap_or(self.database), published.to_string());
        scope.relations.insert(published.to_string(), relation);
        let planned = planned(&published, self.model, texts, &scope, problems)?;
        Some(PlannedModel {
            of: name.to_string(),
            period: values,
            ..planned
        })
    }
}

fn planned(
    name: &Name,
    model: &Model,
    texts: &BTreeMap<String, String>,
    scope: &Scope,
    problems: &mut Problems,
) -> Option<PlannedModel> {
    let path = model.sql.path();
    let Some(text) = texts.get(path) else {
        problems.no_file(model.sql.at, path, texts.keys());
        return None;
    };
    let rendered = match scope.render(text) {
        Ok(rendered) => rendered,
        Err(unrendered) => {
            problems.add_sentence(model.sql.at, &unrendered.at(path));
            return None;
        }
    };
    let columns = model.columns.iter();
    Some(PlannedModel {
        name: name.to_string(),
        relation: scope.relations.get(&**name)?.clone(),
        materialized: model.materialized,
        description: model.description.clone(),
        columns: columns
            .map(|(column, text)| (column.to_string(), text.clone()))
            .collect(),
        sql: rendered.sql,
        refs: rendered.refs,
        of: name.to_string(),
        period: BTreeMap::new(),
    })
}

fn in_order(
    mut waiting: Vec<PlannedModel>,
    models: &IndexMap<Name, Model>,
    problems: &mut Problems,
) -> Vec<PlannedModel> {
    let mut ordered = Vec::new();
    loop {
        let names: Vec<String> = waiting.iter().map(|model| model.name.clone()).collect();
        let free = |model: &PlannedModel| !model.refs.iter().any(|name| names.contains(name));
        match waiting.iter().position(free) {
            Some(index) => ordered.push(waiting.remove(index)),
            None if waiting.is_empty() => return ordered,
            None => break,
        }
    }
    let circle = circle(&waiting);
    let at = circle
        .first()
        .and_then(|name| models.get(name.as_str()))
        .map_or_else(Default::default, |model| model.sql.at);
    problems.add_with(
        at,
        format!("models read each other in a circle: {}", circle.join(" → ")),
        "take one of the references out",
    );
    ordered
}

/// One circle among models of which each waits for another.
fn circle(waiting: &[PlannedModel]) -> Vec<String> {
    let mut path: Vec<String> = Vec::new();
    let mut next = waiting.first();
    while let Some(model) = next {
        if let Some(start) = path.iter().position(|name| *name == model.name) {
            let mut circle = path.split_off(start);
            circle.push(model.name.clone());
            return circle;
        }
        path.push(model.name.clone());
        next = waiting
            .iter()
            .find(|other| model.refs.contains(&other.name));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    fn scope() -> Scope {
        Scope {
            relations: IndexMap::from([
                ("gins".to_owned(), Relation::new("gins", "gins")),
                ("tonics".to_owned(), Relation::new("gins", "tonics")),
            ]),
            parameters: BTreeMap::from([("p".to_owned(), "it's".to_owned())]),
            window: BTreeMap::from([("date".to_owned(), "2024-03-25".to_owned())]),
            ..Scope::default()
        }
    }

    #[test]
    fn references_become_names_and_values_become_literals() {
        for (template, sql) in [
            ("SELECT 1;\n", "SELECT 1"),
            ("FROM {{ ref('gins') }}", "FROM \"gins\".\"gins\""),
            ("FROM {{ source('o', 's') }}", "FROM \"o\".\"s\""),
            ("= {{ window.date }}", "= '2024-03-25'"),
            ("= {{ parameters.p }}", "= 'it''s'"),
            (
                "= {{ parameters.p ~ ref('gins') }}",
                "= 'it''s\"gins\".\"gins\"'",
            ),
            ("AS {{ parameters.p | identifier }}", "AS \"it's\""),
            (
                "{% set x %}a {{ parameters.p }}{% endset %}{{ x }}",
                "a 'it''s'",
            ),
            ("{{ 1 + 1 }} {{ true }} {{ none }}", "2 TRUE NULL"),
            ("{{ '43' | int }}", "43"),
            ("{% if window.date > '2024' %}a{% else %}b{% endif %}", "a"),
        ] {
            let rendered = scope().render(template).expect(template);
            assert_eq!(rendered.sql, sql);
        }
    }

    #[test]
    fn what_cannot_be_filled_is_said_with_its_line() {
        for (template, line, message) in [
            ("a\n{{ ref('gin') }}", 2, "did you mean `gins`?"),
            ("{{ nothing }}", 1, "not known"),
            ("\n\n{{ window.dat }}", 3, "not known"),
            ("{{ parameters }}", 1, "cannot stand in SQL"),
            ("{{ parameters.p | safe }}", 1, "safe"),
            ("{% if %}", 1, ""),
        ] {
            let error = scope().render(template).expect_err(template);
            assert_eq!(error.line, line, "{template}");
            assert!(error.message.contains(message), "{template}: {error:?}");
        }
    }

    fn planned(text: &str, files: &[(&str, &str)]) -> (Vec<String>, String) {
        let decoded = decode::<IndexMap<Name, Model>>(text);
        let mut problems = decoded.problems;
        let texts = files.iter();
        let texts = texts.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let models = decoded.value.expect("fits");
        let planned = plan(&models, &texts.collect(), &scope(), "gins", &mut problems);
        let names = planned.into_iter().map(|model| model.name).collect();
        (names, problems.render("p.yaml", text))
    }

    #[test]
    fn models_come_after_what_they_read_and_else_as_written() {
        let text = "c: { sql: c.sql }\na: { sql: a.sql, database: report }\nb: { sql: b.sql }\nd: { sql: a.sql }\n";
        let (order, problems) = planned(
            text,
            &[
                ("a.sql", "SELECT * FROM {{ ref('gins') }}"),
                ("b.sql", "SELECT * FROM {{ ref('a') }}"),
                ("c.sql", "SELECT * FROM {{ ref('b') }}, {{ ref('a') }}"),
            ],
        );
        assert_eq!(order, ["a", "b", "c", "d"]);
        assert_eq!(problems, "");
    }

    #[test]
    fn circles_gaps_and_clashes_are_problems() {
        let text = "a: { sql: a.sql }\nb: { sql: b.sql }\nc: { sql: no.sql }\nd: { sql: d.sql, table: gins }\ne: { sql: ../e.sql }\nf: { sql: f.sql }\n";
        let (order, problems) = planned(
            text,
            &[
                ("a.sql", "SELECT * FROM {{ ref('b') }}"),
                ("b.sql", "SELECT * FROM {{ ref('a') }}"),
                ("d.sql", "SELECT 1"),
                ("f.sql", "SELECT\n* FROM {{ ref('tonic') }}"),
            ],
        );
        assert_eq!(order, ["d"]);
        insta::assert_snapshot!(problems);
    }
}
