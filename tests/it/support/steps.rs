//! The real functions in the test's own process: one at a time by name, or all of them under the state machine.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use edge::env::{Env, Places};
use edge::secrets::SecretStore;
use edge::settings::Settings;
use jiff::Timestamp;
use machine::{Bytes, ErrorOutput, World};
use pipeline::fault::Fault;
use serde_json::Value;

use super::house;
use super::world::CANARY;

/// The state machine that is deployed.
pub fn state_machine() -> String {
    house::read("infra/pipeline.asl.json")
}

/// The handles of a process that works below `root` on the shipped pipelines.
pub fn env(root: &Path) -> Env {
    let key = |name: &str| (name == "LAKEHEAD_SECRET_GINS_API_KEY").then(|| CANARY.to_owned());
    let secrets = SecretStore::over(key, None).expect("secrets");
    let places = Places {
        root: root.to_owned(),
        pipelines: house::root().join("pipelines"),
    };
    Env::local(
        &places,
        Settings::default(),
        secrets,
        Some(embedded::engine),
    )
    .expect("handles")
}

/// Calls a function by its folder's name, as Lambda does.
pub async fn call(function: &str, input: Value, env: &Env) -> Result<Value, Fault> {
    match function {
        "plan" => step::call::<plan::Plan>(input, env).await,
        "fetch-page" => step::call::<fetch_page::FetchPage>(input, env).await,
        "transform" => step::call::<transform::Transform>(input, env).await,
        "load" => step::call::<load::Load>(input, env).await,
        "publish" => step::call::<publish::Publish>(input, env).await,
        "refresh" => step::call::<refresh::Refresh>(input, env).await,
        other => panic!("no function `{other}`; give it a line here"),
    }
}

/// The state machine's world: the real functions, real objects, no waiting; it keeps what each task was given.
pub struct Desk {
    env: Env,
    given: Mutex<Vec<(String, Value)>>,
    answers: Mutex<Vec<(String, Value)>>,
    waits: Mutex<Vec<u64>>,
}

impl Desk {
    /// A world around these handles.
    pub fn new(env: Env) -> Self {
        Desk {
            env,
            given: Mutex::default(),
            answers: Mutex::default(),
            waits: Mutex::default(),
        }
    }

    /// The same world, in which the next call of a task is answered so, as by a function whose warehouse works.
    pub fn answering(self, resource: &str, answer: Value) -> Self {
        let answer = (resource.to_owned(), answer);
        self.answers.lock().expect("not poisoned").push(answer);
        self
    }

    /// The seconds of each wait, in order.
    pub fn waits(&self) -> Vec<u64> {
        self.waits.lock().expect("not poisoned").clone()
    }

    fn prepared(&self, resource: &str) -> Option<Value> {
        let mut answers = self.answers.lock().expect("not poisoned");
        let next = answers.iter().position(|(name, _)| name == resource)?;
        Some(answers.remove(next).1)
    }

    /// The inputs that a task was given, in order.
    pub fn given(&self, resource: &str) -> Vec<Value> {
        let given = self.given.lock().expect("not poisoned");
        let of_task = given.iter().filter(|(name, _)| name == resource);
        of_task.map(|(_, input)| input.clone()).collect()
    }
}

#[async_trait::async_trait]
impl World for Desk {
    async fn task(&self, resource: &str, input: Value) -> Result<Value, ErrorOutput> {
        let given = (resource.to_owned(), input.clone());
        self.given.lock().expect("not poisoned").push(given);
        if let Some(answer) = self.prepared(resource) {
            return Ok(answer);
        }
        let folders = house::folders("functions");
        let function = folders
            .iter()
            .find(|folder| house::upper_camel_case(folder) == resource)
            .expect("a folder for each task");
        let answer = call(function, input, &self.env).await;
        answer.map_err(|fault| ErrorOutput::new(fault.kind.name(), fault.to_string()))
    }

    async fn read(&self, _bucket: &str, key: &str) -> io::Result<Bytes> {
        let content = self.env.objects.get(key).await.map_err(io::Error::other)?;
        Ok(Box::new(io::Cursor::new(content)))
    }

    async fn write(&self, _bucket: &str, key: &str, content: Vec<u8>) -> io::Result<()> {
        let written = self.env.objects.put(key, content).await;
        written.map_err(io::Error::other)
    }

    async fn wait(&self, time: Duration) {
        self.waits
            .lock()
            .expect("not poisoned")
            .push(time.as_secs());
        tokio::task::yield_now().await;
    }

    async fn deadline(&self, _time: Duration) {
        std::future::pending().await
    }

    fn now(&self) -> Timestamp {
        "2026-11-20T05:30:00Z".parse().expect("a time")
    }

    fn random(&self) -> f64 {
        0.5
    }
}
