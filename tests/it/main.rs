//! Whole runs through the real state machine and the real binary, and the rules of the house.

mod architecture;
mod definitions;
mod events;
mod gins;
mod state_machine;
mod support;
