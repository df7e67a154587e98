//! Pages through the whole crate and back from Parquet.

mod agreement;
mod cases;
mod gins;
mod harness;
mod infer;
