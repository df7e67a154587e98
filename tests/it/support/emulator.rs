//! The emulator of AWS, with a bucket and a state machine in it.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The name of the bucket.
pub const BUCKET: &str = "lakehead-test";

/// A running emulator; it ends with this value.
pub struct Emulator {
    _running: emulator::Emulator,
    /// Where it listens.
    pub endpoint: String,
}

/// Makes the bucket and a state machine of the definition on standard input, and says its ARN.
const DEPLOY: &str = r#"
import boto3, json, sys
boto3.client("s3").create_bucket(
    Bucket=sys.argv[1], CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
made = boto3.client("stepfunctions").create_state_machine(
    name="lakehead", definition=sys.stdin.read(), roleArn="arn:aws:iam::123456789012:role/lakehead")
print(json.dumps(made["stateMachineArn"]))
"#;

/// Puts every file below a directory into the bucket, but those whose keys end as told.
const UPLOAD: &str = r#"
import boto3, os, sys
bucket, root, but = sys.argv[1:4]
s3 = boto3.client("s3")
for folder, _, files in os.walk(root):
    for file in files:
        path = os.path.join(folder, file)
        if not but or not path.endswith(but):
            s3.upload_file(path, bucket, os.path.relpath(path, root))
print("null")
"#;

impl Emulator {
    /// Starts one.
    pub fn start() -> Self {
        let running = emulator::Emulator::start();
        let endpoint = running.endpoint.clone();
        Emulator {
            _running: running,
            endpoint,
        }
    }

    /// Makes the bucket and a state machine; answers its ARN.
    pub fn deploy(&self, definition: &str) -> String {
        let arn = self.python(DEPLOY, &[BUCKET], definition);
        arn.as_str().expect("an ARN").to_owned()
    }

    /// Puts what is below a root into the bucket, but what ends in `but`.
    pub fn upload(&self, root: &Path, but: &str) {
        let root = root.display().to_string();
        self.python(UPLOAD, &[BUCKET, &root, but], "");
    }

    /// Lets a command reach the emulator.
    pub fn reached_by(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_DEFAULT_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env_remove("AWS_PROFILE");
    }

    fn python(&self, script: &str, arguments: &[&str], input: &str) -> Value {
        use std::io::Write;

        let mut command = emulator::python();
        command.args(["-c", script]).args(arguments);
        self.reached_by(&mut command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python starts");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).expect("read");
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).expect("JSON")
    }
}
