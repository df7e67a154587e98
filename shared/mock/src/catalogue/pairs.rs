//! What goes with what: the pair lists of gins, and the same pairs seen from the other side.

use crate::draw::{Deck, Draw};
use crate::product::{Kind, Product};

/// How the pairs of one kind are spread.
pub(super) struct Spread {
    /// Gins that have a pair.
    pub(super) gins: usize,
    /// Pairs in all.
    pub(super) pairs: usize,
    /// The most that one gin has.
    pub(super) most: usize,
}

/// Draws pairs: which gins have some, how many each, and with whom. The first partner is in exactly
/// `favourite` lists; the others are liked the less the further behind they stand. No list repeats itself.
pub(super) fn draw_pairs(
    gins: &[usize],
    partners: &[u32],
    favourite: usize,
    spread: &Spread,
    draw: &mut Draw,
) -> Vec<(usize, Vec<u32>)> {
    let Some((&first, others)) = partners.split_first() else {
        return Vec::new();
    };
    let mut lists: Vec<(usize, Vec<u32>)> = Vec::new();
    for (nth, at) in Deck::new(draw, gins)
        .deal(spread.gins)
        .into_iter()
        .enumerate()
    {
        lists.push((
            at,
            if nth < favourite {
                vec![first]
            } else {
                Vec::new()
            },
        ));
    }
    let most = spread.most.min(others.len());
    let mut pairs = favourite.min(lists.len());
    for (_, list) in lists
        .iter_mut()
        .filter(|(_, list)| list.is_empty() && most > 0)
    {
        add(list, others, draw);
        pairs += 1;
    }
    let mut open: Vec<usize> = (0..lists.len()).collect();
    while pairs < spread.pairs && !open.is_empty() {
        let at = draw.below(open.len());
        let list = &mut lists[open[at]].1;
        if list.len() >= most {
            open.swap_remove(at);
            continue;
        }
        add(list, others, draw);
        pairs += 1;
    }
    for (_, list) in &mut lists {
        draw.shuffle(list);
    }
    lists
}

fn add(list: &mut Vec<u32>, others: &[u32], draw: &mut Draw) {
    let mut at = draw.skewed(others.len());
    while list.contains(&others[at]) {
        at = (at + 1) % others.len();
    }
    list.push(others[at]);
}

/// Fills the lists of tonics and garnishes from those of gins, so that both sides tell the same pairs.
/// `products` are in the order of their ids.
pub(super) fn reverse(products: &mut [Product]) {
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    for gin in products.iter().filter(|product| product.kind == Kind::Gin) {
        pairs.extend(
            gin.perfect_tonics
                .iter()
                .chain(&gin.perfect_garnishes)
                .map(|&partner| (partner, gin.id)),
        );
    }
    for product in products.iter_mut() {
        product.perfect_gins.clear();
    }
    for (partner, gin) in pairs {
        if let Ok(at) = products.binary_search_by_key(&partner, |product| product.id) {
            products[at].perfect_gins.push(gin);
        }
    }
}
