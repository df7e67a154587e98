//! What to do: the definition language and every decision made from it.
//!
//! Pure and synchronous: no network, no disk, no clock, no async. A decision is answered as a value (the next
//! request, the next page token, an object key, a list of statements); `edge` carries it out.

pub mod address;
pub mod auth;
pub mod balance;
pub mod bookmark;
pub mod csv;
pub mod data_check;
pub mod database;
pub mod decode;
pub mod definition;
pub mod depth;
pub mod destination;
pub mod export;
pub mod fault;
pub mod for_each;
pub mod header;
pub mod known;
pub mod lake;
pub mod layout;
pub mod ledger;
pub mod listing;
pub mod model;
pub mod name;
pub mod number;
pub mod outcome;
pub mod paginate;
pub mod parameter;
pub mod path;
pub mod patience;
pub mod per_period;
pub mod plan;
pub mod problem;
pub mod rate;
pub mod report;
pub mod request;
pub mod resource;
pub mod run;
pub mod schedule;
pub mod secret;
pub mod share;
pub mod source;
pub mod sql;
pub mod status;
pub mod table;
pub mod template;
pub mod trigger;
pub mod value;
pub mod window;
