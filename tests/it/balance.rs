//! What was tampered with between the steps stops the publish, and the ledger never says more than readers see.

use std::path::{Path, PathBuf};

use edge::env::{Env, Places};
use edge::secrets::SecretStore;
use edge::settings::Settings;
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::run::{PublishInput, RunRef};
use serde_json::{Value, json};
use step::Step;

use crate::support::content::{Content, block_on};
use crate::support::definition::brief;
use crate::support::gins::{fixture, products, requested_id, serve};
use crate::support::world::World;

const RUN: &str = "tampered";

/// A world in which everything but the publish is done.
struct Staged {
    world: World,
    pipelines: PathBuf,
}

impl Staged {
    fn new() -> Self {
        let world = World::new();
        let pipelines = brief(&world);
        let staged = Staged { world, pipelines };
        let report = staged.run(&fixture().base_url());
        assert_eq!(report["status"], "published", "{report:#}");
        // What publishing left is taken away, so that it is still to be done.
        std::fs::remove_file(staged.object("manifest.json")).expect("a manifest");
        std::fs::remove_file(staged.world.root().join("lake/gins/_current.json"))
            .expect("a pointer");
        staged
    }

    fn run(&self, url: &str) -> Value {
        let pipelines = self.pipelines.to_str().expect("text");
        let more = [
            "--run-id",
            RUN,
            "--pipelines",
            pipelines,
            "--param",
            "requests_per_second=1000",
        ];
        self.world.run("gins", url, &more).1
    }

    fn object(&self, name: &str) -> PathBuf {
        self.world
            .root()
            .join("objects/runs/gins")
            .join(RUN)
            .join(name)
    }

    /// The first file below a folder whose path holds these words.
    fn file(&self, folder: &Path, words: &str) -> PathBuf {
        let files = self.world.files().into_iter().map(|(path, _)| path);
        let mut files = files.filter(|path| path.starts_with(folder));
        files
            .find(|path| path.to_string_lossy().contains(words))
            .expect(words)
    }

    /// The step `publish`, called as the state machine calls it.
    fn publish(&self) -> Result<(), Fault> {
        let places = Places {
            root: self.world.root(),
            pipelines: self.pipelines.clone(),
        };
        let secrets = SecretStore::over(|_| None, None)?;
        let env = Env::local(
            &places,
            Settings::default(),
            secrets,
            Some(embedded::engine),
        )?;
        let run = Some(RunRef {
            pipeline: Name::new("gins").expect("a name"),
            id: RUN.to_owned(),
        });
        let input = PublishInput { run, failure: None };
        block_on(publish::Publish::run(input, &env)).map(drop)
    }
}

/// Changes one value of a JSON file.
fn change(path: &Path, pointer: &str, by: impl Fn(&Value) -> Value) {
    let text = std::fs::read(path).expect("a file");
    let mut json: Value = serde_json::from_slice(&text).expect("JSON");
    let place = json
        .pointer_mut(pointer)
        .unwrap_or_else(|| panic!("nothing at {pointer}"));
    *place = by(place);
    std::fs::write(path, json.to_string()).expect("written");
}

fn one_more(value: &Value) -> Value {
    json!(value.as_u64().expect("a count") + 1)
}

type Tamper = fn(&Staged);

#[test]
fn a_run_whose_objects_were_tampered_with_is_not_published_and_told_where() {
    let cases: [(&str, Tamper, &str); 9] = [
        (
            "an outcome is gone",
            |s| remove(s, "outcome", "products"),
            "/outcome/products",
        ),
        (
            "a staged slice is gone",
            |s| remove(s, "staged", "countries"),
            "/staged/countries",
        ),
        (
            "the plan is gone",
            |s| remove(s, "plan.json", ""),
            "plan.json",
        ),
        (
            "a page more was fetched",
            |s| count(s, "/fetched/pages"),
            "pages fetched and read do not balance after transform",
        ),
        (
            "a record more was found",
            |s| count(s, "/records/records"),
            "records found and routed do not balance after transform",
        ),
        (
            "a row more was parsed",
            |s| count(s, "/tables/gins/rows/parsed"),
            "rows of `gins` parsed and kept do not balance after transform",
        ),
        (
            "a row more is in a part",
            |s| count(s, "/tables/gins/parts/0/rows"),
            "rows of `gins` kept and in Parquet do not balance after transform",
        ),
        (
            "a row more is staged",
            |s| {
                let staged = s.file(&s.object("staged"), "products");
                change(&staged, "/parts/gins/0/rows", one_more);
            },
            "rows of `gins` do not balance after load",
        ),
        (
            "a part is gone",
            |s| {
                let lake = s.world.root().join("lake/gins/gins");
                std::fs::remove_file(s.file(&lake, ".parquet")).expect("a part");
            },
            "was staged with",
        ),
    ];
    for (what, tamper, words) in cases {
        let staged = Staged::new();
        tamper(&staged);
        let fault = staged.publish().expect_err(what);
        assert!(fault.to_string().contains(words), "{what}: {fault}");
        assert!(
            Content::of(&staged.world.root()).tables.is_empty(),
            "{what}"
        );
        println!("| {what} | {} | {fault} |", fault.kind.name());
    }
    // Left as it is, the same is published.
    let staged = Staged::new();
    staged.publish().expect("published");
    assert!(!Content::of(&staged.world.root()).tables.is_empty());
}

fn remove(staged: &Staged, folder: &str, words: &str) {
    let path = staged.object(folder);
    let path = if path.is_dir() {
        staged.file(&path, words)
    } else {
        path
    };
    std::fs::remove_file(path).expect("an object");
}

fn count(staged: &Staged, pointer: &str) {
    let outcome = staged.file(&staged.object("outcome"), "products");
    change(&outcome, pointer, one_more);
}

#[test]
fn what_a_crash_took_of_the_records_is_made_good_and_nothing_is_published_twice() {
    let world = World::new();
    let pipelines = brief(&world);
    let staged = Staged { world, pipelines };
    let root = staged.world.root();
    let source = fixture();
    let report = staged.run(&source.base_url());
    assert_eq!(report["status"], "published");
    let (content, asked) = (Content::of(&root), source.seen().len());
    let window = report["windows"][0]["window"].as_str().expect("a window");
    let entry = root.join(format!("objects/ledger/gins/{window}.json"));
    let whole: Value =
        serde_json::from_slice(&std::fs::read(&entry).expect("an entry")).expect("JSON");
    // Behind the switch of the pointer follow the ledger, the manifest, the models.
    for lost in [
        vec![
            entry.clone(),
            staged.object("manifest.json"),
            staged.object("refreshed.json"),
        ],
        vec![
            staged.object("manifest.json"),
            staged.object("refreshed.json"),
        ],
        vec![staged.object("refreshed.json")],
    ] {
        for path in &lost {
            std::fs::remove_file(path).expect("an object");
        }
        let again = staged.run(&source.base_url());
        assert_eq!(again["status"], "published", "{again:#}");
        assert_eq!(again["tables"], report["tables"]);
        assert_eq!(Content::of(&root), content);
        let pointer = std::fs::read(root.join("lake/gins/_current.json")).expect("a pointer");
        let pointer: Value = serde_json::from_slice(&pointer).expect("JSON");
        assert_eq!(pointer["generation"], 1, "published twice");
        let told: Value =
            serde_json::from_slice(&std::fs::read(&entry).expect("an entry")).expect("JSON");
        for field in ["state", "run_id", "published_by", "rows"] {
            assert_eq!(told[field], whole[field], "{field}");
        }
    }
    assert_eq!(source.seen().len(), asked, "the source was asked again");
}

#[test]
fn the_ledger_says_published_only_of_what_readers_see() {
    let world = World::new();
    let mut gins = products();
    gins.retain(|id, _| *id < 9);
    let api = serve(gins);
    // The fixture without most of its gins still lists all ids: those are missing, and that is published.
    let (ended, report) = world.run("gins", &api.base_url(), &["--skip", "publish"]);
    assert_eq!(ended.code, Some(0), "{report:#}");
    assert!(
        api.seen()
            .iter()
            .any(|request| requested_id(request).is_some())
    );
    assert!(Content::of(&world.root()).tables.is_empty());
    let window = report["windows"][0]["window"].as_str().expect("a window");
    let entry = world
        .root()
        .join(format!("objects/ledger/gins/{window}.json"));
    let entry: Value =
        serde_json::from_slice(&std::fs::read(entry).expect("an entry")).expect("JSON");
    assert_eq!(entry["state"], "loaded", "{entry:#}");
    assert_eq!(entry["published_by"], Value::Null);
}
