//! JSON as bytes: whether it is any, where its values begin and end, what its texts stand for. Nothing is built in
//! memory, and where one look at sixteen bytes will do, sixteen are looked at.
//!
//! - [`check`] reads to the letter of RFC 8259, with a bound to the depth, and notes an [`Outline`]; [`end`] reads one value so.
//! - [`find`], [`elements`] and [`container`] step over what they do not look for: quotes and brackets are balanced, and
//!   nothing else is seen. What they say of checked JSON is right; of other bytes they say something, and never panic.

mod check;
mod lanes;
mod outline;
mod print;
mod skip;
mod text;
mod walk;

pub use check::{Broken, check, end, is_json};
pub use lanes::{Lanes, chunk};
pub use outline::Outline;
pub use print::fingerprint;
pub use skip::{Open, container};
pub use text::unescape;
pub use walk::{Step, elements, find};

/// The bytes as text, if they are one.
#[must_use]
pub fn text(bytes: &[u8]) -> Option<&str> {
    simdutf8::basic::from_utf8(bytes).ok()
}

/// The next byte that is not white space.
#[inline(always)]
#[must_use]
pub fn blanks(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => at,
        _ => more_blanks(bytes, at),
    }
}

#[inline(never)]
fn more_blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}
