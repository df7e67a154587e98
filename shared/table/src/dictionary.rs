//! Gives each different value a number, in the order in which they come.

use std::hash::{BuildHasher, RandomState};

/// So many values are looked at first, to see whether a dictionary is worth it.
const SAMPLE: usize = 1024;

/// A hash table from values to their numbers. Which slots are taken depends on a seed drawn by chance, so that no
/// page can be made to fill one; the numbers do not.
pub(crate) struct Dictionary {
    seed: u64,
    /// The upper half of a value's hash and its number plus one; zero is free.
    slots: Vec<u64>,
    /// For each number a row that has its value.
    pub firsts: Vec<u32>,
    /// For each value its number.
    pub indexes: Vec<u32>,
}

impl Dictionary {
    pub fn new() -> Self {
        Dictionary {
            seed: RandomState::new().hash_one(0),
            slots: Vec::new(),
            firsts: Vec::new(),
            indexes: Vec::new(),
        }
    }

    /// Numbers the values, if among the first ones, and among all, at most one in `share` is new.
    pub fn fill<'v, V: Key + ?Sized + 'v>(
        &mut self,
        rows: impl Iterator<Item = usize>,
        value: impl Fn(usize) -> &'v V,
        share: usize,
    ) -> bool {
        self.firsts.clear();
        self.indexes.clear();
        self.slots.clear();
        self.slots.resize(2048, 0);
        for row in rows {
            let known = self.firsts.len() * share;
            if known > self.indexes.len().max(SAMPLE) {
                return false;
            }
            if self.firsts.len() * 2 >= self.slots.len() {
                self.grow(&value);
            }
            let index = self.number(row, &value);
            self.indexes.push(index);
        }
        self.firsts.len() * share <= self.indexes.len()
    }

    #[inline]
    fn number<'v, V: Key + ?Sized + 'v>(
        &mut self,
        row: usize,
        value: &impl Fn(usize) -> &'v V,
    ) -> u32 {
        let mask = self.slots.len() - 1;
        let hash = value(row).hash(self.seed);
        let mark = hash >> 32;
        let mut place = hash as usize & mask;
        loop {
            let slot = self.slots[place];
            if slot == 0 {
                self.firsts.push(row as u32);
                self.slots[place] = mark << 32 | self.firsts.len() as u64;
                return self.firsts.len() as u32 - 1;
            }
            let number = slot as u32 - 1;
            if slot >> 32 == mark && value(self.firsts[number as usize] as usize) == value(row) {
                return number;
            }
            place = (place + 1) & mask;
        }
    }

    #[cold]
    fn grow<'v, V: Key + ?Sized + 'v>(&mut self, value: &impl Fn(usize) -> &'v V) {
        let length = self.slots.len() * 4;
        self.slots.clear();
        self.slots.resize(length, 0);
        for (number, row) in self.firsts.iter().enumerate() {
            let hash = value(*row as usize).hash(self.seed);
            let mut place = hash as usize & (length - 1);
            while self.slots[place] != 0 {
                place = (place + 1) & (length - 1);
            }
            self.slots[place] = hash >> 32 << 32 | (number as u64 + 1);
        }
    }
}

/// What can be numbered.
pub(crate) trait Key: PartialEq {
    fn hash(&self, seed: u64) -> u64;
}

impl Key for u64 {
    #[inline]
    fn hash(&self, seed: u64) -> u64 {
        fold(seed ^ self, 0x9e37_79b9_7f4a_7c15)
    }
}

impl Key for [u8] {
    #[inline]
    fn hash(&self, seed: u64) -> u64 {
        let mut hash = seed ^ self.len() as u64;
        let mut rest = self;
        while let Some((eight, after)) = rest.split_first_chunk::<8>() {
            if after.is_empty() {
                break;
            }
            hash = fold(hash ^ u64::from_le_bytes(*eight), 0xa076_1d64_78bd_642f);
            rest = after;
        }
        fold(hash ^ last(rest), 0xe703_7ed1_a0b4_28db)
    }
}

/// At most eight bytes as a number; those in the middle may count twice.
#[inline]
fn last(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    if let (Some(low), Some(high)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let (low, high) = (u32::from_le_bytes(*low), u32::from_le_bytes(*high));
        return u64::from(low) | u64::from(high) << 32;
    }
    match bytes {
        [] => 0,
        [first, .., last] => {
            u64::from(*first) | u64::from(bytes[bytes.len() / 2]) << 8 | u64::from(*last) << 16
        }
        [only] => u64::from(*only),
    }
}

#[inline]
fn fold(number: u64, by: u64) -> u64 {
    let product = u128::from(number) * u128::from(by);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered_as_they_come() {
        let texts: Vec<String> = (0..5000).map(|row| format!("{}", row * 7 % 300)).collect();
        let mut dictionary = Dictionary::new();
        assert!(dictionary.fill(0..texts.len(), |row| texts[row].as_bytes(), 2));
        assert_eq!(dictionary.firsts, (0..300).collect::<Vec<u32>>());
        for (row, index) in dictionary.indexes.iter().enumerate() {
            assert_eq!(*index, row as u32 % 300, "{row}");
        }
        let numbers: Vec<u64> = (0..5000).collect();
        assert!(!dictionary.fill(0..5000, |row| &numbers[row], 2));
    }
}
