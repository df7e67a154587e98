//! Serves `publish` on AWS Lambda, with Athena or with the embedded engine.

// The clients of AWS are futures within futures.
#![recursion_limit = "256"]

use std::process::ExitCode;
use std::sync::Arc;

use edge::engine::Engine;
use edge::env::{MakeEngine, Site};
use pipeline::fault::Fault;

/// What runs SQL for a function that works below a directory.
#[cfg(feature = "embedded")]
const EMBEDDED: Option<MakeEngine> = Some(embedded::engine);
#[cfg(not(feature = "embedded"))]
const EMBEDDED: Option<MakeEngine> = None;

fn main() -> ExitCode {
    step::serve::<publish::Publish>(Some(engine))
}

fn engine(site: &Site<'_>) -> Result<Arc<dyn Engine>, Fault> {
    athena::engine_or(site, EMBEDDED)
}
