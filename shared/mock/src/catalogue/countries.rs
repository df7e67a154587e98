//! Where products come from: the countries and how many producers each has, and the ways in which the
//! source misspells them.

use crate::draw::{Deck, Draw, share};
use crate::product::{Kind, Product};
use crate::words;

/// Clean name, gins, producers: of 7,524 gins that have a country.
const COUNTRIES: [(&str, usize, usize); 48] = [
    ("United Kingdom", 2398, 750),
    ("Germany", 964, 526),
    ("United States", 730, 424),
    ("Belgium", 547, 182),
    ("Spain", 489, 206),
    ("France", 318, 189),
    ("Italy", 292, 170),
    ("Netherlands", 236, 110),
    ("Australia", 224, 120),
    ("Switzerland", 188, 105),
    ("Ireland", 142, 68),
    ("Austria", 131, 70),
    ("Sweden", 118, 55),
    ("Denmark", 102, 48),
    ("South Africa", 94, 45),
    ("Canada", 88, 44),
    ("Japan", 76, 30),
    ("Portugal", 58, 30),
    ("Norway", 46, 22),
    ("Finland", 44, 20),
    ("Poland", 30, 14),
    ("India", 26, 11),
    ("New Zealand", 24, 12),
    ("Russian Federation", 22, 6),
    ("Luxembourg", 16, 7),
    ("Czechia", 14, 7),
    ("Hong Kong", 11, 4),
    ("Taiwan, Province of China", 9, 4),
    ("Greece", 6, 4),
    ("Romania", 6, 3),
    ("Singapore", 6, 3),
    ("Estonia", 5, 3),
    ("Hungary", 5, 3),
    ("Israel", 5, 2),
    ("Thailand", 5, 2),
    ("Viet Nam", 5, 2),
    ("Croatia", 4, 3),
    ("Slovenia", 4, 3),
    ("Argentina", 3, 2),
    ("Colombia", 3, 2),
    ("Isle of Man", 3, 1),
    ("Jersey", 3, 2),
    ("Mexico", 3, 2),
    ("Peru", 3, 2),
    ("Curaçao", 2, 1),
    ("Guernsey", 2, 1),
    ("Åland Islands", 2, 1),
    ("Virgin Islands, U.s.", 2, 1),
];
const COUNTED: usize = 7_524;

/// The source's own spelling, where it is not the clean one.
const SPELLINGS: [(&str, &str); 5] = [
    ("Viet Nam", "Vietnam"),
    ("Russian Federation", "Russia"),
    ("Taiwan, Province of China", "Taiwan"),
    ("Virgin Islands, U.s.", "U.S. Virgin Islands"),
    ("Hong Kong", "Hong Kong SAR China"),
];

/// The producer whose country the cleaning sets, whatever the source says.
pub(crate) const OVERRIDDEN_PRODUCER: &str = "Little Brown Dog Spirits";

/// What the source says when it does not know.
const UNKNOWN: [Option<&str>; 3] = [None, Some(""), Some("Unknown or Invalid Region")];

fn spelling(clean: &str) -> &str {
    SPELLINGS
        .iter()
        .find(|(name, _)| *name == clean)
        .map_or(clean, |(_, raw)| raw)
}

/// Leaves these products without a country, in each of the ways the source has.
pub(super) fn forget(products: &mut [Product], positions: &[usize]) {
    for (nth, &at) in positions.iter().enumerate() {
        products[at].country = UNKNOWN[nth % UNKNOWN.len()].map(str::to_owned);
        products[at].producer = Some(words::producer("nowhere", nth));
    }
}

/// Gives these products a country and a producer there.
pub(super) fn settle(products: &mut [Product], positions: &[usize], draw: &mut Draw) {
    let mut deck = Deck::new(draw, positions);
    for (&(country, _, producers), gins) in COUNTRIES.iter().zip(numbers(positions.len())) {
        let producers = (producers * positions.len() / COUNTED).clamp(1, gins.max(1));
        for (nth, at) in deck.deal(gins).into_iter().enumerate() {
            // Each producer once, then the well known ones again and again.
            let producer = if nth < producers {
                nth
            } else {
                draw.skewed(producers)
            };
            products[at].country = Some(spelling(country).to_owned());
            products[at].producer = Some(trade_name(products[at].kind, country, producer));
        }
    }
}

/// How many come from each country: every misspelt one has at least one, at the largest's cost.
fn numbers(total: usize) -> Vec<usize> {
    let mut numbers = share(total, &COUNTRIES.map(|(_, gins, _)| gins));
    for (at, (country, _, _)) in COUNTRIES.iter().enumerate() {
        if numbers[at] == 0 && spelling(country) != *country && numbers[0] > 1 {
            numbers[0] -= 1;
            numbers[at] += 1;
        }
    }
    numbers
}

fn trade_name(kind: Kind, country: &str, nth: usize) -> String {
    match kind {
        Kind::Tonic => words::tonic_maker(country, nth),
        _ => words::producer(country, nth),
    }
}

/// Makes `A / B` of these products' countries; the first is `Russia / Finland`, which is both split and corrected.
pub(super) fn add_second(products: &mut [Product], positions: &[usize], draw: &mut Draw) {
    for (nth, &at) in positions.iter().enumerate() {
        let first = products[at].country.take().unwrap_or_default();
        let second = COUNTRIES[draw.skewed(COUNTRIES.len())].0;
        products[at].country = Some(match nth {
            0 => "Russia / Finland".to_owned(),
            _ => format!("{first} / {}", spelling(second)),
        });
    }
}

/// Makes these gins the overridden producer's, mostly with a country that the source does not know.
pub(super) fn override_producer(products: &mut [Product], positions: &[usize]) {
    for (nth, &at) in positions.iter().enumerate() {
        products[at].producer = Some(OVERRIDDEN_PRODUCER.to_owned());
        products[at].country = match nth % 3 {
            0 => Some("Unknown or Invalid Region".to_owned()),
            1 => None,
            _ => Some("Ireland".to_owned()),
        };
    }
}

/// Puts blanks around these products' producers, so that one maker looks like two.
pub(super) fn blur_producers(products: &mut [Product], positions: &[usize]) {
    for (nth, &at) in positions.iter().enumerate() {
        let Some(producer) = products[at].producer.take() else {
            continue;
        };
        products[at].producer = Some(match nth % 4 {
            0 => format!(" {producer}"),
            1 => format!("{producer}  "),
            _ => format!("{producer} "),
        });
    }
}
