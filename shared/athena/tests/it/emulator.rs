//! AWS on this machine: the emulator of `tests/cloud`, and a wire in front of it that loses answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use edge::aws::Aws;

/// A running emulator; it ends with this value.
pub struct Emulator {
    process: Child,
    pub endpoint: String,
}

impl Emulator {
    pub fn start() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        #[expect(clippy::disallowed_methods, reason = "where scripts/venv put it")]
        let venv = std::env::var_os("LAKEHEAD_VENV").unwrap_or_else(|| ".venv".into());
        let python = root.join(venv).join("bin/python");
        assert!(
            python.exists(),
            "there is no {}; run `scripts/venv`, which makes the Python environment of the tests",
            python.display()
        );
        let mut process = Command::new(python)
            .arg(root.join("tests/cloud/serve.py"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
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

    /// A new bucket.
    pub async fn bucket(&self, name: &str) {
        let location = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::EuWest1);
        let aws = aws(&self.endpoint);
        let create = aws.s3().create_bucket().bucket(name);
        let made = create.create_bucket_configuration(location.build()).send();
        made.await.expect("made");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends when its standard input is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// AWS at an endpoint.
pub fn aws(endpoint: &str) -> Arc<Aws> {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint);
    Arc::new(Aws::over(config.build()).expect("a region"))
}

/// A wire to the emulator. The first request for an action of Glue or Athena is carried out and its answer lost.
pub struct Wire {
    pub endpoint: String,
    lost: Arc<AtomicUsize>,
    carried: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub fn losing(emulator: &Emulator, action: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let behind = emulator.endpoint.strip_prefix("http://").expect("plain");
        let behind: SocketAddr = behind.parse().expect("an address");
        let lost = Arc::new(AtomicUsize::new(0));
        let carried = Arc::new(Mutex::new(Vec::new()));
        let wire = Wire {
            endpoint,
            lost: Arc::clone(&lost),
            carried: Arc::clone(&carried),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (lost, carried) = (Arc::clone(&lost), Arc::clone(&carried));
                std::thread::spawn(move || carry(stream, behind, action, &lost, &carried));
            }
        });
        wire
    }

    /// Whether an answer was lost.
    pub fn has_lost(&self) -> bool {
        self.lost.load(Relaxed) > 0
    }

    /// How often an action was asked for.
    pub fn asked(&self, action: &str) -> usize {
        let carried = self.carried.lock().expect("whole");
        carried.iter().filter(|asked| *asked == action).count()
    }
}

/// Carries one request and its answer; each has a connection of its own.
fn carry(
    mut client: TcpStream,
    behind: SocketAddr,
    action: &str,
    lost: &AtomicUsize,
    carried: &Mutex<Vec<String>>,
) {
    let Some((head, body)) = request(&mut client) else {
        return;
    };
    let target = header(&head, "x-amz-target").unwrap_or_default();
    let asked = target.rsplit('.').next().unwrap_or_default().to_owned();
    carried.lock().expect("whole").push(asked.clone());
    let mut emulator = TcpStream::connect(behind).expect("the emulator");
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    emulator.write_all(head.as_bytes()).expect("sent");
    emulator.write_all(&body).expect("sent");
    let mut answer = Vec::new();
    emulator.read_to_end(&mut answer).expect("answered");
    if asked == action && lost.fetch_add(1, Relaxed) == 0 {
        return;
    }
    let _ = client.write_all(&answer);
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = lines.filter(|(header, _)| header.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.to_owned())
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
    if header(&head, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = header(&head, "content-length").and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut body).ok()?;
    let lines = head.split_inclusive("\r\n");
    let kept = lines.filter(|line| {
        let line = line.to_lowercase();
        !line.starts_with("expect:") && !line.starts_with("connection:")
    });
    Some((kept.collect(), body))
}
