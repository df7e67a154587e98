//! The gate in front of a source, through which all workers of the process go: its rate, its breaker, and how
//! many may be inside.

use std::sync::Mutex;
use std::time::Duration;

use pipeline::patience::Breaker;
use pipeline::rate::{Advice, Limiter, Pace};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;
use crate::session::locked;

/// The gate of one source.
#[derive(Debug)]
pub struct Gate {
    clock: Clock,
    whole: Lane,
    /// Parts of the source with a rate of their own, by the beginning of their paths, the longest first.
    parts: Vec<(String, Lane)>,
    breaker: Mutex<Breaker>,
}

/// One rate, and those who keep it.
#[derive(Debug)]
struct Lane {
    room: Semaphore,
    /// Held while waiting for one's moment, so that workers pass in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    limiter: Mutex<Limiter>,
}

/// How long a worker waits for its moment.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Once it is its turn.
    pub longest: Duration,
    /// At what moment of the clock's `elapsed` all waiting is over, that for one's turn too.
    pub deadline: Option<Duration>,
}

impl Patience {
    fn allows(&self, now: Duration, wait: Duration) -> bool {
        let is_late = self.deadline.is_some_and(|deadline| now + wait >= deadline);
        wait <= self.longest && !is_late
    }
}

/// What the gate says to a worker.
#[derive(Debug)]
pub enum Entry<'g> {
    /// Send now; who holds this is inside.
    Go(Inside<'g>),
    /// Come back after this time.
    Wait(Duration),
    /// The source counts as down; come back after this time, unless it has been down for too long.
    Down(Option<Duration>),
}

/// Who is inside: while this lives, a request is under way.
#[derive(Debug)]
pub struct Inside<'g> {
    _whole: Passed<'g>,
    _part: Option<Passed<'g>>,
}

/// Who has passed one lane.
#[derive(Debug)]
struct Passed<'g> {
    lane: &'g Lane,
    clock: &'g Clock,
    number: u64,
    _room: SemaphorePermit<'g>,
}

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        let now = self.clock.elapsed();
        locked(&self.lane.limiter).answered(self.number, now);
    }
}

/// More than this is never inside together, whatever a definition says.
const ROOM: u64 = 256;

impl Lane {
    fn new(pace: Pace) -> Self {
        let room = pace.concurrency.clamp(1, ROOM);
        Lane {
            room: Semaphore::new(usize::try_from(room).unwrap_or(1)),
            turn: tokio::sync::Mutex::new(()),
            limiter: Mutex::new(Limiter::new(pace)),
        }
    }

    async fn room(&self) -> SemaphorePermit<'_> {
        self.room.acquire().await.expect("the gate is never closed")
    }

    /// How long until the next may go; none where it may now.
    fn wait(&self, now: Duration) -> Option<Duration> {
        let wait = locked(&self.limiter).next_at().saturating_sub(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// Waits for the moment, or answers how long that would be.
    async fn moment(&self, clock: &Clock, patience: &Patience) -> Result<(), Duration> {
        loop {
            let now = clock.elapsed();
            let wait = self.wait(now);
            if !patience.allows(now, wait.unwrap_or_default()) {
                return Err(wait.unwrap_or_default());
            }
            match wait {
                Some(wait) => clock.sleep(wait).await,
                None => return Ok(()),
            }
        }
    }

    fn pass<'g>(&'g self, clock: &'g Clock, room: SemaphorePermit<'g>) -> Passed<'g> {
        let number = locked(&self.limiter).note(clock.elapsed());
        Passed {
            lane: self,
            clock,
            number,
            _room: room,
        }
    }
}

impl Gate {
    /// The gate of a source with this pace, and those of parts of it.
    pub fn new(pace: Pace, parts: impl IntoIterator<Item = (String, Pace)>, clock: Clock) -> Self {
        let parts = parts.into_iter();
        Gate {
            clock,
            whole: Lane::new(pace),
            parts: parts.map(|(path, pace)| (path, Lane::new(pace))).collect(),
            breaker: Mutex::default(),
        }
    }

    /// Waits for the moment to send to this path, as far as patience goes.
    pub async fn enter(&self, path: &str, patience: &Patience) -> Entry<'_> {
        // First the narrow one, and its wait over before the wide one is stood in: who waits long for a part of
        // the source must not hold up those who want another.
        let part = self.part(path);
        let (part_room, _part_turn) = match part {
            None => (None, None),
            Some(part) => {
                let room = part.room().await;
                let turn = part.turn.lock().await;
                if let Err(wait) = part.moment(&self.clock, patience).await {
                    return Entry::Wait(wait);
                }
                (Some(room), Some(turn))
            }
        };
        let room = self.whole.room().await;
        let _turn = self.whole.turn.lock().await;
        if let Some(pause) = self.pause() {
            return Entry::Down(pause);
        }
        if let Err(wait) = self.whole.moment(&self.clock, patience).await {
            return Entry::Wait(wait);
        }
        Entry::Go(Inside {
            _whole: self.whole.pass(&self.clock, room),
            _part: part
                .zip(part_room)
                .map(|(part, room)| part.pass(&self.clock, room)),
        })
    }

    fn part(&self, path: &str) -> Option<&Lane> {
        let fits = |(begin, _): &&(String, Lane)| match path.strip_prefix(begin.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/') || begin.ends_with('/'),
            None => false,
        };
        self.parts.iter().find(fits).map(|(_, lane)| lane)
    }

    /// Notes what the source says of the requests that are left.
    pub fn advise(&self, advice: Advice) {
        let now = self.clock.elapsed();
        locked(&self.whole.limiter).advise(advice, now);
    }

    /// Lets nobody in for this time: the source asked for patience.
    pub fn hold(&self, wait: Duration) {
        let until = self.clock.elapsed() + wait;
        locked(&self.whole.limiter).hold_until(until);
    }

    /// Notes that the source works.
    pub fn answered(&self) {
        locked(&self.breaker).answered();
    }

    /// Notes that the source does not work, and says whether the request may be tried again.
    pub fn failed(&self) -> bool {
        let now = self.clock.elapsed();
        let mut breaker = locked(&self.breaker);
        breaker.failed(now);
        breaker.may_repeat()
    }

    /// Whether one more request may be spent on a repeat that is no failure of the source.
    pub fn may_repeat(&self) -> bool {
        locked(&self.breaker).may_repeat()
    }

    /// How long to leave the source alone; none within it where it has been down for too long to wait on.
    fn pause(&self) -> Option<Option<Duration>> {
        let now = self.clock.elapsed();
        let mut breaker = locked(&self.breaker);
        let pause = breaker.pause(now)?;
        Some((!breaker.is_given_up(now)).then_some(pause))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use jiff::Timestamp;

    use super::*;

    const ENDLESS: Patience = Patience {
        longest: Duration::MAX,
        deadline: None,
    };

    /// When requests went that `workers` sent, each taking a while.
    async fn times(requests: u64, burst: u64, workers: usize, in_all: u64) -> Vec<Duration> {
        let clock = Clock::turned(Timestamp::UNIX_EPOCH);
        let period = Duration::from_secs(1);
        let pace = Pace {
            requests,
            period,
            burst,
            concurrency: workers as u64,
        };
        let gate = Arc::new(Gate::new(pace, [], clock.clone()));
        let left = AtomicU64::new(in_all);
        let take = || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        let worker = |number: usize| {
            let (gate, clock) = (gate.clone(), clock.clone());
            async move {
                let mut times = Vec::new();
                while let Ok(turn) = take() {
                    let Entry::Go(_inside) = gate.enter("/", &ENDLESS).await else {
                        panic!("turned away")
                    };
                    times.push(clock.elapsed());
                    let millis = 9 * (number as u64 % 8 + 1) + 11 * turn % 90;
                    clock.sleep(Duration::from_millis(millis)).await;
                }
                times
            }
        };
        let all = futures::future::join_all((0..workers).map(worker)).await;
        let mut all: Vec<Duration> = all.into_iter().flatten().collect();
        all.sort();
        all
    }

    #[tokio::test]
    async fn workers_share_one_rate_and_use_it() {
        for (requests, burst, workers) in [
            (3, 1, 1),
            (10, 1, 8),
            (10, 10, 8),
            (25, 5, 8),
            (10, 1, 50),
            (40, 1, 50),
        ] {
            let times = times(requests, burst, workers, 160).await;
            let within = |start: &Duration| {
                let end = *start + Duration::from_secs(1);
                let inside = times.iter().filter(|time| *time >= start && **time < end);
                inside.count() as u64
            };
            let worst = times.iter().map(within).max().unwrap_or_default();
            let seconds = (times[times.len() - 1] - times[0]).as_secs_f64();
            let used = (times.len() - 1) as f64 / seconds / requests as f64;
            println!(
                "{workers} workers, {requests}/s: worst second {worst}, used {:.1} %",
                used * 100.0
            );
            assert!(
                worst <= requests,
                "{worst} of {requests} for {workers} workers"
            );
            assert!(used >= 0.9, "{used} of {requests} for {workers} workers");
        }
    }

    #[tokio::test]
    async fn a_hold_slows_every_worker_and_a_long_one_sends_them_away() {
        let clock = Clock::turned(Timestamp::UNIX_EPOCH);
        let pace = Pace {
            requests: 100,
            period: Duration::from_secs(1),
            burst: 100,
            concurrency: 8,
        };
        let gate = Gate::new(pace, [], clock.clone());
        gate.hold(Duration::from_secs(7));
        let patience = Patience {
            longest: Duration::from_secs(20),
            deadline: None,
        };
        let enter = || async { matches!(gate.enter("/", &patience).await, Entry::Go(_)) };
        let entered = futures::join!(enter(), enter(), enter());
        assert_eq!(entered, (true, true, true));
        assert_eq!(clock.elapsed(), Duration::from_secs(7));
        gate.hold(Duration::from_secs(60));
        let Entry::Wait(wait) = gate.enter("/", &patience).await else {
            panic!("let in")
        };
        assert_eq!(wait, Duration::from_secs(60));
    }

    #[tokio::test]
    async fn whoever_waits_for_a_turn_leaves_at_the_deadline_too() {
        let clock = Clock::turned(Timestamp::UNIX_EPOCH);
        let pace = Pace {
            requests: 1,
            period: Duration::from_secs(1),
            burst: 1,
            concurrency: 8,
        };
        let gate = Gate::new(pace, [], clock.clone());
        let deadline = Duration::from_millis(2500);
        let patience = Patience {
            deadline: Some(deadline),
            ..ENDLESS
        };
        let worker = async || match gate.enter("/", &patience).await {
            Entry::Go(_inside) => None,
            Entry::Wait(wait) => Some(wait),
            Entry::Down(_) => panic!("the source is not down"),
        };
        let waits = futures::future::join_all((0..8).map(|_| worker())).await;
        let passed = waits.iter().filter(|wait| wait.is_none()).count();
        assert_eq!(passed, 3, "{waits:?}");
        assert!(clock.elapsed() <= deadline, "{:?}", clock.elapsed());
    }

    /// When requests went that each of these paths' workers sent.
    async fn times_of(gate: &Gate, clock: &Clock, paths: &[(&str, usize)]) -> Vec<Vec<Duration>> {
        let worker = |path: &str, count: usize| {
            let path = path.to_owned();
            async move {
                let mut times = Vec::new();
                for _ in 0..count {
                    let Entry::Go(_inside) = gate.enter(&path, &ENDLESS).await else {
                        panic!("turned away")
                    };
                    times.push(clock.elapsed());
                }
                times
            }
        };
        let workers = paths.iter().map(|(path, count)| worker(path, *count));
        futures::future::join_all(workers).await
    }

    #[tokio::test]
    async fn a_part_of_the_source_keeps_its_own_rate_and_holds_no_other_up() {
        let clock = Clock::turned(Timestamp::UNIX_EPOCH);
        let pace = |requests, seconds| Pace {
            requests,
            period: Duration::from_secs(seconds),
            burst: 1,
            concurrency: 8,
        };
        let parts = [("/v1/search".to_owned(), pace(6, 60))];
        let gate = Gate::new(pace(10, 1), parts, clock.clone());
        let paths = [
            ("/v1/search/a", 8),
            ("/v1/search", 8),
            ("/v1/searches", 40),
            ("/v1", 40),
        ];
        let times = times_of(&gate, &clock, &paths).await;
        let narrow: Vec<Duration> = [&times[0][..], &times[1][..]].concat();
        for start in &narrow {
            let end = *start + Duration::from_secs(60);
            let inside = narrow.iter().filter(|time| *time >= start && **time < end);
            assert!(inside.count() <= 6, "{narrow:?}");
        }
        // The others are as quick as the whole allows, while those still wait.
        for wide in &times[2..] {
            assert!(wide[39] < Duration::from_secs(10), "{wide:?}");
        }
        let last = narrow.iter().max().expect("one");
        assert!((120..180).contains(&last.as_secs()), "{last:?}");
    }
}
