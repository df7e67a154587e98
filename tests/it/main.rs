//! Whole runs through the real state machine and the real binary, and the rules of the house.

mod balance;
mod crashes;
mod faults;
mod gins;
mod rates;
mod support;
mod tolerance;
