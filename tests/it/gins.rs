//! `gins`: the conformance fixture, byte for byte, and what its report says.

use serde_json::{Value, json};

use crate::support::gins::{fixture, products, serve};
use crate::support::world::World;

/// The published files of the fixture, and what each must be.
const EXPORTS: [(&str, &str); 5] = [
    ("gins.csv", include_str!("../fixtures/gins/gins.csv")),
    ("tonics.csv", include_str!("../fixtures/gins/tonics.csv")),
    (
        "garnishes.csv",
        include_str!("../fixtures/gins/garnishes.csv"),
    ),
    (
        "perfect_tonics.csv",
        include_str!("../fixtures/gins/perfect_tonics.csv"),
    ),
    (
        "perfect_garnishes.csv",
        include_str!("../fixtures/gins/perfect_garnishes.csv"),
    ),
];

const FAST: [&str; 2] = ["--param", "requests_per_second=1000"];

fn check<'r>(report: &'r Value, name: &str) -> &'r Value {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|check| check["name"] == name);
    found.unwrap_or_else(|| panic!("no check `{name}` in {report:#}"))
}

#[test]
fn the_fixture_becomes_the_expected_files() {
    let world = World::new();
    let (ended, report) = world.run("gins", &fixture().base_url(), &FAST);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(report["status"], "published");
    for (name, expected) in EXPORTS {
        let path = world.root().join("exports/gins/normalized_data").join(name);
        let written = std::fs::read_to_string(&path).expect(name);
        assert_eq!(written, expected, "{name}");
    }
}

#[test]
fn the_report_of_the_fixture_names_what_was_lost_and_why() {
    let world = World::new();
    let (_, report) = world.run("gins", &fixture().base_url(), &FAST);
    assert_eq!(
        report["requests"],
        json!({"sent": 24, "retried": 2, "missing": 2})
    );
    assert_eq!(
        report["resources"]["products"]["missing_ids"],
        json!(["10", "21"])
    );
    assert_eq!(
        report["tables"]["gins"]["filters"],
        json!({"no_country": 1})
    );
    assert_eq!(
        report["tables"]["tonics"]["filters"],
        json!({"no_country": 1})
    );
    assert_eq!(report["tables"]["gins"]["nulled"], json!({"abv": 1}));
    assert_eq!(
        check(&report, "gins of an unknown country")["status"],
        "passed"
    );
    let orphans = |name: &str| check(&report, name)["sample"].clone();
    assert_eq!(
        orphans("tonics of perfect_tonics"),
        json!([{"id": 6, "perfect_tonic": 11}])
    );
    assert_eq!(
        orphans("gins of perfect_tonics"),
        json!([{"id": 14, "perfect_tonic": 2}])
    );
    assert_eq!(
        orphans("gins of perfect_garnishes"),
        json!([{"id": 14, "perfect_garnish": 3}])
    );
}

#[test]
fn the_range_finds_what_the_listing_finds() {
    let world = World::new();
    let more = [
        "--param",
        "ids=range",
        "--param",
        "requests_per_second=1000",
    ];
    let (_, report) = world.run("gins", &fixture().base_url(), &more);
    assert_eq!(report["tables"]["gins"]["rows"], 12);
    assert_eq!(report["requests"]["missing"], 2);
}

#[test]
fn a_second_run_on_the_same_source_is_unchanged_and_on_a_changed_one_published() {
    let world = World::new();
    let same = fixture();
    world.run("gins", &same.base_url(), &FAST);
    let (_, again) = world.run("gins", &same.base_url(), &FAST);
    assert_eq!(again["status"], "unchanged");
    let mut changed = products();
    changed.get_mut(&1).expect("gin 1")["average_rating"] = json!("9.9");
    let (_, after) = world.run("gins", &serve(changed).base_url(), &FAST);
    assert_eq!(after["status"], "published");
    let rating = world.query("SELECT average_rating FROM gins.gins WHERE id = 1");
    assert_eq!(rating, json!([{"average_rating": 9.9}]));
}

#[test]
fn country_ids_are_right_for_every_product() {
    let world = World::new();
    world.run("gins", &fixture().base_url(), &FAST);
    let wrong = world.query(
        "SELECT g.id FROM gins.gins g LEFT JOIN gins.countries c ON c.id = g.country_id AND c.nicename = g.country WHERE c.id IS NULL",
    );
    assert_eq!(wrong, json!([]));
}

#[test]
fn an_unknown_kind_of_product_is_set_aside_with_its_raw_text() {
    let world = World::new();
    let mut with_mixer = products();
    with_mixer.get_mut(&20).expect("gin 20")["type"] = json!("mixer");
    let api = serve(with_mixer);
    let (ended, report) = world.run("gins", &api.base_url(), &FAST);
    // One of 19 records is more than the tolerated 1 %.
    assert_eq!(ended.code, Some(1), "{report:#}");
    assert_eq!(report["fault"]["kind"], "BadData");
    assert_eq!(
        world.lakehead(&["tables", "--format", "json"]).json(),
        json!([])
    );
    let message = report["fault"]["message"].as_str().expect("a message");
    let place = message
        .rsplit("see ")
        .next()
        .and_then(|rest| rest.split([',', ' ']).next());
    let rejects = world.root().join("objects").join(place.expect("a place"));
    let reject = std::fs::read_to_string(rejects).expect("the rejects");
    assert!(
        reject.contains("Opal Gin") && reject.contains("mixer"),
        "{reject}"
    );
}
