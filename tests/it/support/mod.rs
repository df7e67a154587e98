//! What the tests stand on: a source API on a socket, the `lakehead` binary in a directory of its own, the functions in
//! this process, and the repository's files.

pub mod api;
pub mod datasette;
pub mod gins;
pub mod house;
pub mod steps;
pub mod world;
