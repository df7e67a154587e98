//! A definition, its source served on this machine, and a session that reads it to the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use edge::clock::Clock;
use edge::secrets::SecretStore;
use edge::session::{Session, Sessions, Traffic};
use edge::settings::Settings;
use edge::source::Page;
use indexmap::IndexMap;
use mock::declared::{Declared, Options, Serving};
use pipeline::definition::{Bundle, Pipeline};
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::paginate::Next;
use pipeline::secret::{Secret, SecretName, Secrets};
use serde_json::Value;
use tempfile::TempDir;

/// The pipeline of this definition, or a panic that says what is wrong with it.
pub fn pipeline(text: &str, files: &[(&str, &str)]) -> Pipeline {
    let files = files.iter();
    let bundle = Bundle {
        name: Name::new("t").expect("a name"),
        text: text.to_owned(),
        files: files
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
    };
    let given = IndexMap::new();
    bundle
        .pipeline(&given)
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// What the server and the client know; the client may have one wrong.
pub fn secrets(known: &[(&str, String)]) -> Secrets {
    let known = known.iter().map(|(name, value)| {
        let name = SecretName::try_from((*name).to_owned()).expect("a name");
        (name, Secret::new(value.clone()))
    });
    known.collect()
}

/// A source at work and a session with it.
pub struct Client {
    pub serving: Serving,
    pub pipeline: Pipeline,
    session: std::sync::Arc<Session>,
    _folder: TempDir,
}

impl Client {
    /// Serves the source of `pipeline` and opens a session with these secrets.
    pub async fn open(
        mut pipeline: Pipeline,
        options: Options,
        known: &[(&str, String)],
    ) -> Client {
        let serving = Declared::serve(pipeline.clone(), options)
            .await
            .expect("it is served");
        for (name, value) in serving.parameters() {
            pipeline.parameters.insert(name.clone(), value.clone());
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secrets.env");
        let mut text = String::new();
        for (name, value) in known {
            let variable = name.to_uppercase().replace('/', "_");
            let value = value.replace('\n', "\\n");
            writeln!(text, "LAKEHEAD_SECRET_{variable}=\"{value}\"").expect("written");
        }
        std::fs::write(&file, text).expect("written");
        let store = SecretStore::over(|_| None, Some(&file)).expect("reads");
        let clock = Clock::turned(Clock::System.now());
        let sessions = Sessions::new(Settings::default(), store, clock);
        let parameters = pipeline.parameters.iter();
        let values: Values = parameters
            .map(|(name, value)| (name.to_string(), value.clone()))
            .collect();
        let source = &pipeline.definition.source;
        let session = sessions.session(source, &values).await.expect("opens");
        Client {
            serving,
            pipeline,
            session,
            _folder: folder,
        }
    }

    /// All records of a resource, asked for with these values besides the parameters.
    pub async fn read(&self, resource: &str, more: &[(&str, &str)]) -> Result<Read, Fault> {
        let resource = &self.pipeline.definition.resources[resource];
        let parameters = self.pipeline.parameters.iter();
        let parameters = parameters.map(|(name, value)| (name.to_string(), value.clone()));
        let more = more.iter();
        let more = more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let values: Values = parameters.chain(more).collect();
        let mut read = Read::default();
        let mut token = resource.paginate.first();
        loop {
            let page = self
                .session
                .page(resource, &values, &token, None, &mut read.traffic);
            match page.await? {
                Page::Fetched { answer, turn, .. } => {
                    read.pages += 1;
                    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
                    let found = resource.records.paths()[0].find(&body).expect("records");
                    match found {
                        Value::Array(records) => read.records.extend(records.clone()),
                        record => read.records.push(record.clone()),
                    }
                    match turn.next {
                        Next::Page(next) => token = next,
                        Next::End => return Ok(read),
                    }
                }
                Page::Missing => {
                    read.missing = true;
                    return Ok(read);
                }
                // The clock of these tests jumps, and the state machine would wait.
                Page::Wait { .. } => {}
                other @ Page::TooLarge { .. } => panic!("{other:?}"),
            }
        }
    }

    /// How often what was answered.
    pub fn outcomes(&self) -> BTreeMap<String, usize> {
        self.serving.counts().by_outcome
    }
}

/// What came.
#[derive(Debug, Default)]
pub struct Read {
    pub records: Vec<Value>,
    pub pages: u64,
    pub missing: bool,
    pub traffic: Traffic,
}
