//! Every shipped pipeline against its own mock: `lakehead mock NAME` on one side, `lakehead run NAME` on the other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command};

use serde_json::Value;

use crate::support::house;
use crate::support::world::{World, end};

/// What a run is given besides, so that it takes no longer than it has to.
const FASTER: [(&str, &str); 1] = [("gins", "requests_per_second=1000")];

/// A mock at work; it ends with this value.
struct Mock {
    process: Child,
    /// Where it is, and what a run needs to get there.
    said: Value,
}

impl Mock {
    fn start(world: &World, name: &str, more: &[&str]) -> Mock {
        let mut arguments = vec!["mock", name, "--port", "0", "--format", "json"];
        arguments.extend(more);
        let mut command = world.command(&arguments);
        // What nobody set, it makes up.
        command.env_remove("LAKEHEAD_SECRET_GINS_API_KEY");
        let mut process = command.spawn().expect("the binary starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let mut text = String::new();
        while !text.ends_with("\n}") {
            let line = lines.next().expect("it says where it is").expect("text");
            text = format!("{text}\n{line}");
        }
        let said = serde_json::from_str(&text).expect("JSON");
        Mock { process, said }
    }

    /// A run that reads from here.
    fn run(&self, world: &World, name: &str) -> Command {
        let mut arguments = vec![
            "run".to_owned(),
            name.to_owned(),
            "--format=json".to_owned(),
        ];
        let params = self.said["params"].as_object().expect("an object").iter();
        let params =
            params.map(|(name, value)| format!("--param={name}={}", value.as_str().expect("text")));
        arguments.extend(params);
        let faster = FASTER.iter().filter(|(pipeline, _)| *pipeline == name);
        arguments.extend(faster.map(|(_, param)| format!("--param={param}")));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = world.rooted(&arguments);
        for (name, value) in self.said["secrets"].as_object().expect("an object") {
            command.env(name, value.as_str().expect("text"));
        }
        command
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a pipeline against its mock and answers how many rows it published.
fn published(name: &str, more: &[&str]) -> u64 {
    let world = World::new();
    let mock = Mock::start(&world, name, more);
    let ended = end(mock.run(&world, name));
    assert_eq!(
        ended.code,
        Some(0),
        "{name}: {}{}",
        ended.stdout,
        ended.stderr
    );
    let report = ended.json();
    assert_eq!(report["status"], "published", "{name}: {report:#}");
    let tables = report["tables"].as_object().expect("tables");
    let of_source = tables.iter().filter(|(_, table)| table["derived"] != true);
    let mut rows = 0;
    for (table, counts) in of_source {
        // Publish has held source, parsed, kept and loaded against each other; none may have been set aside.
        assert_eq!(counts["rejected"], 0, "{name}.{table}: {counts}");
        rows += counts["rows"].as_u64().expect("a number");
        println!("  {name}.{table:<24} {:>6} rows", counts["rows"]);
    }
    rows
}

#[test]
fn every_shipped_pipeline_publishes_what_its_mock_has() {
    for name in house::folders("pipelines") {
        let rows = published(&name, &["--declared", "--rows", "60"]);
        assert!(rows > 0, "{name}");
    }
    assert!(published("gins", &["--products", "100"]) > 0);
}

#[test]
fn limits_faults_and_small_pages_change_nothing() {
    for more in [
        &["--page-size", "7"][..],
        &["--requests-per-second", "20", "--fault", "500:every=3"],
        &[
            "--fault",
            "429:every=4,retry-after=0",
            "--fault",
            "truncate:every=5",
        ],
    ] {
        let more = [more, &["--rows", "60"]].concat();
        assert_eq!(published("datasette", &more), 60, "{more:?}");
    }
}

#[test]
fn options_that_do_not_fit_are_refused_with_a_remedy() {
    let world = World::new();
    for (arguments, parts) in [
        (
            &["gins", "--rows", "5"][..],
            ["`--rows`", "add `--declared`"],
        ),
        (
            &["gins", "--expire-after", "5"],
            ["`--expire-after`", "add `--declared`"],
        ),
        (
            &["datasette", "--products", "5"],
            ["`--products`", "`--rows` says how much"],
        ),
        (&["datasette", "--key", "5"], ["`--key`", "--secrets"]),
        (
            &["dataset"],
            [
                "there is no pipeline `dataset`",
                "did you mean `datasette`?",
            ],
        ),
        (&["datasette", "--param", "tabel=x"], ["tabel", "table"]),
        (
            &["datasette", "--fault", "501:0.1"],
            ["no kind `501`", "the kinds are"],
        ),
        (&["datasette", "--page-size", "0"], ["--page-size", "0"]),
    ] {
        let ended = world.bare(&[&["mock"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        for part in parts {
            assert!(
                ended.stderr.contains(part),
                "{arguments:?}: {}",
                ended.stderr
            );
        }
    }
}

#[test]
fn a_plan_says_what_it_would_cost_and_what_that_rests_on() {
    let world = World::new();
    let planned = |more: &[&str]| {
        let arguments = [&["plan", "datasette", "--format", "json"], more].concat();
        world.lakehead(&arguments).json()
    };
    let before = planned(&[])["estimate"].clone();
    assert_eq!(before["requests"], Value::Null);
    assert_eq!(before["at_least"], 1);
    assert!(
        before["rests_on"]
            .as_str()
            .expect("text")
            .contains("nothing yet"),
        "{before}"
    );
    let mock = Mock::start(&world, "datasette", &["--rows", "250"]);
    let ended = end(mock.run(&world, "datasette"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let after = planned(&[])["estimate"].clone();
    assert_eq!(
        (&after["requests"], &after["seconds"]),
        (&3.into(), &0.6.into()),
        "{after}"
    );
    let gins = world.lakehead(&["plan", "gins", "--format", "json"]).json();
    let ddl = gins["tables"][0]["ddl"].as_str().expect("text");
    assert!(
        ddl.starts_with("CREATE TABLE \"gins\".\"gins\" (\n  \"id\" "),
        "{ddl}"
    );
    let checks = gins["checks"].as_array().expect("checks");
    assert!(checks.iter().any(|check| {
        check["sql"]
            .as_str()
            .is_some_and(|sql| sql.contains("COUNT"))
    }));
    let publishes = gins["publishes"].to_string();
    assert!(
        publishes.contains("gins, all at once: gins replaced"),
        "{publishes}"
    );
}
