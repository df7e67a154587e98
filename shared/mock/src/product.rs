//! What the API knows of a product, and the two JSON shapes in which it tells: a detail and a line of the listing.
//!
//! The shapes are uneven on purpose, as a grown API's are: ids are text in the listing and numbers in a
//! detail; the listing and nested stubs leave absent keys out where a detail says `null`; an unrated gin
//! may do either.

use serde::Serialize;

/// The origin in every `picture_url`. It is not where the server listens, so that the same product has the
/// same bytes wherever it is served.
pub const ORIGIN: &str = "https://api.gin.example";

/// The kinds of product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A gin: has an `abv`, and pairs with tonics and garnishes.
    #[default]
    Gin,
    /// A tonic.
    Tonic,
    /// A garnish: a name and the gins that it goes with.
    Garnish,
}

/// One product, as the source has it: raw, with all its blemishes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Product {
    /// Its number, from 1.
    pub id: u32,
    /// What it is.
    pub kind: Kind,
    /// The name shown.
    pub name: String,
    /// The two parts of a name of the form `A - B`.
    pub parts: Option<(String, String)>,
    /// Whether it has a picture.
    pub picture: bool,
    /// Who makes it.
    pub producer: Option<String>,
    /// Where, as the source spells it.
    pub country: Option<String>,
    /// Alcohol by volume, as text.
    pub abv: Option<String>,
    /// Votes, if there are any.
    pub rating: Option<Rating>,
    /// What is said about it; garnishes have none.
    pub description: Description,
    /// Ids of the tonics that go with this gin, in the order of the answer.
    pub perfect_tonics: Vec<u32>,
    /// Ids of the garnishes that go with this gin, in the order of the answer.
    pub perfect_garnishes: Vec<u32>,
    /// Ids of the gins that go with this tonic or garnish: the other two lists, reversed.
    pub perfect_gins: Vec<u32>,
    /// Where it can be bought.
    pub purchase_links: Vec<PurchaseLink>,
}

/// The votes on a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rating {
    /// The mean, as text with one decimal.
    pub average: String,
    /// How many voted.
    pub count: u32,
}

/// A product's description, perhaps translated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Description {
    /// The text in English.
    pub content: Option<String>,
    /// Whether a machine translated it.
    pub google_translation: bool,
    /// The text before translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub original_content: Option<String>,
}

/// An offer of a retailer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurchaseLink {
    /// The offer's number, unique in the catalogue.
    pub id: u32,
    /// Who sells.
    pub retailer_name: String,
    /// A line about the seller.
    pub retailer_short_description: String,
    /// Where.
    pub url: String,
}

impl Product {
    /// The address of its picture as a detail tells it.
    pub fn picture_url(&self) -> Option<String> {
        self.picture_in_listing()
            .map(|address| address + "?type=normal")
    }

    fn picture_in_listing(&self) -> Option<String> {
        self.picture
            .then(|| format!("{ORIGIN}/api/v2/products/{}/picture", self.id))
    }

    fn first_name(&self) -> Option<&str> {
        self.parts.as_ref().map(|(first, _)| first.as_str())
    }

    fn second_name(&self) -> Option<&str> {
        self.parts.as_ref().map(|(_, second)| second.as_str())
    }

    /// A rating that is missing is `null` in every other product and absent in the rest.
    fn rated<'a, T>(&'a self, of: impl FnOnce(&'a Rating) -> T) -> Option<Option<T>> {
        match &self.rating {
            Some(rating) => Some(Some(of(rating))),
            None => self.id.is_multiple_of(2).then_some(None),
        }
    }
}

/// A list in its envelope.
#[derive(Serialize)]
struct Data<T> {
    data: T,
}

/// A product's own answer. The outer `Option` says whether the key is there, the inner whether it is `null`.
#[derive(Serialize)]
pub(crate) struct Detail<'a> {
    id: u32,
    r#type: Kind,
    name: &'a str,
    first_name: Option<&'a str>,
    second_name: Option<&'a str>,
    picture_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    producer: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    abv: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direct_purchase_url: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_rating: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_count: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_rating: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_wishlist: Option<Option<bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_cabinet: Option<Option<bool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perfect_tonics: Option<Data<Vec<Stub<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perfect_garnishes: Option<Data<Vec<Stub<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perfect_gins: Option<Data<Vec<Stub<'a>>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_links: Option<Data<&'a [PurchaseLink]>>,
}

impl<'a> Detail<'a> {
    /// `find` gives the product behind an id of a pair list.
    pub(crate) fn of(
        product: &'a Product,
        find: impl Fn(u32) -> Option<&'a Product>,
    ) -> Detail<'a> {
        let stubs = |ids: &[u32]| Data {
            data: ids
                .iter()
                .filter_map(|&id| find(id))
                .map(Stub::of)
                .collect(),
        };
        let (gin, drink) = (product.kind == Kind::Gin, product.kind != Kind::Garnish);
        Detail {
            id: product.id,
            r#type: product.kind,
            name: &product.name,
            first_name: product.first_name(),
            second_name: product.second_name(),
            picture_url: product.picture_url(),
            producer: drink.then_some(product.producer.as_deref()),
            country: drink.then_some(product.country.as_deref()),
            abv: gin.then_some(product.abv.as_deref()),
            direct_purchase_url: drink.then_some(None),
            average_rating: product
                .rated(|rating| rating.average.as_str())
                .filter(|_| drink),
            rating_count: product.rated(|rating| rating.count).filter(|_| drink),
            user_rating: drink.then_some(None),
            in_wishlist: drink.then_some(None),
            in_cabinet: drink.then_some(None),
            description: drink.then_some(&product.description),
            perfect_tonics: gin.then(|| stubs(&product.perfect_tonics)),
            perfect_garnishes: gin.then(|| stubs(&product.perfect_garnishes)),
            perfect_gins: (!gin).then(|| stubs(&product.perfect_gins)),
            purchase_links: drink.then_some(Data {
                data: product.purchase_links.as_slice(),
            }),
        }
    }
}

/// A product inside another's pair list.
#[derive(Serialize)]
struct Stub<'a> {
    id: u32,
    r#type: Kind,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_rating: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_count: Option<u32>,
}

impl<'a> Stub<'a> {
    fn of(product: &'a Product) -> Stub<'a> {
        Stub {
            id: product.id,
            r#type: product.kind,
            name: &product.name,
            first_name: product.first_name(),
            second_name: product.second_name(),
            picture_url: product.picture_url(),
            average_rating: product
                .rating
                .as_ref()
                .map(|rating| rating.average.as_str()),
            rating_count: product.rating.as_ref().map(|rating| rating.count),
        }
    }
}

/// A line of the listing.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    id: String,
    r#type: Kind,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    second_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    average_rating: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating_count: Option<u32>,
}

impl<'a> Line<'a> {
    pub(crate) fn of(product: &'a Product) -> Line<'a> {
        Line {
            id: product.id.to_string(),
            r#type: product.kind,
            name: &product.name,
            first_name: product.first_name(),
            second_name: product.second_name(),
            picture_url: product.picture_in_listing(),
            average_rating: product
                .rating
                .as_ref()
                .map(|rating| rating.average.as_str()),
            rating_count: product.rating.as_ref().map(|rating| rating.count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(product: &Product) -> String {
        serde_json::to_string(&Detail::of(product, |_| None)).unwrap()
    }

    #[test]
    fn an_unrated_gin_says_null_or_nothing() {
        let even = Product {
            id: 2,
            ..Product::default()
        };
        let odd = Product {
            id: 3,
            ..Product::default()
        };
        assert!(detail(&even).contains(r#""average_rating":null,"rating_count":null"#));
        assert!(!detail(&odd).contains("rating_count"));
    }

    #[test]
    fn a_garnish_has_seven_keys() {
        let garnish = Product {
            id: 4,
            kind: Kind::Garnish,
            name: "Lime peel".into(),
            ..Product::default()
        };
        assert_eq!(
            detail(&garnish),
            r#"{"id":4,"type":"garnish","name":"Lime peel","first_name":null,"second_name":null,"picture_url":null,"perfect_gins":{"data":[]}}"#
        );
    }

    #[test]
    fn a_tonic_has_no_abv() {
        let tonic = Product {
            id: 4,
            kind: Kind::Tonic,
            ..Product::default()
        };
        assert!(!detail(&tonic).contains("abv"));
        assert!(
            detail(&tonic).contains(r#""perfect_gins":{"data":[]},"purchase_links":{"data":[]}"#)
        );
    }

    #[test]
    fn the_listing_leaves_absent_keys_out() {
        let gin = Product {
            id: 7,
            name: "Elm Gin".into(),
            ..Product::default()
        };
        assert_eq!(
            serde_json::to_string(&Line::of(&gin)).unwrap(),
            r#"{"id":"7","type":"gin","name":"Elm Gin"}"#
        );
    }
}
