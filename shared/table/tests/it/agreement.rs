//! Any JSON, any columns: never a panic, never an altered value, every row accounted for; and the same rows as a
//! slow reference made with serde_json.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::value::RawValue;
use table::Sizes;

use crate::harness::{rows, run, tables};

const TABLES: &str = r#"
t:
  from: r
  columns:
    i: { from: $.a, type: int64, on_error: "null" }
    s: { from: $.a, type: string, on_error: "null" }
    f: { from: $.b, type: float64, on_error: "null" }
    d: { from: $.b, type: "decimal(20,3)", on_error: "null" }
    n: { from: $.c.d, type: string, on_error: "null" }
    j: { from: $.c, type: json, on_error: "null" }
    w: { from: $.a, type: string, apply: [trim], on_error: "null" }
"#;

/// JSON as a text: numbers of every size, escapes, blanks, nesting.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,24})",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,20}([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        r#"([a-z{}\[\],:é ]|\\["\\n/]|\\u[0-9a-f]{4}){0,70}"#
            .prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d"), Just("long key")];
        let blank = prop_oneof![Just(""), Just(""), Just(" "), Just("\n\t")];
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..6), blank.clone()).prop_map(
                |(items, blank)| format!("[{blank}{}]", items.join(&format!("{blank},")))
            ),
            (prop::collection::btree_map(key, inner, 0..5), blank).prop_map(|(members, blank)| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(key, value)| format!("{blank}\"{key}\"{blank}:{blank}{value}"))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

pub fn record() -> impl Strategy<Value = String> {
    (json(), json(), json(), 0..4usize).prop_map(|(a, b, c, order)| {
        let mut members = [
            format!("\"a\":{a}"),
            format!("\"b\": {b}"),
            format!("\"c\":{c}"),
        ];
        members.rotate_left(order % 3);
        format!("{{{}}}", members[..3 - order / 3].join(","))
    })
}

type Members<'a> = std::collections::HashMap<String, &'a RawValue>;

/// The rows that the reference makes of the records; none for a record that is a reject.
fn reference(record: &str) -> Option<String> {
    let members: Members<'_> = serde_json::from_str(record).ok()?;
    let a = members.get("a").map(|raw| raw.get());
    let b = members.get("b").map(|raw| raw.get());
    let c = members
        .get("c")
        .map(|raw| raw.get())
        .filter(|raw| *raw != "null");
    let inner: Option<Members<'_>> = c.and_then(|raw| serde_json::from_str(raw).ok());
    let d = inner
        .as_ref()
        .and_then(|inner| inner.get("d"))
        .map(|raw| raw.get());
    let mut row = String::new();
    write!(row, "{};", whole(a).unwrap_or_default()).ok()?;
    write!(row, "{};", text(a).unwrap_or_default()).ok()?;
    write!(row, "{};", double(b).unwrap_or_default()).ok()?;
    write!(row, "{};", decimal(b).unwrap_or_default()).ok()?;
    write!(row, "{};", text(d).unwrap_or_default()).ok()?;
    write!(row, "{};", c.unwrap_or_default()).ok()?;
    write!(row, "{}", text(a).unwrap_or_default().trim()).ok()?;
    Some(row)
}

/// What a plain value is written with: a text's content, a number's or truth value's characters.
pub fn text(raw: Option<&str>) -> Option<String> {
    let raw = raw?;
    match raw.as_bytes()[0] {
        b'[' | b'{' | b'n' => None,
        b'"' => {
            let text: String = serde_json::from_str(raw).ok()?;
            Some(text).filter(|text| !text.contains('\0'))
        }
        _ => Some(raw.to_owned()),
    }
}

fn number(raw: Option<&str>) -> Option<String> {
    let text = text(raw)?;
    let unsigned = text.strip_prefix('-').unwrap_or(&text);
    unsigned
        .starts_with(|first: char| first.is_ascii_digit())
        .then_some(())?;
    (!text.contains("inf")).then_some(text)
}

pub fn whole(raw: Option<&str>) -> Option<String> {
    let text = number(raw)?;
    text.parse::<i64>().ok().map(|number| number.to_string())
}

pub fn double(raw: Option<&str>) -> Option<String> {
    let text = number(raw)?;
    let parsed: serde_json::Number = serde_json::from_str(&text).ok()?;
    let value: f64 = text.parse().ok()?;
    let underflows = value == 0.0
        && text
            .split(['e', 'E'])
            .next()?
            .contains(|c| ('1'..='9').contains(&c));
    let _ = parsed;
    (value.is_finite() && !underflows).then(|| {
        let array = arrow_array::Float64Array::from(vec![value]);
        let options = Default::default();
        let formatter = arrow_cast::display::ArrayFormatter::try_new(&array, &options);
        formatter.expect("shown").value(0).to_string()
    })
}

/// The number as `whole.fff`, by moving the point through its digits.
pub fn decimal(raw: Option<&str>) -> Option<String> {
    let text = number(raw)?;
    let _: serde_json::Number = serde_json::from_str(&text).ok()?;
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.as_str()),
    };
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.trim_start_matches('+').parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{whole}{fraction}{}", "0".repeat(1200), "0".repeat(1200));
    let point = (1200 + whole.len() as i32 + exponent) as usize;
    let whole = digits[..point].trim_start_matches('0');
    let (kept, lost) = digits[point..].split_at(3);
    if lost.contains(|c| c != '0') || whole.len() > 17 {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    let is_zero = whole == "0" && kept == "000";
    let sign = if is_zero { "" } else { sign };
    Some(format!("{sign}{whole}.{kept}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn rows_agree_with_the_reference(records in prop::collection::vec(record(), 0..6)) {
        let page = format!("[{}]", records.join(" ,\n"));
        let outcome = run(&tables(TABLES), &["$"], Sizes::default(), &[page.as_bytes()]);
        // A repeated key in `c` makes our record a reject, in the reference the last one counts.
        prop_assert_eq!(outcome.counts.records, records.len() as u64);
        let expected: Vec<String> = records.iter().filter_map(|record| reference(record)).collect();
        prop_assert_eq!(rows(&outcome, "t"), expected, "{}", page);
    }

    #[test]
    fn no_bytes_make_a_panic(
        records in prop::collection::vec(record(), 0..4),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut page = format!(r#"{{"n":1,"data":[{}]}}"#, records.join(",")).into_bytes();
        for (index, byte) in changes {
            let at = index.index(page.len());
            page[at] = byte;
        }
        let cut = cut.index(page.len() * 4).min(page.len());
        // `finish` refuses rows that do not balance.
        run(&tables(TABLES), &["$.data", "$"], Sizes::default(), &[&page[..cut]]);
    }
}
