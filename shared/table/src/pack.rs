//! How Parquet packs numbers: deltas of whole numbers, indexes in as few bits as they need, the bytes of doubles
//! sorted by their place. (Parquet "Encodings.md": DELTA_BINARY_PACKED, RLE, BYTE_STREAM_SPLIT.)

const BLOCK: usize = 128;
const MINIBLOCK: usize = 32;

/// Whole numbers as their differences. Numbers of 32 bits have differences of 32 bits, which may wrap around.
pub(crate) fn deltas(values: &[i64], is_32: bool, out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / MINIBLOCK) as u64, out);
    varint(values.len() as u64, out);
    let Some((first, rest)) = values.split_first() else {
        zigzag(0, out);
        return;
    };
    zigzag(*first, out);
    let mut before = *first;
    let mut block = [0; BLOCK];
    for values in rest.chunks(BLOCK) {
        for (delta, value) in block.iter_mut().zip(values) {
            *delta = value.wrapping_sub(before);
            if is_32 {
                *delta = i64::from(*delta as i32);
            }
            before = *value;
        }
        delta_block(&mut block[..values.len()], out);
    }
}

fn delta_block(deltas: &mut [i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or_default();
    zigzag(least, out);
    let widths = out.len();
    out.extend([0; BLOCK / MINIBLOCK]);
    for (number, deltas) in deltas.chunks(MINIBLOCK).enumerate() {
        // A last miniblock that is not full is filled up.
        let mut above = [0u64; MINIBLOCK];
        for (above, delta) in above.iter_mut().zip(deltas) {
            *above = delta.wrapping_sub(least) as u64;
        }
        let width = bits(above.iter().fold(0, |all, above| all | above));
        out[widths + number] = width as u8;
        pack(&above, width, out);
    }
}

/// How many bits a number needs.
pub(crate) fn bits(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Numbers in so many bits each, the lowest bits first, filled up to whole bytes.
fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    let mut word = 0u128;
    let mut filled = 0;
    for value in values {
        word |= u128::from(*value) << filled;
        filled += width;
        if filled >= 64 {
            out.extend((word as u64).to_le_bytes());
            word >>= 64;
            filled -= 64;
        }
    }
    let rest = (word as u64).to_le_bytes();
    out.extend(&rest[..filled.div_ceil(8) as usize]);
}

/// Indexes into a dictionary of `entries`: their width, then one run of them.
pub(crate) fn indexes(indexes: &[u32], entries: usize, out: &mut Vec<u8>) {
    let width = bits((entries as u64).saturating_sub(1)).max(1);
    out.push(width as u8);
    varint((indexes.len().div_ceil(8) as u64) << 1 | 1, out);
    // Groups of eight fill whole bytes.
    for group in indexes.chunks(8) {
        let mut eight = [0u64; 8];
        for (place, index) in eight.iter_mut().zip(group) {
            *place = u64::from(*index);
        }
        pack(&eight, width, out);
    }
}

/// The definition levels of values that may be null, with their length before them: a bit for each.
pub(crate) fn levels(
    valid: impl Iterator<Item = u64>,
    rows: usize,
    nulls: usize,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend([0; 4]);
    if nulls == 0 {
        varint((rows as u64) << 1, out);
        out.push(1);
    } else {
        varint((rows.div_ceil(8) as u64) << 1 | 1, out);
        let bytes = out.len() + rows.div_ceil(8);
        valid.for_each(|word| out.extend(word.to_le_bytes()));
        out.truncate(bytes);
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

/// Doubles: all their first bytes, then all their second bytes, and so on.
pub(crate) fn split_bytes(values: &[f64], out: &mut Vec<u8>) {
    for place in 0..8 {
        out.extend(values.iter().map(|value| value.to_le_bytes()[place]));
    }
}

pub(crate) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn zigzag(number: i64, out: &mut Vec<u8>) {
    varint((number << 1 ^ number >> 63) as u64, out);
}
