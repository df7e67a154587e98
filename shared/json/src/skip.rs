//! Steps over JSON that no column wants: 64 bytes at a time, balancing quotes and brackets and nothing else.

use crate::lanes::Lanes;

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
    let (mut at, mut depth) = (at + 1, 1);
    let mut in_text = 0u64;
    let mut escaped = 0u64;
    loop {
        let block = Block::at(bytes, at);
        let escapes = if block.backslashes | escaped == 0 {
            0
        } else {
            escaped_bytes(block.backslashes, &mut escaped)
        };
        let inside = prefix_xor(block.quotes & !escapes) ^ in_text;
        in_text = ((inside as i64) >> 63) as u64;
        let opens = block.opens & !inside;
        let closes = block.closes & !inside;
        if (closes.count_ones() as usize) < depth {
            depth = depth + opens.count_ones() as usize - closes.count_ones() as usize;
        } else if let Some(end) = close_in_block(opens, closes, &mut depth) {
            return Ok(at + end + 1);
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

fn close_in_block(opens: u64, closes: u64, depth: &mut usize) -> Option<usize> {
    let mut brackets = opens | closes;
    while brackets != 0 {
        let bit = brackets & brackets.wrapping_neg();
        if opens & bit != 0 {
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

/// One bit a byte for what matters in 64 bytes.
#[derive(Default)]
struct Block {
    quotes: u64,
    backslashes: u64,
    opens: u64,
    closes: u64,
}

impl Block {
    /// The block that starts at `at`, filled up with blanks past the end.
    fn at(bytes: &[u8], at: usize) -> Self {
        if let Some(block) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
            return Block::of(block);
        }
        let rest = bytes.get(at..).unwrap_or_default();
        let mut block = [b' '; 64];
        block[..rest.len()].copy_from_slice(rest);
        Block::of(&block)
    }

    fn of(bytes: &[u8; 64]) -> Self {
        let (sixteens, _) = bytes.as_chunks::<16>();
        let mut block = Block::default();
        for (index, sixteen) in sixteens.iter().enumerate() {
            let lanes = Lanes::of(sixteen);
            let place = 16 * index;
            block.quotes |= u64::from(lanes.are(b'"')) << place;
            block.backslashes |= u64::from(lanes.are(b'\\')) << place;
            // `[` and `{`, `]` and `}` differ in the same bit as letters of two cases.
            block.opens |= u64::from(lanes.are_in_either_case(b'{')) << place;
            block.closes |= u64::from(lanes.are_in_either_case(b'}')) << place;
        }
        block
    }
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

    proptest! {
        #[test]
        fn blocks_agree_with_bytes(rest in r#"[\[\]{}"\\ab]{0,300}"#) {
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
