//! The PostgreSQL destination: carries out the statements that [`pipeline::destination::postgres`] decides.

mod connect;
mod copy;
mod database;
mod refresh;
mod target;

pub use connect::Address;
pub use database::{Answer, Database};
pub use pipeline::destination::Outcome;
pub use target::Target;
