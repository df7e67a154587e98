//! `matrix`: days one after another against a source of the tests' own, and what readers see after each.

use serde_json::{Value, json};

use crate::support::canary::leaks;
use crate::support::content::Content;
use crate::support::house;
use crate::support::matrix::{Matrix, booking, cancelled};
use crate::support::world::{Ended, World};

const DAYS: [&str; 4] = ["2024-03-26", "2024-03-27", "2024-03-28", "2024-03-29"];

/// What is booked: rooms of the sample tree, and both of them joined.
const ROOM_1A: u64 = 512_345;
const ROOM_1B: u64 = 512_346;
const JOINED: u64 = 900;

fn sample(name: &str) -> Value {
    let text = house::read(format!("pipelines/matrix/samples/{name}"));
    serde_json::from_str(&text).expect("JSON")
}

fn tree() -> Value {
    sample("organisation.json")
}

fn run(world: &World, source: &Matrix, day: &str, more: &[&str]) -> (Ended, Value) {
    let mut all = vec!["--as-of", day, "--param", "requests_per_second=1000"];
    all.extend(more);
    world.run("matrix", &source.base_url(), &all)
}

fn published(world: &World, source: &Matrix, day: &str, more: &[&str]) -> Value {
    let (ended, report) = run(world, source, day, more);
    assert_eq!(ended.code, Some(0), "{}\n{report:#}", ended.stderr);
    assert_eq!(report["status"], "published", "{report:#}");
    assert_eq!(leaks(world, &ended), [""; 0]);
    report
}

/// Every table, with the rows of each day where it has days, as lines.
fn tables(world: &World) -> String {
    let mut lines = Vec::new();
    for (table, columns, order) in [
        (
            "matrix.bookings",
            "scrape_date, id, location_id, status",
            "scrape_date, id",
        ),
        (
            "matrix.locations",
            "scrape_date, id, name",
            "scrape_date, \"left\"",
        ),
        (
            "matrix_app.bookings",
            "id, location_id, name, status, created, cancelled_time",
            "id, location_id",
        ),
        (
            "matrix_app.locations",
            "id, name, surveydeviceid, survey_id",
            "survey_id, surveydeviceid",
        ),
    ] {
        lines.push(table.to_owned());
        let rows = world.query(&format!("SELECT {columns} FROM {table} ORDER BY {order}"));
        for row in rows.as_array().expect("rows") {
            let values = columns.split(", ").map(|name| match &row[name] {
                Value::String(text) => text.clone(),
                Value::Null => "-".to_owned(),
                other => other.to_string(),
            });
            lines.push(format!("  {}", values.collect::<Vec<_>>().join(" ")));
        }
    }
    lines.join("\n")
}

fn four_days() -> Matrix {
    let [first, _, third, fourth] = DAYS;
    Matrix::start(
        &[
            // An exact multiple of the page size in one call, a short page in the other.
            (
                first,
                vec![
                    booking(9001, first, ROOM_1A, "APPROVED"),
                    booking(9003, first, JOINED, "TENTATIVE"),
                    cancelled(9002, first, ROOM_1B),
                ],
            ),
            (
                third,
                (9010..9014)
                    .map(|id| booking(id, third, ROOM_1A, "APPROVED"))
                    .collect(),
            ),
            (
                fourth,
                vec![
                    booking(9020, fourth, ROOM_1A, "APPROVED"),
                    booking(9021, fourth, ROOM_1B, "APPROVED"),
                    booking(9022, fourth, 777, "APPROVED"),
                    cancelled(9013, fourth, ROOM_1A),
                    cancelled(9023, fourth, ROOM_1A),
                ],
            ),
        ],
        tree(),
    )
}

const SMALL: [&str; 2] = ["--param", "page_size=2"];

#[test]
fn four_days_an_error_and_a_rerun_leave_what_they_should() {
    let (world, source) = (World::new(), four_days());
    let mut shown = String::new();
    let mut show = |title: &str, world: &World| {
        shown += &format!("== {title}\n{}\n", tables(world));
    };

    published(&world, &source, DAYS[0], &SMALL);
    show("a day of one whole page", &world);
    let report = published(&world, &source, DAYS[1], &SMALL);
    assert_eq!(report["tables"]["bookings"]["rows"], 0);
    show("a day without bookings", &world);

    source.truth().tree[0]["locations"][0]["locations"][1]["name"] = json!("1B new");
    let asked = source.asked("/booking").len();
    published(&world, &source, DAYS[2], &SMALL);
    let asked: Vec<String> = source.asked("/booking").split_off(asked);
    let pages = |asked: &str| asked.split("pageNum=").nth(1).map(str::to_owned);
    let cancelled: Vec<_> = asked
        .iter()
        .filter(|query| query.contains("status=CANCELLED"))
        .collect();
    let others = asked.iter().filter(|query| !query.contains("status"));
    let others: Vec<_> = others.filter_map(|query| pages(query)).collect();
    assert_eq!(others, ["0&pageSize=2", "1&pageSize=2", "2&pageSize=2"]);
    assert_eq!(cancelled.len(), 1, "{asked:?}");
    show("a day of two whole pages, after 1B was renamed", &world);

    let logins = source.truth().logins;
    source.truth().expires_after = Some(3);
    published(&world, &source, DAYS[3], &SMALL);
    assert_eq!(
        source.truth().logins,
        logins + 2,
        "one for the run, one more after 401"
    );
    show("a day whose session ends in between", &world);

    let before = Content::of(&world.root());
    source.truth().error = Some(json!({"messageCode": "error", "error": {"status": 500}}));
    for day in ["2024-03-30", DAYS[0]] {
        let (ended, report) = run(&world, &source, day, &["--force"]);
        assert_eq!(
            (ended.code, &report["status"]),
            (Some(1), &json!("failed")),
            "{report:#}"
        );
        assert_eq!(report["fault"]["kind"], "SourceRejected", "{report:#}");
        assert_eq!(leaks(&world, &ended), [""; 0]);
        assert_eq!(Content::of(&world.root()), before);
    }
    source.truth().error = None;

    {
        let mut truth = source.truth();
        let day = truth.bookings.get_mut(DAYS[0]).expect("a day");
        day[0] = cancelled_again(&day[0]);
        day.remove(1);
        truth.tree = json!([{"id": 43, "kind": "ORGANISATION", "locations": [{"id": 500, "name": "torn down", "left": 1, "right": 2}]}]);
    }
    let mut more = SMALL.to_vec();
    more.push("--force");
    published(&world, &source, DAYS[0], &more);
    show("the first day again, after the source changed", &world);
    println!("{shown}");
    insta::assert_snapshot!(shown);
}

fn cancelled_again(booking: &Value) -> Value {
    let mut booking = booking.clone();
    booking["status"] = json!("CANCELLED");
    booking["audit"]["cancelled"] = json!({"created": "2024-03-26T08:30", "eventUser": {"id": 71}});
    booking
}

#[test]
fn the_samples_become_the_rows_beside_them() {
    let world = World::new();
    let bookings = sample("bookings.json").as_array().expect("a list").clone();
    let source = Matrix::start(&[("2024-03-26", bookings)], tree());
    published(&world, &source, "2024-03-26", &[]);
    for (table, order, rows) in [
        ("bookings", "id", "bookings.rows.json"),
        ("locations", "\"left\"", "locations.rows.json"),
    ] {
        let mut found = world.query(&format!("SELECT * FROM matrix.{table} ORDER BY {order}"));
        for row in found.as_array_mut().expect("rows") {
            assert!(row["ingestion_timestamp"].is_string());
            row["ingestion_timestamp"] = json!("2024-03-27T05:30:00Z");
        }
        assert_eq!(found, sample(rows), "{table}");
    }
    // What the specification of the source names, once more by hand.
    let row = |id: u64| {
        world.query(&format!("SELECT * FROM matrix.bookings WHERE id = '{id}'"))[0].clone()
    };
    let (one, two) = (row(9001), row(9002));
    assert_eq!(one["time_to"], "2024-03-26T10:30:00");
    assert_eq!(one["owner_id"], "71");
    assert_eq!(one["duration_milliseconds"], 5_400_000);
    assert_eq!(one["audit_approved_created"], "2024-03-20T08:16:00");
    let members = one.as_object().expect("a row").iter();
    let group: Vec<_> = members
        .filter(|(name, _)| name.starts_with("booking_group_"))
        .collect();
    assert_eq!(
        (group.len(), group.iter().all(|(_, value)| value.is_null())),
        (8, true)
    );
    assert_eq!(
        (&two["owner_id"], &two["attendee_count"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(two["audit_cancelled_when"], "2024-03-25T17:02:09.5");
    // In the order of the tree, and without its root.
    let ids = world.query("SELECT id FROM matrix.locations");
    assert_eq!(
        ids,
        json!([{"id": "500"}, {"id": "512345"}, {"id": "512346"}])
    );
}

#[test]
fn a_booking_of_joined_rooms_is_a_row_for_each_of_them() {
    let world = World::new();
    let day = DAYS[0];
    let source = Matrix::start(&[(day, vec![booking(1, day, JOINED, "APPROVED")])], tree());
    published(&world, &source, day, &[]);
    let rows = world.query(
        "SELECT id, location_id, split_id, split_name, joined_name, name FROM matrix_app.bookings",
    );
    let row = |id: &str, name: &str| json!({"id": "1", "location_id": id, "split_id": id, "split_name": name, "joined_name": "1A+1B", "name": "1A+1B"});
    // The sensors of 1A are two, and of 1B one in two surveys: they add no rows.
    assert_eq!(rows, json!([row("512345", "1A"), row("512346", "1B")]));
    let observations = world.query("SELECT survey_id, count(*) AS n FROM matrix_app.sensor_observations GROUP BY survey_id ORDER BY survey_id");
    assert_eq!(
        observations,
        json!([{"survey_id": 1, "n": 4}, {"survey_id": 2, "n": 1}])
    );
    let surveys = world.query("SELECT * FROM matrix_app.surveys");
    assert_eq!(
        surveys,
        json!([
            {"survey_id": 1, "name": "102PF spring", "startdate": "2024-03-25", "enddate": "2024-03-29"},
            {"survey_id": 2, "name": "102PF April; rooms only", "startdate": "2024-04-01", "enddate": "2024-04-05"},
        ])
    );
}

/// How times are written, and what becomes of them.
const TIMES: [(&str, Result<&str, &str>); 13] = [
    ("2024-03-26T09", Ok("2024-03-26T09:00:00")),
    ("2024-03-26T09:00", Ok("2024-03-26T09:00:00")),
    ("2024-03-26T09:00:00", Ok("2024-03-26T09:00:00")),
    ("2024-03-26T09:00.5", Ok("2024-03-26T09:00:00.5")),
    ("2024-03-26T09:00:00.000", Ok("2024-03-26T09:00:00")),
    (
        "2024-03-26T09:00:00.123456",
        Ok("2024-03-26T09:00:00.123456"),
    ),
    // On the night when clocks go forward this hour is not: a local time is kept as it is.
    ("2024-03-31T01:30", Ok("2024-03-31T01:30:00")),
    ("2024-03-26T09:00:00.000Z", Err("offset")),
    ("2024-03-26T09:00:00.000+01:00", Err("offset")),
    ("2024-03-26T09:00:00Z", Err("offset")),
    ("2024-03-26", Err("not a valid timestamp")),
    ("", Err("not a valid timestamp")),
    ("2024-03-26T25:00", Err("not a valid timestamp")),
];

#[test]
fn every_way_to_write_a_time_is_read_or_set_aside_with_its_reason() {
    let day = DAYS[0];
    let with_time = |id: u64, text: &str| {
        let mut booking = booking(id, day, ROOM_1A, "APPROVED");
        booking["audit"]["created"]["when"] = json!(text);
        booking
    };
    let good = TIMES.iter().zip(1..).filter(|((_, read), _)| read.is_ok());
    let bookings = good.map(|((text, _), id)| with_time(id, text)).collect();
    let (world, source) = (World::new(), Matrix::start(&[(day, bookings)], tree()));
    published(&world, &source, day, &[]);
    let rows = world
        .query("SELECT audit_created_when AS read FROM matrix.bookings ORDER BY CAST(id AS INT)");
    let read: Vec<&str> = rows
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["read"].as_str())
        .collect();
    let expected: Vec<&str> = TIMES.iter().filter_map(|(_, read)| read.ok()).collect();
    assert_eq!(read, expected);
    let bad = || {
        TIMES
            .iter()
            .filter_map(|(text, read)| Some((*text, read.err()?)))
    };
    let bookings = bad().zip(1..).map(|((text, _), id)| with_time(id, text));
    source
        .truth()
        .bookings
        .insert(day.to_owned(), bookings.collect());
    let (ended, report) = run(&world, &source, day, &["--force"]);
    assert_eq!(
        (ended.code, &report["fault"]["kind"]),
        (Some(1), &json!("BadData")),
        "{report:#}"
    );
    let rejects = rejects(&world, &report);
    assert_eq!(rejects.len(), bad().count());
    for (reject, (text, reason)) in rejects.iter().zip(bad()) {
        let written = format!("\\\"when\\\":\\\"{text}\\\"");
        assert!(reject.contains(&written), "{text}: {reject}");
        assert!(
            reject.contains(reason) && reject.contains("audit_created_when"),
            "{reject}"
        );
    }
}

/// What was set aside of the bookings, a line each.
fn rejects(world: &World, report: &Value) -> Vec<String> {
    let place = report["resources"]["bookings"]["rejects"][0].as_str();
    let path = world.root().join("objects").join(place.expect("a place"));
    let text = std::fs::read_to_string(path).expect("rejects");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_set_aside_is_superseded_by_a_good_rerun() {
    let day = DAYS[0];
    let all = |bad: u64| -> Vec<Value> {
        let one = |id: u64| {
            let mut booking = booking(id, day, ROOM_1A, "APPROVED");
            if id <= bad {
                booking["timeFrom"] = json!("2024-03-26");
            }
            booking
        };
        (1..=300).map(one).collect()
    };
    let (world, source) = (World::new(), Matrix::start(&[(day, all(4))], tree()));
    let (ended, report) = run(&world, &source, day, &[]);
    assert_eq!(
        (ended.code, &report["fault"]["kind"]),
        (Some(1), &json!("BadData")),
        "{report:#}"
    );
    assert!(Content::of(&world.root()).tables.is_empty());
    let rejects = rejects(&world, &report);
    assert_eq!(rejects.len(), 4);
    assert!(
        rejects[0].contains("/0") && rejects[0].contains("2024-03-26"),
        "{rejects:?}"
    );

    // Inside the tolerance, then as it should be: neither the failure nor the rejects stand in the way.
    for (bad, rows, more) in [(3, 297, &[][..]), (0, 300, &["--force"])] {
        source.truth().bookings.insert(day.to_owned(), all(bad));
        let report = published(&world, &source, day, more);
        assert_eq!(report["tables"]["bookings"]["rejected"], bad);
        let count = world.query("SELECT count(*) AS n FROM matrix.bookings");
        assert_eq!(count, json!([{"n": rows}]));
    }
}

#[test]
fn a_capped_and_a_shifting_source_lose_and_double_nothing() {
    let day = DAYS[0];
    let mut bookings: Vec<Value> = (1..=7)
        .map(|id| booking(id, day, ROOM_1A, "APPROVED"))
        .collect();
    // A new booking came first and moved the last of a page onto the next one.
    bookings.insert(3, bookings[2].clone());
    let (world, source) = (World::new(), Matrix::start(&[(day, bookings)], tree()));
    source.truth().cap = Some(3);
    source.truth().cancelled_meanwhile = vec!["5".to_owned()];
    let report = published(&world, &source, day, &[]);
    assert_eq!(report["tables"]["bookings"]["duplicates"], 2, "{report:#}");
    let ids = world.query("SELECT id FROM matrix.bookings ORDER BY id");
    let expected: Vec<Value> = (1..=7).map(|id| json!({"id": id.to_string()})).collect();
    assert_eq!(ids, json!(expected));
}

#[test]
fn ids_stay_as_they_are_written() {
    let day = DAYS[0];
    let mut bookings = vec![
        booking(4_112_469_005, day, ROOM_1A, "APPROVED"),
        booking(9_007_199_254_740_993, day, ROOM_1A, "APPROVED"),
        booking(u64::MAX, day, ROOM_1A, "APPROVED"),
        booking(1, day, ROOM_1A, "APPROVED"),
    ];
    bookings[3]["id"] = json!("007");
    bookings[3]
        .as_object_mut()
        .expect("an object")
        .remove("owner");
    let (world, source) = (World::new(), Matrix::start(&[(day, bookings)], tree()));
    published(&world, &source, day, &[]);
    let rows = world.query("SELECT id, owner_id FROM matrix.bookings");
    assert_eq!(
        rows,
        json!([
            {"id": "4112469005", "owner_id": "71"},
            {"id": "9007199254740993", "owner_id": "71"},
            {"id": "18446744073709551615", "owner_id": "71"},
            {"id": "007", "owner_id": null},
        ])
    );
}

#[test]
fn raw_pages_are_typed_again_without_the_source() {
    let (world, source) = (World::new(), four_days());
    let report = published(&world, &source, DAYS[0], &SMALL);
    let (before, asked) = (Content::of(&world.root()), source.api.seen().len());
    // What the days after it brought stays.
    published(&world, &source, DAYS[3], &SMALL);
    let (both, asked_for_both) = (Content::of(&world.root()), source.api.seen().len());
    assert!(before != both && asked < asked_for_both);
    let id = report["run_id"].as_str().expect("a run");
    let more = [
        "--param",
        "page_size=2",
        "--from-step",
        "transform",
        "--run",
        id,
    ];
    let (ended, again) = run(&world, &source, DAYS[0], &more);
    assert_eq!(ended.code, Some(0), "{again:#}");
    assert_eq!(source.api.seen().len(), asked_for_both, "it asks nothing");
    assert_eq!(again["tables"]["bookings"]["rows"], 3);
    // The same rows, and the time of reading is still that of the first run.
    assert_eq!(Content::of(&world.root()), both);
}

#[test]
fn a_login_that_is_refused_is_told_and_publishes_nothing() {
    let (world, source) = (World::new(), four_days());
    let base_url = format!("base_url={}", source.base_url());
    let mut command = world.rooted(&[
        "run", "matrix", "--as-of", DAYS[0], "--format", "json", "--param", &base_url,
    ]);
    command.env("LAKEHEAD_SECRET_MATRIX_PASSWORD", "wrong-3f9a1c77");
    let ended = crate::support::world::end(command);
    let report = ended.json();
    assert_eq!(
        (ended.code, &report["fault"]["kind"]),
        (Some(1), &json!("SourceRejected")),
        "{report:#}"
    );
    assert!(
        report["fault"]["message"].to_string().contains("403"),
        "{report:#}"
    );
    assert_eq!(source.asked("/booking").len(), 0);
    assert_eq!(leaks(&world, &ended), [""; 0]);
    assert!(Content::of(&world.root()).tables.is_empty());
}

#[test]
fn a_range_of_days_is_read_in_one_run_day_by_day() {
    let (world, source) = (World::new(), four_days());
    let range = ["--from", DAYS[0], "--to", DAYS[3], "--param", "page_size=2"];
    let (ended, report) = world.run("matrix", &source.base_url(), &range);
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(report["windows"].as_array().map(Vec::len), Some(4));
    assert_eq!(source.truth().logins, 1);
    let days = |table: &str| {
        world.query(&format!(
            "SELECT scrape_date AS day, count(*) AS n FROM matrix.{table} GROUP BY scrape_date ORDER BY day"
        ))
    };
    let counted = |counts: &[(&str, u64)]| {
        let counted = counts.iter().map(|(day, n)| json!({"day": day, "n": n}));
        Value::from(counted.collect::<Vec<_>>())
    };
    let bookings = counted(&[(DAYS[0], 3), (DAYS[2], 4), (DAYS[3], 5)]);
    assert_eq!(days("bookings"), bookings);
    assert_eq!(days("locations"), counted(&DAYS.map(|day| (day, 3))));
    // They are published, so there is nothing left to do.
    let asked = source.api.seen().len();
    let (_, again) = world.run("matrix", &source.base_url(), &range);
    assert_eq!(again["status"], "unchanged");
    assert_eq!(source.api.seen().len(), asked);
}

#[test]
fn an_environment_has_databases_of_its_own() {
    let (world, source) = (World::new(), four_days());
    published(&world, &source, DAYS[0], &["--param", "environment=dev"]);
    let count = |table: &str| world.query(&format!("SELECT count(*) AS n FROM {table}"));
    assert_eq!(count("matrix_dev.bookings"), json!([{"n": 3}]));
    assert_eq!(count("matrix_dev_app.bookings"), json!([{"n": 4}]));
    let tables = Content::of(&world.root()).tables;
    assert!(tables.keys().all(|name| name.starts_with("matrix_dev")));
    let ended = world.lakehead(&["run", "matrix", "--param", "environment=test"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("local, dev, preprod, prod"),
        "{}",
        ended.stderr
    );
}

#[test]
fn no_table_has_a_name_an_address_or_a_note() {
    let (world, source) = (World::new(), four_days());
    published(&world, &source, DAYS[3], &SMALL);
    let mut rows = 0;
    for (name, table) in Content::of(&world.root()).tables {
        for row in &table.rows {
            assert!(!row.to_lowercase().contains("private"), "{name}: {row}");
            rows += 1;
        }
    }
    assert!(rows > 20, "{rows}");
}

#[test]
fn an_organisation_without_locations_is_not_published() {
    for empty in [json!([]), json!([{"id": 43, "name": "MoJ"}])] {
        let world = World::new();
        let source = Matrix::start(
            &[(DAYS[0], vec![booking(1, DAYS[0], ROOM_1A, "APPROVED")])],
            empty,
        );
        let (ended, report) = run(&world, &source, DAYS[0], &[]);
        assert_eq!(
            (ended.code, &report["fault"]["kind"]),
            (Some(1), &json!("BadData")),
            "{report:#}"
        );
        assert!(Content::of(&world.root()).tables.is_empty());
    }
}

/// The columns that the specification of the source names, in its order.
const BOOKINGS: &str = "id string, time_from timestamp, time_to timestamp, location_id string, location_kind string, status string, \
has_started bool, has_ended bool, check_in_status string, attendee_count int32, owner_is_attendee bool, source string, version int64, \
has_external_notes bool, owner_id string, booked_by_id string, organisation_id string, organisation_name string, duration_milliseconds int64, \
possible_actions_edit bool, possible_actions_cancel bool, possible_actions_approve bool, possible_actions_confirm bool, \
possible_actions_end_early bool, possible_actions_change_owner bool, possible_actions_start bool, possible_actions_view_history bool, \
audit_created_created timestamp, audit_created_when timestamp, audit_created_event_type string, audit_created_event_user_id string, \
booking_group_id string, booking_group_type string, booking_group_repeat_kind string, booking_group_repeat_start_date timestamp, \
booking_group_repeat_end_date timestamp, booking_group_repeat_text string, booking_group_status string, booking_group_first_booking_status string, \
status_reason string, audit_cancelled_created timestamp, audit_cancelled_when timestamp, audit_cancelled_event_type string, \
audit_cancelled_event_user_id string, source_version string, is_booked_on_behalf bool, audit_approved_created timestamp, \
audit_approved_when timestamp, audit_approved_event_type string, audit_approved_event_user_id string, audit_checked_in_created timestamp, \
audit_checked_in_when timestamp, audit_checked_in_event_type string, audit_checked_in_event_user_id string, setup_time_from timestamp, \
setup_time_to timestamp, teardown_time_from timestamp, teardown_time_to timestamp, scrape_date date, ingestion_timestamp timestamp";
const LOCATIONS: &str = "id string, organisation_id string, parent_id string, kind string, capacity string, minimum_capacity string, \
name string, short_qualifier string, long_qualifier string, qualified_name string, long_name string, short_name string, description string, \
alert string, is_bookable bool, is_flex bool, external_reference string, booking_category_id string, availability_type string, \
settings_time_zone_id string, provider_id string, provider_notification_days_interval float64, left int64, right int64, scrape_date date, \
ingestion_timestamp timestamp";
const APP_BOOKINGS: &str = "id, time_from, time_to, created, cancelled_time, location_id, owner_id, booked_by_id, status, status_reason, \
attendee_count, split_id, joined_name, split_name, name, long_qualifier, capacity";

#[test]
fn the_tables_have_the_columns_that_are_specified_each_with_a_description() {
    let (world, source) = (World::new(), four_days());
    published(&world, &source, DAYS[0], &[]);
    let tables = world.lakehead(&["tables", "--format", "json"]).json();
    let find = |database: &str, name: &str| {
        let mut all = tables.as_array().expect("tables").iter();
        let found = all.find(|table| table["database"] == database && table["table"] == name);
        found.unwrap_or_else(|| panic!("no {database}.{name}"))["columns"].clone()
    };
    let shown = |columns: &Value, with_type: bool| {
        let columns = columns.as_array().expect("columns").iter();
        let text = |column: &Value, key: &str| column[key].as_str().unwrap_or_default().to_owned();
        let one = |column: &Value| match with_type {
            true => format!("{} {}", text(column, "name"), text(column, "type")),
            false => text(column, "name"),
        };
        columns.map(one).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(shown(&find("matrix", "bookings"), true), BOOKINGS);
    assert_eq!(shown(&find("matrix", "locations"), true), LOCATIONS);
    assert_eq!(
        shown(&find("matrix", "joined_rooms"), false),
        "joined_id, joined_name, split_id, split_name, building"
    );
    assert_eq!(shown(&find("matrix_app", "bookings"), false), APP_BOOKINGS);
    assert_eq!(
        shown(&find("matrix_app", "surveys"), false),
        "survey_id, name, startdate, enddate"
    );
    for table in tables.as_array().expect("tables") {
        for column in table["columns"].as_array().expect("columns") {
            let said = column["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty());
            assert!(said, "{} {}", table["table"], column["name"]);
        }
    }
}
