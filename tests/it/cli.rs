//! The command line's contract: what others' scripts may rely on.

use std::fs::{self, File};

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::gins::{fixture, products, requested_id, serve};
use crate::support::house;
use crate::support::world::{CANARY, Ended, World, end};

const FAST: [&str; 2] = ["--param", "requests_per_second=1000"];

/// Every command with the options that are promised.
const COMMANDS: [(&str, &[&str]); 12] = [
    ("demo", &["--root", "--products", "--format"]),
    (
        "run",
        &[
            "--as-of",
            "--from",
            "--to",
            "--param",
            "--root",
            "--run-id",
            "--target",
            "--state-machine",
            "--bucket",
            "--detach",
            "--from-step",
            "--run",
            "--force",
            "--incomplete-only",
            "--skip",
            "--dry-run",
            "--strict",
            "--secrets",
            "--format",
            "--pipelines",
        ],
    ),
    ("check", &["--format", "--pipelines"]),
    (
        "plan",
        &["--as-of", "--from", "--to", "--param", "--root", "--format"],
    ),
    ("query", &["--root", "--format"]),
    ("tables", &["--root", "--format"]),
    (
        "status",
        &[
            "--root",
            "--target",
            "--state-machine",
            "--bucket",
            "--format",
        ],
    ),
    (
        "backfill",
        &[
            "--from",
            "--to",
            "--max-parallel",
            "--newest-first",
            "--param",
            "--force",
            "--root",
            "--target",
            "--state-machine",
            "--bucket",
            "--secrets",
            "--format",
        ],
    ),
    (
        "redrive",
        &[
            "--run",
            "--root",
            "--target",
            "--state-machine",
            "--bucket",
            "--secrets",
            "--format",
        ],
    ),
    ("clean", &["--root", "--keep", "--format"]),
    ("schema", &[]),
    (
        "mock",
        &[
            "--port",
            "--products",
            "--key",
            "--declared",
            "--rows",
            "--page-size",
            "--expire-after",
            "--param",
            "--secrets",
            "--seed",
            "--requests-per-second",
            "--latency-ms",
            "--fault",
            "--format",
        ],
    ),
];

#[test]
fn every_command_explains_itself_and_its_options() {
    let world = World::new();
    let all = world.bare(&["--help"]).stdout;
    for (command, options) in COMMANDS {
        assert!(all.contains(&format!("  {command} ")), "{command} in {all}");
        let help = world.bare(&[command, "--help"]);
        assert_eq!(help.code, Some(0), "{}", help.stderr);
        for option in options {
            let line = help
                .stdout
                .lines()
                .find(|line| line.split([' ', ',', '=']).any(|word| word == *option));
            assert!(line.is_some(), "`{command} --help` is silent on {option}");
        }
    }
}

/// Wrong usage, and what the message must say of it.
const WRONG: [(&[&str], &str); 29] = [
    (&["rum", "gins"], "unrecognized subcommand 'rum'"),
    (&["run"], "<NAME>"),
    (&["run", "gins", "--fast"], "'--fast'"),
    (
        &["run", "ginz"],
        "there is no pipeline `ginz` in pipelines; did you mean `gins`?",
    ),
    (
        &["run", "gins", "--param", "base_url"],
        "write it as name=value",
    ),
    (
        &["run", "gins", "--param", "base_ur=x"],
        "there is no parameter `base_ur`; did you mean `base_url`?",
    ),
    (
        &["run", "gins", "--param", "ids=some"],
        "one of: listing, range",
    ),
    (
        &["run", "gins", "--from", "2026-11-01"],
        "`gins` is a snapshot",
    ),
    (
        &[
            "run",
            "gins",
            "--as-of",
            "2026-11-01",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-02",
        ],
        "cannot be used with",
    ),
    (
        &["run", "gins", "--from", "2026-11-01", "--to", "2026-11-02"],
        "`gins` is a snapshot, it reads the source as it is now and has no past windows; run it without a range",
    ),
    (
        &["run", "gins", "--as-of", "yesterday"],
        "write a day such as",
    ),
    (&["run", "gins", "--from-step", "transform"], "--run <ID>"),
    (
        &["run", "gins", "--from-step", "load", "--run", "x"],
        "[possible values: transform]",
    ),
    (
        &["run", "gins", "--from-step", "transform", "--run", "x"],
        "there is no run `x` of `gins`",
    ),
    (
        &["run", "gins", "--skip", "load"],
        "only `publish` and `refresh` can be left out",
    ),
    (
        &["run", "gins", "--run-id", "a b"],
        "`a b` is not a run id; use letters",
    ),
    (
        &["run", "gins", "--target", "mars"],
        "[possible values: local, aws]",
    ),
    (
        &["run", "gins", "--secrets", "/nonexistent/x.env"],
        "/nonexistent/x.env cannot be read",
    ),
    (
        &["query", "SELECT * FROM gins.gins"],
        "there is no table `gins.gins`",
    ),
    (&["backfill", "matrix"], "--from <DATE>"),
    (
        &["backfill", "gins", "--from", "2026-11-01"],
        "`gins` has no windows to fill; `lakehead run gins` reads its source as it is now",
    ),
    (
        &[
            "backfill",
            "matrix",
            "--from",
            "2026-11-03",
            "--to",
            "2026-11-01",
        ],
        "the range ends at 2026-11-01, before it begins at 2026-11-03; swap the two",
    ),
    (
        &[
            "backfill",
            "matrix",
            "--from",
            "2026-11-01",
            "--max-parallel",
            "0",
        ],
        "0 is not in 1..=1000",
    ),
    (
        &["redrive", "gins", "--run", "x"],
        "there is no run `x` of `gins`",
    ),
    (
        &["run", "gins", "--detach"],
        "`--detach` is for runs on AWS; a local run lives in this process",
    ),
    (
        &["run", "gins", "--target", "aws"],
        "give --state-machine or set LAKEHEAD_STATE_MACHINE",
    ),
    (
        &["status", "gins", "--target", "aws", "--state-machine", "x"],
        "give --bucket or set LAKEHEAD_BUCKET",
    ),
    (
        &[
            "status",
            "gins",
            "--target",
            "aws",
            "--state-machine",
            "x",
            "--bucket",
            "b",
        ],
        "`x` is not the ARN of a state machine; write it as arn:aws:states:REGION:ACCOUNT:stateMachine:NAME",
    ),
    (
        &[
            "backfill",
            "matrix",
            "--from",
            "2026-11-01",
            "--target",
            "aws",
            "--secrets",
            "s.env",
        ],
        "`--secrets` is for local runs",
    ),
];

#[test]
fn wrong_usage_ends_with_2_a_clear_message_and_no_effect() {
    let world = World::new();
    for (arguments, part) in WRONG {
        let ended = world.lakehead(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {ended:?}");
        assert!(
            ended.stderr.contains(part),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    assert!(!world.root().exists(), "nothing was begun");
}

/// Runs the fixture's pipeline and expects it to end well.
fn published(world: &World, source: &Api, more: &[&str]) -> (Ended, Value) {
    let (ended, report) = world.run("gins", &source.base_url(), &[&FAST, more].concat());
    assert_eq!(ended.code, Some(0), "{}\n{report:#}", ended.stderr);
    (ended, report)
}

fn members(value: &Value) -> Vec<&str> {
    let members = value.as_object().expect("an object");
    members.keys().map(String::as_str).collect()
}

#[test]
fn the_report_of_a_run_has_all_its_members_and_stands_alone_on_standard_output() {
    let world = World::new();
    let (ended, report) = published(&world, &fixture(), &["--run-id", "mine"]);
    assert_eq!(
        members(&report),
        [
            "run_id",
            "pipeline",
            "status",
            "windows",
            "tables",
            "requests",
            "resources",
            "checks",
            "destinations",
            "seconds"
        ]
    );
    assert_eq!(report["run_id"], "mine");
    assert_eq!(report["pipeline"], "gins");
    assert_eq!(members(&report["windows"][0]), ["window", "status"]);
    assert_eq!(report["windows"][0]["status"], "published");
    for (name, table) in report["tables"].as_object().expect("tables") {
        for member in ["database", "rows", "rejected", "filtered", "duplicates"] {
            assert!(!table[member].is_null(), "{name}.{member}");
        }
    }
    assert_eq!(members(&report["requests"]), ["sent", "retried", "missing"]);
    for member in ["name", "table", "status"] {
        assert!(report["checks"][0][member].is_string(), "{member}");
    }
    assert!(
        report["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    assert!(
        ended.stderr.contains("fetching"),
        "progress: {}",
        ended.stderr
    );
    assert!(!ended.stderr.contains(CANARY) && !ended.stdout.contains(CANARY));
}

#[test]
fn the_same_run_again_gives_the_same_answer_and_changes_nothing() {
    let world = World::new();
    let source = fixture();
    let (_, mut first) = published(&world, &source, &["--run-id", "mine"]);
    let (asked, files) = (source.seen().len(), world.files());
    let (_, mut again) = published(&world, &source, &["--run-id", "mine"]);
    first["seconds"].take();
    again["seconds"].take();
    assert_eq!(again, first);
    assert_eq!(source.seen().len(), asked, "it asks nothing");
    let changed = world
        .files()
        .into_iter()
        .filter(|file| !files.contains(file));
    let changed = changed.map(|(path, _)| path.display().to_string());
    // The state machine's own record of its branches holds the times of the last passage.
    let changed: Vec<String> = changed.filter(|path| !path.contains("/map/")).collect();
    assert_eq!(changed, [""; 0]);
    let other = world.lakehead(&["run", "gins", "--run-id", "mine", "--param", "ids=range"]);
    assert_eq!(other.code, Some(2), "{other:?}");
    let message = "the run `mine` is for something else; give another `--run-id`";
    assert!(other.stderr.contains(message), "{}", other.stderr);
}

#[test]
fn published_tables_are_listed_with_their_columns_and_their_very_files() {
    let world = World::new();
    published(&world, &fixture(), &[]);
    let tables = world.lakehead(&["tables", "--format", "json"]).json();
    for table in tables.as_array().expect("a list") {
        let name = &table["table"];
        for member in [
            "database",
            "table",
            "rows",
            "columns",
            "files",
            "window_column",
        ] {
            assert!(table.get(member).is_some(), "{name} has no {member}");
        }
        for column in table["columns"].as_array().expect("columns") {
            assert!(column["name"].is_string() && column["type"].is_string());
            assert!(column["nullable"].is_boolean() && column.get("description").is_some());
        }
        let rows = table["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| {
                let path = std::path::Path::new(file.as_str().expect("a path"));
                assert!(path.is_absolute(), "{}", path.display());
                let reader = SerializedFileReader::new(File::open(path).expect("a file"));
                reader
                    .expect("Parquet")
                    .metadata()
                    .file_metadata()
                    .num_rows()
            });
        assert_eq!(json!(rows.sum::<i64>()), table["rows"], "{name}");
    }
    let listed = |name: &str| {
        let tables = tables.as_array().expect("a list").iter();
        let mut tables = tables.filter(|table| table["table"] == name);
        tables.next().expect("listed").clone()
    };
    assert_eq!(listed("gins")["rows"], 12);
    assert_eq!(listed("totals")["database"], "gins_report");
    let id = &listed("gins")["columns"][0];
    assert_eq!(
        *id,
        json!({"name": "id", "type": "int32", "nullable": false, "description": "Product id of the source."})
    );
}

#[test]
fn rows_come_as_csv_as_json_or_as_a_table() {
    let world = World::new();
    published(&world, &fixture(), &[]);
    let sql = "SELECT id, name, abv, '' AS nothing FROM gins.gins WHERE id IN (12, 15) ORDER BY id";
    let csv = world.lakehead(&["query", sql, "--format", "csv"]);
    assert_eq!(
        csv.stdout,
        "id,name,abv,nothing\r\n12,Gale Gin,,\"\"\r\n15,\"Juno \"\"Reserve\"\"; Batch\nTwo\",45.0,\"\"\r\n"
    );
    let rows = world.lakehead(&["query", sql, "--format", "json"]).json();
    assert_eq!(
        rows,
        json!([
            {"id": 12, "name": "Gale Gin", "abv": null, "nothing": ""},
            {"id": 15, "name": "Juno \"Reserve\"; Batch\nTwo", "abv": 45.0, "nothing": ""},
        ])
    );
    let table = world.lakehead(&["query", sql]).stdout;
    assert!(
        table.contains("Gale Gin") && table.ends_with("2 rows\n"),
        "{table}"
    );
    let none = world.lakehead(&[
        "query",
        "SELECT id FROM gins.gins WHERE id < 0",
        "--format",
        "json",
    ]);
    assert_eq!(none.json(), json!([]));
    let change = world.lakehead(&["query", "DROP TABLE gins.gins"]);
    assert_eq!(change.code, Some(2), "{change:?}");
}

#[test]
fn a_missing_secret_names_its_variable_and_a_file_can_hold_it() {
    let world = World::new();
    let source = fixture();
    let base_url = format!("base_url={}", source.base_url());
    let run = |more: &[&str]| {
        let arguments = ["run", "gins", "--param", &base_url, FAST[0], FAST[1]];
        let mut command = world.rooted(&arguments);
        command
            .env_remove("LAKEHEAD_SECRET_GINS_API_KEY")
            .args(more);
        end(command)
    };
    let without = run(&[]);
    assert_eq!(without.code, Some(2), "{without:?}");
    for part in [
        "`gins/api_key`",
        "LAKEHEAD_SECRET_GINS_API_KEY",
        "--secrets FILE",
    ] {
        assert!(
            without.stdout.contains(part),
            "{part} in {}",
            without.stdout
        );
    }
    assert_eq!(source.seen().len(), 0, "nothing is asked without the key");
    let file = world.path().join("secrets.env");
    fs::write(&file, "LAKEHEAD_SECRET_GINS_API_KEY='from-the-file'\n").expect("written");
    let with = run(&["--secrets", &file.display().to_string()]);
    assert_eq!(with.code, Some(0), "{with:?}");
    let keys = source.seen().into_iter();
    let mut keys = keys.map(|request| request.parameter("api_key").map(str::to_owned));
    assert!(keys.all(|key| key.as_deref() == Some("from-the-file")));
}

#[test]
fn a_dry_run_shows_what_a_run_would_do_and_does_nothing() {
    let world = World::new();
    let source = fixture();
    let base_url = format!("base_url={}", source.base_url());
    let arguments = [
        "run",
        "gins",
        "--param",
        &base_url,
        "--as-of",
        "2026-11-20",
        "--dry-run",
    ];
    let shown = world.lakehead(&arguments);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let request = format!("GET {}/api/v2/products", source.base_url());
    assert!(shown.stdout.contains(&request), "{}", shown.stdout);
    assert!(
        shown.stdout.contains("count(*) as products"),
        "{}",
        shown.stdout
    );
    let planned = world
        .lakehead(&[&arguments[..], &["--format", "json"]].concat())
        .json();
    assert_eq!(planned["windows"], json!(["2026-11-20"]));
    assert_eq!(planned["secrets"], json!(["gins/api_key"]));
    assert_eq!(source.seen().len(), 0, "it asks nothing");
    assert!(!world.root().exists(), "it writes nothing");
}

#[test]
fn steps_that_are_skipped_leave_nothing() {
    let world = World::new();
    let source = fixture();
    let tables = |world: &World| {
        let tables = world.lakehead(&["tables", "--format", "json"]).json();
        let tables = tables.as_array().expect("a list").iter();
        let databases = tables.map(|table| table["database"].as_str().expect("text").to_owned());
        databases.collect::<std::collections::BTreeSet<_>>()
    };
    let (_, report) = published(&world, &source, &["--skip", "publish"]);
    assert_eq!(report["status"], "skipped");
    assert!(tables(&world).is_empty());
    let (_, report) = published(&world, &source, &["--skip", "refresh"]);
    assert_eq!(report["status"], "published");
    assert_eq!(tables(&world), ["gins".to_owned()].into());
    assert!(!world.root().join("exports/gins").exists());
    let (_, report) = published(&world, &source, &[]);
    assert_eq!(report["status"], "unchanged");
    assert_eq!(
        tables(&world),
        ["gins".to_owned(), "gins_report".to_owned()].into()
    );
}

/// The shipped pipelines with a fragment of `gins` written otherwise.
fn changed_pipelines(world: &World, from: &str, to: &str) -> String {
    let folder = world.path().join("pipelines");
    for part in ["", "models", "checks", "reference"] {
        let path = std::path::Path::new("pipelines/gins").join(part);
        fs::create_dir_all(folder.join("gins").join(part)).expect("a folder");
        for file in house::files(&path) {
            let target = folder.join("gins").join(part).join(&file);
            fs::write(target, house::read(path.join(file))).expect("written");
        }
    }
    let text = house::read("pipelines/gins/pipeline.yaml");
    assert!(text.contains(from), "{from}");
    let text = text.replace(from, to);
    fs::write(folder.join("gins/pipeline.yaml"), text).expect("written");
    folder.display().to_string()
}

#[test]
fn raw_pages_are_typed_again_without_asking_the_source() {
    let world = World::new();
    let source = fixture();
    published(&world, &source, &["--run-id", "first"]);
    let asked = source.seen().len();
    let again = [
        "run",
        "gins",
        "--from-step",
        "transform",
        "--run",
        "first",
        "--format",
        "json",
    ];
    let same = world.lakehead(&again).json();
    assert_eq!(same["status"], "unchanged", "{same:#}");
    assert_eq!(same["tables"]["gins"]["rows"], 12);
    // A definition that was wrong is corrected: the pages that are there are read by the new one.
    let pipelines = changed_pipelines(&world, "range: [0, 100]", "range: [0, 50]");
    let corrected = world.lakehead(&[&again[..], &["--pipelines", &pipelines]].concat());
    assert_eq!(corrected.json()["status"], "published", "{corrected:?}");
    assert_eq!(source.seen().len(), asked, "the source is not asked");
    let strong = world.query("SELECT COUNT(*) AS gins FROM gins.gins WHERE abv > 50");
    assert_eq!(strong, json!([{"gins": 0}]));
}

/// A pipeline of windows: one request a day.
const DAYS: &str = r#"
version: 1
description: What happened on a day.
parameters: { base_url: {} }
schedule: { cron: "0 5 * * ? *", window: day }
source: { base_url: "{base_url}", rate: { requests: 100 } }
resources:
  visits: { path: /visits, query: { day: "{window.date}" } }
tables:
  visits:
    from: visits
    key: [id, day]
    columns:
      id: { from: $.id, type: int32, required: true }
      day: { value: "{window.date}", type: date, required: true }
destinations:
  lake: { database: days, partition: { day: "{window.date}" } }
"#;

#[test]
fn a_range_is_read_window_by_window_and_once_unless_it_is_forced() {
    let world = World::new();
    let source = Api::start(|_| Response::json(r#"[{"id": 1}, {"id": 2}]"#));
    let folder = world.path().join("pipelines");
    fs::create_dir_all(folder.join("days")).expect("a folder");
    fs::write(folder.join("days/pipeline.yaml"), DAYS).expect("written");
    let folder = folder.display().to_string();
    let run = |to: &str, more: &[&str]| {
        let before = source.seen().len();
        let range = ["--from", "2026-11-01", "--to", to, "--pipelines", &folder];
        let (ended, report) = world.run("days", &source.base_url(), &[&range, more].concat());
        assert_eq!(ended.code, Some(0), "{}\n{report:#}", ended.stderr);
        let asked = source.seen().split_off(before);
        let mut asked: Vec<String> = asked.into_iter().map(|request| request.query).collect();
        asked.sort();
        (report, asked)
    };
    let (report, asked) = run("2026-11-02", &[]);
    assert_eq!(asked, ["day=2026-11-01", "day=2026-11-02"]);
    let windows = |status: &str| {
        json!([
            {"window": "2026-11-01", "status": status},
            {"window": "2026-11-02", "status": status},
        ])
    };
    assert_eq!(report["windows"], windows("published"));
    let (report, asked) = run("2026-11-02", &[]);
    assert_eq!((&report["status"], asked.len()), (&json!("unchanged"), 0));
    assert_eq!(report["windows"], windows("unchanged"));
    let (_, asked) = run("2026-11-03", &["--incomplete-only"]);
    assert_eq!(asked, [""; 0], "the third day was never begun");
    let (_, asked) = run("2026-11-03", &[]);
    assert_eq!(asked, ["day=2026-11-03"]);
    let (report, asked) = run("2026-11-02", &["--force"]);
    assert_eq!(asked, ["day=2026-11-01", "day=2026-11-02"]);
    assert_eq!(report["status"], "unchanged");
    let rows =
        world.query("SELECT day, COUNT(*) AS visits FROM days.visits GROUP BY day ORDER BY day");
    assert_eq!(
        rows,
        json!([
            {"day": "2026-11-01", "visits": 2},
            {"day": "2026-11-02", "visits": 2},
            {"day": "2026-11-03", "visits": 2},
        ])
    );
}

/// A catalogue of 250 gins of which one cannot be typed: fewer than the 1 % that are borne.
fn with_one_reject() -> Api {
    let gin = |id: u64| {
        let mut gin = products()[&3].clone();
        gin["id"] = json!(id);
        gin["rating_count"] = if id == 17 { json!("many") } else { json!(7) };
        for (member, value) in [("type", "gin"), ("country", "Spain"), ("producer", "P")] {
            gin[member] = json!(value);
        }
        gin
    };
    let listing: Vec<Value> = (1..=250).map(|id| json!({ "id": id })).collect();
    Api::start(move |request| match requested_id(request) {
        Some(id) => Response::json(gin(id).to_string()),
        None => Response::json(json!(listing).to_string()),
    })
}

#[test]
fn rejects_inside_the_tolerance_are_published_and_only_strictness_minds() {
    let source = with_one_reject();
    let lenient = World::new();
    let (_, report) = published(&lenient, &source, &[]);
    assert_eq!(report["tables"]["gins"]["rejected"], 1, "{report:#}");
    let strict = World::new();
    let more = [&FAST[..], &["--strict"]].concat();
    let (ended, report) = strict.run("gins", &source.base_url(), &more);
    assert_eq!(ended.code, Some(3), "{report:#}");
    assert_eq!(report["status"], "published");
    let rows = strict.query("SELECT COUNT(*) AS gins FROM gins.gins");
    assert_eq!(
        rows,
        lenient.query("SELECT COUNT(*) AS gins FROM gins.gins")
    );
}

#[test]
fn the_ledger_tells_what_became_of_a_window() {
    let world = World::new();
    let nothing = world.lakehead(&["status", "gins"]);
    assert!(
        nothing.stdout.contains("no window has been begun"),
        "{nothing:?}"
    );
    published(
        &world,
        &fixture(),
        &["--as-of", "2026-11-20", "--run-id", "mine"],
    );
    let status = world
        .lakehead(&["status", "gins", "--format", "json"])
        .json();
    let window = &status["windows"][0];
    assert_eq!(window["window"], "2026-11-20");
    assert_eq!(
        (&window["state"], &window["published_by"]),
        (&json!("published"), &json!("mine"))
    );
    assert_eq!(window["rows"]["gins"], 12);
    let text = world.lakehead(&["status", "gins"]).stdout;
    assert!(
        text.contains("2026-11-20") && text.contains("published"),
        "{text}"
    );
}

#[test]
fn a_run_that_fails_ends_with_1_and_says_why() {
    let world = World::new();
    let source = Api::start(|_| Response::status(403));
    let (ended, report) = world.run("gins", &source.base_url(), &FAST);
    assert_eq!(ended.code, Some(1), "{report:#}");
    assert_eq!(report["status"], "failed");
    assert_eq!(members(&report["fault"]), ["kind", "message"]);
    assert_eq!(report["fault"]["kind"], "SourceRejected", "{report:#}");
}

#[test]
fn cleaning_leaves_the_files_that_readers_see() {
    let world = World::new();
    published(&world, &fixture(), &[]);
    let mut changed = products();
    changed.get_mut(&1).expect("gin 1")["average_rating"] = json!("9.9");
    let (_, report) = published(&world, &serve(changed), &[]);
    assert_eq!(report["status"], "published");
    let seen = world.query("SELECT * FROM gins.gins ORDER BY id");
    let parquet = |world: &World| {
        let files = world.files().into_iter().map(|(path, _)| path);
        let lake = files.filter(|path| path.starts_with(world.root().join("lake")));
        let parts = lake.filter(|path| path.extension().is_some_and(|end| end == "parquet"));
        parts.collect::<std::collections::BTreeSet<_>>()
    };
    let clean = |keep: &str| {
        let clean = ["clean", "--keep", keep, "--format", "json"];
        world.lakehead(&clean).json()["objects"].clone()
    };
    clean("3");
    let both = parquet(&world);
    assert_eq!(
        clean("3"),
        0,
        "what the second run staged of tables that did not change is gone already"
    );
    assert_ne!(clean("0"), 0);
    assert!(
        parquet(&world).len() < both.len(),
        "the first state's files are gone"
    );
    let tables = world.lakehead(&["tables", "--format", "json"]).json();
    let listed = tables.as_array().expect("a list").iter();
    let files = listed.flat_map(|table| table["files"].as_array().expect("files").clone());
    let paths = files.map(|file| file.as_str().expect("a path").into());
    assert_eq!(parquet(&world), paths.collect());
    assert_eq!(world.query("SELECT * FROM gins.gins ORDER BY id"), seen);
    assert_eq!(clean("0"), 0, "there is nothing left to remove");
}
