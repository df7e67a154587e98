//! What time it is, and waiting: the machine's clock, or one that a test turns by hand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock; clones show the same time.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The machine's.
    #[default]
    System,
    /// One whose time passes only while somebody waits for it.
    Turned(Arc<Turned>),
}

impl Clock {
    /// A clock that starts at `now` and jumps from wait to wait, in the order in which they end.
    pub fn turned(now: Timestamp) -> Self {
        Clock::Turned(Arc::new(Turned {
            began: now,
            hands: Mutex::new(Hands::default()),
        }))
    }

    /// The time of day.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp::now(),
            Clock::Turned(turned) => {
                let passed = SignedDuration::try_from(turned.hands().passed);
                turned.began + passed.unwrap_or_default()
            }
        }
    }

    /// How much time passed since some fixed moment; never goes back.
    pub fn elapsed(&self) -> Duration {
        static BEGAN: OnceLock<Instant> = OnceLock::new();
        match self {
            Clock::System => BEGAN.get_or_init(Instant::now).elapsed(),
            Clock::Turned(turned) => turned.hands().passed,
        }
    }

    /// Waits.
    pub async fn sleep(&self, duration: Duration) {
        match self {
            Clock::System => tokio::time::sleep(duration).await,
            Clock::Turned(turned) => turned.sleep(duration).await,
        }
    }
}

/// The inside of a clock turned by hand.
#[derive(Debug)]
pub struct Turned {
    began: Timestamp,
    hands: Mutex<Hands>,
}

#[derive(Debug, Default)]
struct Hands {
    passed: Duration,
    waits: BTreeMap<(Duration, u64), ()>,
    /// Grows with every change, so that a sleeper sees whether others are still at work.
    changes: u64,
}

/// How often all others get their turn before the time is moved on.
const TURNS: u32 = 50;

impl Turned {
    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sleep(&self, duration: Duration) {
        let wait = {
            let mut hands = self.hands();
            hands.changes += 1;
            let wait = (hands.passed + duration, hands.changes);
            hands.waits.insert(wait, ());
            wait
        };
        let mut quiet = 0;
        let mut seen = 0;
        loop {
            tokio::task::yield_now().await;
            let mut hands = self.hands();
            quiet = if hands.changes == seen { quiet + 1 } else { 0 };
            seen = hands.changes;
            let first = hands.waits.keys().next() == Some(&wait);
            if first && (quiet > TURNS || hands.passed >= wait.0) {
                hands.waits.remove(&wait);
                hands.passed = hands.passed.max(wait.0);
                hands.changes += 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_end_in_their_order_and_take_no_time() {
        let clock = Clock::turned(Timestamp::UNIX_EPOCH);
        let ended = Mutex::new(Vec::new());
        let (clock, ended) = (&clock, &ended);
        let sleeper = |seconds: &'static [u64]| async move {
            for seconds in seconds {
                clock.sleep(Duration::from_secs(*seconds)).await;
                ended.lock().expect("whole").push(clock.elapsed().as_secs());
            }
        };
        let began = Instant::now();
        futures::join!(sleeper(&[3600, 10]), sleeper(&[5, 4000]), sleeper(&[20]));
        assert_eq!(*ended.lock().expect("whole"), [5, 20, 3600, 3610, 4005]);
        assert_eq!(clock.now().as_second(), 4005);
        assert!(began.elapsed() < Duration::from_secs(60));
    }
}
