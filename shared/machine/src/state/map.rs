//! What a Map state is: its items, what is done with each, and where the results go.

use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::Value;

use super::Graph;
use crate::context::Context;
use crate::error_output::ErrorOutput;
use crate::path::Path;
use crate::retry::{Catcher, Retrier};
use crate::selection::{DataPath, Placement};
use crate::template::Template;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Map {
    pub(crate) source: ItemSource,
    pub(crate) selector: Option<Template>,
    pub(crate) processor: Graph,
    pub(crate) mode: Mode,
    pub(crate) concurrency: Amount<Count>,
    pub(crate) result_path: Placement,
    pub(crate) retry: Vec<Retrier>,
    pub(crate) catch: Vec<Catcher>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ItemSource {
    Data(Path),
    Object(ItemReader),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mode {
    Inline,
    Distributed(Box<Distributed>),
}

/// What only a Map of child executions has.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Distributed {
    pub(crate) children: ExecutionType,
    pub(crate) label: String,
    pub(crate) tolerated_count: Option<Amount<Count>>,
    pub(crate) tolerated_percentage: Option<Amount<Percentage>>,
    pub(crate) writer: Option<ResultWriter>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ExecutionType {
    Standard,
    Express,
}

/// Where the items of a distributed Map are listed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ItemReader {
    #[serde(rename = "Resource")]
    _resource: GetObject,
    pub(crate) reader_config: ReaderConfig,
    pub(crate) parameters: ObjectPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum GetObject {
    #[serde(rename = "arn:aws:states:::s3:getObject")]
    GetObject,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ReaderConfig {
    pub(crate) input_type: InputType,
    pub(crate) max_items: Option<NonZeroU32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum InputType {
    Json,
    Jsonl,
}

/// Where the results of a distributed Map are written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct ResultWriter {
    #[serde(rename = "Resource")]
    _resource: PutObject,
    pub(crate) parameters: PrefixPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum PutObject {
    #[serde(rename = "arn:aws:states:::s3:putObject")]
    PutObject,
}

/// `Bucket` and `Key`, written or by path.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Template")]
pub(crate) struct ObjectPlace(pub(crate) Template);

/// `Bucket` and `Prefix`, written or by path.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Template")]
pub(crate) struct PrefixPlace(pub(crate) Template);

impl TryFrom<Template> for ObjectPlace {
    type Error = &'static str;

    fn try_from(template: Template) -> Result<Self, Self::Error> {
        match has_fields(&template, ["Bucket", "Key"]) {
            true => Ok(Self(template)),
            false => Err("needs exactly `Bucket` and `Key`, or `Bucket.$` and `Key.$`"),
        }
    }
}

impl TryFrom<Template> for PrefixPlace {
    type Error = &'static str;

    fn try_from(template: Template) -> Result<Self, Self::Error> {
        match has_fields(&template, ["Bucket", "Prefix"]) {
            true => Ok(Self(template)),
            false => Err("needs exactly `Bucket` and `Prefix`, or `Bucket.$` and `Prefix.$`"),
        }
    }
}

fn has_fields(template: &Template, names: [&str; 2]) -> bool {
    match template {
        Template::Object(fields) => {
            fields.len() == 2
                && names
                    .iter()
                    .all(|name| fields.iter().any(|(n, _)| n == name))
        }
        _ => false,
    }
}

/// A number of things, from 0 up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Count(pub(crate) u64);

impl TryFrom<Value> for Count {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        value
            .as_u64()
            .map(Self)
            .ok_or_else(|| format!("{value} is not a whole number from 0 up"))
    }
}

/// A share, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Percentage(pub(crate) f64);

impl TryFrom<Value> for Percentage {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = value
            .as_f64()
            .filter(|number| (0.0..=100.0).contains(number));
        number
            .map(Self)
            .ok_or_else(|| format!("{value} is not a number from 0 to 100"))
    }
}

/// A number, written or by path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Amount<T> {
    Written(T),
    At { field: &'static str, path: DataPath },
}

impl<T: Copy + TryFrom<Value, Error = String>> Amount<T> {
    pub(crate) fn read(&self, data: &Value, context: &Context<'_>) -> Result<T, ErrorOutput> {
        match self {
            Self::Written(amount) => Ok(*amount),
            Self::At {
                field,
                path: DataPath(path),
            } => {
                let value = path.read(field, data, context)?.into_owned();
                T::try_from(value)
                    .map_err(|fact| ErrorOutput::runtime(format!("`{field}`: {fact}")))
            }
        }
    }
}

impl Map {
    /// The paths that may read the context object, without those of its `ItemSelector`.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let mut paths = match &self.source {
            ItemSource::Data(path) => vec![path],
            ItemSource::Object(reader) => reader.parameters.0.paths(),
        };
        if let Mode::Distributed(distributed) = &self.mode {
            paths.extend(
                distributed
                    .writer
                    .iter()
                    .flat_map(|writer| writer.parameters.0.paths()),
            );
        }
        paths
    }
}
