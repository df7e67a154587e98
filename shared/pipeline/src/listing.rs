//! Lists of files: how a version is shown to engines that read tables by lists instead of folders.
//!
//! ```text
//! <database>/<table>/symlinks/<id>/<window or all>/symlink.txt    the addresses of exactly its files, one a line
//! ```
//!
//! The id follows from the files, so a list is written once and never changed, and a window that a run left as it
//! was keeps its list. A table whose rows belong to windows is shown window by window where that column can tell
//! them apart; every other table is one list.

use std::collections::BTreeSet;

use jiff::civil::Date;

use crate::lake::{Column, DataFile, Version};
use crate::sql::Relation;

/// The files of a window of a table, or of all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<'a> {
    /// The window; none where it is of the whole table.
    pub window: Option<&'a str>,
    /// The key of the list in the lake.
    pub key: String,
    /// The files.
    pub files: Vec<&'a DataFile>,
}

/// The name of a list in its folder. An engine is told the folder.
const NAME: &str = "symlink.txt";

impl Version {
    /// The column that tells windows apart, where each of them can be shown by itself: the column is there, of a
    /// type that has exact text, and every window is a value of it.
    pub fn window_key(&self) -> Option<&Column> {
        let name = self.window_column.as_ref()?;
        let column = self.columns.iter().find(|column| column.name == *name)?;
        let mut seen = BTreeSet::new();
        let tells = self.contents.iter().all(|content| {
            let window = content.window.as_deref();
            window.is_some_and(|window| is_value(&column.type_name, window) && seen.insert(window))
        });
        tells.then_some(column)
    }

    /// The list of all files.
    pub fn whole_list(&self) -> List<'_> {
        List::of(&self.relation, None, self.files().collect())
    }

    /// The list of each window; none where windows cannot be shown one by one.
    pub fn window_lists(&self) -> Vec<List<'_>> {
        if self.window_key().is_none() {
            return Vec::new();
        }
        let lists = self.contents.iter().map(|content| {
            let files = content.files.iter().collect();
            List::of(&self.relation, content.window.as_deref(), files)
        });
        lists.collect()
    }

    /// The keys of every list that shows the version.
    pub fn list_keys(&self) -> Vec<String> {
        let lists = self.window_lists().into_iter();
        let lists = lists.chain([self.whole_list()]);
        lists.map(|list| list.key).collect()
    }
}

/// Whether a window is a value of a type, written as every engine writes it.
fn is_value(type_name: &str, window: &str) -> bool {
    let is_exact = |number: Option<i64>| number.is_some_and(|number| number.to_string() == window);
    match type_name {
        "string" => !window.is_empty(),
        "date" => window
            .parse::<Date>()
            .is_ok_and(|date| date.to_string() == window),
        "int16" | "int32" | "int64" => is_exact(window.parse().ok()),
        _ => false,
    }
}

impl<'a> List<'a> {
    fn of(relation: &Relation, window: Option<&'a str>, files: Vec<&'a DataFile>) -> Self {
        let Relation { database, table } = relation;
        let keys: Vec<&str> = files.iter().map(|file| file.key.as_str()).collect();
        let id = &crate::lake::hash_of(&(window, keys))[..16];
        let label = window.map_or_else(|| "all".to_owned(), label);
        List {
            window,
            key: format!("{database}/{table}/symlinks/{id}/{label}/{NAME}"),
            files,
        }
    }

    /// The key of the list's folder, which holds nothing else.
    pub fn folder(&self) -> &str {
        self.key.strip_suffix(NAME).unwrap_or(&self.key)
    }
}

/// A window as a part of a key.
fn label(window: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' => c,
        _ => '_',
    };
    // It stands for people only: the id tells lists apart.
    let plain: String = window.chars().map(plain).take(64).collect();
    match plain.starts_with('_') {
        // Engines do not see what begins so.
        true => format!("w{plain}"),
        false => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::{Content, FORMAT, Order};

    fn version(type_name: &str, windows: &[&str]) -> Version {
        let column = |name: &str, type_name: &str| Column {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
            nullable: false,
            description: None,
        };
        let content = |window: &&str| Content {
            window: (!window.is_empty()).then(|| (*window).to_owned()),
            run: "r".to_owned(),
            order: Order::default(),
            files: vec![DataFile {
                key: format!("d/t/r/{window}.parquet"),
                rows: 1,
                bytes: 1,
                sha256: "s".to_owned(),
            }],
        };
        Version {
            format: FORMAT,
            relation: Relation::new("d", "t"),
            description: None,
            columns: vec![column("id", "int64"), column("day", type_name)],
            window_column: Some("day".to_owned()),
            view: None,
            contents: windows.iter().map(content).collect(),
            fingerprint: String::new(),
        }
    }

    #[test]
    fn windows_are_shown_one_by_one_where_their_column_tells_them_apart() {
        for (type_name, windows, shown) in [
            ("date", &["2024-03-25", "2024-03-26"][..], 2),
            ("date", &[], 0),
            ("date", &["2024-3-25"], 0),
            ("date", &["2024-03-25", "2024-03-25"], 0),
            ("string", &["a/b", "a"], 2),
            ("int32", &["2024", "2025"], 2),
            ("int32", &["02024"], 0),
            ("timestamp", &["2024-03-25T00:00:00"], 0),
            ("date", &["2024-03-25", ""], 0),
        ] {
            let version = version(type_name, windows);
            assert_eq!(
                version.window_lists().len(),
                shown,
                "{type_name} {windows:?}"
            );
            assert_eq!(version.whole_list().files.len(), windows.len());
        }
        let mut without = version("date", &["2024-03-25"]);
        without.columns.pop();
        assert_eq!(without.window_key(), None);
    }

    #[test]
    fn a_window_that_stays_keeps_its_list() {
        let first = version("date", &["2024-03-25", "2024-03-26"]);
        let mut second = first.clone();
        second.contents[1].files[0].key = "d/t/r2/x.parquet".to_owned();
        let keys = |version: &Version| -> Vec<String> {
            let lists = version.window_lists().into_iter();
            lists.map(|list| list.key).collect()
        };
        assert_eq!(keys(&first)[0], keys(&second)[0]);
        assert_ne!(keys(&first)[1], keys(&second)[1]);
        assert_ne!(first.whole_list().key, second.whole_list().key);
        let list = &first.window_lists()[0];
        assert!(
            list.key.ends_with("/2024-03-25/symlink.txt"),
            "{}",
            list.key
        );
        assert_eq!(format!("{}{NAME}", list.folder()), list.key);
    }

    #[test]
    fn a_label_is_part_of_a_key_whatever_the_window_is() {
        for (window, shown) in [
            ("2024-03-25", "2024-03-25"),
            ("a/b c", "a_b_c"),
            (".x", "w_x"),
        ] {
            assert_eq!(label(window), shown);
        }
    }
}
