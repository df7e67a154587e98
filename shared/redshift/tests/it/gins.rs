//! The shipped pipeline `gins` in Redshift: its tables as the definition says, and its report.

use edge::definitions::Definitions;
use serde_json::{Map, Value, json};

use crate::place::{self, Place};

fn gin(id: u32, name: &str, fields: Value) -> Value {
    let mut gin = json!({
        "id": id, "type": "gin", "name": name, "producer": "P", "country": "Spain", "abv": "40",
        "average_rating": "7.0", "rating_count": 10, "picture_url": null, "first_name": null,
        "description": {"content": "…", "google_translation": false},
        "perfect_tonics": {"data": [{"id": 90, "type": "tonic"}]}, "perfect_garnishes": {"data": []},
        "purchase_links": {"data": []},
    });
    for (name, value) in fields.as_object().expect("fields") {
        gin[name] = value.clone();
    }
    gin
}

/// Products with every figure that a decimal of one digit has to round.
fn products() -> String {
    let tonic = json!({
        "id": 90, "type": "tonic", "name": "Tonic", "producer": "T", "country": "Italy",
        "average_rating": "7.5", "rating_count": 28, "description": {"content": "x", "google_translation": false},
        "perfect_gins": {"data": [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]}, "purchase_links": {"data": []},
    });
    let garnish = json!({"id": 91, "type": "garnish", "name": "", "perfect_gins": {"data": []}});
    let gins = [
        gin(
            1,
            "A",
            json!({"abv": "45,55 %", "average_rating": "9.9", "rating_count": 5}),
        ),
        gin(
            2,
            "B",
            json!({"abv": "47.11", "average_rating": "9.4", "country": "Russia", "rating_count": 15}),
        ),
        gin(
            3,
            "C",
            json!({"abv": "50,05", "average_rating": "6.0", "producer": "Q", "rating_count": 1000}),
        ),
        gin(
            4,
            "D",
            json!({"abv": "100 %", "average_rating": null, "rating_count": null, "producer": null}),
        ),
    ];
    let all: Vec<Value> = gins.into_iter().chain([tonic, garnish]).collect();
    json!({ "data": all }).to_string()
}

/// The countries as a page of records.
fn countries(csv: &str) -> String {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().expect("names").clone();
    let record = |record: csv::StringRecord| -> Map<String, Value> {
        let cells = names.iter().zip(record.iter());
        cells
            .map(|(name, cell)| {
                let value = (!cell.is_empty()).then(|| json!(cell));
                (name.to_owned(), value.unwrap_or_default())
            })
            .collect()
    };
    let all: Vec<_> = reader
        .records()
        .map(|row| record(row.expect("CSV")))
        .collect();
    json!(all).to_string()
}

#[tokio::test]
async fn its_tables_and_its_report_are_made_there() {
    let place = Place::on_aws().await;
    let folder = emulator::root().join("pipelines");
    let bundle = Definitions::below(&folder).load("gins").expect("gins");
    let page = countries(&bundle.files["reference/countries.csv"]);
    let pages = [("products", products()), ("countries", page)];
    let pages: Vec<(&str, &str)> = pages
        .iter()
        .map(|(name, page)| (*name, page.as_str()))
        .collect();
    let begun = place::begin_of(&place.env, "gins.1", 1, bundle, &pages).await;
    place.publish(&begun).await.expect("published");
    assert_eq!(place::refresh(&place.env, &begun).await, Ok(12));

    // As the data dictionary of the pipeline has them: rounded, with the country's key in the country's place.
    for (question, answer) in [
        (
            "SELECT id, abv, average_rating, rating_count, nicename FROM gins.gins LEFT JOIN (SELECT id AS c, nicename FROM gins.countries) c ON c = country_id ORDER BY id",
            "1|45.6|9.9|5|Spain\n2|47.1|9.4|15|Russian Federation\n3|50.1|6.0|1000|Spain\n4|100.0|~|0|Spain",
        ),
        (
            "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'gins' AND table_name = 'gins'",
            "id type name first_name second_name picture_url producer country_id abv average_rating rating_count",
        ),
        (
            "SELECT string_agg(column_name, ' ' ORDER BY ordinal_position) FROM information_schema.columns WHERE table_schema = 'gins' AND table_name = 'perfect_tonics'",
            "id perfect_tonic",
        ),
        (
            "SELECT string_agg(table_name || '.' || column_name, ' ' ORDER BY 1) FROM information_schema.columns WHERE table_schema = 'gins' AND is_nullable = 'NO' AND table_name IN ('gins', 'countries', 'perfect_tonics') AND data_type <> 'character varying'",
            "countries.id countries.phonecode gins.id gins.rating_count perfect_tonics.id perfect_tonics.perfect_tonic",
        ),
        (
            "SELECT numeric_precision, numeric_scale FROM information_schema.columns WHERE table_schema = 'gins' AND table_name = 'gins' AND column_name = 'abv'",
            "4|1",
        ),
        (
            "SELECT data_type FROM information_schema.columns WHERE table_schema = 'gins' AND table_name = 'gins' AND column_name = 'country_id'",
            "smallint",
        ),
        ("SELECT name = '' FROM gins.garnishes", "t"),
        // The report.
        (
            "SELECT type, products FROM gins_report.totals ORDER BY type",
            "garnish|1\ngin|4\ntonic|1",
        ),
        (
            "SELECT producer, mean_rating, rated_gins FROM gins_report.producer_ratings ORDER BY 1",
            "P|9.65|2\nQ|6|1",
        ),
        (
            "SELECT position, producer, mean_rating FROM gins_report.best_rated_producers ORDER BY 1",
            "1|P|9.65\n2|Q|6",
        ),
        (
            "SELECT position, id, country, average_rating FROM gins_report.best_rated_gins ORDER BY 1",
            "1|1|Spain|9.9\n2|2|Russian Federation|9.4\n3|3|Spain|6.0",
        ),
        (
            "SELECT position, id, country FROM gins_report.most_rated_gins ORDER BY 1",
            "1|3|Spain\n2|2|Russian Federation\n3|1|Spain\n4|4|Spain",
        ),
        (
            "SELECT bin, round(lower_edge::numeric, 2), gins FROM gins_report.rating_histogram ORDER BY 1",
            "0|6.00|1\n8|9.12|1\n9|9.51|1",
        ),
        (
            "SELECT bin, lower_edge, gins FROM gins_report.votes_histogram ORDER BY 1",
            "0|0|2\n1|10|1\n99|990|1",
        ),
        (
            "SELECT position, country, gins FROM gins_report.countries_by_gins ORDER BY 1",
            "1|Spain|3\n2|Russian Federation|1",
        ),
        (
            "SELECT position, country, producers FROM gins_report.countries_by_producers ORDER BY 1",
            "1|Spain|2\n2|Russian Federation|1",
        ),
        (
            "SELECT pairing, gins, pairs FROM gins_report.pairing_coverage ORDER BY 1",
            "garnish|0|0\ntonic|4|4",
        ),
    ] {
        assert_eq!(place.sql(question), answer, "{question}");
    }
    assert_eq!(place.leftovers("gins"), "0");
}
