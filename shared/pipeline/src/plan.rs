//! Which windows a run is for, and what the run is called.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::definition::{Bundle, Definition};
use crate::ledger::{WindowEntry, WindowState};
use crate::run::RunRequest;
use crate::window::{End, Window, WindowLength};

/// What one slice's requests and rows are for: a window of time, or, for a snapshot, the day it is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// Its key in the ledger.
    pub key: String,
    /// The window that templates are filled from; a snapshot's is its day.
    pub window: Window,
}

/// How many windows one run is for at most.
const MOST: usize = 100_000;

/// The windows that a request asks for, oldest first; or what is wrong with the request.
///
/// Without any, those that are due; a range that is open at one end goes to the last complete window, or begins
/// with the first one that the schedule knows.
pub fn asked_for(
    definition: &Definition,
    request: &RunRequest,
    started_at: Timestamp,
) -> Result<Vec<Period>, String> {
    let now = request.now(started_at)?;
    let schedule = definition.schedule.as_ref();
    let Some((schedule, length)) =
        schedule.and_then(|schedule| Some((schedule, schedule.window.as_ref()?)))
    else {
        return snapshot(definition, request, now);
    };
    let zone = &schedule.timezone.0;
    let parse = |text: &str, end| Window::parse(length, zone, text, end);
    let newest = || {
        let newest = schedule.last_complete(now);
        newest.ok_or("no window is complete yet; wait for the first one".to_owned())
    };
    let (first, last) = match (&request.as_of, &request.from, &request.to) {
        (None, None, None) => {
            newest()?;
            return Ok(schedule.due(now).into_iter().map(Period::of).collect());
        }
        (Some(as_of), None, None) => (parse(as_of, End::First)?, parse(as_of, End::Last)?),
        (None, Some(from), Some(to)) => (parse(from, End::First)?, parse(to, End::Last)?),
        (None, Some(from), None) => (parse(from, End::First)?, newest()?),
        (None, None, Some(to)) => {
            let first = schedule.first().ok_or(
                "a range without its beginning needs `start` in the schedule; give `from` too",
            )?;
            (first, parse(to, End::Last)?)
        }
        (Some(_), _, _) => {
            return Err("`as_of` and a range exclude each other; give one of the two".to_owned());
        }
    };
    if last.start < first.start {
        return Err(format!(
            "the range ends at {last}, before it begins at {first}; swap the two"
        ));
    }
    if last.start > now {
        return Err(format!(
            "the window {last} has not begun; the last complete one is {}",
            newest()?
        ));
    }
    let windows: Vec<Period> = Window::range(first, &last)
        .take(MOST + 1)
        .map(Period::of)
        .collect();
    match windows.len() > MOST {
        true => Err(format!("the range has more than {MOST} windows; divide it")),
        false => Ok(windows),
    }
}

impl Period {
    fn of(window: Window) -> Self {
        Period {
            key: window.key(),
            window,
        }
    }
}

/// A snapshot's one window: the day that is asked for, or that of the start.
fn snapshot(
    definition: &Definition,
    request: &RunRequest,
    started_at: Timestamp,
) -> Result<Vec<Period>, String> {
    let (length, zone) = (WindowLength::Day, zone(definition));
    let given = match (&request.as_of, &request.from, &request.to) {
        (None, None, None) => None,
        (Some(day), None, None) => Some(day),
        // Where resources are read on from a bookmark, a range says between which values they are read.
        (None, Some(_), _) if definition.has_bookmarks() => None,
        (None, Some(from), Some(to)) if from == to => Some(from),
        (Some(_), _, _) => {
            return Err("`as_of` and a range exclude each other; give one of the two".to_owned());
        }
        _ => {
            return Err(format!(
                "`{}` is a snapshot, it reads the source as it is now and has no past windows; run it without a range",
                request.pipeline
            ));
        }
    };
    let day = match given {
        Some(day) => Window::parse(&length, &zone, day, End::First)?,
        None => Window::holding(&length, started_at, &zone).ok_or("there is no such day")?,
    };
    Ok(vec![Period::of(day)])
}

/// Whether a request is for what is due, and not for a past that was asked for.
pub fn is_live(request: &RunRequest) -> bool {
    let asked = [&request.as_of, &request.from, &request.to, &request.raw_of];
    asked.iter().all(|asked| asked.is_none())
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
/// Windows to look back at are read again together with a newest one that is not published yet.
pub fn left_to_do(
    definition: &Definition,
    request: &RunRequest,
    asked: Vec<Period>,
    ledger: &HashMap<String, WindowEntry>,
) -> Vec<Period> {
    let schedule = definition.schedule.as_ref();
    let schedule = schedule.filter(|schedule| schedule.window.is_some());
    let redo = request.force || request.raw_of.is_some();
    let is_published = |period: &Period| {
        ledger
            .get(&period.key)
            .is_some_and(WindowEntry::is_published)
    };
    let is_due = request.as_of.is_none() && request.from.is_none() && request.to.is_none();
    let is_fresh = asked.last().is_some_and(|newest| !is_published(newest));
    let look_back = match schedule {
        Some(schedule) if is_due && is_fresh && !request.incomplete_only => {
            schedule.look_back as usize
        }
        _ => 0,
    };
    let catch_up = schedule.map_or(0, |schedule| schedule.catch_up as usize);
    let count = asked.len();
    let is_left = |(position, period): &(usize, Period)| {
        let before_newest = count - 1 - position;
        match ledger.get(&period.key).map(|entry| entry.state) {
            Some(WindowState::Published) => {
                redo || before_newest != 0 && before_newest <= look_back
                    || schedule.is_none() && !request.incomplete_only
            }
            Some(_) => true,
            // What was never begun is made up for only as far back as is declared.
            None => !request.incomplete_only && (!is_due || before_newest <= catch_up),
        }
    };
    let left = asked.into_iter().enumerate().filter(is_left);
    left.map(|(_, period)| period).collect()
}

/// The name of the run that does what is asked: the same for the same pipeline, windows, parameters and
/// definition, so that a duplicate trigger is harmless. At most 80 characters, as Step Functions wants it.
pub fn run_name(bundle: &Bundle, request: &RunRequest, windows: &[Period]) -> String {
    let mut hash = Sha256::new();
    let bundle_json = serde_json::to_vec(bundle).unwrap_or_default();
    // It is the same work however many others are done beside it.
    let work = RunRequest {
        side_by_side: 1,
        ..request.clone()
    };
    let request_json = serde_json::to_vec(&work).unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::WindowEvent;
    use crate::name::Name;

    const NOW: &str = "2026-11-21T12:00:00Z";

    fn definition(schedule: &str) -> Definition {
        let text = format!(
            "version: 1\ndescription: d\n{schedule}\nsource: {{ base_url: https://a.example }}\nresources: {{ a: {{ path: /a }} }}\ntables: {{ a: {{ from: a, columns: {{ v: {{ from: $.v, type: string }} }} }} }}\ndestinations: {{ lake: {{ database: d }} }}\n"
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

    /// `as_of`, `from` and `to` by a text such as `from 2026-11-01 to 2026-11-03 force`.
    fn request(asked: &str) -> RunRequest {
        let words: Vec<&str> = asked.split_whitespace().collect();
        let after = |word: &str| {
            let at = words.iter().position(|found| *found == word)?;
            words.get(at + 1).map(|value| (*value).to_owned())
        };
        RunRequest {
            pipeline: Name::new("p").expect("a name"),
            as_of: after("as_of"),
            from: after("from"),
            to: after("to"),
            params: Default::default(),
            force: words.contains(&"force"),
            incomplete_only: words.contains(&"incomplete_only"),
            skip: Vec::new(),
            raw_of: after("raw_of"),
            resume: None,
            scheduled_at: after("scheduled_at"),
            side_by_side: 1,
        }
    }

    fn asked(schedule: &str, asked: &str) -> Result<Vec<String>, String> {
        let now = NOW.parse().expect("a time");
        let periods = asked_for(&definition(schedule), &request(asked), now)?;
        Ok(periods.into_iter().map(|period| period.key).collect())
    }

    const DAYS: &str = "schedule: { cron: '0 5 * * ? *', window: day }";
    const MORE: &str = "schedule: { cron: '0 5 * * ? *', window: day, look_back: 2, catch_up: 4, start: 2026-11-17 }";
    const BACK: &str = "schedule: { cron: '0 5 * * ? *', window: day, look_back: 2 }";
    const HOURS: &str = "schedule: { cron: '0 * * * ? *', window: hour, lag: 1 }";
    const YEARS: &str = "schedule: { cron: '0 5 * * ? *', window: { named: [{ name: y25, from: 2024-08-01, to: 2025-07-31 }, { name: y26, from: 2025-08-01, to: 2026-07-31 }, { name: y27, from: 2026-08-01, to: 2027-07-31 }] } }";

    #[test]
    fn a_request_asks_for_windows() {
        for (schedule, what, expected) in [
            ("", "", &["2026-11-21"][..]),
            ("", "as_of 2026-11-01", &["2026-11-01"]),
            ("", "from 2026-11-01 to 2026-11-01", &["2026-11-01"]),
            (DAYS, "", &["2026-11-20"]),
            (DAYS, "as_of 2026-11-21", &["2026-11-21"]),
            (
                DAYS,
                "from 2026-11-18 to 2026-11-19",
                &["2026-11-18", "2026-11-19"],
            ),
            (DAYS, "from 2026-11-19", &["2026-11-19", "2026-11-20"]),
            (HOURS, "", &["2026-11-21T10"]),
            (
                HOURS,
                "from 2026-11-21T09 to 2026-11-21T10",
                &["2026-11-21T09", "2026-11-21T10"],
            ),
            (
                MORE,
                "",
                &["2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"],
            ),
            (MORE, "to 2026-11-18", &["2026-11-17", "2026-11-18"]),
            (YEARS, "", &["y26"]),
            (YEARS, "from y25 to y26", &["y25", "y26"]),
            (YEARS, "as_of y27", &["y27"]),
        ] {
            assert_eq!(
                asked(schedule, what).as_deref(),
                Ok(&expected
                    .iter()
                    .map(|key| (*key).to_owned())
                    .collect::<Vec<_>>()[..]),
                "{schedule} {what}"
            );
        }
        assert_eq!(
            asked(HOURS, "as_of 2026-11-20").map(|keys| keys.len()),
            Ok(24)
        );
        for (schedule, what, part) in [
            ("", "from 2026-11-01 to 2026-11-02", "is a snapshot"),
            ("", "from 2026-11-01", "is a snapshot"),
            (
                DAYS,
                "as_of 2026-11-01 from 2026-11-01",
                "exclude each other",
            ),
            (DAYS, "to 2026-11-01", "give `from` too"),
            (DAYS, "from 2026-11-03 to 2026-11-01", "swap the two"),
            (
                DAYS,
                "as_of 2026-11-22",
                "has not begun; the last complete one is 2026-11-20",
            ),
            (DAYS, "from 2026-11-01 to 2027-11-01", "has not begun"),
            (DAYS, "from 1700-01-01", "more than 100000 windows"),
            (DAYS, "as_of 2026-11", "the window 2026-11-30 has not begun"),
            (DAYS, "as_of 2026-10", ""),
            (DAYS, "as_of yesterday", "write a day such as 2026-11-20"),
            (MORE, "as_of 2026-13-01", "is not a window"),
            (YEARS, "as_of y30", "one of y25, y26, y27"),
            (
                "schedule: { cron: '0 5 * * ? *', window: day, start: 2027-01-01 }",
                "",
                "no window is complete yet",
            ),
        ] {
            let found = asked(schedule, what).err().unwrap_or_default();
            assert!(
                found.contains(part) && found.is_empty() == part.is_empty(),
                "{what}: {found}"
            );
        }
    }

    #[test]
    fn what_the_ledger_knows_is_left_alone_unless_asked_for() {
        let published = |key: &str, ledger: &mut HashMap<String, WindowEntry>| {
            let planned = WindowEntry::after(None, key, "r", WindowEvent::Planned, NOW);
            let event = WindowEvent::Published(Default::default());
            ledger.insert(
                key.to_owned(),
                WindowEntry::after(Some(&planned), key, "r", event, NOW),
            );
        };
        let begun = |key: &str, ledger: &mut HashMap<String, WindowEntry>| {
            let planned = WindowEntry::after(None, key, "r", WindowEvent::Planned, NOW);
            ledger.insert(key.to_owned(), planned);
        };
        // What is published, what was begun, and which days of November are left to do.
        for (schedule, what, done, open, left) in [
            (DAYS, "", &[][..], &[][..], &["20"][..]),
            (DAYS, "", &["20"], &[], &[]),
            (DAYS, "force", &["20"], &[], &["20"]),
            (DAYS, "raw_of r", &["20"], &[], &["20"]),
            (
                DAYS,
                "from 2026-11-17 to 2026-11-20",
                &["18"],
                &["19"],
                &["17", "19", "20"],
            ),
            (
                DAYS,
                "from 2026-11-17 to 2026-11-20 incomplete_only",
                &["18"],
                &["19"],
                &["19"],
            ),
            (
                DAYS,
                "from 2026-11-17 to 2026-11-20 force",
                &["18"],
                &["19"],
                &["17", "18", "19", "20"],
            ),
            // Missed windows are made up for, published ones looked back at.
            (MORE, "", &["17", "18", "19"], &[], &["18", "19", "20"]),
            (MORE, "", &["17"], &[], &["18", "19", "20"]),
            (MORE, "", &[], &["17"], &["17", "18", "19", "20"]),
            (MORE, "", &["17", "18", "19", "20"], &[], &[]),
            (MORE, "", &["18", "20"], &["19"], &["17", "19"]),
            (MORE, "incomplete_only", &["18"], &["19"], &["19"]),
            (MORE, "as_of 2026-11-19", &["19"], &[], &[]),
            (BACK, "", &[], &[], &["20"]),
            (BACK, "", &["18", "19"], &[], &["18", "19", "20"]),
            ("", "", &["21"], &[], &["21"]),
            ("", "incomplete_only", &["21"], &[], &[]),
        ] {
            let mut ledger = HashMap::new();
            for day in done {
                published(&format!("2026-11-{day}"), &mut ledger);
            }
            for day in open {
                begun(&format!("2026-11-{day}"), &mut ledger);
            }
            let definition = definition(schedule);
            let request = request(what);
            let now = NOW.parse().expect("a time");
            let asked = asked_for(&definition, &request, now).expect("windows");
            let found = left_to_do(&definition, &request, asked, &ledger);
            let found: Vec<&str> = found.iter().map(|period| &period.key[8..]).collect();
            assert_eq!(found, left, "{schedule} {what} {done:?} {open:?}");
        }
    }

    #[test]
    fn what_does_not_fit_a_schedule_is_said_at_its_place() {
        for (schedule, part) in [
            ("start: 2026-01-01", "2:41: a snapshot has no past windows"),
            ("window: day, start: May", "2:54: `May` is not a window"),
            ("window: { every: 7h }", "`7h` is no length of windows"),
            ("window: { named: [] }", "there is no window"),
            ("window: week", "week"),
            ("window: day, catch_up: 99999", "more than 10000 windows"),
        ] {
            let text = format!("version: 1\nschedule: {{ cron: '0 5 * * ? *', {schedule} }}");
            #[derive(serde::Deserialize)]
            struct Sample {
                #[serde(rename = "version")]
                _version: u8,
                schedule: Option<crate::schedule::Schedule>,
            }
            let decoded = crate::decode::decode::<Sample>(&text);
            let mut problems = decoded.problems;
            if let Some(schedule) = decoded.value.and_then(|sample| sample.schedule) {
                schedule.check(&mut problems);
            }
            let shown = problems.render("p", &text);
            assert!(shown.contains(part), "{schedule}: {shown}");
        }
    }
}
