//! Redshift as the emulator of `tests/cloud` has it: a real PostgreSQL behind the Data API, files in its S3.

mod conformance;
mod gins;
mod models;
mod place;
#[path = "../../../../tests/it/support/postgres.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod postgres;
mod publish;
mod values;
