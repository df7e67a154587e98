//! How it is done: the only room that meets the world.

pub mod objects;
