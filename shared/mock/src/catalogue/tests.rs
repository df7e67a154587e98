//! The made-up catalogue: the same from the same seed, and true to the real one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::*;

fn full() -> &'static Catalogue {
    static FULL: LazyLock<Catalogue> =
        LazyLock::new(|| Catalogue::generate(SEED, PRODUCTS).unwrap());
    &FULL
}

fn digest(catalogue: &Catalogue) -> String {
    let mut sum = Sha256::new();
    sum.update(catalogue.listing_json());
    for product in catalogue.products() {
        sum.update(catalogue.detail_json(product.id).unwrap());
    }
    sum.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn the_bytes_are_those_of_every_release() {
    assert_eq!(
        digest(full()),
        "2052ed550f47c951605b5c54bf03e0e64e34719acec0111ef493c15c3f3bf99b"
    );
}

#[test]
fn another_seed_makes_another_catalogue_of_the_same_figures() {
    let (one, other) = (
        Catalogue::generate(1, 500).unwrap(),
        Catalogue::generate(2, 500).unwrap(),
    );
    assert_ne!(digest(&one), digest(&other));
    assert_eq!(one.counts().raw_gins, other.counts().raw_gins);
    assert_eq!(one.counts().perfect_tonics, other.counts().perfect_tonics);
}

#[test]
fn the_full_catalogue_has_the_figures_of_its_model() {
    let counts = full().counts();
    let tables = [
        counts.gins,
        counts.tonics,
        counts.garnishes,
        counts.perfect_tonics,
        counts.perfect_garnishes,
    ];
    assert_eq!(tables, [7_524, 675, 229, 7_880, 9_641]);
    assert_eq!(
        (counts.listed, counts.gaps, full().largest_id()),
        (8_437, 333, 8_770)
    );
    assert_eq!((counts.raw_gins, counts.raw_tonics), (7_531, 677));
    assert_eq!(
        (counts.gins_with_tonics, counts.gins_with_garnishes),
        (4_646, 4_785)
    );
    assert_eq!(
        (counts.unrated_gins, counts.abv_null, counts.abv_zero),
        (968, 128, 19)
    );
}

#[test]
fn sizes_keep_the_proportions() {
    for size in [FEWEST, 100, 1_000, 84_370] {
        let catalogue = Catalogue::generate(SEED, size).unwrap();
        let counts = catalogue.counts();
        assert_eq!(counts.listed, size as usize);
        assert_eq!(counts.gaps, 333 * size as usize / 8_437, "gaps of {size}");
        let share = counts.gins * 1_000 / counts.listed;
        assert!(
            (850..900).contains(&share),
            "{share} gins in a thousand of {size}"
        );
        assert!(counts.tonics >= 1 && counts.garnishes >= 1, "{counts:?}");
        assert!(
            counts.orphan_tonic_pairs >= 1 && counts.abv_unreadable + counts.abv_null >= 1,
            "{counts:?}"
        );
    }
}

#[test]
fn too_small_a_catalogue_is_refused() {
    assert_eq!(Catalogue::generate(SEED, 29), Err(TooFew(29)));
}

#[test]
fn both_sides_tell_the_same_pairs_and_none_twice() {
    let catalogue = full();
    let forward: Vec<(u32, u32)> = catalogue
        .tonic_pairs()
        .into_iter()
        .chain(catalogue.garnish_pairs())
        .collect();
    let unique: BTreeSet<(u32, u32)> = forward.iter().copied().collect();
    assert_eq!(unique.len(), forward.len());
    let mut backward = BTreeSet::new();
    for product in catalogue.products() {
        backward.extend(product.perfect_gins.iter().map(|&gin| (gin, product.id)));
    }
    assert_eq!(unique, backward);
}

#[test]
fn a_tonic_named_neat_has_very_many_gins_and_no_country() {
    let catalogue = full();
    let neat = catalogue
        .products()
        .iter()
        .find(|product| product.name == NEAT)
        .unwrap();
    assert_eq!(
        (neat.perfect_gins.len(), neat.country.as_deref()),
        (952, Some(""))
    );
}

#[test]
fn a_popular_garnish_weighs_about_a_hundred_kilobytes() {
    let catalogue = full();
    let garnishes = catalogue
        .products()
        .iter()
        .filter(|product| product.kind == Kind::Garnish);
    let largest = garnishes
        .filter_map(|garnish| catalogue.detail_json(garnish.id))
        .map(|json| json.len())
        .max();
    assert!((90_000..120_000).contains(&largest.unwrap()), "{largest:?}");
}

#[test]
fn a_usual_gin_weighs_about_two_kilobytes() {
    let catalogue = full();
    let gins = catalogue.rows(Kind::Gin);
    let bytes: usize = gins
        .iter()
        .filter_map(|gin| catalogue.detail_json(gin.id))
        .map(|json| json.len())
        .sum();
    let mean = bytes / gins.len();
    assert!((1_800..3_200).contains(&mean), "{mean}");
}

#[test]
fn every_blemish_occurs() {
    let catalogue = full();
    let names: Vec<&str> = catalogue
        .products()
        .iter()
        .map(|product| product.name.as_str())
        .collect();
    let with = |text: &str| names.iter().filter(|name| name.contains(text)).count();
    assert_eq!(with("\n"), 3);
    assert!(with("\"") >= 7 && with(";") >= 6 && with("Ã") >= 1 && with("é") + with("ø") >= 1);
    let producers = catalogue
        .products()
        .iter()
        .filter_map(|product| product.producer.as_deref());
    let blurred = producers
        .filter(|producer| producer.trim() != *producer)
        .count();
    assert_eq!(blurred, 111);
    assert_eq!(
        names.iter().filter(|name| name.trim() != **name).count(),
        47
    );
    let raw: BTreeSet<Option<&str>> = catalogue
        .products()
        .iter()
        .map(|product| product.country.as_deref())
        .collect();
    for spelling in [
        "Vietnam",
        "Russia",
        "Taiwan",
        "U.S. Virgin Islands",
        "Hong Kong SAR China",
        "Unknown or Invalid Region",
        "",
        "Russia / Finland",
    ] {
        assert!(raw.contains(&Some(spelling)), "{spelling:?}");
    }
    assert!(raw.contains(&None));
}

#[test]
fn a_name_of_two_parts_is_made_of_them() {
    let catalogue = full();
    let two: Vec<_> = catalogue
        .products()
        .iter()
        .filter_map(|product| Some((&product.name, product.parts.as_ref()?)))
        .collect();
    assert!((2_030..=2_042).contains(&two.len()), "{}", two.len());
    for (name, (first, second)) in two {
        assert_eq!(*name, format!("{first} - {second}"));
    }
}

#[test]
fn the_listing_is_not_in_the_order_of_ids() {
    let catalogue = full();
    let lines: Vec<BTreeMap<String, serde_json::Value>> =
        serde_json::from_slice(&catalogue.listing_json()).unwrap();
    let ids: Vec<u32> = lines
        .iter()
        .map(|line| line["id"].as_str().unwrap().parse().unwrap())
        .collect();
    assert!(!ids.is_sorted());
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 8_437);
}

#[test]
fn countries_and_votes_are_spread_as_in_life() {
    let catalogue = full();
    let gins = catalogue.rows(Kind::Gin);
    let mut by_country: BTreeMap<&str, usize> = BTreeMap::new();
    for country in gins.iter().filter_map(|gin| gin.country.as_deref()) {
        *by_country.entry(country).or_default() += 1;
    }
    let mut largest: Vec<(usize, &str)> = by_country
        .iter()
        .map(|(country, gins)| (*gins, *country))
        .collect();
    largest.sort_unstable_by(|one, other| other.cmp(one));
    let largest: Vec<&str> = largest
        .iter()
        .take(5)
        .map(|(_, country)| *country)
        .collect();
    assert_eq!(
        largest,
        [
            "United Kingdom",
            "Germany",
            "United States",
            "Belgium",
            "Spain"
        ]
    );
    let votes = |most: u32| gins.iter().filter(|gin| gin.rating_count <= most).count();
    assert!((5_200..5_600).contains(&votes(20)), "{}", votes(20));
    assert!((6_750..7_000).contains(&votes(100)), "{}", votes(100));
    let best = gins
        .iter()
        .filter_map(|gin| gin.average_rating)
        .fold(0.0, f64::max);
    assert_eq!(best, 10.0);
}

/// The join of the pipeline must find each of them.
#[test]
fn every_clean_country_is_in_the_reference_of_the_pipeline() {
    let reference = "../../pipelines/gins/reference/countries.csv";
    let reference = std::fs::read_to_string(reference).unwrap();
    let catalogue = full();
    let rows = catalogue
        .rows(Kind::Gin)
        .into_iter()
        .chain(catalogue.rows(Kind::Tonic));
    for country in rows.filter_map(|row| row.country).collect::<BTreeSet<_>>() {
        let field = if country.contains(',') {
            format!(",\"{country}\",")
        } else {
            format!(",{country},")
        };
        assert!(reference.contains(&field), "{country}");
    }
}

#[test]
fn a_catalogue_can_be_of_given_products() {
    let gin = Product {
        id: 6,
        perfect_tonics: vec![2, 99],
        ..Product::default()
    };
    let tonic = Product {
        id: 2,
        kind: Kind::Tonic,
        perfect_gins: vec![1],
        ..Product::default()
    };
    let again = Product {
        id: 6,
        name: "Again".into(),
        ..Product::default()
    };
    let catalogue = Catalogue::of(vec![gin, tonic, again]);
    assert_eq!(catalogue.get(2).unwrap().perfect_gins, [6]);
    assert_eq!(
        (catalogue.largest_id(), catalogue.gaps()),
        (6, vec![1, 3, 4, 5])
    );
    let listing = catalogue.listing_json();
    assert_eq!(
        listing,
        br#"[{"id":"6","type":"gin","name":""},{"id":"2","type":"tonic","name":""}]"#
    );
}
