//! What every warehouse that speaks SQL promises, over all that there are: one suite, and how each is reached.

use std::path::Path;

use edge::env::Env;
use pipeline::balance::SliceOutcome;
use pipeline::fault::Fault;
use pipeline::lake::Column;
use pipeline::name::Name;

use crate::place::{self, Begun, Place};
use crate::postgres::Postgres;

/// What became of a publish, in the words of neither warehouse.
#[derive(Debug, PartialEq, Eq)]
enum Became {
    Published,
    Before,
    Behind,
}

/// A warehouse as the suite meets it.
trait Warehouse {
    /// The destination with the options that all have in common.
    fn destination(&self, options: &str) -> String;
    fn env(&self) -> &Env;
    fn sql(&self, statements: &str) -> String;
    async fn publish(&self, begun: &Begun) -> Result<Became, Fault>;
}

impl Warehouse for Place {
    fn destination(&self, options: &str) -> String {
        format!("destinations: {{ redshift: {{ schema: w, {options} }} }}")
    }

    fn env(&self) -> &Env {
        &self.env
    }

    fn sql(&self, statements: &str) -> String {
        Place::sql(self, statements)
    }

    async fn publish(&self, begun: &Begun) -> Result<Became, Fault> {
        Ok(match Place::publish(self, begun).await? {
            redshift::Outcome::Published { .. } => Became::Published,
            redshift::Outcome::Before => Became::Before,
            redshift::Outcome::Behind => Became::Behind,
        })
    }
}

struct PostgresPlace {
    server: Postgres,
    env: Env,
    _root: tempfile::TempDir,
}

impl PostgresPlace {
    fn new() -> Self {
        let server = Postgres::start();
        let root = tempfile::tempdir().expect("a directory");
        let at: &Path = root.path();
        PostgresPlace {
            env: place::env_here(at, &server.url()),
            server,
            _root: root,
        }
    }
}

impl Warehouse for PostgresPlace {
    fn destination(&self, options: &str) -> String {
        format!(
            "destinations: {{ postgres: {{ url: {{ secret: w/url }}, schema: w, {options} }} }}"
        )
    }

    fn env(&self) -> &Env {
        &self.env
    }

    fn sql(&self, statements: &str) -> String {
        self.server.sql(statements)
    }

    async fn publish(&self, begun: &Begun) -> Result<Became, Fault> {
        let target = postgres::Target::open(&begun.run, &self.env).await?;
        let target = target.expect("a destination");
        for outcome in &begun.outcomes {
            target.stage(outcome).await?;
        }
        let outcomes: Vec<&SliceOutcome> = begun.outcomes.iter().collect();
        let tables: Vec<(&Name, &[Column])> = begun.outcomes[0]
            .tables
            .iter()
            .map(|(name, made)| (name, made.columns.as_slice()))
            .collect();
        Ok(match target.publish(&tables, &outcomes).await? {
            postgres::Outcome::Published { .. } => Became::Published,
            postgres::Outcome::Before => Became::Before,
            postgres::Outcome::Behind => Became::Behind,
        })
    }
}

/// Three tables, one of each write disposition.
fn definition(warehouse: &impl Warehouse) -> String {
    let columns = "columns: { id: { from: $.id, type: int32, required: true }, name: { from: $.name, type: string }, abv: { from: $.abv, type: float64 }, seen: { from: $.seen, type: timestamp } }";
    let table = |name: &str, key: &str| format!("  {name}: {{ from: things, {key} {columns} }}\n");
    let destination = warehouse.destination(
        "write: { log: append, latest: upsert }, types: { whole: { abv: \"numeric(3,1)\", name: varchar(20) } }",
    );
    format!(
        "tables:\n{}{}{}{destination}",
        table("log", ""),
        table("latest", "key: [id],"),
        table("whole", "key: [id],"),
    )
}

const FIRST: &str = r#"[{"id": 1, "name": "", "abv": 45.55, "seen": "2026-03-01T10:00:00Z"}, {"id": 2, "name": null, "abv": 50.05, "seen": null}, {"id": 3, "name": "it's \\ \"x\"", "abv": null}]"#;
const SECOND: &str = r#"[{"id": 2, "name": "b", "abv": 47.11, "seen": "2026-03-01T10:00:00.5+01:00"}, {"id": 4, "name": "d", "abv": 43.25}]"#;

/// What is in a table, a row a line.
fn rows(warehouse: &impl Warehouse, table: &str) -> String {
    warehouse.sql(&format!(
        "SELECT id, name, abv, seen AT TIME ZONE 'UTC' FROM w.{table} ORDER BY id, name"
    ))
}

async fn holds_what_all_promise(warehouse: &impl Warehouse) {
    let env = warehouse.env();
    let definition = definition(warehouse);
    let begin = |run: &'static str, second, rows: &'static str| {
        place::begin(env, run, second, &definition, &[], rows)
    };
    let publish = async |begun: &Begun| warehouse.publish(begun).await;

    // A first load: values arrive as themselves, numbers rounded half away from zero.
    let first = begin("r1", 1, FIRST).await;
    assert_eq!(publish(&first).await, Ok(Became::Published));
    let whole = "1||45.6|2026-03-01 10:00:00\n2|~|50.1|~\n3|it's \\ \"x\"|~|~";
    assert_eq!(rows(warehouse, "whole"), whole);
    let exact = "1||45.55|2026-03-01 10:00:00\n2|~|50.05|~\n3|it's \\ \"x\"|~|~";
    assert_eq!(rows(warehouse, "log"), exact);
    assert_eq!(rows(warehouse, "latest"), exact);

    // The same run again: nothing is added twice.
    let again = publish(&first).await.expect("nothing to do");
    assert!(matches!(again, Became::Before | Became::Published));
    assert_eq!(rows(warehouse, "log"), exact);

    // Another run: replaced, added, and put in the place of the same key.
    let second = begin("r2", 2, SECOND).await;
    assert_eq!(publish(&second).await, Ok(Became::Published));
    let replaced = "2|b|47.1|2026-03-01 09:00:00.5\n4|d|43.3|~";
    assert_eq!(rows(warehouse, "whole"), replaced);
    let count = "SELECT (SELECT count(*) FROM w.log), (SELECT count(*) FROM w.latest)";
    assert_eq!(warehouse.sql(count), "5|4");
    let latest = "1||45.55|2026-03-01 10:00:00\n2|b|47.11|2026-03-01 09:00:00.5\n3|it's \\ \"x\"|~|~\n4|d|43.25|~";
    assert_eq!(rows(warehouse, "latest"), latest);

    // A value that does not fit, found when all but one table have changed: all keep what they had.
    let before = warehouse.sql("SELECT count(*), sum(id) FROM w.log");
    let long = begin(
        "r3",
        3,
        r#"[{"id": 9, "name": "a name of more than twenty bytes"}]"#,
    )
    .await;
    let fault = publish(&long).await.expect_err("too long");
    assert_eq!(fault.kind, pipeline::fault::Kind::BadData, "{fault}");
    assert!(!fault.message.contains("a name of more"), "{fault}");
    assert_eq!(rows(warehouse, "whole"), replaced);
    assert_eq!(rows(warehouse, "latest"), latest);
    assert_eq!(warehouse.sql("SELECT count(*), sum(id) FROM w.log"), before);

    // A run that is behind takes nothing back, but its additions are added.
    let late = begin("r0", 0, FIRST).await;
    assert_eq!(publish(&late).await, Ok(Became::Behind));
    assert_eq!(rows(warehouse, "whole"), replaced);
    assert_eq!(warehouse.sql("SELECT count(*) FROM w.log"), "8");

    // An empty run empties what it replaces.
    let empty = begin("r4", 4, "[]").await;
    assert_eq!(publish(&empty).await, Ok(Became::Published));
    assert_eq!(rows(warehouse, "whole"), "");
    assert_eq!(warehouse.sql("SELECT count(*) FROM w.log"), "8");
}

#[tokio::test]
async fn redshift_holds_what_all_promise() {
    holds_what_all_promise(&Place::on_aws().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_holds_what_all_promise() {
    holds_what_all_promise(&PostgresPlace::new()).await;
}
