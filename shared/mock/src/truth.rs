//! The truth about a catalogue: what the gins pipeline must make of it, worked out apart from the pipeline.
//!
//! These are the cleaning rules in their plainest words, so that a run can be held against them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::catalogue::{Catalogue, OVERRIDDEN_PRODUCER};
use crate::product::{Kind, Product};

/// A gin or a tonic after cleaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The product's id.
    pub id: u32,
    /// Gin or tonic.
    pub r#type: Kind,
    /// As the source has it, blanks and all.
    pub name: String,
    /// The first part of `A - B`.
    pub first_name: Option<String>,
    /// The second part of `A - B`.
    pub second_name: Option<String>,
    /// The address of its picture.
    pub picture_url: Option<String>,
    /// As the source has it, blanks and all.
    pub producer: Option<String>,
    /// The first country, in the reference's spelling.
    pub country: Option<String>,
    /// The first strength, from 0 to 100.
    pub abv: Option<f64>,
    /// The mean of the votes.
    pub average_rating: Option<f64>,
    /// How many voted; 0 where nobody did.
    pub rating_count: u32,
}

/// How many rows there are, and how many of them are out of the ordinary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines of the listing: all products.
    pub listed: usize,
    /// Ids from 1 to the largest that are no product.
    pub gaps: usize,
    /// Gins of the source.
    pub raw_gins: usize,
    /// Tonics of the source.
    pub raw_tonics: usize,
    /// Gins that have a country after cleaning.
    pub gins: usize,
    /// Tonics that have a country after cleaning.
    pub tonics: usize,
    /// Garnishes; none is dropped.
    pub garnishes: usize,
    /// Pairs of a gin and a tonic, of all gins of the source.
    pub perfect_tonics: usize,
    /// Pairs of a gin and a garnish, of all gins of the source.
    pub perfect_garnishes: usize,
    /// Distinct gins that go with a tonic.
    pub gins_with_tonics: usize,
    /// Distinct gins that go with a garnish.
    pub gins_with_garnishes: usize,
    /// Tonic pairs of which a side has no country, and so is gone if such products are dropped.
    pub orphan_tonic_pairs: usize,
    /// Garnish pairs whose gin has no country.
    pub orphan_garnish_pairs: usize,
    /// Gins with a country but without a readable strength.
    pub abv_null: usize,
    /// Those of them that had some text there.
    pub abv_unreadable: usize,
    /// Gins with a country and a strength of 0.
    pub abv_zero: usize,
    /// Gins with a country but without votes.
    pub unrated_gins: usize,
    /// Distinct countries of gins and tonics.
    pub countries: usize,
    /// Distinct producers of gins with a country, blanks and all.
    pub producers: usize,
}

impl Catalogue {
    /// All products of a kind after cleaning, by id: also those without a country.
    pub fn rows(&self, kind: Kind) -> Vec<Row> {
        self.products()
            .iter()
            .filter(|product| product.kind == kind)
            .map(clean)
            .collect()
    }

    /// Pairs (gin, tonic), by gin and then in the order of the answer.
    pub fn tonic_pairs(&self) -> Vec<(u32, u32)> {
        self.pairs(|gin| &gin.perfect_tonics)
    }

    /// Pairs (gin, garnish), by gin and then in the order of the answer.
    pub fn garnish_pairs(&self) -> Vec<(u32, u32)> {
        self.pairs(|gin| &gin.perfect_garnishes)
    }

    fn pairs(&self, of: impl Fn(&Product) -> &Vec<u32>) -> Vec<(u32, u32)> {
        let gins = self
            .products()
            .iter()
            .filter(|product| product.kind == Kind::Gin);
        gins.flat_map(|gin| of(gin).iter().map(|&partner| (gin.id, partner)))
            .collect()
    }

    /// What each table must count.
    pub fn counts(&self) -> Counts {
        let (raw_gins, raw_tonics) = (self.rows(Kind::Gin), self.rows(Kind::Tonic));
        let gins: Vec<&Row> = raw_gins
            .iter()
            .filter(|row| row.country.is_some())
            .collect();
        let tonics: Vec<&Row> = raw_tonics
            .iter()
            .filter(|row| row.country.is_some())
            .collect();
        let kept: BTreeSet<u32> = gins.iter().chain(&tonics).map(|row| row.id).collect();
        let (tonic_pairs, garnish_pairs) = (self.tonic_pairs(), self.garnish_pairs());
        let unread: Vec<&&Row> = gins.iter().filter(|row| row.abv.is_none()).collect();
        let had_text = |row: &&&&Row| self.get(row.id).is_some_and(|gin| gin.abv.is_some());
        Counts {
            listed: self.products().len(),
            gaps: self.gaps().len(),
            raw_gins: raw_gins.len(),
            raw_tonics: raw_tonics.len(),
            gins: gins.len(),
            tonics: tonics.len(),
            garnishes: self.rows(Kind::Garnish).len(),
            perfect_tonics: tonic_pairs.len(),
            perfect_garnishes: garnish_pairs.len(),
            gins_with_tonics: distinct_firsts(&tonic_pairs),
            gins_with_garnishes: distinct_firsts(&garnish_pairs),
            orphan_tonic_pairs: tonic_pairs
                .iter()
                .filter(|(a, b)| !kept.contains(a) || !kept.contains(b))
                .count(),
            orphan_garnish_pairs: garnish_pairs
                .iter()
                .filter(|(gin, _)| !kept.contains(gin))
                .count(),
            abv_null: unread.len(),
            abv_unreadable: unread.iter().filter(had_text).count(),
            abv_zero: gins.iter().filter(|row| row.abv == Some(0.0)).count(),
            unrated_gins: gins.iter().filter(|row| row.rating_count == 0).count(),
            countries: gins
                .iter()
                .chain(&tonics)
                .map(|row| &row.country)
                .collect::<BTreeSet<_>>()
                .len(),
            producers: gins
                .iter()
                .filter_map(|row| row.producer.as_ref())
                .collect::<BTreeSet<_>>()
                .len(),
        }
    }
}

fn distinct_firsts(pairs: &[(u32, u32)]) -> usize {
    pairs
        .iter()
        .map(|(first, _)| first)
        .collect::<BTreeSet<_>>()
        .len()
}

fn clean(product: &Product) -> Row {
    let (first_name, second_name) = product.parts.clone().unzip();
    Row {
        id: product.id,
        r#type: product.kind,
        name: product.name.clone(),
        first_name,
        second_name,
        picture_url: product.picture_url(),
        producer: product.producer.clone(),
        country: clean_country(product),
        abv: product.abv.as_deref().and_then(clean_abv),
        average_rating: product
            .rating
            .as_ref()
            .and_then(|rating| rating.average.trim().parse().ok()),
        rating_count: product.rating.as_ref().map_or(0, |rating| rating.count),
    }
}

/// The part before a slash, without blanks; a text without a slash as it is.
fn before_slash(text: &str) -> &str {
    text.split_once('/').map_or(text, |(first, _)| first.trim())
}

/// The country that a product has after cleaning.
pub(crate) fn clean_country(product: &Product) -> Option<String> {
    if product.producer.as_deref() == Some(OVERRIDDEN_PRODUCER) {
        return Some("United Kingdom".to_owned());
    }
    let corrected = match before_slash(product.country.as_deref()?) {
        "Unknown or Invalid Region" | "" => return None,
        "Vietnam" => "Viet Nam",
        "Russia" => "Russian Federation",
        "Taiwan" => "Taiwan, Province of China",
        "U.S. Virgin Islands" => "Virgin Islands, U.s.",
        "Hong Kong SAR China" => "Hong Kong",
        other => other,
    };
    Some(corrected.to_owned())
}

fn clean_abv(text: &str) -> Option<f64> {
    let number = before_slash(text).replace('%', "").replace(',', ".");
    number
        .trim()
        .parse()
        .ok()
        .filter(|abv| (0.0..=100.0).contains(abv))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_is_read_as_people_type_it() {
        for (text, abv) in [
            ("43,5 % / 47%", Some(43.5)),
            ("43/47", Some(43.0)),
            (" 40 %", Some(40.0)),
            ("0.0%", Some(0.0)),
            ("47.11", Some(47.11)),
            ("approx. 40", None),
            ("", None),
            ("-5", None),
            ("inf", None),
            ("nan", None),
            ("120 proof / 60%", None),
        ] {
            assert_eq!(clean_abv(text), abv, "{text:?}");
        }
    }

    #[test]
    fn a_country_is_corrected() {
        for (country, producer, clean) in [
            (Some("Russia / Finland"), "P", Some("Russian Federation")),
            (
                Some("Switzerland / United States"),
                "P",
                Some("Switzerland"),
            ),
            (Some("Taiwan"), "P", Some("Taiwan, Province of China")),
            (Some("Unknown or Invalid Region"), "P", None),
            (Some(""), "P", None),
            (None, "P", None),
            (None, "Little Brown Dog Spirits", Some("United Kingdom")),
            (None, "Little Brown Dog Spirits ", None),
        ] {
            let product = Product {
                country: country.map(str::to_owned),
                producer: Some(producer.to_owned()),
                ..Product::default()
            };
            assert_eq!(
                clean_country(&product).as_deref(),
                clean,
                "{country:?} of {producer:?}"
            );
        }
    }
}
