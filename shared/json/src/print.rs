//! A fingerprint of bytes: enough to tell apart what nobody wants to be taken for one another.

const SEEDS: [u64; 4] = [
    0x9e37_79b9_7f4a_7c15,
    0xbf58_476d_1ce4_e5b9,
    0x94d0_49bb_1331_11eb,
    0xa076_1d64_78bd_642f,
];

/// A number of 64 bits for the bytes, the same everywhere. Others may be made to have the same: it guards against
/// chance, not against intent.
#[must_use]
pub fn fingerprint(bytes: &[u8]) -> u64 {
    let mut lanes = SEEDS;
    let (blocks, rest) = bytes.as_chunks::<64>();
    for block in blocks {
        take(&mut lanes, block);
    }
    let mut last = [0; 64];
    last[..rest.len()].copy_from_slice(rest);
    take(&mut lanes, &last);
    let [a, b, c, d] = lanes;
    fold(fold(a ^ bytes.len() as u64, b ^ SEEDS[1]) ^ c, d ^ SEEDS[2])
}

#[inline(always)]
fn take(lanes: &mut [u64; 4], block: &[u8; 64]) {
    let (words, _) = block.as_chunks::<8>();
    for (number, lane) in lanes.iter_mut().enumerate() {
        let one = u64::from_le_bytes(words[2 * number]);
        let other = u64::from_le_bytes(words[2 * number + 1]);
        *lane =
            fold(*lane ^ one, other ^ SEEDS[(number + 1) % 4]).wrapping_add(lane.rotate_left(23));
    }
}

#[inline(always)]
fn fold(number: u64, by: u64) -> u64 {
    let product = u128::from(number) * u128::from(by);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_bit_and_the_length_count() {
        let mut bytes = vec![0u8; 200];
        let mut seen = HashSet::from([fingerprint(&bytes)]);
        for bit in 0..8 * bytes.len() {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(fingerprint(&bytes)), "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for length in 0..bytes.len() {
            assert!(seen.insert(fingerprint(&bytes[..length])), "{length} bytes");
        }
    }

    #[test]
    fn it_is_the_same_everywhere() {
        assert_eq!(fingerprint(b"[1, 2, 3]"), fingerprint(&b"x[1, 2, 3]"[1..]));
    }
}
