//! A desk to run machines at: tasks are closures, objects are in memory, the clock is tokio's paused one.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::Timestamp;
use machine::{Bytes, ErrorOutput, Event, Failure, Machine, Outcome, What, World};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader, ReadBuf};
use tokio::time::{Instant, sleep};

type Answer = Box<dyn Fn(usize, Value) -> Result<Value, ErrorOutput> + Send + Sync>;

pub struct Desk {
    tasks: HashMap<String, (Duration, Answer)>,
    random: f64,
    started: Instant,
    seen: Mutex<Seen>,
}

/// What happened at the desk.
#[derive(Default, Clone)]
pub struct Seen {
    pub calls: Vec<(String, Value)>,
    pub waits: Vec<f64>,
    pub events: Vec<String>,
    pub objects: BTreeMap<String, Vec<u8>>,
    pub most_in_flight: usize,
    in_flight: usize,
}

pub fn error(name: &str) -> ErrorOutput {
    ErrorOutput::new(name, format!("{name} happened"))
}

impl Desk {
    pub fn new() -> Self {
        Self {
            tasks: HashMap::new(),
            random: 0.5,
            started: Instant::now(),
            seen: Mutex::default(),
        }
    }

    /// A task that answers at once; it is told how often it was called before.
    pub fn task(
        self,
        name: &str,
        answer: impl Fn(usize, Value) -> Result<Value, ErrorOutput> + Send + Sync + 'static,
    ) -> Self {
        self.slow_task(name, Duration::ZERO, answer)
    }

    pub fn slow_task(
        mut self,
        name: &str,
        time: Duration,
        answer: impl Fn(usize, Value) -> Result<Value, ErrorOutput> + Send + Sync + 'static,
    ) -> Self {
        self.tasks.insert(name.to_owned(), (time, Box::new(answer)));
        self
    }

    pub fn random(mut self, random: f64) -> Self {
        self.random = random;
        self
    }

    pub fn object(self, place: &str, content: impl Into<Vec<u8>>) -> Self {
        self.seen
            .lock()
            .unwrap()
            .objects
            .insert(place.to_owned(), content.into());
        self
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// The seconds that have passed on the desk's clock.
    pub fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Runs the machine in this text.
    pub async fn run(&self, machine: Value, input: Value) -> Result<Outcome, Failure> {
        let machine =
            Machine::parse(&machine.to_string()).unwrap_or_else(|refusal| panic!("{refusal}"));
        machine.run(input, "run-1", self).await
    }
}

#[async_trait::async_trait]
impl World for Desk {
    async fn task(&self, resource: &str, input: Value) -> Result<Value, ErrorOutput> {
        let (time, answer) = self
            .tasks
            .get(resource)
            .unwrap_or_else(|| panic!("no task {resource}"));
        let call = {
            let mut seen = self.seen.lock().unwrap();
            seen.in_flight += 1;
            seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
            let before = seen
                .calls
                .iter()
                .filter(|(name, _)| name == resource)
                .count();
            seen.calls.push((resource.to_owned(), input.clone()));
            before
        };
        sleep(*time).await;
        self.seen.lock().unwrap().in_flight -= 1;
        answer(call, input)
    }

    async fn read(&self, bucket: &str, key: &str) -> io::Result<Bytes> {
        if bucket == "endless" {
            let (start, item) = if key == "JSON" {
                ("[0", ",0")
            } else {
                ("0\n", "0\n")
            };
            return Ok(Box::new(
                io::Cursor::new(start).chain(BufReader::new(Endless(item))),
            ));
        }
        let object = self
            .seen
            .lock()
            .unwrap()
            .objects
            .get(&format!("{bucket}/{key}"))
            .cloned();
        let object = object.ok_or_else(|| io::Error::other("no such object"))?;
        Ok(Box::new(io::Cursor::new(object)))
    }

    async fn write(&self, bucket: &str, key: &str, content: Vec<u8>) -> io::Result<()> {
        if bucket == "closed" {
            return Err(io::Error::other("access denied"));
        }
        self.seen
            .lock()
            .unwrap()
            .objects
            .insert(format!("{bucket}/{key}"), content);
        Ok(())
    }

    async fn wait(&self, time: Duration) {
        self.seen.lock().unwrap().waits.push(time.as_secs_f64());
        sleep(time).await;
    }

    async fn deadline(&self, time: Duration) {
        sleep(time).await;
    }

    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-01-31T05:30:00Z".parse().unwrap();
        start + self.started.elapsed()
    }

    fn random(&self) -> f64 {
        self.random
    }

    fn observe(&self, event: &Event<'_>) {
        let item = event
            .item
            .map_or_else(String::new, |item| format!("[{item}]"));
        let what = match event.what {
            What::Entered(_) => "entered".to_owned(),
            What::Exited(_) => "exited".to_owned(),
            What::WillRetry {
                attempts,
                error,
                delay,
            } => {
                format!(
                    "attempt {attempts} failed, {}, again in {} s",
                    error.error,
                    delay.as_secs_f64()
                )
            }
            What::Caught { error, next } => format!("caught {}, on to {next}", error.error),
            What::Failed(error) => format!("failed, {}", error.error),
            What::Waiting(time) => format!("waits {} s", time.as_secs_f64()),
            What::MapStarted { items } => format!("map of {items:?}"),
            What::ItemFinished { index, error } => {
                format!(
                    "item {index} {}",
                    if error.is_some() { "failed" } else { "done" }
                )
            }
            What::MapFinished { succeeded, failed } => {
                format!("map done, {succeeded} and {failed}")
            }
            _ => "something new".to_owned(),
        };
        self.seen
            .lock()
            .unwrap()
            .events
            .push(format!("{} {}{item}: {what}", event.execution, event.state));
    }
}

/// An object that repeats a text without end.
struct Endless(&'static str);

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while buffer.remaining() >= self.0.len() {
            buffer.put_slice(self.0.as_bytes());
        }
        Poll::Ready(Ok(()))
    }
}
