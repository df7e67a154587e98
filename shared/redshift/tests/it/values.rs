//! What becomes of values, names and columns on their way into Redshift.

use pipeline::fault::Kind;

use crate::place::{self, ONE, Place};

#[tokio::test]
async fn drift_is_followed_before_and_stops_where_redshift_cannot() {
    let place = Place::on_aws().await;
    let definition = |columns: &str, destination: &str| {
        format!(
            "tables:\n  t: {{ from: things, key: [id], description: \"It's \\\\ a table\", columns: {{ id: {{ from: $.id, type: int32, required: true }}, {columns} }} }}\ndestinations: {{ redshift: {{ schema: w, {destination} }} }}\n"
        )
    };
    let short = definition(
        "name: { from: $.name, type: string, description: \"a'\\\\\" }, gone: { from: $.g, type: date }",
        "types: { t: { name: varchar(4) } }",
    );
    place
        .published(
            "r1",
            1,
            &short,
            r#"[{"id": 1, "name": "four", "g": "2026-01-01"}]"#,
        )
        .await;
    place.sql("CREATE VIEW w.stands_on AS SELECT count(*) AS n FROM w.t");
    place.sql("ALTER TABLE w.t ADD COLUMN \"of \"\"hand\\'\" integer");
    let long = definition(
        "name: { from: $.name, type: string }, new: { from: $.v, type: float64, description: New }",
        "",
    );
    let begun = place
        .begin("r2", 2, &long, r#"[{"id": 1, "name": "longer", "v": 0.5}]"#)
        .await;
    place.publish(&begun).await.expect("evolves");
    assert_eq!(
        place.sql("SELECT id, name, gone, new, \"of \"\"hand\\'\" FROM w.t"),
        "1|longer|~|0.5|~"
    );
    assert_eq!(place.sql("SELECT n FROM w.stands_on"), "1");
    let frozen = definition("name: { from: $.name, type: string }", "on_drift: freeze");
    let begun = place
        .begin("r3", 3, &frozen, r#"[{"id": 1, "name": "x"}]"#)
        .await;
    let fault = place.publish(&begun).await.expect_err("frozen");
    assert!(
        fault
            .message
            .contains("has a column `gone` that the definition lacks"),
        "{fault}"
    );
    let other = definition("name: { from: $.v, type: date }", "");
    let begun = place
        .begin("r4", 4, &other, r#"[{"id": 1, "v": "2026-01-01"}]"#)
        .await;
    let fault = place.publish(&begun).await.expect_err("another type");
    assert_eq!(fault.kind, Kind::BadData);
    assert!(
        fault
            .message
            .contains("has `name` as varchar(65535), not date"),
        "{fault}"
    );
    assert_eq!(place.sql("SELECT name FROM w.t"), "longer");
}

#[tokio::test]
async fn times_and_decimals_come_by_text_and_null_is_no_empty_text() {
    let place = Place::on_aws().await;
    let definition = "tables:
  t:
    from: things
    key: [id]
    columns:
      id: { from: $.id, type: int32, required: true }
      name: { from: $.name, type: string }
      price: { from: $.price, type: \"decimal(12,3)\" }
      at: { from: $.at, type: time }
      day: { from: $.day, type: date }
      seen: { from: $.seen, type: timestamp }
      here: { from: $.here, type: timestamp, timezone: none, formats: [\"%Y-%m-%dT%H:%M:%S\"] }
      yes: { from: $.yes, type: bool }
      raw: { from: $.raw, type: json }
destinations: { redshift: { schema: w, types: { t: { price: \"decimal(12,2)\" } } } }
";
    let rows = r#"[
      {"id": 1, "name": "", "price": "1.005", "at": "23:59:59.999999", "day": "2026-01-02", "seen": "2026-03-01T10:00:00.000001+01:00", "here": "2026-03-01T10:00:00", "yes": true, "raw": {"a": "b, \"c\"\n"}},
      {"id": 2, "name": "a, \"b\"\nc\\N", "price": "-1.005"},
      {"id": 3}
    ]"#;
    place.published("r1", 1, definition, rows).await;
    assert_eq!(
        place.sql("SELECT id, name = '', price, at, day, seen AT TIME ZONE 'UTC', here, yes FROM w.t WHERE id = 1"),
        "1|t|1.01|23:59:59.999999|2026-01-02|2026-03-01 09:00:00.000001|2026-03-01 10:00:00|t"
    );
    assert_eq!(
        place.sql("SELECT id, name = E'a, \"b\"\\nc\\\\N', price, at, day, seen, here, yes, raw FROM w.t WHERE id = 2"),
        "2|t|-1.01|~|~|~|~|~|~"
    );
    assert_eq!(
        place.sql(
            "SELECT num_nulls(name, price, at, day, seen, here, yes, raw) FROM w.t WHERE id = 3"
        ),
        "8"
    );
    assert_eq!(
        place.sql("SELECT raw::json ->> 'a' = E'b, \"c\"\\n' FROM w.t WHERE id = 1"),
        "t"
    );
    // All of it by text, where that is asked for.
    let text = ONE.replace("schema: w", "schema: w2, copy: text");
    place
        .published("r2", 2, &text, r#"[{"id": 1, "v": 7}]"#)
        .await;
    assert_eq!(place.sql("SELECT id, v FROM w2.t"), "1|7");
}

#[tokio::test]
async fn a_key_that_is_there_twice_stops_the_publish() {
    let place = Place::on_aws().await;
    place
        .published("r1", 1, ONE, r#"[{"id": 1, "v": 1}]"#)
        .await;
    let begun = place
        .begin("r2", 2, ONE, r#"[{"id": 1, "v": 1}, {"id": 2, "v": 1}]"#)
        .await;
    // Rows of two slices: each is right by itself.
    let mut twice = begun;
    twice.outcomes.push(twice.outcomes[0].clone());
    let fault = place.publish(&twice).await.expect_err("twice");
    assert_eq!(fault.kind, Kind::BadData);
    assert!(
        fault
            .message
            .contains("2 keys of `t` are there more than once"),
        "{fault}"
    );
    assert_eq!(place.sql("SELECT count(*) FROM w.t"), "1");
}

#[tokio::test]
async fn names_and_texts_of_strangers_stay_names_and_texts() {
    let place = Place::on_aws().await;
    let hostile = r"\'; DROP SCHEMA w CASCADE; --";
    let yaml = |text: &str| serde_json::to_string(text).expect("text");
    let definition = format!(
        "parameters: {{ p: {{ default: {p}, description: x }} }}\ntables:\n  t: {{ from: things, key: [id], description: {p}, columns: {{ id: {{ from: $.id, type: int32, required: true, description: {p} }}, v: {{ from: $.v, type: string }} }} }}\ndestinations: {{ redshift: {{ schema: w, readers: [{{ user: {p} }}, {{ role: {p} }}, {{ group: {p} }}] }} }}\nmodels: {{ m: {{ sql: models/m.sql, description: {p} }} }}\n",
        p = yaml(hostile),
    );
    let files = [(
        "models/m.sql",
        "-- a model\nSELECT id, {{ parameters.p }} AS p, v FROM {{ ref('t') }}",
    )];
    let rows = format!(r#"[{{"id": 1, "v": {}}}]"#, yaml(hostile));
    let run = "r'; DROP SCHEMA w CASCADE; --";
    let begun = place::begin(&place.env, run, 1, &definition, &files, &rows).await;
    place.publish(&begun).await.expect("published");
    place::refresh(&place.env, &begun).await.expect("refreshed");
    let same = format!(
        "SELECT v = E'{0}', p = E'{0}' FROM w.m",
        hostile.replace('\\', "\\\\").replace('\'', "''")
    );
    assert_eq!(place.sql(&same), "t|t");
    assert_eq!(place.sql("SELECT run_id FROM w._loads"), run);
    assert_eq!(place.leftovers("w"), "0");
}
