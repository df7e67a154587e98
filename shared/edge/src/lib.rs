//! How it is done: the only room that meets the world.

#[cfg(test)]
mod scripted;

pub mod chunk;
pub mod clock;
pub mod definitions;
pub mod http;
pub mod ledger;
pub mod objects;
pub mod rate;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod source;
