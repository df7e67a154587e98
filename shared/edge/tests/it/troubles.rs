//! Every kind of auth under every trouble that a request may meet: each page comes once, and no repeat carries a
//! credential that serves once a second time.

use edge::clock::Clock;
use serde_json::{Value, json};

use crate::guarded::{Desk, Guarded, printed, walk};

/// Each befalls the first request for one page.
const TROUBLES: [&str; 4] = ["503", "429", "cut", "drop"];

struct Case {
    kind: &'static str,
    script: &'static str,
    options: Value,
    auth: String,
    /// Requests for a token or a session.
    grants: u64,
}

fn cases(keys: &Value) -> Vec<Case> {
    let case = |kind, script, options: Value, auth: &str, grants| Case {
        kind,
        script,
        options,
        auth: auth.to_owned(),
        grants,
    };
    let token = |kind: &str, more: &str| {
        format!(
            "{{ {kind}: {{ url: '{{base}}/oauth/token', client_id: lake, client_secret: {{ secret: t/secret }}{more} }} }}"
        )
    };
    let oauth = json!({"client_id": "lake", "client_secret": "s", "refresh_token": "r"});
    let jwt = json!({"public_key": keys["es256"]["public"], "algorithm": "ES256", "key_id": "k", "issuer": "lake", "audience": "lake", "lifetime": 300});
    let exchange =
        json!({"client_id": "lake", "public_key": keys["rs256"]["public"], "audience": "lake"});
    let aws = json!({"id": "i", "key": "s", "service": "es", "region": "r"});
    vec![
        case("none", "header.py", json!({}), "none", 0),
        case(
            "basic",
            "header.py",
            json!({"basic": "me:s"}),
            "{ basic: { username: me, password: { secret: t/secret } } }",
            0,
        ),
        case(
            "bearer",
            "header.py",
            json!({"headers": {"Authorization": "Bearer s"}}),
            "{ bearer: { token: { secret: t/secret } } }",
            0,
        ),
        case(
            "api_key",
            "header.py",
            json!({"query": {"key": "s"}}),
            "{ api_key: { query: key, key: { secret: t/secret } } }",
            0,
        ),
        case(
            "header",
            "header.py",
            json!({"headers": {"X-K": "Key s"}}),
            "{ header: { name: X-K, scheme: Key, value: { secret: t/secret } } }",
            0,
        ),
        case(
            "login",
            "login.py",
            json!({"password": "s"}),
            "{ login: { path: /user/login, json: { username: me@x.example, password: { secret: t/secret } }, keep: cookies } }",
            1,
        ),
        case(
            "oauth2_client_credentials",
            "oauth2.py",
            oauth.clone(),
            &token("oauth2_client_credentials", ""),
            1,
        ),
        case(
            "oauth2_refresh_token",
            "oauth2.py",
            oauth,
            &token(
                "oauth2_refresh_token",
                ", refresh_token: { secret: t/refresh }",
            ),
            1,
        ),
        case(
            "jwt_bearer",
            "jwt_bearer.py",
            jwt,
            "{ jwt_bearer: { key: { secret: t/es }, algorithm: es256, key_id: k, unique: true, claims: { iss: lake, aud: lake } } }",
            0,
        ),
        case(
            "jwt_bearer, exchanged",
            "oauth2.py",
            exchange,
            "{ jwt_bearer: { key: { secret: t/rs }, algorithm: rs256, claims: { iss: lake, sub: me, aud: lake }, exchange: { url: '{base}/oauth/token' } } }",
            1,
        ),
        case(
            "hawk",
            "hawk.py",
            json!({"id": "lake", "key": "s"}),
            "{ hawk: { id: lake, key: { secret: t/secret } } }",
            0,
        ),
        case(
            "aws_sigv4",
            "aws_sigv4.py",
            aws,
            "{ aws_sigv4: { service: es, region: r, access_key_id: { secret: t/id }, secret_access_key: { secret: t/secret } } }",
            0,
        ),
        case(
            "client_certificate",
            "certificate.py",
            json!({}),
            "{ client_certificate: { certificate: { secret: t/certificate }, key: { secret: t/key } } }",
            0,
        ),
    ]
}

#[tokio::test]
async fn every_kind_gets_through_every_trouble() {
    let keys = printed("keys.py");
    let private = |algorithm: &str| keys[algorithm]["pkcs8"].as_str().expect("text").to_owned();
    for case in cases(&keys) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = case.options;
        options["troubles"] = TROUBLES.into();
        let is_encrypted = case.script == "certificate.py";
        let kept = is_encrypted.then(|| folder.path());
        let server = Guarded::with(case.script, &options, kept);
        let read =
            |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        let mut desk = Desk::new(&[
            ("t/secret", "s"),
            ("t/id", "i"),
            ("t/refresh", "r"),
            ("t/es", &private("es256")),
            ("t/rs", &private("rs256")),
            ("t/certificate", &read("client.pem")),
            ("t/key", &read("client.key")),
        ]);
        desk.settings.ca_file = kept.map(|folder| folder.join("authority.pem"));
        desk.clock = Clock::turned(Clock::System.now());
        let auth = format!("auth: {}", case.auth.replace("{base}", &server.base));
        let session = desk.session(&server.base, &auth).expect("opens");
        let walked = walk(&session, "").await;
        let kind = case.kind;
        assert!(walked.fault.is_none(), "{kind}: {walked:?}");
        assert_eq!((walked.pages, walked.records), (5, 10), "{kind}");
        let traffic = &walked.traffic;
        assert_eq!(
            (traffic.sent, traffic.retried),
            (9 + case.grants, 4),
            "{kind}: {traffic:?}"
        );
        if !is_encrypted {
            assert_eq!(server.count("refused"), 0, "{kind}: {}", server.stats());
        }
        println!(
            "{kind:<26} {} troubles, {} pages, {} requests",
            TROUBLES.len(),
            walked.pages,
            traffic.sent
        );
    }
}
