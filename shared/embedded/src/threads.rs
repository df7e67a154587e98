//! The threads that the engine plans and runs on: its own, with room for plans as deep as people write them,
//! so that a query neither overflows a stack nor keeps the rest of the program waiting.

use std::future::Future;
use std::io;

use edge::engine::{Row, Rows};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use pipeline::fault::Fault;
use pipeline::lake::Column;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

/// The engine goes down one level of its stack for each level of a query, and up to tens of kilobytes each time
/// in a debug build. Only what is used takes memory.
const STACK_BYTES: usize = 64 << 20;
/// Batches that may wait for their reader.
const WAITING_BATCHES: usize = 2;

/// Threads of the engine's own.
pub(crate) struct Threads {
    runtime: Option<Runtime>,
}

/// Some rows, or why there are none.
pub(crate) type Batch = Result<Vec<Row>, Fault>;

impl Threads {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("engine")
            .thread_stack_size(STACK_BYTES)
            .build()?;
        Ok(Threads {
            runtime: Some(runtime),
        })
    }

    fn handle(&self) -> Result<&Handle, Fault> {
        let runtime = self.runtime.as_ref().map(Runtime::handle);
        runtime.ok_or_else(|| Fault::bug("the engine has been shut down"))
    }

    /// Does some work there. Dropped, it ends the work.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Fault>> + Send + 'static,
    ) -> Result<T, Fault> {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(work, self.handle()?);
        match tasks.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(stopped)) => Err(Fault::bug(stopped.to_string())),
            None => Err(Fault::bug("the engine has been shut down")),
        }
    }

    /// Begins a query there: `work` answers its columns and its rows. The rows come as they are asked for;
    /// dropping them ends the work.
    pub(crate) async fn rows(
        &self,
        work: impl Future<Output = Result<(Vec<Column>, BoxStream<'static, Batch>), Fault>>
        + Send
        + 'static,
    ) -> Result<Rows, Fault> {
        let (begun, beginning) = oneshot::channel();
        let (sender, receiver) = mpsc::channel::<Batch>(WAITING_BATCHES);
        let mut tasks = JoinSet::new();
        let answer = async move {
            let mut batches = match work.await {
                Ok((columns, batches)) => {
                    let _ = begun.send(Ok(columns));
                    batches
                }
                Err(fault) => {
                    let _ = begun.send(Err(fault));
                    return;
                }
            };
            while let Some(batch) = batches.next().await {
                if sender.send(batch).await.is_err() {
                    return;
                }
            }
        };
        tasks.spawn_on(answer, self.handle()?);
        let columns = match beginning.await {
            Ok(columns) => columns?,
            Err(_) => {
                return Err(end(&mut tasks)
                    .await
                    .unwrap_or_else(|| Fault::bug("no answer")));
            }
        };
        let batches = stream::unfold((tasks, receiver), |(mut tasks, mut receiver)| async move {
            let batch = match receiver.recv().await {
                Some(batch) => batch,
                // All rows were there, unless the work came to grief.
                None => Err(end(&mut tasks).await?),
            };
            Some((batch, (tasks, receiver)))
        });
        Ok(Rows {
            columns,
            batches: batches.boxed(),
        })
    }
}

/// Why the work stopped before its end, if it did.
async fn end(tasks: &mut JoinSet<()>) -> Option<Fault> {
    match tasks.join_next().await? {
        Ok(()) => None,
        Err(stopped) => Some(Fault::bug(stopped.to_string())),
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Waiting for threads is not allowed where the engine may be dropped, in the midst of other work.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::fault::Kind;

    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_a_fault_and_not_the_end_of_the_rows() {
        let threads = Threads::new().expect("threads");
        let batches = stream::iter([Ok(Vec::new())]).chain(stream::once(async {
            panic!("a bug of the engine");
        }));
        let rows = threads
            .rows(async { Ok((Vec::new(), batches.boxed())) })
            .await;
        let outcome = rows.expect("begun").take(usize::MAX).await;
        assert_eq!(outcome.expect_err("a fault").kind, Kind::Bug);
    }
}
