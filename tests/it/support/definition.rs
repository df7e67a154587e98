//! The shipped pipeline `gins`, changed for a test: short time-outs, and only as much of it as the test needs.

use std::path::{Path, PathBuf};

use super::house;
use super::world::World;

/// How a copy of `gins` differs from the shipped one.
#[derive(Default)]
pub struct Edits<'e> {
    /// Lines more under `source`.
    pub source: &'e str,
    /// Checks in place of the shipped ones, which go with the models and exports; none keeps all.
    pub checks: Option<&'e str>,
}

/// Time-outs that a test can wait for.
pub const SHORT: &str = "  timeouts: { idle: 0.7, total: 2 }\n";

/// Writes a copy of `gins` into a folder of pipelines of this world, and answers that folder.
pub fn edited(world: &World, edits: &Edits) -> PathBuf {
    let shipped = house::root().join("pipelines/gins");
    let folder = world.path().join("pipelines");
    copy(&shipped, &folder.join("gins"));
    let path = folder.join("gins/pipeline.yaml");
    let mut text = std::fs::read_to_string(&path).expect("a definition");
    if let Some(checks) = edits.checks {
        let end = text.find("\nmodels:").expect("models");
        text.truncate(end + 1);
        text += checks;
    }
    let end = text.find("\nreferences:").expect("references");
    text.insert_str(end, &format!("\n{}", edits.source.trim_end()));
    std::fs::write(&path, text).expect("written");
    folder
}

/// `gins` without models, checks and exports, and with short time-outs.
pub fn brief(world: &World) -> PathBuf {
    let edits = Edits {
        source: SHORT,
        checks: Some(""),
    };
    edited(world, &edits)
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}
