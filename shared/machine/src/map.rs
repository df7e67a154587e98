//! Map states: one walk an item. Here what all Maps share, and INLINE ones, whose items are part of the execution.

use futures::stream::{self, StreamExt};
use serde_json::Value;

use crate::context::{Context, Item};
use crate::error_output::ErrorOutput;
use crate::event::What;
use crate::path::{Path, kind};
use crate::run::{Failed, Visit};
use crate::state::{ItemSource, Map, Mode};

/// How many items of an inline Map AWS has under way at most.
const MOST_AT_ONCE: u64 = 40;

impl Visit<'_, '_> {
    /// One attempt at all items.
    pub(crate) async fn map(&self, map: &Map, data: &Value) -> Result<Value, Failed> {
        let failed = |error| self.failed(error);
        let input = self.select_input(data).map_err(failed)?;
        self.execution.history.add(1).map_err(failed)?;
        let result = match &map.mode {
            Mode::Inline => self.map_inline(map, &input).await,
            Mode::Distributed(distributed) => {
                let result = self.map_distributed(map, distributed, &input).await;
                result.map_err(failed)
            }
        };
        self.execution.history.add(1).map_err(failed)?;
        let result = self.measured("result", result?).map_err(failed)?;
        let joined = map.result_path.join(data, result).map_err(failed)?;
        self.leave(&joined).map_err(failed)
    }

    async fn map_inline(&self, map: &Map, input: &Value) -> Result<Value, Failed> {
        let path = match &map.source {
            ItemSource::Data(path) => path,
            ItemSource::Object(_) => {
                unreachable!("an inline Map with an ItemReader is refused when parsed")
            }
        };
        let (items, limit) = self
            .items_and_limit(path, map, input, MOST_AT_ONCE)
            .map_err(|error| self.failed(error))?;
        let total = items.len() as u64;
        self.observe(What::MapStarted { items: Some(total) });
        let mut results = vec![Value::Null; items.len()];
        let mut running = stream::iter(numbered(items))
            .map(|item| self.iterate(map, input, item))
            .buffer_unordered(limit);
        while let Some((index, result)) = running.next().await {
            let error = result.as_ref().err().map(|failed| &failed.output);
            self.observe(What::ItemFinished { index, error });
            results[usize::try_from(index).expect("an item's place is within its list")] = result?;
        }
        self.observe(What::MapFinished {
            succeeded: total,
            failed: 0,
        });
        Ok(Value::Array(results))
    }

    fn items_and_limit(
        &self,
        path: &Path,
        map: &Map,
        input: &Value,
        most: u64,
    ) -> Result<(Vec<Value>, usize), ErrorOutput> {
        let items = self.items(path, input)?;
        Ok((items, concurrency(map, input, &self.context(), most)?))
    }

    /// The items in the data.
    pub(crate) fn items(&self, path: &Path, input: &Value) -> Result<Vec<Value>, ErrorOutput> {
        match path.read("ItemsPath", input, &self.context())?.into_owned() {
            Value::Array(items) => Ok(items),
            other => Err(ErrorOutput::runtime(format!(
                "`ItemsPath` must lead to an array, not {}",
                kind(&other)
            ))),
        }
    }

    async fn iterate(&self, map: &Map, input: &Value, item: Item) -> (u64, Result<Value, Failed>) {
        (item.index, self.iteration(map, input, &item).await)
    }

    async fn iteration(&self, map: &Map, input: &Value, item: &Item) -> Result<Value, Failed> {
        let failed = |error| self.failed(error);
        self.execution.history.add(1).map_err(failed)?;
        let selected = self.item_input(map, input, item).map_err(failed)?;
        let result = self
            .execution
            .walk(&map.processor, selected, Some(item))
            .await;
        self.execution.history.add(1).map_err(failed)?;
        result
    }

    /// What the first state of the item processor gets.
    pub(crate) fn item_input(
        &self,
        map: &Map,
        input: &Value,
        item: &Item,
    ) -> Result<Value, ErrorOutput> {
        match &map.selector {
            Some(template) => template.fill(
                input,
                &Context {
                    item: Some(item),
                    ..self.context()
                },
            ),
            None => Ok(item.value.clone()),
        }
    }
}

/// Items with their places in the list.
pub(crate) fn numbered(items: Vec<Value>) -> impl Iterator<Item = Item> {
    (0..).zip(items).map(|(index, value)| Item { index, value })
}

/// As many at a time as the Map says, where 0 says as many as there may be.
pub(crate) fn concurrency(
    map: &Map,
    input: &Value,
    context: &Context<'_>,
    most: u64,
) -> Result<usize, ErrorOutput> {
    let wanted = match map.concurrency.read(input, context)?.0 {
        0 => most,
        wanted => wanted.min(most),
    };
    Ok(usize::try_from(wanted).unwrap_or(usize::MAX))
}
