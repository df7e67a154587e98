//! What is said about products and where they are sold.

use crate::draw::Draw;
use crate::product::{Description, Kind, Product, PurchaseLink};
use crate::words::{self, RETAILERS};

/// Describes every gin and tonic; a third of the texts come from another language.
pub(super) fn describe(products: &mut [Product], draw: &mut Draw) {
    for product in products
        .iter_mut()
        .filter(|product| product.kind != Kind::Garnish)
    {
        product.description = match draw.below(100) {
            0..8 => Description::default(),
            8..40 => translated(draw),
            _ => Description {
                content: Some(text(draw)),
                ..Description::default()
            },
        };
    }
}

fn text(draw: &mut Draw) -> String {
    let sentences: Vec<String> = (0..draw.between(4, 22))
        .map(|_| words::sentence(draw))
        .collect();
    let gap = if draw.percent(20) { "\r\n\r\n" } else { " " };
    sentences.join(gap)
}

fn translated(draw: &mut Draw) -> Description {
    let language = draw.below(4);
    let original: Vec<String> = (0..draw.between(4, 18))
        .map(|_| words::foreign_sentence(draw, language))
        .collect();
    Description {
        content: Some(text(draw)),
        google_translation: true,
        original_content: Some(original.join(" ")),
    }
}

/// Lists shops for gins and tonics: none to five each.
pub(super) fn sell(products: &mut [Product], draw: &mut Draw) {
    let mut offers = 0;
    for product in products
        .iter_mut()
        .filter(|product| product.kind != Kind::Garnish)
    {
        for _ in 0..draw.skewed(8).min(5) {
            offers += 1;
            product.purchase_links.push(offer(offers, product.id, draw));
        }
    }
}

fn offer(id: u32, product: u32, draw: &mut Draw) -> PurchaseLink {
    let (name, line) = RETAILERS[draw.below(RETAILERS.len())];
    PurchaseLink {
        id,
        retailer_name: name.to_owned(),
        retailer_short_description: line.to_owned(),
        url: format!(
            "https://shop.example/{}/p/{product}?source=gin",
            name.to_lowercase().replace(' ', "-")
        ),
    }
}
