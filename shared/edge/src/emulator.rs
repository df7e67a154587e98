//! AWS for tests on this machine: the emulator of `tests/cloud`, and a wire in front of it that breaks on demand.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};

use crate::aws::Aws;

/// A running emulator; it ends with this value.
pub(crate) struct Emulator {
    process: Child,
    /// Where it listens.
    pub(crate) endpoint: String,
}

impl Emulator {
    pub(crate) fn start() -> Self {
        let mut process = python()
            .arg(root().join("tests/cloud/serve.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the emulator starts");
        let mut line = String::new();
        let said = process.stdout.take().expect("piped");
        let read = BufReader::new(said).read_line(&mut line);
        read.expect("it says where it listens");
        let said: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        let endpoint = said["endpoint"].as_str().expect("an endpoint").to_owned();
        Emulator { process, endpoint }
    }

    pub(crate) fn aws(&self) -> Arc<Aws> {
        aws(&self.endpoint)
    }

    /// A new bucket.
    pub(crate) async fn bucket(&self, name: &str) {
        let location = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint(aws_sdk_s3::types::BucketLocationConstraint::EuWest1);
        let aws = self.aws();
        let create = aws.s3().create_bucket().bucket(name);
        let made = create.create_bucket_configuration(location.build()).send();
        made.await.expect("made");
    }

    fn address(&self) -> SocketAddr {
        let address = self.endpoint.strip_prefix("http://").expect("plain HTTP");
        address.parse().expect("an address")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends when its standard input is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The Python of the environment that `scripts/venv` makes.
pub(crate) fn python() -> Command {
    #[expect(clippy::disallowed_methods, reason = "where scripts/venv put it")]
    let venv = std::env::var_os("LAKEHEAD_VENV").unwrap_or_else(|| ".venv".into());
    let python = root().join(venv).join("bin/python");
    assert!(
        python.exists(),
        "there is no {}; run `scripts/venv`, which makes the Python environment of the tests",
        python.display()
    );
    let mut command = Command::new(python);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// AWS at an endpoint.
pub(crate) fn aws(endpoint: &str) -> Arc<Aws> {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint);
    Arc::new(Aws::over(config.build()).expect("a region"))
}

/// What becomes of a request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered.
    Passes,
    /// It is done, and the answer is lost.
    Unanswered,
    /// It is not done, but answered with this status and code.
    Refused(u16, &'static str),
}

/// A wire to the emulator. Requests that begin like `which` meet the fates, one after the other; all others pass.
pub(crate) struct Wire {
    pub(crate) endpoint: String,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    carried: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub(crate) fn to(emulator: &Emulator, which: &'static str, fates: &[Fate]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let fates = Arc::new(Mutex::new(VecDeque::from(fates.to_vec())));
        let carried = Arc::new(Mutex::new(Vec::new()));
        let (fates_by, carried_by, behind) = (fates.clone(), carried.clone(), emulator.address());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (fates, carried) = (fates_by.clone(), carried_by.clone());
                std::thread::spawn(move || carry(stream, behind, which, &fates, &carried));
            }
        });
        Wire {
            endpoint,
            fates,
            carried,
        }
    }

    /// Whether every fate was met.
    pub(crate) fn is_used_up(&self) -> bool {
        self.fates.lock().expect("whole").is_empty()
    }

    /// The requests that came, by their first lines.
    pub(crate) fn carried(&self) -> Vec<String> {
        self.carried.lock().expect("whole").clone()
    }
}

/// Carries one request and its answer; each has a connection of its own.
fn carry(
    mut client: TcpStream,
    behind: SocketAddr,
    which: &str,
    fates: &Mutex<VecDeque<Fate>>,
    carried: &Mutex<Vec<String>>,
) {
    let Some((head, body)) = request(&mut client) else {
        return;
    };
    let first = head.lines().next().unwrap_or_default().to_owned();
    let fate = match first.starts_with(which) {
        true => fates.lock().expect("whole").pop_front(),
        false => None,
    };
    carried.lock().expect("whole").push(first);
    if let Some(Fate::Refused(status, code)) = fate {
        // All services but S3 speak JSON.
        let body = match head.to_lowercase().contains("x-amz-target:") {
            true => format!("{{\"__type\": \"{code}\", \"message\": \"so be it\"}}"),
            false => format!("<Error><Code>{code}</Code><Message>so be it</Message></Error>"),
        };
        let _ = client.write_all(&crate::scripted::answer(status, "", &body));
        return;
    }
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let mut emulator = TcpStream::connect(behind).expect("the emulator");
    emulator.write_all(head.as_bytes()).expect("sent");
    emulator.write_all(&body).expect("sent");
    let mut answer = Vec::new();
    emulator.read_to_end(&mut answer).expect("answered");
    if fate != Some(Fate::Unanswered) {
        let _ = client.write_all(&answer);
    }
}

fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let value = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    };
    if value("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = value("content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    let lines = head.split_inclusive("\r\n");
    let kept = lines.filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("expect:") && !line.starts_with("connection:")
    });
    Some((kept.collect(), body))
}
