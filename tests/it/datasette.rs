//! `datasette`: against the real server, the published tables are what SQLite itself says they are.

use serde_json::Value;

use crate::support::datasette::{Datasette, build, change, of_parquet, of_sqlite};
use crate::support::world::{Ended, World};

fn run(world: &World, server: &Datasette, table: &str) -> (Ended, Value) {
    let table = format!("table={table}");
    let more = ["--param", "database=vega", "--param", &table];
    world.run("datasette", server.base_url(), &more)
}

/// The one published table, as `lakehead tables` shows it.
fn published(world: &World) -> Value {
    let tables = world.lakehead(&["tables", "--format", "json"]).json();
    assert_eq!(tables.as_array().map(Vec::len), Some(1), "{tables:#}");
    tables[0].clone()
}

fn of_files(table: &Value) -> Value {
    let files = table["files"].as_array().expect("files").iter();
    let files: Vec<&str> = files.map(|file| file.as_str().expect("a path")).collect();
    of_parquet(&files)
}

/// What our own engine says of one column: its count, and its sum or the smallest and largest text.
fn of_lakehead(world: &World, name: &str, is_number: bool) -> Vec<Value> {
    let wanted = match is_number {
        true => format!("sum(\"{name}\") AS a, NULL AS b"),
        false => format!("min(\"{name}\") AS a, max(\"{name}\") AS b"),
    };
    let sql = format!("SELECT count(\"{name}\") AS count, {wanted} FROM datasette.rows");
    let row = &world.query(&sql)[0];
    vec![row["count"].clone(), row["a"].clone(), row["b"].clone()]
}

/// Whole numbers and texts are the same; sums of fractions, which depend on the order of adding, all but.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(a), Some(b)) if one.is_f64() || other.is_f64() => (a - b).abs() <= a.abs() * 1e-12,
        _ => one == other,
    }
}

/// Compares every column of the published table with SQLite's and shows them side by side.
fn compare(world: &World, table: &str, sqlite: &Value, duckdb: &Value) {
    println!(
        "{table}: {} rows, digest {}",
        sqlite["rows"], sqlite["digest"]
    );
    let columns = |figures: &Value| figures["columns"].as_array().expect("columns").clone();
    assert_eq!(columns(sqlite).len(), columns(duckdb).len(), "{duckdb:#}");
    for (theirs, files) in columns(sqlite).iter().zip(columns(duckdb)) {
        let name = files["name"].as_str().expect("a name");
        let is_number = theirs.get("sum").is_some();
        let keys = if is_number {
            ["count", "sum", ""]
        } else {
            ["count", "min", "max"]
        };
        let ours = of_lakehead(world, name, is_number);
        for (key, ours) in keys.iter().zip(&ours).filter(|(key, _)| !key.is_empty()) {
            println!(
                "  {name:<32} {key:<5} {} | {} | {ours}",
                theirs[key], files[key]
            );
            let same = is_same(&theirs[key], &files[key]) && is_same(&theirs[key], ours);
            assert!(same, "{table}.{name}: {key}");
        }
    }
    // The same only if every value of every row is.
    assert_eq!(sqlite["digest"], duckdb["digest"], "{table}");
}

#[test]
fn every_table_is_what_sqlite_says_it_is() {
    let world = World::new();
    let (database, tables) = build(world.path());
    let server = Datasette::serve(&database);
    assert_eq!(tables.len(), 6);
    println!("SQLite | DuckDB over the Parquet files | lakehead query");
    for (table, rows) in tables {
        let (ended, report) = run(&world, &server, &table);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(report["status"], "published");
        assert_eq!(report["tables"]["rows"]["rows"], rows);
        assert_eq!(report["tables"]["rows"]["rejected"], 0);
        assert_eq!(report["requests"]["sent"], rows.div_ceil(1000).max(1));
        let figures = of_files(&published(&world));
        compare(&world, &table, &of_sqlite(&database, &table), &figures);
    }
}

#[test]
fn columns_have_real_types_and_keep_the_sources_names() {
    let world = World::new();
    let (database, _) = build(world.path());
    run(&world, &Datasette::serve(&database), "cars");
    let columns = published(&world)["columns"].clone();
    let columns = columns.as_array().expect("columns").iter();
    let text = |column: &Value, key: &str| column[key].as_str().unwrap_or_default().to_owned();
    let shown: Vec<String> = columns
        .map(|column| {
            format!(
                "{} {} {}",
                text(column, "name"),
                text(column, "type"),
                text(column, "description")
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn an_unchanged_table_is_left_and_a_changed_row_is_published() {
    let world = World::new();
    let (database, _) = build(world.path());
    let server = Datasette::serve(&database);
    assert_eq!(run(&world, &server, "stocks").1["status"], "published");
    let before = published(&world);
    assert_eq!(run(&world, &server, "stocks").1["status"], "unchanged");
    assert_eq!(published(&world), before);
    // It serves the file as one that never changes.
    drop(server);
    let which = "symbol = 'AAPL' AND date = 'Mar 1 2010'";
    change(
        &database,
        &format!("UPDATE stocks SET price = 0.1 + 0.2 WHERE {which}"),
    );
    let server = Datasette::serve(&database);
    assert_eq!(run(&world, &server, "stocks").1["status"], "published");
    let price = world.query(&format!("SELECT price FROM datasette.rows WHERE {which}"));
    assert_eq!(price[0]["price"], 0.1 + 0.2);
    assert_eq!(
        of_files(&published(&world))["digest"],
        of_sqlite(&database, "stocks")["digest"]
    );
}

#[test]
fn a_table_that_is_not_there_fails_by_its_status_and_publishes_nothing() {
    let world = World::new();
    let (database, _) = build(world.path());
    let (ended, report) = run(&world, &Datasette::serve(&database), "no_such_table");
    assert_eq!(ended.code, Some(1));
    assert_eq!(report["status"], "failed");
    assert_eq!(report["fault"]["kind"], "SourceRejected");
    let message = report["fault"]["message"].as_str().expect("a message");
    assert!(
        message.contains("404") && message.contains("no_such_table"),
        "{message}"
    );
    assert_eq!(
        world.lakehead(&["tables", "--format", "json"]).json(),
        serde_json::json!([])
    );
}

#[test]
fn values_that_no_column_type_holds_are_kept_as_they_are_written() {
    let world = World::new();
    let (database, _) = build(world.path());
    change(
        &database,
        "CREATE TABLE odd (\"A b\" INT, a_b TEXT, big INT, mixed, bytes BLOB, vacant TEXT)",
    );
    change(
        &database,
        "INSERT INTO odd VALUES (1, 'x', 9223372036854775807, 1, x'0001', NULL), (NULL, 'é\"', 2, 2.5, NULL, NULL), (3, '', 0, 't', x'', NULL)",
    );
    let server = Datasette::serve(&database);
    assert_eq!(run(&world, &server, "odd").1["status"], "published");
    let rows = world.query("SELECT * FROM datasette.rows");
    insta::assert_json_snapshot!(rows);
}
