//! How it is done: the only room that meets the world.

#[cfg(test)]
mod scripted;

pub mod aws;
pub mod chunk;
pub mod clock;
pub mod data_check;
pub mod definitions;
pub mod engine;
pub mod env;
pub mod executions;
pub mod export;
mod grants;
pub mod http;
pub mod lake;
mod lease;
pub mod ledger;
pub mod lock;
pub mod model;
pub mod objects;
pub mod progress;
pub mod rate;
mod rotation;
pub mod run;
pub mod secrets;
pub mod session;
pub mod settings;
mod signature;
pub mod source;
