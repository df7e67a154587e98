//! A guarded source, played by somebody else's library in Python, and a session with it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use edge::clock::Clock;
use edge::secrets::SecretStore;
use edge::session::{Session, Sessions, Traffic};
use edge::settings::Settings;
use edge::source::Page;
use pipeline::decode::decode;
use pipeline::fault::Fault;
use pipeline::number::Values;
use pipeline::paginate::{Next, PageToken};
use pipeline::resource::ResourceDefinition;
use pipeline::source::SourceDefinition;
use serde_json::Value;
use tempfile::TempDir;

/// Runs a script beside the servers with the Python of the test environment.
fn python(script: &str) -> Command {
    let mut command = emulator::python();
    // Others' libraries warn of their own future.
    command.args(["-W", "ignore"]);
    command.arg(emulator::root().join("tests/auth").join(script));
    command
}

/// What a script prints, as JSON.
pub fn printed(script: &str) -> Value {
    let output = python(script).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A running source; it ends with this value.
pub struct Guarded {
    process: Child,
    pub base: String,
}

impl Guarded {
    /// Starts a script with these options.
    pub fn start(script: &str, options: &Value) -> Self {
        Guarded::with(script, options, None)
    }

    /// As [`Guarded::start`], with a folder to leave things in.
    pub fn with(script: &str, options: &Value, folder: Option<&Path>) -> Self {
        let mut command = python(script);
        command.arg(options.to_string()).args(folder);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut said = BufReader::new(process.stdout.take().expect("piped"));
        let mut base = String::new();
        said.read_line(&mut base).expect("it says where it is");
        assert!(base.starts_with("http"), "{script} says `{base}`");
        Guarded {
            process,
            base: base.trim().to_owned(),
        }
    }

    /// How often what happened.
    pub fn stats(&self) -> Value {
        let address = self.base.strip_prefix("http://").expect("not encrypted");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = "GET /_stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }

    /// How often one thing happened.
    pub fn count(&self, what: &str) -> u64 {
        self.stats()[what].as_u64().unwrap_or_default()
    }

    /// Every token and cookie that it gave.
    pub fn given(&self) -> Vec<String> {
        let stats = self.stats();
        let given = stats["given"].as_array().expect("a list").iter();
        given
            .map(|token| token.as_str().expect("text").to_owned())
            .collect()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A folder with a file of secrets.
pub struct Desk {
    pub folder: TempDir,
    secrets: BTreeMap<String, String>,
    pub clock: Clock,
    pub settings: Settings,
}

impl Desk {
    /// With these secrets, by name.
    pub fn new(secrets: &[(&str, &str)]) -> Self {
        let desk = Desk {
            folder: tempfile::tempdir().expect("a folder"),
            secrets: secrets
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            clock: Clock::System,
            settings: Settings::default(),
        };
        desk.write();
        desk
    }

    fn write(&self) {
        let mut text = String::from("# secrets of a test\n");
        for (name, value) in &self.secrets {
            let variable = name.to_uppercase().replace('/', "_");
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            let value = value.replace('\n', "\\n");
            writeln!(text, "LAKEHEAD_SECRET_{variable}=\"{value}\"").expect("written");
        }
        std::fs::write(self.file(), text).expect("written");
    }

    /// The file of secrets.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("secrets.env")
    }

    /// A new session, as a new process has one.
    pub fn session(&self, base: &str, source: &str) -> Result<Arc<Session>, Fault> {
        let store = SecretStore::over(|_| None, Some(&self.file()))?;
        self.session_over(store, base, source)
    }

    pub fn session_over(
        &self,
        store: SecretStore,
        base: &str,
        source: &str,
    ) -> Result<Arc<Session>, Fault> {
        let rate = "rate: { requests: 1000, burst: 1000, concurrency: 16 }";
        let text = format!("{{ base_url: '{base}/v1', {rate}, {source} }}");
        let decoded = decode::<SourceDefinition>(&text);
        let mut problems = decoded.problems;
        let definition = decoded.value.expect("decodes");
        definition.check(&["audience"], &mut problems);
        assert!(problems.is_empty(), "{}", problems.render("p", &text));
        let values = Values::from([("audience".to_owned(), "lake".to_owned())]);
        let sessions = Sessions::new(self.settings.clone(), store, self.clock.clone());
        // Secrets of a file are read at once.
        futures::executor::block_on(sessions.session(&definition, &values))
    }
}

/// What a walk over all pages came to.
#[derive(Debug)]
pub struct Walk {
    pub pages: u64,
    pub records: u64,
    pub traffic: Traffic,
    pub fault: Option<Fault>,
}

fn resource(path: &str, more: &str) -> ResourceDefinition {
    let text = format!(
        "{{ path: '{path}', records: $.results, paginate: {{ next_link: {{ path: $.next }} }}{more} }}"
    );
    let decoded = decode::<ResourceDefinition>(&text);
    assert!(
        decoded.problems.is_empty(),
        "{}",
        decoded.problems.render("p", &text)
    );
    decoded.value.expect("decodes")
}

/// Asks for one page after the other to the end, or to a fault.
pub async fn walk(session: &Session, more: &str) -> Walk {
    walk_below(session, "/records", more).await
}

/// As [`walk`], from another path.
pub async fn walk_below(session: &Session, path: &str, more: &str) -> Walk {
    let resource = resource(path, more);
    let mut walk = Walk {
        pages: 0,
        records: 0,
        traffic: Traffic::default(),
        fault: None,
    };
    let mut token = resource.paginate.first();
    loop {
        match page(session, &resource, &token, &mut walk.traffic).await {
            Ok(Page::Fetched { turn, .. }) => {
                walk.pages += 1;
                walk.records += turn.records;
                match turn.next {
                    Next::Page(next) => token = next,
                    Next::End => return walk,
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(fault) => {
                walk.fault = Some(fault);
                return walk;
            }
        }
    }
}

async fn page(
    session: &Session,
    resource: &ResourceDefinition,
    token: &PageToken,
    traffic: &mut Traffic,
) -> Result<Page, Fault> {
    let values = Values::new();
    session.page(resource, &values, token, None, traffic).await
}

/// The first page, asked for once.
pub async fn first(session: &Session) -> Result<Page, Fault> {
    let resource = resource("/records", "");
    let token = resource.paginate.first();
    page(session, &resource, &token, &mut Traffic::default()).await
}
