//! Pages asked for by how many records lie before them.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Position;
use super::facts::Facts;
use super::stop::{Progress, Stop};
use crate::fault::Fault;
use crate::number::{Number, Values};
use crate::problem::Located;

/// Pages asked for by how many records lie before them
///
/// The offset grows by what really came, so a source that gives less than asked for loses nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offset {
    /// The parameter of the query that holds the offset.
    #[serde(default = "offset")]
    pub parameter: String,
    /// The parameter that holds the limit.
    #[serde(default = "limit")]
    pub limit_parameter: String,
    /// How many records a page holds.
    pub limit: Located<Number>,
    /// When the pages end.
    #[serde(default)]
    pub stop: Located<Stop>,
}

fn offset() -> String {
    "offset".to_owned()
}

fn limit() -> String {
    "limit".to_owned()
}

impl Offset {
    pub(super) fn size(&self, values: &Values) -> Result<u64, Fault> {
        self.limit.fill(values, "limit")
    }

    pub(super) fn parameters(
        &self,
        offset: u64,
        values: &Values,
    ) -> Result<Vec<(String, String)>, Fault> {
        Ok(vec![
            (self.parameter.clone(), offset.to_string()),
            (self.limit_parameter.clone(), self.size(values)?.to_string()),
        ])
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
