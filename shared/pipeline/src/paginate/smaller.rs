//! Smaller pages where a source says that a page was too much for it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::outcome::Statuses;
use crate::problem::Located;

/// Smaller pages where a source says that a page was too much for it
///
/// `{ on: [413, 504], at_least: 10 }`: an answer with one of these statuses is asked for again with half the
/// records a page, and all pages after it too.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smaller {
    /// The statuses that mean it.
    pub on: Vec<Located<Statuses>>,
    /// The fewest records a page that are asked for.
    #[serde(default = "one")]
    pub at_least: u64,
}

fn one() -> u64 {
    1
}

impl Smaller {
    /// Half of `size` or, where `aligned`, its largest divisor that is no more than half of it: pages counted
    /// by number begin where they did only if the size divides the old one.
    pub(super) fn than(&self, size: u64, aligned: bool) -> Option<u64> {
        let smaller = match aligned {
            true => size / smallest_factor(size)?,
            false => size / 2,
        };
        (smaller >= self.at_least.max(1)).then_some(smaller)
    }
}

fn smallest_factor(size: u64) -> Option<u64> {
    let small = (2..=1000).find(|factor| size.is_multiple_of(*factor));
    small.or_else(|| (size > 1).then_some(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_shrink_to_the_least() {
        let shrink = |at_least, aligned, mut size| {
            let smaller = Smaller {
                on: Vec::new(),
                at_least,
            };
            let mut sizes = vec![size];
            while let Some(next) = smaller.than(size, aligned) {
                size = next;
                sizes.push(size);
            }
            sizes
        };
        assert_eq!(shrink(1, false, 25), [25, 12, 6, 3, 1]);
        assert_eq!(shrink(1, true, 50), [50, 25, 5, 1]);
        assert_eq!(shrink(10, true, 500), [500, 250, 125, 25]);
        assert_eq!(shrink(2, true, 7), [7]);
        assert_eq!(shrink(1, true, 1_000_000_007), [1_000_000_007, 1]);
    }
}
