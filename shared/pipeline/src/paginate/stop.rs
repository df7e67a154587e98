//! When counted pages end.

use schemars::JsonSchema;
use serde::Deserialize;

use super::facts::Facts;
use crate::fault::Fault;
use crate::header::HeaderName;
use crate::path::Path;

/// When the pages end
///
/// `empty_page` is the safe one: it costs one request more, and a source that gives smaller pages than
/// asked for loses nothing by it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Stop {
    /// After the first page with fewer records than asked for; needs a size.
    ShortPage,
    /// After the first page without records.
    #[default]
    EmptyPage,
    /// When as many records have come as the answer says there are, at this path.
    Total(Path),
    /// As `total`, in this header.
    TotalHeader(HeaderName),
    /// When as many pages have come as the answer says there are, at this path.
    TotalPages(Path),
    /// When the answer says `false` at this path.
    HasMore(Path),
    /// As `has_more`, in this header.
    HasMoreHeader(HeaderName),
}

/// What has come so far, this page included.
pub(super) struct Progress {
    pub records: u64,
    pub pages: u64,
    pub size: Option<u64>,
}

impl Stop {
    /// Whether the page just read was the last one.
    pub(super) fn is_last(&self, facts: &Facts<'_>, so_far: &Progress) -> Result<bool, Fault> {
        let empty = facts.records == 0;
        match self {
            Stop::EmptyPage => Ok(empty),
            Stop::ShortPage => Ok(empty || so_far.size.is_some_and(|size| facts.records < size)),
            Stop::Total(path) => all_came(facts.number_at(path)?, so_far.records, "records", empty),
            Stop::TotalHeader(name) => {
                let total = facts.number_in_header(name)?;
                all_came(total, so_far.records, "records", empty)
            }
            Stop::TotalPages(path) => {
                all_came(facts.number_at(path)?, so_far.pages, "pages", false)
            }
            Stop::HasMore(path) => match facts.raw_at(path) {
                Some("false") => Ok(true),
                Some("true") => Ok(false),
                _ => Err(Fault::rejected(format!(
                    "the answer has neither true nor false at `{path}`; its pagination needs one"
                ))),
            },
            Stop::HasMoreHeader(name) => match facts.header(name).map(str::trim) {
                Some(text) if text.eq_ignore_ascii_case("false") => Ok(true),
                Some(text) if text.eq_ignore_ascii_case("true") => Ok(false),
                _ => Err(Fault::rejected(format!(
                    "the answer has neither true nor false in the header `{name}`; its pagination needs one"
                ))),
            },
        }
    }

    /// Whether the answer itself says that more follows, which a missing cursor would contradict.
    pub(super) fn promises_more(&self, facts: &Facts<'_>, so_far: &Progress) -> bool {
        match self {
            Stop::EmptyPage | Stop::ShortPage => false,
            _ => self.is_last(facts, so_far).is_ok_and(|last| !last),
        }
    }

    /// How many pages are likely to follow, where the answer tells it.
    pub(super) fn left(&self, facts: &Facts<'_>, so_far: &Progress) -> Option<u64> {
        let total = match self {
            Stop::Total(path) => facts.number_at(path).ok()?,
            Stop::TotalHeader(name) => facts.number_in_header(name).ok()?,
            Stop::TotalPages(path) => {
                return Some(facts.number_at(path).ok()?.saturating_sub(so_far.pages));
            }
            _ => return None,
        };
        let size = so_far.size.filter(|size| *size > 0)?;
        Some(total.saturating_sub(so_far.records).div_ceil(size))
    }
}

fn all_came(total: u64, came: u64, what: &str, empty: bool) -> Result<bool, Fault> {
    if came < total && empty {
        return Err(Fault::bad_data(format!(
            "the source counts {total} {what} but gave {came} and then an empty page"
        )));
    }
    Ok(came >= total)
}
