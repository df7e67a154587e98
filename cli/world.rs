//! The state machine's world on a laptop: steps in this process, objects below the root, real time.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use edge::env::Env;
use jiff::Timestamp;
use machine::{Bytes, ErrorOutput, Event, What, World};
use pipeline::fault::Fault;
use serde_json::Value;
use step::Step;

use crate::progress::Progress;

/// Steps by their names in the state machine, each in a task of its own so that branches use all cores.
pub struct Desk {
    env: Env,
    progress: Progress,
    fault: Mutex<Option<Fault>>,
}

impl Desk {
    /// A world around the given handles.
    pub fn new(env: Env, progress: Progress) -> Self {
        Desk {
            env,
            progress,
            fault: Mutex::new(None),
        }
    }

    /// The first fault that no retry mended.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    async fn step<S: Step + 'static>(&self, input: Value) -> Result<Value, ErrorOutput> {
        let env = self.env.clone();
        let mut work = AbortOnDrop(tokio::spawn(
            async move { step::call::<S>(input, &env).await },
        ));
        let answer = match (&mut work.0).await {
            Ok(answer) => answer,
            Err(error) => Err(Fault::bug(format!("`{}` stopped: {error}", S::NAME))),
        };
        answer.map_err(|fault| {
            let output = ErrorOutput::new(fault.kind.name(), fault.to_string());
            let mut last = self
                .fault
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            last.get_or_insert(fault);
            output
        })
    }
}

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[async_trait::async_trait]
impl World for Desk {
    async fn task(&self, resource: &str, input: Value) -> Result<Value, ErrorOutput> {
        match resource {
            "Plan" => self.step::<plan::Plan>(input).await,
            "FetchPage" => self.step::<fetch_page::FetchPage>(input).await,
            "Transform" => self.step::<transform::Transform>(input).await,
            "Load" => self.step::<load::Load>(input).await,
            "Publish" => self.step::<publish::Publish>(input).await,
            "Refresh" => self.step::<refresh::Refresh>(input).await,
            other => Err(ErrorOutput::new(
                "Bug",
                format!("there is no function `{other}`"),
            )),
        }
    }

    async fn read(&self, _bucket: &str, key: &str) -> io::Result<Bytes> {
        let path = self.path(key)?;
        let file = tokio::fs::File::open(path).await?;
        Ok(Box::new(tokio::io::BufReader::new(file)))
    }

    async fn write(&self, _bucket: &str, key: &str, content: Vec<u8>) -> io::Result<()> {
        self.env
            .objects
            .put(key, content)
            .await
            .map_err(io::Error::other)
    }

    async fn wait(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn now(&self) -> Timestamp {
        self.env.clock.now()
    }

    fn random(&self) -> f64 {
        rand::random()
    }

    fn observe(&self, event: &Event<'_>) {
        if let What::WillRetry { .. } = event.what {
            // The fault may yet be mended: only one that stays is the run's.
            *self
                .fault
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        }
        self.progress.observe(event);
    }
}

impl Desk {
    fn path(&self, key: &str) -> io::Result<PathBuf> {
        let path = self.env.objects.local_path(key).map_err(io::Error::other)?;
        path.ok_or_else(|| io::Error::other("the objects are not files"))
    }
}
