//! Whole runs through the real state machine and the real binary, and the rules of the house.

mod architecture;
mod aws;
mod backfill;
mod balance;
mod bookmarks;
mod cli;
mod crashes;
mod datahub;
mod datasette;
mod definitions;
mod events;
mod failed_slices;
mod faults;
mod gins;
mod matrix;
mod mocks;
mod pipelines;
mod rates;
mod sql;
mod state_machine;
mod support;
mod tolerance;
mod windows;
