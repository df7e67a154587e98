//! What an object key may be, so that it means the same in a directory and in a bucket and never leads out of either.

use super::Error;

/// The longest key that S3 takes.
const LONGEST_KEY_BYTES: usize = 1024;
/// The longest file name that file systems take.
const LONGEST_SEGMENT_BYTES: usize = 255;

/// Refuses what is not a key.
pub(super) fn check(key: &str) -> Result<(), Error> {
    match mistake(key) {
        Some(why) => Err(Error::BadKey(key.to_owned(), why)),
        None => Ok(()),
    }
}

/// Refuses what no key could start with.
pub(super) fn check_prefix(prefix: &str) -> Result<(), Error> {
    let whole = match prefix.strip_suffix('/') {
        Some(folder) => folder,
        None if prefix.is_empty() => return Ok(()),
        None => prefix,
    };
    check(whole).map_err(|_| Error::BadKey(prefix.to_owned(), "no key starts with it"))
}

fn mistake(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        return Some("it is empty");
    }
    if key.len() > LONGEST_KEY_BYTES {
        return Some("it is longer than 1024 bytes");
    }
    if key.chars().any(|c| c.is_control() || c == '\\') {
        return Some("it holds a control character or a backslash");
    }
    key.split('/').find_map(segment_mistake)
}

fn segment_mistake(segment: &str) -> Option<&'static str> {
    if segment.is_empty() {
        return Some("it has an empty part");
    }
    // `.` and `..` lead elsewhere; other names with a leading dot are the store's own.
    if segment.starts_with('.') {
        return Some("a part of it starts with a dot");
    }
    (segment.len() > LONGEST_SEGMENT_BYTES).then_some("a part of it is longer than 255 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_everywhere_is_a_key() {
        let long_segment = "x".repeat(256);
        let long_key = "x/".repeat(512) + "x";
        for key in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "a/../b",
            "../a",
            "a/..",
            "a/./b",
            ".hidden",
            "a/.b",
            "a\\b",
            "..\\a",
            "a\0b",
            "a\nb",
            "\u{7f}",
            &long_segment,
            &long_key,
        ] {
            assert!(check(key).is_err(), "{key:?}");
        }
        for key in [
            "a",
            "a/b",
            "a b",
            "a=1/b%2e.json",
            "_x",
            "é/ü",
            "a..b",
            "a:b*?[x]{y}",
        ] {
            assert!(check(key).is_ok(), "{key:?}");
        }
    }

    #[test]
    fn a_prefix_may_end_in_the_middle_of_a_key() {
        for prefix in ["", "a", "a/", "a/b"] {
            assert!(check_prefix(prefix).is_ok(), "{prefix:?}");
        }
        for prefix in ["/", "a//", "../", "a/../", "a\\"] {
            assert!(check_prefix(prefix).is_err(), "{prefix:?}");
        }
    }
}
