//! The `lakehead` binary in a directory of its own, and what it answered.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// The key that tests give to `gins`; it must appear nowhere. It holds what escapes like to change.
pub const CANARY: &str = "canary-3f9a1c77/+\"\\%&";

/// The name that tests log in with; it must appear nowhere either.
pub const USER: &str = "user-3f9a1c77@canary.test";

/// A root directory and the binary that works in it.
pub struct World {
    directory: tempfile::TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none when it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error} in {}\n{}", self.stdout, self.stderr))
    }
}

impl World {
    /// An empty root.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        World { directory }
    }

    /// The directory that everything is below.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Where a run leaves everything.
    pub fn root(&self) -> PathBuf {
        self.path().join("root")
    }

    /// The command with the given arguments, in this world, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakehead"));
        command
            .args(arguments)
            .env("LAKEHEAD_SECRET_GINS_API_KEY", CANARY)
            .env("LAKEHEAD_SECRET_MATRIX_USERNAME", USER)
            .env("LAKEHEAD_SECRET_MATRIX_PASSWORD", CANARY)
            .env_remove("RUST_LOG")
            .env_remove("LAKEHEAD_BUCKET")
            .env_remove("LAKEHEAD_STATE_MACHINE")
            // No test may reach a real account, nor wait for where one would be.
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// The same with `--root` of this world at the end.
    pub fn rooted(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.arg("--root").arg(self.root());
        command
    }

    /// Runs a command in this world's root to its end.
    pub fn lakehead(&self, arguments: &[&str]) -> Ended {
        end(self.rooted(arguments))
    }

    /// Runs a command that knows no root to its end.
    pub fn bare(&self, arguments: &[&str]) -> Ended {
        end(self.command(arguments))
    }

    /// Runs a pipeline with `--format json` and answers its report.
    pub fn run(&self, pipeline: &str, base_url: &str, more: &[&str]) -> (Ended, Value) {
        let base_url = format!("base_url={base_url}");
        let mut arguments = vec!["run", pipeline, "--format", "json", "--param", &base_url];
        arguments.extend(more);
        let ended = self.lakehead(&arguments);
        let report = ended.json();
        (ended, report)
    }

    /// Starts a command in this world's root.
    pub fn start(&self, arguments: &[&str]) -> Child {
        self.rooted(arguments).spawn().expect("the binary starts")
    }

    /// The rows of a query over the published tables.
    pub fn query(&self, sql: &str) -> Value {
        let ended = self.lakehead(&["query", sql, "--format", "json"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.json()
    }

    /// Every file below the root, as path and content.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut directories = vec![self.root()];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("readable").flatten() {
                match entry.file_type().expect("known").is_dir() {
                    true => directories.push(entry.path()),
                    false => files.push((entry.path(), std::fs::read(entry.path()).expect("read"))),
                }
            }
        }
        files.sort();
        files
    }
}

/// Runs a command to its end.
pub fn end(mut command: Command) -> Ended {
    let output = command.output().expect("the binary starts");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
