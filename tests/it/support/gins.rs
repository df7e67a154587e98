//! The conformance fixture of the gin catalogue: 21 ids that hold every rule and quirk of the source.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::api::{Api, Request, Response};

fn product(id: u64, kind: &str, name: &str) -> Value {
    json!({
        "id": id, "type": kind, "name": name, "first_name": null, "second_name": null,
        "picture_url": format!("https://api.gin.example/api/v2/products/{id}/picture?type=normal"),
        "producer": format!("P{id}"), "country": "Spain",
        "direct_purchase_url": null, "average_rating": "7.0", "rating_count": 10,
        "user_rating": null, "in_wishlist": null, "in_cabinet": null,
        "description": {"content": "…", "google_translation": false},
        "purchase_links": {"data": []}
    })
}

fn with(mut product: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().expect("fields") {
        product[name] = value.clone();
    }
    product
}

fn gin(id: u64, name: &str, fields: Value) -> Value {
    let plain =
        json!({"abv": "40", "perfect_tonics": {"data": []}, "perfect_garnishes": {"data": []}});
    with(with(product(id, "gin", name), plain), fields)
}

fn tonic(id: u64, name: &str, fields: Value) -> Value {
    with(
        with(
            product(id, "tonic", name),
            json!({"perfect_gins": {"data": []}}),
        ),
        fields,
    )
}

fn garnish(id: u64, name: &str) -> Value {
    json!({"id": id, "type": "garnish", "name": name, "first_name": null, "second_name": null,
           "picture_url": null, "perfect_gins": {"data": []}})
}

fn stubs(kind: &str, ids: &[u64]) -> Value {
    let stubs: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "type": kind, "name": format!("stub {id}")}))
        .collect();
    json!({ "data": stubs })
}

/// The products of the fixture, by id.
pub fn products() -> HashMap<u64, Value> {
    let unrated = json!({"average_rating": null, "rating_count": null});
    let all = vec![
        gin(
            1,
            "Alder Dry Gin",
            json!({"producer": "Alder & Co", "average_rating": "6.6", "rating_count": 74,
            "perfect_tonics": stubs("tonic", &[2]), "perfect_garnishes": stubs("garnish", &[5, 4, 3])}),
        ),
        tonic(
            2,
            "Brook Tonic",
            json!({"producer": "Brook S.r.l.", "country": "Italy",
            "average_rating": "7.5", "rating_count": 28}),
        ),
        garnish(3, "Orange peel"),
        garnish(4, "Lime peel"),
        garnish(5, "Grapefruit wedge"),
        gin(
            6,
            "Cedar Gin - Navy Strength",
            json!({"first_name": "Cedar Gin", "second_name": "Navy Strength",
            "producer": "Cedar", "country": "Germany", "abv": "57,5%", "average_rating": "9.1",
            "rating_count": 12, "perfect_tonics": stubs("tonic", &[7, 11])}),
        ),
        tonic(
            7,
            "Dune Tonic",
            json!({"producer": "Dune", "country": "Switzerland / United States",
            "average_rating": "7.8", "rating_count": 829}),
        ),
        with(
            gin(
                8,
                "Elm Gin",
                json!({"producer": null, "country": "Vietnam", "abv": "43/47",
            "perfect_garnishes": stubs("garnish", &[4])}),
            ),
            unrated.clone(),
        ),
        gin(
            9,
            " Fir Gin",
            json!({"producer": "Fir ", "country": "United Kingdom", "abv": "57.2 % / 60 %",
            "average_rating": "8.0", "rating_count": 3}),
        ),
        tonic(
            11,
            "Neat serve",
            json!({"producer": null, "country": "", "average_rating": "8.6",
            "rating_count": 122}),
        ),
        gin(
            12,
            "Gale Gin",
            json!({"producer": "Gale", "country": "France", "abv": "approx. 40",
            "average_rating": "10.0", "rating_count": 1}),
        ),
        with(
            gin(
                13,
                "Heath Gin",
                json!({"producer": "Little Brown Dog Spirits",
            "country": "Unknown or Invalid Region", "abv": "43"}),
            ),
            unrated,
        ),
        gin(
            14,
            "Iris Gin",
            json!({"country": null, "perfect_tonics": stubs("tonic", &[2]),
            "perfect_garnishes": stubs("garnish", &[3])}),
        ),
        gin(
            15,
            "Juno \"Reserve\"; Batch\nTwo",
            json!({"producer": "Juno", "country": "Belgium", "abv": "45",
            "average_rating": "6.0", "rating_count": 100}),
        ),
        gin(
            16,
            "Kite Gin",
            json!({"producer": "Kite", "country": "Taiwan", "abv": "47.11",
            "average_rating": "8.4", "rating_count": 20}),
        ),
        gin(
            17,
            "Lark Gin",
            json!({"producer": "Lark", "country": "Hong Kong SAR China", "abv": null,
            "average_rating": "7.7", "rating_count": 2}),
        ),
        gin(
            18,
            "Moor Gin",
            json!({"producer": "Moor", "country": "U.S. Virgin Islands", "abv": "0.0%",
            "average_rating": "6.9", "rating_count": 1}),
        ),
        gin(
            19,
            "Nook Gin",
            json!({"producer": "Nook", "country": "Russia / Finland", "abv": "38",
            "average_rating": "7.1", "rating_count": 9}),
        ),
        gin(
            20,
            "Opal Gin",
            json!({"producer": "Opal", "country": "Jersey", "abv": "42",
            "average_rating": "7.3", "rating_count": 4}),
        ),
    ];
    let id = |product: &Value| product["id"].as_u64().expect("an id");
    all.into_iter()
        .map(|product| (id(&product), product))
        .collect()
}

/// The short listing: text ids, absent keys instead of nulls, not in order; it lists 10 and 21, which are gone.
pub fn listing(products: &HashMap<u64, Value>) -> Value {
    let entry = |id: u64| match products.get(&id) {
        Some(product) => {
            json!({"id": id.to_string(), "type": product["type"], "name": product["name"]})
        }
        None => json!({"id": id.to_string(), "type": "gin", "name": "gone"}),
    };
    let mut ids: Vec<u64> = (1..=21).collect();
    ids.reverse();
    ids.into_iter().map(entry).collect()
}

/// The fixture's API: id 10 answers 404, id 21 answers 500 twice and then 404.
pub fn fixture() -> Api {
    serve(products())
}

/// The same API over other products.
pub fn serve(products: HashMap<u64, Value>) -> Api {
    let tries = Mutex::new(HashMap::<u64, u32>::new());
    Api::start(move |request| {
        if request.parameter("api_key").is_none_or(str::is_empty) {
            return Response::status(401);
        }
        let Some(id) = requested_id(request) else {
            return Response::json(listing(&products).to_string());
        };
        let mut tries = tries.lock().expect("not poisoned");
        let tries = tries.entry(id).or_default();
        *tries += 1;
        match products.get(&id) {
            Some(product) => Response::json(product.to_string()),
            None if id == 21 && *tries <= 2 => Response::status(500),
            None => Response::status(404),
        }
    })
}

/// The id in `/api/v2/products/<id>`; none for the listing.
pub fn requested_id(request: &Request) -> Option<u64> {
    request.path.strip_prefix("/api/v2/products/")?.parse().ok()
}
