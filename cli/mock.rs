//! `lakehead mock`: a pipeline's source API on this machine.

use std::time::Duration;

use ::mock::{ApiKey, Running};

use crate::arguments::{Mock, MockSource};
use crate::output::{Exit, Failure, print};

/// The key that the bundled source takes where nothing is said.
pub const KEY: &str = "juniper";

/// Serves until interrupted.
pub async fn mock(options: &Mock) -> Result<Exit, Failure> {
    let running = start(&options.source, options.port, options.key.clone()).await?;
    print(&format!(
        "{} is served at {}, {}/_stats counts\n",
        options.name,
        running.url(),
        running.url()
    ))?;
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Failure::run(format!("cannot wait for an interrupt: {error}")))?;
    running.stop().await;
    Ok(Exit::Done)
}

/// Starts the bundled source; 0 is a free port.
pub async fn start(source: &MockSource, port: u16, key: String) -> Result<Running, Failure> {
    let mut options = ::mock::Options {
        products: source.products,
        port,
        api_key: ApiKey::new(key),
        requests_per_second: source.requests_per_second,
        latency: Duration::from_millis(source.latency_ms),
        faults: source.faults.clone(),
        ..::mock::Options::default()
    };
    if let Some(seed) = source.seed {
        options.seed = seed;
    }
    ::mock::Mock::start(options)
        .await
        .map_err(|error| Failure::run(format!("the source cannot be served: {error}")))
}
