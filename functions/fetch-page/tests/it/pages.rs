//! Page after page: how it ends, what loops and strange links lead to, what is asked for ahead.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pipeline::fault::Kind;
use pipeline::run::FetchStatus;

use crate::world::{Answer, Source, World, number, ok, records};

/// All record numbers that are stored, in order.
async fn numbers(world: &World) -> Vec<usize> {
    let stored = world.stored().await;
    let mut numbers = Vec::new();
    for page in stored {
        let page: serde_json::Value = serde_json::from_str(&page.body).expect("json");
        let list = page
            .get("d")
            .unwrap_or(&page)
            .as_array()
            .expect("a list")
            .clone();
        numbers.extend(
            list.iter()
                .map(|number| number.as_u64().expect("a number") as usize),
        );
    }
    numbers
}

const OFFSET: &str =
    "{ path: /a, records: $.d, paginate: { offset: { limit: 10, stop: { total: $.n } } } }";
const NUMBER: &str = "{ path: /a, records: $.d, paginate: { page_number: { parameter: p, first: 0, size_parameter: s, size: 10, stop: { total: $.n } } } }";
const SHORT: &str =
    "{ path: /a, records: $.d, paginate: { offset: { limit: 10, stop: short_page } } }";
const EMPTY: &str = "{ path: /a, records: $.d, paginate: { offset: { limit: 10 } } }";
const KEYSET: &str = "{ path: /a, records: $.d, paginate: { keyset: { parameter: offset, key: $, size_parameter: limit, size: 10, stop: short_page } }, query: { offset: 0 } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_fetches_all_and_asks_no_more_than_it_must() {
    // The paginator, how many records there are, and how many requests that makes.
    for (resource, total, requests) in [
        (OFFSET, 0, 1),
        (OFFSET, 1, 1),
        (OFFSET, 10, 1),
        (OFFSET, 95, 10),
        (OFFSET, 100, 10),
        (NUMBER, 0, 1),
        (NUMBER, 95, 10),
        (NUMBER, 100, 10),
        (SHORT, 0, 1),
        (SHORT, 95, 10),
        (SHORT, 100, 11),
        (EMPTY, 0, 1),
        (EMPTY, 95, 11),
        (EMPTY, 100, 11),
    ] {
        let source = Source::start(move |asked, _| {
            let (from, size) = match asked.contains("offset=") {
                true => (number(asked, "offset"), number(asked, "limit")),
                false => (number(asked, "p") * number(asked, "s"), number(asked, "s")),
            };
            let page = records(from, (from + size).min(total));
            ok(format!("{{\"d\": {page}, \"n\": {total}}}"))
        });
        let world = World::planned(&source.base, resource, None).await;
        let output = world.fetched().await.expect("fetched");
        assert_eq!(
            numbers(&world).await,
            (0..total).collect::<Vec<_>>(),
            "{resource} {total}"
        );
        assert_eq!(source.heard().len(), requests, "{resource} {total}");
        assert_eq!(output.fetched.sent, requests as u64, "{resource} {total}");
        assert_eq!(output.fetched.pages, requests as u64, "{resource} {total}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_are_known_are_under_way_together() {
    // The first page tells the total; each of the others is answered only when another is there too.
    let meeting = Arc::new((Mutex::new(0usize), Condvar::new()));
    let met = Arc::new(AtomicUsize::new(0));
    let (waiting, most) = (meeting.clone(), met.clone());
    let source = Source::start(move |asked, before| {
        let from = number(asked, "offset");
        if before > 0 {
            let (count, changed) = &*waiting;
            let mut inside = count.lock().expect("whole");
            *inside += 1;
            most.fetch_max(*inside, Ordering::SeqCst);
            changed.notify_all();
            let alone = |inside: &mut usize| *inside < 2;
            let (mut inside, _) = changed
                .wait_timeout_while(inside, Duration::from_millis(200), alone)
                .expect("whole");
            *inside -= 1;
        }
        ok(format!(
            "{{\"d\": {}, \"n\": 400}}",
            records(from, from + 10)
        ))
    });
    let world = World::planned(&source.base, OFFSET, None).await;
    world.fetched().await.expect("fetched");
    assert_eq!(numbers(&world).await, (0..400).collect::<Vec<_>>());
    assert_eq!(source.heard().len(), 40);
    let together = met.load(Ordering::SeqCst);
    assert!(
        (2..=4).contains(&together),
        "{together} at a time, 4 declared"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_total_that_changes_while_paging_neither_loses_nor_doubles() {
    // What the source has by the time of each request, in records; what is stored in the end.
    for (totals, expected) in [
        ([95, 95, 42], 42),
        ([95, 40, 40], 40),
        ([20, 55, 55], 55),
        ([95, 0, 0], 10),
    ] {
        for resource in [OFFSET, NUMBER] {
            let source = Source::start(move |asked, before| {
                let from = match asked.contains("offset=") {
                    true => number(asked, "offset"),
                    false => number(asked, "p") * 10,
                };
                let total = totals[(before / 2).min(2)];
                let total = if before == 0 { totals[0] } else { total };
                ok(format!(
                    "{{\"d\": {}, \"n\": {total}}}",
                    records(from, (from + 10).min(total))
                ))
            });
            let world = World::planned(&source.base, resource, None).await;
            match world.fetched().await {
                Ok(output) => {
                    let stored = numbers(&world).await;
                    let whole: Vec<usize> = (0..stored.len()).collect();
                    assert_eq!(stored, whole, "{totals:?} {resource}");
                    assert!(
                        stored.len() >= expected.min(20),
                        "{totals:?}: {}",
                        stored.len()
                    );
                    assert_eq!(output.fetched.sent, source.heard().len() as u64);
                }
                Err(fault) => panic!("{totals:?} {resource}: {fault}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_pages_in_between_are_not_mistaken_for_what_was_guessed() {
    // This source gives 7 where 10 are asked for: every guess after the first page is wrong.
    let source = Source::start(|asked, _| {
        let from = number(asked, "offset");
        ok(format!(
            "{{\"d\": {}, \"n\": 50}}",
            records(from, (from + 7).min(50))
        ))
    });
    let world = World::planned(&source.base, OFFSET, None).await;
    let output = world.fetched().await.expect("fetched");
    assert_eq!(numbers(&world).await, (0..50).collect::<Vec<_>>());
    assert_eq!(output.fetched.sent, source.heard().len() as u64);
    // Eight pages, and the guesses that were under way when the first of them was wrong.
    assert!(source.heard().len() <= 8 + 4, "{:?}", source.heard());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guess_past_the_end_that_is_refused_does_no_harm() {
    // The source shrinks to one page more than the first and answers 404 past its end.
    let source = Source::start(|asked, before| {
        let from = number(asked, "offset");
        match (before, from) {
            (0, _) => ok(format!("{{\"d\": {}, \"n\": 95}}", records(0, 10))),
            (_, 10) => ok(format!("{{\"d\": {}, \"n\": 15}}", records(10, 15))),
            _ => Answer(404, String::new(), String::new()),
        }
    });
    let world = World::planned(&source.base, OFFSET, None).await;
    world.fetched().await.expect("fetched");
    assert_eq!(numbers(&world).await, (0..15).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_leads_in_a_circle_is_asked_no_more() {
    let link = "{ path: /a, records: $.d, paginate: { next_link: { path: $.next } } }";
    let header = "{ path: /a, records: $.d, paginate: { next_link: { header: next } } }";
    let cursor = "{ path: /a, records: $.d, paginate: { cursor: { parameter: c, path: $.next } } }";
    let keyset = "{ path: /a, records: $.d, paginate: { keyset: { parameter: c, key: $.id } } }";
    let pages = "{ path: /a, records: $.d, paginate: { page_number: { parameter: p } } }";
    type Say = fn(usize) -> Answer;
    // The resource, what each request is answered, after how many the loop is seen, and what is said of it.
    let cases: [(&str, &str, Say, usize, &str); 8] = [
        (
            "a link to itself",
            link,
            |n| ok(format!("{{\"d\": [{n}], \"next\": \"/a\"}}")),
            1,
            "the link that asked for page 1",
        ),
        (
            "two links by turns",
            link,
            |n| ok(format!("{{\"d\": [{n}], \"next\": \"/a?x={}\"}}", n % 2)),
            3,
            "the link that asked for page 2",
        ),
        (
            "a Link header to itself",
            header,
            |n| {
                Answer(
                    200,
                    "link: </a?x=1>; rel=\"next\"\r\n".into(),
                    format!("{{\"d\": [{n}]}}"),
                )
            },
            2,
            "the link that asked for page 2",
        ),
        (
            "the same cursor",
            cursor,
            |n| ok(format!("{{\"d\": [{n}], \"next\": \"c\"}}")),
            2,
            "the cursor that asked for page 2",
        ),
        (
            "new cursors to the same page",
            cursor,
            |n| ok(format!("{{\"d\": [1], \"next\": \"c{n}\"}}")),
            2,
            "repeats the records",
        ),
        (
            "the last record again",
            keyset,
            |n| ok(format!("{{\"d\": [{{\"id\": 5, \"n\": {n}}}]}}")),
            2,
            "the cursor that asked for page 2",
        ),
        (
            "a page number that is ignored",
            pages,
            |_| ok("{\"d\": [1, 2]}"),
            2,
            "repeats the records",
        ),
        (
            "empty pages without end",
            cursor,
            |n| ok(format!("{{\"d\": [], \"next\": \"c{n}\"}}")),
            6,
            "without records follow",
        ),
    ];
    for (what, resource, say, seen, part) in cases {
        let source = Source::start(move |_, before| say(before));
        let world = World::planned(&source.base, resource, None).await;
        let fault = world.fetched().await.expect_err(what);
        assert_eq!(fault.kind, Kind::SourceRejected, "{what}: {fault}");
        assert!(fault.message.contains(part), "{what}: {fault}");
        let sent = source.heard().len();
        println!(
            "{what}: seen after {seen} requests, sent after: {}",
            sent as i64 - seen as i64
        );
        assert_eq!(sent, seen, "{what}");
        // Called again, the step neither forgets what it saw nor stores a page twice.
        assert!(world.call().await.is_err(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_to_another_origin_is_never_followed() {
    let canary = Source::start(|_, _| ok("[]"));
    let elsewhere = canary.base.clone();
    for form in ["http", "user", "slashes"] {
        let link = match form {
            "http" => format!("{elsewhere}/a"),
            "user" => elsewhere.replace("http://", "http://u:p@"),
            _ => elsewhere.replace("http:", ""),
        };
        let source = Source::start(move |_, _| ok(format!("{{\"d\": [1], \"next\": \"{link}\"}}")));
        let resource = "{ path: /a, records: $.d, paginate: { next_link: { path: $.next } } }";
        let world = World::planned(&source.base, resource, None).await;
        let fault = world.fetched().await.expect_err(form);
        assert!(fault.message.contains("another origin"), "{fault}");
        assert_eq!(
            (source.heard().len(), canary.heard().len()),
            (1, 0),
            "{form}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_failed_in_the_middle_goes_on_where_it_stood() {
    for resource in [OFFSET, NUMBER, SHORT, KEYSET] {
        for broken in [1, 2, 5, 9] {
            // The request of that number fails once, whatever it asks for.
            let source = Source::start(move |asked, before| {
                if before == broken {
                    return Answer(500, String::new(), String::new());
                }
                let from = match asked.contains("offset=") {
                    true if resource == KEYSET && !asked.contains("offset=0") => {
                        number(asked, "offset") + 1
                    }
                    true => number(asked, "offset"),
                    false => number(asked, "p") * 10,
                };
                ok(format!(
                    "{{\"d\": {}, \"n\": 95}}",
                    records(from, (from + 10).min(95))
                ))
            });
            let world = World::planned(&source.base, resource, None).await;
            let fault = world.fetched().await.expect_err("the request failed");
            assert_eq!(fault.kind, Kind::Transient, "{fault}");
            world.fetched().await.expect("goes on");
            assert_eq!(
                numbers(&world).await,
                (0..95).collect::<Vec<_>>(),
                "{resource} {broken}"
            );
            // Complete, it asks for nothing more.
            let heard = source.heard().len();
            world.fetched().await.expect("done");
            assert_eq!(source.heard().len(), heard);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_too_large_for_the_source_is_asked_for_in_smaller_ones() {
    let number_of = "{ path: /a, records: $.d, paginate: { page_number: { parameter: p, first: 0, size_parameter: s, size: 40, stop: { total: $.n }, smaller: { on: [413, 504], at_least: 5 } } } }";
    let offset = "{ path: /a, records: $.d, paginate: { offset: { limit: 40, stop: short_page, smaller: { on: [5xx], at_least: 5 } } } }";
    for (resource, status, bears, total) in [
        (number_of, 413, 12, 95),
        (offset, 504, 12, 95),
        (offset, 500, 40, 80),
    ] {
        let source = Source::start(move |asked, _| {
            let (from, size) = match asked.contains("offset=") {
                true => (number(asked, "offset"), number(asked, "limit")),
                false => (number(asked, "p") * number(asked, "s"), number(asked, "s")),
            };
            // Only pages past the first forty records are heavy.
            match from >= 40 && size > bears {
                true => Answer(status, String::new(), String::new()),
                false => ok(format!(
                    "{{\"d\": {}, \"n\": {total}}}",
                    records(from, (from + size).min(total))
                )),
            }
        });
        let world = World::planned(&source.base, resource, None).await;
        world.fetched().await.expect("fetched");
        assert_eq!(
            numbers(&world).await,
            (0..total).collect::<Vec<_>>(),
            "{resource}"
        );
    }
    let source = Source::start(|_, _| Answer(504, String::new(), String::new()));
    let world = World::planned(&source.base, offset, None).await;
    let fault = world.fetched().await.expect_err("never small enough");
    assert!(fault.message.contains("no smaller page"), "{fault}");
    let asked: Vec<usize> = source
        .heard()
        .iter()
        .map(|asked| number(asked, "limit"))
        .collect();
    assert_eq!(asked, [40, 20, 10, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_in_a_body_of_graphql_is_followed_to_its_end() {
    let resource = "{ path: /graphql, method: post_repeatable, body: { json: { query: 'q', variables: { first: 10 } } }, records: $.data.d, paginate: { cursor: { parameter: $.variables.after, path: $.data.page.end, stop: { has_more: $.data.page.more } } } }";
    let source = Source::start(|asked, before| {
        let expected = match before {
            0 => r#"/graphql{"query":"q","variables":{"first":10}}"#.to_owned(),
            n => format!(r#"/graphql{{"query":"q","variables":{{"first":10,"after":"c{n}"}}}}"#),
        };
        assert_eq!(asked, expected);
        ok(format!(
            "{{\"data\": {{\"d\": {}, \"page\": {{\"end\": \"c{}\", \"more\": {}}}}}}}",
            records(before * 10, before * 10 + 10),
            before + 1,
            before < 4
        ))
    });
    let world = World::planned(&source.base, resource, None).await;
    let output = world.fetched().await.expect("fetched");
    assert_eq!((output.fetched.pages, source.heard().len()), (5, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_too_large_for_the_source_is_read_in_halves() {
    // One record every ten minutes of the day in London, 144 of them; more than 20 at a time are too many.
    let resource = "{ path: /a, records: $.d, query: { from: '{window.start_unix}', to: '{window.end_unix}' }, split_window: { on: [413], at_least_seconds: 600 }, paginate: { offset: { limit: 7, stop: short_page } } }";
    let schedule = "schedule: { cron: '0 5 * * ? *', window: day, timezone: Europe/London }";
    let day = 1_781_996_400; // 2026-06-21T00:00 in London
    for broken in [usize::MAX, 0, 3, 9, 20] {
        let source = Source::start(move |asked, before| {
            if before == broken {
                return Answer(500, String::new(), String::new());
            }
            let (from, to) = (number(asked, "from"), number(asked, "to"));
            assert!(day <= from && from < to && to <= day + 86_400, "{asked}");
            let (first, after) = ((from - day).div_ceil(600), (to - day).div_ceil(600));
            if after - first > 20 {
                return Answer(413, String::new(), String::new());
            }
            let at = first + number(asked, "offset");
            ok(format!("{{\"d\": {}}}", records(at, (at + 7).min(after))))
        });
        let world = World::windowed(&source.base, resource, schedule, "2026-06-21", None).await;
        if broken != usize::MAX {
            world.fetched().await.expect_err("broken");
        }
        world.fetched().await.expect("fetched");
        assert_eq!(
            numbers(&world).await,
            (0..144).collect::<Vec<_>>(),
            "{broken}"
        );
    }
    let never = Source::start(|_, _| Answer(413, String::new(), String::new()));
    let world = World::windowed(&never.base, resource, schedule, "2026-06-21", None).await;
    let fault = world.fetched().await.expect_err("never small enough");
    assert!(
        fault.message.contains("may not be shorter than the 675 s"),
        "{fault}"
    );
    // In the middle of a window it is too late: the first pages are stored.
    let late = Source::start(|asked, _| match number(asked, "offset") {
        0 => ok(format!("{{\"d\": {}}}", records(0, 7))),
        _ => Answer(413, String::new(), String::new()),
    });
    let world = World::windowed(&late.base, resource, schedule, "2026-06-21", None).await;
    let fault = world.fetched().await.expect_err("too late");
    assert!(
        fault.message.contains("in the middle of a window"),
        "{fault}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slice_of_pages_fetches_its_own_and_no_others() {
    let number_of = NUMBER.replace("size: 10,", "size: 10, pages_per_slice: 3,");
    let offset = OFFSET.replace("limit: 10,", "limit: 10, pages_per_slice: 3,");
    // Where the slice begins and ends, what it fetches of 95 records, and in how many requests.
    for (resource, begin, expected, requests) in [
        (
            &number_of,
            r#"{"at": {"page": 0}, "end": 3, "left": 2}"#,
            0..30,
            3,
        ),
        (
            &number_of,
            r#"{"at": {"page": 3}, "pages": 3, "records": 30, "end": 6, "left": 2}"#,
            30..60,
            3,
        ),
        (
            &number_of,
            r#"{"at": {"page": 9}, "pages": 9, "records": 90}"#,
            90..95,
            1,
        ),
        (
            &offset,
            r#"{"at": {"offset": 30}, "pages": 3, "records": 30, "end": 60, "left": 2}"#,
            30..60,
            3,
        ),
        (
            &offset,
            r#"{"at": {"offset": 30}, "pages": 3, "records": 30, "end": 55, "left": 2}"#,
            30..55,
            3,
        ),
        (
            &offset,
            r#"{"at": {"offset": 90}, "pages": 9, "records": 90}"#,
            90..95,
            1,
        ),
    ] {
        let source = Source::start(|asked, _| {
            let (from, size) = match asked.contains("offset=") {
                true => (number(asked, "offset"), number(asked, "limit")),
                false => (number(asked, "p") * number(asked, "s"), number(asked, "s")),
            };
            ok(format!(
                "{{\"d\": {}, \"n\": 95}}",
                records(from, (from + size).min(95))
            ))
        });
        let mut world = World::planned(&source.base, resource, None).await;
        world.slice.begin = Some(serde_json::from_str(begin).expect("json"));
        world.fetched().await.expect("fetched");
        assert_eq!(
            numbers(&world).await,
            expected.collect::<Vec<_>>(),
            "{begin}"
        );
        assert_eq!(source.heard().len(), requests, "{begin}");
    }
    // Records that moved would be missed by numbered pages: that is seen at the slice's end.
    let source = Source::start(|asked, _| {
        let from = number(asked, "p") * 10;
        ok(format!("{{\"d\": {}, \"n\": 95}}", records(from, from + 9)))
    });
    let mut world = World::planned(&source.base, &number_of, None).await;
    let begin = r#"{"at": {"page": 0}, "end": 3, "left": 2}"#;
    world.slice.begin = Some(serde_json::from_str(begin).expect("json"));
    let fault = world.fetched().await.expect_err("short pages");
    assert!(fault.message.contains("27 of 30 records"), "{fault}");
}

/// A source that takes its time for each answer.
fn slow(millis: u64) -> Source {
    Source::start(move |asked, _| {
        std::thread::sleep(Duration::from_millis(millis));
        match asked
            .rsplit_once("page=")
            .and_then(|(_, page)| page.parse::<u32>().ok())
        {
            Some(page) if page > 29 => ok("[]"),
            page => ok(format!("[{}]", page.unwrap_or(0))),
        }
    })
}

const NUMBERED: &str =
    "{ path: /a, paginate: { page_number: { parameter: page, first: 0, stop: empty_page } } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_of_a_few_comes_further_however_slow_the_source_is() {
    let source = slow(60);
    let world = World::planned(&source.base, NUMBERED, None).await;
    let (mut calls, mut answers) = (0, 0);
    loop {
        let output = world.call_within(400).await.expect("comes further");
        calls += 1;
        match output.status {
            FetchStatus::Done => break,
            FetchStatus::More => assert!(output.fetched.answers() > answers, "{output:?}"),
            FetchStatus::Wait => panic!("{output:?}"),
        }
        answers = output.fetched.answers();
    }
    assert!(calls > 2, "{calls}");
    let pages: Vec<String> = world
        .stored()
        .await
        .into_iter()
        .map(|page| page.body)
        .collect();
    let expected = (0..30)
        .map(|page| format!("[{page}]"))
        .chain(["[]".to_owned()]);
    assert_eq!(pages, expected.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_takes_longer_than_a_call_has_is_told_and_not_asked_for_ever() {
    let source = slow(2_000);
    let world = World::planned(&source.base, NUMBERED, None).await;
    // The first call has come as far as knowing where to begin.
    let begun = world.call_within(200).await.expect("begun");
    assert_eq!(
        (begun.status, begun.fetched.answers()),
        (FetchStatus::More, 0)
    );
    let fault = world.call_within(200).await.expect_err("no page came");
    assert_eq!(fault.kind, Kind::Transient, "{fault}");
    assert!(fault.message.contains("longer time-out"), "{fault}");
}
