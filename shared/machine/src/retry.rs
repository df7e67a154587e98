//! Retry and Catch: which errors they mean, and how long a retry waits.

use std::time::Duration;

use serde::Deserialize;

use crate::error_output::ErrorOutput;
use crate::selection::Placement;

const MAX_ATTEMPTS: u32 = 99_999_999;
const MAX_DELAY_SECONDS: u32 = 31_622_400;

/// The error names of AWS that can happen here.
const AWS_NAMES: [&str; 10] = [
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "States.Permissions",
    "States.DataLimitExceeded",
    "States.ExceedToleratedFailureThreshold",
    "States.ItemReaderFailed",
    "States.ResultWriterFailed",
    "States.NoChoiceMatched",
    "States.ResultPathMatchFailure",
];

/// The names in one `ErrorEquals`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct ErrorNames(pub(crate) Vec<String>);

impl ErrorNames {
    /// Whether the error is meant. No wildcard means an error that AWS calls terminal.
    fn include(&self, error: &str) -> bool {
        let is_terminal = matches!(error, "States.Runtime" | "States.DataLimitExceeded");
        self.0.iter().any(|name| match name.as_str() {
            "States.ALL" => !is_terminal,
            "States.TaskFailed" => !is_terminal && error != "States.Timeout",
            name => name == error,
        })
    }

    /// Whether it is the wildcard for every error, after which nothing can follow.
    pub(crate) fn is_all(&self) -> bool {
        self.0.iter().any(|name| name == "States.ALL")
    }
}

impl TryFrom<Vec<String>> for ErrorNames {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        if names.is_empty() {
            return Err("names no error; name one, or `States.ALL`".to_owned());
        }
        if names.len() > 1 && names.iter().any(|name| name == "States.ALL") {
            return Err("`States.ALL` stands alone in its list; remove the other names".to_owned());
        }
        match names.iter().find_map(|name| refusal(name)) {
            Some(fact) => Err(fact),
            None => Ok(Self(names)),
        }
    }
}

fn refusal(name: &str) -> Option<String> {
    if name == "States.Runtime" {
        return Some(
            "`States.Runtime` ends every execution, nothing catches it; remove it".to_owned(),
        );
    }
    if name.starts_with("States.") && !AWS_NAMES.contains(&name) {
        return Some(format!(
            "`{name}` cannot happen here; names of AWS are {}",
            AWS_NAMES.join(", ")
        ));
    }
    None
}

/// One entry of `Retry`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "RetrierWritten")]
pub(crate) struct Retrier {
    pub(crate) errors: ErrorNames,
    interval_seconds: u32,
    max_attempts: u32,
    backoff_rate: f64,
    max_delay_seconds: Option<u32>,
    jitter: Jitter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Jitter {
    Full,
    #[default]
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RetrierWritten {
    error_equals: ErrorNames,
    interval_seconds: Option<u32>,
    max_attempts: Option<u32>,
    backoff_rate: Option<f64>,
    max_delay_seconds: Option<u32>,
    #[serde(default)]
    jitter_strategy: Jitter,
    #[serde(default, rename = "Comment")]
    _comment: Option<String>,
}

impl TryFrom<RetrierWritten> for Retrier {
    type Error = String;

    fn try_from(written: RetrierWritten) -> Result<Self, String> {
        let retrier = Self {
            errors: written.error_equals,
            interval_seconds: written.interval_seconds.unwrap_or(1),
            max_attempts: written.max_attempts.unwrap_or(3),
            backoff_rate: written.backoff_rate.unwrap_or(2.0),
            max_delay_seconds: written.max_delay_seconds,
            jitter: written.jitter_strategy,
        };
        retrier.check().map(|()| retrier)
    }
}

impl Retrier {
    fn check(&self) -> Result<(), String> {
        if self.interval_seconds == 0 || self.interval_seconds > MAX_ATTEMPTS {
            return Err(format!(
                "`IntervalSeconds` must be from 1 to {MAX_ATTEMPTS}"
            ));
        }
        if self.max_attempts > MAX_ATTEMPTS {
            return Err(format!("`MaxAttempts` must be from 0 to {MAX_ATTEMPTS}"));
        }
        if self.backoff_rate < 1.0 {
            return Err("`BackoffRate` must be 1.0 or more".to_owned());
        }
        match self.max_delay_seconds {
            Some(max) if max <= self.interval_seconds || max >= MAX_DELAY_SECONDS => Err(format!(
                "`MaxDelaySeconds` must be more than `IntervalSeconds` and less than {MAX_DELAY_SECONDS}"
            )),
            _ => Ok(()),
        }
    }

    /// How long to wait before the retry of this ordinal, counted from 0. `random` is from 0 to 1.
    fn delay(&self, retries: u32, random: impl FnOnce() -> f64) -> Duration {
        let exponent = i32::try_from(retries).unwrap_or(i32::MAX);
        let grown = f64::from(self.interval_seconds) * self.backoff_rate.powi(exponent);
        let seconds = grown.min(f64::from(
            self.max_delay_seconds.unwrap_or(MAX_DELAY_SECONDS),
        ));
        match self.jitter {
            Jitter::None => Duration::from_secs_f64(seconds),
            Jitter::Full => Duration::from_secs_f64(seconds * random().clamp(0.0, 1.0)),
        }
    }
}

/// How often each retrier of a state was used since the state was entered.
pub(crate) struct Retries<'r> {
    retriers: &'r [Retrier],
    used: Vec<u32>,
}

impl<'r> Retries<'r> {
    pub(crate) fn of(retriers: &'r [Retrier]) -> Self {
        Self {
            retriers,
            used: vec![0; retriers.len()],
        }
    }

    /// The wait before another attempt, unless the error is not to be retried (any more). The first retrier that means
    /// the error decides, even when its attempts are used up.
    pub(crate) fn after(
        &mut self,
        failed: &ErrorOutput,
        random: impl FnOnce() -> f64,
    ) -> Option<Duration> {
        let index = self
            .retriers
            .iter()
            .position(|retrier| retrier.errors.include(&failed.error))?;
        let (retrier, used) = (&self.retriers[index], &mut self.used[index]);
        if *used >= retrier.max_attempts {
            return None;
        }
        let delay = retrier.delay(*used, random);
        *used += 1;
        Some(delay)
    }
}

/// One entry of `Catch`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub(crate) struct Catcher {
    #[serde(rename = "ErrorEquals")]
    pub(crate) errors: ErrorNames,
    #[serde(default)]
    pub(crate) result_path: Placement,
    pub(crate) next: String,
    #[serde(default, rename = "Comment")]
    _comment: Option<String>,
}

/// The first catcher that means the error.
pub(crate) fn catcher<'c>(catchers: &'c [Catcher], failed: &ErrorOutput) -> Option<&'c Catcher> {
    catchers
        .iter()
        .find(|catcher| catcher.errors.include(&failed.error))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn retriers(value: Value) -> Vec<Retrier> {
        serde_json::from_value(value).unwrap()
    }

    /// The waits, in seconds, that a row of errors leads to; nothing where the state fails.
    fn waits(retriers: &[Retrier], errors: &[&str], random: f64) -> Vec<Option<f64>> {
        let mut retries = Retries::of(retriers);
        let after = |error: &&str| retries.after(&ErrorOutput::new(*error, ""), || random);
        errors
            .iter()
            .map(after)
            .map(|wait| wait.map(|wait| wait.as_secs_f64()))
            .collect()
    }

    #[test]
    fn waits_grow_by_the_backoff_rate_up_to_the_longest() {
        let table = [
            (json!({}), vec![Some(1.0), Some(2.0), Some(4.0), None]),
            (
                json!({ "IntervalSeconds": 3, "MaxAttempts": 2, "BackoffRate": 1.5 }),
                vec![Some(3.0), Some(4.5), None],
            ),
            (
                json!({ "BackoffRate": 1.0, "MaxAttempts": 3 }),
                vec![Some(1.0), Some(1.0), Some(1.0), None],
            ),
            (
                json!({ "IntervalSeconds": 2, "MaxAttempts": 4, "MaxDelaySeconds": 5 }),
                vec![Some(2.0), Some(4.0), Some(5.0), Some(5.0), None],
            ),
            (json!({ "MaxAttempts": 0 }), vec![None]),
        ];
        for (mut retrier, expected) in table {
            retrier["ErrorEquals"] = json!(["Transient"]);
            let errors = vec!["Transient"; expected.len()];
            assert_eq!(
                waits(&retriers(json!([retrier])), &errors, 0.5),
                expected,
                "{retrier}"
            );
        }
    }

    #[test]
    fn full_jitter_draws_from_nought_to_the_wait() {
        let retrier = json!([{ "ErrorEquals": ["Transient"], "IntervalSeconds": 4, "JitterStrategy": "FULL" }]);
        let errors = ["Transient"; 3];
        assert_eq!(
            waits(&retriers(retrier.clone()), &errors, 0.25),
            [Some(1.0), Some(2.0), Some(4.0)]
        );
        assert_eq!(
            waits(&retriers(retrier), &errors, 0.0),
            [Some(0.0), Some(0.0), Some(0.0)]
        );
    }

    #[test]
    fn every_retrier_counts_for_itself_and_the_first_that_means_the_error_decides() {
        let retriers = retriers(json!([
            { "ErrorEquals": ["ErrorA", "ErrorB"], "MaxAttempts": 2 },
            { "ErrorEquals": ["ErrorC"], "IntervalSeconds": 5 },
            { "ErrorEquals": ["States.ALL"], "IntervalSeconds": 9 },
        ]));
        let errors = ["ErrorA", "ErrorB", "ErrorC", "ErrorD", "ErrorC", "ErrorB"];
        let expected = [Some(1.0), Some(2.0), Some(5.0), Some(9.0), Some(10.0), None];
        assert_eq!(waits(&retriers, &errors, 0.0), expected);
    }

    #[test]
    fn wildcards_mean_what_aws_says() {
        let table = [
            ("States.ALL", "Anything", true),
            ("States.ALL", "States.Timeout", true),
            ("States.ALL", "States.ItemReaderFailed", true),
            ("States.ALL", "States.DataLimitExceeded", false),
            ("States.ALL", "States.Runtime", false),
            ("States.TaskFailed", "Anything", true),
            ("States.TaskFailed", "States.Timeout", false),
            ("States.TaskFailed", "States.DataLimitExceeded", false),
            ("States.TaskFailed", "States.Runtime", false),
            ("States.Timeout", "States.Timeout", true),
            ("States.DataLimitExceeded", "States.DataLimitExceeded", true),
            ("Transient", "transient", false),
        ];
        for (name, error, expected) in table {
            assert_eq!(
                ErrorNames(vec![name.to_owned()]).include(error),
                expected,
                "{name} {error}"
            );
        }
    }

    #[test]
    fn the_first_catcher_that_means_the_error_takes_it() {
        let catchers: Vec<Catcher> = serde_json::from_value(json!([
            { "ErrorEquals": ["BadData"], "Next": "A" },
            { "ErrorEquals": ["States.TaskFailed"], "Next": "B" },
            { "ErrorEquals": ["States.ALL"], "Next": "C" },
        ]))
        .unwrap();
        let next = |error| {
            catcher(&catchers, &ErrorOutput::new(error, "")).map(|catcher| catcher.next.as_str())
        };
        assert_eq!(next("BadData"), Some("A"));
        assert_eq!(next("Transient"), Some("B"));
        assert_eq!(next("States.Timeout"), Some("C"));
        assert_eq!(next("States.Runtime"), None);
    }
}
