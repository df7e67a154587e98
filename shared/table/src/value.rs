//! Where a value of JSON begins and ends, and of which kind it is. What is inside of it is not looked at.

use crate::bad::{Bad, Reason};
use crate::found::Kind;
use crate::scan::DEPTH;
use json::{Lanes, blanks};

/// Where a value begins, and with which byte.
#[inline(always)]
pub(crate) fn first(bytes: &[u8], at: usize) -> Result<(usize, u8), Bad> {
    match bytes.get(at) {
        Some(byte) if *byte > b' ' => Ok((at, *byte)),
        _ => first_behind_blanks(bytes, at),
    }
}

#[inline(never)]
fn first_behind_blanks(bytes: &[u8], at: usize) -> Result<(usize, u8), Bad> {
    let at = blanks(bytes, at);
    match bytes.get(at) {
        Some(byte) => Ok((at, *byte)),
        None => Err(Bad::at(at, Reason::EndsEarly)),
    }
}

/// The end of whatever value starts at `at`.
#[inline(always)]
pub(crate) fn any(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    let (at, first) = first(bytes, at)?;
    plain(bytes, at, first).map(|(end, _)| end)
}

/// The end and kind of a value of which nothing inside is wanted.
#[inline(always)]
pub(crate) fn plain(bytes: &[u8], at: usize, first: u8) -> Result<(usize, Kind), Bad> {
    match first {
        b'"' => {
            let (end, escaped) = text(bytes, at)?;
            Ok((end, if escaped { Kind::Escaped } else { Kind::Text }))
        }
        b'-' | b'0'..=b'9' => Ok((scalar(bytes, at), Kind::Number)),
        _ => word_or_container(bytes, at, first),
    }
}

#[inline(never)]
fn word_or_container(bytes: &[u8], at: usize, first: u8) -> Result<(usize, Kind), Bad> {
    Ok(match first {
        b'n' => (word(bytes, at, b"null")?, Kind::Null),
        b't' => (word(bytes, at, b"true")?, Kind::True),
        b'f' => (word(bytes, at, b"false")?, Kind::False),
        b'{' => (container(bytes, at)?, Kind::Object),
        b'[' => (container(bytes, at)?, Kind::List),
        _ => return Err(Bad::at(at, Reason::NoValue)),
    })
}

fn container(bytes: &[u8], at: usize) -> Result<usize, Bad> {
    json::container(bytes, at, DEPTH).map_err(|open| match open {
        json::Open::EndsEarly(at) => Bad::at(at, Reason::EndsEarly),
        json::Open::TooDeep(at) => Bad::at(at, Reason::TooDeep),
    })
}

/// The end of the number that starts at `at`; whether it is one is seen when it is converted.
#[inline]
pub(crate) fn scalar(bytes: &[u8], mut at: usize) -> usize {
    while let Some(lanes) = Lanes::at(bytes, at) {
        let stops = lanes.stop_number();
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += 16;
    }
    while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = bytes.get(at) {
        at += 1;
    }
    at
}

#[inline(always)]
pub(crate) fn word<const LENGTH: usize>(
    bytes: &[u8],
    at: usize,
    word: &[u8; LENGTH],
) -> Result<usize, Bad> {
    if bytes[at..].first_chunk() == Some(word) {
        return Ok(at + word.len());
    }
    Err(Bad::at(at, Reason::NoValue))
}

/// The end of the text whose quote stands at `at`, and whether it has escapes.
#[inline(always)]
pub(crate) fn text(bytes: &[u8], at: usize) -> Result<(usize, bool), Bad> {
    let mut at = at + 1;
    while let Some(lanes) = Lanes::at(bytes, at) {
        let stops = lanes.stop_text();
        if stops != 0 {
            at += stops.trailing_zeros() as usize;
            if bytes[at] == b'"' {
                return Ok((at + 1, false));
            }
            break;
        }
        at += 16;
    }
    unusual_text(bytes, at)
}

/// The end of a text from one of its bytes on.
#[inline(never)]
fn unusual_text(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Bad> {
    let mut escaped = false;
    loop {
        match bytes.get(at) {
            Some(b'"') => return Ok((at + 1, escaped)),
            Some(b'\\') => {
                escaped = true;
                at += 2;
            }
            Some(byte) if *byte < b' ' => {
                return Err(Bad::at(at, Reason::ControlCharacter));
            }
            Some(_) => at += 1,
            None => return Err(Bad::at(bytes.len(), Reason::EndsEarly)),
        }
        while let Some(lanes) = Lanes::at(bytes, at) {
            let stops = lanes.stop_text();
            at += stops.trailing_zeros().min(16) as usize;
            if stops != 0 {
                break;
            }
        }
    }
}
