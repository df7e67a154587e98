//! Which object key holds what of a run. Nothing else in the system spells a key.
//!
//! ```text
//! runs/<pipeline>/<run>/definition.json        the definition as this run uses it
//!                      /plan.json              what was planned; slices.jsonl lists the slices
//!                      /ids/<slice>.jsonl      the ids and parent rows that a slice is asked for
//!                      /listed/00000.jsonl     what plan has read of listings and parents, where one call is too short
//!                      /raw/<slice>/000000.zst raw chunks, in the order fetched
//!                      /parts/<slice>/…        Parquet parts, rejects/<slice>.jsonl
//!                      /copied/<table>.json    the files of a table that a warehouse copies
//!                      /outcome/<slice>.json   what transform made of a slice
//!                      /staged/<slice>.json    what load staged of it
//!                      /statements/<name>.json statements that were started in a warehouse
//!                      /made/<model>.json      what a warehouse made of a model
//!                      /checked.json           what the checks said
//!                      /manifest.json          counts, checks and what was published
//! ledger/<pipeline>/<window>.json              the state of a window
//! bookmarks/<pipeline>/<resource>.json         how far a resource was read
//! triggers/<pipeline>/<moment>.json            which run has a moment of the schedule
//! ```

use indexmap::IndexMap;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::name::Name;

/// The keys of one run's objects.
#[derive(Debug, Clone)]
pub struct RunKeys {
    prefix: String,
}

impl RunKeys {
    /// The keys of a run of a pipeline.
    pub fn new(pipeline: &Name, run_id: &str) -> Self {
        RunKeys {
            prefix: format!("runs/{pipeline}/{run_id}"),
        }
    }

    /// The definition with everything that it refers to, as this run uses it.
    pub fn definition(&self) -> String {
        format!("{}/definition.json", self.prefix)
    }

    /// What plan decided; written last by plan, so its presence says that the plan is complete.
    pub fn plan(&self) -> String {
        format!("{}/plan.json", self.prefix)
    }

    /// The slices, one JSON object a line: what the state machine's Map reads.
    pub fn slices(&self) -> String {
        format!("{}/slices.jsonl", self.prefix)
    }

    /// Where the state machine writes the results of its Map.
    pub fn map_results(&self) -> String {
        format!("{}/map", self.prefix)
    }

    /// The ids and parent rows that a slice is asked for, one JSON object a line.
    pub fn ids(&self, slice: &str) -> String {
        format!("{}/ids/{slice}.jsonl", self.prefix)
    }

    /// Where stands what plan has read of listings and parents.
    pub fn listed_prefix(&self) -> String {
        format!("{}/listed/", self.prefix)
    }

    /// The piece of that ordinal.
    pub fn listed(&self, ordinal: u32) -> String {
        format!("{}{ordinal:05}.jsonl", self.listed_prefix())
    }

    /// Where the raw chunks of a slice stand.
    pub fn raw_prefix(&self, slice: &str) -> String {
        format!("{}/raw/{slice}/", self.prefix)
    }

    /// Where the raw chunks of all slices stand.
    pub fn raws(&self) -> String {
        format!("{}/raw/", self.prefix)
    }

    /// The raw chunk of that ordinal.
    pub fn raw(&self, slice: &str, ordinal: u32) -> String {
        format!("{}{ordinal:06}.zst", self.raw_prefix(slice))
    }

    /// One Parquet part of a table.
    pub fn part(&self, slice: &str, table: &str, part: usize) -> String {
        format!("{}/parts/{slice}/{table}-{part:05}.parquet", self.prefix)
    }

    /// A part as text, for a warehouse that does not take all of Parquet.
    pub fn as_text(&self, part: &str) -> String {
        format!("{part}.csv.gz")
    }

    /// The list of a table's files that a warehouse copies.
    pub fn copied(&self, table: &str) -> String {
        format!("{}/copied/{table}.json", self.prefix)
    }

    /// The rejects of a slice, one JSON object a line.
    pub fn rejects(&self, slice: &str) -> String {
        format!("{}/rejects/{slice}.jsonl", self.prefix)
    }

    /// Where the outcomes of all slices stand.
    pub fn outcomes(&self) -> String {
        format!("{}/outcome/", self.prefix)
    }

    /// What transform made of a slice.
    pub fn outcome(&self, slice: &str) -> String {
        format!("{}{slice}.json", self.outcomes())
    }

    /// What load staged of a slice.
    pub fn staged(&self, slice: &str) -> String {
        format!("{}/staged/{slice}.json", self.prefix)
    }

    /// A statement that the run has started in a warehouse.
    pub fn statement(&self, name: &str) -> String {
        format!("{}/statements/{name}.json", self.prefix)
    }

    /// What a warehouse made of a model.
    pub fn made(&self, name: &str) -> String {
        format!("{}/made/{name}.json", self.prefix)
    }

    /// What the checks said, once all are answered and none stands in the way.
    pub fn checked(&self) -> String {
        format!("{}/checked.json", self.prefix)
    }

    /// The run's record: counts, checks, what was published.
    pub fn manifest(&self) -> String {
        format!("{}/manifest.json", self.prefix)
    }

    /// What refresh made: models and exports.
    pub fn refreshed(&self) -> String {
        format!("{}/refreshed.json", self.prefix)
    }
}

/// Where the runs of a pipeline stand.
pub fn runs(pipeline: &Name) -> String {
    format!("runs/{pipeline}/")
}

/// What one run of a pipeline at a time holds, below a root on a laptop.
pub fn lock(pipeline: &Name) -> String {
    format!("locks/{pipeline}")
}

/// What one process at a time holds while it replaces a secret.
pub fn secret_lock(secret: &str) -> String {
    format!("locks/secrets/{secret}.json")
}

/// Where the windows of a pipeline stand.
pub fn windows(pipeline: &Name) -> String {
    format!("ledger/{pipeline}/")
}

/// The ledger's entry of a window.
pub fn window(pipeline: &Name, window: &str) -> String {
    format!("{}{window}.json", windows(pipeline))
}

/// Where the bookmarks of a pipeline stand.
pub fn bookmarks(pipeline: &Name) -> String {
    format!("bookmarks/{pipeline}/")
}

/// How far a resource was read.
pub fn bookmark(pipeline: &Name, resource: &str) -> String {
    format!("{}{resource}.json", bookmarks(pipeline))
}

/// Which run has a moment of the schedule; runs with other parameters are others' work.
pub fn trigger(pipeline: &Name, at: Timestamp, params: &IndexMap<Name, String>) -> String {
    let moment = at.to_string().replace(':', "-");
    if params.is_empty() {
        return format!("triggers/{pipeline}/{moment}.json");
    }
    let mut params: Vec<(&Name, &String)> = params.iter().collect();
    params.sort();
    let told: String = Sha256::digest(format!("{params:?}"))[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("triggers/{pipeline}/{moment}-{told}.json")
}
