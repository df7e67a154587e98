//! Pages asked for by their number.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Position;
use super::facts::Facts;
use super::stop::{Progress, Stop};
use crate::fault::Fault;
use crate::number::{Number, Values};
use crate::problem::Located;

/// Pages asked for by their number
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumber {
    /// The parameter of the query that holds the number of the page.
    pub parameter: String,
    /// The number of the first page.
    #[serde(default = "one")]
    pub first: u64,
    /// The parameter that holds the size of a page.
    pub size_parameter: Option<String>,
    /// How many records a page holds.
    pub size: Option<Located<Number>>,
    /// When the pages end.
    #[serde(default)]
    pub stop: Located<Stop>,
}

fn one() -> u64 {
    1
}

impl PageNumber {
    pub(super) fn size(&self, values: &Values) -> Result<Option<u64>, Fault> {
        let size = self.size.as_ref();
        size.map(|size| size.fill(values, "size")).transpose()
    }

    pub(super) fn parameters(
        &self,
        number: u64,
        values: &Values,
    ) -> Result<Vec<(String, String)>, Fault> {
        let mut parameters = vec![(self.parameter.clone(), number.to_string())];
        if let (Some(name), Some(size)) = (&self.size_parameter, self.size(values)?) {
            parameters.push((name.clone(), size.to_string()));
        }
        Ok(parameters)
    }

    pub(super) fn after(
        &self,
        number: u64,
        facts: &Facts<'_>,
        so_far: &Progress,
    ) -> Result<Option<Position>, Fault> {
        let last = self.stop.is_last(facts, so_far)?;
        Ok((!last).then(|| Position::Page(number + 1)))
    }
}
