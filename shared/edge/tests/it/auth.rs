//! Every kind of auth, against an implementation that is not ours.

use std::sync::Arc;
use std::time::Duration;

use edge::clock::Clock;
use edge::secrets::SecretStore;
use edge::session::Session;
use futures::future::join_all;
use pipeline::fault::Kind;
use serde_json::{Value, json};

use crate::guarded::{Desk, Guarded, Walk, first, printed, walk, walk_below};

const PASSWORD: &str = "p4ss \"w&rd+%";

fn assert_whole(walk: &Walk) {
    assert!(walk.fault.is_none(), "{walk:?}");
    assert_eq!((walk.pages, walk.records), (5, 10), "{walk:?}");
}

/// A clock that begins now, for servers that look at theirs, and goes on when it is told.
fn turned() -> Clock {
    Clock::turned(Clock::System.now())
}

#[tokio::test]
async fn headers_and_parameters_arrive_as_they_are() {
    let secrets = [("t/key", "k/e+y="), ("t/user", "me"), ("t/pass", PASSWORD)];
    let desk = Desk::new(&secrets);
    for (auth, options) in [
        ("none", json!({})),
        (
            "{ api_key: { header: X-Api-Key, key: { secret: t/key } } }",
            json!({"headers": {"X-Api-Key": "k/e+y="}}),
        ),
        (
            "{ api_key: { query: api_key, key: { secret: t/key } } }",
            json!({"query": {"api_key": "k/e+y="}}),
        ),
        (
            "{ bearer: { token: { secret: t/key } } }",
            json!({"headers": {"Authorization": "Bearer k/e+y="}}),
        ),
        (
            "{ basic: { username: { secret: t/user }, password: { secret: t/pass } } }",
            json!({"basic": format!("me:{PASSWORD}")}),
        ),
        (
            "{ header: { scheme: GenieKey, value: { secret: t/key } } }",
            json!({"headers": {"Authorization": "GenieKey k/e+y="}}),
        ),
        (
            "{ header: { name: X-Auth, value: 'id={id};key={key};aud={audience}', secrets: { id: { secret: t/user }, key: { secret: t/key } } } }",
            json!({"headers": {"X-Auth": "id=me;key=k/e+y=;aud=lake"}}),
        ),
    ] {
        let server = Guarded::start("header.py", &options);
        let session = desk.session(&server.base, &format!("auth: {auth}"));
        let walked = walk(&session.expect("opens"), "").await;
        assert_whole(&walked);
        assert_eq!(
            (walked.traffic.sent, server.count("refused")),
            (5, 0),
            "{auth}"
        );
    }
}

const COOKIES: &str = "auth: { login: { path: /user/login, json: { username: me@x.example, password: { secret: t/pass } }, keep: cookies } }";

#[tokio::test]
async fn a_login_keeps_cookies_or_a_token() {
    let desk = Desk::new(&[("t/pass", PASSWORD)]);
    for (auth, token) in [
        (COOKIES.to_owned(), false),
        (COOKIES.replace("json:", "form:"), false),
        (COOKIES.replace("json:", "query:"), false),
        (COOKIES.replace("json:", "method: get, query:"), false),
        (
            COOKIES.replace(
                "keep: cookies",
                "requires: $.personId, keep: { token: { at: $.session.jwt, header: X-Session, scheme: '' } }",
            ),
            true,
        ),
    ] {
        let server = Guarded::start("login.py", &json!({"password": PASSWORD, "token": token}));
        let session = desk.session(&server.base, &auth).expect("opens");
        let walked = walk(&session, "").await;
        assert_whole(&walked);
        assert_eq!((server.count("logins"), walked.traffic.sent), (1, 6), "{auth}");
    }
}

#[tokio::test]
async fn a_session_that_ends_in_mid_run_is_followed_by_one_new_login() {
    let desk = Desk::new(&[("t/pass", PASSWORD)]);
    for (says, outcomes) in [
        ("401", ""),
        ("403", ", outcomes: { refresh: [403] }"),
        (
            "200",
            ", outcomes: { body: [ { at: $.messageCode, equals: session.expired, means: refresh } ] }",
        ),
    ] {
        let options = json!({"password": PASSWORD, "uses": 3, "says": says});
        let server = Guarded::start("login.py", &options);
        let session = desk.session(&server.base, COOKIES).expect("opens");
        let walked = walk(&session, outcomes).await;
        assert_whole(&walked);
        let counts = ["logins", "pages", "refused"].map(|what| server.count(what));
        assert_eq!(counts, [2, 5, 1], "{says}");
        assert_eq!(
            (walked.traffic.sent, walked.traffic.retried),
            (8, 1),
            "{says}"
        );
    }
}

#[tokio::test]
async fn cookies_that_move_on_with_each_answer_are_followed() {
    let desk = Desk::new(&[("t/pass", PASSWORD)]);
    let options = json!({"password": PASSWORD, "moves": true});
    let server = Guarded::start("login.py", &options);
    let session = desk.session(&server.base, COOKIES).expect("opens");
    assert_whole(&walk(&session, "").await);
    assert_eq!((server.count("logins"), server.count("refused")), (1, 0));
}

#[tokio::test]
async fn workers_share_one_login_and_one_new_one() {
    let desk = Desk::new(&[("t/pass", PASSWORD)]);
    let server = Guarded::start("login.py", &json!({"password": PASSWORD, "uses": 16}));
    let session = desk.session(&server.base, COOKIES).expect("opens");
    for (logins, pages) in [(1, 8), (1, 16), (2, 24)] {
        let asked = (0..8).map(|_| first(&session));
        for page in join_all(asked).await {
            assert!(page.is_ok(), "{page:?}");
        }
        assert_eq!(
            (server.count("logins"), server.count("pages")),
            (logins, pages)
        );
    }
}

#[tokio::test]
async fn a_login_that_is_refused_ends_it_without_a_word_of_the_password() {
    let desk = Desk::new(&[("t/pass", "wr0ng-p4ss")]);
    let requires = COOKIES.replace("keep:", "requires: $.personId, keep:");
    for (auth, part) in [
        (COOKIES, "sets no cookie"),
        (&requires, "holds nothing at `$.personId`"),
    ] {
        let server = Guarded::start("login.py", &json!({"password": PASSWORD}));
        let session = desk.session(&server.base, auth).expect("opens");
        let walked = walk(&session, "").await;
        let fault = walked.fault.expect("refused");
        assert_eq!(fault.kind, Kind::SourceRejected);
        assert!(fault.message.contains(part), "{fault}");
        assert!(!fault.to_string().contains("wr0ng"), "{fault}");
        assert_eq!((server.count("logins"), server.count("pages")), (1, 0));
    }
    // A source that takes no session is logged in to once more, and then left alone.
    let server = Guarded::start("login.py", &json!({"password": PASSWORD, "uses": 0}));
    let desk = Desk::new(&[("t/pass", PASSWORD)]);
    let session = desk.session(&server.base, COOKIES).expect("opens");
    let fault = walk(&session, "").await.fault.expect("refused");
    assert!(fault.message.contains("answered 401"), "{fault}");
    assert_eq!((server.count("logins"), server.count("refused")), (2, 2));
}

const CLIENT: [(&str, &str); 2] = [("t/id", "lake-client"), ("t/secret", "s3cr3t/+=&x")];

fn oauth(kind: &str, more: &str) -> String {
    format!(
        "auth: {{ {kind}: {{ path: /../oauth/token, client_id: {{ secret: t/id }}, client_secret: {{ secret: t/secret }}{more} }} }}"
    )
    .replace("path: /../oauth/token", "url: '{base}/oauth/token'")
}

fn open(desk: &Desk, server: &Guarded, auth: &str) -> Arc<Session> {
    let auth = auth.replace("{base}", &server.base);
    desk.session(&server.base, &auth).expect("opens")
}

fn oauth_options(more: Value) -> Value {
    let mut options = json!({"client_id": "lake-client", "client_secret": "s3cr3t/+=&x"});
    let all = options.as_object_mut().expect("an object");
    all.extend(more.as_object().expect("an object").clone());
    options
}

#[tokio::test]
async fn a_client_gets_a_token_however_it_says_who_it_is() {
    let desk = Desk::new(&CLIENT);
    for (more, options, counted) in [
        ("", json!({}), "by_client_secret_basic"),
        (
            ", send_as: form, scope: 'a b', audience: '{audience}', parameters: { resource: r }",
            json!({"method": "client_secret_post", "parameters": {"scope": "a b", "audience": "lake", "resource": "r"}}),
            "by_client_secret_post",
        ),
        (
            ", send_as: json, scope: a",
            json!({"method": "client_secret_post", "parameters": {"scope": "a"}}),
            "as_json",
        ),
    ] {
        let server = Guarded::start("oauth2.py", &oauth_options(options));
        let session = open(&desk, &server, &oauth("oauth2_client_credentials", more));
        assert_whole(&walk(&session, "").await);
        let counts = ["tokens", "pages", "refused"].map(|what| server.count(what));
        assert_eq!(counts, [1, 5, 0], "{more}");
        assert!(server.count(counted) > 0, "{counted}: {}", server.stats());
    }
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_when_it_is_refused() {
    let mut desk = Desk::new(&CLIENT);
    desk.clock = turned();
    let server = Guarded::start(
        "oauth2.py",
        &oauth_options(json!({"lifetime": 1800, "uses": 5})),
    );
    let session = open(&desk, &server, &oauth("oauth2_client_credentials", ""));
    for (after, tokens) in [(0, 1), (1670, 1), (15, 2), (1, 2)] {
        desk.clock.sleep(Duration::from_secs(after)).await;
        first(&session).await.expect("a page");
        assert_eq!(server.count("tokens"), tokens, "after {after} s more");
    }
    assert_eq!(server.count("refused"), 0);
    // Two more uses, then the source takes it no longer although its time is not over.
    assert_whole(&walk(&session, "").await);
    assert_eq!((server.count("tokens"), server.count("refused")), (3, 1));
}

#[tokio::test]
async fn a_wrong_client_is_refused_and_nothing_else_is_sent() {
    let desk = Desk::new(&[("t/id", "lake-client"), ("t/secret", "wr0ng")]);
    let server = Guarded::start("oauth2.py", &oauth_options(json!({})));
    let session = open(&desk, &server, &oauth("oauth2_client_credentials", ""));
    let walked = walk(&session, "").await;
    let fault = walked.fault.expect("refused");
    assert_eq!(fault.kind, Kind::SourceRejected);
    assert!(
        fault
            .message
            .contains("/oauth/token: invalid_client; check the client's name"),
        "{fault}"
    );
    assert_eq!((walked.traffic.sent, server.count("pages")), (1, 0));
}

const REFRESH: &str = ", refresh_token: { secret: t/refresh }";

fn refresh_secrets() -> [(&'static str, &'static str); 3] {
    [CLIENT[0], CLIENT[1], ("t/refresh", "first-refresh-token")]
}

fn refresh_options(more: Value) -> Value {
    let mut options = oauth_options(more);
    options["refresh_token"] = "first-refresh-token".into();
    options
}

fn kept(desk: &Desk) -> String {
    let text = std::fs::read_to_string(desk.file()).expect("read");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("LAKEHEAD_SECRET_T_REFRESH="));
    line.expect("a line").trim_matches(['"', '\'']).to_owned()
}

#[tokio::test]
async fn a_replaced_refresh_token_is_written_back_before_it_is_used() {
    let desk = Desk::new(&refresh_secrets());
    let server = Guarded::start("oauth2.py", &refresh_options(json!({"uses": 2})));
    let auth = oauth("oauth2_refresh_token", REFRESH);
    let [one, other] = [0, 1].map(|_| open(&desk, &server, &auth));
    assert_whole(&walk(&one, "").await);
    assert_eq!((server.count("tokens"), server.count("pages")), (3, 5));
    let last = kept(&desk);
    assert_eq!(server.given().last(), Some(&last));
    // Another process goes on where this one ended, and this one where that one did: each has read a token that
    // is void by now, and reads the file anew.
    for (session, tokens) in [(&other, 6), (&one, 8)] {
        assert_whole(&walk(session, "").await);
        assert_eq!(server.count("tokens"), tokens);
        assert_eq!(server.given().last(), Some(&kept(&desk)));
    }
    let text = std::fs::read_to_string(desk.file()).expect("read");
    assert!(
        text.starts_with("# secrets of a test\nLAKEHEAD_SECRET_T_ID="),
        "{text}"
    );
    assert_eq!(server.count("void_refresh_tokens"), 0);
    // One that is used up is told as that.
    let old = Desk::new(&refresh_secrets());
    let fault = walk(&open(&old, &server, &auth), "").await.fault;
    let message = fault.expect("refused").message;
    assert!(
        message.contains("invalid_grant; what was shown for a token is used up"),
        "{message}"
    );
    assert_eq!(
        (server.count("void_refresh_tokens"), kept(&old)),
        (1, "first-refresh-token".to_owned())
    );
}

#[tokio::test]
async fn processes_that_share_a_refresh_token_never_use_a_void_one() {
    let desk = Desk::new(&refresh_secrets());
    let server = Guarded::start(
        "oauth2.py",
        &refresh_options(json!({"uses": 1, "delay": 0.02})),
    );
    let auth = oauth("oauth2_refresh_token", REFRESH);
    let sessions: Vec<_> = (0..3).map(|_| open(&desk, &server, &auth)).collect();
    let walks = join_all(sessions.iter().map(|session| walk(session, ""))).await;
    walks.iter().for_each(assert_whole);
    assert_eq!(
        (server.count("tokens"), server.count("void_refresh_tokens")),
        (15, 0)
    );
    assert!(server.given().contains(&kept(&desk)));
}

#[tokio::test]
async fn a_worker_that_is_dropped_takes_no_new_token_with_it() {
    let desk = Desk::new(&refresh_secrets());
    let server = Guarded::start("oauth2.py", &refresh_options(json!({"delay": 0.3})));
    let session = open(&desk, &server, &oauth("oauth2_refresh_token", REFRESH));
    let dropped = tokio::time::timeout(Duration::from_millis(100), first(&session)).await;
    assert!(dropped.is_err());
    assert_whole(&walk(&session, "").await);
    assert_eq!(
        (server.count("tokens"), server.count("void_refresh_tokens")),
        (1, 0)
    );
    assert_eq!(server.given().last(), Some(&kept(&desk)));
}

#[tokio::test]
async fn a_refresh_token_that_could_not_be_replaced_is_not_used() {
    fn environment(name: &str) -> Option<String> {
        let known = [
            ("LAKEHEAD_SECRET_T_ID", "lake-client"),
            ("LAKEHEAD_SECRET_T_SECRET", "s3cr3t/+=&x"),
            ("LAKEHEAD_SECRET_T_REFRESH", "first-refresh-token"),
        ];
        let mut known = known.iter();
        known
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    }
    let desk = Desk::new(&[]);
    let server = Guarded::start("oauth2.py", &refresh_options(json!({})));
    let auth = oauth("oauth2_refresh_token", REFRESH).replace("{base}", &server.base);
    let store = || SecretStore::over(environment, None).expect("opens");
    let session = desk
        .session_over(store(), &server.base, &auth)
        .expect("opens");
    let fault = walk(&session, "").await.fault.expect("refused");
    assert_eq!(fault.kind, Kind::BadDefinition);
    assert!(fault.message.contains("--secrets"), "{fault}");
    assert_eq!(server.count("tokens"), 0);
    // Where it is said that none is replaced and one is, that is no secret.
    let auth = auth.replace(
        REFRESH,
        ", rotates: false, refresh_token: { secret: t/refresh }",
    );
    let session = desk
        .session_over(store(), &server.base, &auth)
        .expect("opens");
    let fault = walk(&session, "").await.fault.expect("refused");
    assert!(fault.message.contains("`rotates` is false"), "{fault}");
}

#[tokio::test]
async fn a_token_is_signed_by_either_algorithm_from_every_form_of_key() {
    let keys = printed("keys.py");
    for (algorithm, form) in [
        ("rs256", "pkcs8"),
        ("rs256", "traditional"),
        ("es256", "pkcs8"),
        ("es256", "traditional"),
    ] {
        let key = keys[algorithm][form].as_str().expect("text");
        let desk = Desk::new(&[("t/key", key), ("t/kid", "key-7")]);
        let server = Guarded::start(
            "jwt_bearer.py",
            &json!({
                "public_key": keys[algorithm]["public"], "algorithm": algorithm.to_uppercase(),
                "key_id": "key-7", "issuer": "lakehead", "audience": "lake", "lifetime": 120,
            }),
        );
        let auth = format!(
            "auth: {{ jwt_bearer: {{ key: {{ secret: t/key }}, algorithm: {algorithm}, key_id: {{ secret: t/kid }}, unique: true, lifetime: 120, claims: {{ iss: lakehead, aud: '{{audience}}' }} }} }}"
        );
        let session = open(&desk, &server, &auth);
        assert_whole(&walk(&session, "").await);
        assert_eq!(
            (server.count("tokens"), server.count("refused")),
            (1, 0),
            "{algorithm} {form}"
        );
    }
}

#[tokio::test]
async fn a_signed_token_is_made_anew_before_it_ends() {
    let keys = printed("keys.py");
    let mut desk = Desk::new(&[("t/key", keys["es256"]["pkcs8"].as_str().expect("text"))]);
    let server = Guarded::start(
        "jwt_bearer.py",
        &json!({
            "public_key": keys["es256"]["public"], "algorithm": "ES256",
            "key_id": "k", "issuer": "lakehead", "audience": "lake", "lifetime": 3000,
        }),
    );
    // PyJWT looks at the machine's clock, so all that passes here lies behind that.
    let earlier = Clock::System.now() - jiff::SignedDuration::from_secs(2910);
    desk.clock = Clock::turned(earlier);
    let auth = "auth: { jwt_bearer: { key: { secret: t/key }, algorithm: es256, key_id: k, unique: true, lifetime: 3000, claims: { iss: lakehead, aud: lake } } }";
    let session = open(&desk, &server, auth);
    for (after, tokens) in [(0, 1), (2800, 1), (100, 2)] {
        desk.clock.sleep(Duration::from_secs(after)).await;
        first(&session).await.expect("a page");
        assert_eq!(server.count("tokens"), tokens, "after {after} s more");
    }
    assert_eq!(server.count("refused"), 0);
}

#[tokio::test]
async fn a_signed_token_is_exchanged_for_another() {
    let keys = printed("keys.py");
    for algorithm in ["rs256", "es256"] {
        let key = keys[algorithm]["pkcs8"].as_str().expect("text");
        let desk = Desk::new(&[("t/key", key)]);
        let server = Guarded::start(
            "oauth2.py",
            &oauth_options(
                json!({"public_key": keys[algorithm]["public"], "audience": "lake", "uses": 3}),
            ),
        );
        let auth = format!(
            "auth: {{ jwt_bearer: {{ key: {{ secret: t/key }}, algorithm: {algorithm}, claims: {{ iss: lake-client, sub: someone, aud: '{{audience}}' }}, exchange: {{ url: '{{base}}/oauth/token', parameters: {{ scope: read }} }} }} }}"
        );
        let session = open(&desk, &server, &auth);
        assert_whole(&walk(&session, "").await);
        assert_eq!(
            (server.count("tokens"), server.count("refused")),
            (2, 1),
            "{algorithm}"
        );
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_told_without_showing_it() {
    let keys = printed("keys.py");
    let text = |algorithm: &str| keys[algorithm]["pkcs8"].as_str().expect("text").to_owned();
    for (algorithm, key) in [
        ("rs256", text("es256")),
        ("es256", text("rs256")),
        ("es256", text("es384")),
        ("rs256", text("rs256").replace("PRIVATE", "PUBLIC")),
        ("rs256", text("rs256")[..600].to_owned()),
        ("rs256", "nonsense-k3y".to_owned()),
    ] {
        let desk = Desk::new(&[("t/key", &key)]);
        let auth = format!(
            "auth: {{ jwt_bearer: {{ key: {{ secret: t/key }}, algorithm: {algorithm} }} }}"
        );
        let session = desk.session("http://127.0.0.1:9", &auth).expect("opens");
        let fault = walk(&session, "").await.fault.expect("refused");
        assert_eq!(fault.kind, Kind::BadDefinition);
        assert!(
            fault.message.contains("the secret `t/key` is not"),
            "{fault}"
        );
        assert!(!fault.message.contains("k3y"), "{fault}");
    }
}

const HAWK: &str = "auth: { hawk: { id: { secret: t/id }, key: { secret: t/key } } }";
const HAWK_SECRETS: [(&str, &str); 2] = [("t/id", "dataflowapi"), ("t/key", "some-h4wk-key")];

fn hawk_options(more: Value) -> Value {
    let mut options = json!({"id": "dataflowapi", "key": "some-h4wk-key"});
    let all = options.as_object_mut().expect("an object");
    all.extend(more.as_object().expect("an object").clone());
    options
}

#[tokio::test]
async fn hawk_signs_requests_and_takes_signed_answers() {
    let desk = Desk::new(&HAWK_SECRETS);
    for (options, more, guard) in [
        ("", "", json!({})),
        (", ext: some-app-ext", "", json!({})),
        (", payload_hash: false", "", json!({"untrusted": true})),
        (", verify: false", "", json!({"unsigned": true})),
        (
            "",
            ", method: post_repeatable, body: { json: { q: 'é &' } }",
            json!({}),
        ),
        (
            "",
            ", method: post_repeatable, body: { form: { q: 'é &' } }",
            json!({}),
        ),
        ("", ", query: { a: 'b c&d', e: 'é+/' }", json!({})),
        (
            "",
            ", headers: { Content-Type: 'application/json; charset=utf-8' }",
            json!({}),
        ),
    ] {
        let server = Guarded::start("hawk.py", &hawk_options(guard));
        let auth = HAWK.replace("key } } }", &format!("key }}{options} }} }}"));
        let session = open(&desk, &server, &auth);
        let walked = walk(&session, more).await;
        assert_whole(&walked);
        assert_eq!(
            (walked.traffic.sent, server.count("refused")),
            (5, 0),
            "{options} {more}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_the_source_did_not_sign_closes_the_session() {
    let desk = Desk::new(&HAWK_SECRETS);
    for (guard, part, pages) in [
        (json!({"spoil": 3}), "its code is not that of the key", 3),
        (json!({"unsigned": true}), "it is not signed at all", 1),
    ] {
        let server = Guarded::start("hawk.py", &hawk_options(guard));
        let session = open(&desk, &server, HAWK);
        let walked = walk(&session, "").await;
        let fault = walked.fault.expect("refused");
        assert_eq!(fault.kind, Kind::SourceRejected);
        assert!(fault.message.contains(part), "{fault}");
        assert_eq!((walked.pages, server.count("pages")), (pages - 1, pages));
        // Nothing further is sent, by no worker.
        for ended in join_all((0..8).map(|_| first(&session))).await {
            assert!(ended.expect_err("closed").message.contains(part));
        }
        assert_eq!(server.count("pages"), pages);
    }
    let wrong = Desk::new(&[("t/id", "dataflowapi"), ("t/key", "wr0ng")]);
    let server = Guarded::start("hawk.py", &hawk_options(json!({})));
    let fault = walk(&open(&wrong, &server, HAWK), "").await.fault;
    assert!(fault.expect("refused").message.contains("answered 401"));
    assert_eq!((server.count("pages"), server.count("refused")), (0, 1));
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_as_that() {
    let mut desk = Desk::new(&HAWK_SECRETS);
    desk.clock = Clock::turned(Clock::System.now() - jiff::SignedDuration::from_secs(1000));
    let server = Guarded::start("hawk.py", &hawk_options(json!({})));
    let fault = walk(&open(&desk, &server, HAWK), "").await.fault;
    let message = fault.expect("refused").message;
    assert!(
        message.contains("are 10") && message.contains("set the clock"),
        "{message}"
    );
    // Only the holder of the key can say so.
    let clock = desk.clock.clone();
    desk = Desk::new(&[HAWK_SECRETS[0], ("t/key", "wr0ng")]);
    desk.clock = clock;
    let fault = walk(&open(&desk, &server, HAWK), "").await.fault;
    assert!(fault.expect("refused").message.contains("answered 401"));
}

#[tokio::test]
async fn aws_signatures_are_those_of_botocore() {
    let token = "FwoGZXIvYXdzE/session+token==";
    let desk = Desk::new(&[
        ("t/id", "AKIDEXAMPLE"),
        ("t/key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        ("t/token", token),
    ]);
    let odd = ", query: { b: 'x y&z', a: ['2', '1'], 'A-_.~': 'é+/=', empty: '' }";
    for (service, with_token, more) in [
        ("execute-api", false, ""),
        ("execute-api", true, odd),
        ("s3", false, odd),
        ("s3", true, ""),
        (
            "es",
            false,
            ", method: post_repeatable, body: { json: { query: { match_all: {} } } }",
        ),
    ] {
        let options = json!({
            "id": "AKIDEXAMPLE", "key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            "service": service, "region": "eu-west-2", "token": with_token.then_some(token),
        });
        let server = Guarded::start("aws_sigv4.py", &options);
        let token = if with_token {
            ", session_token: { secret: t/token }"
        } else {
            ""
        };
        let auth = format!(
            "auth: {{ aws_sigv4: {{ service: {service}, region: eu-west-2, access_key_id: {{ secret: t/id }}, secret_access_key: {{ secret: t/key }}{token} }} }}"
        );
        let session = open(&desk, &server, &auth);
        let walked = walk(&session, more).await;
        assert_whole(&walked);
        assert_eq!(server.count("refused"), 0, "{service} {more}");
    }
    for path in ["/a/%C3%A9/x:y@z;w,v=()!*~$&+", "/a%20b/c%2Fd", "/records"] {
        for service in ["execute-api", "s3"] {
            let options = json!({
                "id": "AKIDEXAMPLE", "key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                "service": service, "region": "eu-west-2",
            });
            let server = Guarded::start("aws_sigv4.py", &options);
            let auth = format!(
                "auth: {{ aws_sigv4: {{ service: {service}, region: eu-west-2, access_key_id: {{ secret: t/id }}, secret_access_key: {{ secret: t/key }} }} }}"
            );
            let session = open(&desk, &server, &auth);
            let walked = walk_below(&session, path, "").await;
            assert_whole(&walked);
            assert_eq!(server.count("refused"), 0, "{service} {path}");
        }
    }
}

#[tokio::test]
async fn only_who_shows_its_certificate_is_talked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Guarded::with(
        "certificate.py",
        &json!({"bearer": "t0ken"}),
        Some(folder.path()),
    );
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    let mut desk = Desk::new(&[
        ("t/certificate", &read("client.pem")),
        ("t/key", &read("client.key")),
        ("t/other", &read("stranger.pem")),
        ("t/other_key", &read("stranger.key")),
        ("t/token", "t0ken"),
    ]);
    desk.settings.ca_file = Some(folder.path().join("authority.pem"));
    let with = |certificate: &str, key: &str, and: &str| {
        format!(
            "auth: {{ client_certificate: {{ certificate: {{ secret: t/{certificate} }}, key: {{ secret: t/{key} }}{and} }} }}"
        )
    };
    let and = ", and: { bearer: { token: { secret: t/token } } }";
    let session = open(&desk, &server, &with("certificate", "key", and));
    assert_whole(&walk(&session, "").await);
    for (auth, part) in [
        (with("certificate", "key", ""), "answered 401"),
        (with("other", "other_key", and), "broke off"),
        (
            "auth: { bearer: { token: { secret: t/token } } }".to_owned(),
            "broke off",
        ),
    ] {
        let session = open(&desk, &server, &auth);
        let fault = walk(&session, "").await.fault.expect("refused");
        assert!(fault.message.contains(part), "{auth}: {fault}");
    }
    for (base, auth, part) in [
        (
            "https://127.0.0.1:9",
            with("token", "key", ""),
            "are not a certificate and its private key",
        ),
        (
            "https://127.0.0.1:9",
            with("certificate", "other_key", ""),
            "no encrypted connection",
        ),
        (
            "http://127.0.0.1:9",
            with("certificate", "key", ""),
            "without encryption",
        ),
    ] {
        let fault = desk.session(base, &auth).expect_err("refused");
        assert_eq!(fault.kind, Kind::BadDefinition);
        assert!(fault.message.contains(part), "{fault}");
    }
}
