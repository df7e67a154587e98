//! The repository itself, as tests of the house's rules read it.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository: Cargo runs tests in the folder of their package. A path that was compiled in
/// would be that of another clone, where two share a target directory.
pub fn root() -> &'static Path {
    Path::new(".")
}

/// A file of the repository.
pub fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a folder of the repository that are folders, in order.
pub fn folders(path: impl AsRef<Path>) -> Vec<String> {
    names(path.as_ref(), Path::is_dir)
}

/// The names in a folder of the repository that are files, in order.
pub fn files(path: impl AsRef<Path>) -> Vec<String> {
    names(path.as_ref(), Path::is_file)
}

fn names(path: &Path, wanted: fn(&Path) -> bool) -> Vec<String> {
    let path = root().join(path);
    let entries = fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| wanted(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Every Rust source file of the product and its tests.
pub fn sources() -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for room in ["cli", "functions", "shared", "tests"] {
        collect(&root().join(room), &mut sources);
    }
    sources.sort();
    sources
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
}

/// `fetch-page` as the state machine writes it: `FetchPage`.
pub fn upper_camel_case(kebab_case: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    };
    kebab_case.split('-').map(word).collect()
}
