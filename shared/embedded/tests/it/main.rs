//! The embedded warehouse over real files: a lake in a temporary folder, DataFusion, Parquet.

mod checks;
mod exports;
mod models;
mod queries;
mod reading;
mod world;
