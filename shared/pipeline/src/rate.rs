//! How often a source may be asked: the pure part of the limiter, which says when the next request may go.

use std::collections::VecDeque;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::fault::Fault;
use crate::number::{Number, Values};
use crate::problem::{Located, Location, Problems};

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
        }
    }
}

impl Rate {
    /// The pace, given the values.
    pub fn pace(&self, values: &Values) -> Result<Pace, Fault> {
        let at_least_one = |number: &Number, what: &str| match number.fill(values, what)? {
            number @ 1..=1_000_000 => Ok(number),
            number => Err(Fault::bad_definition(format!(
                "{what} is {number}; it must lie between 1 and 1000000"
            ))),
        };
        Ok(Pace {
            requests: at_least_one(&self.requests, "rate.requests")?,
            period: self.per.duration(),
            burst: at_least_one(&self.burst, "rate.burst")?,
            concurrency: at_least_one(&self.concurrency, "rate.concurrency")?,
        })
    }

    pub(crate) fn check(&self, known: &[&str], problems: &mut Problems) {
        let at = self.requests.at;
        for number in [&self.requests.value, &self.burst, &self.concurrency] {
            match number {
                Number::Fixed(0) => {
                    problems.add_with(at, "a rate of nothing would never end", "allow 1 at least")
                }
                Number::Fixed(_) => {}
                Number::Filled(template) => {
                    crate::source::check_references(at, template, known, problems);
                }
            }
        }
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
        }
    }

    /// The earliest moment at which the next request may go, which may lie in the past.
    pub fn next_at(&self) -> Duration {
        let Pace {
            requests, burst, ..
        } = self.pace;
        let ahead = u32::try_from(burst.min(requests) - 1).unwrap_or(u32::MAX);
        let even = self.due.saturating_sub(self.share().saturating_mul(ahead));
        self.whole().max(even).max(self.held_until)
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
        self.sent += 1;
        self.sent
    }

    /// Notes that the request of this number is answered, so has come.
    pub fn answered(&mut self, number: u64, now: Duration) {
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
