//! What to do: the definition language and every decision made from it.
//!
//! Pure and synchronous: no network, no disk, no clock, no async. A decision is answered as a value (the next
//! request, the next page token, an object key, a list of statements); `edge` carries it out.

pub mod address;
pub mod auth;
pub mod decode;
pub mod depth;
pub mod fault;
pub mod for_each;
pub mod header;
pub mod name;
pub mod number;
pub mod outcome;
pub mod paginate;
pub mod path;
pub mod patience;
pub mod problem;
pub mod rate;
pub mod request;
pub mod resource;
pub mod secret;
pub mod source;
pub mod template;
