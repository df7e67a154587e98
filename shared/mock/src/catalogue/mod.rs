//! The catalogue: every product of the made-up source, the same for the same seed and size.

mod countries;
mod figures;
mod names;
mod pairs;
mod texts;

use serde_json::to_vec;

use crate::draw::{Deck, Draw};
use crate::product::{Detail, Kind, Line, Product};
use pairs::Spread;

pub(crate) use countries::OVERRIDDEN_PRODUCER;

/// The number of products unless told otherwise.
pub const PRODUCTS: u32 = 8_437;
/// The smallest catalogue that still has a bit of everything.
pub const FEWEST: u32 = 30;
/// The seed unless told otherwise.
pub const SEED: u64 = 1;

const GINS: usize = 7_531;
const TONICS: usize = 677;
const GAPS: usize = 333;

/// The name of the tonic that means none at all: it has no country and a great many gins.
pub const NEAT: &str = "Neat";

/// A catalogue that would be too small.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} products are too few to have a bit of everything: ask for {FEWEST} or more")]
pub struct TooFew(pub u32);

/// All products of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// In the order of their ids.
    products: Vec<Product>,
    /// Positions in `products`, in the order of the listing.
    listing: Vec<usize>,
}

impl Catalogue {
    /// Makes up a catalogue. The same seed and number give the same bytes on every machine.
    pub fn generate(seed: u64, products: u32) -> Result<Catalogue, TooFew> {
        if products < FEWEST {
            return Err(TooFew(products));
        }
        let mut catalogue = Catalogue::of(
            Making {
                seed,
                size: products as usize,
            }
            .products(),
        );
        Draw::of(seed, "listing").shuffle(&mut catalogue.listing);
        Ok(catalogue)
    }

    /// A catalogue of exactly these products, listed in the order given. What gins pair with is taken from the
    /// gins; the reverse lists of tonics and garnishes are made from it. Of two products with one id the first stays.
    pub fn of(given: Vec<Product>) -> Catalogue {
        let order: Vec<u32> = given.iter().map(|product| product.id).collect();
        let mut products = given;
        products.sort_by_key(|product| product.id);
        products.dedup_by_key(|product| product.id);
        pairs::reverse(&mut products);
        let place = |id: &u32| products.binary_search_by_key(id, |product| product.id).ok();
        let mut listing: Vec<usize> = Vec::with_capacity(products.len());
        let mut listed = vec![false; products.len()];
        for at in order.iter().filter_map(place) {
            if !std::mem::replace(&mut listed[at], true) {
                listing.push(at);
            }
        }
        Catalogue { products, listing }
    }

    /// All products, in the order of their ids.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// The product with an id; `None` for a gap.
    pub fn get(&self, id: u32) -> Option<&Product> {
        self.products
            .binary_search_by_key(&id, |product| product.id)
            .ok()
            .map(|at| &self.products[at])
    }

    /// The largest id in use, 0 if there is none.
    pub fn largest_id(&self) -> u32 {
        self.products.last().map_or(0, |product| product.id)
    }

    /// Ids from 1 to the largest that answer 404.
    pub fn gaps(&self) -> Vec<u32> {
        (1..self.largest_id())
            .filter(|&id| self.get(id).is_none())
            .collect()
    }

    /// The listing's answer: a JSON array, not in the order of ids.
    pub fn listing_json(&self) -> Vec<u8> {
        let lines: Vec<Line<'_>> = self
            .listing
            .iter()
            .map(|&at| Line::of(&self.products[at]))
            .collect();
        to_vec(&lines).expect("lines have string keys only")
    }

    /// A product's answer: a JSON object.
    pub fn detail_json(&self, id: u32) -> Option<Vec<u8>> {
        let detail = Detail::of(self.get(id)?, |id| self.get(id));
        Some(to_vec(&detail).expect("details have string keys only"))
    }
}

fn of_kind(products: &[Product], kind: Kind) -> Vec<usize> {
    (0..products.len())
        .filter(|&at| products[at].kind == kind)
        .collect()
}

/// A catalogue in the making.
struct Making {
    seed: u64,
    size: usize,
}

impl Making {
    fn products(&self) -> Vec<Product> {
        let mut products = self.blank();
        names::name(
            &mut products,
            |full| self.quota(full),
            &mut self.draw("names"),
        );
        self.name_neat(&mut products);
        self.locate(&mut products);
        self.picture(&mut products);
        let kept = of_kind_settled(&products, Kind::Gin);
        figures::strengths(
            &mut products,
            &kept,
            |full| self.quota(full),
            &mut self.draw("strengths"),
        );
        self.rate(&mut products);
        self.pair(&mut products);
        texts::describe(&mut products, &mut self.draw("descriptions"));
        texts::sell(&mut products, &mut self.draw("offers"));
        products
    }

    fn draw(&self, aspect: &str) -> Draw {
        Draw::of(self.seed, aspect)
    }

    /// A number of the full catalogue, at this one's size; never none.
    fn quota(&self, full: usize) -> usize {
        ((full * self.size + PRODUCTS as usize / 2) / PRODUCTS as usize).max(1)
    }

    /// Products with nothing but an id and a kind. The last id is never a gap, and neither is the first.
    fn blank(&self) -> Vec<Product> {
        let gaps = GAPS * self.size / PRODUCTS as usize;
        let largest = (self.size + gaps) as u32;
        let mut draw = self.draw("ids");
        let mut ids: Vec<u32> = (2..largest).collect();
        draw.shuffle(&mut ids);
        ids.truncate(self.size - 2);
        ids.extend([1, largest]);
        ids.sort_unstable();

        let gins = self.quota(GINS);
        let tonics = self.quota(TONICS).min(self.size - gins - 1).max(2);
        let mut kinds = vec![Kind::Gin; self.size];
        kinds[gins..].fill(Kind::Garnish);
        kinds[gins..gins + tonics].fill(Kind::Tonic);
        draw.shuffle(&mut kinds[1..]);
        ids.into_iter()
            .zip(kinds)
            .map(|(id, kind)| Product {
                id,
                kind,
                ..Product::default()
            })
            .collect()
    }

    /// The first tonic is none at all.
    fn name_neat(&self, products: &mut [Product]) {
        if let Some(tonic) = products
            .iter_mut()
            .find(|product| product.kind == Kind::Tonic)
        {
            tonic.name = NEAT.to_owned();
            tonic.parts = None;
        }
    }

    fn locate(&self, products: &mut [Product]) {
        let mut draw = self.draw("countries");
        let (gins, tonics) = (of_kind(products, Kind::Gin), of_kind(products, Kind::Tonic));
        let mut deck = Deck::new(&mut draw, &gins);
        countries::forget(products, &deck.deal(self.quota(7)));
        let overridden = deck.deal(self.quota(3));
        let settled = deck.rest();
        countries::settle(products, &settled, &mut draw);
        countries::add_second(
            products,
            &Deck::new(&mut draw, &settled).deal(self.quota(38)),
            &mut draw,
        );
        let mut deck = Deck::new(&mut draw, &settled);
        countries::blur_producers(products, &deck.deal(self.quota(111)));
        for at in deck.deal(self.quota(110)) {
            products[at].producer = None;
        }
        countries::override_producer(products, &overridden);

        // Neat, and one more where there are tonics to spare.
        let forgotten = if tonics.len() > 9 { 2 } else { 1 };
        let nowhere: Vec<usize> = tonics
            .iter()
            .step_by(tonics.len() - 1)
            .take(forgotten)
            .copied()
            .collect();
        let settled: Vec<usize> = tonics
            .iter()
            .copied()
            .filter(|at| !nowhere.contains(at))
            .collect();
        countries::settle(products, &settled, &mut draw);
        for at in nowhere {
            products[at].country = if products[at].name == NEAT {
                Some(String::new())
            } else {
                None
            };
        }
    }

    fn picture(&self, products: &mut [Product]) {
        for product in products.iter_mut() {
            product.picture = product.kind != Kind::Garnish;
        }
        for (kind, without) in [(Kind::Gin, 176), (Kind::Tonic, 23)] {
            for at in Deck::new(&mut self.draw("pictures"), &of_kind(products, kind))
                .deal(self.quota(without))
            {
                products[at].picture = false;
            }
        }
    }

    fn rate(&self, products: &mut [Product]) {
        let gins = of_kind_settled(products, Kind::Gin);
        let rated = gins.len() - self.quota(968);
        let rated = Deck::new(&mut self.draw("rated"), &gins).deal(rated);
        figures::ratings(products, &rated, &mut self.draw("ratings"));
        let tonics = of_kind(products, Kind::Tonic);
        let rated = tonics.len() - self.quota(41).min(tonics.len() - 1);
        figures::ratings(
            products,
            &tonics[..rated],
            &mut self.draw("tonics' ratings"),
        );
    }

    fn pair(&self, products: &mut [Product]) {
        let gins = of_kind(products, Kind::Gin);
        let ids = |kind| {
            of_kind(products, kind)
                .into_iter()
                .map(|at| products[at].id)
                .collect::<Vec<u32>>()
        };
        let (tonics, garnishes) = (ids(Kind::Tonic), ids(Kind::Garnish));
        let spread = Spread {
            gins: self.quota(4_646),
            pairs: self.quota(7_880),
            most: 9,
        };
        let mut draw = self.draw("tonic pairs");
        for (at, list) in pairs::draw_pairs(&gins, &tonics, self.quota(952), &spread, &mut draw) {
            products[at].perfect_tonics = list;
        }
        let spread = Spread {
            gins: self.quota(4_785),
            pairs: self.quota(9_641),
            most: 14,
        };
        let mut draw = self.draw("garnish pairs");
        for (at, list) in pairs::draw_pairs(&gins, &garnishes, self.quota(520), &spread, &mut draw)
        {
            products[at].perfect_garnishes = list;
        }
    }
}

/// Those of a kind that the cleaning keeps: they have a country, or a producer that gives them one.
fn of_kind_settled(products: &[Product], kind: Kind) -> Vec<usize> {
    let mut positions = of_kind(products, kind);
    positions.retain(|&at| crate::truth::clean_country(&products[at]).is_some());
    positions
}

#[cfg(test)]
mod tests;
