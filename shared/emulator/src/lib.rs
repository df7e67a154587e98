//! AWS for tests on this machine: the emulator of `tests/cloud` as a process, and a wire in front of it that breaks
//! on demand. Only tests use it.

mod wire;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

pub use wire::{Fate, Wire};

/// A running emulator; it ends with this value.
pub struct Emulator {
    process: Child,
    /// Where it listens, `http://127.0.0.1:PORT`.
    pub endpoint: String,
}

impl Emulator {
    /// One without a warehouse.
    pub fn start() -> Self {
        Emulator::with(&[])
    }

    /// One whose Redshift is a PostgreSQL at this address.
    pub fn over(postgres: &str) -> Self {
        Emulator::with(&["--postgres", postgres])
    }

    fn with(arguments: &[&str]) -> Self {
        let mut process = python()
            .arg(root().join("tests/cloud/serve.py"))
            .args(arguments)
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
        let create = aws_sdk_s3::Client::new(&config(&self.endpoint)).create_bucket();
        let create = create.create_bucket_configuration(location.build());
        create.bucket(name).send().await.expect("made");
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It ends when its standard input is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// What clients of AWS at an endpoint are made of.
pub fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(endpoint)
        .build()
}

/// A command of the Python of the environment that `scripts/venv` makes.
pub fn python() -> Command {
    #[expect(clippy::disallowed_methods, reason = "where scripts/venv put it")]
    let venv = std::env::var_os("LAKEHEAD_VENV").unwrap_or_else(|| ".venv".into());
    let python = root().join(venv).join("bin/python");
    assert!(
        python.exists(),
        "there is no {}; run `scripts/venv`, which makes the Python environment of the tests",
        python.display()
    );
    let mut command = Command::new(python);
    // What a test leaves in the source tree, the next one would find.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// The root of the repository: Cargo runs tests in the folder of their package. A path that was compiled in would be
/// that of another clone, where two share a target directory.
pub fn root() -> PathBuf {
    let here = std::env::current_dir().expect("a folder");
    let mut above = here.ancestors();
    let root = above.find(|folder| folder.join("Cargo.lock").exists());
    root.expect("a test runs in its package").to_owned()
}
