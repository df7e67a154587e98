//! Windows as a person writes them, and around every change of every clock.

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect(name)
}

fn every(text: &str) -> WindowLength {
    WindowLength::Every(Every::try_from(text.to_owned()).expect(text))
}

fn years() -> WindowLength {
    let text = "named: [{ name: y25, from: 2024-08-01, to: 2025-07-31 }, { name: y26, from: 2025-09-01, to: 2026-07-31 }]";
    crate::decode::decode(text).value.expect("decodes")
}

fn window(length: &WindowLength, zone: &TimeZone, text: &str) -> Window {
    Window::parse(length, zone, text, End::First).expect(text)
}

fn keys(length: &WindowLength, zone: &TimeZone, from: &str, to: &str) -> Vec<String> {
    let first = window(length, zone, from);
    let last = Window::parse(length, zone, to, End::Last).expect(to);
    Window::range(first, &last)
        .map(|window| window.key())
        .collect()
}

#[test]
fn the_last_complete_window_is_counted_in_local_time() {
    let zone = zone("Europe/London");
    let now: Timestamp = "2026-06-30T23:30:00Z".parse().expect("instant"); // 00:30 on 1 July there
    for (length, lag, key) in [
        (WindowLength::Day, 0, Some("2026-06-30")),
        (WindowLength::Day, 1, Some("2026-06-29")),
        (WindowLength::Hour, 0, Some("2026-06-30T23")),
        (WindowLength::Month, 0, Some("2026-06")),
        (every("6h"), 0, Some("2026-06-30T18")),
        (every("15min"), 0, Some("2026-07-01T0015")),
        (every("7d"), 0, Some("2026-06-22")),
        (every("3mo"), 0, Some("2026-04")),
        (years(), 0, Some("y25")),
        (years(), 1, None),
    ] {
        let last = Window::last_complete(&length, lag, now, &zone);
        assert_eq!(
            last.map(|window| window.key()).as_deref(),
            key,
            "{length:?}"
        );
    }
}

#[test]
fn a_range_holds_both_ends_and_a_coarser_word_means_all_of_it() {
    let utc = TimeZone::UTC;
    for (length, from, to, expected) in [
        (
            WindowLength::Day,
            "2026-02-27",
            "2026-03-01",
            &["2026-02-27", "2026-02-28", "2026-03-01"][..],
        ),
        (
            WindowLength::Month,
            "2026-11",
            "2027-01",
            &["2026-11", "2026-12", "2027-01"],
        ),
        (
            WindowLength::Month,
            "2026-11-20",
            "2026-11-21",
            &["2026-11"],
        ),
        (
            every("12h"),
            "2026-11-20",
            "2026-11-20",
            &["2026-11-20T00", "2026-11-20T12"],
        ),
        (
            every("12h"),
            "2026-11-20T12",
            "2026-11-21T00",
            &["2026-11-20T12", "2026-11-21T00"],
        ),
        (
            every("7d"),
            "2026-11-18",
            "2026-11-23",
            &["2026-11-16", "2026-11-23"],
        ),
        (every("6mo"), "2026-05", "2026-12", &["2026-01", "2026-07"]),
        (years(), "y25", "y26", &["y25", "y26"]),
        (years(), "2024-10-01", "2025-10", &["y25", "y26"]),
    ] {
        assert_eq!(keys(&length, &utc, from, to), expected, "{length:?}");
    }
    assert_eq!(
        keys(&WindowLength::Hour, &utc, "2026-11-20", "2026-11-20").len(),
        24
    );
    assert_eq!(
        keys(&WindowLength::Day, &utc, "2026-02", "2026-02").len(),
        28
    );
}

#[test]
fn where_clocks_change_hours_and_days_are_what_they_are() {
    let london = zone("Europe/London");
    // 01:00 is left out on 29 March, and shown twice on 25 October.
    let spring = keys(&WindowLength::Hour, &london, "2026-03-29", "2026-03-29");
    assert_eq!(spring.len(), 23);
    assert_eq!(
        spring[..3],
        ["2026-03-29T00", "2026-03-29T02", "2026-03-29T03"]
    );
    let autumn = keys(&WindowLength::Hour, &london, "2026-10-25", "2026-10-25");
    assert_eq!(autumn.len(), 25);
    assert_eq!(
        autumn[..4],
        [
            "2026-10-25T00",
            "2026-10-25T01",
            "2026-10-25T01.2",
            "2026-10-25T02"
        ]
    );
    assert!(autumn.is_sorted());
    let again = window(&WindowLength::Hour, &london, "2026-10-25T01.2");
    assert_eq!(
        again.value("start").as_deref(),
        Some("2026-10-25T01:00:00Z")
    );
    assert_eq!(again.value("utc_hour").as_deref(), Some("2026-10-25T01"));
    assert!(again.order() > again.previous().expect("before").order());
    assert!(again.order() < again.next().expect("after").order());
    let day = window(&WindowLength::Day, &london, "2026-03-29");
    for (part, value) in [
        ("start", "2026-03-29T00:00:00Z"),
        ("end", "2026-03-29T23:00:00Z"),
        ("last", "2026-03-29T22:59:59Z"),
        ("end_date", "2026-03-30"),
        ("last_date", "2026-03-29"),
        ("start_unix_ms", "1774742400000"),
        ("key", "2026-03-29"),
    ] {
        assert_eq!(day.value(part).as_deref(), Some(value), "{part}");
    }
    assert_eq!(day.value("nonsense"), None);
    assert!(Window::PARTS.iter().all(|part| day.value(part).is_some()));
    // Samoa left out 30 December 2011; Newfoundland put clocks back over midnight.
    let apia = keys(
        &WindowLength::Day,
        &zone("Pacific/Apia"),
        "2011-12-29",
        "2011-12-31",
    );
    assert_eq!(apia, ["2011-12-29", "2011-12-31"]);
    let st_johns = zone("America/St_Johns");
    let folded: Timestamp = "2006-10-29T02:45:00Z".parse().expect("an instant");
    let held = Window::holding(&WindowLength::Day, folded, &st_johns).expect("a window");
    assert!(held.start <= folded && folded < held.end, "{held}");
    // Lord Howe moves by half an hour.
    let lord_howe = keys(
        &WindowLength::Hour,
        &zone("Australia/Lord_Howe"),
        "2026-10-04",
        "2026-10-04",
    );
    assert_eq!(
        lord_howe[..3],
        ["2026-10-04T00", "2026-10-04T01", "2026-10-04T03"]
    );
}

#[test]
fn what_is_no_window_is_refused_with_an_example() {
    let utc = TimeZone::UTC;
    for text in [
        "",
        "2026",
        "2026-13-01",
        "20261120",
        "2026-11-20T25",
        "2026-11-20T07",
    ] {
        let error = Window::parse(&WindowLength::Day, &utc, text, End::First).expect_err(text);
        assert!(error.contains("2026-11-20"), "{error}");
    }
    for (length, zone_name, text, part) in [
        (
            WindowLength::Hour,
            "Europe/London",
            "2026-03-29T01",
            "is not a window",
        ),
        (
            WindowLength::Hour,
            "Europe/London",
            "2026-10-24T01.2",
            "is not a window",
        ),
        (
            every("6h"),
            "UTC",
            "2026-11-20T07",
            "the one that holds it is 2026-11-20T06",
        ),
        (
            every("15min"),
            "UTC",
            "2026-11-20T0710",
            "the one that holds it is 2026-11-20T0700",
        ),
        (
            years(),
            "UTC",
            "2025-08-15",
            "no window holds 2025-08-15; write one of y25, y26",
        ),
        (years(), "UTC", "y27", "write one of y25, y26"),
    ] {
        let error = Window::parse(&length, &zone(zone_name), text, End::First).expect_err(text);
        assert!(error.contains(part), "{error}");
    }
}

/// Around every transition of every zone: windows follow each other without gap or overlap, their keys grow,
/// and the window that holds a moment is the one that was found by walking.
#[test]
fn windows_tile_time_around_every_transition_of_every_zone() {
    let from: Timestamp = "2000-01-01T00:00:00Z".parse().expect("an instant");
    let to: Timestamp = "2041-01-01T00:00:00Z".parse().expect("an instant");
    let lengths = [
        WindowLength::Hour,
        WindowLength::Day,
        WindowLength::Month,
        every("6h"),
        every("15min"),
        every("7d"),
    ];
    let (mut zones, mut transitions, mut windows, mut gaps, mut overlaps) = (0, 0, 0u64, 0, 0);
    let mut days = std::collections::BTreeSet::new();
    let mut wrong = 0;
    let mut clocks = std::collections::HashSet::new();
    for name in jiff::tz::db().available() {
        let zone = zone(name.as_str());
        zones += 1;
        let changes = zone.following(from);
        let changes = changes.map(|change| (change.timestamp(), change.offset()));
        let changes: Vec<_> = changes.take_while(|change| change.0 < to).collect();
        transitions += changes.len();
        // Many names stand for the same clocks; each clock is walked once.
        if !clocks.insert((zone.to_offset(from), changes.clone())) {
            continue;
        }
        for (change, _) in changes {
            for length in &lengths {
                let hours = match length {
                    WindowLength::Day => 48,
                    WindowLength::Month => 24 * 40,
                    WindowLength::Every(Every::Days(_)) => 24 * 8,
                    WindowLength::Every(Every::Minutes(360)) => 13,
                    _ => 3,
                };
                let begin = change.saturating_sub(hours.hours()).expect("in range");
                let end = change.saturating_add(hours.hours()).expect("in range");
                let mut window = Window::holding(length, begin, &zone).expect("a window");
                while window.start < end {
                    windows += 1;
                    if let WindowLength::Day = length {
                        days.insert((zones, window.start));
                    }
                    let next = window.next().expect("a window after");
                    gaps += u32::from(next.start > window.end);
                    overlaps += u32::from(next.start < window.end);
                    let last = window.end.saturating_sub(1.nanosecond()).expect("in range");
                    let is_right = window.start < window.end
                        && window.key != next.key
                        && window.order() < next.order()
                        && next.start >= window.end
                        && Window::holding(length, last, &zone).as_ref() == Some(&window)
                        && Window::parse(length, &zone, &window.key, End::First).as_ref()
                            == Ok(&window);
                    if !is_right {
                        println!("{} {length:?}: {window:?} {next:?}", name.as_str());
                    }
                    wrong += u32::from(!is_right);
                    window = next;
                }
            }
        }
    }
    let days = days.len();
    println!(
        "{zones} zones ({} clocks), {transitions} transitions 2000-2040, {days} days, {windows} windows: {gaps} gaps, {overlaps} overlaps, {wrong} wrong",
        clocks.len()
    );
    assert!(
        zones > 400 && transitions > 10_000,
        "{zones} zones, {transitions} transitions"
    );
    assert_eq!((gaps, overlaps, wrong), (0, 0, 0));
}
