//! The declared rate holds over all parallel workers, seen from the source, and is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api::{Api, Response};
use crate::support::definition::brief;
use crate::support::gins::{products, requested_id};
use crate::support::world::World;

/// A source of so many gins without any limit of its own.
fn source(count: u64) -> Api {
    let gin = products()[&1].clone();
    let list: Vec<Value> = (1..=count)
        .map(|id| json!({"id": id.to_string()}))
        .collect();
    let list = Value::from(list).to_string();
    Api::start(move |request| match requested_id(request) {
        None => Response::json(list.clone()),
        Some(id) => {
            let mut gin = gin.clone();
            gin["id"] = json!(id);
            Response::json(gin.to_string())
        }
    })
}

/// How late a busy machine wakes a thread: the worst seen between `watch` and `worst`. The source's threads
/// are as late in noting a request, so that requests a second apart can be seen so much closer together.
struct Lateness {
    ended: Arc<AtomicBool>,
    watcher: JoinHandle<Duration>,
}

impl Lateness {
    fn watch() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let step = Duration::from_millis(1);
        let watcher = thread::spawn(move || {
            let mut worst = Duration::ZERO;
            while !end.load(Relaxed) {
                let began = Instant::now();
                thread::park_timeout(step);
                worst = worst.max(began.elapsed().saturating_sub(step));
            }
            worst
        });
        Lateness { ended, watcher }
    }

    fn worst(self) -> Duration {
        self.ended.store(true, Relaxed);
        self.watcher.join().expect("a measure")
    }
}

/// The most requests in any one stretch of this length, wherever it begins.
fn worst_stretch(times: &[Instant], length: Duration) -> usize {
    let within = |start: &Instant| {
        let end = *start + length;
        times
            .iter()
            .filter(|time| *time >= start && **time < end)
            .count()
    };
    times.iter().map(within).max().unwrap_or_default()
}

/// How much of the rate is used depends on how busy the machine is, so it is printed here and held by the
/// limiter's own test on a virtual clock.
#[test]
fn no_second_sees_more_requests_than_declared() {
    for (rate, count) in [(50_u32, 250), (200, 1000)] {
        let api = source(count);
        let world = World::new();
        let pipelines = brief(&world);
        let (base_url, pace) = (
            format!("base_url={}", api.base_url()),
            format!("requests_per_second={rate}"),
        );
        let mut command = world.rooted(&["run", "gins", "--param", &base_url, "--param", &pace]);
        let lateness = Lateness::watch();
        let output = command
            .arg("--pipelines")
            .arg(pipelines)
            .output()
            .expect("runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let seen = api.seen();
        let mut times: Vec<Instant> = seen.iter().map(|request| request.at).collect();
        times.sort();
        let late = lateness.worst();
        let worst = worst_stretch(&times, Duration::from_secs(1).saturating_sub(late));
        // The listing is read before the slices begin: what is between is planning.
        let pages = &times[1..];
        let seconds = (pages[pages.len() - 1] - pages[0]).as_secs_f64();
        let used = (pages.len() - 1) as f64 / seconds / f64::from(rate);
        println!(
            "declared {rate}/s: worst second {worst} on a machine that was up to {} ms late, used {:.1} %",
            late.as_millis(),
            used * 100.0
        );
        assert_eq!(seen.len() as u64, count + 1);
        assert!(
            worst <= rate as usize,
            "{worst} requests in a second of {rate}; the machine was up to {late:?} late"
        );
    }
}
