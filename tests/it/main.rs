//! Whole runs through the real state machine and the real binary, and the rules of the house.

mod architecture;
mod cli;
mod datasette;
mod definitions;
mod events;
mod gins;
mod pipelines;
mod state_machine;
mod support;
