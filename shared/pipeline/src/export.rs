//! Exports: files for people and machines that read no Parquet, written after every publish.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::csv::{Delimiter, Dialect};
use crate::known::Known;
use crate::name::Name;
use crate::per_period::PARTS;
use crate::problem::{Located, Problems};
use crate::source::check_references;
use crate::sql::{Relation, identifier, identifiers};
use crate::template::Template;

/// Export.
///
/// A file that is written from a published table after every publish.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Export {
    /// Delimited text.
    Csv(CsvExport),
}

/// CSV export.
///
/// Delimited text in UTF-8 with a line of names: quotes only where needed, null as nothing, numbers in their
/// shortest form, dates in ISO 8601, lines that end in LF.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CsvExport {
    /// The table or model.
    pub table: Located<Name>,
    /// The file.
    ///
    /// Below the pipeline's own folder of exports; may name the window, `reports/{window.date}.csv`.
    pub path: Located<Template>,
    /// What stands between cells: `,` where nothing is said.
    #[serde(default)]
    pub delimiter: Delimiter,
    /// The columns, in order; all of the table where nothing is said.
    #[serde(default)]
    pub columns: Vec<Located<Name>>,
    /// The columns that rows are ordered by; rows that are equal in them stay in the table's order.
    #[serde(default)]
    pub order_by: Vec<Located<Name>>,
    /// Other names for columns in the file.
    #[serde(default)]
    pub rename: IndexMap<Name, Located<String>>,
    /// Whether the file is for a spreadsheet.
    ///
    /// Text that a spreadsheet would run as a formula gets a `'` in front. Not for files that machines load.
    #[serde(default)]
    pub spreadsheet_safe: bool,
}

impl CsvExport {
    /// The way the file is written.
    pub fn dialect(&self) -> Dialect {
        Dialect {
            delimiter: self.delimiter,
            line_end: "\n",
            mark_empty_text: false,
            spreadsheet_safe: self.spreadsheet_safe,
        }
    }

    /// The query for the file's rows. It numbers the rows as they are stored, which an engine that reads files
    /// in order answers alike every time. `known` are the table's columns, as far as known: an engine may have
    /// them in another order.
    pub fn sql(&self, relation: &Relation, known: &[&str]) -> String {
        let columns = match (self.columns.as_slice(), known) {
            ([], []) => "*".to_owned(),
            ([], known) => identifiers(known),
            (columns, _) => identifiers(&names(columns)),
        };
        let table = relation.quoted();
        if self.order_by.is_empty() {
            return format!("SELECT {columns} FROM {table}");
        }
        let order = identifiers(&names(&self.order_by));
        let row = identifier(ROW);
        format!(
            "SELECT {columns} FROM (SELECT *, ROW_NUMBER() OVER () AS {row} FROM {table}) AS t ORDER BY {order}, {row}"
        )
    }

    /// Which of the query's columns go into the file, and under which names.
    pub fn header(&self, columns: &[String]) -> Vec<(usize, String)> {
        let kept = columns.iter().enumerate().filter(|(_, name)| *name != ROW);
        kept.map(|(index, name)| {
            let renamed = self.rename.get(name.as_str());
            (
                index,
                renamed.map_or_else(|| name.clone(), |new| new.value.clone()),
            )
        })
        .collect()
    }

    fn check(&self, known: &Known, problems: &mut Problems) {
        known.check_table(&self.table, problems);
        known.check_columns(&self.table, &self.columns, problems);
        known.check_columns(&self.table, &self.order_by, problems);
        let exported: BTreeSet<&str> = self.columns.iter().map(|name| &*name.value).collect();
        for (column, new) in &self.rename {
            let column = Located {
                value: column.clone(),
                at: new.at,
            };
            if !exported.is_empty() && !exported.contains(&*column.value) {
                let exported = exported.iter().copied();
                problems.unknown(new.at, "exported column", &column, exported);
            } else {
                known.check_columns(&self.table, [&column], problems);
            }
        }
    }
}

/// The column of row numbers that only orders.
const ROW: &str = "_row";

fn names(columns: &[Located<Name>]) -> Vec<&str> {
    columns.iter().map(|name| &*name.value).collect()
}

/// Notes what does not fit the rest of the definition.
///
/// `values` are the names that templates may use.
///
/// Of a model that `is_periodic` there is a file for each period.
pub fn check(
    exports: &[Export],
    known: &Known,
    values: &[&str],
    is_periodic: &dyn Fn(&str) -> bool,
    problems: &mut Problems,
) {
    let periods: Vec<String> = PARTS.iter().map(|part| format!("period.{part}")).collect();
    let periods = periods.iter().map(String::as_str);
    let with_periods: Vec<&str> = values.iter().copied().chain(periods).collect();
    let mut paths: Vec<&Located<Template>> = Vec::new();
    for Export::Csv(export) in exports {
        export.check(known, problems);
        let periodic = is_periodic(&export.table);
        let values = if periodic { &with_periods } else { values };
        check_references(export.path.at, &export.path, values, problems);
        let mut references = export.path.references();
        if periodic && !references.any(|name| name.starts_with("period.")) {
            problems.add_with(
                export.path.at,
                "the files of all periods would be one",
                "refer to the period, such as `{period.last_day}`",
            );
        }
        if paths.iter().any(|path| path.value == export.path.value) {
            problems.add_with(
                export.path.at,
                format!("two exports write `{}`", export.path.value),
                "give each its own path",
            );
        }
        paths.push(&export.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;

    #[test]
    fn an_export_is_a_query_and_a_header() {
        let text = "- csv: { table: p, path: p.csv, order_by: [id], rename: { tonic: tonics_id } }\n- csv: { table: p, path: q.csv, columns: [tonic] }\n";
        let exports = decode::<Vec<Export>>(text).value.expect("fits");
        let relation = Relation::new("gins", "p");
        let Export::Csv(first) = &exports[0];
        let Export::Csv(second) = &exports[1];
        assert_eq!(
            first.sql(&relation, &[]),
            "SELECT * FROM (SELECT *, ROW_NUMBER() OVER () AS \"_row\" FROM \"gins\".\"p\") AS t ORDER BY \"id\", \"_row\""
        );
        assert_eq!(
            first.sql(&relation, &["id", "tonic"]),
            "SELECT \"id\", \"tonic\" FROM (SELECT *, ROW_NUMBER() OVER () AS \"_row\" FROM \"gins\".\"p\") AS t ORDER BY \"id\", \"_row\""
        );
        let columns = ["id", "tonic", "_row"].map(str::to_owned);
        assert_eq!(
            first.header(&columns),
            [(0, "id".to_owned()), (1, "tonics_id".to_owned())]
        );
        assert_eq!(
            second.sql(&relation, &["id", "tonic"]),
            "SELECT \"tonic\" FROM \"gins\".\"p\""
        );
    }

    #[test]
    fn what_does_not_fit_is_said_at_its_place() {
        let text = "- csv: { table: gin, path: a.csv }\n- csv: { table: gins, path: a.csv, columns: [ids], delimiter: xx, rename: { nam: x } }\n- csv: { table: gins, path: a.csv, columns: [id], rename: { name: x } }\n";
        let decoded = decode::<Vec<Export>>(text);
        let mut known = Known::default();
        known.add("gins", ["id", "name"]);
        let mut problems = decoded.problems;
        check(
            &decoded.value.expect("fits"),
            &known,
            &["window.date"],
            &|_| false,
            &mut problems,
        );
        insta::assert_snapshot!(problems.render("p.yaml", text));
    }
}
