//! Whole runs through the real state machine and the real binary, and the rules of the house.

mod datasette;
mod gins;
mod support;
