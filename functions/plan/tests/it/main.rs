//! Whole calls of the step: what a source on a socket is asked for, which slices follow, what lies in objects.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use edge::env::{Env, Places};
use edge::ledger::{Bookmarks, Ledger};
use edge::run::{Run, lines};
use edge::secrets::SecretStore;
use edge::settings::Settings;
use jiff::SignedDuration;
use pipeline::bookmark::{Kept, Order};
use pipeline::fault::{Fault, Kind};
use pipeline::for_each::Parent;
use pipeline::layout::RunKeys;
use pipeline::ledger::WindowEvent;
use pipeline::name::Name;
use pipeline::run::{PlanInput, PlanOutput, PlanStatus, Reads, RunRequest, Slice};
use plan::Plan;
use step::Step;
use tempfile::TempDir;

/// A source that answers a path and query with a body.
struct Source {
    base: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Source {
    fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = heard.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &answer, &kept);
            }
        });
        Source { base, heard }
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().expect("whole").clone()
    }
}

fn serve(mut stream: TcpStream, answer: &impl Fn(&str) -> String, heard: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let body = answer(&path);
    heard.lock().expect("whole").push(path);
    let length = body.len();
    let said =
        format!("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    // The other side may be gone.
    let _ = stream.write_all(said.as_bytes());
}

struct World {
    env: Env,
    _root: TempDir,
}

impl World {
    /// A pipeline `p` with these resources (and schedule), each with a table.
    fn new(base: &str, schedule: &str, resources: &[(&str, &str)], read: &[&str]) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let folder = root.path().join("pipelines/p");
        std::fs::create_dir_all(&folder).expect("a folder");
        let resources: String = resources
            .iter()
            .map(|(name, resource)| format!("  {name}: {resource}\n"))
            .collect();
        let tables: String = read
            .iter()
            .map(|name| {
                format!(
                    "  {name}: {{ from: {name}, columns: {{ v: {{ from: $, type: json }} }} }}\n"
                )
            })
            .collect();
        let writes: Vec<String> = read.iter().map(|name| format!("{name}: append")).collect();
        let writes = writes.join(", ");
        let text = format!(
            "version: 1\ndescription: A test.\n{schedule}\nsource: {{ base_url: '{base}', rate: {{ requests: 100000, burst: 1000 }}, retry: {{ attempts: 1 }} }}\nresources:\n{resources}tables:\n{tables}destinations: {{ lake: {{ database: d, write: {{ {writes} }} }} }}\n"
        );
        std::fs::write(folder.join("pipeline.yaml"), text).expect("written");
        let places = Places {
            root: root.path().to_owned(),
            pipelines: root.path().join("pipelines"),
        };
        let secrets = SecretStore::over(|_| None, None).expect("opens");
        World {
            env: Env::local(&places, Settings::default(), secrets, None).expect("opens"),
            _root: root,
        }
    }

    async fn plan(&self, run_id: &str, request: RunRequest) -> Result<PlanOutput, Fault> {
        let input = PlanInput {
            run_id: run_id.to_owned(),
            started_at: "2026-11-21T12:00:00Z".to_owned(),
            request,
        };
        Plan::run(input, &self.env).await
    }

    /// As `plan`, in a call that has to be over after so many milliseconds.
    async fn plan_within(&self, millis: i64, run_id: &str) -> Result<PlanOutput, Fault> {
        let end = self.env.clock.now() + SignedDuration::from_millis(millis);
        let input = PlanInput {
            run_id: run_id.to_owned(),
            started_at: "2026-11-21T12:00:00Z".to_owned(),
            request: request(None, None),
        };
        Plan::run(input, &self.env.until(Some(end.into()))).await
    }

    async fn slices(&self, output: &PlanOutput) -> Vec<Slice> {
        lines(&self.env.objects, &output.slices.key)
            .await
            .expect("slices")
    }

    async fn parents(&self, output: &PlanOutput, slice: &Slice) -> Vec<Parent> {
        let run = self.env.run(&output.run).await.expect("a run");
        lines(&self.env.objects, &run.keys.ids(&slice.id))
            .await
            .expect("parents")
    }

    async fn run(&self, output: &PlanOutput) -> Arc<Run> {
        self.env.run(&output.run).await.expect("a run")
    }

    async fn note(&self, window: &str, run: &str, events: &[WindowEvent]) {
        let name = Name::new("p").expect("a name");
        let ledger = Ledger::new(&self.env.objects, &name);
        for event in events {
            ledger
                .record(window, run, event, "2026-11-21T00:00:00Z")
                .await
                .expect("noted");
        }
    }
}

fn request(from: Option<&str>, to: Option<&str>) -> RunRequest {
    RunRequest {
        pipeline: Name::new("p").expect("a name"),
        as_of: None,
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
        params: Default::default(),
        force: false,
        incomplete_only: false,
        skip: Vec::new(),
        raw_of: None,
        resume: None,
        scheduled_at: None,
        side_by_side: 1,
    }
}

fn shown(parents: &[Parent]) -> Vec<String> {
    let shown = parents.iter().map(|parent| {
        let values = parent
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        values.collect::<Vec<_>>().join(" ")
    });
    shown.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grandchildren_are_asked_for_every_year_of_every_child_of_every_parent() {
    let source = Source::start(|path| match path {
        "/districts?offset=0&limit=2" => r#"[{"id": 1}, {"id": 2}]"#.to_owned(),
        "/districts?offset=2&limit=2" => r#"[{"id": 3}]"#.to_owned(),
        "/districts/3/schools" => "[]".to_owned(),
        _ => {
            let district: u64 = path
                .split('/')
                .nth(2)
                .and_then(|id| id.parse().ok())
                .expect("a district");
            format!(
                "[{{\"no\": {}}}, {{\"no\": {}}}]",
                district * 10,
                district * 10 + 1
            )
        }
    });
    let world = World::new(
        &source.base,
        "",
        &[
            (
                "districts",
                "{ path: /districts, paginate: { offset: { limit: 2, stop: short_page } } }",
            ),
            (
                "schools",
                "{ path: '/districts/{parent.district}/schools', for_each: { parents: { of: [{ resource: districts, take: { district: $.id } }] } } }",
            ),
            (
                "grades",
                "{ path: '/grades/{parent.year}', query: { school: '{parent.school}', in: '{parent.district}' }, for_each: { parents: { of: [{ list: ['2026', '2025'], as: year }, { resource: schools, take: { school: $.no } }] } } }",
            ),
        ],
        &["grades"],
    );
    let output = world
        .plan("r1", request(None, None))
        .await
        .expect("planned");
    let slices = world.slices(&output).await;
    assert_eq!(slices.len(), 1);
    assert_eq!(slices[0].reads, Reads::Ids);
    let parents = world.parents(&output, &slices[0]).await;
    let expected: Vec<String> = ["2025", "2026"]
        .iter()
        .flat_map(|year| {
            [(1, 10), (1, 11), (2, 20), (2, 21)].map(|(district, school)| {
                format!("parent.district={district} parent.school={school} parent.year={year}")
            })
        })
        .collect();
    assert_eq!(shown(&parents), expected, "sorted by the year first");
    assert_eq!(
        source.heard().len(),
        5,
        "two pages of districts, three of schools"
    );
    // The state machine carries no list: only where it lies.
    let state = serde_json::to_string(&slices[0]).expect("json");
    assert!(state.len() < 300 && !state.contains("2025"), "{state}");
    // Planned again, nothing is asked for.
    world
        .plan("r1", request(None, None))
        .await
        .expect("planned");
    assert_eq!(source.heard().len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_with_pages_are_spread_over_slices_and_batches_share_a_request() {
    let source = Source::start(|_| {
        let shops: Vec<String> = (0..40).map(|id| format!("{{\"id\": {id}}}")).collect();
        format!("[{}]", shops.join(","))
    });
    let parents = "for_each: { parents: { of: [{ resource: shops, take: { shop: $.id } }] } }";
    let batched = "for_each: { parents: { of: [{ resource: shops, take: { shop: $.id } }], batch: { size: 15 } } }";
    let world = World::new(
        &source.base,
        "",
        &[
            ("shops", "{ path: /shops }"),
            (
                "sales",
                &format!(
                    "{{ path: '/sales/{{parent.shop}}', paginate: {{ offset: {{ limit: 5 }} }}, {parents} }}"
                ),
            ),
            (
                "names",
                &format!("{{ path: '/names/{{parent.shop}}', {parents} }}"),
            ),
            (
                "stock",
                &format!("{{ path: /stock, query: {{ shops: '{{parent.shop}}' }}, {batched} }}"),
            ),
        ],
        &["sales", "names", "stock"],
    );
    let output = world
        .plan("r1", request(None, None))
        .await
        .expect("planned");
    let slices = world.slices(&output).await;
    let of = |name: &str| {
        slices
            .iter()
            .filter(|slice| &*slice.resource == name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of("sales").len(), of("names").len(), of("stock").len()),
        (14, 1, 1)
    );
    let batches = world.parents(&output, of("stock")[0]).await;
    let sizes: Vec<usize> = batches
        .iter()
        .map(|batch| batch.0["parent.shop"].split(',').count())
        .collect();
    assert_eq!(sizes, [15, 15, 10]);
    assert!(batches[0].0["parent.shop"].starts_with("0,1,2,"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parent_without_its_value_stops_the_plan_and_says_where() {
    let source = Source::start(|_| r#"[{"id": 1}, {"name": "x"}]"#.to_owned());
    let world = World::new(
        &source.base,
        "",
        &[
            ("shops", "{ path: /shops }"),
            (
                "sales",
                "{ path: '/sales/{parent.shop}', for_each: { parents: { of: [{ resource: shops, take: { shop: $.id } }] } } }",
            ),
        ],
        &["sales"],
    );
    let fault = world
        .plan("r1", request(None, None))
        .await
        .expect_err("refused");
    assert!(
        fault.to_string().contains("record 1 of the parent"),
        "{fault}"
    );
    assert!(fault.to_string().contains("shops"), "{fault}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missed_windows_are_made_up_for_and_a_backfill_plans_what_is_missing() {
    let source = Source::start(|_| "[]".to_owned());
    let schedule = "schedule: { cron: '0 5 * * ? *', window: day, catch_up: 3, look_back: 1 }";
    let world = World::new(
        &source.base,
        schedule,
        &[("a", "{ path: /a, query: { d: '{window.date}' } }")],
        &["a"],
    );
    let published = [
        WindowEvent::Planned,
        WindowEvent::Loaded,
        WindowEvent::Published(Default::default()),
    ];
    world.note("2026-11-17", "r0", &published).await;
    world.note("2026-11-19", "r0", &published).await;
    let windows = async |output: &PlanOutput| -> Vec<String> {
        world
            .slices(output)
            .await
            .into_iter()
            .map(|slice| slice.window)
            .collect()
    };
    let due = world
        .plan("r1", request(None, None))
        .await
        .expect("planned");
    assert_eq!(
        windows(&due).await,
        ["2026-11-18", "2026-11-19", "2026-11-20"]
    );
    let backfill = world
        .plan("r2", request(Some("2026-11-15"), Some("2026-11-17")))
        .await
        .expect("planned");
    assert_eq!(windows(&backfill).await, ["2026-11-15", "2026-11-16"]);
    let many = world
        .plan("r3", request(Some("2026-09-01"), None))
        .await
        .expect("planned");
    assert_eq!(
        windows(&many).await.len(),
        81 - 1,
        "all but the one that is published and not begun again"
    );
    let nothing = world
        .plan("r4", request(Some("2026-11-17"), Some("2026-11-17")))
        .await
        .expect("planned");
    assert_eq!(nothing.status, PlanStatus::NothingToDo);
    let again = RunRequest {
        force: true,
        ..request(Some("2026-11-17"), Some("2026-11-17"))
    };
    let again = world.plan("r5", again).await.expect("planned");
    assert_eq!(windows(&again).await, ["2026-11-17"]);
    assert!(
        source.heard().is_empty(),
        "a plan without parents asks for nothing"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_reads_on_from_its_bookmark_and_a_backfill_from_where_it_is_told() {
    let source = Source::start(|_| r#"{"newestChangeVersion": 90}"#.to_owned());
    let resource = "{ path: /students, query: { min: '{bookmark}', max: '{bookmark.until}' }, bookmark: { until: { path: /versions, at: $.newestChangeVersion }, order: number, start: '0', plus: 1 } }";
    let world = World::new(&source.base, "", &[("students", resource)], &["students"]);
    let students = Name::new("students").expect("a name");
    let reach = async |id: &str, request: RunRequest| {
        let output = world.plan(id, request).await.expect("planned");
        let run = world.run(&output).await;
        let reach = run.reaches[&students].clone();
        (reach.from, reach.until.expect("an end"), reach.moves)
    };
    let is = |from: &str, until: &str, moves| (from.to_owned(), until.to_owned(), moves);
    assert_eq!(reach("r1", request(None, None)).await, is("0", "90", true));
    let name = Name::new("p").expect("a name");
    let bookmarks = Bookmarks::new(&world.env.objects, &name);
    let kept = Kept {
        value: "41".to_owned(),
        run_id: "r1".to_owned(),
        changed_at: String::new(),
    };
    bookmarks
        .advance("students", Order::Number, &kept)
        .await
        .expect("moved");
    assert_eq!(reach("r2", request(None, None)).await, is("42", "90", true));
    assert_eq!(
        reach("r3", request(Some("5"), Some("7"))).await,
        is("5", "7", false)
    );
    assert_eq!(
        reach("r4", request(Some("5"), None)).await,
        is("5", "90", false)
    );
    // A run that was planned keeps what it was planned with.
    assert_eq!(reach("r1", request(None, None)).await, is("0", "90", true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_known_ahead_are_cut_into_slices() {
    let source = Source::start(|_| r#"{"d": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "n": 95}"#.to_owned());
    let resource = "{ path: /a, records: $.d, paginate: { offset: { limit: 10, pages_per_slice: 4, stop: { total: $.n } } } }";
    let world = World::new(&source.base, "", &[("a", resource)], &["a"]);
    let output = world
        .plan("r1", request(None, None))
        .await
        .expect("planned");
    let slices = world.slices(&output).await;
    let begins: Vec<String> = slices
        .iter()
        .map(|slice| slice.begin.as_ref().expect("a beginning")["at"].to_string())
        .collect();
    assert_eq!(
        begins,
        [r#"{"offset":0}"#, r#"{"offset":40}"#, r#"{"offset":80}"#]
    );
    let names: Vec<&str> = slices.iter().map(|slice| slice.id.as_str()).collect();
    assert_eq!(
        names,
        [
            "a-2026-11-21-00000",
            "a-2026-11-21-00001",
            "a-2026-11-21-00002"
        ]
    );
    assert_eq!(source.heard().len(), 1, "the first page tells the total");
    // Few pages make one slice, which begins at the first page as ever.
    let few = Source::start(|_| r#"{"d": [1], "n": 1}"#.to_owned());
    let world = World::new(&few.base, "", &[("a", resource)], &["a"]);
    let output = world
        .plan("r1", request(None, None))
        .await
        .expect("planned");
    let slices = world.slices(&output).await;
    assert_eq!((slices.len(), slices[0].begin.is_none()), (1, true));
}

fn scheduled(at: &str) -> RunRequest {
    RunRequest {
        scheduled_at: Some(at.to_owned()),
        ..request(None, None)
    }
}

const A: &[(&str, &str)] = &[("a", "{ path: /a }")];
const DAILY: &str = "schedule: { cron: '0 5 * * ? *', window: day }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_runs_for_the_same_trigger_the_first_has_something_to_do() {
    for schedule in ["", DAILY] {
        let world = World::new("http://127.0.0.1:9", schedule, A, &["a"]);
        let at = "2026-11-21T05:00:00Z";
        let plan = async |id: &str, request: RunRequest| {
            let output = world.plan(id, request).await.expect("planned");
            (output.status, output.slices.count)
        };
        let planned = (PlanStatus::Planned, 1);
        let nothing = (PlanStatus::NothingToDo, 0);
        assert_eq!(plan("r1", scheduled(at)).await, planned);
        assert_eq!(plan("r2", scheduled(at)).await, nothing, "a duplicate");
        assert_eq!(plan("r1", scheduled(at)).await, planned, "a retry");
        assert_eq!(plan("r2", scheduled(at)).await, nothing, "its retry");
        // The same moment, said otherwise.
        let other = scheduled("2026-11-21T06:00:00+01:00");
        assert_eq!(plan("r3", other).await, nothing);
        let next = scheduled("2026-11-21T11:00:00Z");
        assert_eq!(plan("r4", next).await, planned, "another moment");
        assert_eq!(plan("r5", request(None, None)).await, planned, "by hand");
        // A run that is taken up again under another execution's name has the trigger still, planned or not.
        let keys = RunKeys::new(&Name::new("p").expect("a name"), "r1");
        world.env.objects.delete(&keys.plan()).await.expect("gone");
        let again = RunRequest {
            resume: Some("r1".to_owned()),
            ..scheduled(at)
        };
        assert_eq!(plan("r1.again-1", again).await, planned, "taken up");
        let fault = world.plan("r6", scheduled("soon")).await;
        let fault = fault.expect_err("no time");
        assert!(
            fault.message.contains("`scheduled_at` is no time"),
            "{fault}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trigger_that_comes_late_is_for_its_own_windows() {
    for (schedule, at, windows) in [
        // The plan is made at noon of the 21st.
        (DAILY, "2026-11-21T05:00:00Z", ["2026-11-20"]),
        (DAILY, "2026-11-19T05:00:00Z", ["2026-11-18"]),
        (DAILY, "2026-11-29T05:00:00Z", ["2026-11-20"]),
        ("", "2026-11-21T05:00:00Z", ["2026-11-21"]),
        ("", "2026-11-19T23:59:00Z", ["2026-11-19"]),
        ("", "2026-11-29T05:00:00Z", ["2026-11-21"]),
    ] {
        let world = World::new("http://127.0.0.1:9", schedule, A, &["a"]);
        let output = world.plan("r1", scheduled(at)).await.expect("planned");
        let run = world.run(&output).await;
        let periods = run.periods.iter().map(|period| period.key.as_str());
        assert_eq!(periods.collect::<Vec<_>>(), windows, "{schedule} {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_map_is_told_how_many_work_at_the_same_time() {
    let ids = "{ path: '/a/{id}', for_each: { range: { last: 4000 } } }";
    for (resource, workers, side_by_side) in [
        ("{ path: /a }", 1, 1),
        (ids, 4, 1),
        (ids, 4, 3),
        ("{ path: /a }", 1, 0),
    ] {
        let world = World::new("http://127.0.0.1:9", "", &[("a", resource)], &["a"]);
        let request = RunRequest {
            side_by_side,
            ..request(None, None)
        };
        let output = world.plan("r1", request).await.expect("planned");
        let slices = &output.slices;
        // Runs side by side divide the rates further.
        assert_eq!(slices.workers, workers * side_by_side.max(1), "{slices:?}");
        assert!(u64::from(workers) <= slices.count && workers <= slices.max_concurrency);
    }
}

/// Pages of two shops each, ten of them, each of which takes its time.
fn many_shops(millis: u64) -> Source {
    Source::start(move |path| {
        std::thread::sleep(std::time::Duration::from_millis(millis));
        let page = path.rsplit_once("p=").map_or("", |(_, page)| page);
        match page.parse::<u32>() {
            Ok(page @ 1..=10) => {
                format!("[{{\"id\": {}}}, {{\"id\": {}}}]", page * 2, page * 2 + 1)
            }
            _ => "[]".to_owned(),
        }
    })
}

const SHOPS: &str = "{ path: /shops, paginate: { page_number: { parameter: p } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_listed_over_many_pages_is_planned_by_as_many_calls_as_it_takes() {
    let by_id = "{ path: '/sales/{id}', for_each: { listing: { resource: shops, id: $.id } } }";
    let by_parent = "{ path: '/sales/{parent.id}', for_each: { parents: { of: [{ resource: shops, take: { id: $.id } }] } } }";
    for sales in [by_id, by_parent] {
        let resources = [("shops", SHOPS), ("sales", sales)];
        let quick = many_shops(0);
        let world = World::new(&quick.base, "", &resources, &["sales"]);
        let at_once = world
            .plan("r1", request(None, None))
            .await
            .expect("planned");
        assert_eq!(quick.heard().len(), 11);
        let expected = world
            .parents(&at_once, &world.slices(&at_once).await[0])
            .await;
        assert_eq!(expected.len(), 20);
        let source = many_shops(60);
        let world = World::new(&source.base, "", &resources, &["sales"]);
        let mut calls = 1;
        let output = loop {
            match world.plan_within(350, "r1").await {
                Ok(output) => break output,
                Err(fault) => assert_eq!(fault.kind, Kind::Transient, "{fault}"),
            }
            calls += 1;
        };
        let parents = world
            .parents(&output, &world.slices(&output).await[0])
            .await;
        assert_eq!(parents, expected);
        assert!(calls > 1);
        // A page that was under way when a call was over is asked for again, and no other.
        let heard = source.heard().len();
        assert!(
            (11..=10 + calls).contains(&heard),
            "{heard} in {calls} calls"
        );
    }
}
