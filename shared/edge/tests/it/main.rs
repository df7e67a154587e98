//! The edge against implementations that are not ours.

mod auth;
mod guarded;
mod leaks;
mod troubles;
