//! A run that is killed anywhere and run again ends as one that was left alone; readers never see a mix.
//!
//! `scripts/kill-test` runs the first test with more kills and prints what they hit.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use edge::lake::Lake;
use mock::Options;
use serde_json::{Value, json};

use crate::support::content::{Content, Difference, block_on, signature};
use crate::support::lots::Lots;
use crate::support::source::Source;
use crate::support::stage::{STAGES, Stage};
use crate::support::world::{Ended, World};

const FAST: [&str; 2] = ["--param", "requests_per_second=2000"];
/// Few enough for a suite that is run often; `LAKEHEAD_KILLS` asks for more.
const KILLS: u64 = 6;
/// How often the stage of a run is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// A number from the environment, for `scripts/kill-test`.
#[expect(clippy::disallowed_methods, reason = "a knob of the test itself")]
fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().expect("a whole number"))
}

fn arguments(url: &str) -> Vec<String> {
    let base_url = format!("base_url={url}");
    let words = ["run", "gins", "--format", "json", "--param", &base_url];
    words.iter().chain(&FAST).map(ToString::to_string).collect()
}

fn start(world: &World, url: &str) -> Child {
    let arguments = arguments(url);
    world.start(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// How long each stage of an unbroken run takes, and what it leaves.
fn unbroken(url: &str) -> (BTreeMap<Stage, Duration>, Content) {
    let world = World::new();
    let mut child = start(&world, url);
    let began = Instant::now();
    let mut entered = BTreeMap::from([(Stage::Planning, Duration::ZERO)]);
    while child.try_wait().expect("a child").is_none() {
        entered
            .entry(Stage::of(&world.root()))
            .or_insert_with(|| began.elapsed());
        std::thread::sleep(LOOK);
    }
    entered.insert(Stage::Ended, began.elapsed());
    let moments: Vec<(Stage, Duration)> = entered.into_iter().collect();
    let took = moments
        .windows(2)
        .map(|pair| (pair[0].0, pair[1].1.saturating_sub(pair[0].1)));
    (took.collect(), Content::of(&world.root()))
}

/// Kills a run some time after it has come to a stage; answers the stage it was killed in, if it was.
fn kill(world: &World, mut child: Child, at: Stage, after: Duration) -> Option<Stage> {
    let mut reached = None;
    loop {
        if child.try_wait().expect("a child").is_some() {
            return None;
        }
        if Stage::of(&world.root()) >= at {
            let since = *reached.get_or_insert_with(Instant::now);
            if since.elapsed() >= after {
                break;
            }
        }
        std::thread::sleep(LOOK);
    }
    child.kill().expect("a child");
    let output = child.wait_with_output().expect("a child");
    output
        .status
        .code()
        .is_none()
        .then(|| Stage::of(&world.root()))
}

/// What became of one run that was killed once or twice.
struct Killed {
    seed: u64,
    stages: Vec<Stage>,
    resumed: bool,
    report: Value,
    ended: Ended,
    difference: Difference,
    generation: u64,
    /// Whether the ledger ran ahead of the data after a kill.
    ahead: bool,
}

/// One root: a run is killed, perhaps once more, and then left to end.
fn killed(seed: u64, url: &str, took: &BTreeMap<Stage, Duration>, right: &Content) -> Killed {
    let mut lots = Lots::of(seed);
    let world = World::new();
    let mut stages = Vec::new();
    let mut ahead = false;
    let kills = 1 + usize::from(lots.share() < 0.33);
    for _ in 0..kills {
        let at = lots.one_of(&STAGES);
        let stage_took = took.get(&at).copied().unwrap_or_default();
        let after = stage_took.mul_f64(lots.share());
        stages.extend(kill(&world, start(&world, url), at, after));
        ahead |= ledger_is_ahead(&world.root());
    }
    let (ended, report) = world.run("gins", url, &FAST);
    let content = Content::of(&world.root());
    let pointer = std::fs::read(world.root().join("lake/gins/_current.json")).expect("a pointer");
    let pointer: Value = serde_json::from_slice(&pointer).expect("JSON");
    Killed {
        seed,
        stages,
        resumed: ended.stderr.contains("taking up the run"),
        difference: right.difference(&content),
        generation: pointer["generation"].as_u64().expect("a number"),
        ahead,
        ended,
        report,
    }
}

/// Whether the ledger calls a window published although readers see nothing of it.
fn ledger_is_ahead(root: &Path) -> bool {
    let entries = std::fs::read_dir(root.join("objects/ledger/gins"));
    let published = entries.into_iter().flatten().flatten().any(|entry| {
        let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
        text.contains("\"published_by\"")
    });
    published && !root.join("lake/gins/_current.json").exists()
}

#[test]
fn a_run_that_is_killed_anywhere_and_run_again_ends_as_if_it_had_not_been() {
    let seed = setting("LAKEHEAD_KILL_SEED", 20_261_121);
    let count = setting("LAKEHEAD_KILLS", KILLS);
    let source = Source::of(320, &["500:every=97", "truncate:every=61"]);
    let (took, right) = unbroken(&source.url());
    let next = AtomicUsize::new(0);
    let all = Mutex::new(Vec::new());
    let work = || {
        loop {
            let number = next.fetch_add(1, Relaxed) as u64;
            if number >= count {
                return;
            }
            let killed = killed(seed.wrapping_add(number), &source.url(), &took, &right);
            all.lock().expect("whole").push(killed);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let all = all.into_inner().expect("whole");
    show(&took, &all);
    for killed in &all {
        let Killed { seed, stages, .. } = killed;
        let place = format!("LAKEHEAD_KILL_SEED={seed} LAKEHEAD_KILLS=1, killed in {stages:?}");
        assert_eq!(
            killed.ended.code,
            Some(0),
            "{place}: {}",
            killed.ended.stderr
        );
        let status = killed.report["status"].as_str().expect("a status");
        assert!(
            matches!(status, "published" | "unchanged"),
            "{place}: {status}"
        );
        assert_eq!(killed.difference, Difference::default(), "{place}");
        assert_eq!(killed.generation, 1, "{place}: published more than once");
        assert!(!killed.ahead, "{place}: the ledger was ahead of the data");
    }
    assert!(
        all.iter().any(|killed| !killed.stages.is_empty()),
        "nothing was killed"
    );
}

/// The summary that `scripts/kill-test` is for.
fn show(took: &BTreeMap<Stage, Duration>, all: &[Killed]) {
    println!("| stage | unbroken, ms | kills in it |");
    println!("| --- | ---: | ---: |");
    for stage in STAGES {
        let millis = took.get(&stage).map_or(0, Duration::as_millis);
        let kills = all
            .iter()
            .flat_map(|killed| &killed.stages)
            .filter(|s| **s == stage);
        println!("| {stage:?} | {millis} | {} |", kills.count());
    }
    let sum = |of: fn(&Killed) -> usize| all.iter().map(of).sum::<usize>();
    println!(
        "| after the end | | {} |",
        sum(|k| k.stages.iter().filter(|s| **s == Stage::Ended).count())
    );
    println!(
        "\n{} roots, {} kills, {} of them double; {} resumed; rows lost {}, doubled {}; tables with differing parts {}, differing exports {}; published twice {}; ledger ahead {}",
        all.len(),
        sum(|killed| killed.stages.len()),
        sum(|killed| usize::from(killed.stages.len() > 1)),
        sum(|killed| usize::from(killed.resumed)),
        sum(|killed| killed.difference.lost),
        sum(|killed| killed.difference.doubled),
        sum(|killed| killed.difference.parts),
        sum(|killed| killed.difference.exports),
        sum(|killed| usize::from(killed.generation != 1)),
        sum(|killed| usize::from(killed.ahead)),
    );
}

/// Reads a database again and again until told to stop; answers every state seen, with how often.
fn watch(root: &Path, database: &str, stop: &AtomicBool) -> BTreeMap<String, usize> {
    let lake = root.join("lake");
    let mut seen = BTreeMap::new();
    while !stop.load(Relaxed) {
        let snapshot = block_on(Lake::directory(&lake).snapshot(database)).expect("readable");
        if let Some(snapshot) = snapshot {
            *seen.entry(signature(&snapshot, &lake)).or_default() += 1;
        }
    }
    seen
}

fn state(root: &Path, database: &str) -> String {
    let lake = root.join("lake");
    let snapshot = block_on(Lake::directory(&lake).snapshot(database)).expect("readable");
    signature(&snapshot.expect("published"), &lake)
}

#[test]
fn readers_see_the_previous_or_the_next_state_of_a_database_and_never_a_mix() {
    let sources = [1, 2].map(|seed| {
        Source::start(Options {
            seed,
            products: 150,
            ..Options::default()
        })
    });
    let world = World::new();
    let root = world.root();
    let stop = AtomicBool::new(false);
    let mut lots = Lots::of(7);
    std::thread::scope(|scope| {
        let databases = ["gins", "gins_report"];
        let readers = databases.map(|database| {
            let (root, stop) = (&root, &stop);
            (database, scope.spawn(move || watch(root, database, stop)))
        });
        let mut complete: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for round in 0..4 {
            let url = sources[round % 2].url();
            if round >= 2 {
                let after = Duration::from_millis(lots.draw() % 900);
                kill(&world, start(&world, &url), Stage::Publishing, after);
            }
            let (ended, _) = world.run("gins", &url, &FAST);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            for database in databases {
                complete
                    .entry(database)
                    .or_default()
                    .push(state(&root, database));
            }
        }
        stop.store(true, Relaxed);
        for (database, reader) in readers {
            let seen = reader.join().expect("read to the end");
            let complete = &complete[database];
            println!(
                "{database}: {} reads, {} states",
                seen.values().sum::<usize>(),
                seen.len()
            );
            assert!(seen.len() > 1, "the readers of {database} saw no switch");
            for state in seen.keys() {
                assert!(
                    complete.contains(state),
                    "{database}: a state that nobody published:\n{state}"
                );
            }
            // A run of each source leaves the same state each time.
            assert_eq!(complete[0], complete[2], "{database}");
            assert_ne!(complete[0], complete[1], "{database}");
        }
    });
}

#[test]
fn a_second_run_at_once_says_so_and_harms_nothing() {
    let source = Source::start(Options {
        products: 150,
        latency: Duration::from_millis(50),
        ..Options::default()
    });
    let world = World::new();
    let mut first = start(&world, &source.url());
    while Stage::of(&world.root()) < Stage::Fetching {
        assert!(
            first.try_wait().expect("a child").is_none(),
            "ended too soon"
        );
        std::thread::sleep(LOOK);
    }
    let words = arguments(&source.url());
    let second = world.lakehead(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(
        second.stderr.contains("another run of `gins` is under way"),
        "{second:?}"
    );
    let output = first.wait_with_output().expect("a child");
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert_eq!(report["status"], json!("published"));
    assert_eq!(report["requests"]["sent"], json!(source.stats().requests));
}
