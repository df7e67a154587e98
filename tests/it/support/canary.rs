//! Looks for the key in everything that a run says and leaves, in every form that it may have taken.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use edge::chunk::ChunkReader;

use super::content::rows;
use super::world::{CANARY, Ended, World};

/// What no escape changes of the key: it finds the key as it is, in an address, and in JSON.
const CORE: &str = "3f9a1c77";

/// The forms that are looked for.
fn forms() -> Vec<String> {
    let mut forms = vec![
        CORE.to_owned(),
        hexadecimal(CORE),
        hexadecimal(CORE).to_uppercase(),
    ];
    for engine in [STANDARD, URL_SAFE] {
        for before in 0..3 {
            // Wherever the key stands in what was encoded, one of three texts stands for its middle.
            let text = format!("{}{CANARY}", "x".repeat(before));
            let encoded = engine.encode(text);
            forms.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    forms
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Every place where the key is found after a run: there should be none.
pub fn leaks(world: &World, ended: &Ended) -> Vec<String> {
    let mut texts = vec![
        ("stdout".to_owned(), ended.stdout.clone().into_bytes()),
        ("stderr".to_owned(), ended.stderr.clone().into_bytes()),
    ];
    for (path, content) in world.files() {
        let name = path.display().to_string();
        texts.extend(inside(&path).map(|inner| (format!("inside {name}"), inner)));
        texts.push((name.clone(), content));
        texts.push(("a name".to_owned(), name.into_bytes()));
    }
    let forms = forms();
    let found = |text: &[u8]| {
        forms
            .iter()
            .find(|form| contains(text, form.as_bytes()))
            .cloned()
    };
    texts
        .into_iter()
        .filter_map(|(place, text)| found(&text).map(|form| format!("{form} in {place}")))
        .collect()
}

/// What a compressed file holds.
fn inside(path: &Path) -> Option<Vec<u8>> {
    match path.extension()?.to_str()? {
        "parquet" => Some(rows(path).join("\n").into_bytes()),
        "zst" => Some(chunk(path)),
        _ => None,
    }
}

fn chunk(path: &Path) -> Vec<u8> {
    let file = std::fs::File::open(path).expect("a chunk");
    let reader = Box::new(std::io::BufReader::new(file));
    let (header, mut chunk) = ChunkReader::open(reader).expect("a chunk");
    let mut all = serde_json::to_vec(&header).expect("JSON");
    let mut body = Vec::new();
    while let Some(entry) = chunk.next(&mut body).expect("an answer") {
        all.extend(serde_json::to_vec(&entry).expect("JSON"));
        all.extend_from_slice(&body);
    }
    all
}

fn contains(text: &[u8], form: &[u8]) -> bool {
    text.windows(form.len()).any(|window| window == form)
}

#[test]
fn every_form_of_the_key_is_found() {
    let found = |text: &str| {
        forms()
            .iter()
            .any(|form| contains(text.as_bytes(), form.as_bytes()))
    };
    for before in ["", "a", "ab", "api_key="] {
        let text = format!("{before}{CANARY}");
        let encoded: String = text.bytes().map(escaped_byte).collect();
        let escaped = serde_json::to_string(&text).expect("JSON");
        for text in [
            encoded,
            escaped,
            STANDARD.encode(&text),
            URL_SAFE.encode(&text),
            text,
        ] {
            assert!(found(&text), "{text}");
        }
    }
    assert!(!found("canary"));
}

#[cfg(test)]
fn escaped_byte(byte: u8) -> String {
    match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    }
}
