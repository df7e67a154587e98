//! What the server has seen: every request with its time, and the counts that follow from it.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

const SECOND_MICROS: u64 = 1_000_000;

/// What a request asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The listing of all products.
    Listing,
    /// The product with this id.
    Product(u32),
    /// An address that the API does not have.
    Elsewhere,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// In full.
    Served,
    /// 404: a gap in the ids, or an address that the API does not have.
    Missing,
    /// 401: the key was wrong or not there.
    Unauthorized,
    /// 429: more requests than the server allows in a second.
    OverLimit,
    /// With a token or a session.
    Granted,
    /// 400: not as it is to be asked for.
    Wrong,
    /// With the fault of this name.
    Fault(&'static str),
}

impl Outcome {
    pub(crate) fn name(self) -> String {
        match self {
            Outcome::Granted => "granted".to_owned(),
            Outcome::Wrong => "wrong".to_owned(),
            Outcome::Served => "served".to_owned(),
            Outcome::Missing => "missing".to_owned(),
            Outcome::Unauthorized => "unauthorized".to_owned(),
            Outcome::OverLimit => "over_limit".to_owned(),
            Outcome::Fault(name) => format!("fault:{name}"),
        }
    }

    /// Whether the request got past the key and the limit.
    fn admitted(self) -> bool {
        !matches!(self, Outcome::Unauthorized | Outcome::OverLimit)
    }
}

/// One request, as the server saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Request {
    /// When it came, in microseconds since the server started.
    pub at_micros: u64,
    /// What it asked for.
    pub target: Target,
    /// The how many-th request for this target got past the key and the limit, from 1; 0 if it did not.
    pub attempt: u32,
    /// How it was answered.
    pub outcome: Outcome,
    /// Whether the key was in its address or its headers, wherever it was sent.
    pub carried_key: bool,
}

/// Counts over all requests, but for those to `/_stats`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// All requests.
    pub requests: usize,
    /// Requests by how they were answered: `served`, `missing`, `unauthorized`, `over_limit`, `fault:NAME`.
    pub by_outcome: BTreeMap<String, usize>,
    /// Requests for the listing.
    pub listing: usize,
    /// Requests for a product.
    pub products: usize,
    /// Distinct ids of products asked for.
    pub distinct_products: usize,
    /// The most requests for one and the same target.
    pub most_for_one_target: usize,
    /// Requests that carried the key.
    pub carried_key: usize,
    /// The most requests that came within any one second.
    pub worst_second: usize,
    /// The most requests that got past the limit within any one second.
    pub worst_second_admitted: usize,
}

impl Stats {
    /// Counts requests that are in the order of their time.
    pub(crate) fn of(requests: &[Request]) -> Stats {
        let mut stats = Stats {
            requests: requests.len(),
            ..Stats::default()
        };
        let mut by_target: BTreeMap<Target, usize> = BTreeMap::new();
        for request in requests {
            *stats.by_outcome.entry(request.outcome.name()).or_default() += 1;
            *by_target.entry(request.target).or_default() += 1;
            stats.carried_key += usize::from(request.carried_key);
        }
        stats.listing = by_target.get(&Target::Listing).copied().unwrap_or_default();
        let products = by_target
            .iter()
            .filter(|(target, _)| matches!(target, Target::Product(_)));
        (stats.distinct_products, stats.products) = products
            .fold((0, 0), |(ids, all), (_, requests)| {
                (ids + 1, all + requests)
            });
        stats.most_for_one_target = by_target.into_values().max().unwrap_or_default();
        stats.worst_second = worst_window(
            requests.iter().map(|request| request.at_micros),
            SECOND_MICROS,
        );
        let admitted = requests.iter().filter(|request| request.outcome.admitted());
        stats.worst_second_admitted =
            worst_window(admitted.map(|request| request.at_micros), SECOND_MICROS);
        stats
    }
}

/// The most of these ascending times that lie within any half-open stretch of `width_micros`.
pub fn worst_window(times_micros: impl IntoIterator<Item = u64>, width_micros: u64) -> usize {
    let (mut window, mut worst) = (VecDeque::new(), 0);
    for time in times_micros {
        while window
            .front()
            .is_some_and(|&first| time - first >= width_micros)
        {
            window.pop_front();
        }
        window.push_back(time);
        worst = worst.max(window.len());
    }
    worst
}

/// The server's own limit: at most so many requests in any one second.
#[derive(Debug)]
pub(crate) struct Limit {
    requests_per_second: usize,
    admitted: VecDeque<u64>,
}

impl Limit {
    pub(crate) fn new(requests_per_second: u32) -> Limit {
        Limit {
            requests_per_second: requests_per_second as usize,
            admitted: VecDeque::new(),
        }
    }

    /// Admits a request at this time, or tells how many microseconds it is too early.
    pub(crate) fn admit(&mut self, now_micros: u64) -> Result<(), u64> {
        while self
            .admitted
            .front()
            .is_some_and(|&first| now_micros - first >= SECOND_MICROS)
        {
            self.admitted.pop_front();
        }
        if self.admitted.len() < self.requests_per_second {
            self.admitted.push_back(now_micros);
            return Ok(());
        }
        let oldest = self.admitted.front().copied().unwrap_or(now_micros);
        Err(oldest + SECOND_MICROS - now_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_window_slides() {
        for (times, worst) in [
            (vec![], 0),
            (vec![0, 999_999, 1_000_000], 2),
            (vec![0, 600_000, 900_000, 1_100_000, 1_500_000], 4),
            (vec![5, 5, 5], 3),
        ] {
            assert_eq!(
                worst_window(times.iter().copied(), SECOND_MICROS),
                worst,
                "{times:?}"
            );
        }
    }

    #[test]
    fn the_limit_holds_in_every_second() {
        let mut limit = Limit::new(2);
        let answers: Vec<Result<(), u64>> = [0, 400_000, 900_000, 1_000_000, 1_399_999, 1_400_000]
            .map(|now| limit.admit(now))
            .into();
        assert_eq!(
            answers,
            [Ok(()), Ok(()), Err(100_000), Ok(()), Err(1), Ok(())]
        );
    }
}
