//! What whole runs make of a source that misbehaves: retried and published, set aside and counted, or refused
//! with nothing published. No key leaves for another origin or is found anywhere afterwards.
//!
//! `scripts/fault-table` prints what each test saw.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mock::{Outcome, Target};
use serde_json::{Value, json};

use crate::support::api::{Api, Request, Response};
use crate::support::canary::leaks;
use crate::support::content::{Content, Difference};
use crate::support::definition::{Edits, SHORT, brief, edited};
use crate::support::gins::{products, requested_id};
use crate::support::source::Source;
use crate::support::world::{CANARY, Ended, World};

/// Enough for one bad record to be less than the tolerated 1 %.
const PRODUCTS: u32 = 130;

/// A run and all that is known of it.
struct Seen {
    name: String,
    world: World,
    ended: Ended,
    report: Value,
    /// The most memory that the process had, in MiB.
    memory: u64,
}

impl Seen {
    fn requests(&self, name: &str) -> u64 {
        self.report["requests"][name].as_u64().expect("a number")
    }

    fn rejected(&self) -> u64 {
        let tables = self.report["tables"].as_object().expect("tables");
        let rejected = tables
            .values()
            .filter_map(|table| table["rejected"].as_u64());
        let resources = self.report["resources"].as_object();
        let lost = |resource: &Value| {
            resource["unparsable"].as_u64().unwrap_or(0)
                + resource["unrouted"].as_u64().unwrap_or(0)
        };
        let lost: u64 = resources.map_or(0, |all| all.values().map(lost).sum());
        rejected.max().unwrap_or(0).max(lost)
    }

    fn fault(&self) -> (&str, &str) {
        let text = |name: &str| self.report["fault"][name].as_str().unwrap_or_default();
        (text("kind"), text("message"))
    }

    /// A line of the table, with how many requests came to the source and to another origin.
    fn line(&self, came: usize, elsewhere: usize) -> String {
        let (kind, message) = self.fault();
        let did = match (kind, self.rejected()) {
            ("", 0) => "published whole".to_owned(),
            ("", rejected) => format!("published, {rejected} set aside"),
            _ => format!("{kind}: {}", message.split(" (").next().unwrap_or_default()),
        };
        format!(
            "| {} | {did} | {} | {} | {came} | {elsewhere} | {} | {} | {} |",
            self.name,
            self.requests("sent"),
            self.requests("retried"),
            self.ended
                .code
                .map_or("none".to_owned(), |code| code.to_string()),
            self.report["status"].as_str().unwrap_or_default(),
            self.memory,
        )
    }

    fn assert_published(&self) {
        assert_eq!(self.ended.code, Some(0), "{}: {:#}", self.name, self.report);
        assert_eq!(self.report["status"], "published", "{}", self.name);
    }

    fn assert_refused(&self, kind: &str, words: &str) {
        let (found, message) = self.fault();
        assert_eq!(self.ended.code, Some(1), "{}: {:#}", self.name, self.report);
        assert_eq!(self.report["status"], "failed", "{}", self.name);
        assert_eq!(found, kind, "{}: {message}", self.name);
        assert!(message.contains(words), "{}: {message}", self.name);
        assert_eq!(
            Content::of(&self.world.root()).tables,
            BTreeMap::new(),
            "{}",
            self.name
        );
    }

    fn assert_silent(&self) {
        let leaks = leaks(&self.world, &self.ended);
        assert!(leaks.is_empty(), "{}: the key is in {leaks:#?}", self.name);
    }
}

const HEAD: &str = "| fault | what became of it | sent | retried | came | elsewhere | exit | status | MiB |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |";

/// Runs `gins` with everything logged.
fn run(name: &str, world: World, url: &str, more: &[&str]) -> Seen {
    let pipelines = world.path().join("pipelines");
    let pipelines = match pipelines.exists() {
        true => pipelines,
        false => brief(&world),
    };
    let base_url = format!("base_url={url}");
    let mut command = world.rooted(&["run", "gins", "--format", "json", "--param", &base_url]);
    command
        .args(["--param", "requests_per_second=2000"])
        .arg("--pipelines")
        .arg(pipelines)
        .args(more)
        .env("RUST_LOG", "trace");
    let (ended, memory) = watched(command.spawn().expect("the binary starts"));
    let report = ended.json();
    Seen {
        name: name.to_owned(),
        world,
        ended,
        report,
        memory,
    }
}

/// Waits for the end of a process, and notes the most memory that it had.
fn watched(mut child: Child) -> (Ended, u64) {
    let mut stdout = child.stdout.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    let reading = std::thread::spawn(move || {
        let mut said = Vec::new();
        stdout.read_to_end(&mut said).map(|_| said)
    });
    let complaints = std::thread::spawn(move || {
        let mut said = Vec::new();
        stderr.read_to_end(&mut said).map(|_| said)
    });
    let mut most = 0;
    let status = loop {
        most = memory(child.id()).unwrap_or(0).max(most);
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let said = |thread: std::thread::JoinHandle<std::io::Result<Vec<u8>>>| {
        let said = thread.join().expect("no panic").expect("read");
        String::from_utf8_lossy(&said).into_owned()
    };
    let ended = Ended {
        code: status.code(),
        stdout: said(reading),
        stderr: said(complaints),
    };
    (ended, most)
}

/// The most memory that a process has had so far, in MiB.
fn memory(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes >> 10)
}

/// Another origin, which nobody should ask anything.
fn elsewhere() -> Api {
    Api::start(|_| Response::status(200))
}

/// Runs each case on a thread of its own, a few at a time, and prints the table.
fn each<C: Sync>(cases: &[C], together: usize, work: impl Fn(&C) -> String + Sync) {
    let lines = Mutex::new(vec![String::new(); cases.len()]);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let worker = || {
        loop {
            let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let Some(case) = cases.get(number) else {
                return;
            };
            let line = work(case);
            lines.lock().expect("whole")[number] = line;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..together {
            scope.spawn(worker);
        }
    });
    println!("{HEAD}\n{}", lines.into_inner().expect("whole").join("\n"));
}

/// No request came while the source had asked to be left alone. What was on its way then is forgiven.
fn assert_waited(source: &Source, fault: &'static str, seconds: f64) {
    let requests = source.requests();
    let refused = requests
        .iter()
        .find(|seen| seen.outcome == Outcome::Fault(fault));
    let at = refused.expect("refused once").at_micros;
    let (on_its_way, end) = (at + 200_000, at + (seconds * 1e6) as u64);
    let early = requests
        .iter()
        .filter(|seen| seen.at_micros > on_its_way && seen.at_micros < end);
    assert_eq!(
        early.count(),
        0,
        "requests within {seconds} s of Retry-After"
    );
}

#[test]
fn passing_trouble_is_tried_again_and_leaves_no_trace_in_the_data() {
    // The fault, and how many seconds the source asked to be left alone.
    let cases: [(&str, f64); 22] = [
        ("429:id=5,retry-after=1", 1.0),
        ("429:id=5,retry-after=0", 0.0),
        ("429:id=5,retry-after=date+3", 1.9),
        ("429:id=5,retry-after=date-30", 0.0),
        ("429:id=5,retry-after=absent", 0.0),
        ("429:id=5,retry-after=nonsense", 0.0),
        ("429:listing,retry-after=1", 1.0),
        ("503:id=5,retry-after=1", 1.0),
        ("503:listing", 0.0),
        ("500:id=5,times=2", 0.0),
        ("500:listing", 0.0),
        ("truncate:id=5", 0.0),
        ("truncate:listing", 0.0),
        ("cut-chunked:id=5", 0.0),
        ("cut-chunked:listing", 0.0),
        ("cut-gzip:id=5", 0.0),
        ("cut-gzip:listing", 0.0),
        ("stall:id=5", 0.0),
        ("drip:id=5,pause=40", 0.0),
        ("invalid-json:id=5", 0.0),
        ("invalid-json:listing", 0.0),
        ("invalid-utf8:id=5", 0.0),
    ];
    let whole = Source::of(PRODUCTS, &[]);
    let right = run("none", World::new(), &whole.url(), &[]);
    right.assert_published();
    right.assert_silent();
    let content = Content::of(&right.world.root());
    each(&cases, 2, |(fault, asked)| {
        let source = Source::of(PRODUCTS, &[fault]);
        let seen = run(fault, World::new(), &source.url(), &[]);
        seen.assert_published();
        let difference = content.difference(&Content::of(&seen.world.root()));
        assert_eq!(difference, Difference::default(), "{fault}");
        let came = source.stats().requests;
        assert_eq!(seen.requests("sent"), came as u64, "{fault}");
        let repeats = if fault.ends_with("times=2") { 2 } else { 1 };
        assert_eq!(seen.requests("retried"), repeats, "{fault}");
        assert_eq!(came as u64, u64::from(PRODUCTS) + 1 + repeats, "{fault}");
        if *asked > 0.0 {
            assert_waited(
                &source,
                if fault.starts_with("503") {
                    "503"
                } else {
                    "429"
                },
                *asked,
            );
        }
        seen.assert_silent();
        seen.line(came, 0)
    });
}

#[test]
fn a_record_that_does_not_fit_is_set_aside_and_counted() {
    // The fault, and what the file of rejects quotes of the record.
    let cases = [
        ("wrong-types:id=5,always", "\"type\":[\"gin\"]"),
        ("mixer:id=5,always", "\"type\":\"mixer\""),
        ("invalid-json:id=5,always", "\"id\":5"),
        ("invalid-utf8:id=5,always", "Gen"),
    ];
    each(&cases, 2, |(fault, raw)| {
        let source = Source::of(PRODUCTS, &[fault]);
        let seen = run(fault, World::new(), &source.url(), &["--strict"]);
        assert_eq!(seen.ended.code, Some(3), "{fault}: {:#}", seen.report);
        assert_eq!(seen.report["status"], "published", "{fault}");
        assert_eq!(seen.rejected(), 1, "{fault}: {:#}", seen.report);
        let rejects = seen.report["resources"]["products"]["rejects"][0].as_str();
        let path = seen
            .world
            .root()
            .join("objects")
            .join(rejects.expect("rejects"));
        let reject = std::fs::read_to_string(path).expect("text");
        assert!(
            reject.replace("\\\"", "\"").contains(raw),
            "{fault}: {reject}"
        );
        let held: Value =
            serde_json::from_str(reject.lines().next().expect("a line")).expect("JSON");
        assert!(held["reason"].is_string(), "{fault}: {held}");
        seen.assert_silent();
        seen.line(source.stats().requests, 0)
    });
}

#[test]
fn what_will_not_get_better_is_refused_at_once() {
    let foreign = elsewhere();
    let redirect = format!("redirect:id=5,to={}/take", foreign.base_url());
    let redirected_list = format!("redirect:listing,to={}/take", foreign.base_url());
    let leads = format!("a redirect to {}", foreign.base_url());
    let bomb_by_size = "  limits: { ratio: 2000 }\n";
    let cases: [(&str, &str, &str); 7] = [
        ("gzip-bomb:id=5", "", "grows more than 200 times"),
        ("gzip-bomb:id=5", bomb_by_size, "larger than 64 MiB"),
        ("gzip-bomb:listing", bomb_by_size, "larger than 64 MiB"),
        ("deep-json:id=5", "", "more than 100 deep"),
        (&redirect, "", &leads),
        (&redirected_list, "", &leads),
        ("403:id=5,always", "", "check the credentials"),
    ];
    let plain = Source::of(PRODUCTS, &[]);
    let usual = run("none", World::new(), &plain.url(), &[]).memory;
    each(&cases, 2, |(fault, source, words)| {
        let world = World::new();
        let edits = Edits {
            source,
            checks: Some(""),
        };
        edited(&world, &edits);
        let api = Source::of(PRODUCTS, &[fault]);
        let seen = run(
            &format!("{fault} {}", source.trim()),
            world,
            &api.url(),
            &[],
        );
        seen.assert_refused("SourceRejected", words);
        // 513 MiB are in the bomb; a body and what grows with it may be twice the 64 MiB of the limit.
        assert!(
            seen.memory < usual + 200,
            "{fault}: {} MiB after {usual}",
            seen.memory
        );
        assert_eq!(foreign.seen().len(), 0, "{fault}");
        seen.assert_silent();
        seen.line(api.stats().requests, foreign.seen().len())
    });
}

#[test]
fn an_address_of_another_origin_in_the_data_is_data() {
    let foreign = elsewhere();
    // In the listing, the first id becomes an address; in a product, its picture's does.
    for (at, missing) in [("listing", 1), ("id=5", 0)] {
        let fault = format!("foreign:{at},always,to={}", foreign.base_url());
        let source = Source::of(PRODUCTS, &[&fault]);
        let seen = run(&fault, World::new(), &source.url(), &[]);
        seen.assert_published();
        assert_eq!(seen.requests("missing"), missing, "{fault}");
        assert_eq!(foreign.seen().len(), 0, "{fault}");
        seen.assert_silent();
        println!(
            "{}",
            seen.line(source.stats().requests, foreign.seen().len())
        );
    }
}

/// Pages that name the next one, behind the same key.
const LINKED: &str = r#"
version: 1
description: Pages that lead on.
parameters: { base_url: { description: Where. } }
schedule: { cron: "30 5 * * ? *" }
source:
  base_url: "{base_url}"
  auth: { api_key: { query: api_key, key: { secret: gins/api_key } } }
resources:
  pages: { path: /pages, records: $.data, paginate: { next_link: { path: $.next } } }
tables:
  rows: { from: pages, key: [id], columns: { id: { from: $.id, type: int32, required: true } } }
destinations:
  lake: { database: linked }
"#;

#[test]
fn a_next_link_to_another_origin_is_refused_and_never_asked() {
    let foreign = elsewhere();
    for next in [
        format!("{}/pages?page=2", foreign.base_url()),
        foreign.base_url().replace("http:", ""),
        foreign.base_url().replace("http://", "http://user@"),
        foreign.base_url().replace("http://", "http:\\\\\\\\"),
    ] {
        let next = next.replace("\\\\", "\\");
        let body = json!({"data": [{"id": 1}], "next": next}).to_string();
        let api = Api::start(move |_| Response::json(body.clone()));
        let world = World::new();
        let folder = world.path().join("pipelines/linked");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("pipeline.yaml"), LINKED).expect("written");
        let base_url = format!("base_url={}", api.base_url());
        let mut command =
            world.rooted(&["run", "linked", "--format", "json", "--param", &base_url]);
        command
            .arg("--pipelines")
            .arg(world.path().join("pipelines"))
            .env("RUST_LOG", "trace");
        let (ended, memory) = watched(command.spawn().expect("the binary starts"));
        let seen = Seen {
            name: format!("next link to {next}"),
            report: ended.json(),
            world,
            ended,
            memory,
        };
        seen.assert_refused("SourceRejected", "another origin");
        assert_eq!((api.seen().len(), foreign.seen().len()), (1, 0), "{next}");
        seen.assert_silent();
        println!("{}", seen.line(api.seen().len(), foreign.seen().len()));
    }
}

/// The products of the fixture, but that product 5 is answered with this.
fn but_for_5(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Api {
    let products = products();
    let list: Vec<Value> = products
        .keys()
        .map(|id| json!({"id": id.to_string()}))
        .collect();
    Api::start(move |request| match requested_id(request) {
        None => Response::json(Value::from(list.clone()).to_string()),
        Some(5) => answer(request),
        Some(id) => Response::json(products[&id].to_string()),
    })
}

/// What an HTTP answer may hold of the request that led to it, and how it may break off: bytes of our own, so
/// that the bundled source and the run cannot share one mistake.
#[test]
fn answers_that_quote_the_key_or_break_off_are_refused_without_it() {
    let echo = |status: u16| {
        move |request: &Request| {
            let Request {
                method,
                path,
                query,
                headers,
                ..
            } = request;
            let quoted = format!("{method} {path}?{query} with {headers:?} and {CANARY}");
            let header = format!("location: {}?{}", request.path, request.query);
            Response::Whole(status, vec![header], quoted.into_bytes())
        }
    };
    let cases: Vec<(&str, Api, &str)> = vec![
        (
            "400 that quotes the key",
            but_for_5(echo(400)),
            "answered 400",
        ),
        (
            "401 that quotes the key",
            but_for_5(echo(401)),
            "check the credentials",
        ),
        (
            "307 to itself with the key",
            but_for_5(echo(307)),
            "redirects are not followed",
        ),
        (
            "an encoding nobody asked for",
            but_for_5(|_| Response::Whole(200, vec!["content-encoding: br".into()], b"{}".into())),
            "content encoding",
        ),
    ];
    each(&cases, 2, |(name, api, words)| {
        let seen = run(name, World::new(), &api.base_url(), &[]);
        seen.assert_refused("SourceRejected", words);
        seen.assert_silent();
        seen.line(api.seen().len(), 0)
    });
}

#[test]
fn an_answer_that_breaks_off_is_asked_for_again_however_it_breaks() {
    let body = products()[&5].to_string();
    let half = body[..body.len() / 2].to_owned();
    let length = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{half}",
        body.len()
    );
    let chunk = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{half}\r\n",
        half.len()
    );
    let until_closed = format!("HTTP/1.0 200 OK\r\n\r\n{half}");
    let cases = [
        ("cut at its length, by hand", length),
        ("cut between chunks, by hand", chunk),
        ("cut without any length, by hand", until_closed),
        ("no answer at all, by hand", String::new()),
        ("not HTTP, by hand", "what?\r\n\r\n".to_owned()),
    ];
    let whole = but_for_5(|_| Response::json(products()[&5].to_string()));
    let right = run("none", World::new(), &whole.base_url(), &[]);
    let content = Content::of(&right.world.root());
    each(&cases, 2, |(name, broken)| {
        let (broken, body) = (broken.clone().into_bytes(), body.clone());
        let asked = Arc::new(Mutex::new(0));
        let api = but_for_5(move |_| {
            let mut asked = asked.lock().expect("whole");
            *asked += 1;
            match *asked {
                1 => Response::Bytes(broken.clone()),
                _ => Response::json(body.clone()),
            }
        });
        let seen = run(name, World::new(), &api.base_url(), &[]);
        seen.assert_published();
        let difference = content.difference(&Content::of(&seen.world.root()));
        assert_eq!(difference, Difference::default(), "{name}");
        assert_eq!(seen.requests("retried"), 1, "{name}");
        seen.assert_silent();
        seen.line(api.seen().len(), 0)
    });
}

#[test]
fn lasting_trouble_ends_the_run_after_a_bounded_number_of_requests() {
    let cases = [
        ("500:id=5,always", "Transient", "the source answered 500"),
        ("truncate:id=5,always", "Transient", "broke off"),
        (
            "stall:id=5,always",
            "Transient",
            "no byte of the answer came",
        ),
        ("503:always", "Transient", "the source answered 503"),
        (
            "429:id=5,always,retry-after=0",
            "RateLimited",
            "answered 429",
        ),
        (
            "429:listing,always,retry-after=huge",
            "RateLimited",
            "asks to wait",
        ),
    ];
    // All of them at once: they mostly wait.
    each(&cases, cases.len(), |(fault, kind, words)| {
        let world = World::new();
        let edits = Edits {
            source: &format!("{SHORT}  retry: {{ attempts: 2 }}\n"),
            checks: Some(""),
        };
        edited(&world, &edits);
        let source = Source::of(PRODUCTS, &[fault]);
        let seen = run(fault, world, &source.url(), &[]);
        seen.assert_refused(kind, words);
        let requests = source.requests();
        let faulted = requests
            .iter()
            .filter(|seen| matches!(seen.outcome, Outcome::Fault(_)));
        // The state machine tries a step six times, the step a request twice.
        let most = 12;
        let target = if fault.contains("id=5") {
            Target::Product(5)
        } else {
            Target::Listing
        };
        assert!(
            faulted.filter(|seen| seen.target == target).count() <= most,
            "{fault}"
        );
        seen.assert_silent();
        seen.line(requests.len(), 0)
    });
}

#[test]
fn a_source_that_asks_for_a_very_long_wait_is_left_alone_and_the_run_taken_up_later() {
    let world = World::new();
    let pipelines = brief(&world);
    let source = Source::of(PRODUCTS, &["429:id=5,retry-after=huge"]);
    let base_url = format!("base_url={}", source.url());
    let arguments = || {
        let mut command = world.rooted(&["run", "gins", "--format", "json", "--param", &base_url]);
        command
            .args(["--param", "requests_per_second=2000"])
            .arg("--pipelines")
            .arg(&pipelines);
        command
    };
    let mut child = arguments().spawn().expect("the binary starts");
    let mut stderr = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let mut line = String::new();
    // A day is the most that is waited, whatever the source says.
    while !line.contains("waiting 86400 s") {
        line.clear();
        let read = std::io::BufRead::read_line(&mut stderr, &mut line).expect("text");
        assert!(read > 0, "ended without waiting");
    }
    std::thread::sleep(Duration::from_millis(300));
    let asked = source.stats().requests;
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(
        source.stats().requests,
        asked,
        "asked while it was to be left alone"
    );
    child.kill().expect("a child");
    child.wait().expect("a child");
    assert_eq!(Content::of(&world.root()).tables, BTreeMap::new());
    let (ended, _) = watched(arguments().spawn().expect("the binary starts"));
    let report = ended.json();
    assert_eq!(report["status"], "published", "{}", ended.stderr);
    assert!(
        ended.stderr.contains("taking up the run"),
        "{}",
        ended.stderr
    );
    // What was stored before the kill is not asked for again.
    let again = source.stats().most_for_one_target;
    assert!(again <= 2, "one target was asked for {again} times");
}
