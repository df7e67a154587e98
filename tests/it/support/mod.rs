//! What the tests stand on: a source API on a socket, the `lakehead` binary in a directory of its own, the functions in
//! this process, and the repository's files.

pub mod api;
pub mod canary;
pub mod content;
pub mod datahub;
pub mod datasette;
pub mod definition;
pub mod emulator;
pub mod gins;
pub mod house;
pub mod lots;
pub mod matrix;
pub mod postgres;
pub mod source;
pub mod stage;
pub mod steps;
pub mod world;
