//! `lakehead bench`: how fast pages become typed Parquet, against other tools on the same input. The pages are made
//! here, each tool is a process of its own, and what it wrote is compared with what we wrote.

mod end_to_end;
mod generate;
mod measure;
mod report;
mod serve;
mod transform;
mod workload;

pub use end_to_end::{EndToEnd, end_to_end};
pub use measure::{Options, run};
pub use transform::{Used, transform};
pub use workload::Workload;
