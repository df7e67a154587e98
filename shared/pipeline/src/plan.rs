//! Which windows a run is for, and what the run is called.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::definition::{Bundle, Definition};
use crate::ledger::{WindowEntry, WindowState};
use crate::run::RunRequest;
use crate::window::{Window, WindowLength};

/// What one slice's requests and rows are for: a window of time, or, for a snapshot, the day it is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its key in the ledger.
    pub key: String,
    /// The window that templates are filled from; a snapshot's is its day.
    pub window: Window,
}

/// The windows that a request asks for, oldest first; or what is wrong with the request.
pub fn asked_for(
    definition: &Definition,
    request: &RunRequest,
    started_at: Timestamp,
) -> Result<Vec<Period>, String> {
    let zone = zone(definition);
    let length = definition
        .schedule
        .as_ref()
        .and_then(|schedule| schedule.window);
    let range = match (&request.as_of, &request.from, &request.to) {
        (None, None, None) => None,
        (Some(as_of), None, None) => Some((as_of, as_of)),
        (None, Some(from), Some(to)) => Some((from, to)),
        (Some(_), _, _) => {
            return Err("`as_of` and a range exclude each other; give one of the two".to_owned());
        }
        _ => return Err("a range needs both of its ends; give `from` and `to`".to_owned()),
    };
    let (first, last) = match (range, length) {
        (Some((from, to)), _) if from != to && length.is_none() => {
            return Err(format!(
                "`{}` is a snapshot, it reads the source as it is now and has no past windows; run it without a range",
                request.pipeline
            ));
        }
        (Some((from, to)), _) => {
            let length = length.unwrap_or(WindowLength::Day);
            (parse(length, from, false)?, parse(length, to, true)?)
        }
        (None, Some(_)) => {
            let schedule = definition.schedule.as_ref();
            let window = schedule.and_then(|schedule| schedule.last_complete(started_at));
            let window = window.ok_or("the schedule has no windows")?;
            (window.clone(), window)
        }
        (None, None) => {
            let today = Window::holding(WindowLength::Day, zone.to_datetime(started_at));
            (today.clone(), today)
        }
    };
    if last.start < first.start {
        return Err(format!(
            "the range ends at {last}, before it begins at {first}; swap the two"
        ));
    }
    let windows = Window::range(first, &last);
    Ok(windows
        .into_iter()
        .map(|window| Period {
            key: window.key(),
            window,
        })
        .collect())
}

/// A day given where windows are shorter or longer means the day's first, or as an end its last, window.
fn parse(length: WindowLength, text: &str, end: bool) -> Result<Window, String> {
    let window = Window::parse(length, text)?;
    match (length, text.parse::<Date>()) {
        (WindowLength::Hour, Ok(day)) if end && text.len() == 10 => {
            Ok(Window::holding(length, day.at(23, 0, 0, 0)))
        }
        _ => Ok(window),
    }
}

/// The time zone of the pipeline's windows.
pub fn zone(definition: &Definition) -> TimeZone {
    let schedule = definition.schedule.as_ref();
    schedule.map_or(TimeZone::UTC, |schedule| schedule.timezone.0.clone())
}

/// Those of the windows that are left to do, given what the ledger knows.
///
/// A published window is left alone unless `force` is asked for. A snapshot is always read: whether the source
/// has changed is seen only by reading it. With `incomplete_only`, windows that no run has begun are left alone.
pub fn left_to_do(
    definition: &Definition,
    request: &RunRequest,
    asked: Vec<Period>,
    ledger: &HashMap<String, WindowEntry>,
) -> Vec<Period> {
    let windowed = definition
        .schedule
        .as_ref()
        .is_some_and(|schedule| schedule.window.is_some());
    let redo = request.force || request.raw_of.is_some();
    asked
        .into_iter()
        .filter(
            |period| match ledger.get(&period.key).map(|entry| entry.state) {
                Some(WindowState::Published) => redo || (!windowed && !request.incomplete_only),
                Some(_) => true,
                None => !request.incomplete_only,
            },
        )
        .collect()
}

/// The name of the run that does what is asked: the same for the same pipeline, windows, parameters and
/// definition, so that a duplicate trigger is harmless. At most 80 characters, as Step Functions wants it.
pub fn run_name(bundle: &Bundle, request: &RunRequest, windows: &[Period]) -> String {
    let mut hash = Sha256::new();
    let bundle_json = serde_json::to_vec(bundle).unwrap_or_default();
    let request_json = serde_json::to_vec(request).unwrap_or_default();
    for part in [&bundle_json, &request_json] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let digest: String = digest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let first = windows.first().map_or("", |period| period.key.as_str());
    let span = match windows.last() {
        Some(last) if last.key != first => format!("{first}.{}", last.key),
        _ => first.to_owned(),
    };
    let name: String = bundle.name.chars().take(30).collect();
    format!("{name}.{span}.{digest}")
}
