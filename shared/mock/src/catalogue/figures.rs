//! The figures of products: strength and votes, in the many ways people type them.

use crate::draw::{Deck, Draw, share};
use crate::product::{Product, Rating};

/// Strengths that no cleaning can read, or that cannot be one.
const UNREADABLE: [Option<&str>; 9] = [
    None,
    Some("approx. 40"),
    Some("tbc"),
    None,
    Some("40-43"),
    Some("ABV 41"),
    Some(""),
    Some("-5"),
    Some("120 proof / 60%"),
];
const ALCOHOL_FREE: [&str; 3] = ["0.0%", "0", "0,0 %"];
const TWO_DECIMALS: [&str; 7] = [
    "47.11", "45.55", "50.05", "43,25%", "60.75 %", "57,15", "41.35",
];
const USUAL: [usize; 16] = [
    375, 400, 400, 400, 410, 413, 420, 425, 430, 435, 440, 450, 460, 470, 500, 570,
];

/// Gives every gin a strength.
pub(super) fn strengths(
    products: &mut [Product],
    gins: &[usize],
    quota: impl Fn(usize) -> usize,
    draw: &mut Draw,
) {
    let mut deck = Deck::new(draw, gins);
    for (nth, at) in deck.deal(quota(128)).into_iter().enumerate() {
        products[at].abv = UNREADABLE[nth % UNREADABLE.len()].map(str::to_owned);
    }
    for (nth, at) in deck.deal(quota(19)).into_iter().enumerate() {
        products[at].abv = Some(ALCOHOL_FREE[nth % ALCOHOL_FREE.len()].to_owned());
    }
    for (nth, at) in deck.deal(quota(14)).into_iter().enumerate() {
        products[at].abv = Some(TWO_DECIMALS[nth % TWO_DECIMALS.len()].to_owned());
    }
    for at in deck.deal(quota(2)) {
        products[at].abv = Some("95".to_owned());
    }
    for at in deck.deal(quota(60)) {
        products[at].abv = Some(two_strengths(draw));
    }
    for at in deck.rest() {
        products[at].abv = Some(one_strength(draw));
    }
}

fn two_strengths(draw: &mut Draw) -> String {
    let (first, second) = (usual(draw), usual(draw));
    match draw.below(3) {
        0 => format!("{},{} % / {}%", first / 10, first % 10, second / 10),
        1 => format!("{}/{}", first / 10, second / 10),
        _ => format!("{}.{} % / {} %", first / 10, first % 10, second / 10),
    }
}

fn one_strength(draw: &mut Draw) -> String {
    let tenths = usual(draw);
    let (whole, rest) = (tenths / 10, tenths % 10);
    match (rest, draw.below(20)) {
        (0, 0..=12) => whole.to_string(),
        (0, 13..=16) => format!("{whole}%"),
        (0, 17) => format!(" {whole} %"),
        (1.., 0..=11) => format!("{whole}.{rest}"),
        (1.., 12..=15) => format!("{whole},{rest}%"),
        (1.., 16) => format!("{whole},{rest} % "),
        _ => format!("{whole}.{rest} %"),
    }
}

fn usual(draw: &mut Draw) -> usize {
    match draw.percent(85) {
        true => USUAL[draw.below(USUAL.len())],
        false => draw.between(370, 650),
    }
}

/// First tenth, last tenth and how many, for ten classes of means from 6.0 to 10.0.
const MEANS: [(usize, usize, usize); 10] = [
    (60, 63, 170),
    (64, 67, 163),
    (68, 71, 181),
    (72, 75, 504),
    (76, 79, 565),
    (80, 83, 1305),
    (84, 87, 1883),
    (88, 91, 1725),
    (92, 95, 52),
    (96, 98, 5),
];
/// The very best, whatever the size of the catalogue.
const BEST: [usize; 3] = [100, 99, 99];
const MOST_VOTES: [u32; 5] = [9_204, 7_377, 7_065, 6_731, 4_602];

/// Rates these products: means by class, and votes, of which most have few and very few have thousands.
pub(super) fn ratings(products: &mut [Product], rated: &[usize], draw: &mut Draw) {
    let mut deck = Deck::new(draw, rated);
    for (tenths, at) in BEST.into_iter().zip(deck.deal(BEST.len())) {
        rate(&mut products[at], tenths, draw.between(1, 6));
    }
    let rest = deck.rest();
    let mut deck = Deck::new(draw, &rest);
    for (&(first, last, _), number) in MEANS
        .iter()
        .zip(share(rest.len(), &MEANS.map(|(_, _, number)| number)))
    {
        for at in deck.deal(number) {
            rate(&mut products[at], draw.between(first, last), votes(draw));
        }
    }
    for (count, at) in MOST_VOTES.into_iter().zip(rest) {
        if let Some(rating) = &mut products[at].rating {
            rating.count = count;
        }
    }
}

fn votes(draw: &mut Draw) -> usize {
    match draw.below(1_000) {
        0..675 => 1 + draw.skewed(20),
        675..902 => 21 + draw.skewed(80),
        902..985 => 101 + draw.skewed(900),
        _ => 1_001 + draw.skewed(3_400),
    }
}

fn rate(product: &mut Product, tenths: usize, count: usize) {
    product.rating = Some(Rating {
        average: format!("{}.{}", tenths / 10, tenths % 10),
        count: count as u32,
    });
}
