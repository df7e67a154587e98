//! A catalogue of three kinds of records in one resource, and what its tables become.

use serde_json::{Value, json};
use table::Sizes;

use crate::harness::{rows, run, sorted, tables};

const TABLES: &str = r#"
gins:
  from: products
  when: { path: $.type, equals: gin }
  key: [id]
  columns:
    id: { from: $.id, type: int32, required: true, description: The product's number at the source. }
    name: { from: $.name, type: string }
    first_name: { from: $.first_name, type: string }
    second_name: { from: $.second_name, type: string }
    producer: { from: $.producer, type: string }
    country:
      from: $.country
      type: string
      apply:
        - split_first: "/"
        - map:
            Vietnam: Viet Nam
            Russia: Russian Federation
            Taiwan: "Taiwan, Province of China"
            U.S. Virgin Islands: "Virgin Islands, U.s."
            Hong Kong SAR China: Hong Kong
            Unknown or Invalid Region: null
            "": null
        - override: { when: { column: producer, equals: Little Brown Dog Spirits }, value: United Kingdom }
    country_id: { type: int16, lookup: { reference: countries, match: { nicename: country }, take: id } }
    abv: { from: $.abv, type: float64, apply: [{ split_first: "/" }, { remove: "%" }, { replace: { ",": "." } }, trim], range: [0, 100], on_error: "null" }
    average_rating: { from: $.average_rating, type: "decimal(3,1)" }
    rating_count: { from: $.rating_count, type: int32, apply: [{ default: 0 }] }
    scrape_date: { value: "{window.date}", type: date }
  filters: [{ name: no_country, drop_when: { column: country, is: "null" } }]
tonics:
  from: products
  when: { path: $.type, equals: tonic }
  columns:
    id: { from: $.id, type: int32, required: true }
    country: { from: $.country, type: string, apply: [{ split_first: "/" }, { null_if: "" }] }
  filters: [{ name: no_country, drop_when: { column: country, is: "null" } }]
garnishes:
  from: products
  when: { path: $.type, equals: garnish }
  columns:
    id: { from: $.id, type: int32, required: true }
    name: { from: $.name, type: string }
perfect_tonics:
  from: products
  when: { path: $.type, equals: gin }
  each: $.perfect_tonics.data
  columns:
    id: { from: $parent.id, type: int32, required: true }
    perfect_tonic: { from: $.id, type: int32, required: true }
perfect_garnishes:
  from: products
  when: { path: $.type, equals: gin }
  each: $.perfect_garnishes.data
  columns:
    id: { from: $record.id, type: int32, required: true }
    position: { from: $ordinal, type: int16 }
    perfect_garnish: { from: $.id, type: int32, required: true }
"#;

fn product(id: u32, kind: &str, name: &str, change: Value) -> Value {
    let mut product = json!({
        "id": id, "type": kind, "name": name, "first_name": null, "second_name": null,
        "producer": format!("P{id}"), "country": "Spain", "abv": "40",
        "average_rating": "7.0", "rating_count": 10,
        "description": {"content": "A [text] with \"brackets\" {and} more", "google_translation": false},
    });
    let stubs = |ids: &Value| {
        let stubs: Vec<Value> = ids
            .as_array()
            .into_iter()
            .flatten()
            .map(|id| json!({"id": id}))
            .collect();
        json!({ "data": stubs })
    };
    for (key, value) in change.as_object().expect("changes") {
        product[key] = match key.as_str() {
            "perfect_tonics" | "perfect_garnishes" => stubs(value),
            _ => value.clone(),
        };
    }
    product
}

fn products() -> Vec<Value> {
    let unrated = |mut change: Value| {
        change["average_rating"] = Value::Null;
        change["rating_count"] = Value::Null;
        change
    };
    vec![
        product(
            1,
            "gin",
            "Alder Dry Gin",
            json!({"producer": "Alder & Co", "average_rating": "6.6", "rating_count": 74, "perfect_tonics": [2], "perfect_garnishes": [5, 4, 3]}),
        ),
        product(
            2,
            "tonic",
            "Brook Tonic",
            json!({"producer": "Brook S.r.l.", "country": "Italy", "average_rating": "7.5", "rating_count": 28}),
        ),
        product(3, "garnish", "Orange peel", json!({})),
        product(4, "garnish", "Lime peel", json!({})),
        product(5, "garnish", "Grapefruit wedge", json!({})),
        product(
            6,
            "gin",
            "Cedar Gin - Navy Strength",
            json!({"first_name": "Cedar Gin", "second_name": "Navy Strength", "producer": "Cedar", "country": "Germany", "abv": "57,5%", "average_rating": "9.1", "rating_count": 12, "perfect_tonics": [7, 11]}),
        ),
        product(
            7,
            "tonic",
            "Dune Tonic",
            json!({"producer": "Dune", "country": "Switzerland / United States", "average_rating": "7.8", "rating_count": 829}),
        ),
        product(
            8,
            "gin",
            "Elm Gin",
            unrated(
                json!({"producer": null, "country": "Vietnam", "abv": "43/47", "perfect_garnishes": [4]}),
            ),
        ),
        product(
            9,
            "gin",
            " Fir Gin",
            json!({"producer": "Fir ", "country": "United Kingdom", "abv": "57.2 % / 60 %", "average_rating": "8.0", "rating_count": 3}),
        ),
        product(
            11,
            "tonic",
            "Neat serve",
            json!({"producer": null, "country": "", "average_rating": "8.6", "rating_count": 122}),
        ),
        product(
            12,
            "gin",
            "Gale Gin",
            json!({"producer": "Gale", "country": "France", "abv": "approx. 40", "average_rating": "10.0", "rating_count": 1}),
        ),
        product(
            13,
            "gin",
            "Heath Gin",
            unrated(
                json!({"producer": "Little Brown Dog Spirits", "country": "Unknown or Invalid Region", "abv": "43"}),
            ),
        ),
        product(
            14,
            "gin",
            "Iris Gin",
            json!({"country": null, "perfect_tonics": [2], "perfect_garnishes": [3]}),
        ),
        product(
            15,
            "gin",
            "Juno \"Reserve\"; Batch\nTwo",
            json!({"producer": "Juno", "country": "Belgium", "abv": "45", "average_rating": "6.0", "rating_count": 100}),
        ),
        product(
            16,
            "gin",
            "Kite Gin",
            json!({"producer": "Kite", "country": "Taiwan", "abv": "47.11", "average_rating": "8.4", "rating_count": 20}),
        ),
        product(
            17,
            "gin",
            "Lark Gin",
            json!({"producer": "Lark", "country": "Hong Kong SAR China", "abv": null, "average_rating": "7.7", "rating_count": 2}),
        ),
        product(
            18,
            "gin",
            "Moor Gin",
            json!({"producer": "Moor", "country": "U.S. Virgin Islands", "abv": "0.0%", "average_rating": "6.9", "rating_count": 1}),
        ),
        product(
            19,
            "gin",
            "Nook Gin",
            json!({"producer": "Nook", "country": "Russia / Finland", "abv": "38", "average_rating": "7.1", "rating_count": 9}),
        ),
        product(
            20,
            "gin",
            "Opal Gin",
            json!({"producer": "Opal", "country": "Jersey", "abv": "42", "average_rating": "7.3", "rating_count": 4}),
        ),
    ]
}

const GINS: &[&str] = &[
    "1;Alder Dry Gin;;;Alder & Co;Spain;1;40.0;6.6;74;2024-03-26",
    "6;Cedar Gin - Navy Strength;Cedar Gin;Navy Strength;Cedar;Germany;2;57.5;9.1;12;2024-03-26",
    "8;Elm Gin;;;;Viet Nam;3;43.0;;0;2024-03-26",
    "9; Fir Gin;;;Fir ;United Kingdom;4;57.2;8.0;3;2024-03-26",
    "12;Gale Gin;;;Gale;France;5;;10.0;1;2024-03-26",
    "13;Heath Gin;;;Little Brown Dog Spirits;United Kingdom;4;43.0;;0;2024-03-26",
    "15;Juno \"Reserve\"; Batch\nTwo;;;Juno;Belgium;6;45.0;6.0;100;2024-03-26",
    "16;Kite Gin;;;Kite;Taiwan, Province of China;7;47.11;8.4;20;2024-03-26",
    "17;Lark Gin;;;Lark;Hong Kong;8;;7.7;2;2024-03-26",
    "18;Moor Gin;;;Moor;Virgin Islands, U.s.;9;0.0;6.9;1;2024-03-26",
    "19;Nook Gin;;;Nook;Russian Federation;10;38.0;7.1;9;2024-03-26",
    "20;Opal Gin;;;Opal;Jersey;;42.0;7.3;4;2024-03-26",
];

#[test]
fn a_catalogue_becomes_its_tables() {
    // A page of a record, a bare list and an envelope are all read.
    let products = products();
    let one = products[0].to_string();
    let list = serde_json::to_string(&products[1..9]).expect("JSON");
    let envelope = serde_json::to_string_pretty(&json!({
        "meta": {"data": [1, 2]}, "data": &products[9..], "total": 19,
    }))
    .expect("JSON");
    let pages = [one.as_bytes(), list.as_bytes(), envelope.as_bytes()];
    let outcome = run(&tables(TABLES), &["$.data", "$"], Sizes::default(), &pages);

    assert_eq!(rows(&outcome, "gins"), GINS);
    assert_eq!(rows(&outcome, "tonics"), ["2;Italy", "7;Switzerland"]);
    let garnishes = ["3;Orange peel", "4;Lime peel", "5;Grapefruit wedge"];
    assert_eq!(rows(&outcome, "garnishes"), garnishes);
    assert_eq!(
        rows(&outcome, "perfect_tonics"),
        ["1;2", "6;7", "6;11", "14;2"]
    );
    let pairs = ["1;0;5", "1;1;4", "1;2;3", "8;0;4", "14;0;3"];
    assert_eq!(rows(&outcome, "perfect_garnishes"), pairs);

    let gins = &outcome.tables["gins"].counts;
    assert_eq!((gins.parsed, gins.kept), (13, 12));
    assert_eq!(sorted(&gins.filtered), [("no_country", 1)].into());
    assert_eq!(sorted(&gins.nulled), [("abv", 1)].into());
    assert_eq!(sorted(&gins.unmatched), [("country_id", 1)].into());
    assert_eq!(outcome.counts.routed, 19);
    assert_eq!(outcome.sinks.rejects, [""; 0]);
}

#[test]
fn a_kind_that_no_table_takes_is_a_reject() {
    let page = br#"[{"id": 1, "type": "mixer"}, {"id": 2}]"#;
    let outcome = run(&tables(TABLES), &["$"], Sizes::default(), &[page]);
    assert_eq!(
        outcome.sinks.rejects,
        [
            "0/0 - /0 no table takes the record: its kind is `mixer`",
            "0/1 - /1 no table takes the record: its kind is null",
        ]
    );
    assert_eq!(outcome.counts.unrouted, 2);
}
