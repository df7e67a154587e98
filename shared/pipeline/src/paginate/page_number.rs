//! Pages asked for by their number.

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

/// Pages asked for by their number
///
/// Where `stop` tells how many there are, several are under way at a time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageNumber {
    /// The parameter that holds the number of the page.
    pub parameter: Located<Parameter>,
    /// The number of the first page.
    #[serde(default = "one")]
    pub first: u64,
    /// The parameter that holds the size of a page.
    pub size_parameter: Option<Parameter>,
    /// How many records a page holds.
    pub size: Option<Located<Number>>,
    /// When the pages end.
    #[serde(default)]
    pub stop: Located<Stop>,
    /// When to ask for smaller pages.
    pub smaller: Option<Smaller>,
    /// How many pages one slice fetches, where `stop` tells how many there are: slices are fetched side by side
    /// by the state machine, at the price of asking for the first page twice. Without it there is one slice.
    pub pages_per_slice: Option<u64>,
}

fn one() -> u64 {
    1
}

impl PageNumber {
    pub(super) fn size(&self, values: &Values) -> Result<Option<u64>, Fault> {
        let size = self.size.as_ref();
        size.map(|size| size.fill(values, "size")).transpose()
    }

    pub(super) fn add(&self, number: u64, size: Option<u64>, added: &mut Added) {
        added.number(&self.parameter, number);
        if let (Some(parameter), Some(size)) = (&self.size_parameter, size) {
            added.number(parameter, size);
        }
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

    /// The page that begins where this one does, with `size` records a page instead of `before`.
    pub(super) fn resized(&self, number: u64, before: u64, size: u64) -> Position {
        Position::Page(self.first + (number - self.first.min(number)) * (before / size))
    }
}
