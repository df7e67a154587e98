//! Pages that name what asks for the next one: a cursor, in the body or in a header.

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::Facts;
use super::parameter::{Added, Parameter};
use super::smaller::Smaller;
use super::stop::{Progress, Stop};
use super::{LONGEST, Position};
use crate::fault::Fault;
use crate::header::HeaderName;
use crate::number::{Number, Values};
use crate::path::Path;
use crate::problem::Located;

/// Pages that name what asks for the next one
///
/// `{ parameter: cursor, path: $.meta.next }` or `{ parameter: pageToken, header: Next-Page-Token }`. The
/// cursor is sent back as it came; without one, with null or with empty text the pages end.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The parameter that takes the cursor. A parameter of that name under `query` asks for the first page.
    pub parameter: Located<Parameter>,
    /// Where in the body the cursor stands. This or `header`.
    pub path: Option<Path>,
    /// The header that holds the cursor. This or `path`.
    pub header: Option<HeaderName>,
    /// The parameter that holds the size of a page.
    pub size_parameter: Option<Parameter>,
    /// The name of that parameter where there is no cursor yet, if it has another one then.
    pub first_size_parameter: Option<Parameter>,
    /// How many records a page holds.
    pub size: Option<Located<Number>>,
    /// When the pages end although there is a cursor; without it they end only where there is none.
    pub stop: Option<Located<Stop>>,
    /// How many pages without records may follow each other before the walk is stopped as a loop.
    #[serde(default = "some_empty_pages")]
    pub empty_pages: u64,
    /// When to ask for smaller pages.
    pub smaller: Option<Smaller>,
}

fn some_empty_pages() -> u64 {
    5
}

impl Cursor {
    pub(super) fn add(
        &self,
        cursor: Option<&str>,
        size: Option<u64>,
        added: &mut Added,
    ) -> Result<(), Fault> {
        let first = self.first_size_parameter.as_ref();
        let first = first.filter(|_| cursor.is_none());
        if let (Some(parameter), Some(size)) = (first.or(self.size_parameter.as_ref()), size) {
            added.number(parameter, size);
        }
        match cursor {
            Some(cursor) => added.raw(&self.parameter, cursor),
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
        if let Some(stop) = &self.stop
            && stop.is_last(facts, so_far)?
        {
            return Ok(None);
        }
        let Some(cursor) = self.found(facts)? else {
            return match &self.stop {
                Some(stop) if stop.promises_more(facts, so_far) => Err(Fault::rejected(
                    "the source says that more records follow but gave no cursor to ask for them",
                )),
                _ => Ok(None),
            };
        };
        if cursor.len() > LONGEST {
            return Err(Fault::rejected(format!(
                "the cursor is {} characters long; {LONGEST} are carried at most",
                cursor.len()
            )));
        }
        Ok(Some(Position::Cursor(cursor)))
    }

    /// The cursor as JSON.
    fn found(&self, facts: &Facts<'_>) -> Result<Option<String>, Fault> {
        if let Some(name) = &self.header {
            let header = facts.header(name).map(str::trim);
            let text = header.filter(|text| !text.is_empty());
            return Ok(text.map(|text| serde_json::Value::from(text).to_string()));
        }
        let Some(path) = &self.path else {
            return Ok(None);
        };
        match facts.raw_at(path) {
            None | Some("null" | "false" | "\"\"") => Ok(None),
            Some("true") => Err(Fault::rejected(format!(
                "the answer has `true` at `{path}`, where the cursor should be"
            ))),
            Some(raw) => Ok(Some(raw.to_owned())),
        }
    }
}
