//! How often one request is tried again, how long between, and when a source counts as down.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

/// How patient we are with one request
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// How often one request is sent at most, the first time included.
    pub attempts: Attempts,
    /// How many seconds all its attempts may take together.
    pub seconds: u32,
    /// The longest wait, in seconds, within a step; a longer one is left to the state machine.
    pub longest_wait: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Retry {
            attempts: Attempts(4),
            seconds: 120,
            longest_wait: 20,
        }
    }
}

/// How often one request is sent at most, 1 to 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u32")]
#[schemars(extend("minimum" = 1, "maximum" = 6))]
pub struct Attempts(u32);

impl Attempts {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Attempts {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            1..=6 => Ok(Attempts(number)),
            _ => Err(format!(
                "{number} attempts are not from 1 to 6; the state machine tries again after that"
            )),
        }
    }
}

/// The longest wait that is handed to the state machine: after it the source is asked anew, whatever it said.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// How long to wait before attempt `number` (2 is the first repeat), with `chance` between 0 and 1.
pub fn backoff(number: u32, chance: f64) -> Duration {
    let doubled = 2f64.powi(number.saturating_sub(2).min(10) as i32);
    let ceiling = (0.5 * doubled).min(20.0);
    // At least half of it, so that the load on a troubled source really falls.
    Duration::from_secs_f64(ceiling * (0.5 + chance.clamp(0.0, 1.0) / 2.0))
}

/// Decides for all workers of a source together whether to try again and whether to ask at all.
///
/// Repeats cost tokens that successes earn back, so a source in trouble sees a fifth more load at most; after
/// many failures in a row it counts as down and is asked once a minute until it answers.
#[derive(Debug, Clone)]
pub struct Breaker {
    tokens: f64,
    failures_in_a_row: u32,
    down_until: Option<Duration>,
    down_since: Option<Duration>,
}

const TOKENS: f64 = 20.0;
const EARNED: f64 = 0.2;
const FAILURES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(60);

/// How long a source may count as down before the run ends instead of waiting on.
pub const LONGEST_DOWN: Duration = Duration::from_secs(3600);

impl Default for Breaker {
    fn default() -> Self {
        Breaker {
            tokens: TOKENS,
            failures_in_a_row: 0,
            down_until: None,
            down_since: None,
        }
    }
}

impl Breaker {
    /// How long to leave a source alone that counts as down; none where it may be asked. Who is let through
    /// after a pause is the only one for the next.
    pub fn pause(&mut self, now: Duration) -> Option<Duration> {
        let until = self.down_until?;
        if now < until {
            return Some(until - now);
        }
        self.down_until = Some(now + PAUSE);
        None
    }

    /// Whether the source counts as down for so long that waiting on is no use.
    pub fn is_given_up(&self, now: Duration) -> bool {
        let since = self.down_since;
        since.is_some_and(|since| now.saturating_sub(since) >= LONGEST_DOWN)
    }

    /// Whether a failed request may be tried again now.
    pub fn may_repeat(&mut self) -> bool {
        if self.down_until.is_some() || self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }

    /// Notes that the source answered, whatever it said.
    pub fn answered(&mut self) {
        self.tokens = (self.tokens + EARNED).min(TOKENS);
        self.failures_in_a_row = 0;
        self.down_until = None;
        self.down_since = None;
    }

    /// Notes that the source did not answer, or only that it cannot.
    pub fn failed(&mut self, now: Duration) {
        self.failures_in_a_row += 1;
        if self.failures_in_a_row >= FAILURES {
            self.down_until = Some(now + PAUSE);
            self.down_since.get_or_insert(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        for (number, least, most) in [
            (2, 0.25, 0.5),
            (3, 0.5, 1.0),
            (4, 1.0, 2.0),
            (9, 10.0, 20.0),
            (99, 10.0, 20.0),
        ] {
            assert_eq!(backoff(number, 0.0), Duration::from_secs_f64(least));
            assert_eq!(backoff(number, 1.0), Duration::from_secs_f64(most));
        }
    }

    #[test]
    fn a_source_that_is_down_for_hours_is_asked_once_a_minute() {
        let mut breaker = Breaker::default();
        let mut asked = 0;
        // Eight workers that each ask every second for six hours.
        for second in 0..6 * 3600 {
            let now = Duration::from_secs(second);
            for _ in 0..8 {
                if breaker.pause(now).is_none() {
                    asked += 1;
                    breaker.failed(now);
                }
            }
        }
        assert!(asked <= 6 * 60 + FAILURES as usize, "{asked}");
        let down = |seconds| breaker.is_given_up(Duration::from_secs(seconds));
        assert!(!down(3500) && down(3700));
        breaker.answered();
        assert!(!breaker.is_given_up(Duration::from_secs(6 * 3600)));
        assert_eq!(breaker.pause(Duration::from_secs(6 * 3600)), None);
        assert!(breaker.may_repeat());
    }

    #[test]
    fn repeats_are_a_fifth_of_the_load_at_most() {
        let mut breaker = Breaker::default();
        let mut repeats = 0;
        for _ in 0..1000 {
            breaker.answered();
            // Every request is answered, but with a failure that asks for a repeat.
            repeats += u32::from(breaker.may_repeat());
        }
        assert!(repeats <= 220, "{repeats}");
    }

    #[test]
    fn attempts_are_bounded() {
        assert!(Attempts::try_from(0).is_err());
        assert!(Attempts::try_from(7).is_err());
        assert_eq!(Attempts::try_from(6).map(Attempts::get), Ok(6));
    }
}
