//! The statements for Redshift as they are, and what none of them may be.

use super::super::Destinations;
use super::*;
use crate::decode::decode;
use crate::fault::Fault;
use crate::lake::Column;
use crate::table::TableDefinition;

fn redshift(text: &str) -> Redshift {
    let decoded = decode::<Destinations>(text);
    assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
    let all = decoded.value.expect("fits");
    all.redshift.expect("a destination")
}

fn load() -> Load {
    Load {
        pipeline: "gins".to_owned(),
        run: "gins.1".to_owned(),
        as_of: "2026-11-20T05:30:00Z".to_owned(),
        started_at: "2026-11-20T05:30:00Z".to_owned(),
    }
}

fn definition(key: &str) -> TableDefinition {
    let text = format!(
        "from: products\ndescription: Gin's\nkey: [{key}]\ncolumns:\n  id: {{ from: $.id, type: int32, required: true }}\n"
    );
    let decoded = decode::<TableDefinition>(&text);
    assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
    decoded.value.expect("fits")
}

fn made(columns: &[(&str, &str)]) -> Vec<Column> {
    let column = |(name, type_name): &(&str, &str)| Column {
        name: (*name).to_owned(),
        type_name: (*type_name).to_owned(),
        nullable: *name != "id",
        description: (*name == "abv").then(|| r"Alcohol, in \%".to_owned()),
    };
    columns.iter().map(column).collect()
}

const GINS: [(&str, &str); 4] = [
    ("id", "int32"),
    ("country", "string"),
    ("abv", "float64"),
    ("seen", "timestamp"),
];

const DECLARED: &str = "redshift: { schema: gins, types: { gins: { abv: \"decimal(3,1)\" } }, columns: { gins: [id, abv, seen] }, distribution: { gins: { key: id } }, sort: { gins: [id, seen] }, readers: [{ group: analysts }, { role: \"r\\\"x\" }] }";

fn table(redshift: &Redshift, columns: &[(&str, &str)]) -> StagedTable {
    let name = Name::new("gins").expect("a name");
    let key = definition("id");
    StagedTable::of(redshift, &load(), &name, &key, &made(columns)).expect("a table")
}

fn there(columns: &[(&str, &str)]) -> Found {
    let column = |(name, kind): &(&str, &str)| FoundColumn {
        name: (*name).to_owned(),
        kind: SqlType::found(kind),
        not_null: *name == "id",
        has_default: *name == "serial",
    };
    Found {
        kind: "r".to_owned(),
        columns: columns.iter().map(column).collect(),
    }
}

const THERE: [(&str, &str); 4] = [
    ("id", "integer"),
    ("abv", "numeric(3,1)"),
    ("seen", "timestamp with time zone"),
    ("serial", "bigint"),
];

fn change(mode: Mode, there: Option<&Found>) -> Result<Change, Fault> {
    let table = table(&redshift(DECLARED), &GINS);
    Change::of(&table, 12, there, mode, Drift::Evolve)
}

#[test]
fn the_statements_are_these() {
    let redshift = redshift(DECLARED);
    let (table, books) = (table(&redshift, &GINS), Books::new("gins"));
    let mut shown = books.create();
    shown.push(books.note_staged(&load(), &names(std::slice::from_ref(&table))));
    shown.extend(table.create());
    shown.extend(table.copy("s3://b/m.json", "arn:aws:iam::1:role/r"));
    shown.push(table.count(true));
    for (mode, there) in [
        (Mode::Replace, None),
        (Mode::Replace, Some(there(&THERE))),
        (Mode::Append, Some(there(&THERE))),
        (Mode::Upsert, Some(there(&THERE))),
    ] {
        shown.push(format!(
            "-- {mode:?}, {}",
            if there.is_some() { "there" } else { "new" }
        ));
        let change = change(mode, there.as_ref()).expect("fits");
        shown.extend(change.evolve.clone());
        let changes = [change];
        let tables = [&table.target];
        let switch = Switch::of(
            &books,
            &load(),
            "hash",
            false,
            &changes,
            &tables,
            &redshift.readers,
        );
        shown.extend(switch.expect("fits").batch);
        shown.extend(changes[0].comments.clone());
    }
    shown.extend(books.drop_staged(&names(&[table])));
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn what_parquet_does_not_bring_is_copied_from_text() {
    let table = table(
        &redshift(DECLARED),
        &[("id", "int32"), ("at", "time"), ("price", "decimal(12,2)")],
    );
    assert!(table.is_text());
    let copy = table
        .copy("s3://b/m.json", "arn")
        .pop()
        .expect("a statement");
    assert!(
        copy.contains("CSV GZIP IGNOREHEADER 1 NULL AS 'null of _staged_"),
        "{copy}"
    );
    assert!(
        copy.contains("ROUNDEC") && !copy.contains("EMPTYASNULL"),
        "{copy}"
    );
}

#[test]
fn a_manifest_lists_exactly_the_files_with_their_sizes() {
    let file = CopiedFile {
        url: "s3://b/k.parquet".to_owned(),
        bytes: 7,
    };
    assert_eq!(
        table(&redshift(DECLARED), &GINS).manifest(&[file]),
        r#"{"entries":[{"url":"s3://b/k.parquet","mandatory":true,"meta":{"content_length":7}}]}"#
    );
}

#[test]
fn drift_is_followed_refused_or_left_out_as_declared() {
    let table = table(
        &redshift("redshift: {}"),
        &[("id", "int32"), ("name", "string"), ("new", "date")],
    );
    let of = |columns: &[(&str, &str)], drift| {
        Change::of(&table, 1, Some(&there(columns)), Mode::Replace, drift)
    };
    let short = [
        ("id", "integer"),
        ("name", "character varying(256)"),
        ("old", "date"),
    ];
    let evolved = of(&short, Drift::Evolve).expect("evolves");
    assert_eq!(
        evolved.evolve,
        [
            "ALTER TABLE \"public\".\"gins\" ALTER COLUMN \"name\" TYPE varchar(65535)",
            "ALTER TABLE \"public\".\"gins\" ADD COLUMN \"new\" date",
        ]
    );
    let insert = &evolved.rows[1];
    assert!(
        insert.contains("\"new\", \"old\") SELECT \"id\", \"name\", \"new\", CAST(NULL AS date)"),
        "{insert}"
    );
    let fault = of(&short, Drift::Freeze).expect_err("frozen");
    assert!(
        fault
            .message
            .contains("has `name` as varchar(256), not varchar(65535)"),
        "{fault}"
    );
    let long = [
        ("id", "bigint"),
        ("name", "character varying(65535)"),
        ("old", "date"),
    ];
    let left = of(&long, Drift::Discard).expect("stays");
    assert!(left.evolve.is_empty(), "{left:?}");
    assert!(
        left.rows[1].contains("(\"id\", \"name\", \"old\") SELECT CAST(\"id\" AS bigint)"),
        "{left:?}"
    );
    let fault = of(&[("id", "smallint")], Drift::Evolve).expect_err("too narrow");
    assert!(
        fault.message.contains("has `id` as smallint, not integer"),
        "{fault}"
    );
}

#[test]
fn columns_that_differ_in_capitals_alone_are_refused() {
    let name = Name::new("gins").expect("a name");
    let made = made(&[("Id", "int32"), ("iD", "int32")]);
    let fault = StagedTable::of(
        &redshift("redshift: {}"),
        &load(),
        &name,
        &definition("id"),
        &made,
    );
    let fault = fault.expect_err("they are one");
    assert!(
        fault
            .message
            .contains("two columns that Redshift knows as `id`"),
        "{fault}"
    );
}

#[test]
fn a_transaction_fits_the_limits_of_the_data_api_however_many_tables_there_are() {
    for tables in [1, 16, 17, 50, 400] {
        let change = change(Mode::Replace, Some(&there(&THERE))).expect("fits");
        let changes = vec![change; tables];
        let relations: Vec<Relation> = (0..tables)
            .map(|n| Relation::new("gins", format!("t{n}")))
            .collect();
        let relations: Vec<&Relation> = relations.iter().collect();
        let readers = redshift(DECLARED).readers;
        let books = Books::new("gins");
        let switch = Switch::of(
            &books,
            &load(),
            "hash",
            false,
            &changes,
            &relations,
            &readers,
        );
        let switch = switch.expect("fits");
        assert!(switch.batch.len() <= STATEMENTS_A_BATCH, "{tables}");
        let all = switch.batch.iter().chain(&switch.procedures);
        assert!(
            all.clone()
                .all(|statement| statement.len() <= LONGEST_STATEMENT),
            "{tables}"
        );
        // Nothing is lost on the way into procedures.
        let deletes: usize = all
            .map(|statement| statement.matches("DELETE FROM").count())
            .sum();
        assert_eq!(deletes, tables);
        assert_eq!(switch.procedures.len(), switch.after.len());
        assert_eq!(switch.procedures.is_empty(), tables < 17, "{tables}");
    }
}

#[test]
fn the_quotes_around_a_procedure_are_not_in_it() {
    let mut change = change(Mode::Replace, Some(&there(&THERE))).expect("fits");
    change.rows = vec!["DELETE FROM \"a$$b\".\"$b0$\"".to_owned(); 60];
    let books = Books::new("gins");
    let switch = Switch::of(&books, &load(), "hash", false, &[change], &[], &[]).expect("fits");
    assert!(
        switch.procedures[0].contains("() AS $b1$\nBEGIN\n"),
        "{}",
        switch.procedures[0]
    );
}

/// The words that a statement begins with, of those that may stand in a transaction: each leaves it open.
const LEAVES_OPEN: [&str; 12] = [
    "LOCK TABLE ",
    "SELECT ",
    "INSERT INTO ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE OR REPLACE VIEW ",
    "DROP VIEW ",
    "GRANT SELECT ",
    "GRANT USAGE ",
    "CALL ",
    "COPY ",
    "COMMENT ON ",
];

#[test]
fn nothing_in_the_transaction_ends_it() {
    let readers = redshift(DECLARED).readers;
    let table = table(&redshift(DECLARED), &GINS);
    let mut seen = 0;
    for mode in [Mode::Replace, Mode::Append, Mode::Upsert] {
        for drift in [Drift::Evolve, Drift::Discard, Drift::Freeze] {
            for found in [None, Some(there(&THERE[..3])), Some(there(&THERE[..1]))] {
                let Ok(change) = Change::of(&table, 1, found.as_ref(), mode, drift) else {
                    continue;
                };
                let many = vec![change; 30];
                for changes in [&many[..1], &many] {
                    let switch = Switch::of(
                        &Books::new("gins"),
                        &load(),
                        "h",
                        false,
                        changes,
                        &[&table.target],
                        &readers,
                    );
                    let switch = switch.expect("fits");
                    let bodies = switch.procedures.iter().flat_map(|procedure| {
                        let body = procedure.split_once("BEGIN\n").expect("a body").1;
                        body.split_once("END;").expect("an end").0.split(";\n")
                    });
                    let all = switch.batch.iter().map(String::as_str).chain(bodies);
                    for statement in all.filter(|statement| !statement.is_empty()) {
                        assert!(
                            LEAVES_OPEN.iter().any(|start| statement.starts_with(start)),
                            "{statement}"
                        );
                        seen += 1;
                    }
                }
            }
        }
    }
    assert!(seen > 300, "{seen}");
}

#[test]
fn what_is_not_said_has_a_safe_value() {
    let redshift = redshift("redshift: {}");
    assert_eq!(&*redshift.schema, "public");
    assert_eq!(redshift.mode("any"), Mode::Replace);
    assert_eq!(redshift.on_drift, Drift::Evolve);
}

#[test]
fn what_does_not_fit_is_said_at_its_place() {
    let text = "redshift:\n  schema: pg_x\n  write:\n    ginz: append\n  types:\n    gins: { ids: integer, name: \"varchar(2)\" }\n  columns:\n    gins: [id, nam]\n  distribution:\n    gins: { key: identity }\n  sort:\n    tonics: [id]\n    gins: [name]\n";
    let decoded = decode::<Destinations>(text);
    let mut known = Known::default();
    known.add("gins", ["id", "name"]);
    let mut problems = decoded.problems;
    let value = decoded.value.expect("fits");
    value.check(&known, &["window.date"], &mut problems);
    insta::assert_snapshot!(problems.render("p.yaml", text));
}

#[test]
fn a_type_that_is_none_is_said_at_its_place() {
    let text = "redshift:\n  types:\n    gins: { a: varchar(70000), b: numbr, c: \"decimal(3)\" }\n  readers: [{ team: x }]\n";
    let decoded = decode::<Destinations>(text);
    insta::assert_snapshot!(decoded.problems.render("p.yaml", text));
}
