//! The lake's books: which files make a table's version, and which versions make a database's state.
//!
//! ```text
//! <database>/_current.json                     the pointer: one version a table, switched for all at once
//!           /<table>/_versions/<run>-<id>.json a version: exactly its files, window by window
//!           /<table>/<run>/<part>-<id>.parquet its rows
//! ```
//!
//! Everything but the pointer is written once and never changed, so whoever has read a pointer reads one state
//! to the end, whatever is published meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::destination::Write;
use crate::fault::Fault;
use crate::sql::Relation;

/// The layout that this code writes. Readers take every layout up to it.
pub const FORMAT: u32 = 1;

/// A column as readers of the lake see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether values may be missing.
    pub nullable: bool,
    /// What it means.
    #[serde(default)]
    pub description: Option<String>,
}

/// A Parquet object of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its key in the lake.
    pub key: String,
    /// Its rows.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// Which of two runs is the later: first by what they are as of, then by a number that grows with every attempt
/// at the same window.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Order {
    /// The moment that the rows are as of, in ISO 8601; empty where runs know none. It is compared as text: see
    /// [`Order::moment`].
    pub as_of: String,
    /// The attempt.
    pub generation: u64,
}

/// The files of one window of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The window; none where the table is one whole.
    pub window: Option<String>,
    /// The run that wrote it.
    pub run: String,
    /// The order of that run.
    pub order: Order,
    /// Its files, in the order of their rows. A window may be there and hold none.
    pub files: Vec<DataFile>,
}

/// One complete state of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The layout, see [`FORMAT`].
    pub format: u32,
    /// Where the table is.
    #[serde(flatten)]
    pub relation: Relation,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The column that tells windows apart.
    pub window_column: Option<String>,
    /// The query of a view, which has no files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// Its windows, in order.
    pub contents: Vec<Content>,
    /// A hash over columns and ordered file hashes: two versions of the same fingerprint hold the same rows.
    pub fingerprint: String,
}

/// What a run has staged of one table: written, listed, not yet visible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedTable {
    /// The table.
    pub table: String,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Its columns, in order.
    pub columns: Vec<Column>,
    /// The column that tells windows apart.
    pub window_column: Option<String>,
    /// What becomes of the rows that are there.
    pub write: Write,
    /// The query of a view, which has no files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<String>,
    /// Its windows. A window without files is one that the run found empty.
    pub windows: Vec<StagedWindow>,
}

/// What a run has staged of one window of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedWindow {
    /// The window; none where the table is one whole.
    pub window: Option<String>,
    /// Its files, in the order of their rows.
    pub files: Vec<DataFile>,
}

/// What a run publishes into one database: all of it becomes visible at once, or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publication {
    /// The database.
    pub database: String,
    /// The run.
    pub run: String,
    /// The order of the run.
    pub order: Order,
    /// The tables.
    pub tables: Vec<StagedTable>,
}

/// One state of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// How many states there were before, and one.
    pub generation: u64,
    /// The run that published it.
    pub run: String,
    /// A hash over what the run published, by which a repeated publish is known.
    pub publication: String,
    /// The key of the version of each table.
    pub tables: BTreeMap<String, String>,
}

/// The pointer of a database: its state, and earlier ones that can be returned to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    /// The layout, see [`FORMAT`].
    pub format: u32,
    /// The state that readers see.
    #[serde(flatten)]
    pub current: State,
    /// Earlier states, latest first.
    #[serde(default)]
    pub earlier: Vec<State>,
}

/// How many earlier states a pointer keeps.
pub const EARLIER_STATES: usize = 10;

impl Order {
    /// A moment as a text that is greater than that of every earlier one.
    pub fn moment(moment: Timestamp) -> String {
        // As many digits always: of `05Z` and `05.1Z`, the earlier one would be the greater text.
        format!("{moment:.6}")
    }
}

impl DataFile {
    /// The key of a part of a run: the same bytes have the same key, others have another.
    pub fn key(relation: &Relation, run: &str, part: &str, sha256: &str) -> String {
        let Relation { database, table } = relation;
        let id = &sha256[..sha256.len().min(16)];
        format!("{database}/{table}/{run}/{part}-{id}.parquet")
    }
}

/// The key of a database's pointer.
pub fn pointer_key(database: &str) -> String {
    format!("{database}/_current.json")
}

/// The run that wrote an object of the lake, from its key; none for pointers.
pub fn run_of(key: &str) -> Option<&str> {
    let mut segments = key.split('/').skip(2);
    match (segments.next(), segments.next()) {
        (Some("_versions"), Some(name)) => name.rsplit_once('-').map(|(run, _)| run),
        (Some(run), Some(_)) => Some(run),
        _ => None,
    }
}

impl Version {
    /// The version that publishing `staged` leads to from the `current` one; nothing is lost that the write
    /// disposition does not give up, and a run that is behind another of the same window is refused. A table that
    /// is one whole stays as it is, columns and all, where its rows are as of a later moment.
    pub fn next(
        current: Option<&Version>,
        publication: &Publication,
        staged: &StagedTable,
    ) -> Result<Version, Fault> {
        if let Some(current) = current
            && staged.write == Write::Replace
            && current.is_as_of_later(publication)
        {
            return Ok(current.clone());
        }
        let contents = current.map_or_else(Vec::new, |version| version.contents.clone());
        let mut version = Version {
            format: FORMAT,
            relation: Relation::new(&publication.database, &staged.table),
            description: staged.description.clone(),
            columns: staged.columns.clone(),
            window_column: staged.window_column.clone(),
            view: staged.view.clone(),
            contents: next_contents(contents, publication, staged)?,
            fingerprint: String::new(),
        };
        version.fingerprint = version.computed_fingerprint();
        Ok(version)
    }

    /// The staged windows that did not find their way into this version: there before already (`create_only`),
    /// or what is there is as of a later moment.
    pub fn kept_windows(&self, staged: &StagedTable) -> Vec<String> {
        let mut left = Vec::new();
        for (window, files) in staged.by_window() {
            let hashes: Vec<&str> = files.iter().map(|file| file.sha256.as_str()).collect();
            let same = |c: &Content| c.window == window && c.hashes() == hashes;
            if !self.contents.iter().any(same) {
                left.push(label(&window));
            }
        }
        left
    }

    fn is_as_of_later(&self, publication: &Publication) -> bool {
        let mut contents = self.contents.iter();
        contents.any(|content| content.order.as_of > publication.order.as_of)
    }

    fn computed_fingerprint(&self) -> String {
        let contents: Vec<(&Option<String>, Vec<&str>)> = self
            .contents
            .iter()
            .map(|content| (&content.window, content.hashes()))
            .collect();
        hash_of(&(
            &self.description,
            &self.columns,
            &self.window_column,
            &self.view,
            contents,
        ))
    }

    /// Its key.
    pub fn key(&self, run: &str) -> String {
        let Relation { database, table } = &self.relation;
        let id = &hash_of(self)[..16];
        format!("{database}/{table}/_versions/{run}-{id}.json")
    }

    /// All its files, in the order of their rows.
    pub fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.contents.iter().flat_map(|content| &content.files)
    }

    /// Its rows.
    pub fn rows(&self) -> u64 {
        self.files().map(|file| file.rows).sum()
    }

    /// The version with the windows in `windows` only.
    #[must_use]
    pub fn narrowed_to(mut self, windows: &BTreeSet<Option<String>>) -> Self {
        self.contents
            .retain(|content| windows.contains(&content.window));
        self
    }

    /// The rows that those of `staged` are to be compared with: the whole table's, or where rows belong to
    /// windows, those of the last window up to the first staged one. None where there is nothing to compare with.
    pub fn rows_before(&self, staged: &StagedTable) -> Option<u64> {
        if staged.write == Write::Replace || staged.window_column.is_none() {
            return Some(self.rows());
        }
        let first = staged.windows.iter().map(|staged| &staged.window).min()?;
        let before = self.contents.iter().map(|content| &content.window);
        let last = before.filter(|window| *window <= first).max()?;
        let of_last = self.contents.iter().filter(|c| &c.window == last);
        Some(of_last.flat_map(|c| &c.files).map(|file| file.rows).sum())
    }
}

fn next_contents(
    mut contents: Vec<Content>,
    publication: &Publication,
    staged: &StagedTable,
) -> Result<Vec<Content>, Fault> {
    refuse_if_behind(&contents, publication, staged)?;
    if staged.write == Write::Replace {
        contents.clear();
    }
    for (window, files) in staged.by_window() {
        put_window(&mut contents, publication, staged.write, window, files);
    }
    contents.sort_by(|a, b| (&a.window, &a.run).cmp(&(&b.window, &b.run)));
    Ok(contents)
}

fn put_window(
    contents: &mut Vec<Content>,
    publication: &Publication,
    write: Write,
    window: Option<String>,
    files: Vec<DataFile>,
) {
    let is_it = |content: &Content| content.window == window;
    match write {
        Write::CreateOnly if contents.iter().any(is_it) => return,
        Write::Append => contents.retain(|c| !is_it(c) || c.run != publication.run),
        Write::Replace | Write::ReplaceWindow | Write::CreateOnly => {
            contents.retain(|content| !is_it(content));
        }
    }
    contents.push(Content {
        window,
        run: publication.run.clone(),
        order: publication.order.clone(),
        files,
    });
}

fn refuse_if_behind(
    contents: &[Content],
    publication: &Publication,
    staged: &StagedTable,
) -> Result<(), Fault> {
    if matches!(staged.write, Write::Append | Write::CreateOnly) {
        return Ok(());
    }
    let windows: BTreeSet<_> = staged.windows.iter().map(|w| &w.window).collect();
    let ahead = contents.iter().find(|content| {
        let contested = staged.write == Write::Replace || windows.contains(&content.window);
        contested && content.order > publication.order
    });
    match ahead {
        None => Ok(()),
        Some(content) => Err(Fault::bad_data(format!(
            "`{}` holds what the later run `{}` published; this run may not replace it",
            staged.table, content.run
        ))
        .with("window", label(&content.window))),
    }
}

impl Content {
    fn hashes(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.sha256.as_str()).collect()
    }
}

fn label(window: &Option<String>) -> String {
    window.clone().unwrap_or_else(|| "all".to_owned())
}

impl StagedTable {
    /// The files of each window, in the order listed: several parts of a run may bring files of the same one.
    fn by_window(&self) -> BTreeMap<Option<String>, Vec<DataFile>> {
        let mut windows: BTreeMap<Option<String>, Vec<DataFile>> = BTreeMap::new();
        for staged in &self.windows {
            let files = windows.entry(staged.window.clone()).or_default();
            files.extend(staged.files.iter().cloned());
        }
        windows
    }

    /// Its rows.
    pub fn rows(&self) -> u64 {
        let files = self.windows.iter().flat_map(|window| &window.files);
        files.map(|file| file.rows).sum()
    }
}

impl Publication {
    /// A hash over all that is published, by which a repeated publish is known.
    pub fn hash(&self) -> String {
        hash_of(self)
    }

    /// The windows that the run has rows of, over all tables.
    pub fn windows(&self) -> BTreeSet<Option<String>> {
        let tables = self.tables.iter();
        tables
            .flat_map(|table| table.windows.iter().map(|staged| staged.window.clone()))
            .collect()
    }
}

impl Pointer {
    /// The pointer after a run has published `tables` (the others stay as they are).
    pub fn next(
        current: Option<&Pointer>,
        publication: &Publication,
        tables: BTreeMap<String, String>,
    ) -> Pointer {
        let mut all = current.map_or_else(BTreeMap::new, |pointer| pointer.current.tables.clone());
        all.extend(tables);
        Pointer::followed_by(
            current,
            State {
                generation: 0,
                run: publication.run.clone(),
                publication: publication.hash(),
                tables: all,
            },
        )
    }

    /// The pointer after an earlier state has been made the current one again.
    pub fn restored(&self, generation: u64) -> Option<Pointer> {
        let state = self.earlier.iter().find(|s| s.generation == generation)?;
        Some(Pointer::followed_by(Some(self), state.clone()))
    }

    fn followed_by(current: Option<&Pointer>, state: State) -> Pointer {
        let mut earlier = Vec::new();
        if let Some(pointer) = current {
            earlier.push(pointer.current.clone());
            earlier.extend(pointer.earlier.iter().cloned());
        }
        earlier.truncate(EARLIER_STATES);
        let generation = 1 + earlier.first().map_or(0, |state| state.generation);
        Pointer {
            format: FORMAT,
            current: State {
                generation,
                ..state
            },
            earlier,
        }
    }

    /// The state, current or earlier, that this very publication led to.
    pub fn published(&self, publication: &Publication) -> Option<&State> {
        let hash = publication.hash();
        let mut states = std::iter::once(&self.current).chain(&self.earlier);
        states.find(|state| state.run == publication.run && state.publication == hash)
    }

    /// The pointer without all but the last `keep` earlier states.
    #[must_use]
    pub fn trimmed(mut self, keep: usize) -> Self {
        self.earlier.truncate(keep);
        self
    }

    /// The keys of all versions that the pointer names.
    pub fn versions(&self) -> BTreeSet<&str> {
        std::iter::once(&self.current)
            .chain(&self.earlier)
            .flat_map(|state| state.tables.values().map(String::as_str))
            .collect()
    }
}

pub(crate) fn hash_of(value: &impl Serialize) -> String {
    let text = serde_json::to_vec(value).unwrap_or_default();
    let digest = Sha256::digest(&text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> DataFile {
        DataFile {
            key: name.to_owned(),
            rows: 1,
            bytes: 1,
            sha256: name.to_owned(),
        }
    }

    fn publication(run: &str, as_of: &str, generation: u64) -> Publication {
        Publication {
            database: "d".to_owned(),
            run: run.to_owned(),
            order: Order {
                as_of: as_of.to_owned(),
                generation,
            },
            tables: Vec::new(),
        }
    }

    fn staged(write: Write, windows: &[(Option<&str>, &[&str])]) -> StagedTable {
        let windows = windows.iter().map(|(window, files)| StagedWindow {
            window: window.map(str::to_owned),
            files: files.iter().map(|name| file(name)).collect(),
        });
        StagedTable {
            table: "t".to_owned(),
            description: None,
            columns: Vec::new(),
            window_column: None,
            write,
            view: None,
            windows: windows.collect(),
        }
    }

    fn shown(version: &Version) -> Vec<String> {
        let contents = version.contents.iter();
        contents
            .map(|c| format!("{}:{}", label(&c.window), c.hashes().join("+")))
            .collect()
    }

    type Windows<'a> = &'a [(Option<&'a str>, &'a [&'a str])];

    #[test]
    fn each_write_disposition_keeps_what_it_promises() {
        let before: Windows = &[(Some("1"), &["a"]), (Some("2"), &["b", "c"])];
        let first = staged(Write::ReplaceWindow, before);
        let first = Version::next(None, &publication("r1", "", 1), &first).expect("first");
        assert_eq!(shown(&first), ["1:a", "2:b+c"]);
        let cases: [(Write, Windows, &[&str], &[&str]); 7] = [
            (Write::Replace, &[(None, &["x"])], &["all:x"], &[]),
            (Write::Replace, &[(None, &[])], &["all:"], &[]),
            (
                Write::ReplaceWindow,
                &[(Some("2"), &["x"])],
                &["1:a", "2:x"],
                &[],
            ),
            (
                Write::ReplaceWindow,
                &[(Some("2"), &[])],
                &["1:a", "2:"],
                &[],
            ),
            (
                Write::CreateOnly,
                &[(Some("2"), &["x"])],
                &["1:a", "2:b+c"],
                &["2"],
            ),
            (
                Write::CreateOnly,
                &[(Some("0"), &["x"])],
                &["0:x", "1:a", "2:b+c"],
                &[],
            ),
            (
                Write::Append,
                &[(Some("2"), &["x"])],
                &["1:a", "2:b+c", "2:x"],
                &[],
            ),
        ];
        for (write, windows, expected, kept) in cases {
            let staged = staged(write, windows);
            let publication = publication("r2", "", 2);
            let next = Version::next(Some(&first), &publication, &staged).expect("next");
            assert_eq!(shown(&next), expected, "{write:?} {windows:?}");
            assert_eq!(next.kept_windows(&staged), kept, "{write:?} {windows:?}");
            // A retry of the same run changes nothing more.
            let again = Version::next(Some(&next), &publication, &staged).expect("again");
            assert_eq!(again.fingerprint, next.fingerprint);
        }
    }

    #[test]
    fn a_run_that_is_behind_replaces_nothing() {
        for (write, window, order, outcome) in [
            (Write::ReplaceWindow, "1", ("d2", 1), "refused"),
            (Write::ReplaceWindow, "1", ("d2", 2), "replaced"),
            (Write::ReplaceWindow, "1", ("d2", 3), "replaced"),
            (Write::ReplaceWindow, "0", ("d1", 1), "added"),
            (Write::Replace, "1", ("d2", 1), "refused"),
            (Write::Replace, "0", ("d1", 9), "kept"),
            (Write::Replace, "3", ("d3", 1), "replaced"),
        ] {
            let first = staged(write, &[(Some("1"), &["a"])]);
            let first = Version::next(None, &publication("r1", "d2", 2), &first).expect("first");
            let mut staged = staged(write, &[(Some(window), &["x"])]);
            // Columns go with the rows.
            staged.description = Some("of other columns".to_owned());
            let publication = publication("r2", order.0, order.1);
            let next = Version::next(Some(&first), &publication, &staged);
            if outcome == "kept" {
                assert_eq!(next.as_ref().ok(), Some(&first));
            }
            let shown = next.map(|next| (shown(&next), next.kept_windows(&staged).len()));
            let expected = match outcome {
                "refused" => None,
                "kept" => Some((vec!["1:a".to_owned()], 1)),
                "added" => Some((vec!["0:x".to_owned(), "1:a".to_owned()], 0)),
                _ => Some((vec![format!("{window}:x")], 0)),
            };
            assert_eq!(shown.ok(), expected, "{write:?} {window} {order:?}");
        }
    }

    #[test]
    fn a_later_moment_is_a_greater_text() {
        let seconds = [
            "05Z",
            "05.1Z",
            "05.12Z",
            "05.123Z",
            "05.9Z",
            "06Z",
            "06.000001Z",
        ];
        let moments = seconds.map(|second| {
            let moment = format!("2026-11-28T07:33:{second}").parse();
            Order::moment(moment.expect("a moment"))
        });
        assert!(
            moments.is_sorted_by(|one, other| one < other),
            "{moments:?}"
        );
    }

    #[test]
    fn the_fingerprint_tells_content_and_nothing_else() {
        let one = staged(Write::Replace, &[(None, &["a", "b"])]);
        let swapped = staged(Write::Replace, &[(None, &["b", "a"])]);
        let of = |run: &str, staged: &StagedTable| {
            let next = Version::next(None, &publication(run, "", 1), staged).expect("next");
            next.fingerprint
        };
        assert_eq!(of("r1", &one), of("r2", &one));
        assert_ne!(of("r1", &one), of("r1", &swapped));
    }

    #[test]
    fn rows_are_compared_with_the_window_before() {
        let mut table = staged(
            Write::ReplaceWindow,
            &[(Some("1"), &["a"]), (Some("3"), &["b", "c"])],
        );
        table.window_column = Some("day".to_owned());
        let first = Version::next(None, &publication("r", "", 1), &table).expect("first");
        for (window, rows) in [
            ("0", None),
            ("1", Some(1)),
            ("2", Some(1)),
            ("3", Some(2)),
            ("4", Some(2)),
        ] {
            let mut staged = staged(Write::ReplaceWindow, &[(Some(window), &[])]);
            staged.window_column = Some("day".to_owned());
            assert_eq!(first.rows_before(&staged), rows, "{window}");
        }
    }

    #[test]
    fn a_pointer_remembers_earlier_states_and_returns_to_them() {
        let mut pointer = None;
        for run in 0..15 {
            let tables = BTreeMap::from([("t".to_owned(), format!("v{run}"))]);
            let publication = publication(&format!("r{run}"), "", 1);
            pointer = Some(Pointer::next(pointer.as_ref(), &publication, tables));
        }
        let pointer = pointer.expect("published");
        assert_eq!(pointer.current.generation, 15);
        assert_eq!(pointer.earlier.len(), EARLIER_STATES);
        assert!(pointer.published(&publication("r9", "", 1)).is_some());
        assert!(pointer.published(&publication("r9", "", 2)).is_none());
        let restored = pointer.restored(7).expect("kept");
        assert_eq!(restored.current.generation, 16);
        assert_eq!(restored.current.tables["t"], "v6");
        assert!(pointer.restored(1).is_none());
        assert_eq!(pointer.trimmed(2).versions().len(), 3);
    }

    #[test]
    fn a_key_tells_its_run() {
        let relation = Relation::new("d", "t");
        let key = DataFile::key(&relation, "run-1", "000001", "abcdef");
        assert_eq!(key, "d/t/run-1/000001-abcdef.parquet");
        assert_eq!(run_of(&key), Some("run-1"));
        assert_eq!(run_of("d/t/_versions/run-1-abc.json"), Some("run-1"));
        assert_eq!(run_of(&pointer_key("d")), None);
    }

    #[test]
    fn the_first_layout_stays_readable() {
        let text = r#"{"format":1,"generation":3,"run":"r","publication":"p","tables":{"t":"d/t/_versions/r-1.json"},
            "earlier":[{"generation":2,"run":"q","publication":"o","tables":{}}]}"#;
        let pointer: Pointer = serde_json::from_str(text).expect("reads");
        assert_eq!(pointer.current.generation, 3);
        assert_eq!(pointer.earlier.len(), 1);
        let text = r#"{"format":1,"database":"d","table":"t","columns":[{"name":"id","type":"int64","nullable":false}],
            "window_column":null,"contents":[{"window":null,"run":"r","order":{"as_of":"","generation":1},
            "files":[{"key":"k","rows":1,"bytes":2,"sha256":"s"}]}],"fingerprint":"f"}"#;
        let version: Version = serde_json::from_str(text).expect("reads");
        assert_eq!(version.rows(), 1);
    }
}
