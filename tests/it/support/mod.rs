//! What whole-run tests stand on: a source API on a socket, and the `lakehead` binary in a directory of its own.

pub mod api;
pub mod canary;
pub mod content;
pub mod definition;
pub mod gins;
pub mod lots;
pub mod source;
pub mod stage;
pub mod world;
