//! Whole runs through the real state machine and the real binary, and the rules of the house.

mod architecture;
mod balance;
mod cli;
mod crashes;
mod datasette;
mod definitions;
mod events;
mod faults;
mod gins;
mod mocks;
mod pipelines;
mod rates;
mod state_machine;
mod support;
mod tolerance;
