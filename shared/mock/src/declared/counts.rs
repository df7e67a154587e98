//! What a declared source has seen, as `/_stats` shows it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::stats::{Outcome, worst_window};

const SECOND_MICROS: u64 = 1_000_000;

/// One request, as the server saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at_micros: u64,
    /// The resource, `(login)` or `(elsewhere)`.
    pub(super) what: String,
    pub(super) outcome: Outcome,
}

/// Counts over all requests, but for those to `/_stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All requests.
    pub requests: usize,
    /// Requests by how they were answered: `served`, `granted`, `missing`, `wrong`, `unauthorized`, `over_limit`,
    /// `fault:NAME`.
    pub by_outcome: BTreeMap<String, usize>,
    /// Requests by resource; `(login)` are those for a token or a session.
    pub by_resource: BTreeMap<String, usize>,
    /// The most requests that came within any one second.
    pub worst_second: usize,
}

impl Counts {
    pub(super) fn of(seen: &[Seen]) -> Counts {
        let mut counts = Counts {
            requests: seen.len(),
            worst_second: worst_window(seen.iter().map(|seen| seen.at_micros), SECOND_MICROS),
            ..Counts::default()
        };
        for seen in seen {
            *counts.by_outcome.entry(seen.outcome.name()).or_default() += 1;
            *counts.by_resource.entry(seen.what.clone()).or_default() += 1;
        }
        counts
    }
}
