//! One rule a case: what a page becomes, and what is set aside with which place and reason.

use std::io::{self, Write};

use pipeline::fault::Kind;
use pipeline::name::Name;
use table::{Compiled, References, Reject, Sinks, Sizes};

use crate::harness::{Tables, path, rows, run, sorted, tables};

const FAR: &str = "t: { from: r, columns: { v: { from: $.v, type: TYPE } } }";

/// The value of one column of a type, as text, or the reason why it is a reject.
fn typed(kind: &str, json: &str) -> String {
    let tables = tables(&FAR.replace("TYPE", kind));
    let page = format!(r#"[{{"v": {json}}}]"#);
    let outcome = run(&tables, &["$"], Sizes::default(), &[page.as_bytes()]);
    match outcome.sinks.rejects.first() {
        Some(reject) => reject.replace("0/0 t /0/v v: ", ""),
        None => rows(&outcome, "t").join("|"),
    }
}

#[test]
fn values_are_taken_exactly_or_set_aside() {
    for (kind, json, expected) in [
        ("string", r#""a\n\u00e9\ud83d\ude00""#, "a\né😀"),
        ("string", "12345678901234567890", "12345678901234567890"),
        ("string", "1.50", "1.50"),
        ("string", "true", "true"),
        ("string", "null", ""),
        ("string", "{}", "found an object, expected string"),
        ("string", "[1]", "found a list, expected string"),
        (
            "string",
            r#""\ud83d""#,
            "has an escape that is no character",
        ),
        ("string", r#""a\u0000b""#, "holds the character NUL"),
        ("string", "01", "not valid JSON"),
        ("int32", "2147483647", "2147483647"),
        ("int32", "2147483648", "cannot be held by int32 unaltered"),
        ("int16", "-32768", "-32768"),
        ("int16", "32768", "cannot be held by int16 unaltered"),
        (
            "int64",
            "9223372036854775808",
            "cannot be held by int64 unaltered",
        ),
        ("int64", "1.0", "not a valid int64"),
        ("int64", "1e3", "not a valid int64"),
        ("int64", r#""007""#, "7"),
        ("int64", r#"" 7""#, "not a valid int64"),
        ("int64", "007", "not a valid int64"),
        ("int64", "true", "found a truth value, expected int64"),
        ("int64", r#""""#, "not a valid int64"),
        ("float64", "57.20", "57.2"),
        ("float64", "1e400", "cannot be held by float64 unaltered"),
        ("float64", r#""NaN""#, "not a valid float64"),
        ("float64", "--1", "not a valid float64"),
        ("\"decimal(3,1)\"", r#""7.5""#, "7.5"),
        (
            "\"decimal(3,1)\"",
            "47.11",
            "cannot be held by decimal(3,1) unaltered",
        ),
        (
            "\"decimal(3,1)\"",
            r#""12,34 EUR""#,
            "not a valid decimal(3,1)",
        ),
        ("bool", "false", "false"),
        ("bool", r#""true""#, "true"),
        ("bool", "1", "found a number, expected bool"),
        ("bool", r#""yes""#, "not a valid bool"),
        ("date", r#""2024-02-29""#, "2024-02-29"),
        ("date", r#""2023-02-29""#, "not a valid date"),
        ("time", r#""23:59:59.5""#, "23:59:59.500"),
        (
            "timestamp",
            r#""2024-03-26T09:00:00+01:00""#,
            "2024-03-26T08:00:00Z",
        ),
        (
            "timestamp",
            r#""2024-03-26T09:00:00""#,
            "has no offset and the column declares no timezone",
        ),
        (
            "timestamp",
            "1711443600",
            "found a number, expected timestamp",
        ),
        (
            "timestamp, formats: [unix_seconds]",
            "1711443600",
            "2024-03-26T09:00:00Z",
        ),
        (
            "timestamp, timezone: none",
            r#""2024-03-26T09:00""#,
            "2024-03-26T09:00:00",
        ),
        ("json", r#"{"a": [1.50 , "x"]}"#, r#"{"a": [1.50 , "x"]}"#),
        ("json", r#""x""#, r#""x""#),
        ("json", "1.50", "1.50"),
        ("json", "null", ""),
        ("json", r#"{"a" 1}"#, "not valid JSON"),
        (
            "int64, required: true",
            "null",
            "required, but null or absent",
        ),
        ("int64, range: [0, 9]", "10", "out of the declared range"),
        ("int64, range: [0, null]", "10", "10"),
        (
            "float64, range: [0, 9.5]",
            "9.6",
            "out of the declared range",
        ),
        (
            "\"decimal(4,1)\", range: [-1, 9.5]",
            "-1.1",
            "out of the declared range",
        ),
        ("int64, on_error: \"null\"", "1.5", ""),
        ("int64, apply: [{round: 0}]", "1.5", "2"),
        (
            "int64, apply: [{round: 0}]",
            r#""x""#,
            "round: `x` is not a number",
        ),
        ("json, apply: [first]", r#"[{"a": 1}]"#, r#"{"a": 1}"#),
        ("json, apply: [trim]", r#"" x\n ""#, r#""x""#),
        (
            "bool, apply: [{map: {j: true, n: false}}]",
            r#""n""#,
            "false",
        ),
    ] {
        assert_eq!(typed(kind, json), expected, "{kind} {json}");
    }
}

fn t(columns: &str) -> Tables {
    tables(&format!("t: {{ from: r, {columns} }}"))
}

#[test]
fn records_that_do_not_fit_are_set_aside_and_the_rest_is_kept() {
    let tables = t(
        "columns: { a: { from: $.a, type: int32, required: true }, b: { from: $.o.b, type: string } }",
    );
    for (page, kept, rejects) in [
        (
            r#"[{"a":1},{"a":"x"},{"a":3}]"#,
            "1;|3;",
            vec!["0/1 t /1/a a: not a valid int32"],
        ),
        (
            r#"[{"a":1,"o":"see notes"}]"#,
            "",
            vec!["0/0 t /0/o/b b: another kind of value stands on the way to it"],
        ),
        (r#"[{"a":1,"o":null},{"a":2,"o":{}}]"#, "1;|2;", vec![]),
        (
            r#"[{"a":1,"a":2},{"a":3}]"#,
            "3;",
            vec!["0/0 - /0 a key occurs twice"],
        ),
        (
            r#"[{"a":1,"\u0061":2}]"#,
            "",
            vec!["0/0 - /0 a key occurs twice"],
        ),
        (r#"[{"\u0061":1}]"#, "1;", vec![]),
        (
            r#"[{"a" 1},{"a":3}]"#,
            "3;",
            vec!["0/0 - /0 `:` is expected here"],
        ),
        (
            r#"[{"a":1,},{"a":3}]"#,
            "3;",
            vec!["0/0 - /0 a key is expected here"],
        ),
        (
            r#"[{"a":nul},{"a":3}]"#,
            "3;",
            vec!["0/0 - /0 a value is expected here"],
        ),
        (
            "[{\"a\":1,\"o\":{\"b\":\"x\ty\"}},{\"a\":3}]",
            "3;",
            vec!["0/0 - /0 a control character stands in a text"],
        ),
        (
            r#"[5,{"a":3}]"#,
            "3;",
            vec!["0/0 - /0 a record has to be an object"],
        ),
        (
            r#"[{"a":1} {"a":2}]"#,
            "1;",
            vec!["0/- -  `,` or `]` is expected here (byte 9)"],
        ),
        (
            r#"[{"a":1},{"a":2"#,
            "1;",
            vec!["0/- -  ends early (byte 15)"],
        ),
        (r#"[{"a":1}"#, "1;", vec!["0/- -  ends early (byte 8)"]),
        (
            r#"[{"a":1}] x"#,
            "1;",
            vec!["0/- -  something follows the page's value (byte 10)"],
        ),
        (
            "",
            "",
            vec!["0/- -  a list of records or a record is expected here (byte 0)"],
        ),
        (
            "<html>",
            "",
            vec!["0/- -  a list of records or a record is expected here (byte 0)"],
        ),
        ("null", "", vec![]),
        ("\u{feff} [ ] ", "", vec![]),
        (r#"{"a":1}"#, "1;", vec![]),
    ] {
        let outcome = run(&tables, &["$"], Sizes::default(), &[page.as_bytes()]);
        assert_eq!(rows(&outcome, "t").join("|"), kept, "{page}");
        assert_eq!(outcome.sinks.rejects, rejects, "{page}");
    }
}

#[test]
fn bytes_that_are_no_utf8_spoil_their_record_only() {
    let tables = t("columns: { a: { from: $.a, type: string } }");
    let page = b"[{\"a\":\"x\"},{\"a\":\"\xff\"},{\"a\":\"\xc3\xa9\",\"b\":[\"\"]}]";
    let outcome = run(&tables, &["$"], Sizes::default(), &[page]);
    assert_eq!(rows(&outcome, "t"), ["x", "é"]);
    assert_eq!(outcome.sinks.rejects, ["0/1 - /1 not UTF-8"]);
}

#[test]
fn deep_nesting_is_refused_wherever_it_stands() {
    let tables = t("columns: { a: { from: $.a, type: json } }");
    for key in ["a", "b"] {
        let nested = "[".repeat(100_000);
        let page = format!(r#"[{{"{key}":{nested}"#);
        let outcome = run(&tables, &["$"], Sizes::default(), &[page.as_bytes()]);
        assert_eq!(outcome.counts.broken_pages, 1);
    }
}

#[test]
fn records_are_found_under_the_first_path_that_leads_somewhere() {
    let tables = t("columns: { a: { from: $.a, type: int32 } }");
    for (records, page, kept, rejects) in [
        (
            vec!["$.d.list"],
            r#"{"x":[{"a":9}],"d":{"list":[{"a":1}],"n":null},"y":2}"#,
            "1",
            vec![],
        ),
        (vec!["$.d"], r#"{"d":{"a":1}}"#, "1", vec![]),
        (vec!["$[1]"], r#"[{"n":1},[{"a":1}]]"#, "1", vec![]),
        (vec!["$.d", "$"], r#"{"a":1}"#, "1", vec![]),
        (vec!["$.d", "$"], r#"[{"a":1}]"#, "1", vec![]),
        (vec!["$.d", "$"], r#"{"d":[]}"#, "", vec![]),
        (
            vec!["$.d"],
            r#"{"e":[]}"#,
            "",
            vec!["0/- -  the path of the records leads to nothing here (byte 0)"],
        ),
        (
            vec!["$.d"],
            r#"{"d":[{"a":1}],"d":[{"a":2}]}"#,
            "1",
            vec!["0/- -  the key of the records occurs twice (byte 19)"],
        ),
        (
            vec!["$.d"],
            r#"{"d":[{"a":"x"}]}"#,
            "",
            vec!["0/0 t /d/0/a a: not a valid int32"],
        ),
        (
            vec!["$.d"],
            r#"{"d":7}"#,
            "",
            vec!["0/- -  a list of records or a record is expected here (byte 5)"],
        ),
        (
            vec!["$.d"],
            r#"{"d":[{"a":1}]"#,
            "1",
            vec!["0/- -  ends early (byte 14)"],
        ),
    ] {
        let outcome = run(&tables, &records, Sizes::default(), &[page.as_bytes()]);
        assert_eq!(rows(&outcome, "t").join("|"), kept, "{page}");
        assert_eq!(outcome.sinks.rejects, rejects, "{page}");
    }
}

#[test]
fn a_record_is_taken_by_all_its_tables_or_by_none() {
    let tables = tables(
        "p: { from: r, columns: { id: { from: $.id, type: int32 } } }
c: { from: r, each: $.items, columns: { id: { from: $parent.id, type: int32 }, n: { from: $.n, type: int32, required: true } } }",
    );
    let page = br#"[{"id":1,"items":[{"n":1},{"n":2}]},{"items":[{"n":3},{"n":"x"},{"n":5}],"id":2},{"id":3},{"id":4,"items":{}}]"#;
    let outcome = run(&tables, &["$"], Sizes::default(), &[page]);
    assert_eq!(rows(&outcome, "p"), ["1", "3"]);
    assert_eq!(rows(&outcome, "c"), ["1;1", "1;2"]);
    assert_eq!(
        outcome.sinks.rejects,
        [
            "0/1 c /1/items/1/n n: not a valid int32",
            "0/3 c /3/items another kind of value stands on the way to it",
        ]
    );
    let parent = &outcome.tables["p"].counts;
    assert_eq!(
        sorted(&parent.rejected),
        [("with its record in c", 2)].into()
    );
    let child = &outcome.tables["c"].counts;
    assert_eq!((child.parsed, child.kept, child.all_rejected()), (6, 2, 4));
}

#[test]
fn lists_in_lists_and_trees_become_rows() {
    let tables = tables(
        "deep: { from: r, each: [$.a.list, $.inner], columns: { r: { from: $record.id, type: int32 }, p: { from: $parent.k, type: string }, i: { from: $ordinal, type: int64 }, v: { from: $, type: int32 } } }
tree: { from: r, each: { tree: $.kids }, columns: { id: { from: $.id, type: int32 }, up: { from: $parent.id, type: int32 }, top: { from: $record.id, type: int32 } } }
second: { from: r, columns: { x: { from: '$.a.list[1].k', type: string } } }",
    );
    let page = br#"{"id":1,"a":{"list":[{"inner":[5,6],"k":"x"},{"k":"y"},{"inner":[7],"k":"z"}]},
        "kids":[{"kids":[{"id":3},{"id":4,"kids":[{"id":5,"kids":null}]}],"id":2},{"id":6}]}"#;
    let outcome = run(&tables, &["$"], Sizes::default(), &[page]);
    assert_eq!(outcome.sinks.rejects, [""; 0]);
    assert_eq!(rows(&outcome, "deep"), ["1;x;0;5", "1;x;1;6", "1;z;0;7"]);
    let tree = ["2;1;1", "3;2;1", "4;2;1", "5;4;1", "6;1;1"];
    assert_eq!(rows(&outcome, "tree"), tree);
    assert_eq!(rows(&outcome, "second"), ["y"]);
}

#[test]
fn the_first_row_of_a_key_stays() {
    let tables = t(
        "key: [a, b], duplicates: keep_first, filters: [{ name: odd, drop_when: { column: c, in: [x, 'y'] } }], columns: { a: { from: $.a, type: string, required: true }, b: { from: $.b, type: float64, required: true }, c: { from: $.c, type: string } }",
    );
    let page = br#"[{"a":"1","b":0,"c":"x"},{"a":"1","b":-0.0,"c":"p"},{"a":"1","b":0,"c":"q"},{"a":"2","b":0},
        {"a":"3","b":1,"c":{}},{"a":"3","b":1}]"#;
    let outcome = run(&tables, &["$"], Sizes::default(), &[page, page]);
    assert_eq!(rows(&outcome, "t"), ["1;-0.0;p", "2;0.0;", "3;1.0;"]);
    let counts = &outcome.tables["t"].counts;
    assert_eq!(counts.duplicates, 5);
    assert_eq!(sorted(&counts.filtered), [("odd", 2)].into());
    assert_eq!(
        sorted(&counts.rejected),
        [("c: found an object, expected string", 2)].into()
    );
}

#[test]
fn what_no_column_takes_can_be_kept() {
    let tables = tables(
        "p: { from: r, when: { path: $.k, equals: 1 }, extra: other, columns: { id: { from: $.id, type: int32 }, n: { from: $.o.n, type: int32 } } }
c: { from: r, when: { path: $.k, equals: 1 }, each: $.items, extra: other, columns: { v: { from: $.v, type: int32 } } }",
    );
    let page = br#"[{"id":1,"x": {"y": [1, 2]},"o":{"n":1,"m":2},"k":1,"items":[{"v":1,"w":"\u00e9"},{"v":2}],"z":null},{"id":2,"k":1}]"#;
    let outcome = run(&tables, &["$"], Sizes::default(), &[page]);
    assert_eq!(
        rows(&outcome, "p"),
        [r#"1;1;{"x": {"y": [1, 2]},"z":null}"#, "2;;"]
    );
    assert_eq!(rows(&outcome, "c"), [r#"1;{"w":"\u00e9"}"#, "2;"]);
}

#[test]
fn the_rest_goes_where_the_definition_says() {
    let rest = |second: &str| {
        tables(&format!(
            "a: {{ from: r, when: {{ path: $.k, in: [x, 1]{second} }}, columns: {{ k: {{ from: $.k, type: string }} }} }}\n"
        ))
    };
    let page = br#"[{"k":"x"},{"k":1},{"k":"\u0078"},{"k":"y"},{"k":null},{}]"#;
    let outcome = run(
        &rest(", otherwise: ignore"),
        &["$"],
        Sizes::default(),
        &[page],
    );
    assert_eq!(rows(&outcome, "a"), ["x", "1", "x"]);
    assert_eq!((outcome.counts.ignored, outcome.counts.unrouted), (3, 0));
    let both = tables(
        "a: { from: r, when: { path: $.k, equals: x }, columns: { k: { from: $.k, type: string } } }
b: { from: r, when: otherwise, columns: { k: { from: $.k, type: string } } }",
    );
    let outcome = run(&both, &["$"], Sizes::default(), &[page]);
    assert_eq!(rows(&outcome, "b"), ["1", "y", "", ""]);
    assert_eq!(outcome.counts.routed, 6);
}

#[test]
fn the_same_rows_are_the_same_bytes_however_pages_are_cut() {
    let tables = t(
        "columns: { a: { from: $.a, type: int64 }, s: { from: $.s, type: string }, d: { from: $.d, type: string }, f: { from: $.f, type: float64 } }",
    );
    let records: Vec<String> = (0..5000)
        .map(|n| {
            format!(
                r#"{{"a":{n},"s":"text {n}","d":"{}","f":{}.5}}"#,
                n % 7,
                n % 100
            )
        })
        .collect();
    let sizes = Sizes {
        row_group_bytes: 20_000,
        part_bytes: 5_000,
        ..Sizes::default()
    };
    let cut = |length: usize, cores: usize| {
        let sizes = Sizes { cores, ..sizes };
        let pages: Vec<String> = records
            .chunks(length)
            .map(|chunk| format!("[{}]", chunk.join(",")))
            .collect();
        let pages: Vec<&[u8]> = pages.iter().map(|page| page.as_bytes()).collect();
        let outcome = run(&tables, &["$"], sizes, &pages);
        assert_eq!(rows(&outcome, "t").len(), 5000);
        let parts = &outcome.tables["t"].parts;
        let files: Vec<Vec<u8>> = parts.iter().map(|part| part.sink.clone()).collect();
        files
    };
    let whole = cut(5000, 1);
    assert!(whole.len() > 1, "several parts");
    assert_eq!(whole, cut(13, 1));
    assert_eq!(whole, cut(1, 2));
}

#[test]
fn every_encoding_is_read_back() {
    let tables = tables(
        "t: { from: r, columns: { n: { from: $.n, type: int64, required: true }, a: { from: $.a, type: int64 }, b: { from: $.b, type: int32 }, c: { from: $.b, type: float64 }, d: { from: $.a, type: \"decimal(38,2)\" }, e: { from: $.e, type: bool }, f: { from: $.f, type: string }, g: { from: $.g, type: float64 }, h: { from: $.h, type: string }, i: { from: $.none, type: date }, j: { from: $.none, type: string } } }",
    );
    let extremes = [i64::MIN, i64::MAX, 0, -1, 1, i64::MAX - 1, i64::MIN + 1];
    let narrow = [i32::MIN, i32::MAX, 0, -1, 7, i32::MAX];
    let (mut records, mut expected) = (Vec::new(), Vec::new());
    for n in 0..1500usize {
        let a = extremes[n * n % extremes.len()];
        let b = narrow[n * 5 % narrow.len()];
        let e = n % 3 == 0;
        let f = ["one", "two", "", "fоur"][n % 4];
        let g = [0.5, -0.25, 1e300][n % 3];
        let h = format!("different {}", n * 7919 % 1500);
        let is_null = n % 11 == 3;
        let shown = |value: String| if is_null { "null".to_owned() } else { value };
        records.push(format!(
            r#"{{"n":{n},"a":{},"b":{},"e":{},"f":{},"g":{},"h":{}}}"#,
            shown(a.to_string()),
            shown(b.to_string()),
            shown(e.to_string()),
            shown(format!("\"{f}\"")),
            shown(format!("{g:e}")),
            shown(format!("\"{h}\"")),
        ));
        expected.push(match is_null {
            true => format!("{n};;;;;;;;;;"),
            false => format!("{n};{a};{b};{:?};{a}.00;{e};{f};{g:?};{h};;", f64::from(b)),
        });
    }
    let page = format!("[{}]", records.join(","));
    let outcome = run(&tables, &["$"], Sizes::default(), &[page.as_bytes()]);
    assert_eq!(rows(&outcome, "t"), expected);
}

#[test]
fn one_record_cannot_fill_the_memory() {
    let tables = tables(
        "c: { from: r, each: $.items, columns: { text: { from: $parent.text, type: string }, v: { from: $, type: int32 } } }",
    );
    let page = format!(
        r#"[{{"text":"{}","items":[{}1]}}]"#,
        "x".repeat(10_000),
        "1,".repeat(1000)
    );
    let sizes = Sizes {
        record_bytes: 1 << 20,
        reject_bytes: 10,
        ..Sizes::default()
    };
    let outcome = run(&tables, &["$"], sizes, &[page.as_bytes()]);
    assert_eq!(outcome.sinks.raws, [r#"[{"text":""#[1..].to_owned() + "x"]);
    assert!(outcome.sinks.rejects[0].contains("its rows are too large"));
}

#[test]
fn many_members_and_changing_orders_are_read() {
    // More than go straight into columns, and more keys of one object than are remembered.
    let columns: Vec<String> = (0..300)
        .map(|n| format!("c{n}: {{ from: $.a_rather_long_member_name_{n}, type: int32 }}"))
        .collect();
    let tables = t(&format!("columns: {{ {} }}", columns.join(", ")));
    let record = |order: &dyn Fn(usize) -> usize| {
        let members: Vec<String> = (0..300)
            .map(order)
            .map(|n| format!(r#""a_rather_long_member_name_{n}":{n},"unknown_{n}":[{n}]"#))
            .collect();
        format!("{{{}}}", members.join(","))
    };
    let straight = record(&|n| n);
    let page = format!(
        "[{straight},{},{},{straight}]",
        record(&|n| 299 - n),
        record(&|n| (n * 7) % 300)
    );
    let outcome = run(&tables, &["$"], Sizes::default(), &[page.as_bytes()]);
    let expected: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    assert_eq!(rows(&outcome, "t"), vec![expected.join(";"); 4]);
    let twice = format!(r#"[{{"a_rather_long_member_name_299":1,{}"#, &straight[1..]);
    let outcome = run(
        &tables,
        &["$"],
        Sizes::default(),
        &[format!("{twice}]").as_bytes()],
    );
    assert_eq!(outcome.sinks.rejects, ["0/0 - /0 a key occurs twice"]);
}

#[test]
fn a_key_that_comes_twice_is_seen_whatever_was_read_before() {
    let tables = t("columns: { v: { from: $.v, type: int32 } }");
    // The end of a page is too near to compare a known key at once.
    let short = br#"[{"v":1}]"#;
    let twice = br#"[{"v":1,"v":2                                  }]"#;
    let outcome = run(&tables, &["$"], Sizes::default(), &[short, short, twice]);
    assert_eq!(outcome.sinks.rejects, ["2/0 - /0 a key occurs twice"]);
    assert_eq!(rows(&outcome, "t"), ["1", "1"]);
}

#[test]
fn what_was_read_before_does_not_matter() {
    let tables = t(
        "columns: { a: { from: $.a, type: int64 }, b: { from: $.o.b, type: string }, c: { from: $.o.p.c, type: float64 }, d: { from: $.d, type: json }, e: { from: $.e, type: int16, on_error: \"null\" } }",
    );
    let usual = r#"{"a":1,"o":{"b":"x","p":{"c":2.5}},"d":[3]}"#;
    let spaced = "{ \"a\" : 1 ,\n \"o\": {\"b\": \"x\", \"p\" : {\t\"c\": 2.5 } } , \"d\": [3] }";
    let misfit = r#"{"a":1,"e":"no number"}"#;
    let mut long_after_misfit = vec![usual, misfit];
    long_after_misfit.extend([usual; 20]);
    let twice = Err("a key occurs twice");
    let no_key = Err("a key is expected here");
    let blocked = Err("another kind of value stands on the way to it");
    for (record, expected) in [
        (usual, Ok("1;x;2.5;[3]")),
        (spaced, Ok("1;x;2.5;[3]")),
        (
            r#"{"d":[3],"o":{"p":{"c":2.5},"b":"x"},"a":1}"#,
            Ok("1;x;2.5;[3]"),
        ),
        (r#"{"d":[3],"a":1}"#, Ok("1;;;[3]")),
        (r#"{}"#, Ok(";;;")),
        (r#"{"a":1,"o":{},"d":[3]}"#, Ok("1;;;[3]")),
        (r#"{"a":1,"o":{ },"d":[3]}"#, Ok("1;;;[3]")),
        (r#"{"a":1,"o":null,"d":null}"#, Ok("1;;;")),
        (r#"{"a":1,"o":{"p":{}},"d":[3]}"#, Ok("1;;;[3]")),
        (r#"{"o":{"p":null,"b":"x"},"d":[3]}"#, Ok(";x;;[3]")),
        (
            r#"{"o":{"n":{"b":"y"},"b":"x","m":0},"n":1,"d":[3]}"#,
            Ok(";x;;[3]"),
        ),
        (r#"{"a":1,"o":{"b":"x","b":"y"},"d":[3]}"#, twice),
        (
            r#"{"a":1,"o":{"b":"x","p":{"c":2.5,"c":2}},"d":[3]}"#,
            twice,
        ),
        (r#"{"a":1,"o":{"b":"x"},"o":{"p":{"c":2}}}"#, twice),
        (r#"{"a":1,"o":{"b":"x","p":{"c":2},"p":{}}}"#, twice),
        (r#"{"a":1,"o":{"p":{"c":2}},"d":[3],"a":1}"#, twice),
        (r#"{"d":[3],"a":1,"d":[3]}"#, twice),
        (r#"{"o":{"p":{"c":2},"b":"x","p":{"c":2}},"d":[3]}"#, twice),
        (r#"{"a":1,"o":{"b":"x",},"d":[3]}"#, no_key),
        (r#"{"a":1,"o":{"b":"x", },"d":[3]}"#, no_key),
        (r#"{"a":1,"o":{,"b":"x"},"d":[3]}"#, no_key),
        (r#"{"a":1,"o":{"b":"x"},,"d":[3]}"#, no_key),
        (
            r#"{"a":1,"o":{"b":"x"}"d":[3]}"#,
            Err("`,` or `}` is expected here"),
        ),
        (
            r#"{"a":1,"o":{"b":"x"}},"d":[3]}"#,
            Err("something follows the page's value"),
        ),
        (r#"{"a":1,"o":[{"b":"x"}],"d":[3]}"#, blocked),
        (r#"{"a":1,"o":{"b":"x","p":2},"d":[3]}"#, blocked),
        (r#"{"a":1,"o":{"b":"x"},"d":[3,]}"#, Err("not valid JSON")),
        (r#"{"a":1,"o":{"b":"x"},"d":007}"#, Err("not valid JSON")),
        (
            r#"{"a":1e3,"o":{"b":"x"},"d":[3]}"#,
            Err("not a valid int64"),
        ),
        (
            r#"{"a":12345678901,"o":{"b":"x","p":{"c":-0.000001}}}"#,
            Ok("12345678901;x;-1e-6;"),
        ),
        (
            r#"{"a":"12","o":{"b":12,"p":{"c":"0.5"}}}"#,
            Ok("12;12;0.5;"),
        ),
    ] {
        let spread = format!("{record}{}", " ".repeat(64));
        let before: [&[&str]; 8] = [
            &[],
            &[usual],
            &[usual, usual, usual],
            &[spaced, spaced],
            &[usual, misfit],
            &long_after_misfit,
            &[r#"{"x":{"y":1},"d":1}"#, usual],
            &[r#"{"o":{"p":null}}"#, r#"{"o":{"q":1,"p":{"r":2}}}"#, usual],
        ];
        for before in before {
            let mut pages: Vec<&[u8]> = before.iter().map(|page| page.as_bytes()).collect();
            pages.push(spread.as_bytes());
            let outcome = run(&tables, &["$"], Sizes::default(), &pages);
            let rejects = outcome.sinks.rejects.join("|");
            match expected {
                Ok(row) => {
                    assert_eq!(rejects, "", "{record} after {before:?}");
                    assert_eq!(
                        rows(&outcome, "t").last(),
                        Some(&format!("{row};")),
                        "{record} after {before:?}"
                    );
                }
                Err(reason) => assert!(
                    rejects.contains(reason),
                    "{record} after {before:?}: {rejects}"
                ),
            }
        }
    }
}

struct Broken;

impl Sinks for Broken {
    type Part = Box<dyn Write + Send>;

    fn part(&mut self, _table: &Name, _number: u32) -> io::Result<Self::Part> {
        Err(io::Error::other("no space left"))
    }

    fn reject(&mut self, _reject: &Reject<'_>) -> io::Result<()> {
        Err(io::Error::other("no space left"))
    }
}

#[test]
fn a_broken_sink_is_a_passing_fault() {
    let tables = t("columns: { a: { from: $.a, type: int32 } }");
    let named = tables.iter().map(|(name, table)| (name, &table.value));
    let references = References::default();
    let compiled = Compiled::new(named, &[path("$")], &references, |_| None).expect("compiles");
    let mut writer = compiled.writer(Sizes::default(), Broken);
    let fault = writer.page(0, b"[{\"a\":{}}]").expect_err("no reject sink");
    assert_eq!(fault.kind, Kind::Transient);
    writer.page(0, b"[{\"a\":1}]").expect("no fault yet");
    let fault = writer.finish().err().expect("no part sink");
    assert_eq!((fault.kind, fault.context.len()), (Kind::Transient, 1));
}
