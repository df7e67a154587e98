//! Logs: JSON lines in Lambda, plain lines on standard error at a terminal. Never a body, a token or a record.

use tracing_subscriber::EnvFilter;

/// Logs as JSON lines, for CloudWatch; `RUST_LOG` sets the level.
pub fn json() {
    let _ = tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter("info"))
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}

/// Logs as plain lines on standard error, for a person; `RUST_LOG` sets the level.
pub fn plain() {
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter("warn"))
        .with_writer(std::io::stderr)
        .try_init();
}

fn filter(default: &str) -> EnvFilter {
    EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default))
}
