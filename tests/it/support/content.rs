//! What readers of a root see, read from the published files themselves.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use edge::lake::{Lake, ListedTable, Snapshot};
use parquet::file::reader::{FileReader, SerializedFileReader};
use sha2::{Digest, Sha256};

/// The published tables and the exported files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The tables by `database.table`.
    pub tables: BTreeMap<String, Table>,
    /// The digest of every exported file.
    pub exports: BTreeMap<PathBuf, String>,
}

/// A published table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The digests of its Parquet files, in their order.
    pub parts: Vec<String>,
    /// Its rows as text, in their order.
    pub rows: Vec<String>,
}

/// How two contents differ.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Rows that are missing.
    pub lost: usize,
    /// Rows that are there more often than they should be.
    pub doubled: usize,
    /// Tables whose files are not the same bytes in the same order.
    pub parts: usize,
    /// Exports that are not the same bytes.
    pub exports: usize,
}

impl Content {
    /// What is published below a root.
    pub fn of(root: &Path) -> Self {
        let tables = block_on(Lake::directory(root.join("lake")).tables()).expect("a lake");
        let named = |table: ListedTable| {
            let name = format!("{}.{}", table.relation.database, table.relation.table);
            (name, Table::of(&table.files))
        };
        Content {
            tables: tables.into_iter().map(named).collect(),
            exports: exports(&root.join("exports")),
        }
    }

    /// How another content differs from this one, which is right.
    pub fn difference(&self, other: &Content) -> Difference {
        let mut difference = Difference::default();
        let none = Table {
            parts: Vec::new(),
            rows: Vec::new(),
        };
        let names = self.tables.keys().chain(other.tables.keys());
        for name in names.collect::<std::collections::BTreeSet<_>>() {
            let right = self.tables.get(name).unwrap_or(&none);
            let found = other.tables.get(name).unwrap_or(&none);
            let (lost, doubled) = compared(&right.rows, &found.rows);
            difference.lost += lost;
            difference.doubled += doubled;
            difference.parts += usize::from(right.parts != found.parts);
        }
        let paths = self.exports.keys().chain(other.exports.keys());
        for path in paths.collect::<std::collections::BTreeSet<_>>() {
            difference.exports += usize::from(self.exports.get(path) != other.exports.get(path));
        }
        difference
    }
}

impl Table {
    fn of(files: &[PathBuf]) -> Self {
        Table {
            parts: files.iter().map(|file| digest(file)).collect(),
            rows: files.iter().flat_map(|file| rows(file)).collect(),
        }
    }
}

/// The state of a database as one text: the digest of every file of every table, read now.
pub fn signature(snapshot: &Snapshot, lake: &Path) -> String {
    let mut signature = String::new();
    for (table, version) in &snapshot.versions {
        signature += table;
        for file in version.files() {
            signature += " ";
            signature += &digest(&lake.join(&file.key));
        }
        signature += "\n";
    }
    signature
}

/// Waits for a future on a runtime of its own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// The rows of a Parquet file as text.
pub fn rows(file: &Path) -> Vec<String> {
    let open = File::open(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let reader = SerializedFileReader::new(open).expect("a Parquet file");
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|row| row.expect("a row").to_string()).collect()
}

fn digest(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let hash = Sha256::digest(&bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How many rows are missing from `found`, and how many are there too often.
fn compared(right: &[String], found: &[String]) -> (usize, usize) {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for row in right {
        *counts.entry(row).or_default() += 1;
    }
    for row in found {
        *counts.entry(row).or_default() -= 1;
    }
    let lost: i64 = counts.values().filter(|count| **count > 0).sum();
    let doubled: i64 = counts.values().filter(|count| **count < 0).sum();
    (lost as usize, doubled.unsigned_abs() as usize)
}

fn exports(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut exports = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match path.is_dir() {
                _ if hidden => {}
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(root).expect("below").to_owned();
                    exports.insert(name, digest(&path));
                }
            }
        }
    }
    exports
}
