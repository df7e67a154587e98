//! The SQL of the shipped pipelines, as each engine is given it, read by somebody else's parser of its dialect.

use std::io::Write;
use std::process::Stdio;

use edge::definitions::Definitions;
use pipeline::definition::{ATHENA, Pipeline};
use pipeline::export::Export;
use pipeline::model::Materialized;
use pipeline::plan::{Period, asked_for};
use pipeline::run::RunRequest;
use serde_json::{Value, json};

use crate::support::house;

fn statement(place: String, dialect: &str, sql: String) -> Value {
    json!({ "place": place, "dialect": dialect, "sql": sql })
}

fn statements(pipeline: &Pipeline, period: &Period) -> Vec<Value> {
    let name = &pipeline.name;
    let mut statements = Vec::new();
    for model in pipeline.models(period, Some(ATHENA)) {
        let query = &model.sql;
        let made = model.relation.quoted();
        let sql = match model.materialized {
            Materialized::View => format!("CREATE OR REPLACE VIEW {made} AS\n{query}"),
            Materialized::Table => {
                format!("CREATE TABLE {made} WITH (format = 'PARQUET') AS\n{query}")
            }
        };
        statements.push(statement(format!("{name} {}", model.name), ATHENA, sql));
    }
    for model in pipeline.models_for_postgres(period) {
        let place = format!("{name} {}", model.name);
        statements.push(statement(place, "postgres", model.sql));
    }
    let files = pipeline.files_for(Some(ATHENA));
    let scope = pipeline.scope(period);
    for check in pipeline.checks() {
        let table = pipeline.definition.tables.get(&*check.table.value);
        let key = table.map(|table| table.key.iter().map(|c| c.value.to_string()).collect());
        let key: Vec<String> = key.unwrap_or_default();
        let file = |path: &str| files.get(path).cloned();
        let question = check.question(&scope, &file, &key).expect("a question");
        for sql in question
            .into_iter()
            .flat_map(|question| question.sample.into_iter().chain([question.count]))
        {
            let place = format!("{name} {}", check.name());
            statements.push(statement(place, ATHENA, sql));
        }
    }
    let relations = pipeline.definition.relations();
    for Export::Csv(csv) in &pipeline.definition.exports {
        let relation = relations.get(&*csv.table.value);
        let sql = relation.map(|relation| csv.sql(relation, &[]));
        let place = format!("{name} {}", csv.path.value);
        statements.extend(sql.map(|sql| statement(place, ATHENA, sql)));
    }
    statements
}

fn shipped() -> Vec<Value> {
    let definitions = Definitions::below(house::root().join("pipelines"));
    let mut all = Vec::new();
    for name in definitions.names().expect("a folder") {
        let bundle = definitions.load(&name).expect("a definition");
        let pipeline = bundle.pipeline(&Default::default()).expect("right");
        let request: RunRequest =
            serde_json::from_value(json!({ "pipeline": name })).expect("a request");
        let now = "2026-11-20T05:30:00Z".parse().expect("a time");
        let asked = asked_for(&pipeline.definition, &request, now).expect("a window");
        let newest = asked.last().expect("a window");
        all.extend(statements(&pipeline, newest));
    }
    all
}

/// What the parser says of statements.
fn said(statements: &[Value]) -> String {
    let mut child = emulator::python()
        .arg(house::root().join("tests/sql/parse.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut input = child.stdin.take().expect("piped");
    for statement in statements {
        writeln!(input, "{statement}").expect("read");
    }
    drop(input);
    let output = child.wait_with_output().expect("ends");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn every_engine_knows_the_dialect_of_what_it_is_given() {
    let statements = shipped();
    assert!(statements.len() > 100, "{}", statements.len());
    assert_eq!(said(&statements), "");
}

#[test]
fn what_a_dialect_does_not_know_is_told_with_its_place() {
    let wrong = [
        statement("here".to_owned(), ATHENA, "SELECT 1 FORM t".to_owned()),
        statement("there".to_owned(), ATHENA, "DROP TABLE t".to_owned()),
        statement("right".to_owned(), ATHENA, "SELECT 1".to_owned()),
    ];
    let said = said(&wrong);
    let places: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(places, ["here", "there"], "{said}");
}
