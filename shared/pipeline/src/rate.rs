//! How often a source may be asked: the pure part of the limiter, which says when the next request may go.

use std::collections::VecDeque;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::fault::Fault;
use crate::header::HeaderName;
use crate::number::{Number, Values};
use crate::outcome::retry_after;
use crate::problem::{Located, Location, Problems};
use crate::request::Answer;

/// How often the source may be asked
///
/// `{ requests: 10, per: second }`: no second, wherever it begins, sees more than ten requests of ours.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many requests.
    pub requests: Located<Number>,
    /// In which time.
    #[serde(default)]
    pub per: Per,
    /// How many of them may go at once; the rest is spread evenly over the time.
    #[serde(default = "one")]
    pub burst: Number,
    /// How many requests may be under way together.
    #[serde(default = "four")]
    pub concurrency: Number,
    /// The header in which the source says how many requests are left; what is left is spread over the time
    /// that `reset` says, and with nothing left it is left alone for so long.
    pub remaining: Option<HeaderName>,
    /// The header in which it says when there are more again: seconds from now, a Unix time in seconds or
    /// milliseconds, or a date. Without it, after the declared time.
    pub reset: Option<HeaderName>,
    /// Rates of parts of the source, by the beginning of their paths below `base_url`, beside the whole one; the
    /// longest that fits counts.
    #[serde(default)]
    pub paths: IndexMap<String, Located<PathRate>>,
}

/// How often a part of the source may be asked
///
/// `paths: { /search: { requests: 30, per: minute } }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathRate {
    /// How many requests.
    pub requests: Located<Number>,
    /// In which time.
    #[serde(default)]
    pub per: Per,
    /// How many of them may go at once; the rest is spread evenly over the time.
    #[serde(default = "one")]
    pub burst: Number,
    /// How many requests may be under way together, of those that the source allows.
    pub concurrency: Option<Number>,
}

/// A period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// One second.
    #[default]
    Second,
    /// Sixty seconds.
    Minute,
    /// Sixty minutes.
    Hour,
}

fn one() -> Number {
    Number::Fixed(1)
}

fn four() -> Number {
    Number::Fixed(4)
}

impl Default for Rate {
    /// Five a second, evenly: polite towards a source of which nothing is known.
    fn default() -> Self {
        Rate {
            requests: Located {
                value: Number::Fixed(5),
                at: Location::default(),
            },
            per: Per::Second,
            burst: one(),
            concurrency: four(),
            remaining: None,
            reset: None,
            paths: IndexMap::new(),
        }
    }
}

impl Rate {
    /// The pace, given the values.
    pub fn pace(&self, values: &Values) -> Result<Pace, Fault> {
        Ok(Pace {
            requests: at_least_one(&self.requests, values, "rate.requests")?,
            period: self.per.duration(),
            burst: at_least_one(&self.burst, values, "rate.burst")?,
            concurrency: at_least_one(&self.concurrency, values, "rate.concurrency")?,
        })
    }

    /// The paces of paths below `base`, which is the path of the source's address; the longest first.
    pub fn paths(&self, base: &str, values: &Values) -> Result<Vec<(String, Pace)>, Fault> {
        let base = base.trim_end_matches('/');
        let pace = |(path, rate): (&String, &Located<PathRate>)| {
            let what = format!("rate.paths.{path}");
            let concurrency = match &rate.concurrency {
                Some(number) => at_least_one(number, values, &what)?,
                None => MOST,
            };
            let pace = Pace {
                requests: at_least_one(&rate.requests, values, &what)?,
                period: rate.per.duration(),
                burst: at_least_one(&rate.burst, values, &what)?,
                concurrency,
            };
            Ok((format!("{base}{path}"), pace))
        };
        let mut paths: Vec<_> = self.paths.iter().map(pace).collect::<Result<_, Fault>>()?;
        paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Ok(paths)
    }

    /// What an answer says of the requests that are left.
    pub fn advice(&self, answer: &Answer, now: Timestamp) -> Option<Advice> {
        let remaining = answer.header(self.remaining.as_deref()?)?;
        // Some write `3, 10;w=60`, and some a fraction.
        let number: f64 = remaining.split([',', ';']).next()?.trim().parse().ok()?;
        let reset = self.reset.as_deref().and_then(|name| answer.header(name));
        let reset = reset.and_then(|reset| until(reset, now));
        Some(Advice {
            remaining: number.max(0.0) as u64,
            reset: reset.unwrap_or(self.per.duration()),
        })
    }

    pub(crate) fn check(&self, known: &[&str], problems: &mut Problems) {
        check_numbers(
            self.requests.at,
            [&self.requests.value, &self.burst, &self.concurrency],
            known,
            problems,
        );
        for (path, rate) in &self.paths {
            let whole = [&rate.requests.value, &rate.burst];
            let numbers = whole.into_iter().chain(&rate.concurrency);
            check_numbers(rate.requests.at, numbers, known, problems);
            if !path.starts_with('/') || path.contains(['?', '#', '{']) {
                problems.add_with(
                    rate.at,
                    format!("`{path}` is not the beginning of a path"),
                    "write it as below `base_url`, `/search`, without parameters and references",
                );
            }
        }
        if let (Some(_), None) = (&self.reset, &self.remaining) {
            problems.add_with(
                self.requests.at,
                "`reset` is set without `remaining`",
                "name the header that says how many requests are left too",
            );
        }
    }
}

/// More than this is no rate.
const MOST: u64 = 1_000_000;

fn at_least_one(number: &Number, values: &Values, what: &str) -> Result<u64, Fault> {
    match number.fill(values, what)? {
        number @ 1..=MOST => Ok(number),
        number => Err(Fault::bad_definition(format!(
            "{what} is {number}; it must lie between 1 and {MOST}"
        ))),
    }
}

fn check_numbers<'a>(
    at: Location,
    numbers: impl IntoIterator<Item = &'a Number>,
    known: &[&str],
    problems: &mut Problems,
) {
    for number in numbers {
        match number {
            Number::Fixed(0) => {
                problems.add_with(at, "a rate of nothing would never end", "allow 1 at least");
            }
            Number::Fixed(_) => {}
            Number::Filled(template) => {
                crate::source::check_references(at, template, known, problems);
            }
        }
    }
}

/// What a source says of the requests that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// How many.
    pub remaining: u64,
    /// In how much time there are more again.
    pub reset: Duration,
}

/// How long until a moment that a header tells: seconds from now, a Unix time, or a date.
fn until(header: &str, now: Timestamp) -> Option<Duration> {
    let text = header.split([',', ';']).next()?.trim();
    let since = |moment: Timestamp| {
        let wait = moment.duration_since(now);
        Duration::try_from(wait).unwrap_or(Duration::ZERO)
    };
    // Nobody asks to wait for thirty years: past that it is a time of day.
    const THIRTY_YEARS: f64 = 1e9;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 1e12 => {
            Timestamp::from_millisecond(number as i64).ok().map(since)
        }
        Ok(number) if number.is_finite() && number >= THIRTY_YEARS => {
            Timestamp::from_second(number as i64).ok().map(since)
        }
        Ok(_) => retry_after(text, now),
        Err(_) => match text.parse::<Timestamp>() {
            Ok(moment) => Some(since(moment)),
            // A date of HTTP has a comma of its own.
            Err(_) => retry_after(header, now),
        },
    }
}

impl Per {
    fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Per::Second => 1,
            Per::Minute => 60,
            Per::Hour => 3600,
        })
    }
}

/// How often, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many requests a period.
    pub requests: u64,
    /// The period.
    pub period: Duration,
    /// How many at once.
    pub burst: u64,
    /// How many together.
    pub concurrency: u64,
}

impl Pace {
    /// The part of one among `workers` that keep no common clock, as on Lambda: together they stay within.
    #[must_use]
    pub fn shared_by(self, workers: u64) -> Pace {
        let workers = workers.max(1);
        let concurrency = (self.concurrency / workers).max(1);
        if self.requests >= workers {
            let requests = self.requests / workers;
            let burst = self.burst.min(requests);
            return Pace {
                requests,
                burst,
                concurrency,
                ..self
            };
        }
        let stretch = u32::try_from(workers.div_ceil(self.requests)).unwrap_or(u32::MAX);
        Pace {
            requests: 1,
            period: self.period.saturating_mul(stretch),
            burst: 1,
            concurrency,
        }
    }
}

/// Remembers when requests went and says when the next may go. Times are durations since any fixed moment.
#[derive(Debug, Clone)]
pub struct Limiter {
    pace: Pace,
    /// By when each of the last requests had come to the source.
    came: VecDeque<Duration>,
    /// How many went.
    sent: u64,
    /// When the next request is due if all go evenly.
    due: Duration,
    held_until: Duration,
    /// The time between two requests that the source's own count asks for, and until when.
    slowed: Option<(Duration, Duration)>,
    /// When the last request went.
    last: Option<Duration>,
    /// How many are under way.
    under_way: u64,
}

/// Timers wake late; so much of it is made up for, or else a high rate would never be used.
const LATE: Duration = Duration::from_millis(50);

impl Limiter {
    /// A limiter that has seen nothing.
    pub fn new(pace: Pace) -> Self {
        Limiter {
            pace,
            came: VecDeque::new(),
            sent: 0,
            due: Duration::ZERO,
            held_until: Duration::ZERO,
            slowed: None,
            last: None,
            under_way: 0,
        }
    }

    /// The earliest moment at which the next request may go, which may lie in the past.
    pub fn next_at(&self) -> Duration {
        let Pace {
            requests, burst, ..
        } = self.pace;
        let ahead = u32::try_from(burst.min(requests) - 1).unwrap_or(u32::MAX);
        let even = self.due.saturating_sub(self.share().saturating_mul(ahead));
        let usual = self.whole().max(even).max(self.held_until);
        match (self.slowed, self.last) {
            // Past the end of its period the count is a new one.
            (Some((gap, until)), Some(last)) => usual.max((last + gap).min(until)),
            _ => usual,
        }
    }

    /// Spreads what the source says is left over the time until there is more; with nothing left it waits.
    pub fn advise(&mut self, advice: Advice, now: Duration) {
        let until = now + advice.reset;
        // Those on their way are not counted yet where the answer was written.
        let left = advice.remaining.saturating_sub(self.under_way);
        if left == 0 {
            self.held_until = self.held_until.max(until);
            self.slowed = None;
            return;
        }
        let gap = advice.reset / u32::try_from(left + 1).unwrap_or(u32::MAX);
        self.slowed = (gap > self.share()).then_some((gap, until));
    }

    /// The first moment at which a period, wherever it begins, has room for one more.
    fn whole(&self) -> Duration {
        let back = usize::try_from(self.pace.requests).unwrap_or(usize::MAX);
        let position = self.came.len().checked_sub(back);
        position.map_or(Duration::ZERO, |position| {
            self.came[position] + self.pace.period
        })
    }

    /// The time between two requests that go evenly. A little is left over, so that the way that one takes
    /// longer than another seldom holds the next one up.
    fn share(&self) -> Duration {
        let period = self.pace.period + self.pace.period / 33;
        period / u32::try_from(self.pace.requests).unwrap_or(u32::MAX)
    }

    /// Notes that a request goes now, and answers a number for [`Limiter::answered`].
    ///
    /// A request that leaves on time may come to the source later than the next ones do, on a busy machine
    /// much later. So it counts from the latest moment at which it can have come: when it is answered, or a
    /// while after it went.
    pub fn note(&mut self, now: Duration) -> u64 {
        let latest = now + (self.pace.period * 2 / 25).min(Duration::from_secs(1));
        self.due = self.due.max(now.saturating_sub(LATE)) + self.share();
        self.came.push_back(latest);
        while self.came.len() as u64 > self.pace.requests {
            self.came.pop_front();
        }
        self.last = Some(now);
        self.under_way += 1;
        self.sent += 1;
        self.sent
    }

    /// Notes that the request of this number is answered, so has come.
    pub fn answered(&mut self, number: u64, now: Duration) {
        self.under_way = self.under_way.saturating_sub(1);
        let later = usize::try_from(self.sent - number).unwrap_or(usize::MAX);
        let position = self.came.len().checked_sub(later.saturating_add(1));
        if let Some(came) = position.and_then(|position| self.came.get_mut(position)) {
            *came = now.min(*came);
        }
    }

    /// Lets nothing go before `moment`: the source asked for patience.
    pub fn hold_until(&mut self, moment: Duration) {
        self.held_until = self.held_until.max(moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(requests: u64, burst: u64) -> Pace {
        Pace {
            requests,
            period: Duration::from_secs(1),
            burst,
            concurrency: 8,
        }
    }

    /// When requests go that are always ready to go, and one that idles for `pause` before every 50th.
    fn times(pace: Pace, pause: Duration) -> Vec<Duration> {
        let mut limiter = Limiter::new(pace);
        let mut now = Duration::from_secs(100);
        let mut times = Vec::new();
        for number in 1..400 {
            if number % 50 == 0 {
                now += pause;
            }
            now = now.max(limiter.next_at());
            limiter.note(now);
            times.push(now);
        }
        times
    }

    fn worst(times: &[Duration], period: Duration) -> usize {
        let in_window = |start: &Duration| {
            times
                .iter()
                .filter(|time| *time >= start && **time < *start + period)
                .count()
        };
        times.iter().map(in_window).max().unwrap_or_default()
    }

    #[test]
    fn no_window_sees_more_than_the_rate_and_little_is_wasted() {
        for (requests, burst) in [(1, 1), (3, 2), (5, 1), (10, 10), (10, 3), (7, 7), (50, 20)] {
            for pause in [
                Duration::ZERO,
                Duration::from_millis(700),
                Duration::from_secs(10),
            ] {
                let times = times(pace(requests, burst), pause);
                assert!(
                    worst(&times, Duration::from_secs(1)) as u64 <= requests,
                    "{requests} {burst}"
                );
                if pause.is_zero() {
                    let seconds = (times[398] - times[0]).as_secs_f64();
                    assert!(
                        398.0 / seconds / requests as f64 >= 0.9,
                        "{requests} {burst}: {seconds}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_hold_stops_everything_until_its_end() {
        let mut limiter = Limiter::new(pace(10, 10));
        limiter.hold_until(Duration::from_secs(9));
        limiter.hold_until(Duration::from_secs(3));
        assert_eq!(limiter.next_at(), Duration::from_secs(9));
    }

    #[test]
    fn what_is_left_is_spread_over_the_time_until_there_is_more() {
        let seconds = Duration::from_secs;
        let mut limiter = Limiter::new(pace(10, 10));
        let mut now = seconds(100);
        limiter.answered(limiter.sent, now);
        let mut times = Vec::new();
        // Thirty are left for the next minute, and the source counts down.
        for left in (0..30).rev() {
            now = now.max(limiter.next_at());
            let number = limiter.note(now);
            times.push(now);
            limiter.answered(number, now);
            let reset = seconds(160).saturating_sub(now);
            limiter.advise(
                Advice {
                    remaining: left,
                    reset,
                },
                now,
            );
        }
        assert!(
            times[1] - times[0] >= Duration::from_millis(2000),
            "{times:?}"
        );
        assert!(*times.last().expect("one") < seconds(160), "{times:?}");
        assert_eq!(limiter.next_at(), seconds(160));
        // Then the declared rate holds again.
        limiter.note(seconds(160));
        limiter.advise(
            Advice {
                remaining: 1000,
                reset: seconds(60),
            },
            seconds(160),
        );
        assert!(limiter.next_at() <= seconds(161));
    }

    #[test]
    fn requests_under_way_are_taken_off_what_is_left() {
        let mut limiter = Limiter::new(pace(10, 10));
        for _ in 0..4 {
            limiter.note(Duration::from_secs(9));
        }
        limiter.answered(1, Duration::from_secs(9));
        let reset = Duration::from_secs(20);
        limiter.advise(
            Advice {
                remaining: 3,
                reset,
            },
            Duration::from_secs(10),
        );
        assert_eq!(limiter.next_at(), Duration::from_secs(30));
    }

    #[test]
    fn headers_tell_what_is_left_and_until_when() {
        let rate = "{ requests: 10, per: minute, remaining: X-Left, reset: X-Reset }";
        let rate: Rate = crate::decode::decode(rate).value.expect("decodes");
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let unix = now.as_second();
        for (left, reset, expected) in [
            (Some("7"), Some("30".to_owned()), Some((7, 30.0))),
            (Some("7, 10;w=60"), Some("1.5".to_owned()), Some((7, 1.5))),
            (Some("0"), Some((unix + 40).to_string()), Some((0, 40.0))),
            (
                Some("0"),
                Some(((unix + 40) * 1000).to_string()),
                Some((0, 40.0)),
            ),
            (Some("0"), Some((unix - 40).to_string()), Some((0, 0.0))),
            (
                Some("0.0"),
                Some("2026-11-21T12:00:09Z".to_owned()),
                Some((0, 9.0)),
            ),
            (
                Some("2"),
                Some("Sat, 21 Nov 2026 12:00:30 GMT".to_owned()),
                Some((2, 30.0)),
            ),
            (Some("2"), Some("soon".to_owned()), Some((2, 60.0))),
            (Some("-1"), None, Some((0, 60.0))),
            (Some("2"), None, Some((2, 60.0))),
            (Some("many"), Some("30".to_owned()), None),
            (None, Some("30".to_owned()), None),
        ] {
            let left = left.map(|left| ("x-left".to_owned(), left.to_owned()));
            let reset = reset.map(|reset| ("x-reset".to_owned(), reset));
            let answer = Answer {
                status: 200,
                headers: left.into_iter().chain(reset).collect(),
                body: Vec::new(),
            };
            let advice = rate.advice(&answer, now);
            let advice = advice.map(|advice| (advice.remaining, advice.reset.as_secs_f64()));
            assert_eq!(advice, expected, "{answer:?} {:?}", answer.headers);
        }
    }

    #[test]
    fn a_path_has_its_rate_beside_the_whole() {
        let text = "{ requests: 10, paths: { /a: { requests: 2 }, /a/b: { requests: '{n}', per: hour, concurrency: 1 } } }";
        let rate: Rate = crate::decode::decode(text).value.expect("decodes");
        let values = Values::from([("n".into(), "5".into())]);
        let paths = rate.paths("/v1/", &values).expect("paces");
        let shown: Vec<_> = paths
            .iter()
            .map(|(path, pace)| (path.as_str(), pace.requests, pace.period.as_secs()))
            .collect();
        assert_eq!(shown, [("/v1/a/b", 5, 3600), ("/v1/a", 2, 1)]);
        for (text, part) in [
            (
                "{ requests: 1, reset: X }",
                "`reset` is set without `remaining`",
            ),
            (
                "{ requests: 1, paths: { a: { requests: 1 } } }",
                "1:28: `a` is not the beginning of a path",
            ),
            (
                "{ requests: 1, paths: { /a: { requests: 0 } } }",
                "1:41: a rate of nothing",
            ),
            (
                "{ requests: 1, paths: { /a: { requests: '{m}' } } }",
                "1:41: there is no value `m`",
            ),
        ] {
            let mut problems = Problems::default();
            let rate: Rate = crate::decode::decode(text).value.expect("decodes");
            rate.check(&["n"], &mut problems);
            let shown = problems.render("p", text);
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn workers_without_a_common_clock_share_the_rate() {
        for (requests, workers, each, period) in [
            (10, 3, 3, 1),
            (10, 10, 1, 1),
            (2, 8, 1, 4),
            (3, 8, 1, 3),
            (5, 0, 5, 1),
        ] {
            let part = pace(requests, 4).shared_by(workers);
            assert_eq!((part.requests, part.period.as_secs()), (each, period));
        }
    }

    #[test]
    fn a_rate_is_filled_from_parameters_within_bounds() {
        let rate: Rate = crate::decode::decode("{ requests: \"{n}\", per: minute }")
            .value
            .expect("decodes");
        let pace = |n: &str| rate.pace(&Values::from([("n".into(), n.into())]));
        assert_eq!(
            pace("30").map(|pace| (pace.requests, pace.period.as_secs())),
            Ok((30, 60))
        );
        for n in ["0", "-1", "x", "1000001"] {
            assert!(pace(n).is_err(), "{n}");
        }
    }

    #[test]
    fn a_request_that_dawdles_on_its_way_does_not_make_a_second_too_full() {
        let pace = pace(20, 1);
        for (dawdle, answered) in [(70, 1000), (70, 75), (20, 21), (0, 0)] {
            let mut limiter = Limiter::new(pace);
            let mut answers = VecDeque::new();
            let (mut now, mut came) = (Duration::from_secs(9), Vec::new());
            for number in 0..300 {
                let millis = Duration::from_millis;
                now = now.max(limiter.next_at());
                while let Some((ticket, at)) = answers.front().copied().filter(|(_, at)| *at <= now)
                {
                    limiter.answered(ticket, at);
                    answers.pop_front();
                    now = now.max(limiter.next_at());
                }
                // Every seventh takes its time, all others none.
                let late = if number % 7 == 0 { dawdle } else { 0 };
                answers.push_back((limiter.note(now), now + millis(answered)));
                came.push(now + millis(late));
            }
            came.sort();
            assert!(
                worst(&came, Duration::from_secs(1)) <= 20,
                "{dawdle} {answered}"
            );
        }
    }
}
