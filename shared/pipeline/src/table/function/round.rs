//! `round` — a decimal number rounded by its digits, never through a double.

/// Beyond this exponent nothing that anyone measures is left, and digits would fill the memory.
const LARGEST_EXPONENT: i64 = 400;

pub(super) fn round(digits: u8, text: &str) -> Result<String, String> {
    rounded(usize::from(digits), text).ok_or_else(|| format!("`{text}` is not a number"))
}

fn rounded(keep: usize, text: &str) -> Option<String> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = plain_digits(unsigned)?;
    let keep = keep.min(fraction.len());
    let up = fraction
        .as_bytes()
        .get(keep)
        .is_some_and(|digit| *digit >= b'5');
    let mut kept = format!("{whole}{}", &fraction[..keep]).into_bytes();
    if up {
        increment(&mut kept);
    }
    let point = kept.len() - keep;
    let kept = String::from_utf8(kept).ok()?;
    let (whole, fraction) = kept.split_at(point);
    let sign = if negative && kept.bytes().any(|digit| digit != b'0') {
        "-"
    } else {
        ""
    };
    Some(match fraction {
        "" => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    })
}

/// The digits before and after the point, the exponent worked in.
fn plain_digits(text: &str) -> Option<(String, String)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = !whole.is_empty() && all_digits(whole) && all_digits(fraction);
    if !is_number || exponent.abs() > LARGEST_EXPONENT {
        return None;
    }
    let mut digits = format!("{whole}{fraction}");
    let mut point = whole.len() as i64 + exponent;
    if point < 1 {
        digits.insert_str(0, &"0".repeat((1 - point) as usize));
        point = 1;
    }
    let missing = (point as usize).saturating_sub(digits.len());
    digits.push_str(&"0".repeat(missing));
    let fraction = digits.split_off(point as usize);
    Some((digits, fraction))
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit != b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_away_from_zero() {
        for (keep, text, expected) in [
            (1, "47.25", Some("47.3")),
            (1, "-47.25", Some("-47.3")),
            (1, "47.24999999999999999999", Some("47.2")),
            (0, "0.5", Some("1")),
            (0, "-0.4", Some("0")),
            (2, "9.999", Some("10.00")),
            (2, "1", Some("1")),
            (1, "1.25e1", Some("12.5")),
            (1, "12.55e0", Some("12.6")),
            (0, "1.5e-1", Some("0")),
            (0, "99999999999999999999.5", Some("100000000000000000000")),
            (0, "1e999999999", None),
            (0, "", None),
            (0, "1.2.3", None),
            (0, "inf", None),
        ] {
            assert_eq!(rounded(keep, text).as_deref(), expected, "{text}");
        }
    }
}
