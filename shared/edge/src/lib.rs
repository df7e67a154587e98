//! How it is done: the only room that meets the world.

pub mod chunk;
pub mod definitions;
pub mod ledger;
pub mod objects;
