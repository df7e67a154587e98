//! How it is done: the only room that meets the world.

pub mod clock;
pub mod http;
pub mod rate;
#[cfg(test)]
mod scripted;
pub mod secrets;
pub mod session;
pub mod settings;
pub mod source;
