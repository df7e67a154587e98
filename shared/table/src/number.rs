//! Numbers from their characters, exactly or not at all.

/// Whether the characters are a number of JSON; text may also have leading zeros.
pub(crate) fn is_number(text: &str, leading_zeros: bool) -> bool {
    let bytes = text.as_bytes();
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let whole = digits(unsigned);
    if whole == 0 || (whole > 1 && unsigned[0] == b'0' && !leading_zeros) {
        return false;
    }
    let mut rest = &unsigned[whole..];
    if let Some(after) = rest.strip_prefix(b".") {
        let fraction = digits(after);
        if fraction == 0 {
            return false;
        }
        rest = &after[fraction..];
    }
    if let [b'e' | b'E', after @ ..] = rest {
        let after = match after {
            [b'+' | b'-', after @ ..] => after,
            _ => after,
        };
        let exponent = digits(after);
        return exponent > 0 && exponent == after.len();
    }
    rest.is_empty()
}

fn digits(bytes: &[u8]) -> usize {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    bytes.iter().take_while(is_digit).count()
}

/// Why characters are not the number that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoNumber {
    /// Not written as one.
    Malformed,
    /// Not held by the type unaltered.
    Beyond,
}

/// A whole number, written without point and exponent.
#[inline]
pub(crate) fn whole(text: &str, leading_zeros: bool) -> Result<i64, NoNumber> {
    let bytes = text.as_bytes();
    let (negative, unsigned) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    if unsigned.len() > 18 {
        return long_whole(text, leading_zeros);
    }
    let mut number = 0i64;
    for byte in unsigned {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NoNumber::Malformed);
        }
        number = number * 10 + i64::from(digit);
    }
    let padded = unsigned.len() > 1 && unsigned[0] == b'0' && !leading_zeros;
    if unsigned.is_empty() || padded {
        return Err(NoNumber::Malformed);
    }
    Ok(if negative { -number } else { number })
}

#[cold]
fn long_whole(text: &str, leading_zeros: bool) -> Result<i64, NoNumber> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let all_digits = unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits || !is_number(text, leading_zeros) {
        return Err(NoNumber::Malformed);
    }
    text.parse().map_err(|_| NoNumber::Beyond)
}

/// The nearest double.
pub(crate) fn double(text: &str, leading_zeros: bool) -> Result<f64, NoNumber> {
    if !is_number(text, leading_zeros) {
        return Err(NoNumber::Malformed);
    }
    let number: f64 = fast_float2::parse(text).map_err(|_| NoNumber::Malformed)?;
    let is_zero = || {
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        !mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
    };
    if number.is_infinite() || (number == 0.0 && !is_zero()) {
        return Err(NoNumber::Beyond);
    }
    Ok(number)
}

/// A decimal number times ten to the power of `scale`; digits past the scale must be zeros.
pub(crate) fn decimal(
    text: &str,
    precision: u8,
    scale: u8,
    leading_zeros: bool,
) -> Result<i128, NoNumber> {
    if text.len() <= 18
        && let Some(number) = short_decimal(text.as_bytes(), scale, leading_zeros)
    {
        return within(number, precision);
    }
    if !is_number(text, leading_zeros) {
        return Err(NoNumber::Malformed);
    }
    within(long_decimal(text, scale)?, precision)
}

fn within(number: i128, precision: u8) -> Result<i128, NoNumber> {
    if number.unsigned_abs() < 10u128.pow(u32::from(precision)) {
        return Ok(number);
    }
    Err(NoNumber::Beyond)
}

/// The common layout: at most 17 digits, no exponent, not more digits after the point than the scale.
fn short_decimal(bytes: &[u8], scale: u8, leading_zeros: bool) -> Option<i128> {
    let (negative, unsigned) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    let mut number = 0i64;
    let mut point = None;
    for (index, byte) in unsigned.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            number = number * 10 + i64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(index);
        } else {
            return None;
        }
    }
    let whole = point.unwrap_or(unsigned.len());
    let fraction = point.map_or(0, |point| unsigned.len() - point - 1);
    let bare_point = point.is_some() && fraction == 0;
    let padded = whole > 1 && unsigned[0] == b'0' && !leading_zeros;
    if whole == 0 || bare_point || padded || fraction > usize::from(scale) {
        return None;
    }
    let missing = u32::from(scale) - fraction as u32;
    let number = i128::from(number).checked_mul(10i128.checked_pow(missing)?)?;
    Some(if negative { -number } else { number })
}

fn long_decimal(text: &str, scale: u8) -> Result<i128, NoNumber> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()),
        None => (unsigned, Some(0)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0);
    }
    let trailing = digits.len() - digits.trim_end_matches('0').len();
    let Some(exponent) = exponent.filter(|exponent| exponent.abs() < 1_000_000) else {
        return Err(NoNumber::Beyond);
    };
    // The number is `significant` times ten to the power of this.
    let power = exponent - fraction.len() as i64 + trailing as i64 + i64::from(scale);
    if power < 0 || power + significant.len() as i64 > 38 {
        return Err(NoNumber::Beyond);
    }
    let number: i128 = significant.parse().map_err(|_| NoNumber::Beyond)?;
    let number = number * 10i128.pow(power as u32);
    Ok(if negative { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use NoNumber::{Beyond, Malformed};

    #[test]
    fn a_whole_number_is_exact_or_refused() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-12", Ok(-12)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(Beyond)),
            ("1000000000000000000000", Err(Beyond)),
            ("", Err(Malformed)),
            ("-", Err(Malformed)),
            ("01", Err(Malformed)),
            ("00000000000000000000001", Err(Malformed)),
            ("+1", Err(Malformed)),
            ("1.0", Err(Malformed)),
            ("1e3", Err(Malformed)),
            (" 1", Err(Malformed)),
            ("1١", Err(Malformed)),
        ] {
            assert_eq!(whole(text, false), expected, "{text}");
        }
        assert_eq!(whole("007", true), Ok(7));
    }

    #[test]
    fn a_double_is_finite_or_refused() {
        for (text, expected) in [
            ("57.20", Ok(57.2)),
            ("1e2", Ok(100.0)),
            ("1E+2", Ok(100.0)),
            ("-5", Ok(-5.0)),
            ("0e999999", Ok(0.0)),
            ("1e400", Err(Beyond)),
            ("1e-400", Err(Beyond)),
            ("inf", Err(Malformed)),
            ("NaN", Err(Malformed)),
            ("1.", Err(Malformed)),
            (".5", Err(Malformed)),
            ("0x10", Err(Malformed)),
            ("1e", Err(Malformed)),
            ("1_000", Err(Malformed)),
            ("", Err(Malformed)),
        ] {
            assert_eq!(double(text, false), expected, "{text}");
        }
        assert!(double("-0", false).expect("zero").is_sign_negative());
    }

    #[test]
    fn a_decimal_keeps_every_digit_or_is_refused() {
        for (text, precision, scale, expected) in [
            ("57.20", 4, 1, Ok(572)),
            ("57.25", 4, 1, Err(Beyond)),
            ("9.99", 3, 2, Ok(999)),
            ("10", 3, 2, Err(Beyond)),
            ("-1.5e1", 3, 1, Ok(-150)),
            ("1e-2", 3, 1, Err(Beyond)),
            ("1.50e1", 5, 2, Ok(1500)),
            ("0.000e-99999999999999999999", 3, 1, Ok(0)),
            ("1e99999999999999999999", 38, 0, Err(Beyond)),
            (
                "99999999999999999999999999999999999999",
                38,
                0,
                Ok(10i128.pow(38) - 1),
            ),
            (
                "100000000000000000000000000000000000000",
                38,
                0,
                Err(Beyond),
            ),
            ("0.00000000000000000000000000000000000001", 38, 38, Ok(1)),
            ("1", 38, 38, Err(Beyond)),
            ("", 3, 1, Err(Malformed)),
            ("1.", 3, 1, Err(Malformed)),
            (".1", 3, 1, Err(Malformed)),
            ("1.2.3", 3, 1, Err(Malformed)),
            ("01", 3, 1, Err(Malformed)),
            ("12,34", 4, 2, Err(Malformed)),
        ] {
            assert_eq!(decimal(text, precision, scale, false), expected, "{text}");
        }
    }
}
