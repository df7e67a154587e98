//! What the path fields of a state do: `InputPath` and `OutputPath` select, `ResultPath` places.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::context::Context;
use crate::error_output::ErrorOutput;
use crate::path::Path;

/// `InputPath` or `OutputPath`: a part of the data, or nothing (`null`), which AWS passes on as `{}`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Selection {
    At(Path),
    Nothing,
}

impl Selection {
    pub(crate) fn of(
        &self,
        field: &str,
        data: &Value,
        context: &Context<'_>,
    ) -> Result<Value, ErrorOutput> {
        match self {
            Self::At(path) => path.read(field, data, context).map(Cow::into_owned),
            Self::Nothing => Ok(Value::Object(Map::new())),
        }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::At(path) => Some(path),
            Self::Nothing => None,
        }
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::At(Path::whole())
    }
}

impl<'de> Deserialize<'de> for Selection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Nothing, Self::At))
    }
}

/// `ResultPath`: where in the state's input its result goes, or nowhere (`null`).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Placement {
    At(DataPath),
    Nowhere,
}

impl Placement {
    /// The state's input and its result as one.
    pub(crate) fn join(&self, input: &Value, result: Value) -> Result<Value, ErrorOutput> {
        match self {
            Self::At(DataPath(path)) => path.place(input.clone(), result),
            Self::Nowhere => Ok(input.clone()),
        }
    }
}

impl Default for Placement {
    fn default() -> Self {
        Self::At(DataPath(Path::whole()))
    }
}

impl<'de> Deserialize<'de> for Placement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Nowhere, Self::At))
    }
}

/// A path into the data; the context object is out of its reach.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Path")]
pub(crate) struct DataPath(pub(crate) Path);

impl TryFrom<Path> for DataPath {
    type Error = String;

    fn try_from(path: Path) -> Result<Self, String> {
        match path.reads_data() {
            true => Ok(Self(path)),
            false => Err(format!(
                "`{path}` is in the context object; only a path into the data is taken here"
            )),
        }
    }
}
