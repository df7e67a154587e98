//! Any JSON through any columns: never a panic, never an altered value, every row accounted for; each value as a slow
//! reading of its own has it.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::value::RawValue;
use table::Sizes;

use crate::agreement::{decimal, double, record, text, whole};
use crate::harness::{rows, run, tables};

const TYPES: [&str; 7] = [
    "int64",
    "int16",
    "float64",
    "\"decimal(20,3)\"",
    "string",
    "bool",
    "json",
];

/// A column of the record or of an element: where its value is, its type, and what happens to what does not fit.
#[derive(Debug, Clone)]
struct Wanted {
    path: Vec<&'static str>,
    kind: &'static str,
    nulls_errors: bool,
    is_required: bool,
    /// Whether it passes through a function, and so goes another way than most.
    is_worked: bool,
}

fn key() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("a"), Just("b"), Just("c"), Just("d"), Just("long key")]
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let path = prop::collection::vec(key(), 1..4);
    let kind = prop::sample::select(TYPES.to_vec());
    let flags = (
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    (path, kind, flags).prop_map(
        |(path, kind, (nulls_errors, is_required, is_worked))| Wanted {
            path,
            kind,
            nulls_errors,
            is_required: is_required && !nulls_errors,
            is_worked: is_worked && kind == "string",
        },
    )
}

impl Wanted {
    fn yaml(&self, number: usize) -> String {
        let path: String = self.path.iter().map(|key| format!("['{key}']")).collect();
        let mut more = String::new();
        if self.nulls_errors {
            more.push_str(", on_error: \"null\"");
        }
        if self.is_required {
            more.push_str(", required: true");
        }
        if self.is_worked {
            more.push_str(", apply: [trim]");
        }
        let kind = self.kind;
        format!("    c{number}: {{ from: \"${path}\", type: {kind}{more} }}\n")
    }

    /// What the column holds for a record or an element; none where that makes the record a reject.
    fn reading(&self, raw: Option<&str>) -> Option<String> {
        let found = match walk(raw, &self.path) {
            Ok(None) => None,
            Ok(Some(raw)) => match self.typed(raw) {
                Some(value) => Some(value),
                None if self.nulls_errors => return Some(String::new()),
                None => return None,
            },
            Err(Blocked) if self.nulls_errors => return Some(String::new()),
            Err(Blocked) => return None,
        };
        if found.is_none() && self.is_required {
            return None;
        }
        Some(found.unwrap_or_default())
    }

    fn typed(&self, raw: &str) -> Option<String> {
        let kept = Some(raw);
        match self.kind {
            "int64" => whole(kept),
            "int16" => whole(kept)?
                .parse::<i16>()
                .ok()
                .map(|number| number.to_string()),
            "float64" => double(kept),
            "string" if self.is_worked => text(kept).map(|text| text.trim().to_owned()),
            "string" => text(kept),
            "bool" => text(kept).filter(|text| {
                (text == "true" || text == "false")
                    && !raw.starts_with(|c: char| c.is_ascii_digit())
            }),
            "json" => Some(raw.to_owned()),
            _ => decimal(kept),
        }
    }
}

/// Another kind of value stands on the way.
struct Blocked;

type Members<'a> = HashMap<String, &'a RawValue>;

fn walk<'r>(mut raw: Option<&'r str>, path: &[&str]) -> Result<Option<&'r str>, Blocked> {
    for key in path {
        let Some(object) = raw.filter(|raw| *raw != "null") else {
            return Ok(None);
        };
        let members: Members<'r> = serde_json::from_str(object).map_err(|_| Blocked)?;
        raw = members.get(*key).map(|raw| raw.get());
    }
    Ok(raw.filter(|raw| *raw != "null"))
}

/// The rows that a record makes in both tables; none if it is a reject.
fn readings(
    record: &str,
    columns: &[Wanted],
    each: &[&str],
    of_element: &[Wanted],
) -> Option<(String, Vec<String>)> {
    let row = |raw: Option<&str>, columns: &[Wanted]| {
        let values = columns.iter().map(|column| column.reading(raw));
        values.collect::<Option<Vec<String>>>()
    };
    let parent = row(Some(record), columns)?.join(";");
    let mut children = Vec::new();
    let list = walk(Some(record), each).ok()?;
    let elements: Vec<&RawValue> = match list {
        Some(list) => serde_json::from_str(list).ok()?,
        None => Vec::new(),
    };
    for (place, element) in elements.iter().enumerate() {
        let values = row(Some(element.get()), of_element)?;
        children.push(format!("{place};{}", values.join(";")));
    }
    Some((parent, children))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_columns_hold_what_was_written(
        records in prop::collection::vec(record(), 0..6),
        columns in prop::collection::vec(wanted(), 1..9),
        each in prop::collection::vec(key(), 1..3),
        of_element in prop::collection::vec(wanted(), 1..4),
        row_group_bytes in prop_oneof![Just(1usize), Just(10 << 20)],
    ) {
        let yaml = |columns: &[Wanted]| -> String {
            columns.iter().enumerate().map(|(number, column)| column.yaml(number)).collect()
        };
        let list: String = each.iter().map(|key| format!("['{key}']")).collect();
        let definition = format!(
            "t:\n  from: r\n  columns:\n{}e:\n  from: r\n  each: \"${list}\"\n  columns:\n    place: {{ from: $ordinal, type: int64 }}\n{}",
            yaml(&columns),
            yaml(&of_element),
        );
        let page = format!("[{}]", records.join(","));
        let sizes = Sizes { row_group_bytes, ..Sizes::default() };
        let outcome = run(&tables(&definition), &["$"], sizes, &[page.as_bytes()]);
        prop_assert_eq!(outcome.counts.records, records.len() as u64);
        let mut expected = (Vec::new(), Vec::new());
        for record in &records {
            if let Some((parent, children)) = readings(record, &columns, &each, &of_element) {
                expected.0.push(parent);
                expected.1.extend(children);
            }
        }
        let found = (rows(&outcome, "t"), rows(&outcome, "e"));
        prop_assert_eq!(found, expected, "{}\n{}", definition, page);
    }

    #[test]
    fn damaged_pages_make_no_panic_and_the_same_rows_however_they_are_read(
        records in prop::collection::vec(record(), 1..5),
        columns in prop::collection::vec(wanted(), 1..9),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let plain: String = columns.iter().enumerate().map(|(at, column)| column.yaml(at)).collect();
        // A filter that drops nothing makes columns wait until their record is read.
        let filtered = format!(
            "{plain}    never: {{ value: x, type: string }}\n  filters:\n    - {{ name: never, drop_when: {{ column: never, in: [y] }} }}\n"
        );
        let mut page = format!("[{}]", records.join(",")).into_bytes();
        for (index, byte) in changes {
            let at = index.index(page.len());
            page[at] = byte;
        }
        let page = &page[..cut.index(page.len() * 4).min(page.len())];
        let read = |columns: &str| {
            let definition = format!("t:\n  from: r\n  columns:\n{columns}");
            let outcome = run(&tables(&definition), &["$"], Sizes::default(), &[page]);
            let rejects = outcome.sinks.rejects.clone();
            (rows(&outcome, "t"), rejects)
        };
        let (straight, rejects) = read(&plain);
        let (waited, same_rejects) = read(&filtered);
        let straight: Vec<String> = straight.iter().map(|row| format!("{row};x")).collect();
        prop_assert_eq!(straight, waited);
        prop_assert_eq!(rejects, same_rejects);
    }
}
