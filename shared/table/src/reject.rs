//! What could not be typed, with its raw text, place and reason.

use pipeline::name::Name;
use serde::{Serialize, Serializer};

/// A record, or a part of a page, that could not be typed.
#[derive(Debug, Clone, Serialize)]
pub struct Reject<'a> {
    /// The page's number, as the caller gave it.
    pub page: u64,
    /// The record's position in its page, from 0; none where the page could not be told into records.
    pub record: Option<u64>,
    /// The table for which it could not be typed; none where no table was found for it.
    pub table: Option<&'a Name>,
    /// A JSON pointer from the page's root to the value, or to the record.
    pub pointer: String,
    /// The fact, in words.
    pub reason: String,
    /// The raw bytes, cut off at the limit; what is no UTF-8 is shown as replacement characters when serialized.
    #[serde(serialize_with = "lossy")]
    pub raw: &'a [u8],
    /// How many raw bytes there were.
    pub raw_bytes: u64,
}

fn lossy<S: Serializer>(raw: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(raw))
}

/// One more step of a JSON pointer.
pub(crate) fn push_pointer(pointer: &mut String, step: &str) {
    pointer.push('/');
    pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
}
