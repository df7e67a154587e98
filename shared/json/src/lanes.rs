//! Sixteen bytes looked at at once: one bit a byte for what is asked of them.

use wide::u8x16;

/// Sixteen bytes.
#[derive(Debug, Clone, Copy)]
pub struct Lanes(u8x16);

impl Lanes {
    /// These sixteen bytes.
    #[inline(always)]
    #[must_use]
    pub fn of(bytes: &[u8; 16]) -> Self {
        Lanes(u8x16::new(*bytes))
    }

    /// The sixteen bytes from `at`, if there are so many.
    #[inline(always)]
    pub fn at(bytes: &[u8], at: usize) -> Option<Self> {
        Some(Lanes::of(chunk(bytes, at)?))
    }

    /// Where a byte stands.
    #[inline(always)]
    pub fn are(self, byte: u8) -> u32 {
        self.0.simd_eq(u8x16::splat(byte)).to_bitmask()
    }

    /// Whether one of two bytes stands anywhere among them.
    #[inline(always)]
    pub fn have_either(bytes: &[u8; 64], one: u8, other: u8) -> bool {
        let (one, other) = (u8x16::splat(one), u8x16::splat(other));
        let (sixteens, _) = bytes.as_chunks::<16>();
        let found = |index: usize| {
            let lanes = u8x16::new(sixteens[index]);
            lanes.simd_eq(one) | lanes.simd_eq(other)
        };
        (found(0) | found(1) | found(2) | found(3)).to_bitmask() != 0
    }

    /// The bytes less those of `floor`, eight in a number, the first one lowest; and which of them are no more than their
    /// limit above it.
    #[inline(always)]
    pub fn above(self, floor: &[u8; 16], limits: &[u8; 16]) -> ([u64; 2], u32) {
        let above = self.0 - u8x16::new(*floor);
        let is_within = above.min(u8x16::new(*limits)).simd_eq(above);
        let (eights, _) = above.as_array().as_chunks::<8>();
        let eights = [eights[0], eights[1]].map(u64::from_le_bytes);
        (eights, is_within.to_bitmask())
    }

    /// Where the bytes of two are the same.
    #[inline(always)]
    pub fn agree(self, other: Lanes) -> u32 {
        self.0.simd_eq(other.0).to_bitmask()
    }

    /// Where a byte stands, or the one that differs from it only in the bit that parts `a` from `A`.
    #[inline(always)]
    pub fn are_in_either_case(self, byte: u8) -> u32 {
        let lower = self.0 | u8x16::splat(0x20);
        lower.simd_eq(u8x16::splat(byte | 0x20)).to_bitmask()
    }

    /// Where a text cannot simply go on: quotes, backslashes, control characters.
    #[inline(always)]
    pub fn stop_text(self) -> u32 {
        // Without this bit a quote is the smallest byte above the control characters, and a space is above it.
        let turned = self.0 ^ u8x16::splat(0x02);
        let first = turned.min(u8x16::splat(b'"' ^ 0x02)).simd_eq(turned);
        (first | self.0.simd_eq(u8x16::splat(b'\\'))).to_bitmask()
    }

    /// The same of thirty-two bytes.
    #[inline(always)]
    pub fn stop_text_of(bytes: &[u8; 32]) -> u32 {
        let (sixteens, _) = bytes.as_chunks::<16>();
        Lanes::of(&sixteens[0]).stop_text() | Lanes::of(&sixteens[1]).stop_text() << 16
    }

    /// Where a number ends. A slash passes for a part of it here, and is found out when it is converted.
    #[inline(always)]
    pub fn stop_number(self) -> u32 {
        let from_minus = self.0 - u8x16::splat(b'-');
        let to_nine = u8x16::splat(b'9' - b'-');
        let parts = from_minus.min(to_nine).simd_eq(from_minus)
            | (self.0 | u8x16::splat(0x20)).simd_eq(u8x16::splat(b'e'))
            | self.0.simd_eq(u8x16::splat(b'+'));
        !parts.to_bitmask() & 0xffff
    }
}

/// So many bytes from `at`, if there are so many. Pages are smaller than 4 GiB, so no sum of places overflows; that
/// this is plain to the compiler saves it a comparison.
#[inline(always)]
pub fn chunk<const LENGTH: usize>(bytes: &[u8], at: usize) -> Option<&[u8; LENGTH]> {
    let at = at as u32 as usize;
    bytes.get(at..at + LENGTH)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_apart() {
        for byte in 0..=255u8 {
            let lanes = Lanes::of(&[byte; 16]);
            let all = |is: bool| if is { 0xffff } else { 0 };
            assert_eq!(lanes.are(b'"'), all(byte == b'"'));
            assert_eq!(
                lanes.are_in_either_case(b'{'),
                all(byte == b'{' || byte == b'[')
            );
            let stops = byte == b'"' || byte == b'\\' || byte < b' ';
            assert_eq!(lanes.stop_text(), all(stops), "{byte}");
            let mut block = [b' '; 64];
            block[usize::from(byte) % 64] = byte;
            let either = Lanes::have_either(&block, b'"', b'\\');
            assert_eq!(either, byte == b'"' || byte == b'\\');
            let part = byte.is_ascii_digit() || b"+-./eE".contains(&byte);
            assert_eq!(lanes.stop_number(), all(!part), "{byte}");
        }
    }
}
