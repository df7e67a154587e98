//! Secrets of an account: read, missed, refused, replaced, and encrypted elsewhere.

use aws_sdk_secretsmanager::Client;
use emulator::{Emulator, Fate, Wire, python};
use pipeline::decode::decode;
use pipeline::fault::Kind;
use pipeline::number::Values;
use pipeline::resource::ResourceDefinition;
use pipeline::source::SourceDefinition;

use crate::aws::emulated;
use crate::scripted::{Scripted, Turn, answer};
use crate::session::{Session, Sessions, Traffic};
use crate::settings::AwsSecretStore;
use crate::source::Page;

use super::*;

const BUCKET: &str = "lakehead-tests";

fn name(text: &str) -> SecretName {
    SecretName::try_from(text.to_owned()).expect(text)
}

/// The store of a process of its own.
fn store(endpoint: &str, kind: AwsSecretStore) -> SecretStore {
    let aws = emulated(endpoint);
    let objects = Objects::bucket(aws.clone(), BUCKET, "objects/");
    let settings = Settings {
        secret_store: kind,
        ..Settings::default()
    };
    let here = SecretStore::over(|_| None, None).expect("opens");
    here.on_aws(aws, &settings, objects)
}

async fn one(store: &SecretStore, secret: &str) -> Result<String, Fault> {
    let secret = name(secret);
    let read = store.read([&secret]).await?;
    Ok(read.get(&secret)?.expose().to_owned())
}

fn manager(emulator: &Emulator) -> Client {
    Client::new(emulated(&emulator.endpoint).config())
}

async fn create(emulator: &Emulator, secret: &str, value: &str) {
    let create = manager(emulator).create_secret().name(secret);
    create.secret_string(value).send().await.expect("created");
}

async fn change(emulator: &Emulator, secret: &str, value: &str) {
    let put = manager(emulator).put_secret_value().secret_id(secret);
    put.secret_string(value).send().await.expect("changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_read_once_and_what_is_missing_is_told_with_how_to_make_it() {
    let emulator = Emulator::start();
    let wire = Wire::to(&emulator, "POST ", &[]);
    let of_manager = store(&wire.endpoint, AwsSecretStore::SecretsManager);
    let fault = one(&of_manager, "gins/api_key").await.expect_err("none");
    let remedy = "run `aws secretsmanager create-secret --name lakehead/gins/api_key";
    assert!(fault.message.contains(remedy), "{fault}");
    assert_eq!(fault.kind, Kind::BadDefinition);
    create(&emulator, "lakehead/gins/api_key", "hunter2\n").await;
    for _ in 0..3 {
        let read = one(&of_manager, "gins/api_key").await;
        assert_eq!(read.as_deref(), Ok("hunter2"));
    }
    assert_eq!(wire.carried().len(), 2, "what was read is kept");
    let of_parameters = store(&emulator.endpoint, AwsSecretStore::ParameterStore);
    let fault = one(&of_parameters, "gins/api_key").await.expect_err("none");
    let remedy = "run `aws ssm put-parameter --type SecureString --name /lakehead/gins/api_key";
    assert!(fault.message.contains(remedy), "{fault}");
    let parameters = aws_sdk_ssm::Client::new(emulated(&emulator.endpoint).config());
    let put = parameters.put_parameter().name("/lakehead/gins/api_key");
    let put = put.r#type(aws_sdk_ssm::types::ParameterType::SecureString);
    put.value("hunter3").send().await.expect("written");
    let read = one(&of_parameters, "gins/api_key").await;
    assert_eq!(read.as_deref(), Ok("hunter3"));
    for (fate, times, kind, said) in [
        (
            Fate::Refused(400, "AccessDeniedException"),
            1,
            Kind::BadDefinition,
            "allow the role of this process `secretsmanager:GetSecretValue` on lakehead/gins/api_key",
        ),
        (
            Fate::Refused(500, "InternalServiceError"),
            3,
            Kind::Transient,
            "Internal",
        ),
    ] {
        let wire = Wire::to(&emulator, "POST ", &vec![fate; times]);
        let refused = store(&wire.endpoint, AwsSecretStore::SecretsManager);
        let fault = one(&refused, "gins/api_key").await.expect_err("refused");
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.contains(said), "{fault}");
        assert!(!fault.message.contains("hunter2"), "{fault}");
    }
}

async fn session(store: SecretStore, base: &str, auth: &str) -> Arc<Session> {
    let text = format!("{{ base_url: '{base}', rate: {{ requests: 100 }}, auth: {auth} }}");
    let definition = decode::<SourceDefinition>(&text).value.expect("decodes");
    let clock = Clock::turned(Clock::System.now());
    let sessions = Sessions::new(Settings::default(), store, clock);
    let session = sessions.session(&definition, &Values::new()).await;
    session.expect("opens")
}

async fn page(session: &Session) -> Result<Page, Fault> {
    let resource = decode::<ResourceDefinition>("{ path: /a }").value;
    let resource = resource.expect("decodes");
    let first = resource.paginate.first();
    let mut traffic = Traffic::default();
    session
        .page(&resource, &Values::new(), &first, None, &mut traffic)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_source_refuses_is_read_anew() {
    let emulator = Emulator::start();
    create(&emulator, "lakehead/t/key", "old").await;
    let says = |status| Turn::Say(answer(status, "", "[]"));
    let source = Scripted::start([200, 401, 200, 401, 401].map(says).into());
    let store = store(&emulator.endpoint, AwsSecretStore::SecretsManager);
    let auth = "{ api_key: { header: X-Key, key: { secret: t/key } } }";
    let session = session(store, &source.base(), auth).await;
    page(&session).await.expect("with the old one");
    change(&emulator, "lakehead/t/key", "new").await;
    page(&session).await.expect("with the new one");
    // It is the same still, so another request would fare no better.
    let fault = page(&session).await.expect_err("refused");
    assert_eq!(fault.kind, Kind::SourceRejected, "{fault}");
    let shown = |request: String| {
        let mut lines = request.lines().filter(|line| line.starts_with("x-key"));
        lines.next().map(str::to_owned)
    };
    let shown: Vec<Option<String>> = source.heard().into_iter().map(shown).collect();
    let shown: Vec<&str> = shown.iter().flatten().map(String::as_str).collect();
    let (old, new) = ("x-key: old", "x-key: new");
    assert_eq!(shown, [old, old, new, new]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_the_source_replaced_is_kept_and_one_process_at_a_time_has_it() {
    let emulator = Emulator::start();
    emulator.bucket(BUCKET).await;
    create(&emulator, "lakehead/t/refresh", "first").await;
    let token = |next: &str| {
        let body = format!(
            "{{\"access_token\": \"a\", \"token_type\": \"Bearer\", \"refresh_token\": \"{next}\"}}"
        );
        Turn::Say(answer(200, "content-type: application/json\r\n", &body))
    };
    let says = |status| Turn::Say(answer(status, "", "[]"));
    let script = vec![
        token("second"),
        says(200),
        says(400),
        token("third"),
        says(200),
    ];
    let source = Scripted::start(script);
    let auth = "{ oauth2_refresh_token: { path: /token, client_id: c, refresh_token: { secret: t/refresh } } }";
    let process = || store(&emulator.endpoint, AwsSecretStore::SecretsManager);
    let kept = async || one(&process(), "t/refresh").await.expect("kept");
    let first = session(process(), &source.base(), auth).await;
    page(&first).await.expect("granted");
    assert_eq!(kept().await, "second");
    // Who is refused leaves it to others, at once.
    let other = session(process(), &source.base(), auth).await;
    page(&other).await.expect_err("refused");
    let third = session(process(), &source.base(), auth).await;
    page(&third).await.expect("granted");
    assert_eq!(kept().await, "third");
    let asked: Vec<String> = source.heard();
    for (request, with) in [(0, "first"), (2, "second"), (3, "second")] {
        assert!(asked[request].contains(&format!("refresh_token={with}")));
    }
    let refresh = name("t/refresh");
    let place = process().place(&refresh).await.expect("no trouble");
    let place = place.expect("free");
    assert_eq!(place.current().expose(), "third");
    assert!(
        process()
            .place(&refresh)
            .await
            .expect("no trouble")
            .is_none()
    );
    place
        .replace(&Secret::new("fourth"))
        .await
        .expect("replaced");
    let place = process().place(&refresh).await.expect("no trouble");
    assert_eq!(place.expect("free").current().expose(), "fourth");
    let shown = format!("{:?}", process());
    assert!(!shown.contains("fourth"), "{shown}");
}

/// What Python's `cryptography` makes of a text, with a new key.
fn encrypted(text: &str) -> (String, Vec<u8>) {
    let script = "import sys; from cryptography.fernet import Fernet; k = Fernet.generate_key(); print(k.decode()); print(Fernet(k).encrypt(sys.argv[1].encode()).decode())";
    let said = python().args(["-c", script, text]).output().expect("runs");
    let said = String::from_utf8(said.stdout).expect("text");
    let (key, token) = said.split_once('\n').expect("two lines");
    (key.to_owned(), token.as_bytes().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_may_be_a_part_of_what_python_has_encrypted() {
    let emulator = Emulator::start();
    emulator.bucket(BUCKET).await;
    for text in [
        "hunter2",
        r#"{"co": {"token": "hunter2", "n": 1}, "é": "x"}"#,
    ] {
        let (key, token) = encrypted(text);
        let all = Objects::bucket(emulated(&emulator.endpoint), BUCKET, "");
        all.put("config/providers.json", token.clone())
            .await
            .expect("written");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("providers");
        std::fs::write(&file, &token).expect("written");
        let secrets = store(&emulator.endpoint, AwsSecretStore::ParameterStore);
        let parameters = aws_sdk_ssm::Client::new(emulated(&emulator.endpoint).config());
        let write = async |secret: &str, value: &str| {
            let put = parameters
                .put_parameter()
                .name(format!("/lakehead/{secret}"));
            let put = put.r#type(aws_sdk_ssm::types::ParameterType::SecureString);
            let put = put.overwrite(true).value(value).send();
            put.await.expect("written");
        };
        let member = if text.starts_with('{') {
            "#/co/token"
        } else {
            ""
        };
        let object = format!("fernet://{BUCKET}/config/providers.json?key=mds/fernet{member}");
        let local = format!("fernet://{}?key=mds/fernet{member}", file.display());
        write("mds/object", &object).await;
        write("mds/local", &local).await;
        write("mds/lost", &format!("fernet://{BUCKET}/no?key=mds/fernet")).await;
        write("mds/odd", &format!("{object}#/co/n")).await;
        write("mds/fernet", "c2hvcnQ=").await;
        let fault = one(&secrets, "mds/object").await.expect_err("a short key");
        assert!(fault.message.contains("does not have 32 bytes"), "{fault}");
        let secrets = store(&emulator.endpoint, AwsSecretStore::ParameterStore);
        write("mds/fernet", &key).await;
        for secret in ["mds/object", "mds/local"] {
            assert_eq!(one(&secrets, secret).await.as_deref(), Ok("hunter2"));
        }
        for secret in ["mds/lost", "mds/odd"] {
            let fault = one(&secrets, secret).await.expect_err("not there");
            assert!(!fault.message.contains("hunter2"), "{fault}");
        }
    }
}
