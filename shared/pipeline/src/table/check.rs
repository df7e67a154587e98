//! What has to fit together across the keys of a table, and between tables.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::column::{ColumnDefinition, OnError, Source};
use super::column_type::ColumnType;
use super::condition::{RowCondition, When};
use super::function::Function;
use super::origin::Origin;
use super::time::TimeFormat;
use super::{Columns, Duplicates, TableDefinition};
use crate::name::Name;
use crate::problem::{Located, Location, Problems, suggestion};

/// What the rest of the definition offers to its tables.
pub struct Known<'a> {
    /// The resources.
    pub resources: Vec<&'a str>,
    /// The reference tables.
    pub references: Vec<&'a str>,
    /// What templates can refer to in a slice.
    pub values: Vec<&'a str>,
    /// What templates can refer to besides in the tables of a resource.
    pub of_resource: BTreeMap<&'a str, Vec<String>>,
    /// Keys that decoding took out for a mistake of their own.
    pub removed: &'a BTreeSet<String>,
}

/// The tables as written.
pub type Tables = IndexMap<Name, Located<TableDefinition>>;

/// Notes everything that does not fit together in the tables.
pub fn check(tables: &Tables, known: &Known<'_>, problems: &mut Problems) {
    for (name, table) in tables {
        let mut check = Check {
            name,
            table,
            known,
            problems,
        };
        check.source();
        check.columns();
        check.key();
        check.filters();
        check.extra();
    }
    routes(tables, problems);
}

/// A table that takes what the others leave gets nothing where another takes every record.
fn routes(tables: &Tables, problems: &mut Problems) {
    for (name, table) in tables {
        if !matches!(table.when, Some(When::Otherwise)) {
            continue;
        }
        let greedy = tables.iter().find(|(_, other)| {
            *other.from == *table.from && other.when.is_none() && other.each.is_none()
        });
        if let Some((other, _)) = greedy {
            problems.add_with(
                table.at,
                format!("`{name}` takes what no other table takes, but `{other}` takes every record of `{}`", *table.from),
                format!("give `{other}` a `when`"),
            );
        }
    }
}

struct Check<'a, 'p> {
    name: &'a Name,
    table: &'a Located<TableDefinition>,
    known: &'a Known<'a>,
    problems: &'p mut Problems,
}

impl Check<'_, '_> {
    fn source(&mut self) {
        let from = &self.table.from;
        self.reference("resource", from, self.known.resources.clone());
        let Columns::Declared(columns) = &self.table.columns else {
            if self.table.each.is_some() {
                self.problems.add_with(
                    self.table.at,
                    format!(
                        "`{}` infers its columns, which works on whole records",
                        self.name
                    ),
                    "declare the columns, or leave `each` out",
                );
            }
            return;
        };
        if columns.is_empty() && !self.known.removed.contains("columns") {
            self.problems.add_with(
                self.table.at,
                format!("`{}` has no columns", self.name),
                "write at least one, or `columns: infer`",
            );
        }
    }

    fn reference(&mut self, thing: &str, name: &Located<Name>, offered: Vec<&str>) {
        let text: &str = name;
        if !offered.contains(&text) && !self.known.removed.contains(text) {
            self.problems.unknown(name.at, thing, text, offered);
        }
    }

    fn columns(&mut self) {
        let Some(columns) = self.table.columns.declared() else {
            return;
        };
        let mut above: Vec<&str> = Vec::new();
        for (name, column) in columns {
            self.column(name, column, &above);
            above.push(name);
        }
    }

    fn column(&mut self, name: &Name, column: &Located<ColumnDefinition>, above: &[&str]) {
        let at = column.at;
        self.column_source(at, &column.source, above);
        for function in &column.apply {
            self.function(function, above);
        }
        self.column_type(name, column);
        if column.required && column.on_error == OnError::Null {
            self.problems.add_with(
                at,
                format!("`{name}` is required, so null is no way out of an error"),
                "leave out `required` or `on_error`",
            );
        }
    }

    fn column_source(&mut self, at: Location, source: &Source, above: &[&str]) {
        match source {
            Source::From(Origin::Own(_)) => {}
            Source::From(origin) => {
                if self.table.each.is_none() && !self.known.removed.contains("each") {
                    self.problems.add_with(
                        at,
                        format!("`{origin}` is known only in a table with `each`"),
                        "write a path from the record: `$.id`",
                    );
                }
            }
            Source::Value(template) => {
                let mut values = self.known.values.clone();
                let own = self.known.of_resource.get(&**self.table.from);
                values.extend(own.into_iter().flatten().map(String::as_str));
                for reference in template.references() {
                    if !values.contains(&reference) {
                        self.problems.add_with(
                            at,
                            format!("there is no value `{{{reference}}}`"),
                            suggestion(reference, &values),
                        );
                    }
                }
            }
            Source::Lookup(lookup) => {
                self.reference(
                    "reference",
                    &lookup.reference,
                    self.known.references.clone(),
                );
                if lookup.matching.is_empty() {
                    self.problems.add_with(
                        at,
                        "a lookup has to match at least one column",
                        "write `match: { reference_column: column }`",
                    );
                }
                for column in lookup.matching.values() {
                    self.stands_above(column, above);
                }
            }
        }
    }

    fn stands_above(&mut self, column: &Located<Name>, above: &[&str]) {
        let name: &str = column;
        if above.contains(&name) || self.known.removed.contains(name) {
            return;
        }
        let declared = self.table.columns.declared();
        if declared.is_some_and(|columns| columns.contains_key(name)) {
            self.problems.add_with(
                column.at,
                format!("the column `{name}` is not known yet here"),
                format!("write `{name}` above the column that looks at it"),
            );
            return;
        }
        self.problems
            .unknown(column.at, "column", name, above.iter().copied());
    }

    fn function(&mut self, function: &Located<Function>, above: &[&str]) {
        if let Some(column) = function.looks_at() {
            self.stands_above(column, above);
        }
        let searched: Vec<&String> = match &function.value {
            Function::SplitFirst(text) | Function::Remove(text) => vec![text],
            Function::Replace(pairs) => pairs.keys().collect(),
            _ => Vec::new(),
        };
        if searched.iter().any(|text| text.is_empty()) {
            self.problems.add_with(
                function.at,
                format!("`{}` cannot search for an empty text", function.name()),
                "write the text to look for",
            );
        }
    }

    fn column_type(&mut self, name: &Name, column: &Located<ColumnDefinition>) {
        let kind = column.column_type;
        let mut misplaced = |key: &str, remedy: &str| {
            self.problems.add_with(
                column.at,
                format!("`{name}` is of type `{kind}`, for which `{key}` means nothing"),
                remedy,
            );
        };
        if column.range.is_some() && !kind.is_number() {
            misplaced("range", "leave it out");
        }
        if !column.formats.is_empty() && !kind.has_formats() {
            misplaced(
                "formats",
                "leave it out, or make the type a date, time or timestamp",
            );
        }
        if column.timezone.is_some() && kind != ColumnType::Timestamp {
            misplaced("timezone", "leave it out, or make the type `timestamp`");
        }
        let counts = |format: &TimeFormat| {
            matches!(
                format,
                TimeFormat::UnixSeconds | TimeFormat::UnixMilliseconds
            )
        };
        let is_instant =
            kind == ColumnType::Timestamp && column.timezone != Some(super::time::Timezone::None);
        if column.formats.iter().any(counts) && !is_instant && kind.has_formats() {
            self.problems.add_with(
                column.at,
                format!("`{name}` reads seconds since 1970, which are an instant"),
                "make it a `timestamp` without `timezone: none`",
            );
        }
        if let Some(range) = &column.range
            && let (Some(smallest), Some(largest)) = (range.smallest, range.largest)
            && smallest.as_f64() > largest.as_f64()
        {
            self.problems.add_with(
                column.at,
                format!("the range of `{name}` is empty"),
                "write the smaller bound first",
            );
        }
    }

    fn key(&mut self) {
        let table = self.table;
        if table.key.is_empty() && table.duplicates == Duplicates::KeepFirst {
            self.problems.add_with(
                table.at,
                format!("`{}` has no key by which duplicates are known", self.name),
                "write `key: [..]`",
            );
        }
        let Some(columns) = table.columns.declared() else {
            return;
        };
        for name in &table.key {
            self.known_column(name);
            let text: &str = name;
            let nullable = columns.get(text).filter(|column| !column.is_never_null());
            if nullable.is_some() {
                self.problems.add_with(
                    name.at,
                    format!(
                        "`{text}` is part of the key of `{}` but may be null",
                        self.name
                    ),
                    format!("write `required: true` at the column `{text}`"),
                );
            }
        }
    }

    fn known_column(&mut self, name: &Located<Name>) {
        if let Some(columns) = self.table.columns.declared() {
            let offered = columns.keys().map(|name| &**name).collect();
            self.reference("column", name, offered);
        }
    }

    fn filters(&mut self) {
        let mut names = BTreeSet::new();
        for filter in &self.table.filters {
            let RowCondition { column, .. } = &filter.drop_when;
            self.known_column(column);
            if !names.insert(&filter.name.value) {
                self.problems.add_with(
                    filter.name.at,
                    format!("there are two filters `{}`", *filter.name),
                    "give each filter a name of its own",
                );
            }
        }
    }

    fn extra(&mut self) {
        let Some(extra) = &self.table.extra else {
            return;
        };
        let Some(columns) = self.table.columns.declared() else {
            return;
        };
        if columns.contains_key(&*extra.value) {
            self.problems.add_with(
                extra.at,
                format!("there is a column `{}` already", **extra),
                "give the column of the other members a name of its own",
            );
        }
        let whole = |column: &Located<ColumnDefinition>| matches!(&column.source, Source::From(Origin::Own(path)) if path.segments().is_empty());
        if columns.values().any(whole) {
            self.problems.add_with(
                extra.at,
                "a column takes the whole record, so no members are left over",
                "leave out `extra`, or the column `from: $`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::decode::decode;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        tables: Tables,
    }

    fn problems(text: &str) -> String {
        let decoded = decode::<Sample>(text);
        let mut problems = decoded.problems;
        if let Some(sample) = &decoded.value {
            let known = Known {
                resources: vec!["products"],
                references: vec!["countries"],
                values: vec!["window.date", "slice.id"],
                of_resource: BTreeMap::from([("products", vec!["parent.shop".to_owned()])]),
                removed: &decoded.removed,
            };
            check(&sample.tables, &known, &mut problems);
        }
        problems.render("p.yaml", text)
    }

    const GOLDEN: &str = include_str!("testdata/gins.yaml");

    #[test]
    fn a_whole_definition_fits_together() {
        assert_eq!(problems(GOLDEN), "");
    }

    #[test]
    fn what_does_not_fit_together_is_named_with_its_remedy() {
        let mut shown = String::new();
        for (old, new) in [
            ("from: products", "from: product"),
            ("key: [id]", "key: [idd]"),
            ("key: [id]", "key: [producer]"),
            ("key: [id]", "duplicates: keep_first"),
            ("type: int32, required: true", "type: int23, required: true"),
            (
                "type: int32, required: true",
                "type: int32, required: true, on_error: null",
            ),
            ("from: $.id, type: int32", "from: $parent.id, type: int32"),
            ("from: $.id, type: int32", "from: id, type: int32"),
            ("from: $.id, type: int32", "type: int32"),
            (
                "from: $.id, type: int32",
                "from: $.id, value: x, type: int32",
            ),
            (
                "from: $.id, type: int32",
                "from: $.id, type: int32, formats: [iso]",
            ),
            (
                "from: $.id, type: int32",
                "from: $.id, type: int32, timezone: utc",
            ),
            (
                "from: $.id, type: int32",
                "from: $.id, type: int32, range: [2, 1.5]",
            ),
            (
                "from: $.id, type: int32",
                "from: $.id, type: int32, fron: 1",
            ),
            (
                "from: $.producer, type: string",
                "from: $.producer, type: string, range: [0, 1]",
            ),
            ("split_first: \"/\"", "split_fist: \"/\""),
            ("split_first: \"/\"", "split_first: \"\""),
            (
                "column: producer, equals: Little Brown Dog Spirits",
                "column: country_id, equals: x",
            ),
            (
                "column: producer, equals: Little Brown Dog Spirits",
                "column: producer",
            ),
            (
                "column: producer, equals: Little Brown Dog Spirits",
                "column: producer, equals: a, in: [b]",
            ),
            ("reference: countries", "reference: contries"),
            ("nicename: country", "nicename: countries"),
            ("{window.date}", "{window.dat}"),
            (
                "column: country, is: \"null\"",
                "column: contry, is: \"null\"",
            ),
            ("at_most: 1%", "at_most: 1"),
            ("extra: other", "extra: id"),
            ("equals: gin }", "equals: 1.5 }"),
            ("when: { path: $.type, equals: gin }", "when: otherwise"),
            ("each: $.perfect_tonics.data", "each: { tre: $.a }"),
        ] {
            assert!(GOLDEN.contains(old), "{old}");
            let patched = GOLDEN.replacen(old, new, 1);
            shown += &format!("# {old} -> {new}\n{}\n", problems(&patched));
        }
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn a_table_of_the_rest_needs_a_rest() {
        let text = "tables:\n  a:\n    from: products\n    columns: infer\n  b:\n    from: products\n    when: otherwise\n    columns: infer\n";
        assert!(problems(text).contains("`a` takes every record of `products`"));
    }
}
