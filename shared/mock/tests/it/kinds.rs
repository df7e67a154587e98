//! Every auth kind with every paginator, sessions that end, faults, and credentials that are wrong.

use std::collections::BTreeSet;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mock::declared::Options;
use pipeline::fault::Kind;

use crate::client::{Client, pipeline, secrets};

const ROWS: u64 = 23;

/// The kinds: a name, what the definition says, whether what is granted can end.
const AUTHS: [(&str, &str, bool); 14] = [
    ("none", "none", false),
    (
        "api_key header",
        "{ api_key: { header: X-Key, prefix: 'Token ', key: { secret: t/key } } }",
        false,
    ),
    (
        "api_key query",
        "{ api_key: { query: api_key, key: { secret: t/key } } }",
        false,
    ),
    ("bearer", "{ bearer: { token: { secret: t/key } } }", false),
    (
        "basic",
        "{ basic: { username: { secret: t/user }, password: { secret: t/key } } }",
        false,
    ),
    (
        "header",
        "{ header: { name: X-Auth, value: 'id={id};key={key}', secrets: { id: { secret: t/user }, key: { secret: t/key } } } }",
        false,
    ),
    (
        "login cookies",
        "{ login: { path: /login, json: { name: { secret: t/user }, password: { secret: t/key } }, keep: cookies, requires: $.person.id } }",
        true,
    ),
    (
        "login token",
        "{ login: { path: /login, form: { name: me, password: { secret: t/key } }, keep: { token: { in_header: X-Token, header: X-Token, scheme: '' } } } }",
        true,
    ),
    (
        "oauth2 client",
        "{ oauth2_client_credentials: { path: /oauth/token, client_id: { secret: t/user }, client_secret: { secret: t/key }, scope: read } }",
        true,
    ),
    (
        "oauth2 refresh",
        "{ oauth2_refresh_token: { path: /oauth/token, client_id: me, send_as: json, client_secret: { secret: t/key }, refresh_token: { secret: t/user } } }",
        true,
    ),
    (
        "jwt shown",
        "{ jwt_bearer: { key: { secret: t/pem }, algorithm: es256, unique: true, claims: { iss: { secret: t/key } } } }",
        true,
    ),
    (
        "jwt exchanged",
        "{ jwt_bearer: { key: { secret: t/pem }, algorithm: es256, claims: { iss: { secret: t/key } }, exchange: { path: /oauth/token } } }",
        true,
    ),
    (
        "hawk",
        "{ hawk: { id: { secret: t/user }, key: { secret: t/key } } }",
        false,
    ),
    (
        "aws_sigv4",
        "{ aws_sigv4: { service: execute-api, region: eu-west-2, access_key_id: { secret: t/user }, secret_access_key: { secret: t/key } } }",
        false,
    ),
];

/// The paginators with their stop rules: a name, the resource, and how many pages 23 records are.
const PAGES: [(&str, &str, u64); 18] = [
    ("single page", "{ path: /things }", 1),
    (
        "page number, empty page",
        "{ path: /things, paginate: { page_number: { parameter: p, size_parameter: per, size: 5 } } }",
        6,
    ),
    (
        "page number, short page",
        "{ path: /things, paginate: { page_number: { parameter: p, first: 0, size_parameter: per, size: 5, stop: short_page } } }",
        5,
    ),
    (
        "page number, total pages",
        "{ path: /things, records: $.d, paginate: { page_number: { parameter: p, size_parameter: per, size: 5, stop: { total_pages: $.m.pages } } } }",
        5,
    ),
    (
        "offset, empty page",
        "{ path: /things, query: { sort: id }, paginate: { offset: { limit: 5 } } }",
        6,
    ),
    (
        "offset, total",
        "{ path: /things, records: $.d, paginate: { offset: { limit: 5, stop: { total: $.total } } } }",
        5,
    ),
    (
        "offset, total in a header",
        "{ path: /things, paginate: { offset: { limit: 5, stop: { total_header: X-Total } } } }",
        5,
    ),
    (
        "offset, has-more",
        "{ path: /things, records: $.d, paginate: { offset: { limit: 5, stop: { has_more: $.more } } } }",
        5,
    ),
    (
        "offset in a form",
        "{ path: /things, method: post_repeatable, body: { form: { sort: id } }, paginate: { offset: { parameter: $.from, limit_parameter: $.n, limit: 5, stop: short_page } } }",
        5,
    ),
    (
        "next link in the body",
        "{ path: /things, query: { sort: 'a b' }, records: $.d, paginate: { next_link: { path: $.links.next, absent: fail } } }",
        5,
    ),
    (
        "next link in a header",
        "{ path: /things, paginate: { next_link: { header: next } } }",
        5,
    ),
    (
        "cursor in the body",
        "{ path: /things, records: $.d, paginate: { cursor: { parameter: c, path: $.next, size_parameter: per, size: 5 } } }",
        5,
    ),
    (
        "cursor in a header",
        "{ path: /things, paginate: { cursor: { parameter: c, header: X-Next, size_parameter: per, size: 5, stop: { has_more_header: X-More } } } }",
        5,
    ),
    (
        "cursor of GraphQL",
        "{ path: /graphql, method: post_repeatable, body: { json: { query: '{{ things }}', variables: {} } }, records: $.data.nodes, paginate: { cursor: { parameter: $.variables.after, path: $.data.page.end, size_parameter: $.variables.first, size: 5, stop: { has_more: $.data.page.more } } } }",
        5,
    ),
    (
        "keyset, empty page",
        "{ path: /things, paginate: { keyset: { parameter: after, key: $.id, size_parameter: per, size: 5 } } }",
        6,
    ),
    (
        "keyset, short page",
        "{ path: /things, query: { after: '0' }, paginate: { keyset: { parameter: after, key: $.id, size_parameter: per, size: 5, stop: short_page } } }",
        5,
    ),
    (
        "keyset in the body",
        "{ path: /things, method: post_repeatable, body: { json: { sort: [id] } }, records: $.d, paginate: { keyset: { parameter: $.search_after, key: $.id, size_parameter: $.size, size: 5, stop: { has_more: $.more } } } }",
        5,
    ),
    (
        "page number in the body",
        "{ path: /things, method: post_repeatable, body: { json: {} }, paginate: { page_number: { parameter: $.page, size_parameter: $.size, size: 5, stop: short_page } } }",
        5,
    ),
];

const FAULTS: [&str; 8] = [
    "429:every=3,retry-after=0",
    "429:every=3,retry-after=date+2",
    "500:every=3",
    "503:every=3,retry-after=1",
    "502:every=4",
    "truncate:every=3",
    "cut-chunked:every=3",
    "invalid-json:every=3",
];

fn definition(auth: &str, resource: &str) -> String {
    format!(
        "version: 1
description: d
parameters: {{ base_url: {{ default: 'https://api.example/v1' }} }}
source: {{ base_url: '{{base_url}}', auth: {auth}, rate: {{ requests: 1000, burst: 1000, concurrency: 16 }} }}
resources: {{ things: {resource} }}
tables: {{ things: {{ from: things, key: [id], columns: {{ id: {{ from: $.id, type: int64, required: true }}, name: {{ from: $.name, type: string }} }} }} }}
destinations: {{ lake: {{ database: d }} }}
"
    )
}

fn pem() -> String {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    let body = STANDARD.encode(key.expect("a key"));
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----")
}

fn known() -> Vec<(&'static str, String)> {
    let pem = pem();
    vec![
        ("t/key", "k3y-with/+=".to_owned()),
        ("t/user", "lake-client".to_owned()),
        ("t/pem", pem),
    ]
}

/// Reads everything and says what is wrong with what came.
async fn wrong(auth: &str, resource: &str, pages: u64, options: Options) -> Option<String> {
    let known = known();
    let is_disturbed = options.expire_after.is_some() || !options.faults.is_empty();
    let options = Options {
        secrets: secrets(&known),
        rows: ROWS,
        page_size: Some(5),
        ..options
    };
    let client = Client::open(pipeline(&definition(auth, resource), &[]), options, &known).await;
    let read = match client.read("things", &[]).await {
        Ok(read) => read,
        Err(fault) => return Some(fault.to_string()),
    };
    let ids: BTreeSet<i64> = read
        .records
        .iter()
        .filter_map(|record| record["id"].as_i64())
        .collect();
    let outcomes = client.outcomes();
    let refused = ["unauthorized", "wrong", "missing"]
        .map(|what| outcomes.get(what).copied().unwrap_or_default());
    let is_whole = ids.len() as u64 == ROWS && read.records.len() as u64 == ROWS;
    let is_right = is_whole
        && read.pages == pages
        && refused[1..] == [0, 0]
        && (is_disturbed || refused[0] == 0);
    (!is_right).then(|| {
        format!(
            "{} records, {} pages, {outcomes:?}",
            read.records.len(),
            read.pages
        )
    })
}

/// One line of the table: a kind, and for each column how many cases passed of how many.
fn line(name: &str, cells: &[(usize, usize)]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|(passed, run)| format!("{:>12}", format!("{passed}/{run}")))
        .collect();
    format!("{name:<16}{}", cells.concat())
}

/// What pages are asked for by; the columns of the table.
const FAMILIES: [&str; 6] = [
    "single",
    "page number",
    "offset",
    "next link",
    "cursor",
    "keyset",
];

/// All cases of one auth kind: for each family of pages how many passed of how many, and what did not.
async fn cases(at: usize) -> ([(usize, usize); 6], Vec<String>) {
    let (name, auth, ends) = AUTHS[at];
    let (mut cells, mut failures) = ([(0, 0); 6], Vec::new());
    for (position, (kind, resource, pages)) in PAGES.into_iter().enumerate() {
        let family = FAMILIES.iter().position(|family| kind.starts_with(family));
        let cell = &mut cells[family.expect("a family")];
        let mut cases = vec![(Options::default(), String::new())];
        if ends && pages > 3 {
            let options = Options {
                expire_after: Some(3),
                ..Options::default()
            };
            cases.push((options, ", sessions of 3".to_owned()));
        }
        // Each kind of auth and of pages meets one fault, each of the faults in its turn.
        let fault = FAULTS[(at + position) % FAULTS.len()];
        // Whoever signs answers does not sign broken ones, and that ends a session for good.
        if pages > 3 && (name != "hawk" || fault != "invalid-json:every=3") {
            let options = Options {
                faults: vec![fault.parse().expect("a fault")],
                ..Options::default()
            };
            cases.push((options, format!(", {fault}")));
        }
        for (options, what) in cases {
            cell.1 += 1;
            match wrong(auth, resource, pages, options).await {
                None => cell.0 += 1,
                Some(why) => failures.push(format!("{name}, {kind}{what}: {why}")),
            }
        }
    }
    (cells, failures)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_auth_kind_reads_every_kind_of_pages() {
    let running: Vec<_> = (0..AUTHS.len()).map(|at| tokio::spawn(cases(at))).collect();
    let (mut failures, mut sums) = (Vec::new(), [(0, 0); 6]);
    let heads: String = FAMILIES
        .iter()
        .map(|family| format!("{family:>12}"))
        .collect();
    println!("{:<16}{heads}", "auth");
    for (at, running) in running.into_iter().enumerate() {
        let (cells, failed) = running.await.expect("no panic");
        println!("{}", line(AUTHS[at].0, &cells));
        for (sum, cell) in sums.iter_mut().zip(cells) {
            *sum = (sum.0 + cell.0, sum.1 + cell.1);
        }
        failures.extend(failed);
    }
    println!("{}", line("all", &sums));
    let all = sums
        .iter()
        .fold((0, 0), |all, sum| (all.0 + sum.0, all.1 + sum.1));
    println!("{} of {} cases passed", all.0, all.1);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn whoever_shows_something_else_is_refused() {
    for (name, auth, _) in AUTHS.iter().filter(|(name, _, _)| *name != "none") {
        let known = known();
        let options = Options {
            secrets: secrets(&known),
            ..Options::default()
        };
        let mut wrong = known.clone();
        wrong[0].1 = "an0ther-key".to_owned();
        let definition = definition(auth, PAGES[1].1);
        let client = Client::open(pipeline(&definition, &[]), options, &wrong).await;
        let fault = client.read("things", &[]).await.expect_err(name);
        assert_eq!(fault.kind, Kind::SourceRejected, "{name}: {fault}");
        assert!(fault.message.contains("401"), "{name}: {fault}");
        assert!(!client.outcomes().contains_key("served"), "{name}");
    }
}

#[tokio::test]
async fn a_source_that_no_parameter_leads_away_from_is_not_served() {
    let text = definition("none", PAGES[0].1).replace("'{base_url}'", "https://api.example/v1");
    let refused = mock::declared::Declared::serve(pipeline(&text, &[]), Options::default()).await;
    let message = refused.expect_err("refused").to_string();
    assert!(
        message.contains("https://api.example")
            && message.contains("write the address as a parameter"),
        "{message}"
    );
}
