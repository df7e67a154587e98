//! The source API that ships with Lakehead: a made-up gin catalogue, and a server on this machine that answers
//! for it, keeps a limit, counts, and misbehaves as told. [`declared`] does so for any source by its definition.
//!
//! It is what `lakehead demo` reads and what tests hold a run against. No brand, shop or place in it is meant.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use mock::{Mock, Options};
//!
//! let options = Options { products: 100, faults: vec!["500:every=97".parse()?], ..Options::default() };
//! let running = Mock::start(options).await?;
//! let expected = running.catalogue().counts();
//! assert_eq!(expected.listed, 100);
//! assert_eq!(running.stats().requests, 0);
//! running.stop().await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod bomb;
mod catalogue;
pub mod declared;
mod draw;
mod faults;
mod product;
mod server;
mod stats;
mod truth;
mod words;

pub use catalogue::{Catalogue, FEWEST, NEAT, PRODUCTS, SEED, TooFew};
pub use faults::{Fault, FaultError, FaultKind, Frequency, Recovery, RetryAfter, Scope};
pub use product::{Description, Kind, ORIGIN, Product, PurchaseLink, Rating};
pub use server::{ApiKey, Mock, Options, Running, StartError};
pub use stats::{Outcome, Request, Stats, Target, worst_window};
pub use truth::{Counts, Row};
