//! How it is done: the only room that meets the world.

pub mod chunk;
pub mod ledger;
pub mod objects;
