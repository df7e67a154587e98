//! A server that stands in for any source that a definition describes: its resources, credentials, pages and
//! limits as declared, with records that fit the tables.

mod counts;
mod guard;
mod pages;
mod received;
mod route;
mod rows;
mod server;
mod shape;
mod values;

pub use counts::Counts;
pub use server::{Declared, Options, Serving, StartError};
