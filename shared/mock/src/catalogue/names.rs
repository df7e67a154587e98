//! The names of products, with everything in them that a name ought not to have.

use crate::draw::{Deck, Draw};
use crate::product::{Kind, Product};
use crate::words;

/// Names everything; `quota` scales a number of the full catalogue to this one's size.
pub(super) fn name(products: &mut [Product], quota: impl Fn(usize) -> usize, draw: &mut Draw) {
    let mut garnishes = 0;
    for product in products.iter_mut() {
        product.name = match product.kind {
            Kind::Gin => words::gin_name(draw),
            Kind::Tonic => words::tonic_name(draw),
            Kind::Garnish => {
                garnishes += 1;
                words::garnish(garnishes - 1)
            }
        };
    }
    let (gins, tonics) = (
        super::of_kind(products, Kind::Gin),
        super::of_kind(products, Kind::Tonic),
    );
    let mut deck = Deck::new(draw, &gins);
    blemish(products, &mut deck, &quota);
    for at in deck
        .deal(quota(1_961))
        .into_iter()
        .chain(Deck::new(draw, &tonics).deal(quota(81)))
    {
        let parts = (products[at].name.clone(), words::edition(draw));
        products[at].name = format!("{} - {}", parts.0, parts.1);
        products[at].parts = Some(parts);
    }
    for (nth, at) in Deck::new(draw, &gins)
        .deal(quota(47))
        .into_iter()
        .enumerate()
    {
        put_blanks(&mut products[at], nth);
    }
}

/// What becomes of a name.
type Change = fn(&str) -> String;

fn blemish(products: &mut [Product], deck: &mut Deck, quota: impl Fn(usize) -> usize) {
    let blemishes: [(usize, Change); 7] = [
        (6, |name| format!("{name} \"Reserve\"")),
        (5, |name| format!("{name}; Cask Finish")),
        (4, |name| format!("{name}, Sloe Edition")),
        (2, |name| format!("{name}\nBatch Two")),
        (1, |name| format!("{name} \"Reserve\"; Batch\nTwo")),
        // Read once as Latin-1 and written again as UTF-8.
        (1, |name| format!("{name} GenÃ¨ve")),
        (1, |name| {
            format!(
                "{name} {}",
                "of the Very Long Old Road to the Harbour "
                    .repeat(3)
                    .trim_end()
            )
        }),
    ];
    for (number, change) in blemishes {
        for at in deck.deal(quota(number)) {
            products[at].name = change(&products[at].name);
        }
    }
}

/// Blanks before, after, or both. The parts keep making up the name.
fn put_blanks(product: &mut Product, nth: usize) {
    let (before, after) = [(" ", ""), ("", " "), ("", "  "), (" ", " ")][nth % 4];
    product.name = format!("{before}{}{after}", product.name);
    if let Some((first, second)) = &mut product.parts {
        *first = format!("{before}{first}");
        *second = format!("{second}{after}");
    }
}
