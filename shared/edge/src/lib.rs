//! How it is done: the only room that meets the world.

pub mod data_check;
pub mod engine;
pub mod export;
pub mod lake;
pub mod model;
pub mod objects;
