//! The gate in front of a source, through which all workers of the process go: its rate, its breaker, and how
//! many may be inside.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pipeline::patience::Breaker;
use pipeline::rate::{Limiter, Pace};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;

/// The gate of one source.
#[derive(Debug)]
pub struct Gate {
    clock: Clock,
    room: Semaphore,
    /// Held while waiting for one's moment, so that workers pass in the order in which they came.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    limiter: Limiter,
    breaker: Breaker,
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
    gate: &'g Gate,
    number: u64,
    _room: SemaphorePermit<'g>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let now = self.gate.clock.elapsed();
        self.gate.state().limiter.answered(self.number, now);
    }
}

/// More than this is never inside together, whatever a definition says.
const ROOM: u64 = 256;

impl Gate {
    /// The gate of a source with this pace.
    pub fn new(pace: Pace, clock: Clock) -> Self {
        let room = pace.concurrency.clamp(1, ROOM);
        Gate {
            clock,
            room: Semaphore::new(usize::try_from(room).unwrap_or(1)),
            turn: tokio::sync::Mutex::new(()),
            state: Mutex::new(State {
                limiter: Limiter::new(pace),
                breaker: Breaker::default(),
            }),
        }
    }

    /// Waits for the moment to send, up to `patience` where the moment is known.
    pub async fn enter(&self, patience: Duration) -> Entry<'_> {
        let permit = self.room.acquire().await.expect("the gate is never closed");
        let _turn = self.turn.lock().await;
        if let Some(pause) = self.pause() {
            return Entry::Down(pause);
        }
        loop {
            let wait = {
                let mut state = self.state();
                let now = self.clock.elapsed();
                let wait = state.limiter.next_at().saturating_sub(now);
                if wait.is_zero() {
                    return Entry::Go(Inside {
                        gate: self,
                        number: state.limiter.note(now),
                        _room: permit,
                    });
                }
                wait
            };
            if wait > patience {
                return Entry::Wait(wait);
            }
            self.clock.sleep(wait).await;
        }
    }

    /// Lets nobody in for this time: the source asked for patience.
    pub fn hold(&self, wait: Duration) {
        let until = self.clock.elapsed() + wait;
        self.state().limiter.hold_until(until);
    }

    /// Notes that the source works.
    pub fn answered(&self) {
        self.state().breaker.answered();
    }

    /// Notes that the source does not work, and says whether the request may be tried again.
    pub fn failed(&self) -> bool {
        let now = self.clock.elapsed();
        let mut state = self.state();
        state.breaker.failed(now);
        state.breaker.may_repeat()
    }

    /// Whether one more request may be spent on a repeat that is no failure of the source.
    pub fn may_repeat(&self) -> bool {
        self.state().breaker.may_repeat()
    }

    /// How long to leave the source alone; none within it where it has been down for too long to wait on.
    fn pause(&self) -> Option<Option<Duration>> {
        let now = self.clock.elapsed();
        let mut state = self.state();
        let pause = state.breaker.pause(now)?;
        Some((!state.breaker.is_given_up(now)).then_some(pause))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use jiff::Timestamp;

    use super::*;

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
        let gate = Arc::new(Gate::new(pace, clock.clone()));
        let left = AtomicU64::new(in_all);
        let take = || left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        let worker = |number: usize| {
            let (gate, clock) = (gate.clone(), clock.clone());
            async move {
                let mut times = Vec::new();
                while let Ok(turn) = take() {
                    let Entry::Go(_inside) = gate.enter(Duration::MAX).await else {
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
        for (requests, burst, workers) in
            [(10, 1, 8), (10, 10, 8), (25, 5, 8), (3, 1, 1), (40, 1, 50)]
        {
            let times = times(requests, burst, workers, 160).await;
            for start in &times {
                let end = *start + Duration::from_secs(1);
                let inside = times
                    .iter()
                    .filter(|time| *time >= start && **time < end)
                    .count();
                assert!(
                    inside as u64 <= requests,
                    "{inside} of {requests} for {workers} workers"
                );
            }
            let seconds = (times[times.len() - 1] - times[0]).as_secs_f64();
            let used = (times.len() - 1) as f64 / seconds / requests as f64;
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
        let gate = Gate::new(pace, clock.clone());
        gate.hold(Duration::from_secs(7));
        let enter = || async { matches!(gate.enter(Duration::from_secs(20)).await, Entry::Go(_)) };
        let entered = futures::join!(enter(), enter(), enter());
        assert_eq!(entered, (true, true, true));
        assert_eq!(clock.elapsed(), Duration::from_secs(7));
        gate.hold(Duration::from_secs(60));
        let Entry::Wait(wait) = gate.enter(Duration::from_secs(20)).await else {
            panic!("let in")
        };
        assert_eq!(wait, Duration::from_secs(60));
    }
}
