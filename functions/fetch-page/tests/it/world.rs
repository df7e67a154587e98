//! A source on a socket and the objects that a run has after its plan.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use edge::chunk::ChunkReader;
use edge::env::{Env, Places};
use edge::run::{self, StoredRun};
use edge::secrets::SecretStore;
use edge::settings::Settings;
use fetch_page::FetchPage;
use indexmap::IndexMap;
use jiff::SignedDuration;
use pipeline::definition::Bundle;
use pipeline::fault::Fault;
use pipeline::for_each::Parent;
use pipeline::layout::RunKeys;
use pipeline::name::Name;
use pipeline::run::{
    FetchPageInput, FetchPageOutput, FetchStatus, Reads, RunRef, RunRequest, Slice,
};
use step::Step;
use tempfile::TempDir;

/// A request as the source heard it: path and query, then its body.
pub type Heard = String;

/// What the source answers: a status, header lines, a body.
pub struct Answer(pub u16, pub String, pub String);

/// An answer with status 200.
pub fn ok(body: impl Into<String>) -> Answer {
    Answer(200, String::new(), body.into())
}

/// A source that answers by a function of the request and of how many came before it.
pub struct Source {
    pub base: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Source {
    pub fn start(answer: impl Fn(&str, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (answer, kept) = (Arc::new(answer), heard.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, heard) = (answer.clone(), kept.clone());
                std::thread::spawn(move || serve(stream, &*answer, &heard));
            }
        });
        Source { base, heard }
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("whole").clone()
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &impl Fn(&str, usize) -> Answer,
    heard: &Mutex<Vec<Heard>>,
) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("a body");
    let path = head.split_whitespace().nth(1).unwrap_or_default();
    let asked = format!("{path}{}", String::from_utf8_lossy(&body));
    let before = {
        let mut heard = heard.lock().expect("whole");
        heard.push(asked.clone());
        heard.len() - 1
    };
    let Answer(status, headers, body) = answer(&asked, before);
    let said = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    // The other side may be gone.
    let _ = stream.write_all(said.as_bytes());
}

/// A run of a pipeline with one resource, planned for one slice.
pub struct World {
    pub env: Env,
    pub slice: Slice,
    run: RunRef,
    _root: TempDir,
}

/// One page as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub id: Option<String>,
    pub parent: Option<Parent>,
    pub status: u16,
    pub body: String,
}

impl World {
    /// A run of `resource` (YAML in one line) against `base`; with parents, it is asked for each.
    pub async fn planned(base: &str, resource: &str, parents: Option<Vec<Parent>>) -> Self {
        World::windowed(base, resource, "", "2026-11-20", parents).await
    }

    /// As `planned`, with a schedule and the window of the slice.
    pub async fn windowed(
        base: &str,
        resource: &str,
        schedule: &str,
        window: &str,
        parents: Option<Vec<Parent>>,
    ) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let places = Places {
            root: root.path().to_owned(),
            pipelines: root.path().join("pipelines"),
        };
        let secrets = SecretStore::over(|_| None, None).expect("opens");
        let env = Env::local(&places, Settings::default(), secrets, None).expect("opens");
        let run = RunRef {
            pipeline: Name::new("p").expect("a name"),
            id: "r1".to_owned(),
        };
        let keys = RunKeys::new(&run.pipeline, &run.id);
        let text = format!(
            "version: 1\ndescription: A test.\n{schedule}\nsource: {{ base_url: '{base}', rate: {{ requests: 100000, burst: 1000, concurrency: 4 }}, retry: {{ attempts: 1 }} }}\nresources:\n  things: {resource}\n  others: {{ path: /others }}\ntables: {{ things: {{ from: things, columns: {{ v: {{ from: $, type: json }} }} }} }}\ndestinations: {{ lake: {{ database: d }} }}\n"
        );
        let stored = StoredRun {
            bundle: Bundle {
                name: run.pipeline.clone(),
                text,
                files: Default::default(),
            },
            parameters: IndexMap::new(),
            request: RunRequest {
                pipeline: run.pipeline.clone(),
                as_of: Some(window.to_owned()),
                from: None,
                to: None,
                params: IndexMap::new(),
                force: false,
                incomplete_only: false,
                skip: Vec::new(),
                raw_of: None,
                resume: None,
                scheduled_at: None,
                side_by_side: 1,
            },
            started_at: "2026-11-21T12:00:00Z".to_owned(),
            windows: vec![window.to_owned()],
            reaches: IndexMap::new(),
        };
        run::store(&env.objects, &keys.definition(), &stored)
            .await
            .expect("stored");
        let slice = Slice {
            id: "things-0".to_owned(),
            resource: Name::new("things").expect("a name"),
            reads: match parents {
                Some(_) => Reads::Ids,
                None => Reads::Pages,
            },
            window: window.to_owned(),
            begin: None,
            raw_of: None,
        };
        if let Some(parents) = parents {
            run::store_lines(&env.objects, &keys.ids(&slice.id), parents)
                .await
                .expect("stored");
        }
        World {
            env,
            slice,
            run,
            _root: root,
        }
    }

    /// One call of the step.
    pub async fn call(&self) -> Result<FetchPageOutput, Fault> {
        self.call_in(&self.env).await
    }

    /// One call that has to be over after so many milliseconds.
    pub async fn call_within(&self, millis: i64) -> Result<FetchPageOutput, Fault> {
        let end = self.env.clock.now() + SignedDuration::from_millis(millis);
        self.call_in(&self.env.until(Some(end.into()))).await
    }

    async fn call_in(&self, env: &Env) -> Result<FetchPageOutput, Fault> {
        let input = FetchPageInput {
            run: self.run.clone(),
            slice: self.slice.clone(),
            workers: 1,
        };
        FetchPage::run(input, env).await
    }

    /// Calls until the slice is complete.
    pub async fn fetched(&self) -> Result<FetchPageOutput, Fault> {
        loop {
            let output = self.call().await?;
            if output.status == FetchStatus::Done {
                return Ok(output);
            }
        }
    }

    /// All pages that are stored, in order; chunks are complete to the last.
    pub async fn stored(&self) -> Vec<Stored> {
        let keys = RunKeys::new(&self.run.pipeline, &self.run.id);
        let mut stored = Vec::new();
        let prefix = keys.raw_prefix(&self.slice.id);
        for listed in self.env.objects.list(&prefix).await.expect("listed") {
            let reader = self.env.objects.read(&listed.key).await.expect("opens");
            let (_, mut chunk) = ChunkReader::open(reader).expect("a chunk");
            let mut body = Vec::new();
            while let Some(entry) = chunk.next(&mut body).expect("whole") {
                assert_eq!(entry.page, stored.len() as u64);
                stored.push(Stored {
                    id: entry.id,
                    parent: entry.parent,
                    status: entry.status,
                    body: String::from_utf8(body.clone()).expect("text"),
                });
            }
        }
        stored
    }
}

/// The value of a parameter of a query, as a number.
pub fn number(asked: &str, parameter: &str) -> usize {
    let after = asked
        .split(['?', '&'])
        .find_map(|pair| pair.strip_prefix(&format!("{parameter}=")));
    after
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("{asked} has no {parameter}"))
}

/// The records from `from` to before `to`, as a list of numbers.
pub fn records(from: usize, to: usize) -> String {
    let numbers: Vec<String> = (from..to.max(from))
        .map(|number| number.to_string())
        .collect();
    format!("[{}]", numbers.join(","))
}
