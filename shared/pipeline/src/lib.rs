//! What to do: the definition language and every decision made from it.
//!
//! Pure and synchronous: no network, no disk, no clock, no async. A decision is answered as a value (the next
//! request, the next page token, an object key, a list of statements); `edge` carries it out.

pub mod csv;
pub mod data_check;
pub mod decode;
pub mod destination;
pub mod export;
pub mod fault;
pub mod known;
pub mod lake;
pub mod model;
pub mod name;
pub mod path;
pub mod problem;
pub mod share;
pub mod sql;
pub mod template;
pub mod value;
