//! The lake: Parquet files whose versions are switched by one pointer a database.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::Write;
use crate::database::{self, Database};
use crate::known::Known;
use crate::name::Name;
use crate::problem::{Located, Problems};
use crate::source::check_references;
use crate::template::{Template, Unfilled};

/// Lake.
///
/// Tables as Parquet files. All tables of a database change together: a reader sees the previous or the next
/// complete version, never a mix.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lake {
    /// The database.
    ///
    /// What the tables are found under, `database.table`; a parameter may choose it: `{environment.database}`.
    pub database: Located<Database>,
    /// The window that a run's rows belong to.
    ///
    /// A column of every table and its value for the run, such as `scrape_date: "{window.date}"`. Windows are
    /// published and replaced one by one; without it a table is one whole.
    #[serde(default)]
    pub partition: IndexMap<Name, Located<Template>>,
    /// The write disposition of a table.
    ///
    /// `replace` where nothing is said, `replace_window` where there is a `partition`.
    #[serde(default)]
    pub write: IndexMap<Name, Located<Write>>,
}

impl Lake {
    /// What becomes of a table's rows that are there.
    pub fn write_of(&self, table: &str) -> Write {
        match self.write.get(table) {
            Some(write) => write.value,
            None if self.partition.is_empty() => Write::Replace,
            None => Write::ReplaceWindow,
        }
    }

    /// The column that tells windows apart, if rows belong to windows.
    pub fn window_column(&self) -> Option<&Name> {
        self.partition.keys().next()
    }

    /// The window that a run's rows belong to, from what `value` knows of the run.
    pub fn window(
        &self,
        value: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, Unfilled> {
        let values: Vec<String> = self
            .partition
            .values()
            .map(|template| template.fill(&value))
            .collect::<Result<_, _>>()?;
        Ok((!values.is_empty()).then(|| values.join("/")))
    }

    pub(super) fn check(&self, known: &Known, values: &[&str], problems: &mut Problems) {
        database::check(&self.database, values, problems);
        for (table, write) in &self.write {
            if !known.has(table) {
                problems.unknown(write.at, "table", table, known.tables());
            }
            let needs_window = matches!(write.value, Write::ReplaceWindow | Write::CreateOnly);
            if needs_window && self.partition.is_empty() {
                problems.add_with(
                    write.at,
                    format!("the rows of `{table}` belong to no window that could be told apart"),
                    "add `partition`, such as `scrape_date: \"{window.date}\"`",
                );
            }
        }
        for (column, template) in &self.partition {
            check_references(template.at, template, values, problems);
            if template.references().next().is_none() {
                problems.add_with(
                    template.at,
                    format!("`{column}` is the same for every run"),
                    "refer to the window, such as `{window.date}`",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Destinations;
    use super::*;
    use crate::decode::decode;

    fn lake(text: &str) -> Lake {
        let decoded = decode::<Destinations>(text);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        decoded.value.and_then(|all| all.lake).expect("a lake")
    }

    #[test]
    fn the_write_disposition_follows_from_the_partition_unless_it_is_said() {
        let whole = lake("lake: { database: gins }");
        assert_eq!(whole.write_of("gins"), Write::Replace);
        assert_eq!(whole.window(|_| None), Ok(None));
        let text = "lake: { database: m, partition: { scrape_date: \"{window.date}\" }, write: { locations: create_only } }";
        let daily = lake(text);
        assert_eq!(daily.write_of("bookings"), Write::ReplaceWindow);
        assert_eq!(daily.write_of("locations"), Write::CreateOnly);
        let window = daily.window(|_| Some("2024-03-25".to_owned()));
        assert_eq!(window, Ok(Some("2024-03-25".to_owned())));
    }

    #[test]
    fn what_does_not_fit_is_said_at_its_place() {
        let text =
            "lake:\n  database: gins\n  write:\n    ginz: append\n    gins: replace_window\n";
        let decoded = decode::<Destinations>(text);
        let mut known = Known::default();
        known.add("gins", ["id"]);
        let mut problems = decoded.problems;
        decoded
            .value
            .expect("fits")
            .check(&known, &["window.date"], &mut problems);
        insta::assert_snapshot!(problems.render("p.yaml", text));
    }
}
