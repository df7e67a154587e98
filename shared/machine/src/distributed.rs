//! DISTRIBUTED Maps: every item is an execution of its own, and some may fail.

use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;

use crate::context::Item;
use crate::error_output::ErrorOutput;
use crate::event::What;
use crate::history::HISTORY_LIMIT_EVENTS;
use crate::items;
use crate::map::{concurrency, numbered};
use crate::results::{Child, ResultFiles, Results};
use crate::run::{Bounds, Execution, Visit};
use crate::state::{Distributed, ExecutionType, ItemSource, Map};
use crate::tolerance::{Listed, Tally, Tolerance};

/// How many child executions we have under way at most; AWS would have 10,000.
const MOST_AT_ONCE: u64 = 1_000;

/// How long AWS lets an EXPRESS execution run.
const EXPRESS_TIME: Duration = Duration::from_secs(300);

/// What the children of one Map have in common.
struct MapRun<'m> {
    name: String,
    map: &'m Map,
    distributed: &'m Distributed,
    /// What the Map's `InputPath` selected.
    input: &'m Value,
}

impl Visit<'_, '_> {
    /// Runs the children. The result is their outputs, or where these were written.
    pub(crate) async fn map_distributed(
        &self,
        map: &Map,
        distributed: &Distributed,
        input: &Value,
    ) -> Result<Value, ErrorOutput> {
        let limit = concurrency(map, input, &self.context(), MOST_AT_ONCE)?;
        let tolerance = Tolerance::of(distributed, input, &self.context())?;
        let map_run = MapRun {
            name: self.map_run_name(distributed),
            map,
            distributed,
            input,
        };
        let mut results = self.results(&map_run)?;
        let items = self.open_items(map, input).await?;
        self.execution.history.add(1)?;

        let (listed, mut tally) = (Listed::default(), Tally::default());
        let items = listed.count(items);
        let mut running = items
            .map(|item| self.child(&map_run, item))
            .buffer_unordered(limit);
        while let Some(child) = running.next().await {
            let child = child?;
            self.observe(What::ItemFinished {
                index: child.index,
                error: child.result.as_ref().err(),
            });
            tally.note(&child);
            results.keep(child).await?;
            tolerance.check(&tally, &listed)?;
        }
        // The last child may have ended before the list was known to.
        tolerance.check(&tally, &listed)?;
        self.execution.history.add(1)?;
        self.observe(What::MapFinished {
            succeeded: tally.succeeded,
            failed: tally.failed,
        });
        results.finish().await
    }

    /// A name of its own for every Map Run, the same whenever the execution goes the same way.
    fn map_run_name(&self, distributed: &Distributed) -> String {
        let nth = self.execution.history.next_map_run();
        format!(
            "{}.{}.{nth}",
            self.execution.context.name, distributed.label
        )
    }

    async fn open_items<'i>(
        &self,
        map: &Map,
        input: &Value,
    ) -> Result<BoxStream<'i, Result<Item, ErrorOutput>>, ErrorOutput> {
        match &map.source {
            ItemSource::Data(path) => {
                let items = self.items(path, input)?;
                self.observe(What::MapStarted {
                    items: Some(items.len() as u64),
                });
                Ok(stream::iter(numbered(items)).map(Ok).boxed())
            }
            ItemSource::Object(reader) => {
                let place = reader.parameters.0.fill(input, &self.context())?;
                let (bucket, key) = texts(&place, ["Bucket", "Key"])?;
                self.observe(What::MapStarted { items: None });
                items::open(
                    self.execution.world,
                    bucket,
                    key,
                    reader.reader_config.clone(),
                )
                .await
            }
        }
    }

    fn results(&self, map_run: &MapRun<'_>) -> Result<Results<'_>, ErrorOutput> {
        let Some(writer) = &map_run.distributed.writer else {
            return Ok(Results::Kept {
                outputs: Vec::new(),
                bytes: 0,
            });
        };
        let place = writer.parameters.0.fill(map_run.input, &self.context())?;
        let (bucket, prefix) = texts(&place, ["Bucket", "Prefix"])?;
        Ok(Results::Written(ResultFiles::new(
            self.execution.world,
            bucket,
            prefix,
            &map_run.name,
        )))
    }

    /// Runs one item as an execution of its own. An error is the Map's; the child's own is in its result.
    async fn child(
        &self,
        map_run: &MapRun<'_>,
        item: Result<Item, ErrorOutput>,
    ) -> Result<Child, ErrorOutput> {
        let (item, world) = (item?, self.execution.world);
        let input = self.item_input(map_run.map, map_run.input, &item)?;
        self.execution
            .history
            .payload(&self.state.name, "item", &input)?;
        let kept_input = map_run.distributed.writer.is_some().then(|| input.clone());
        let (name, started) = (format!("{}.{}", map_run.name, item.index), world.now());
        let bounds = bounds(map_run.distributed.children);
        let (result, record) =
            Execution::run(world, &map_run.map.processor, name.clone(), input, bounds).await;
        self.execution
            .history
            .child(&self.state.name, result.is_err(), record);
        let result = result.map_err(|failed| failed.output);
        Ok(Child {
            index: item.index,
            name,
            input: kept_input,
            result,
            started,
            stopped: world.now(),
        })
    }
}

fn bounds(children: ExecutionType) -> Bounds {
    match children {
        ExecutionType::Standard => Bounds {
            time: None,
            events: HISTORY_LIMIT_EVENTS,
        },
        ExecutionType::Express => Bounds {
            time: Some(EXPRESS_TIME),
            events: usize::MAX,
        },
    }
}

fn texts<'p>(place: &'p Value, names: [&str; 2]) -> Result<(&'p str, &'p str), ErrorOutput> {
    let text = |name: &str| {
        place[name].as_str().ok_or_else(|| {
            ErrorOutput::runtime(format!("`{name}` must be a text, not {}", place[name]))
        })
    };
    Ok((text(names[0])?, text(names[1])?))
}
