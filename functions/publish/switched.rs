//! What became of the destinations: of all together, and of each.

use std::collections::BTreeMap;

use edge::lake::Published;
use pipeline::report::DestinationReport;
use pipeline::run::PublishStatus;

use crate::destinations;

/// What readers see since a run was published.
pub struct Switched {
    /// What became of all destinations together.
    pub status: PublishStatus,
    /// What became of each, where there is one beside the lake.
    pub destinations: Vec<DestinationReport>,
    /// The windows that readers of the lake see as they were, by table.
    pub kept_windows: BTreeMap<String, Vec<String>>,
}

impl Switched {
    /// Nothing was switched.
    pub fn to(status: PublishStatus) -> Self {
        Switched {
            status,
            destinations: Vec::new(),
            kept_windows: BTreeMap::new(),
        }
    }

    /// What became of the lake and of those beside it.
    pub fn of(in_lake: &Published, elsewhere: Vec<DestinationReport>) -> Self {
        let status = match in_lake {
            Published::Published { .. } => PublishStatus::Published,
            Published::Unchanged { .. } => PublishStatus::Unchanged,
        };
        let tables = in_lake.tables().iter();
        let kept_windows = tables
            .map(|table| (table.relation.table.clone(), table.kept_windows.clone()))
            .collect();
        let has_changed = elsewhere.iter().any(destinations::has_changed);
        let lake = DestinationReport {
            destination: "lake".to_owned(),
            status: status.name().to_owned(),
            message: String::new(),
        };
        // Of the one destination that every pipeline has, the run's status says all.
        let lake = (!elsewhere.is_empty()).then_some(lake);
        Switched {
            status: match has_changed {
                true => PublishStatus::Published,
                false => status,
            },
            destinations: lake.into_iter().chain(elsewhere).collect(),
            kept_windows,
        }
    }
}
