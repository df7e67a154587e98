//! Whole executions, on a clock that stands still until everybody waits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod desk;
mod flow;
mod limits;
mod maps;
mod refusals;
mod retries;
