//! Pages asked for by how many records lie before them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Position;
use super::facts::Facts;
use super::parameter::{Added, Parameter};
use super::smaller::Smaller;
use super::stop::{Progress, Stop};
use crate::fault::Fault;
use crate::number::{Number, Values};
use crate::problem::Located;

/// Pages asked for by how many records lie before them
///
/// The offset grows by what really came, so a source that gives less than asked for loses nothing. Where
/// `stop` tells how many records there are, several pages are under way at a time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The parameter that holds the offset.
    #[serde(default = "offset")]
    pub parameter: Located<Parameter>,
    /// The parameter that holds the limit.
    #[serde(default = "limit")]
    pub limit_parameter: Parameter,
    /// How many records a page holds.
    pub limit: Located<Number>,
    /// When the pages end.
    #[serde(default)]
    pub stop: Located<Stop>,
    /// When to ask for smaller pages.
    pub smaller: Option<Smaller>,
    /// How many pages one slice fetches, where `stop` tells how many there are: slices are fetched side by side
    /// by the state machine, at the price of asking for the first page twice. Without it there is one slice.
    pub pages_per_slice: Option<u64>,
}

fn offset() -> Located<Parameter> {
    Located {
        value: Parameter::from("offset"),
        at: crate::problem::Location::default(),
    }
}

fn limit() -> Parameter {
    Parameter::from("limit")
}

impl Offset {
    pub(super) fn size(&self, values: &Values) -> Result<u64, Fault> {
        self.limit.fill(values, "limit")
    }

    pub(super) fn add(&self, offset: u64, size: Option<u64>, added: &mut Added) {
        added.number(&self.parameter, offset);
        if let Some(size) = size {
            added.number(&self.limit_parameter, size);
        }
    }

    pub(super) fn after(
        &self,
        offset: u64,
        facts: &Facts<'_>,
        so_far: &Progress,
    ) -> Result<Option<Position>, Fault> {
        if self.stop.is_last(facts, so_far)? {
            return Ok(None);
        }
        if facts.records == 0 {
            return Err(Fault::rejected(
                "the source says that more records follow but gave an empty page, so the offset cannot grow",
            ));
        }
        Ok(Some(Position::Offset(offset + facts.records)))
    }
}
