//! The world as a state machine sees it: it runs tasks, holds objects, and has a clock and a die.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;
use tokio::io::AsyncBufRead;

use crate::error_output::ErrorOutput;
use crate::event::Event;

/// The bytes of an object, as they come.
pub type Bytes = Box<dyn AsyncBufRead + Send + Unpin>;

/// What a machine needs of its surroundings. A machine calls several of these at once, and drops calls that are no
/// longer wanted (a timeout, a failed Map), so each must be safe to drop at any await.
///
/// Items of a Map are concurrent, not parallel: they share the thread that polls `Machine::run`. A world whose tasks
/// keep a core busy spawns them.
#[async_trait]
pub trait World: Send + Sync {
    /// Runs the task behind a placeholder: `FetchPage` for `${FetchPage}`. The error's name is what a Lambda function
    /// would answer as `errorType`.
    async fn task(&self, resource: &str, input: Value) -> Result<Value, ErrorOutput>;

    /// Opens the object that lists a Map's items.
    async fn read(&self, bucket: &str, key: &str) -> io::Result<Bytes>;

    /// Writes one object of a Map's results, whole or not at all.
    async fn write(&self, bucket: &str, key: &str, content: Vec<u8>) -> io::Result<()>;

    /// Returns after this time: what a Wait state and a retry wait for.
    async fn wait(&self, time: Duration);

    /// Returns after this time: what ends a task, or a whole execution, that takes too long. The same clock as `wait`,
    /// but for a world that shortens waits and not work.
    async fn deadline(&self, time: Duration) {
        self.wait(time).await;
    }

    /// The time now.
    fn now(&self) -> Timestamp;

    /// A number from 0 up to 1, for the jitter of retries.
    fn random(&self) -> f64;

    /// Told of everything that happens, as it happens.
    fn observe(&self, event: &Event<'_>) {
        let _ = event;
    }
}
