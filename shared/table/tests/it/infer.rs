//! Inferred columns: every record fits them, and every value can be read back as it was written.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use indexmap::IndexMap;
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::table::Columns;
use proptest::prelude::*;
use table::{Inference, Outcome, Sizes};

use crate::harness::{Memory, Tables, batches, path, rows, run, tables};

const ALL: &str = "t: { from: r, columns: infer }";

/// The columns of the tables, read ahead from the pages.
fn inferred(
    tables: &Tables,
    records: &[&str],
    pages: &[&[u8]],
) -> Result<IndexMap<Name, Columns>, Fault> {
    let records: Vec<_> = records.iter().map(|text| path(text)).collect();
    let written = tables.iter().map(|(name, table)| (name, &table.value));
    let mut inference = Inference::new(written, &records);
    for page in pages {
        inference.page(page);
    }
    inference.columns()
}

/// The same pages read twice: ahead, and into the columns found.
fn both(yaml: &str, records: &[&str], pages: &[&[u8]]) -> (Tables, Outcome<Memory>) {
    let mut tables = tables(yaml);
    let columns = inferred(&tables, records, pages).expect("columns");
    for (name, columns) in columns {
        tables[&name].value.columns = columns;
    }
    let outcome = run(&tables, records, Sizes::default(), pages);
    (tables, outcome)
}

/// The columns of a table in words.
fn shown(tables: &Tables, table: &str) -> Vec<String> {
    let columns = tables[table].columns.declared().expect("declared");
    let columns = columns.iter();
    columns
        .map(|(name, column)| format!("{name} {}", column.column_type))
        .collect()
}

#[test]
fn columns_come_in_the_order_of_their_first_appearance_over_all_pages() {
    let pages: [&[u8]; 2] = [
        br#"{"rows": [{"Id": 1, "Name": "a"}, {"Name": null, "Id": 2, "On": true}]}"#,
        br#"{"rows": [{"Where": {"x": 1}, "Id": 2.5}], "next": null}"#,
    ];
    let (tables, outcome) = both(ALL, &["$.data", "$.rows"], &pages);
    assert_eq!(
        shown(&tables, "t"),
        ["id float64", "name string", "on bool", "where json"]
    );
    assert_eq!(
        rows(&outcome, "t"),
        ["1.0;a;;", "2.0;;true;", "2.5;;;{\"x\": 1}"]
    );
    let schema = table::schema(&tables["t"]);
    let description = &schema.field(0).metadata()["description"];
    assert_eq!(description, "Member `Id` of the record.");
}

#[test]
fn a_table_infers_from_the_records_that_it_takes() {
    let yaml = r#"
gins: { from: r, when: { path: $.a.kind, equals: gin }, columns: infer }
tonics: { from: r, when: { path: $.a.kind, equals: tonic }, columns: { n: { from: $.n, type: int32 } } }
others: { from: r, when: otherwise, columns: infer }
"#;
    let page = br#"[{"a":{"kind":"g\u0069n"},"x":1},{"a":{"kind":"tonic"},"n":1},{"a":{"kind":7},"y":1},{"z":2}]"#;
    let (tables, outcome) = both(yaml, &["$"], &[page]);
    assert_eq!(shown(&tables, "gins"), ["a json", "x int64"]);
    assert_eq!(shown(&tables, "tonics"), ["n int32"]);
    assert_eq!(shown(&tables, "others"), ["a json", "y int64", "z int64"]);
    assert_eq!(outcome.sinks.rejects, [""; 0]);
}

#[test]
fn what_will_be_a_reject_has_no_say_and_what_stands_before_a_break_has() {
    let page = r#"[{"a": 1}, 7, {"b" 1}, {"c": "?"}, {"a": 2.5, "d": tru}, {"e": 1.2.3}, {"a": 3, "f": "\x41"}, {"a": 4}, {"g": "#;
    let page = page.replace('?', "\u{e9}").into_bytes();
    let page: Vec<u8> = page.into_iter().filter(|byte| *byte != 0xc3).collect();
    let (tables, outcome) = both(ALL, &["$"], &[&page]);
    assert_eq!(shown(&tables, "t"), ["a int64", "e string", "f string"]);
    assert_eq!(rows(&outcome, "t"), ["1;;", "4;;"]);
    assert_eq!(
        outcome.sinks.rejects.len(),
        7,
        "{:?}",
        outcome.sinks.rejects
    );
}

#[test]
fn no_records_make_no_columns_and_no_rows() {
    for page in ["[]", r#"{"rows": null}"#, "", "nothing"] {
        let tables = tables(ALL);
        let columns = inferred(&tables, &["$.rows", "$"], &[page.as_bytes()]).expect("columns");
        assert_eq!(columns["t"].declared().map(IndexMap::len), Some(0));
    }
    let (_, outcome) = both(ALL, &["$"], &[b"[]"]);
    assert_eq!(outcome.tables["t"].parts.len(), 0);
}

#[test]
fn records_without_members_are_told() {
    let fault = inferred(&tables(ALL), &["$"], &[b"[{}, {}]"]).expect_err("no columns");
    assert_eq!(
        fault.to_string(),
        "the records have no members that could be columns (table t)"
    );
}

#[test]
fn members_past_the_cap_go_to_extra_or_are_told() {
    let wide: Vec<String> = (0..1002).map(|n| format!("\"m{n}\":{n}")).collect();
    let page = format!("[{{{}}}]", wide.join(","));
    let fault = inferred(&tables(ALL), &["$"], &[page.as_bytes()]).expect_err("too many");
    assert_eq!(
        fault.to_string(),
        "the records have more than 1000 members, `m1000` and perhaps others have no column; add `extra: _extra`, or declare the columns (table t)"
    );
    let yaml = "t: { from: r, columns: infer, extra: _extra }";
    let (tables, outcome) = both(yaml, &["$"], &[page.as_bytes()]);
    assert_eq!(shown(&tables, "t").len(), 1000);
    let row = &rows(&outcome, "t")[0];
    assert!(
        row.ends_with(r#";999;{"m1000":1000,"m1001":1001}"#),
        "{row}"
    );
}

/// A value as JSON text: numbers of every length, escapes, half characters, lists.
fn json() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,3})",
        "-?(0|[1-9][0-9]{14,21})",
        "-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,4}",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,20}([eE][+-]?[0-9]{1,3})?",
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:.16e}")),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        r#"([a-z{}\[\],:é ]|\\["\\n/]|\\u[0-9a-f]{4}){0,20}"#
            .prop_map(|text| format!("\"{text}\"")),
        Just(r#"[1, {"a": "]"}]"#.to_owned()),
    ]
}

/// A record: the keys of few, in any order, some left out. Every member has a type that it mostly keeps.
fn records() -> impl Strategy<Value = Vec<IndexMap<String, String>>> {
    let member =
        prop::sample::select(&["a", "b", "C d", "\"q\"", "é", "A"][..]).prop_map(str::to_owned);
    let record = prop::collection::vec((member, json()), 1..7);
    let record = record.prop_map(|members| members.into_iter().collect());
    prop::collection::vec(record, 1..12)
}

fn object(record: &IndexMap<String, String>) -> String {
    let members = record.iter();
    let members: Vec<String> = members
        .map(|(key, value)| format!("{}: {value}", serde_json::Value::from(key.as_str())))
        .collect();
    format!("{{{}}}", members.join(", "))
}

/// Sign and digits of a number, without the zeros at both ends.
fn digits(number: &str) -> String {
    let mantissa = number.split(['e', 'E']).next().expect("one at least");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let sign = if number.starts_with('-') { "-" } else { "" };
    format!("{sign}{}", digits.trim_matches('0'))
}

/// The value of a row, written as the source wrote it: a double with as many digits as the source gave.
fn read_back(batch: &RecordBatch, column: usize, row: usize, source: &str) -> String {
    let array = batch.column(column);
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Float64 => {
            let number = array.as_primitive::<Float64Type>().value(row);
            let count = digits(source).trim_start_matches('-').len().max(1);
            let written = format!("{number:.*e}", count - 1);
            let nearest = source.parse() == Ok(number);
            match nearest && digits(&written) == digits(source) {
                true => source.to_owned(),
                false => written,
            }
        }
        _ => array.as_string::<i32>().value(row).to_owned(),
    }
}

proptest! {
    #[test]
    fn inferred_columns_reject_nothing_and_alter_nothing(records in records()) {
        let objects: Vec<String> = records.iter().map(object).collect();
        let page = format!("[{}]", objects.join(","));
        let (tables, outcome) = both(ALL, &["$"], &[page.as_bytes()]);
        prop_assert_eq!(&outcome.sinks.rejects, &Vec::<String>::new());
        let columns = tables["t"].columns.declared().expect("declared");
        let batches = batches(&outcome, "t");
        prop_assert_eq!(batches.len(), 1);
        prop_assert_eq!(batches[0].num_rows(), records.len());
        for (number, (name, column)) in columns.iter().enumerate() {
            let description = column.description.as_deref().unwrap_or_default();
            let key = description.strip_prefix("Member `").and_then(|rest| rest.strip_suffix("` of the record."));
            let key = key.expect("the member's name");
            for (row, record) in records.iter().enumerate() {
                let source = record.get(key).map_or("null", String::as_str);
                let found = read_back(&batches[0], number, row, source);
                let is_text = column.column_type.to_string() == "string";
                let expected = match source.starts_with('"') && is_text {
                    true => serde_json::from_str::<String>(source).expect("text"),
                    false => source.to_owned(),
                };
                prop_assert_eq!(found, expected, "{} {}", name, column.column_type);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic_and_the_same_bytes_make_the_same_columns(bytes in "[\\[\\]{}\",:a0-9.e\\\\ -]{0,60}") {
        let infer = || inferred(&tables(ALL), &["$"], &[bytes.as_bytes()]);
        let shown = |columns| format!("{columns:?}");
        prop_assert_eq!(shown(infer()), shown(infer()));
    }
}
