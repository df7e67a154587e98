//! From the text of a Map to a Map: which fields go together, and which need the DISTRIBUTED mode.

use serde::Deserialize;
use serde_json::{Map as Object, Value};

use super::{Parser, read};
use crate::path::Path;
use crate::problem::Problem;
use crate::retry::{Catcher, Retrier};
use crate::selection::{DataPath, Placement};
use crate::state::{
    Amount, Count, Distributed, ExecutionType, Graph, ItemReader, ItemSource, Map, Mode,
    Percentage, ResultWriter,
};
use crate::template::Template;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct MapWritten {
    items_path: Option<Path>,
    item_reader: Option<ItemReader>,
    item_selector: Option<Template>,
    max_concurrency: Option<Count>,
    max_concurrency_path: Option<DataPath>,
    tolerated_failure_count: Option<Count>,
    tolerated_failure_count_path: Option<DataPath>,
    tolerated_failure_percentage: Option<Percentage>,
    tolerated_failure_percentage_path: Option<DataPath>,
    result_writer: Option<ResultWriter>,
    label: Option<String>,
    #[serde(default)]
    result_path: Placement,
    #[serde(default)]
    retry: Vec<Retrier>,
    #[serde(default)]
    catch: Vec<Catcher>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ProcessorWritten {
    start_at: String,
    states: Object<String, Value>,
    #[serde(default)]
    processor_config: ProcessorConfig,
    #[serde(rename = "Comment")]
    _comment: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ProcessorConfig {
    #[serde(default)]
    mode: ProcessorMode,
    execution_type: Option<ExecutionType>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum ProcessorMode {
    #[default]
    Inline,
    Distributed,
}

impl Parser<'_> {
    pub(super) fn map(
        &mut self,
        mut fields: Object<String, Value>,
        place: &str,
    ) -> Result<Map, Problem> {
        let processor = fields.shift_remove("ItemProcessor");
        let written: MapWritten = read(fields, place)?;
        let inner = format!("{place}.ItemProcessor");
        let Some(Value::Object(processor)) = processor else {
            return Err(Problem::new(
                inner,
                "a Map needs this object, with `StartAt` and `States`",
            ));
        };
        let processor: ProcessorWritten = read(processor, &inner)?;
        let graph = self.graph(processor.start_at, processor.states, &format!("{inner}."));
        map(written, processor.processor_config, graph, place)
    }
}

fn map(
    written: MapWritten,
    config: ProcessorConfig,
    processor: Graph,
    place: &str,
) -> Result<Map, Problem> {
    let mode = match config.mode {
        ProcessorMode::Inline => inline(&written, config.execution_type, place)?,
        ProcessorMode::Distributed => distributed(&written, config.execution_type, place)?,
    };
    let concurrency = amount(
        "MaxConcurrencyPath",
        written.max_concurrency,
        &written.max_concurrency_path,
        place,
    )?;
    Ok(Map {
        source: source(written.items_path, written.item_reader, place)?,
        selector: written.item_selector,
        processor,
        mode,
        concurrency: concurrency.unwrap_or(Amount::Written(Count(0))),
        result_path: written.result_path,
        retry: written.retry,
        catch: written.catch,
    })
}

fn source(
    path: Option<Path>,
    reader: Option<ItemReader>,
    place: &str,
) -> Result<ItemSource, Problem> {
    match (path, reader) {
        (Some(_), Some(_)) => Err(Problem::new(
            place,
            "give `ItemsPath` or `ItemReader`, not both",
        )),
        (_, Some(reader)) => Ok(ItemSource::Object(reader)),
        (path, None) => Ok(ItemSource::Data(path.unwrap_or_else(Path::whole))),
    }
}

fn inline(
    written: &MapWritten,
    execution_type: Option<ExecutionType>,
    place: &str,
) -> Result<Mode, Problem> {
    let distributed_fields = [
        ("ItemReader", written.item_reader.is_some()),
        ("ResultWriter", written.result_writer.is_some()),
        ("Label", written.label.is_some()),
        (
            "ToleratedFailureCount",
            written.tolerated_failure_count.is_some(),
        ),
        (
            "ToleratedFailureCountPath",
            written.tolerated_failure_count_path.is_some(),
        ),
        (
            "ToleratedFailurePercentage",
            written.tolerated_failure_percentage.is_some(),
        ),
        (
            "ToleratedFailurePercentagePath",
            written.tolerated_failure_percentage_path.is_some(),
        ),
        ("ExecutionType", execution_type.is_some()),
    ];
    match distributed_fields.iter().find(|(_, is_given)| *is_given) {
        None => Ok(Mode::Inline),
        Some((field, _)) => {
            let fact = format!(
                "`{field}` needs `\"Mode\": \"DISTRIBUTED\"` in the `ProcessorConfig`; this Map is INLINE"
            );
            Err(Problem::new(place, fact))
        }
    }
}

fn distributed(
    written: &MapWritten,
    execution_type: Option<ExecutionType>,
    place: &str,
) -> Result<Mode, Problem> {
    let children = execution_type.ok_or_else(|| {
        let fact = "a DISTRIBUTED Map needs `ExecutionType`; write `STANDARD` or `EXPRESS`";
        Problem::new(format!("{place}.ItemProcessor.ProcessorConfig"), fact)
    })?;
    let (count, path) = (
        written.tolerated_failure_count,
        &written.tolerated_failure_count_path,
    );
    let tolerated_count = amount("ToleratedFailureCountPath", count, path, place)?;
    let (percentage, path) = (
        written.tolerated_failure_percentage,
        &written.tolerated_failure_percentage_path,
    );
    let tolerated_percentage = amount("ToleratedFailurePercentagePath", percentage, path, place)?;

    let tolerates = tolerated_count.is_some() || tolerated_percentage.is_some();
    if tolerates && written.result_writer.is_none() {
        let fact = "a Map that tolerates failures needs `ResultWriter`; without it AWS puts ARNs of failed children \
                    into the output, which a laptop cannot know";
        return Err(Problem::new(place, fact));
    }
    let label = label(written.label.as_deref(), place)?;
    let writer = written.result_writer.clone();
    Ok(Mode::Distributed(Box::new(Distributed {
        children,
        label,
        tolerated_count,
        tolerated_percentage,
        writer,
    })))
}

/// The label, or as on AWS one made of the state's name.
fn label(written: Option<&str>, place: &str) -> Result<String, Problem> {
    let name = place.rsplit_once("States.").map_or(place, |(_, name)| name);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match written {
        Some(label) if label.is_empty() || label.len() > 40 || !label.chars().all(is_plain) => {
            Err(Problem::new(
                format!("{place}.Label"),
                "a label has 1 to 40 letters, digits, `-` and `_`",
            ))
        }
        Some(label) => Ok(label.to_owned()),
        None => Ok(name
            .chars()
            .map(|c| if is_plain(c) { c } else { '-' })
            .take(40)
            .collect()),
    }
}

fn amount<T>(
    field: &'static str,
    written: Option<T>,
    path: &Option<DataPath>,
    place: &str,
) -> Result<Option<Amount<T>>, Problem> {
    match (written, path.clone()) {
        (Some(_), Some(_)) => Err(Problem::new(
            place,
            format!(
                "give `{}` or `{field}`, not both",
                field.trim_end_matches("Path")
            ),
        )),
        (Some(number), None) => Ok(Some(Amount::Written(number))),
        (None, path) => Ok(path.map(|path| Amount::At { field, path })),
    }
}
