//! The Redshift destination: carries out, over the Data API, what [`pipeline::destination::redshift`] decides.
//!
//! Nothing here waits. Every call goes from the top, finds what was started by its notes, and goes on as far as it
//! gets; where a statement still runs, it says so and is called again.

mod api;
mod catalogue;
mod fault;
mod load;
mod publish;
mod refresh;
mod steps;
mod target;
mod text;

pub use pipeline::destination::Outcome;
pub use target::Target;

/// What some work came to, or an answer that it still runs.
macro_rules! done {
    ($progress:expr) => {
        match $progress {
            edge::progress::Progress::Done(outcome) => outcome,
            edge::progress::Progress::Running { wait_seconds } => {
                return Ok(edge::progress::Progress::Running { wait_seconds });
            }
        }
    };
}
pub(crate) use done;
