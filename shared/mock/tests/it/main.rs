//! A declared source, asked by the session that asks real ones.

mod client;
mod kinds;
mod records;
