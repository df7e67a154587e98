//! Pages asked for by the last record of the page before: a value of it goes into the next request.

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::Facts;
use super::parameter::{Added, Parameter};
use super::smaller::Smaller;
use super::stop::{Progress, Stop};
use super::{LONGEST, Position};
use crate::fault::Fault;
use crate::number::{Number, Values};
use crate::path::Path;
use crate::problem::Located;

/// Pages asked for by the last record of the page before
///
/// `{ parameter: starting_after, key: $.id, size_parameter: limit, size: 100 }`: the last record's value goes
/// into the next request. The source must sort by it and give the records after it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keyset {
    /// The parameter that takes the value. A parameter of that name under `query` asks for the first page.
    pub parameter: Located<Parameter>,
    /// Where in a record the value stands.
    pub key: Path,
    /// The parameter that holds the size of a page.
    pub size_parameter: Option<Parameter>,
    /// How many records a page holds.
    pub size: Option<Located<Number>>,
    /// When the pages end.
    #[serde(default)]
    pub stop: Located<Stop>,
    /// When to ask for smaller pages.
    pub smaller: Option<Smaller>,
}

impl Keyset {
    pub(super) fn add(
        &self,
        key: Option<&str>,
        size: Option<u64>,
        added: &mut Added,
    ) -> Result<(), Fault> {
        if let (Some(parameter), Some(size)) = (&self.size_parameter, size) {
            added.number(parameter, size);
        }
        match key {
            Some(key) => added.raw(&self.parameter, key),
            None => Ok(()),
        }
    }

    pub(super) fn size(&self, values: &Values) -> Result<Option<u64>, Fault> {
        let size = self.size.as_ref();
        size.map(|size| size.fill(values, "size")).transpose()
    }

    pub(super) fn after(
        &self,
        facts: &Facts<'_>,
        so_far: &Progress,
    ) -> Result<Option<Position>, Fault> {
        if self.stop.is_last(facts, so_far)? {
            return Ok(None);
        }
        let key = match facts.last_record() {
            None => {
                return Err(Fault::rejected(
                    "the source says that more records follow but gave an empty page, so there is no last record to go on from",
                ));
            }
            Some(record) => super::facts::find(record, &self.key),
        };
        match key {
            None | Some("null" | "\"\"") => Err(Fault::rejected(format!(
                "the last record of the page has nothing at `{}`, where the next page goes on",
                self.key
            ))),
            Some(key) if key.len() > LONGEST => Err(Fault::rejected(format!(
                "the value at `{}` is {} characters long; {LONGEST} are carried at most",
                self.key,
                key.len()
            ))),
            Some(key) => Ok(Some(Position::Cursor(key.to_owned()))),
        }
    }
}
