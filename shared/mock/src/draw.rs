//! Drawing lots: a seeded generator that gives the same numbers on every machine and in every release.
//!
//! SplitMix64 with whole numbers only. A crate's generator may change its stream with a new version;
//! this one may not, because the catalogue's bytes hang on it.

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads the bits of a number: SplitMix64's last stage.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// A stream of lots.
pub(crate) struct Draw(u64);

impl Draw {
    /// The stream of one aspect of the catalogue, so that a change of one leaves the others as they are.
    pub(crate) fn of(seed: u64, aspect: &str) -> Draw {
        let label = aspect.bytes().fold(seed, |sum, byte| {
            mix(sum.wrapping_add(STEP) ^ u64::from(byte))
        });
        Draw(label)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number from 0 to `end - 1`; 0 when there is nothing to choose from.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// A number from `first` to `last`, both included.
    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last - first + 1)
    }

    /// A number from 0 to `end - 1`, small ones far more often: what is popular is very popular.
    pub(crate) fn skewed(&mut self, end: usize) -> usize {
        let (one, other) = (self.below(end), self.below(end));
        one * other / end.max(1)
    }

    /// Whether a lot of `percent` in a hundred was drawn.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for last in (1..things.len()).rev() {
            things.swap(last, self.below(last + 1));
        }
    }
}

/// A shuffled pack of positions, dealt so that no position is dealt twice.
pub(crate) struct Deck(Vec<usize>);

impl Deck {
    pub(crate) fn new(draw: &mut Draw, positions: &[usize]) -> Deck {
        let mut positions = positions.to_vec();
        draw.shuffle(&mut positions);
        Deck(positions)
    }

    /// Deals as many as asked for, or what is left.
    pub(crate) fn deal(&mut self, count: usize) -> Vec<usize> {
        self.0.split_off(self.0.len().saturating_sub(count))
    }

    pub(crate) fn rest(self) -> Vec<usize> {
        self.0
    }
}

/// Shares `total` out by weight in whole numbers that add up to it (largest remainder).
pub(crate) fn share(total: usize, weights: &[usize]) -> Vec<usize> {
    let sum = weights.iter().sum::<usize>().max(1);
    let mut shares: Vec<usize> = weights.iter().map(|weight| weight * total / sum).collect();
    let mut by_remainder: Vec<usize> = (0..weights.len()).collect();
    by_remainder.sort_by_key(|&at| (std::cmp::Reverse(weights[at] * total % sum), at));
    let short = total - shares.iter().sum::<usize>();
    for &at in by_remainder.iter().take(short) {
        shares[at] += 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64_s() {
        // The reference implementation's first three numbers for the seed 1234567.
        let mut draw = Draw(1_234_567);
        let drawn = [draw.next(), draw.next(), draw.next()];
        assert_eq!(
            drawn,
            [
                6457827717110365317,
                3203168211198807973,
                9817491932198370423
            ]
        );
    }

    #[test]
    fn shares_add_up_to_the_total() {
        for (total, weights, expected) in [
            (10, vec![1, 1, 1], vec![4, 3, 3]),
            (7, vec![5, 2], vec![5, 2]),
            (1, vec![1, 9], vec![0, 1]),
            (0, vec![3, 4], vec![0, 0]),
        ] {
            assert_eq!(share(total, &weights), expected, "{total} by {weights:?}");
        }
    }

    #[test]
    fn a_deck_deals_nothing_twice() {
        let mut deck = Deck::new(&mut Draw::of(1, "deck"), &[0, 1, 2, 3, 4]);
        let mut dealt = deck.deal(2);
        dealt.extend(deck.deal(2));
        dealt.extend(deck.deal(9));
        dealt.sort_unstable();
        assert_eq!(dealt, [0, 1, 2, 3, 4]);
    }
}
