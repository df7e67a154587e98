//! Every kind of auth once more, well and ill, with all that is written at any level looked through: no
//! credential and no token stands in it.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use edge::clock::Clock;
use serde_json::{Value, json};

use crate::guarded::{Desk, Guarded, printed, walk};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("whole").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A secret as it could stand in a text: as it is, in base64 at each alignment, escaped, in hexadecimal.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), pipeline::request::encode(secret)];
    forms.push(secret.bytes().map(|byte| format!("{byte:02x}")).collect());
    for shift in 0..3 {
        let shifted = [&b"xx"[..shift], secret.as_bytes()].concat();
        let first = [0, 2, 3][shift];
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            forms.push(text[first..shifted.len() * 8 / 6].to_owned());
        }
    }
    forms
}

struct Case {
    script: &'static str,
    options: Value,
    auth: String,
    more: &'static str,
}

fn cases(keys: &Value) -> Vec<Case> {
    let case = |script, options: Value, auth: &str, more| Case {
        script,
        options,
        auth: auth.to_owned(),
        more,
    };
    let login = "{ login: { path: /user/login, json: { username: me@x.example, password: { secret: t/pass } }, keep: cookies } }";
    let token = login.replace(
        "keep: cookies",
        "keep: { token: { at: $.session.jwt, header: X-Session, scheme: '' } }",
    );
    let client = "client_id: lake, client_secret: { secret: t/secret }";
    let oauth = json!({"client_id": "lake", "client_secret": "cl1ent-secret/+", "uses": 2, "refresh_token": "f1rst-refresh-token"});
    let posted = json!({"client_id": "lake", "client_secret": "cl1ent-secret/+", "uses": 2, "method": "client_secret_post"});
    let jwt =
        json!({"client_id": "lake", "public_key": keys["es256"]["public"], "audience": "lake"});
    let direct = json!({"public_key": keys["es256"]["public"], "algorithm": "ES256", "key_id": "k", "issuer": "lake", "audience": "lake", "lifetime": 300});
    let aws = json!({"id": "AKIDEXAMPLE", "key": "aws-s3cret-key/+", "service": "es", "region": "r", "token": "aws-sess1on-token="});
    let hawk = |more: Value| {
        let mut options = json!({"id": "lake", "key": "h4wk-secret-key"});
        let all = options.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        options
    };
    vec![
        case(
            "header.py",
            json!({}),
            "{ api_key: { query: api_key, key: { secret: t/secret } } }",
            "",
        ),
        case(
            "header.py",
            json!({"headers": {"X": "y"}}),
            "{ basic: { username: me, password: { secret: t/pass } } }",
            "",
        ),
        case(
            "header.py",
            json!({"headers": {"X": "y"}}),
            "{ header: { value: 'a={a};b={b}', secrets: { a: { secret: t/pass }, b: { secret: t/secret } } } }",
            "",
        ),
        case(
            "login.py",
            json!({"password": "l0gin-pass", "uses": 2}),
            login,
            "",
        ),
        case(
            "login.py",
            json!({"password": "l0gin-pass", "uses": 2, "token": true}),
            &token,
            "",
        ),
        case(
            "login.py",
            json!({"password": "other", "token": true}),
            &login.replace("json", "query"),
            "",
        ),
        case(
            "login.py",
            json!({"password": "l0gin-pass", "uses": 0}),
            login,
            "",
        ),
        case(
            "oauth2.py",
            oauth.clone(),
            &format!(
                "{{ oauth2_client_credentials: {{ url: '{{base}}/oauth/token', {client} }} }}"
            ),
            "",
        ),
        case(
            "oauth2.py",
            posted,
            &format!(
                "{{ oauth2_client_credentials: {{ url: '{{base}}/oauth/token', {client}, send_as: json }} }}"
            ),
            "",
        ),
        case(
            "oauth2.py",
            json!({"client_id": "other"}),
            &format!(
                "{{ oauth2_client_credentials: {{ url: '{{base}}/oauth/token', {client} }} }}"
            ),
            "",
        ),
        case(
            "oauth2.py",
            oauth,
            &format!(
                "{{ oauth2_refresh_token: {{ url: '{{base}}/oauth/token', {client}, refresh_token: {{ secret: t/refresh }} }} }}"
            ),
            "",
        ),
        case(
            "oauth2.py",
            jwt,
            "{ jwt_bearer: { key: { secret: t/private }, algorithm: es256, claims: { iss: lake, sub: me, aud: lake, pin: { secret: t/pass } }, exchange: { url: '{base}/oauth/token' } } }",
            "",
        ),
        case(
            "jwt_bearer.py",
            direct,
            "{ jwt_bearer: { key: { secret: t/private }, algorithm: es256, key_id: k, unique: true, claims: { iss: lake, aud: lake } } }",
            "",
        ),
        case(
            "hawk.py",
            hawk(json!({})),
            "{ hawk: { id: lake, key: { secret: t/hawk } } }",
            "",
        ),
        case(
            "hawk.py",
            hawk(json!({"spoil": 2})),
            "{ hawk: { id: lake, key: { secret: t/hawk } } }",
            "",
        ),
        case(
            "aws_sigv4.py",
            aws,
            "{ aws_sigv4: { service: es, region: r, access_key_id: { secret: t/aws_id }, secret_access_key: { secret: t/aws_key }, session_token: { secret: t/aws_token } } }",
            ", method: post_repeatable, body: { json: { a: 1 } }",
        ),
    ]
}

/// A client certificate, taken and refused: the lines of its key, and all that was shown.
async fn with_a_certificate() -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Guarded::with("certificate.py", &json!({}), Some(folder.path()));
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect(name);
    let keys = [read("client.key"), read("stranger.key")];
    let mut shown = Vec::new();
    for (name, key) in ["client", "stranger"].iter().zip(&keys) {
        let certificate = read(&format!("{name}.pem"));
        let mut desk = Desk::new(&[("t/certificate", &certificate), ("t/key", key)]);
        desk.settings.ca_file = Some(folder.path().join("authority.pem"));
        let auth = "auth: { client_certificate: { certificate: { secret: t/certificate }, key: { secret: t/key } } }";
        let session = desk.session(&server.base, auth).expect("opens");
        let walked = walk(&session, "").await;
        assert_eq!(walked.fault.is_none(), *name == "client", "{walked:?}");
        shown.push(format!("{walked:?} {session:?}"));
        let swapped = auth.replace("key: { secret: t/key }", "key: { secret: t/certificate }");
        let fault = desk.session(&server.base, &swapped).expect_err("refused");
        shown.push(format!("{fault} {fault:?}"));
    }
    let lines = keys.iter().flat_map(|key| key.lines().skip(1).take(2));
    (lines.map(str::to_owned).collect(), shown)
}

#[tokio::test]
async fn no_credential_and_no_token_is_written_anywhere() {
    let log = Written::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let keys = printed("keys.py");
    let private = keys["es256"]["pkcs8"].as_str().expect("text");
    let secrets = [
        ("t/pass", "l0gin-pass"),
        ("t/secret", "cl1ent-secret/+"),
        ("t/refresh", "f1rst-refresh-token"),
        ("t/hawk", "h4wk-secret-key"),
        ("t/aws_id", "AKIDEXAMPLE"),
        ("t/aws_key", "aws-s3cret-key/+"),
        ("t/aws_token", "aws-sess1on-token="),
        ("t/private", private),
    ];
    let mut hidden: Vec<String> = secrets
        .iter()
        .map(|(_, value)| (*value).to_owned())
        .collect();
    hidden.extend(private.lines().skip(1).take(2).map(str::to_owned));
    let mut texts = Vec::new();
    for case in cases(&keys) {
        let mut desk = Desk::new(&secrets);
        desk.clock = Clock::turned(Clock::System.now());
        let server = Guarded::start(case.script, &case.options);
        let auth = format!("auth: {}", case.auth.replace("{base}", &server.base));
        let session = desk.session(&server.base, &auth).expect("opens");
        let walked = walk(&session, case.more).await;
        assert!(walked.traffic.sent > 0);
        texts.push(format!("{} {walked:?} {session:?}", case.script));
        texts.extend(walked.fault.map(|fault| format!("{fault} {fault:?}")));
        let given = server.given();
        let kept = std::fs::read_to_string(desk.file()).expect("read");
        let refreshed = given.iter().filter(|token| kept.contains(*token)).count();
        assert!(refreshed <= 1, "more than the refresh token was stored");
        hidden.extend(given);
    }
    let (certificate, shown) = with_a_certificate().await;
    hidden.extend(certificate);
    texts.extend(shown);
    let log = String::from_utf8(log.0.lock().expect("whole").clone()).expect("text");
    assert!(
        log.contains("answered") && log.contains("granted access"),
        "{log}"
    );
    let lines = log.lines().count();
    texts.push(log);
    let (mut looked, mut found) = (0, Vec::new());
    for secret in &hidden {
        for form in forms(secret) {
            looked += 1;
            found.extend(
                texts
                    .iter()
                    .filter(|text| text.contains(&form))
                    .map(|text| (secret, text)),
            );
        }
    }
    println!(
        "{} secrets and tokens in {looked} forms, {lines} lines of log: {} found",
        hidden.len(),
        found.len()
    );
    assert!(found.is_empty(), "{found:?}");
}
