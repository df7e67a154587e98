//! Walks over sources that answer by cursor, by last record and by body: a table of what each does.

use url::Position::BeforePath;

use super::*;
use crate::decode::decode;
use crate::request::{Answer, Request};
use crate::resource::ResourceDefinition;
use crate::source::SourceDefinition;

/// An answer: its body, and the headers that matter.
type Said = (String, Vec<(&'static str, String)>);

/// Walks a resource; what was asked (path, query and body), or the fault's message and how much was asked.
fn walk(
    resource: &str,
    server: impl Fn(&Request, usize) -> Said,
) -> Result<Vec<String>, (String, usize)> {
    let source = "{ base_url: https://api.example, limits: { max_pages: 50 } }";
    let source: SourceDefinition = decode(source).value.expect("a source");
    let source = source.open(&Values::new()).expect("opens");
    let decoded = decode::<ResourceDefinition>(resource);
    assert!(
        decoded.problems.is_empty(),
        "{}",
        decoded.problems.render("p", resource)
    );
    let resource = decoded.value.expect("a resource");
    let values = Values::from([("size".into(), "2".into()), ("id".into(), "t0".into())]);
    let mut token = resource.paginate.first();
    let mut asked = Vec::new();
    loop {
        let json = serde_json::to_string(&token).expect("json");
        assert!(json.len() < 4096, "{json}");
        token = serde_json::from_str(&json).expect("a token");
        let request = source.request(&resource, &token, &values);
        let request = request.map_err(|fault| (fault.message, asked.len()))?;
        let body = request.body.as_ref();
        let body = body.map(|body| String::from_utf8_lossy(&body.bytes).into_owned());
        let (said, headers) = server(&request, asked.len());
        asked.push(format!(
            "{}{}",
            &request.url[BeforePath..],
            body.unwrap_or_default()
        ));
        let headers = headers.into_iter();
        let answer = Answer {
            status: 200,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            body: said.into_bytes(),
        };
        let turn = source.next(&resource, &token, &values, &request, &answer);
        match turn.map_err(|fault| (fault.message, asked.len()))?.next {
            Next::Page(next) => token = next,
            Next::End => return Ok(asked),
        }
    }
}

fn body(said: impl Into<String>) -> Said {
    (said.into(), Vec::new())
}

#[test]
fn a_cursor_is_sent_back_as_it_came() {
    let get = |paginate: &str| {
        format!("{{ path: /a, query: {{ q: 1 }}, records: $.d, paginate: {paginate} }}")
    };
    let cases: [(&str, &[&str], &[&str]); 6] = [
        (
            "{ cursor: { parameter: c, path: $.next } }",
            &[
                r#"{"d": [1], "next": "a=b"}"#,
                r#"{"d": [2], "next": 17}"#,
                r#"{"d": [3], "next": null}"#,
            ],
            &["/a?q=1", "/a?q=1&c=a%3Db", "/a?q=1&c=17"],
        ),
        (
            "{ cursor: { parameter: q, path: $.next, size_parameter: pageSize, first_size_parameter: limit, size: 2 } }",
            &[r#"{"d": [1], "next": "t1"}"#, r#"{"d": [2], "next": ""}"#],
            &["/a?q=1&limit=2", "/a?pageSize=2&q=t1"],
        ),
        (
            "{ cursor: { parameter: c, path: $.next } }",
            &[r#"{"d": []}"#],
            &["/a?q=1"],
        ),
        (
            "{ cursor: { parameter: c, path: $.next, stop: { has_more: $.more } } }",
            &[
                r#"{"d": [1], "more": true, "next": "x"}"#,
                r#"{"d": [2], "more": false, "next": "y"}"#,
            ],
            &["/a?q=1", "/a?q=1&c=x"],
        ),
        (
            // An exact multiple of the page size: the cursor still leads to an empty page.
            "{ cursor: { parameter: c, path: $.next, size: 2, stop: short_page } }",
            &[
                r#"{"d": [1, 2], "next": "x"}"#,
                r#"{"d": [3, 4], "next": "y"}"#,
                r#"{"d": [], "next": "z"}"#,
            ],
            &["/a?q=1", "/a?q=1&c=x", "/a?q=1&c=y"],
        ),
        (
            "{ cursor: { parameter: c, path: $.next } }",
            &[
                r#"{"d": [1], "next": "x"}"#,
                r#"{"d": [], "next": "y"}"#,
                r#"{"d": [2], "next": false}"#,
            ],
            &["/a?q=1", "/a?q=1&c=x", "/a?q=1&c=y"],
        ),
    ];
    for (paginate, said, asked) in cases {
        let walked = walk(&get(paginate), |_, page| body(said[page]));
        assert_eq!(
            walked.as_deref(),
            Ok(&asked
                .iter()
                .map(|asked| (*asked).to_owned())
                .collect::<Vec<_>>()[..]),
            "{paginate}"
        );
    }
}

#[test]
fn a_cursor_in_a_header_goes_on_from_a_partition() {
    // As Ed-Fi pages: the token of a partition asks for its first page, the header for the next.
    let resource = "{ path: /a, query: { pageToken: '{id}', pageSize: 2 }, paginate: { cursor: { parameter: pageToken, header: Next-Page-Token } } }";
    let walked = walk(resource, |_, page| {
        let token = (page < 2).then(|| ("next-page-token", format!("t{}", page + 1)));
        (format!("[{page}]"), token.into_iter().collect())
    });
    assert_eq!(
        walked.expect("walks"),
        [
            "/a?pageToken=t0&pageSize=2",
            "/a?pageSize=2&pageToken=t1",
            "/a?pageSize=2&pageToken=t2"
        ]
    );
}

#[test]
fn the_last_record_asks_for_the_next_page() {
    let get = |more: &str| {
        format!(
            "{{ path: /a, records: $.d, paginate: {{ keyset: {{ parameter: after, key: $.id{more} }} }} }}"
        )
    };
    let sized = ", size_parameter: limit, size: '{size}'";
    type Case<'a> = (String, &'a [&'a str], Result<&'a [&'a str], &'a str>);
    let cases: [Case<'_>; 8] = [
        (
            get(&format!("{sized}, stop: short_page")),
            &[r#"{"d": [{"id": 1}, {"id": 2}]}"#, r#"{"d": [{"id": 9}]}"#],
            Ok(&["/a?limit=2", "/a?limit=2&after=2"]),
        ),
        (
            // An exact multiple: the empty page ends it.
            get(&format!("{sized}, stop: short_page")),
            &[r#"{"d": [{"id": 1}, {"id": 2}]}"#, r#"{"d": []}"#],
            Ok(&["/a?limit=2", "/a?limit=2&after=2"]),
        ),
        (get(""), &[r#"{"d": []}"#], Ok(&["/a"])),
        (
            get(", stop: { has_more: $.more }"),
            &[
                r#"{"d": [{"id": "a&b"}], "more": true}"#,
                r#"{"d": [{"id": "c"}], "more": false}"#,
            ],
            Ok(&["/a", "/a?after=a%26b"]),
        ),
        (
            get(", stop: { has_more: $.more }"),
            &[r#"{"d": [], "more": true}"#],
            Err("there is no last record to go on from"),
        ),
        (
            get(""),
            &[r#"{"d": [{"id": 1}, {"other": 2}]}"#],
            Err("nothing at `$.id`"),
        ),
        (
            // The source begins anew with the last record: pages would never end.
            get(""),
            &[r#"{"d": [{"id": 1}]}"#, r#"{"d": [{"id": 1, "x": 2}]}"#],
            Err("page 2 names the cursor that asked for page 2"),
        ),
        (
            get(""),
            &[r#"{"d": [{"id": [1]}]}"#],
            Err("no query can hold"),
        ),
    ];
    for (resource, said, expected) in cases {
        let walked = walk(&resource, |_, page| body(said[page]));
        match (&walked, expected) {
            (Ok(asked), Ok(expected)) => assert_eq!(asked, expected, "{resource}"),
            (Err((message, _)), Err(part)) => assert!(message.contains(part), "{message}"),
            _ => panic!("{resource}: {walked:?}, not {expected:?}"),
        }
    }
}

#[test]
fn every_kind_can_ask_in_the_body() {
    let post = |paginate: &str| {
        format!(
            "{{ path: /q, method: post_repeatable, records: $.d, body: {{ json: {{ query: 'x', variables: {{ n: 1 }} }} }}, paginate: {paginate} }}"
        )
    };
    let cases: [(&str, &[&str], &[&str]); 5] = [
        (
            "{ page_number: { parameter: $.variables.page, size_parameter: $.variables.n, size: 1, stop: short_page } }",
            &[r#"{"d": [1]}"#, r#"{"d": []}"#],
            &[
                r#"/q{"query":"x","variables":{"n":1,"page":1}}"#,
                r#"/q{"query":"x","variables":{"n":1,"page":2}}"#,
            ],
        ),
        (
            "{ offset: { parameter: $.from, limit_parameter: $.size, limit: 2, stop: short_page } }",
            &[r#"{"d": [1, 2]}"#, r#"{"d": [3]}"#],
            &[
                r#"/q{"query":"x","variables":{"n":1},"from":0,"size":2}"#,
                r#"/q{"query":"x","variables":{"n":1},"from":2,"size":2}"#,
            ],
        ),
        (
            // GraphQL: the first page sends no cursor.
            "{ cursor: { parameter: $.variables.after, path: $.page.end, stop: { has_more: $.page.more } } }",
            &[
                r#"{"d": [1], "page": {"more": true, "end": "Y3Vy"}}"#,
                r#"{"d": [2], "page": {"more": false, "end": "Zm9v"}}"#,
            ],
            &[
                r#"/q{"query":"x","variables":{"n":1}}"#,
                r#"/q{"query":"x","variables":{"n":1,"after":"Y3Vy"}}"#,
            ],
        ),
        (
            // Elasticsearch: the sort values of the last hit, a list, go back as they came.
            "{ keyset: { parameter: $.search_after, key: $.sort } }",
            &[
                r#"{"d": [{"sort": [1]}, {"sort": [7, "k"]}]}"#,
                r#"{"d": []}"#,
            ],
            &[
                r#"/q{"query":"x","variables":{"n":1}}"#,
                r#"/q{"query":"x","variables":{"n":1},"search_after":[7,"k"]}"#,
            ],
        ),
        (
            "{ cursor: { parameter: c, path: $.next } }",
            &[r#"{"d": [1], "next": "b"}"#, r#"{"d": [2]}"#],
            &[
                r#"/q{"query":"x","variables":{"n":1}}"#,
                r#"/q?c=b{"query":"x","variables":{"n":1}}"#,
            ],
        ),
    ];
    for (paginate, said, asked) in cases {
        let walked = walk(&post(paginate), |_, page| body(said[page]));
        assert_eq!(walked.expect(paginate), asked, "{paginate}");
    }
    let form = "{ path: /q, method: post_repeatable, body: { form: { page: 0, a: b } }, paginate: { page_number: { parameter: $.page } } }";
    let walked = walk(form, |_, page| body(if page < 1 { "[1]" } else { "[]" }));
    assert_eq!(walked.expect("walks"), ["/qa=b&page=1", "/qa=b&page=2"]);
}

#[test]
fn a_cursor_that_leads_in_a_circle_is_named() {
    let resource = "{ path: /a, records: $.d, paginate: { cursor: { parameter: c, path: $.next, empty_pages: 3 } } }";
    type Cursor = fn(usize) -> String;
    let cases: [(&str, Cursor, Cursor, &str, usize); 6] = [
        (
            "itself",
            |_| "1".into(),
            |page| page.to_string(),
            "page 2 names the cursor that asked for page 2",
            2,
        ),
        (
            "three",
            |page| (page % 3).to_string(),
            |page| page.to_string(),
            "page 4 names the cursor that asked for page 2",
            4,
        ),
        (
            "thirty",
            |page| (page % 30).to_string(),
            |page| page.to_string(),
            "more than 50 pages",
            50,
        ),
        (
            "same records",
            |page| page.to_string(),
            |_| "7".into(),
            "repeats the records",
            2,
        ),
        (
            "nothing",
            |page| page.to_string(),
            |_| String::new(),
            "without records follow",
            4,
        ),
        (
            "without end",
            |page| page.to_string(),
            |page| page.to_string(),
            "more than 50 pages",
            50,
        ),
    ];
    for (what, cursor, data, part, most) in cases {
        let walked = walk(resource, |_, page| {
            body(format!(
                "{{\"d\": [{}], \"next\": \"c{}\"}}",
                data(page),
                cursor(page)
            ))
        });
        let (message, asked) = walked.expect_err(what);
        assert!(message.contains(part), "{what}: {message}");
        assert!(asked <= most, "{what}: {asked}");
    }
    let promised = "{ path: /a, records: $.d, paginate: { cursor: { parameter: c, path: $.next, stop: { has_more: $.more } } } }";
    let (message, _) =
        walk(promised, |_, _| body(r#"{"d": [1], "more": true}"#)).expect_err("refused");
    assert!(message.contains("gave no cursor"), "{message}");
    let header = "{ path: /a, paginate: { page_number: { parameter: p, stop: { has_more_header: X-More } } } }";
    let walked = walk(header, |_, page| {
        (
            format!("[{page}]"),
            vec![("x-more", (page < 2).to_string())],
        )
    });
    assert_eq!(walked.expect("walks").len(), 3);
}

#[test]
fn pages_that_are_known_ahead_are_guessed_and_answers_go_before_guesses() {
    let guessed = |paginate: &str, said: &str| -> Vec<String> {
        let text = format!("{{ path: /a, records: $.d, paginate: {paginate} }}");
        let resource: ResourceDefinition = decode(&text).value.expect("a resource");
        let source: SourceDefinition = decode("{ base_url: https://api.example }")
            .value
            .expect("a source");
        let source = source.open(&Values::new()).expect("opens");
        let token = resource.paginate.first();
        let values = Values::new();
        let request = source
            .request(&resource, &token, &values)
            .expect("a request");
        let answer = Answer {
            status: 200,
            headers: Vec::new(),
            body: said.as_bytes().to_vec(),
        };
        let turn = source
            .next(&resource, &token, &values, &request, &answer)
            .expect("a turn");
        let Next::Page(next) = turn.next else {
            return Vec::new();
        };
        let likely = resource.paginate.likely(&next, &values).expect("guesses");
        likely
            .map(|token| {
                source
                    .request(&resource, &token, &values)
                    .expect("a request")
                    .url[BeforePath..]
                    .to_owned()
            })
            .collect()
    };
    let page = "{ page_number: { parameter: p, size: 2, stop: { total: $.n } } }";
    let offset = "{ offset: { limit: 2, stop: { total: $.n } } }";
    for (paginate, said, expected) in [
        (
            page,
            r#"{"d": [1, 2], "n": 7}"#,
            &["/a?p=2", "/a?p=3", "/a?p=4"][..],
        ),
        (
            offset,
            r#"{"d": [1, 2], "n": 5}"#,
            &["/a?offset=2&limit=2", "/a?offset=4&limit=2"],
        ),
        (offset, r#"{"d": [1, 2], "n": 2}"#, &[]),
        (
            "{ page_number: { parameter: p, stop: { total_pages: $.n } } }",
            r#"{"d": [1], "n": 3}"#,
            &["/a?p=2", "/a?p=3"],
        ),
        (
            "{ page_number: { parameter: p } }",
            r#"{"d": [1], "n": 9}"#,
            &["/a?p=2"],
        ),
        (
            "{ cursor: { parameter: p, path: $.n } }",
            r#"{"d": [1], "n": 9}"#,
            &["/a?p=9"],
        ),
    ] {
        assert_eq!(guessed(paginate, said), expected, "{paginate}");
    }
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let smaller = |paginate: &str, at: &str, times: usize| -> Option<String> {
        let text = format!("{{ path: /a, paginate: {paginate} }}");
        let resource: ResourceDefinition = decode(&text).value.expect("a resource");
        assert!(resource.is_too_large(413) && !resource.is_too_large(400));
        let source: SourceDefinition = decode("{ base_url: https://api.example }")
            .value
            .expect("a source");
        let source = source.open(&Values::new()).expect("opens");
        let values = Values::new();
        let mut token: PageToken = serde_json::from_str(at).expect("a token");
        for _ in 0..times {
            token = resource
                .paginate
                .smaller(&token, &values)
                .expect("no fault")?;
        }
        let request = source
            .request(&resource, &token, &values)
            .expect("a request");
        Some(request.url[BeforePath..].to_owned())
    };
    let page = "{ page_number: { parameter: p, first: 0, size_parameter: s, size: 20, smaller: { on: [413], at_least: 5 } } }";
    let offset = "{ offset: { limit: 20, smaller: { on: [413] } } }";
    let cursor = "{ cursor: { parameter: c, path: $.n, size_parameter: s, size: 20, smaller: { on: [413] } } }";
    for (paginate, at, times, expected) in [
        (page, r#"{"at": {"page": 3}}"#, 1, Some("/a?p=6&s=10")),
        (page, r#"{"at": {"page": 3}}"#, 2, Some("/a?p=12&s=5")),
        (page, r#"{"at": {"page": 3}}"#, 3, None),
        (
            offset,
            r#"{"at": {"offset": 60}}"#,
            1,
            Some("/a?offset=60&limit=10"),
        ),
        (
            cursor,
            r#"{"at": {"cursor": "\"x\""}}"#,
            1,
            Some("/a?s=10&c=x"),
        ),
    ] {
        assert_eq!(
            smaller(paginate, at, times).as_deref(),
            expected,
            "{paginate} {times}"
        );
    }
}

#[test]
fn what_is_wrong_beyond_shape_is_named() {
    let said = |paginate: &str| {
        let text = format!("{{ path: /a, paginate: {paginate} }}");
        let decoded = decode::<ResourceDefinition>(&text);
        let mut problems = decoded.problems;
        if let Some(resource) = decoded.value {
            resource.paginate.check(&[], false, &mut problems);
        }
        problems.render("p", &text)
    };
    for (paginate, part) in [
        ("{ cursor: { parameter: c } }", "set `path` or `header`"),
        (
            "{ cursor: { parameter: c, path: $.n, header: X-N } }",
            "the cursor stands in one place",
        ),
        (
            "{ cursor: { parameter: c, path: $.n, stop: short_page } }",
            "without a `size`",
        ),
        (
            "{ cursor: { parameter: c, path: $.n, size_parameter: s } }",
            "no `size` to send",
        ),
        (
            "{ cursor: { parameter: $.c, path: $.n } }",
            "the request carries none",
        ),
        ("{ keyset: { parameter: c } }", "key"),
        ("{ keyset: { parameter: '', key: $.id } }", "no name"),
        ("{ keyset: { parameter: $, key: $.id } }", "whole body"),
        (
            "{ page_number: { parameter: p, smaller: { on: [413] } } }",
            "cannot be made smaller",
        ),
        (
            "{ page_number: { parameter: p, size: 5, smaller: { on: [] } } }",
            "never applies",
        ),
        (
            "{ page_number: { parameter: p, size: 5, stop: { total_pages: $.n }, smaller: { on: [413] } } }",
            "how many pages there are",
        ),
        ("{ curser: { parameter: p } }", "did you mean `cursor`"),
        (
            "{ page_number: { parameter: p, size: 5, pages_per_slice: 3 } }",
            "needs to know how many pages there are",
        ),
        (
            "{ offset: { limit: 5, pages_per_slice: 0, stop: { total: $.n } } }",
            "a slice of no pages",
        ),
        (
            "{ offset: { limit: 5, pages_per_slice: 2, stop: { total: $.n }, smaller: { on: [413] } } }",
            "keep `smaller` or `pages_per_slice`",
        ),
    ] {
        let said = said(paginate);
        assert!(said.contains(part), "{paginate}: {said}");
    }
}

#[test]
fn slices_of_pages_tile_the_whole() {
    let source: SourceDefinition = decode("{ base_url: https://api.example }")
        .value
        .expect("a source");
    let source = source.open(&Values::new()).expect("opens");
    let values = Values::new();
    let kinds = [
        "{ page_number: { parameter: p, size: 10, pages_per_slice: 4, stop: { total: $.n } } }",
        "{ page_number: { parameter: p, first: 0, pages_per_slice: 4, stop: { total_pages: $.pages } } }",
        "{ offset: { limit: 10, pages_per_slice: 4, stop: { total_header: Total } } }",
    ];
    for (kind, total) in kinds
        .iter()
        .flat_map(|kind| [0, 9, 10, 11, 39, 40, 41, 80, 95, 100].map(|total| (*kind, total)))
    {
        let text = format!("{{ path: /a, records: $.d, paginate: {kind} }}");
        let resource: ResourceDefinition = decode(&text).value.expect("a resource");
        let ask = |token: &PageToken| {
            let request = source
                .request(&resource, token, &values)
                .expect("a request");
            let query: std::collections::BTreeMap<_, _> =
                request.url.query_pairs().into_owned().collect();
            let number = |name: &str| {
                query
                    .get(name)
                    .and_then(|value| value.parse::<usize>().ok())
            };
            let first = usize::from(!kind.contains("first: 0"));
            let from = match number("offset") {
                Some(offset) => offset,
                None => (number("p").expect("a page") - first) * 10,
            };
            let count = number("limit").unwrap_or(10).min(total - from.min(total));
            let data: Vec<String> = (from..from + count)
                .map(|record| record.to_string())
                .collect();
            let answer = Answer {
                status: 200,
                headers: vec![("total".to_owned(), total.to_string())],
                body: format!(
                    "{{\"d\": [{}], \"n\": {total}, \"pages\": {}}}",
                    data.join(","),
                    total.div_ceil(10)
                )
                .into_bytes(),
            };
            let turn = source
                .next(&resource, token, &values, &request, &answer)
                .expect("a turn");
            (from..from + count, turn.next)
        };
        let (_, next) = ask(&resource.paginate.first());
        let begins = resource.paginate.cut(&next, &values).expect("cut");
        let pages = total.div_ceil(10).max(1);
        assert_eq!(begins.len(), pages.div_ceil(4), "{kind} {total}");
        let (mut records, mut asked) = (Vec::new(), 0);
        for begin in begins {
            let mut token = begin;
            loop {
                let (found, next) = ask(&token);
                records.extend(found);
                asked += 1;
                match next {
                    Next::Page(next) => token = next,
                    Next::End => break,
                }
            }
        }
        assert_eq!(records, (0..total).collect::<Vec<_>>(), "{kind} {total}");
        assert_eq!(asked, pages, "{kind} {total}");
    }
}
