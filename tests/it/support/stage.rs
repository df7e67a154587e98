//! How far a run has come, told by the objects that it has left so far.

use std::path::{Path, PathBuf};

/// A stage of a run; the order is that in which a run passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing is planned yet.
    Planning,
    /// Pages are fetched.
    Fetching,
    /// A slice is fetched and not yet typed.
    Transforming,
    /// A slice is typed and not yet staged.
    Loading,
    /// All is staged: checks, and the switch.
    Publishing,
    /// The switch is recorded: models and exports.
    Refreshing,
    /// All is done.
    Ended,
}

/// The stages in which a run can be killed.
pub const STAGES: [Stage; 6] = [
    Stage::Planning,
    Stage::Fetching,
    Stage::Transforming,
    Stage::Loading,
    Stage::Publishing,
    Stage::Refreshing,
];

impl Stage {
    /// The stage of the latest run of `gins` below a root.
    pub fn of(root: &Path) -> Self {
        let Some(run) = latest(&root.join("objects/runs/gins")) else {
            return Stage::Planning;
        };
        let slices = std::fs::read_to_string(run.join("slices.jsonl")).unwrap_or_default();
        let slices = slices.lines().count();
        let [raw, outcome, staged] =
            ["raw", "outcome", "staged"].map(|name| count(&run.join(name)));
        match () {
            () if run.join("refreshed.json").exists() => Stage::Ended,
            () if run.join("manifest.json").exists() => Stage::Refreshing,
            () if !run.join("plan.json").exists() => Stage::Planning,
            () if staged == slices => Stage::Publishing,
            () if outcome > staged => Stage::Loading,
            () if raw > outcome => Stage::Transforming,
            () => Stage::Fetching,
        }
    }
}

/// The folder of the run that began last: of one piece of work, the one with the highest number.
pub fn latest(runs: &Path) -> Option<PathBuf> {
    let runs = std::fs::read_dir(runs).ok()?;
    let number = |path: &PathBuf| -> Option<u32> { path.extension()?.to_str()?.parse().ok() };
    let runs = runs.flatten().map(|entry| entry.path());
    runs.max_by_key(number)
}

fn count(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, |entries| entries.flatten().count())
}
