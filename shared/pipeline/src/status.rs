//! How a pipeline stands: what the ledger knows of its windows, how old that is, and what is missing.

use std::collections::{BTreeMap, HashSet};

use jiff::{SpanRound, Timestamp, Unit};
use serde::Serialize;

use crate::bookmark::Kept;
use crate::definition::Definition;
use crate::ledger::WindowEntry;
use crate::window::{End, Window};

/// How a pipeline stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The pipeline.
    pub pipeline: String,
    /// The windows that the ledger knows, oldest first.
    pub windows: Vec<WindowStatus>,
    /// How many of them are in each state.
    pub states: BTreeMap<&'static str, usize>,
    /// The windows from the first one on to the last complete one that readers do not see.
    pub missing: Vec<String>,
    /// The last complete window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_complete: Option<String>,
    /// How far resources were read that go by a bookmark.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub bookmarks: BTreeMap<String, Kept>,
}

/// How a window stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WindowStatus {
    /// What the ledger knows.
    #[serde(flatten)]
    pub entry: WindowEntry,
    /// Rows of all tables together.
    pub total_rows: u64,
    /// Seconds since the entry changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
}

impl Status {
    /// How the pipeline of that name stands at `now`, given what its ledger and its bookmarks know.
    pub fn of(
        pipeline: &str,
        definition: &Definition,
        entries: Vec<WindowEntry>,
        bookmarks: BTreeMap<String, Kept>,
        now: Timestamp,
    ) -> Self {
        let entries = in_order(definition, entries);
        let mut states = BTreeMap::new();
        for entry in &entries {
            *states.entry(entry.state.name()).or_default() += 1;
        }
        let schedule = definition.schedule.as_ref();
        let last = schedule.and_then(|schedule| schedule.last_complete(now));
        Status {
            pipeline: pipeline.to_owned(),
            missing: missing(definition, &entries, last.as_ref()),
            last_complete: last.map(|last| last.key()),
            windows: entries
                .into_iter()
                .map(|entry| WindowStatus::of(entry, now))
                .collect(),
            states,
            bookmarks,
        }
    }

    /// What is missing as a person reads it: windows that follow each other as one range.
    pub fn missing_ranges(&self, definition: &Definition) -> Vec<String> {
        let mut ranges: Vec<(String, String, usize)> = Vec::new();
        for key in &self.missing {
            let before = parse(definition, key).and_then(|window| window.previous());
            match ranges.last_mut() {
                Some((_, last, count)) if before.is_some_and(|before| before.key() == *last) => {
                    last.clone_from(key);
                    *count += 1;
                }
                _ => ranges.push((key.clone(), key.clone(), 1)),
            }
        }
        let ranges = ranges.into_iter();
        ranges
            .map(|(first, last, count)| match count {
                1 => first,
                2 => format!("{first}, {last}"),
                _ => format!("{first} to {last} ({count})"),
            })
            .collect()
    }
}

impl WindowStatus {
    fn of(entry: WindowEntry, now: Timestamp) -> Self {
        let changed: Option<Timestamp> = entry.changed_at.parse().ok();
        WindowStatus {
            total_rows: entry.rows.values().sum(),
            age_seconds: changed.map(|changed| now.duration_since(changed).as_secs().max(0)),
            entry,
        }
    }

    /// How long ago the entry changed, in its two largest units: `2d 3h`.
    pub fn age(&self) -> String {
        self.age_seconds.map_or("?".to_owned(), age)
    }
}

/// A length of time in its two largest units: `2d 3h`.
pub fn age(seconds: i64) -> String {
    let rounding = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    let span = jiff::Span::new().try_seconds(seconds);
    match span.and_then(|span| span.round(rounding)) {
        Ok(span) => {
            let shown = format!("{span:#}");
            let parts: Vec<&str> = shown.split_whitespace().take(2).collect();
            parts.join(" ")
        }
        Err(_) => format!("{seconds}s"),
    }
}

fn parse(definition: &Definition, key: &str) -> Option<Window> {
    let schedule = definition.schedule.as_ref()?;
    let length = schedule.window.as_ref()?;
    Window::parse(length, &schedule.timezone.0, key, End::First).ok()
}

/// As the windows follow each other; what is no window of the schedule as it is now comes first, by its name.
fn in_order(definition: &Definition, mut entries: Vec<WindowEntry>) -> Vec<WindowEntry> {
    entries.sort_by_cached_key(|entry| {
        let window = parse(definition, &entry.window);
        (window.map(|window| window.start), entry.window.clone())
    });
    entries
}

/// The windows from the declared first one, or the first one known, to the last complete one that no run has
/// published.
fn missing(definition: &Definition, known: &[WindowEntry], last: Option<&Window>) -> Vec<String> {
    let Some(last) = last else { return Vec::new() };
    let schedule = definition.schedule.as_ref();
    let declared = schedule.and_then(|schedule| schedule.first());
    let known_first = || {
        let mut known = known.iter();
        known.find_map(|entry| parse(definition, &entry.window))
    };
    let Some(first) = declared.or_else(known_first) else {
        return Vec::new();
    };
    let published: HashSet<&str> = known
        .iter()
        .filter(|entry| entry.published_by.is_some())
        .map(|entry| entry.window.as_str())
        .collect();
    Window::range(first, last)
        .map(|window| window.key())
        .filter(|key| !published.contains(key.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::Bundle;
    use crate::ledger::{RecordedFault, WindowEvent};
    use crate::name::Name;

    fn definition(schedule: &str) -> Definition {
        let text = format!(
            "version: 1\ndescription: d\nschedule: {schedule}\nsource: {{ base_url: https://a.example }}\nresources: {{ a: {{ path: /a }} }}\ntables: {{ a: {{ from: a, columns: {{ v: {{ from: $.v, type: string }} }} }} }}\ndestinations: {{ lake: {{ database: d }} }}\n"
        );
        let bundle = Bundle {
            name: Name::new("p").expect("a name"),
            text,
            files: Default::default(),
        };
        bundle
            .check()
            .unwrap_or_else(|problems| panic!("{}", problems.render("p", &bundle.text)))
    }

    fn entry(key: &str, events: &[WindowEvent]) -> WindowEntry {
        let at = "2026-11-20T09:00:00Z";
        let planned = WindowEntry::after(None, key, "r", WindowEvent::Planned, at);
        events.iter().fold(planned, |entry, event| {
            WindowEntry::after(Some(&entry), key, "r", event.clone(), at)
        })
    }

    #[test]
    fn what_is_published_failed_or_missing_is_told() {
        let rows = indexmap::IndexMap::from([("a".to_owned(), 2), ("b".to_owned(), 3)]);
        let fault = RecordedFault {
            kind: "BadData".to_owned(),
            message: "no".to_owned(),
        };
        let entries = vec![
            entry("2026-11-19", &[WindowEvent::Failed(fault)]),
            entry("2026-11-12", &[WindowEvent::Published(rows)]),
            entry("2026-11-20", &[]),
        ];
        let now: Timestamp = "2026-11-21T12:30:00Z".parse().expect("a time");
        let days = definition("{ cron: '0 5 * * ? *', window: day, start: 2026-11-10 }");
        let status = Status::of("p", &days, entries.clone(), BTreeMap::new(), now);
        let windows: Vec<_> = status
            .windows
            .iter()
            .map(|window| {
                (
                    &*window.entry.window,
                    window.entry.state.name(),
                    window.total_rows,
                    window.age(),
                )
            })
            .collect();
        let age = || "1d 3h".to_owned();
        assert_eq!(
            windows,
            [
                ("2026-11-12", "published", 5, age()),
                ("2026-11-19", "failed", 0, age()),
                ("2026-11-20", "planned", 0, age()),
            ]
        );
        assert_eq!(
            status.states,
            BTreeMap::from([("failed", 1), ("planned", 1), ("published", 1)])
        );
        assert_eq!(status.last_complete.as_deref(), Some("2026-11-20"));
        assert_eq!(status.missing.len(), 10);
        assert_eq!(
            status.missing_ranges(&days),
            ["2026-11-10, 2026-11-11", "2026-11-13 to 2026-11-20 (8)"]
        );
        // Without a declared start, what is missing begins with the first window known.
        let days = definition("{ cron: '0 5 * * ? *', window: day }");
        assert_eq!(
            Status::of("p", &days, entries, BTreeMap::new(), now)
                .missing
                .len(),
            8
        );
        // A snapshot misses nothing.
        let snapshot = definition("{ cron: '0 5 * * ? *' }");
        assert!(
            Status::of("p", &snapshot, Vec::new(), BTreeMap::new(), now)
                .missing
                .is_empty()
        );
    }
}
