//! The shipped pipelines: being in the folder is all it takes to be checked, and editors know the language.

use serde_json::Value;

use crate::support::house;
use crate::support::world::World;

const SCHEMA: &str = "pipelines/pipeline.schema.json";

/// What makes an editor complete and check a definition while it is written.
const FIRST_LINE: &str = "# yaml-language-server: $schema=../pipeline.schema.json";

#[test]
fn every_folder_in_pipelines_is_a_right_definition() {
    let ended = World::new().bare(&["check", "--format", "json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    let answer = ended.json();
    let checked = answer.as_array().expect("a list").iter();
    let checked: Vec<&str> = checked
        .filter_map(|pipeline| pipeline["pipeline"].as_str())
        .collect();
    assert_eq!(checked, house::folders("pipelines"));
}

#[test]
fn editors_have_the_schema_of_the_language_as_it_is() {
    let ended = World::new().bare(&["schema"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stdout == house::read(SCHEMA),
        "{SCHEMA} is of an older language; write it anew: cargo run -- schema > {SCHEMA}"
    );
}

#[test]
fn every_shipped_definition_names_its_schema() {
    for pipeline in house::folders("pipelines") {
        let file = format!("pipelines/{pipeline}/pipeline.yaml");
        let text = house::read(&file);
        assert_eq!(text.lines().next(), Some(FIRST_LINE), "{file}");
    }
}

/// The members of a part of the schema that say nothing of themselves.
fn silent(schema: &Value, place: &str, found: &mut Vec<String>) {
    let Some(members) = schema["properties"].as_object() else {
        return;
    };
    for (name, member) in members {
        let says = |text: &Value| text.as_str().is_some_and(|text| !text.is_empty());
        if !says(&member["description"]) && !says(&member["title"]) {
            found.push(format!("{place}.{name}"));
        }
    }
}

#[test]
fn the_schema_is_a_manual_every_key_says_what_it_is_for() {
    let schema: Value = serde_json::from_str(&house::read(SCHEMA)).expect("JSON");
    let mut found = Vec::new();
    silent(&schema, "Definition", &mut found);
    let parts = schema["$defs"].as_object().expect("parts");
    for (name, part) in parts {
        silent(part, name, &mut found);
    }
    assert_eq!(found, [""; 0]);
}
