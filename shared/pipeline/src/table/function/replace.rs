//! `remove`, `replace` — every occurrence of a text gives way to another.

use std::borrow::Cow;

use indexmap::IndexMap;

pub(super) fn replace_all<'a>(
    pairs: &IndexMap<String, String>,
    text: Cow<'a, str>,
) -> Cow<'a, str> {
    pairs
        .iter()
        .fold(text, |text, (old, new)| replace(old, new, text))
}

pub(super) fn replace<'a>(old: &str, new: &str, text: Cow<'a, str>) -> Cow<'a, str> {
    if !text.contains(old) {
        return text;
    }
    Cow::Owned(text.replace(old, new))
}
