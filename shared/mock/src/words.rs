//! The words from which names and texts are made up. No brand and no place is meant; likeness is chance.

use crate::draw::Draw;

const STEMS: [&str; 52] = [
    "Alder", "Ash", "Barley", "Birk", "Black", "Bram", "Brook", "Cald", "Cedar", "Clay", "Copper",
    "Corn", "Crow", "Dun", "Ebb", "Elder", "Elm", "Ember", "Fal", "Fern", "Fir", "Flint", "Fox",
    "Gale", "Glen", "Gorse", "Hart", "Haw", "Heath", "Heron", "Hollow", "Iron", "Juno", "Kest",
    "Kite", "Lark", "Linden", "Marl", "Mead", "Mist", "Moss", "Nettle", "Oak", "Otter", "Pell",
    "Quill", "Raven", "Rook", "Sorrel", "Tarn", "Thistle", "Wren",
];
const ENDS: [&str; 48] = [
    "barrow", "beck", "borough", "bridge", "burn", "by", "cliff", "combe", "cote", "croft", "dale",
    "den", "dorf", "feld", "field", "ford", "garth", "gate", "gill", "grove", "ham", "haven",
    "heim", "hill", "holm", "hurst", "kirk", "land", "leigh", "ley", "lund", "mere", "minster",
    "moor", "mouth", "ness", "port", "rick", "rigg", "shaw", "stead", "stoke", "thorpe", "ton",
    "vale", "wick", "worth", "wynd",
];
/// Places with letters beyond ASCII.
const FOREIGN: [&str; 12] = [
    "Sørvika",
    "Königstal",
    "Peñalba",
    "Château-Brière",
    "Łąkowo",
    "Ørbygård",
    "Žalgora",
    "Müürisoo",
    "Santa Inês",
    "Þverá",
    "Güneyköy",
    "Überfurt",
];

pub(crate) const PLACES: usize = STEMS.len() * ENDS.len();

/// The n-th made-up place; distinct for n below [`PLACES`].
pub(crate) fn place(n: usize) -> String {
    format!(
        "{}{}",
        STEMS[n % STEMS.len()],
        ENDS[n / STEMS.len() % ENDS.len()]
    )
}

fn any_place(draw: &mut Draw) -> String {
    match draw.percent(4) {
        true => draw.pick(&FOREIGN).to_owned(),
        false => place(draw.below(PLACES)),
    }
}

const STYLES: [&str; 24] = [
    "Dry",
    "London Dry",
    "Old Tom",
    "Small Batch",
    "Distilled",
    "Contemporary",
    "Coastal",
    "Orchard",
    "Alpine",
    "Forest",
    "Garden",
    "Harvest",
    "Citrus",
    "Pink",
    "Rhubarb",
    "Sloe",
    "Barrel Aged",
    "Smoked",
    "Herbal",
    "Floral",
    "Organic",
    "Classic",
    "Spiced",
    "Island",
];
const BOTANICALS: [&str; 30] = [
    "angelica",
    "bay leaf",
    "bergamot",
    "blackberry",
    "cardamom",
    "cassia",
    "chamomile",
    "coriander",
    "cucumber",
    "elderflower",
    "fennel",
    "ginger",
    "grapefruit",
    "heather",
    "hibiscus",
    "juniper",
    "lavender",
    "lemon thyme",
    "liquorice",
    "mandarin",
    "mint",
    "orris root",
    "pink pepper",
    "quince",
    "rose petal",
    "rosemary",
    "sage",
    "samphire",
    "spruce tips",
    "verbena",
];

fn botanical(draw: &mut Draw) -> &'static str {
    draw.pick(&BOTANICALS)
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

pub(crate) fn gin_name(draw: &mut Draw) -> String {
    let place = any_place(draw);
    match draw.below(10) {
        0 => format!("{place} Gin"),
        1 => format!("Gin {place}"),
        2 => format!("{place} {} Gin", capital(botanical(draw))),
        3 => format!("{place} Gin No. {}", draw.between(1, 99)),
        _ => format!("{place} {} Gin", draw.pick(&STYLES)),
    }
}

/// What follows the dash in `A - B`.
pub(crate) fn edition(draw: &mut Draw) -> String {
    match draw.below(6) {
        0 => "Navy Strength".to_owned(),
        1 => format!("Batch {}", draw.between(1, 40)),
        2 => format!("Cask {}", draw.between(100, 999)),
        3 => format!(
            "{} Edition {}",
            draw.pick(&["Winter", "Spring", "Summer", "Autumn"]),
            draw.between(2014, 2024)
        ),
        4 => format!(
            "{} & {}",
            capital(botanical(draw)),
            capital(botanical(draw))
        ),
        _ => format!(
            "{} Edition",
            draw.pick(&[
                "Distiller's",
                "Founder's",
                "Limited",
                "Anniversary",
                "Harbour"
            ])
        ),
    }
}

pub(crate) fn tonic_name(draw: &mut Draw) -> String {
    let place = any_place(draw);
    match draw.below(5) {
        0 => format!("{place} Tonic"),
        1 => format!("{place} Light Tonic Water"),
        2 => format!("{place} {} Tonic", capital(botanical(draw))),
        3 => format!("{place} Mediterranean Tonic"),
        _ => format!("{place} Indian Tonic Water"),
    }
}

const FRUITS: [&str; 40] = [
    "Lime",
    "Lemon",
    "Orange",
    "Grapefruit",
    "Cucumber",
    "Apple",
    "Pear",
    "Rosemary",
    "Thyme",
    "Basil",
    "Mint",
    "Juniper",
    "Strawberry",
    "Raspberry",
    "Blackberry",
    "Blueberry",
    "Ginger",
    "Cardamom",
    "Cinnamon",
    "Star anise",
    "Pink pepper",
    "Olive",
    "Sage",
    "Lavender",
    "Chilli",
    "Mango",
    "Peach",
    "Plum",
    "Cherry",
    "Pomegranate",
    "Mandarin",
    "Kumquat",
    "Bergamot",
    "Quince",
    "Fig",
    "Melon",
    "Celery",
    "Fennel",
    "Elderflower",
    "Rose",
];
const CUTS: [&str; 6] = ["peel", "wedge", "slice", "twist", "zest", "sprig"];
const TREATMENTS: [&str; 12] = [
    "", "dried", "candied", "grilled", "frozen", "smoked", "pickled", "toasted", "sugared",
    "salted", "fresh", "crushed",
];

/// The n-th garnish; garnishes are not repeated while there are words for it.
pub(crate) fn garnish(n: usize) -> String {
    let (fruit, rest) = (FRUITS[n % FRUITS.len()], n / FRUITS.len());
    let (cut, rest) = (CUTS[rest % CUTS.len()], rest / CUTS.len());
    let plain = match TREATMENTS[rest % TREATMENTS.len()] {
        "" => format!("{fruit} {cut}"),
        treatment => format!("{} {} {cut}", capital(treatment), fruit.to_lowercase()),
    };
    match rest / TREATMENTS.len() {
        0 => plain,
        more => format!("{plain} {}", more + 1),
    }
}

const HOUSES: [&str; 8] = [
    "Distillery",
    "& Co",
    "Spirits",
    "Distillers",
    "Still House",
    "Brothers",
    "Drinks Company",
    "Botanical Works",
];
/// Legal forms, as far as a country has its own.
const FORMS: [(&str, &str); 10] = [
    ("United Kingdom", "Ltd"),
    ("Germany", "GmbH"),
    ("United States", "LLC"),
    ("Belgium", "BV"),
    ("Spain", "S.L."),
    ("France", "SARL"),
    ("Italy", "S.r.l."),
    ("Netherlands", "B.V."),
    ("Switzerland", "AG"),
    ("Austria", "e.U."),
];

/// The n-th producer of a country; distinct for a country's first 18,000.
pub(crate) fn producer(country: &str, n: usize) -> String {
    // The stride has no divisor in common with the number of names, so all are gone through.
    let spread = country
        .bytes()
        .fold(0, |sum, byte| sum * 31 % 4099 + usize::from(byte));
    let at = (n * 7_919 + spread) % (PLACES * HOUSES.len());
    let name = format!("{} {}", place(at % PLACES), HOUSES[at / PLACES]);
    match FORMS.iter().find(|(home, _)| *home == country) {
        Some((_, form)) if at.is_multiple_of(3) => format!("{name} {form}"),
        _ => name,
    }
}

/// The n-th maker of tonics of a country.
pub(crate) fn tonic_maker(country: &str, n: usize) -> String {
    format!("{} Mixers", place(n * 53 + 17 * country.len()))
}

pub(crate) fn sentence(draw: &mut Draw) -> String {
    let (one, two, three) = (botanical(draw), botanical(draw), botanical(draw));
    let place = any_place(draw);
    match draw.below(9) {
        0 => format!("The nose opens with {one} and {two}, then {three} comes through."),
        1 => format!(
            "Distilled in {place} in a copper still of {} litres.",
            draw.between(50, 900)
        ),
        2 => format!(
            "On the palate it is dry and long, with {one} at first and {two} in the finish."
        ),
        3 => format!("Pairs well with a light tonic and a sprig of {one}."),
        4 => format!(
            "The recipe counts {} botanicals, among them {one}, {two} and {three}.",
            draw.between(4, 47)
        ),
        5 => format!(
            "First made in {} by two friends who grow their own {one}.",
            draw.between(1998, 2023)
        ),
        6 => format!("\u{201c}A gin for a slow evening,\u{201d} says the distiller of {place}."),
        7 => format!(
            "Each botanical is steeped for {} hours and distilled apart.",
            draw.between(6, 72)
        ),
        _ => format!("Water comes from a spring near {place}; the {one} is picked by hand."),
    }
}

/// A sentence in some other language, for texts that were translated.
pub(crate) fn foreign_sentence(draw: &mut Draw, language: usize) -> String {
    let place = any_place(draw);
    let number = draw.between(5, 60);
    match (language % 4, draw.below(3)) {
        (0, 0) => format!(
            "Dieser Gin wird in {place} mit {number} Kräutern in einer Kupferblase gebrannt."
        ),
        (0, 1) => "In der Nase Wacholder und Zitrusfrüchte, am Gaumen weich und würzig.".to_owned(),
        (0, _) => format!("Das Wasser kommt aus einer Quelle bei {place}, gefüllt wird von Hand."),
        (1, 0) => {
            format!("Esta ginebra se destila en {place} con {number} botánicos escogidos a mano.")
        }
        (1, 1) => "En nariz, enebro y cítricos; en boca es suave, con un final largo y especiado."
            .to_owned(),
        (1, _) => format!("El agua procede de un manantial cercano a {place}, en la montaña."),
        (2, 0) => {
            format!("Ce gin est distillé à {place} avec {number} plantes cueillies à la main.")
        }
        (2, 1) => "Au nez, le genièvre et les agrumes ; en bouche, une finale longue et épicée."
            .to_owned(),
        (2, _) => format!(
            "L'eau vient d'une source près de {place}, la mise en bouteille est artisanale."
        ),
        (_, 0) => format!("Ginen destilleres i {place} på {number} urter fra fjellet."),
        (_, 1) => {
            "Duften er preget av einer og sitrus, smaken er myk med krydret avslutning.".to_owned()
        }
        (_, _) => format!("Vannet kommer fra en kilde ved {place}, og flaskene fylles for hånd."),
    }
}

/// Shops: a name, and a line about them.
pub(crate) const RETAILERS: [(&str, &str); 10] = [
    ("Example Spirits", "Based in the UK, ships within Europe"),
    ("The Paper Cellar", "Based in the UK"),
    ("Musterflasche", "Versand aus Deutschland"),
    ("Botella Ficticia", "Envíos a toda la península"),
    ("Cave Imaginaire", "Livraison en France & Belgique"),
    ("Nowhere Bottle Shop", "Based in Australia"),
    ("Harbour Pour", "Based in the US; ages 21+ only"),
    ("Slijterij Verzonnen", "Based in the Netherlands"),
    ("Invented Drinks", "Based in Ireland"),
    ("Tomflaska", "Based in Sweden"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_country_s_producers_are_distinct() {
        let names: BTreeSet<String> = (0..7_500).map(|n| producer("United Kingdom", n)).collect();
        assert_eq!(names.len(), 7_500);
    }

    #[test]
    fn garnishes_are_distinct() {
        let names: BTreeSet<String> = (0..5_000).map(garnish).collect();
        assert_eq!(names.len(), 5_000);
    }
}
