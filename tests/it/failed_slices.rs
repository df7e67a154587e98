//! Slices that fail: as many as the definition bears are published without, one more and nothing is.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::world::{Ended, World};
use crate::windows::written;

/// Two resources of 400 records each, a page a slice; of the first, two slices of forty may fail.
const PAGES: &str = r#"
version: 1
description: Pages that are slices.
parameters: { base_url: { description: Where. } }
schedule: { cron: "0 5 * * ? *", window: day }
source: { base_url: "{base_url}", rate: { requests: 1000 } }
resources:
  borne: { path: /borne, records: $.d, paginate: &pages { offset: { limit: 10, pages_per_slice: 1, stop: { total: $.n } } }, failed_slices: { at_most: 5% } }
  needed: { path: /needed, records: $.d, paginate: *pages }
tables:
  borne: { from: borne, key: [id], columns: &id { id: { from: $.id, type: int32, required: true } } }
  needed: { from: needed, key: [id], columns: *id }
destinations:
  lake: { database: pages }
"#;

/// A source that refuses the pages that begin so, as long as they are listed.
#[derive(Clone, Default)]
struct Refused(Arc<Mutex<BTreeSet<(&'static str, u32)>>>);

impl Refused {
    fn set(&self, pages: &[(&'static str, u32)]) {
        *self.0.lock().expect("not poisoned") = pages.iter().copied().collect();
    }

    fn source(&self) -> Api {
        let refused = self.clone();
        Api::start(move |request| {
            let offset = request.parameter("offset").map_or("0", |offset| offset);
            let offset: u32 = offset.parse().expect("a number");
            let refused = refused.0.lock().expect("not poisoned");
            let mut refused = refused.iter();
            if refused.any(|(path, begin)| request.path.ends_with(path) && *begin == offset) {
                return Response::status(403);
            }
            let records: Vec<Value> = (offset..offset + 10).map(|id| json!({"id": id})).collect();
            Response::json(json!({"d": records, "n": 400}).to_string())
        })
    }
}

fn run(world: &World, source: &Api, more: &[&str]) -> (Ended, Value) {
    let pipelines = written(world, "pages", PAGES);
    let day = ["--pipelines", &pipelines, "--as-of", "2026-11-02"];
    world.run("pages", &source.base_url(), &[&day[..], more].concat())
}

#[test]
fn what_is_borne_is_published_without_and_told() {
    let (world, refused) = (World::new(), Refused::default());
    let source = refused.source();
    refused.set(&[("borne", 30), ("borne", 250)]);
    let (ended, report) = run(&world, &source, &["--strict"]);
    assert_eq!(ended.code, Some(3), "{report:#}");
    assert_eq!(report["status"], "published");
    assert_eq!(report["resources"]["borne"]["failed_slices"], 2);
    let rows = |table: &str| report["tables"][table]["rows"].clone();
    assert_eq!((rows("borne"), rows("needed")), (json!(380), json!(400)));
    let lacking = world.query("SELECT count(*) AS n FROM pages.borne WHERE id BETWEEN 30 AND 39");
    assert_eq!(lacking[0]["n"], 0);
    // Asked for anew, all of it comes.
    refused.set(&[]);
    let (ended, report) = run(&world, &source, &["--force", "--strict"]);
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert_eq!(report["tables"]["borne"]["rows"], 400);
}

#[test]
fn one_more_than_is_borne_stops_the_run_and_a_redrive_asks_for_those_alone() {
    let (world, refused) = (World::new(), Refused::default());
    let source = refused.source();
    refused.set(&[("borne", 30), ("borne", 250), ("borne", 390)]);
    let (ended, report) = run(&world, &source, &["--run-id", "mine"]);
    assert_eq!(ended.code, Some(1), "{report:#}");
    assert_eq!(report["status"], "failed");
    let nothing = world.lakehead(&["query", "SELECT * FROM pages.borne"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
    refused.set(&[]);
    let before = source.seen().len();
    let pipelines = world.path().join("pipelines").display().to_string();
    let redrive = ["redrive", "pages", "--run", "mine", "--format", "json"];
    let again = world.lakehead(&[&redrive[..], &["--pipelines", &pipelines]].concat());
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.json()["tables"]["borne"]["rows"], 400);
    let asked: BTreeSet<String> = source
        .seen()
        .split_off(before)
        .into_iter()
        .map(|request| format!("{}?{}", request.path, request.query))
        .collect();
    for failed in ["offset=30", "offset=250", "offset=390"] {
        assert!(
            asked.iter().any(|request| request.contains(failed)),
            "{asked:?}"
        );
    }
    assert!(
        !asked
            .iter()
            .any(|request| request.contains("borne?offset=10&")),
        "{asked:?}"
    );
}

#[test]
fn a_slice_of_a_resource_that_bears_none_stops_the_run() {
    let (world, refused) = (World::new(), Refused::default());
    refused.set(&[("needed", 30)]);
    let (ended, report) = run(&world, &refused.source(), &[]);
    assert_eq!(ended.code, Some(1), "{report:#}");
    let message = report["fault"]["message"].as_str().expect("a message");
    assert!(message.contains("/needed?offset=30"), "{message}");
    let nothing = world.lakehead(&["query", "SELECT * FROM pages.borne"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");
}
