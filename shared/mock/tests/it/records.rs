//! The records of a declared source fit what reads them, and those of children fit their parents'.

use std::collections::BTreeSet;

use mock::declared::Options;
use serde_json::{Value, json};

use crate::client::{Client, pipeline};

const TEXT: &str = r#"
version: 1
description: Schools, their classes and their pupils.
parameters:
  base_url: { default: https://api.example }
  years: { default: "2025,2026" }
source: { base_url: "{base_url}", rate: { requests: 1000, burst: 1000 } }
references: { countries: { file: countries.csv } }
resources:
  schools: { path: /schools, records: $.items, paginate: { offset: { limit: 7 } } }
  school: { path: "/schools/{id}", for_each: { listing: { resource: schools, id: $.schoolId } }, outcomes: { missing: [404] } }
  classes:
    path: "/schools/{parent.school}/classes"
    query: { year: "{parent.year}" }
    paginate: { page_number: { parameter: page, size: 2, stop: short_page } }
    for_each: { parents: { of: [ { resource: schools, take: { school: $.schoolId } }, { list: ["{years}"], as: year } ] } }
  pupils:
    path: /pupils
    query: { classes: "{parent.class}" }
    for_each: { parents: { of: [ { resource: classes, take: { class: $.code } } ], batch: { size: 4 } } }
  kinds: { path: "/kinds/{id}", for_each: { range: { first: 3, last: 8 } } }
  changes: { path: /changes, query: { since: "{bookmark}" }, bookmark: { from: $.at, order: time, start: "2020-01-01T00:00:00Z" } }
  visits: { path: /visits, query: { day: "{window.date}" } }
schedule: { cron: "30 5 * * ? *", timezone: utc, window: day }
tables:
  schools:
    from: schools
    key: [id]
    columns:
      id: { from: $.schoolId, type: int32, required: true }
      name: { from: $.name, type: string, required: true }
      country: { from: $.address.country, type: string, required: true }
      code: { lookup: { reference: countries, match: { name: country }, take: code }, type: string, required: true }
      opened: { from: $.opened, type: date, formats: ["%d.%m.%Y"], required: true }
      share: { from: $.share, type: "decimal(4,2)", range: [10, 20], required: true }
  phones: { from: schools, each: $.phones, columns: { school: { from: $record.schoolId, type: int32, required: true }, number: { from: $, type: string } } }
  school: { from: school, key: [id], columns: { id: { from: $.schoolId, type: int32, required: true }, motto: { from: $.motto, type: string } } }
  classes: { from: classes, key: [code], columns: { code: { from: $.code, type: string, required: true } } }
  pupils: { from: pupils, key: [id], columns: { id: { from: $.id, type: int64, required: true }, size: { from: $.size, type: int16, range: [90, 210], required: true }, class: { from: $.class, type: string, required: true } } }
  kinds_a: { from: kinds, when: { path: $.kind, equals: a }, columns: { id: { from: $.id, type: int64, required: true } } }
  kinds_b: { from: kinds, when: otherwise, columns: { id: { from: $.id, type: int64, required: true } } }
  changes: { from: changes, columns: infer }
  visits: { from: visits, key: [id], columns: { id: { from: $.id, type: int32, required: true }, at: { from: $.at, type: timestamp, timezone: utc, required: true } } }
destinations: { lake: { database: d, write: { changes: append } } }
checks:
  - { table: pupils, foreign_key: { columns: [class], references: classes.code } }
"#;

const COUNTRIES: &str = "name,code\n\"Korea, South\",KR\nNorway,NO\n";

async fn client(options: Options) -> Client {
    let pipeline = pipeline(TEXT, &[("countries.csv", COUNTRIES)]);
    Client::open(pipeline, options, &[]).await
}

fn few() -> Options {
    Options {
        rows: 10,
        ..Options::default()
    }
}

fn texts(records: &[Value], key: &str) -> Vec<String> {
    let value = |record: &Value| match &record[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    records.iter().map(value).collect()
}

#[tokio::test]
async fn values_have_the_types_formats_and_bounds_of_their_columns() {
    let client = client(few()).await;
    let schools = client.read("schools", &[]).await.expect("reads").records;
    assert_eq!(schools.len(), 10);
    for school in &schools {
        let country = school["address"]["country"].as_str().expect("text");
        assert!(["Korea, South", "Norway"].contains(&country), "{school}");
        let share = school["share"].as_f64().expect("a number");
        assert!((10.0..=20.0).contains(&share), "{school}");
        let opened = school["opened"].as_str().expect("text");
        let digits = opened.split('.').map(str::len);
        assert_eq!(digits.collect::<Vec<_>>(), [2, 2, 4], "{school}");
        assert!(school["phones"].is_array(), "{school}");
    }
    let counts: BTreeSet<usize> = schools
        .iter()
        .filter_map(|school| school["phones"].as_array().map(Vec::len))
        .collect();
    assert!(
        counts.len() > 1 && counts.iter().all(|count| *count <= 3),
        "{counts:?}"
    );
}

#[tokio::test]
async fn children_are_those_of_their_parents() {
    let client = client(few()).await;
    let schools = client.read("schools", &[]).await.expect("reads").records;
    let ids = texts(&schools, "schoolId");
    let one = client
        .read("school", &[("id", &ids[4])])
        .await
        .expect("reads");
    assert_eq!(one.records[0]["schoolId"], schools[4]["schoolId"]);
    assert!(
        client
            .read("school", &[("id", "4711")])
            .await
            .expect("reads")
            .missing
    );
    let mut codes = Vec::new();
    for id in &ids {
        for year in ["2025", "2026"] {
            let parent = [("parent.school", id.as_str()), ("parent.year", year)];
            let classes = client.read("classes", &parent).await.expect("reads");
            assert_eq!((classes.records.len(), classes.pages), (3, 2));
            codes.extend(texts(&classes.records, "code"));
        }
    }
    let distinct: BTreeSet<&String> = codes.iter().collect();
    assert_eq!((codes.len(), distinct.len()), (60, 60));
    let other = [("parent.school", ids[0].as_str()), ("parent.year", "1999")];
    assert!(client.read("classes", &other).await.is_err());
    let four = codes[..4].join(",");
    let pupils = client
        .read("pupils", &[("parent.class", &four)])
        .await
        .expect("reads")
        .records;
    assert_eq!(pupils.len(), 12);
    for pupil in &pupils {
        assert!(
            codes.contains(&pupil["class"].as_str().expect("text").to_owned()),
            "{pupil}"
        );
        assert!(
            (90..=210).contains(&pupil["size"].as_i64().expect("a number")),
            "{pupil}"
        );
    }
}

#[tokio::test]
async fn conditions_bookmarks_and_windows_have_records_of_their_own() {
    let client = client(few()).await;
    let mut kinds = BTreeSet::new();
    for id in 3..=8 {
        let kind = client
            .read("kinds", &[("id", &id.to_string())])
            .await
            .expect("reads")
            .records;
        assert_eq!(kind[0]["id"], json!(id));
        kinds.insert(kind[0]["kind"].to_string());
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    assert!(client.read("kinds", &[("id", "9")]).await.is_err());
    let changes = client
        .read("changes", &[("bookmark", "2020-01-01T00:00:00Z")])
        .await
        .expect("reads")
        .records;
    let newest = texts(&changes, "at").pop().expect("ten");
    let later = client
        .read("changes", &[("bookmark", &newest)])
        .await
        .expect("reads")
        .records;
    assert_eq!((changes.len(), later.len()), (10, 1));
    let mut ids = BTreeSet::new();
    for day in ["2026-11-19", "2026-11-20"] {
        let visits = client
            .read("visits", &[("window.date", day)])
            .await
            .expect("reads")
            .records;
        assert!(
            texts(&visits, "at").iter().all(|at| at.starts_with(day)),
            "{visits:?}"
        );
        ids.extend(texts(&visits, "id"));
    }
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn the_seed_decides_and_samples_go_before() {
    let read = async |options: Options| {
        client(options)
            .await
            .read("schools", &[])
            .await
            .expect("reads")
            .records
    };
    let one = read(few()).await;
    assert_eq!(one, read(few()).await);
    let other = read(Options { seed: 7, ..few() }).await;
    assert_ne!(one, other);
    let sample = json!({"items": [{"schoolId": 4, "name": "A"}, {"schoolId": 5, "name": "B"}]});
    let samples = [("schools".to_owned(), sample)].into();
    let sampled = read(Options { samples, ..few() }).await;
    let names = texts(&sampled, "name").concat();
    let ids: BTreeSet<String> = texts(&sampled, "schoolId").into_iter().collect();
    assert_eq!((names.as_str(), ids.len()), ("ABABABABAB", 10));
}
