//! Pages through the whole crate and back from Parquet.

mod agreement;
mod any_columns;
mod cases;
mod gins;
mod harness;
mod infer;
