//! Steps over JSON that no column wants: 64 bytes at a time, balancing quotes and brackets and nothing else.

use crate::lanes::{Lanes, chunk};

/// Why an object or list has no end, and about where that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Open {
    /// The bytes end before it does.
    EndsEarly(usize),
    /// More objects and lists stand in each other than are allowed.
    TooDeep(usize),
}

/// The end of the object or list that opens at `at`, in which no more than `most` stand in each other, give or take the
/// brackets of 64 bytes.
///
/// # Errors
/// Why it has none.
pub fn container(bytes: &[u8], at: usize, most: usize) -> Result<usize, Open> {
    let (mut at, mut depth) = (at + 1, 1usize);
    let mut in_text = 0u64;
    let mut escaped = 0u64;
    let mut last = [b' '; 64];
    loop {
        let block = match chunk(bytes, at) {
            Some(block) => block,
            None => {
                let rest = bytes.get(at..).unwrap_or_default();
                last[..rest.len()].copy_from_slice(rest);
                &last
            }
        };
        let mut brackets = Brackets::default();
        // Neither long lists of numbers nor long texts have a quote in most of their blocks.
        if escaped != 0 || Lanes::have_either(block, b'"', b'\\') {
            brackets = Brackets::of(block).without(inside(block, &mut in_text, &mut escaped));
        } else if in_text == 0 {
            brackets = Brackets::of(block);
        }
        match brackets.alternating() {
            Some(change) if depth > 1 => depth = depth.wrapping_add_signed(change),
            _ => {
                if let Some(end) = brackets.end(&mut depth) {
                    return Ok(at + end + 1);
                }
            }
        }
        if depth > most {
            return Err(Open::TooDeep(at));
        }
        at += 64;
        if at >= bytes.len() {
            return Err(Open::EndsEarly(bytes.len()));
        }
    }
}

/// The brackets of 64 bytes, one bit a byte.
#[derive(Debug, Default, Clone, Copy)]
struct Brackets {
    opens: u64,
    closes: u64,
}

impl Brackets {
    #[inline(always)]
    fn of(block: &[u8; 64]) -> Self {
        // `[` and `{`, `]` and `}` differ in the same bit as letters of two cases.
        Brackets {
            opens: bits(block, |lanes| lanes.are_in_either_case(b'{')),
            closes: bits(block, |lanes| lanes.are_in_either_case(b'}')),
        }
    }

    #[inline(always)]
    fn without(self, others: u64) -> Self {
        Brackets {
            opens: self.opens & !others,
            closes: self.closes & !others,
        }
    }

    /// Where opening and closing brackets take turns, as in a list of points: by how much more are open behind them,
    /// or fewer. Between them it is never less than one fewer.
    #[inline(always)]
    fn alternating(self) -> Option<isize> {
        let Brackets { opens, closes } = self;
        let all = opens | closes;
        // An opening bracket carries over the gap behind it into the bracket that comes next.
        let after_opens = (!all).wrapping_add(opens << 1) & all;
        let first_closes = closes & all.wrapping_neg() & all;
        (after_opens & opens == 0 && closes & !after_opens == first_closes)
            .then(|| isize::from(opens > closes) - isize::from(first_closes != 0))
    }

    /// Where the last of so many open ones ends, else how many are open behind all.
    fn end(self, depth: &mut usize) -> Option<usize> {
        if (self.closes.count_ones() as usize) < *depth {
            *depth += self.opens.count_ones() as usize;
            *depth -= self.closes.count_ones() as usize;
            return None;
        }
        let mut brackets = self.opens | self.closes;
        while brackets != 0 {
            let bit = brackets & brackets.wrapping_neg();
            if self.opens & bit != 0 {
                *depth += 1;
            } else {
                *depth -= 1;
                if *depth == 0 {
                    return Some(bit.trailing_zeros() as usize);
                }
            }
            brackets ^= bit;
        }
        None
    }
}

/// Which bytes stand in a text, its first quote included.
#[inline]
fn inside(block: &[u8; 64], in_text: &mut u64, escaped: &mut u64) -> u64 {
    let backslashes = bits(block, |lanes| lanes.are(b'\\'));
    let escapes = if backslashes | *escaped == 0 {
        0
    } else {
        escaped_bytes(backslashes, escaped)
    };
    let quotes = bits(block, |lanes| lanes.are(b'"'));
    let inside = prefix_xor(quotes & !escapes) ^ *in_text;
    *in_text = ((inside as i64) >> 63) as u64;
    inside
}

/// One bit a byte.
#[inline(always)]
fn bits(block: &[u8; 64], of: impl Fn(Lanes) -> u32) -> u64 {
    let (sixteens, _) = block.as_chunks::<16>();
    let bits = |index: usize| u64::from(of(Lanes::of(&sixteens[index]))) << (16 * index);
    bits(0) | bits(1) | bits(2) | bits(3)
}

/// Every bit becomes the parity of the bits up to it: 1 from an opening quote to before the closing one.
fn prefix_xor(mut mask: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        mask ^= mask << shift;
    }
    mask
}

/// The bytes that a backslash takes the meaning from; `carry` says whether the block before ended in one.
fn escaped_bytes(mut backslashes: u64, carry: &mut u64) -> u64 {
    let mut escaped = *carry;
    backslashes &= !*carry;
    *carry = 0;
    while backslashes != 0 {
        let bit = backslashes & backslashes.wrapping_neg();
        let next = bit << 1;
        if next == 0 {
            *carry = 1;
        }
        escaped |= next;
        backslashes &= !(bit | next);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, a byte at a time.
    fn slow(bytes: &[u8]) -> Option<usize> {
        let (mut depth, mut in_text, mut escaped) = (0, false, false);
        for (at, byte) in bytes.iter().enumerate() {
            let was_escaped = std::mem::take(&mut escaped);
            match byte {
                b'\\' if !was_escaped => escaped = true,
                b'"' if !was_escaped => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    #[test]
    fn a_container_ends_at_its_bracket() {
        for text in [
            "{}",
            "[[],{}] ",
            r#"{"a":"}\"\\"}x"#,
            r#"["\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\"]"#,
        ] {
            assert_eq!(
                container(text.as_bytes(), 0, 128).ok(),
                slow(text.as_bytes()),
                "{text}"
            );
        }
        assert!(container(b"[[]", 0, 128).is_err());
        assert!(container("[".repeat(1000).as_bytes(), 0, 128).is_err());
    }

    #[test]
    fn brackets_that_take_turns_are_counted() {
        let brackets = |text: &str| {
            let mut block = [b' '; 64];
            block[64 - text.len()..].copy_from_slice(text.as_bytes());
            Brackets::of(&block)
        };
        for (text, change) in [
            ("", Some(0)),
            ("[", Some(1)),
            ("]", Some(-1)),
            ("1],[2,3],[", Some(0)),
            ("[1],{}", Some(0)),
            ("[],[", Some(1)),
            ("],[]", Some(-1)),
            ("[[", None),
            ("[]]", None),
            ("]]", None),
            ("] [[", None),
        ] {
            assert_eq!(brackets(text).alternating(), change, "{text}");
        }
    }

    proptest! {
        #[test]
        fn blocks_agree_with_bytes(
            rest in r#"([\[\]{}"\\ab]{0,90}|(\[[0-9,]{0,9}\],?){0,20}|[0-9]{60,90}){0,6}"#,
        ) {
            let text = format!("[{rest}");
            if let Ok(end) = container(text.as_bytes(), 0, 128) {
                prop_assert_eq!(Some(end), slow(text.as_bytes()));
            } else {
                let end = slow(text.as_bytes());
                prop_assert!(end.is_none());
            }
        }
    }
}
