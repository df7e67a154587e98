//! JSON bytes to Parquet in one pass: what the tables of one resource want is found, typed and encoded; the
//! rest is stepped over; what does not fit is set aside with its raw text, place and reason.
//!
//! - A record is taken as a whole: if it cannot be typed for one of its tables, none of its rows is written.
//! - What is stepped over is only balanced by its quotes and brackets; what is taken is checked closely.
//! - A wanted key that occurs twice in an object makes the record a reject: there is no telling which is meant.
//! - The same pages make the same bytes; the order of keys seen before only makes reading faster.
//!
//! ```
//! # use std::io;
//! # use pipeline::{decode::decode, name::Name, path::Path, table::TableDefinition};
//! # use table::{Compiled, References, Reject, Sinks, Sizes};
//! struct Memory;
//!
//! impl Sinks for Memory {
//!     type Part = Vec<u8>;
//!     fn part(&mut self, _table: &Name, _number: u32) -> io::Result<Vec<u8>> {
//!         Ok(Vec::new())
//!     }
//!     fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()> {
//!         panic!("{}: {}", reject.pointer, reject.reason)
//!     }
//! }
//!
//! let definition = "{ from: gins, columns: { id: { from: $.id, type: int32 } } }";
//! let definition: TableDefinition = decode(definition).value.expect("a table");
//! let name = Name::new("gins").expect("a name");
//! let tables = [(&name, &definition)];
//! let compiled = Compiled::new(tables, &[Path::root()], &References::default(), |_| None).expect("fits");
//! let mut writer = compiled.writer(Sizes::default(), Memory);
//! writer.page(0, br#"[{"id": 1}, {"id": 2}]"#).expect("no fault");
//! let outcome = writer.finish().expect("no fault");
//! assert_eq!(outcome.tables["gins"].parts[0].rows, 2);
//! ```

mod bad;
mod chunk;
mod column;
mod compile;
mod dictionary;
mod encode;
mod found;
mod infer;

mod misfit;
mod number;
mod pack;
mod reference;
mod reject;
mod row;
mod scan;
mod schema;
mod shape;
mod steps;
mod time;
mod usual;
mod value;
mod walk;
mod writer;

pub use compile::Compiled;
pub use encode::Part;
pub use infer::Inference;
pub use reference::References;
pub use reject::Reject;
pub use schema::schema;
pub use writer::{Outcome, Sinks, Sizes, TableOutcome, Writer};
