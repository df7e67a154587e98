//! The rooms of the house and who may lean on whom, held against what `cargo metadata` says.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::house;

/// Every room, and the rooms that it may build on. A new room gets a line here, and with it a place in the order.
const ROOMS: [(&str, &[&str]); 20] = [
    // Bytes.
    ("json", &[]),
    // What is decided.
    ("pipeline", &["json"]),
    ("table", &["json", "pipeline"]),
    // How it is done.
    ("edge", &["pipeline"]),
    ("embedded", &["edge", "pipeline"]),
    ("postgres", &["edge", "pipeline"]),
    ("athena", &["edge", "pipeline"]),
    ("redshift", &["edge", "pipeline"]),
    ("step", &["edge", "pipeline"]),
    // One function a folder; none knows another. Those that run SQL bring the engine.
    ("plan", &["edge", "pipeline", "step"]),
    ("fetch-page", &["edge", "pipeline", "step"]),
    ("transform", &["edge", "pipeline", "step", "table"]),
    (
        "load",
        &["edge", "pipeline", "postgres", "redshift", "step"],
    ),
    (
        "publish",
        &[
            "athena", "edge", "embedded", "pipeline", "postgres", "redshift", "step",
        ],
    ),
    (
        "refresh",
        &[
            "athena", "edge", "embedded", "pipeline", "postgres", "redshift", "step",
        ],
    ),
    // What stands in for the world on a laptop; the one does not know the product, the other its definitions only.
    ("machine", &[]),
    ("emulator", &[]),
    ("mock", &["pipeline"]),
    // What measures the tables' way against other tools.
    ("bench", &["pipeline", "table"]),
    // The command line brings all together.
    (
        "lakehead",
        &[
            "bench",
            "edge",
            "embedded",
            "fetch-page",
            "load",
            "machine",
            "mock",
            "pipeline",
            "plan",
            "publish",
            "refresh",
            "step",
            "transform",
        ],
    ),
];

/// Libraries that only some rooms may use; a `*` ends a family's name.
const LIBRARIES: [(&str, &[&str]); 11] = [
    ("reqwest", &["edge"]),
    ("aws-*", &["athena", "edge", "emulator", "redshift"]),
    ("lambda_runtime", &["step"]),
    ("datafusion", &["embedded"]),
    ("arrow-*", &["embedded", "postgres", "redshift", "table"]),
    (
        "parquet",
        &["athena", "embedded", "postgres", "redshift", "table"],
    ),
    ("tokio-postgres*", &["postgres"]),
    ("axum", &["mock"]),
    ("clap", &["lakehead"]),
    ("indicatif", &["lakehead"]),
    ("serde-saphyr", &["pipeline"]),
];

/// What `pipeline` does without, so that every decision is a plain call: no runtime, no network, no files' formats.
const NOT_IN_PIPELINE: [&str; 9] = [
    "tokio",
    "futures",
    "async-trait",
    "reqwest",
    "arrow-*",
    "parquet",
    "aws-*",
    "lambda_runtime",
    "tempfile",
];

/// A member of the workspace.
struct Member {
    name: String,
    manifest: String,
    /// Its dependencies outside of tests, by their names in the registry.
    uses: BTreeSet<String>,
    /// Those and the dependencies of its tests.
    uses_in_tests: BTreeSet<String>,
}

fn members() -> Vec<Member> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version=1",
            "--offline",
            "--locked",
        ])
        .current_dir(house::root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    packages.iter().map(member).collect()
}

fn member(package: &Value) -> Member {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let in_tests = |dependency: &&Value| dependency["kind"] == "dev";
    let name = |dependency: &Value| text(&dependency["name"]);
    Member {
        name: text(&package["name"]),
        manifest: text(&package["manifest_path"]),
        uses: dependencies
            .iter()
            .filter(|dependency| !in_tests(dependency))
            .map(name)
            .collect(),
        uses_in_tests: dependencies.iter().map(name).collect(),
    }
}

fn is_of(pattern: &str, library: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => library.starts_with(family),
        None => library == pattern,
    }
}

#[test]
fn rooms_build_only_on_the_rooms_below_them() {
    let allowed = BTreeMap::from(ROOMS);
    for member in members() {
        let allowed: BTreeSet<&str> = allowed[&*member.name].iter().copied().collect();
        let used: BTreeSet<&str> = member
            .uses
            .iter()
            .map(String::as_str)
            .filter(|name| ROOMS.iter().any(|(room, _)| room == name))
            .collect();
        let astray: Vec<_> = used.difference(&allowed).collect();
        assert!(
            astray.is_empty(),
            "`{}` must not build on {astray:?}",
            member.name
        );
    }
}

#[test]
fn the_list_of_rooms_is_complete() {
    let mut found: BTreeSet<String> = members().into_iter().map(|member| member.name).collect();
    let folders = house::folders("shared").into_iter();
    let folders: BTreeSet<String> = folders.chain(house::folders("functions")).collect();
    let listed: BTreeSet<String> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(listed, found);
    found.remove("lakehead");
    assert_eq!(folders, found, "a folder is called as its package");
}

#[test]
fn each_library_stays_in_its_room() {
    for member in members() {
        for (library, rooms) in LIBRARIES {
            let found = member.uses.iter().find(|used| is_of(library, used));
            let welcome = rooms.contains(&&*member.name);
            assert!(
                found.is_none() || welcome,
                "`{}` uses {found:?}, which is for {rooms:?}",
                member.name
            );
        }
    }
}

#[test]
fn decisions_need_no_runtime_no_network_and_no_file_formats() {
    let members = members();
    let pipeline = members.iter().find(|member| member.name == "pipeline");
    for used in &pipeline.expect("pipeline").uses {
        let banned = NOT_IN_PIPELINE.iter().find(|banned| is_of(banned, used));
        assert_eq!(banned, None, "`pipeline` uses `{used}`");
    }
}

#[test]
fn the_bundled_source_is_only_for_the_command_line_and_for_tests() {
    for member in members() {
        if member.name != "lakehead" {
            assert!(!member.uses.contains("mock"), "`{}`", member.name);
        }
    }
}

/// The lines of a manifest's tables of dependencies, each with its table's name.
fn dependency_lines(manifest: &str) -> Vec<(&str, &str)> {
    let mut table = "";
    let mut lines = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            table = line;
        } else if table.contains("dependencies") && !line.is_empty() && !line.starts_with('#') {
            lines.push((table, line));
        }
    }
    lines
}

#[test]
fn every_version_is_named_once_in_the_root_manifest() {
    for member in members() {
        let manifest = house::read(&member.manifest);
        let lines = dependency_lines(&manifest);
        assert!(
            lines.len() >= member.uses_in_tests.len(),
            "{} has dependencies that this test does not see",
            member.manifest
        );
        for (table, line) in lines {
            let in_root = table == "[workspace.dependencies]";
            let taken_from_root =
                line.contains(".workspace = true") || line.contains("workspace = true");
            assert!(
                in_root || taken_from_root,
                "{}: `{line}` names a version of its own",
                member.manifest
            );
        }
    }
}

#[test]
fn what_the_root_manifest_names_somebody_uses() {
    let used: BTreeSet<String> = members()
        .into_iter()
        .flat_map(|member| member.uses_in_tests)
        .collect();
    let manifest = house::read("Cargo.toml");
    let named = dependency_lines(&manifest);
    let named = named
        .iter()
        .filter(|(table, _)| *table == "[workspace.dependencies]")
        .filter_map(|(_, line)| line.split_once(" ="))
        .map(|(name, _)| name);
    let unused: Vec<&str> = named.filter(|name| !used.contains(*name)).collect();
    assert_eq!(unused, [""; 0]);
}

#[test]
fn nothing_is_beyond_the_compilers_guard() {
    let root = house::read("Cargo.toml");
    let guard = concat!("un", "safe_code = \"forbid\"");
    assert!(root.contains(guard));
    for member in members() {
        let manifest = house::read(&member.manifest);
        assert!(
            manifest.contains("[lints]\nworkspace = true"),
            "{} leaves the house's lints out",
            member.manifest
        );
    }
    let word = concat!("un", "safe");
    for source in house::sources() {
        let text = house::read(&source);
        let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        assert!(!words.any(|found| found == word), "{}", source.display());
    }
}

#[test]
fn every_source_file_opens_with_a_sentence_that_says_what_it_is() {
    for source in house::sources() {
        let text = house::read(&source);
        // A table of data that `include!` reads is no file of its own.
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//! ") && first.len() > 10,
            "{} opens with `{first}`",
            source.display()
        );
    }
}
