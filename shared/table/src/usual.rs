//! The layouts that values usually have, converted without detours. Every function answers none for what it does
//! not know, right or wrong: then the way that knows all layouts has the say.

use crate::found::LONGEST;
use crate::time::{MICROS_A_DAY, MICROS_A_SECOND, days};
use crate::value;
use json::{Lanes, chunk};

/// Adds the text whose quote stands at `at`, and answers where it ends, its other quote included. None if it has escapes,
/// or control characters, or stands near the end of the page, or is no text.
#[inline(always)]
pub(crate) fn copy(text: &mut Vec<u8>, bytes: &[u8], at: usize) -> Option<usize> {
    let [b'"', chunk @ ..] = chunk::<33>(bytes, at)? else {
        return None;
    };
    let stops = Lanes::stop_text_of(chunk);
    if stops == 0 {
        return copy_long(text, bytes, at + 1, chunk);
    }
    let length = stops.trailing_zeros() as usize;
    if chunk[length % 32] != b'"' {
        return None;
    }
    // A fixed number is copied and cut back, which needs no call.
    let end = text.len() + length;
    text.extend_from_slice(chunk);
    text.truncate(end);
    Some(at + length + 2)
}

/// Adds a value of any kind as it is written, if it is JSON, and answers where it ends.
#[inline(never)]
pub(crate) fn copy_json(text: &mut Vec<u8>, bytes: &[u8], at: usize) -> Option<usize> {
    let end = json::end(bytes, at)?;
    // What goes on behind a number, as in `007`, belongs to the value, which then is no JSON.
    let goes_on = match bytes[at] {
        b'n' => return None,
        b'-' | b'0'..=b'9' => value::scalar(bytes, at) > end,
        _ => false,
    };
    if goes_on || end - at >= LONGEST {
        return None;
    }
    text.extend_from_slice(&bytes[at..end]);
    Some(end)
}

#[inline(never)]
fn copy_long(text: &mut Vec<u8>, bytes: &[u8], start: usize, head: &[u8; 32]) -> Option<usize> {
    let mut end = start + 32;
    loop {
        let chunk: &[u8; 32] = chunk(bytes, end)?;
        let stops = Lanes::stop_text_of(chunk);
        if stops == 0 {
            end += 32;
            continue;
        }
        let length = stops.trailing_zeros() as usize;
        end += length;
        if end - start < 64 && chunk[length % 32] == b'"' {
            let length = text.len() + end - start;
            text.extend_from_slice(head);
            text.extend_from_slice(chunk);
            text.truncate(length);
            return Some(end + 1);
        }
        break;
    }
    if bytes.get(end) != Some(&b'"') || end - start >= LONGEST - 2 {
        return None;
    }
    text.extend_from_slice(&bytes[start..end]);
    Some(end + 1)
}

/// A number that stands in quotes or without: where it begins and ends, and where the value ends.
#[inline(always)]
fn number_at(bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let quote = usize::from(bytes.get(at) == Some(&b'"'));
    let start = at + quote;
    let end = value::scalar(bytes, start);
    if start == end || quote == 1 && bytes.get(end) != Some(&b'"') {
        return None;
    }
    Some((start, end, end + quote))
}

/// The whole number at `at`, and where it ends. Most have at most eight digits, no sign and no quotes.
#[inline(always)]
pub(crate) fn whole_at(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    if let Some((length, number)) = some_digits(bytes, at) {
        let is_padded = bytes[at] == b'0' && length > 1;
        if !is_padded && let Some(b',' | b'}' | b']') = bytes.get(at + length) {
            return Some((number, at + length));
        }
    }
    longer_whole_at(bytes, at)
}

#[inline(never)]
fn longer_whole_at(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let (start, end, after) = number_at(bytes, at)?;
    Some((whole(bytes, start, end)?, after))
}

/// The decimal at `at`, and where its value ends.
#[inline(always)]
pub(crate) fn decimal_at(
    bytes: &[u8],
    at: usize,
    precision: u8,
    scale: u8,
) -> Option<(i64, usize)> {
    let plain = plain_at(bytes, at).filter(|plain| plain.fraction == usize::from(scale));
    let Some(Plain {
        digits,
        is_negative,
        end,
        ..
    }) = plain
    else {
        return longer_decimal_at(bytes, at, precision, scale);
    };
    let is_held = TENS
        .get(usize::from(precision))
        .is_none_or(|end| digits < *end);
    is_held.then_some((if is_negative { -digits } else { digits }, end))
}

#[inline(never)]
fn longer_decimal_at(bytes: &[u8], at: usize, precision: u8, scale: u8) -> Option<(i64, usize)> {
    let (start, end, after) = number_at(bytes, at)?;
    Some((decimal(bytes, start, end, precision, scale)?, after))
}

/// The double at `at`, and where its value ends.
#[inline(always)]
pub(crate) fn double_at(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let Some(plain) = plain_at(bytes, at).filter(|plain| plain.digits < EXACT) else {
        return longer_double_at(bytes, at);
    };
    let number = plain.digits as f64 / UNITS[plain.fraction % UNITS.len()];
    Some((if plain.is_negative { -number } else { number }, plain.end))
}

#[inline(never)]
fn longer_double_at(bytes: &[u8], at: usize) -> Option<(f64, usize)> {
    let (start, end, after) = number_at(bytes, at)?;
    Some((double(bytes, start, end)?, after))
}

/// A number without exponent.
struct Plain {
    /// Its digits, a point left out.
    digits: i64,
    /// How many of them stand behind the point.
    fraction: usize,
    is_negative: bool,
    /// Where its value ends.
    end: usize,
}

/// A number at `at`, in quotes or without, of one to eight digits, and as many behind a point if it has one.
#[inline(always)]
fn plain_at(bytes: &[u8], at: usize) -> Option<Plain> {
    let quote = usize::from(bytes.get(at) == Some(&b'"'));
    let is_negative = bytes.get(at + quote) == Some(&b'-');
    let start = at + quote + usize::from(is_negative);
    let (length, mut digits) = some_digits(bytes, start)?;
    let mut end = start + length;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        let (length, behind) = some_digits(bytes, end + 1)?;
        digits = digits * TENS[length % TENS.len()] + behind;
        fraction = length;
        end += 1 + length;
    }
    let is_padded = bytes[start] == b'0' && length > 1;
    let ends = match bytes.get(end)? {
        b'"' => quote == 1,
        b',' | b'}' | b']' => quote == 0,
        _ => false,
    };
    (ends && !is_padded).then_some(Plain {
        digits,
        fraction,
        is_negative,
        end: end + quote,
    })
}

/// How many digits begin there, if one to eight do, and the number they make.
#[inline(always)]
fn some_digits(bytes: &[u8], at: usize) -> Option<(usize, i64)> {
    let digits = u64::from_le_bytes(*chunk(bytes, at)?) ^ ZEROS;
    // A byte that is no digit can only disturb those behind it.
    let foreign = (digits | digits.wrapping_add(SIX)) & HIGH;
    let length = foreign.trailing_zeros() as usize / 8;
    (length > 0).then(|| (length, joined(digits << (64 - 8 * length))))
}

/// A whole number of at most 16 digits without leading zeros.
#[inline(always)]
fn whole(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    let is_negative = bytes[start] == b'-';
    let start = start + usize::from(is_negative);
    let number = digits(bytes, start, end)?;
    let is_padded = bytes[start] == b'0' && end - start > 1;
    (!is_padded).then_some(if is_negative { -number } else { number })
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
const SIX: u64 = 0x0606_0606_0606_0606;

/// At most 16 digits, eight at a time. They are loaded backwards from their end; what stands before them is
/// blotted out.
#[inline(always)]
fn digits(bytes: &[u8], start: usize, end: usize) -> Option<i64> {
    let low = bytes[..end].last_chunk::<8>()?;
    match end - start {
        0 => None,
        length @ 1..=8 => eight(*low, length),
        length @ 9..=16 => {
            let high = bytes[..end - 8].last_chunk::<8>()?;
            Some(eight(*high, length - 8)? * 100_000_000 + eight(*low, 8)?)
        }
        _ => None,
    }
}

/// The number of the last digits of eight.
#[inline(always)]
fn eight(bytes: [u8; 8], length: usize) -> Option<i64> {
    let foreign = (1u64 << (64 - 8 * length as u32)).wrapping_sub(1);
    let foreign = if length == 8 { 0 } else { foreign };
    let digits = (u64::from_le_bytes(bytes) ^ ZEROS) & !foreign;
    if (digits | digits.wrapping_add(SIX)) & HIGH != 0 {
        return None;
    }
    Some(joined(digits))
}

/// The number that eight digits make, a byte each.
#[inline(always)]
fn joined(digits: u64) -> i64 {
    // Neighbours are joined: to pairs, to fours, to eight.
    let pairs = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    (fours.wrapping_mul(10_000 << 32 | 1) >> 32) as i64
}

/// Ten to the powers that an `i64` holds.
pub(crate) const TENS: [i64; 19] = {
    let mut tens = [1; 19];
    let mut power = 1;
    while power < tens.len() {
        tens[power] = tens[power - 1] * 10;
        power += 1;
    }
    tens
};

/// A number with exactly `scale` digits behind its point, times ten to the power of `scale`; below ten to the
/// power of `precision`.
#[inline(always)]
fn decimal(bytes: &[u8], start: usize, end: usize, precision: u8, scale: u8) -> Option<i64> {
    let is_negative = bytes[start] == b'-';
    let start = start + usize::from(is_negative);
    let point = end.checked_sub(usize::from(scale) + 1)?;
    if scale == 0 || point <= start || bytes[point] != b'.' {
        return None;
    }
    let whole = digits(bytes, start, point)?;
    let fraction = digits(bytes, point + 1, end)?;
    if bytes[start] == b'0' && point - start > 1 {
        return None;
    }
    let unit = *TENS.get(usize::from(scale))?;
    let number = whole.checked_mul(unit)?.checked_add(fraction)?;
    let is_held = TENS
        .get(usize::from(precision))
        .is_none_or(|end| number < *end);
    is_held.then_some(if is_negative { -number } else { number })
}

/// Powers of ten that a double holds exactly, and what all whole numbers below are held exactly.
const UNITS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
const EXACT: i64 = 1_000_000_000_000_000;

/// A double of at most 15 digits without exponent: its digits and a power of ten, both held exactly by a double,
/// have an exactly rounded quotient (Clinger, "How to read floating point numbers accurately", 1990).
#[inline(always)]
fn double(bytes: &[u8], start: usize, end: usize) -> Option<f64> {
    let is_negative = bytes[start] == b'-';
    let start = start + usize::from(is_negative);
    if end - start > 16 {
        return None;
    }
    let points = Lanes::at(bytes, start)?.are(b'.') & !(!0 << (end - start));
    let mut number;
    let mut fraction = 0;
    let mut point = end;
    if points == 0 {
        number = digits(bytes, start, end)?;
    } else {
        point = start + points.trailing_zeros() as usize;
        fraction = end - point - 1;
        number = digits(bytes, start, point)? * TENS.get(fraction)?;
        number += digits(bytes, point + 1, end)?;
    }
    let is_padded = bytes[start] == b'0' && point - start > 1;
    if is_padded || number >= EXACT {
        return None;
    }
    let number = number as f64 / UNITS.get(fraction)?;
    Some(if is_negative { -number } else { number })
}

/// `"2024-03-26"` as days since 1970, and where it ends.
#[inline(always)]
pub(crate) fn date_at(bytes: &[u8], at: usize) -> Option<(i32, usize)> {
    let text: &[u8; 12] = chunk(bytes, at)?;
    if text[0] != b'"' || text[11] != b'"' {
        return None;
    }
    let mut padded = *b"0000-00-00T00:00";
    padded[..10].copy_from_slice(&text[1..11]);
    Some((minute(&padded)?.0, at + 12))
}

/// The days since 1970 and the minutes since midnight of `2024-03-26T09:30`.
#[inline(always)]
fn minute(text: &[u8; 16]) -> Option<(i32, i64)> {
    const ZEROS: &[u8; 16] = b"0000-00-00T00:00";
    const LIMITS: &[u8; 16] = &[9, 9, 9, 9, 0, 1, 9, 0, 3, 9, 0, 2, 9, 0, 5, 9];
    let (digits, within) = Lanes::of(text).above(ZEROS, LIMITS);
    if within != 0xffff {
        return None;
    }
    let [date, rest] = digits.map(pairs);
    let year = byte(date, 0) * 100 + byte(date, 2);
    let day = days(year as i32, byte(date, 5) as u8, byte(rest, 0) as u8)?;
    let hour = byte(rest, 3);
    (hour < 24).then(|| (day, hour * 60 + byte(rest, 6)))
}

/// Each digit, a byte each, made a number of two with the one behind it.
#[inline(always)]
fn pairs(digits: u64) -> u64 {
    // What is no digit can only disturb its own number, the one before and those behind.
    digits.wrapping_mul(10).wrapping_add(digits >> 8)
}

#[inline(always)]
fn byte(bytes: u64, place: u32) -> i64 {
    (bytes >> (8 * place) & 0xff) as i64
}

/// A local time in microseconds since 1970, and its offset in seconds if it has one.
pub(crate) type Moment = (i64, Option<i32>);

/// `"2024-03-26T09:30:00.123+01:00"`, the fraction of three digits and the zone optional; and where it ends.
#[inline(always)]
pub(crate) fn moment_at(bytes: &[u8], at: usize) -> Option<(Moment, usize)> {
    const FLOOR: &[u8; 16] = b":00.000+00:00\"\0\0";
    const LIMITS: &[u8; 16] = &[0, 5, 9, 0, 9, 9, 9, 2, 2, 9, 0, 5, 9, 0, 255, 255];
    let text: &[u8; 33] = chunk(bytes, at)?;
    if text[0] != b'"' {
        return None;
    }
    let (day, minute) = minute(text[1..].first_chunk()?)?;
    let tail: &[u8; 16] = text[17..].first_chunk()?;
    let (digits, within) = Lanes::of(tail).above(FLOOR, LIMITS);
    let [clock, zone] = digits.map(pairs);
    let millis = byte(clock, 4) * 10 + byte(digits[0], 6);
    let (sign, hours) = (byte(digits[0], 7), byte(zone, 0));
    let (millis, offset, length) = if within & 0x7f == 0x7f && tail[7..9] == *b"Z\"" {
        (millis, Some(0), 26)
    } else if within == 0xffff && sign != 1 && hours < 24 {
        let offset = (hours * 3600 + byte(zone, 3) * 60) as i32;
        let offset = if sign == 2 { -offset } else { offset };
        (millis, Some(offset), 31)
    } else if within & 7 == 7 && tail[3..5] == *b"Z\"" {
        (0, Some(0), 22)
    } else if within & 7 == 7 && tail[3] == b'"' {
        (0, None, 21)
    } else {
        return None;
    };
    let seconds = minute * 60 + byte(clock, 1);
    let micros = i64::from(day) * MICROS_A_DAY + seconds * MICROS_A_SECOND + millis * 1000;
    Some(((micros, offset), at + length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::number;

    /// Values stand somewhere in a page.
    fn in_page(text: &str) -> (Vec<u8>, usize, usize) {
        let after = "9".repeat(64);
        let page = format!(r#"{{"a":1234567890123,"b":{text},"c":"{after}"}}"#);
        (page.into_bytes(), 23, 23 + text.len())
    }

    #[test]
    fn what_stands_around_a_value_does_not_matter() {
        for text in [
            "7",
            "-12345678",
            "12345678",
            "123456789",
            "1234567890123456",
            "0",
        ] {
            for quote in ["", "\""] {
                let (page, start, end) = in_page(&format!("{quote}{text}{quote}"));
                let number: i64 = text.parse().expect("a number");
                assert_eq!(whole_at(&page, start), Some((number, end)), "{text}");
            }
        }
        for text in [
            "01",
            "-",
            "1.",
            "1e3",
            "12345678901234567",
            "/1",
            "\"1",
            "\"\"",
            "\"1 \"",
        ] {
            let (page, start, _) = in_page(text);
            assert_eq!(whole_at(&page, start), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_usual_way_agrees_with_the_other(text in "-?[0-9]{0,18}(\\.[0-9]{0,4})?[-e/:]?") {
            let (page, start, end) = in_page(&text);
            // What is no part of a number ends it, and is found out by whoever reads on.
            let number = text.trim_end_matches(':');
            let end = end - (text.len() - number.len());
            if let Some((found, behind)) = whole_at(&page, start) {
                prop_assert_eq!((number::whole(number, false), behind), (Ok(found), end));
            }
            for scale in [0, 2, 4] {
                if let Some((found, behind)) = decimal_at(&page, start, 12, scale) {
                    let other = number::decimal(number, 12, scale, false);
                    prop_assert_eq!((other, behind), (Ok(i128::from(found)), end));
                }
            }
            if let Some((found, behind)) = double_at(&page, start) {
                let other = number::double(number, false).expect("a double");
                prop_assert_eq!((found.to_bits(), behind), (other.to_bits(), end));
            }
        }

        #[test]
        fn usual_moments_agree_with_the_other_way(
            text in "(20[012][0-9]|[0-9]{4})-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9])?(\\.[0-9]{2,4})?(Z|[+-][0-2][0-9]:[0-6][0-9])?",
        ) {
            let (page, start, end) = in_page(&format!("\"{text}\""));
            if let Some((found, behind)) = moment_at(&page, start) {
                prop_assert_eq!(behind, end);
                prop_assert_eq!(crate::time::iso_parts(&text), Some(found));
            }
            let date = &text[..10];
            let (page, start, end) = in_page(&format!("\"{date}\""));
            if let Some((found, behind)) = date_at(&page, start) {
                prop_assert_eq!(behind, end);
                prop_assert_eq!(crate::time::iso_date(date.as_bytes()), Some(found));
            }
        }

        #[test]
        fn a_text_is_copied_up_to_its_quote(before in "[a-z]{0,9}", text in "[a-zé\\\\\t]{0,80}") {
            let (page, start, _) = in_page(&format!("\"{text}\""));
            let mut copied = before.clone().into_bytes();
            match copy(&mut copied, &page, start) {
                Some(end) => {
                    prop_assert_eq!(end, start + text.len() + 2);
                    prop_assert_eq!(copied, format!("{before}{text}").into_bytes());
                }
                None => {
                    prop_assert_eq!(copied, before.into_bytes());
                    prop_assert!(text.contains(['\\', '\t']), "{}", text);
                }
            }
        }
    }
}
