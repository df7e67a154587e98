//! The bundled source in the test process, where the test sees every request that reaches it.

use mock::{ApiKey, Mock, Options, Request, Running, Stats};
use tokio::runtime::Runtime;

use super::world::CANARY;

/// A running source; it ends when this is dropped.
pub struct Source {
    running: Running,
    _runtime: Runtime,
}

impl Source {
    /// A source of so many products that misbehaves as told.
    pub fn of(products: u32, faults: &[&str]) -> Self {
        let faults = faults
            .iter()
            .map(|fault| fault.parse().unwrap_or_else(|error| panic!("{error}")));
        Source::start(Options {
            products,
            faults: faults.collect(),
            ..Options::default()
        })
    }

    /// A source with these options and the tests' key.
    pub fn start(options: Options) -> Self {
        let options = Options {
            api_key: ApiKey::new(CANARY),
            ..options
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let running = runtime.block_on(Mock::start(options)).expect("starts");
        Source {
            running,
            _runtime: runtime,
        }
    }

    /// Its origin.
    pub fn url(&self) -> String {
        self.running.url()
    }

    /// Counts over all requests so far.
    pub fn stats(&self) -> Stats {
        self.running.stats()
    }

    /// All requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.running.requests()
    }
}
