//! Halving a window where a source says that it holds too much for one walk.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::number::Values;
use crate::outcome::Statuses;
use crate::problem::Located;
use crate::window::{Window, span_value};

/// Halving a window where a source says that it holds too much
///
/// `{ on: [413], at_least_seconds: 60 }`: where the first page of a window is answered so, its first half is
/// read and then its second, each halved again where it has to be. The request says where a window begins and
/// ends: `{window.start}` and `{window.end}`, or their kin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitWindow {
    /// The statuses that mean it.
    pub on: Vec<Located<Statuses>>,
    /// The shortest span that is asked for.
    #[serde(default = "a_minute")]
    pub at_least_seconds: u32,
}

fn a_minute() -> u32 {
    60
}

/// A part of a window: its first second and the first one after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first second.
    pub from: i64,
    /// The first second after.
    pub to: i64,
}

impl Span {
    /// A whole window.
    pub fn of(window: &Window) -> Self {
        Span {
            from: window.start.as_second(),
            to: window.end.as_second(),
        }
    }

    /// Puts where the span begins and ends in the place of where its window does.
    pub fn onto(self, values: &mut Values) {
        let ends = Timestamp::from_second(self.from)
            .and_then(|from| Ok((from, Timestamp::from_second(self.to)?)));
        let Ok((from, to)) = ends else { return };
        for part in Window::STARTS.iter().chain(&Window::ENDS) {
            if let Some(value) = span_value(from, to, part) {
                values.insert(format!("window.{part}"), value);
            }
        }
    }
}

impl SplitWindow {
    /// The two halves of a span; none where they would be too short.
    pub fn halves(&self, span: Span) -> Option<(Span, Span)> {
        let middle = span.from + (span.to - span.from) / 2;
        let shortest = i64::from(self.at_least_seconds.max(1));
        let (first, second) = (
            Span { to: middle, ..span },
            Span {
                from: middle,
                ..span
            },
        );
        (first.to - first.from >= shortest).then_some((first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_tile_their_span_down_to_the_shortest() {
        let rule = SplitWindow {
            on: Vec::new(),
            at_least_seconds: 10,
        };
        let mut left = vec![Span { from: 0, to: 105 }];
        let mut smallest = Vec::new();
        while let Some(span) = left.pop() {
            match rule.halves(span) {
                Some((first, second)) => left.extend([second, first]),
                None => smallest.push(span),
            }
        }
        assert_eq!(
            (smallest[0].from, smallest[smallest.len() - 1].to),
            (0, 105)
        );
        assert!(smallest.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert!(
            smallest
                .iter()
                .all(|span| (10..20).contains(&(span.to - span.from))),
            "{smallest:?}"
        );
    }
}
