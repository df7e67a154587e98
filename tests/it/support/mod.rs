//! What whole-run tests stand on: a source API on a socket, and the `lakehead` binary in a directory of its own.

pub mod api;
pub mod datasette;
pub mod gins;
pub mod world;
