//! Lots drawn from a seed, so that a test that failed can be run again with the same ones.

/// A stream of lots: SplitMix64.
pub struct Lots(u64);

impl Lots {
    /// The stream of a seed.
    pub fn of(seed: u64) -> Self {
        Lots(seed)
    }

    /// A whole number of 64 bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let number = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// From 0 to 1.
    pub fn share(&mut self) -> f64 {
        (self.draw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of these.
    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[(self.draw() % of.len() as u64) as usize]
    }
}
