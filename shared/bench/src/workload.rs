//! What is measured: the pages of two made-up sources, and the tables that are wanted of them.

use std::fmt::{self, Write};
use std::str::FromStr;

use indexmap::IndexMap;
use pipeline::decode::decode;
use pipeline::name::Name;
use pipeline::path::Path;
use pipeline::problem::Located;
use pipeline::table::TableDefinition;
use pipeline::table::column::Source;
use serde_json::{Value, json};

use crate::generate::{self, Chance};

/// One kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workload {
    /// Nested records of about 1.8 KB with a child list, of which 36 and 9 columns are wanted.
    Bookings,
    /// Records of about 2.9 KB, of which nine tenths are coordinates that nobody wants.
    Trips,
}

/// The tables of a workload.
pub type Tables = IndexMap<Name, Located<TableDefinition>>;

impl Workload {
    /// Both.
    pub const ALL: [Workload; 2] = [Workload::Bookings, Workload::Trips];

    /// Its tables, as a definition says them.
    ///
    /// # Errors
    /// Never, but for a mistake in the definition that ships.
    pub fn tables(self) -> Result<Tables, String> {
        let text = match self {
            Workload::Bookings => include_str!("../workloads/bookings.yaml"),
            Workload::Trips => include_str!("../workloads/trips.yaml"),
        };
        let decoded = decode::<Tables>(text);
        let problems = decoded.problems.render(&self.to_string(), text);
        decoded.value.ok_or(problems)
    }

    /// The key under which a page holds the records; none for a page that is a list.
    #[must_use]
    pub fn root(self) -> Option<&'static str> {
        match self {
            Workload::Bookings => Some("bookings"),
            Workload::Trips => None,
        }
    }

    pub(crate) fn records(self) -> Result<Path, String> {
        let path = self.root().map_or("$".to_owned(), |key| format!("$.{key}"));
        Path::try_from(path)
    }

    /// The columns as other tools are told of them.
    ///
    /// # Errors
    /// As `tables`.
    pub fn columns(self) -> Result<Value, String> {
        let mut tables = Vec::new();
        for (name, table) in self.tables()? {
            let mut columns = Vec::new();
            for (column_name, column) in table.columns.declared().into_iter().flatten() {
                if let Source::From(origin) = &column.source {
                    let kind = column.column_type.to_string();
                    let from = origin.to_string();
                    columns.push(
                        json!({ "name": column_name.to_string(), "from": from, "type": kind }),
                    );
                }
            }
            let list = table.each.is_some().then_some("attendees");
            tables.push(json!({ "name": name.to_string(), "list": list, "columns": columns }));
        }
        Ok(json!({ "root": self.root(), "tables": tables }))
    }

    pub(crate) fn page_size(self) -> u64 {
        match self {
            Workload::Bookings => 1000,
            Workload::Trips => 500,
        }
    }

    pub(crate) fn before_records(self) -> &'static str {
        match self {
            Workload::Bookings => r#"{"bookings":["#,
            Workload::Trips => "[",
        }
    }

    pub(crate) fn record(self, out: &mut String, number: u64, chance: &mut Chance) {
        match self {
            Workload::Bookings => generate::booking(out, number, chance),
            Workload::Trips => generate::trip(out, number, chance),
        }
    }

    pub(crate) fn after_records(self, out: &mut String, page: u64, total: u64) {
        out.push(']');
        if self == Workload::Bookings {
            let (size, next) = (self.page_size(), page + 1);
            let _ = write!(
                out,
                r#","page":{page},"per_page":{size},"total":{total},"next":"https://api.example.com/v2/bookings?page={next}"}}"#
            );
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Workload::Bookings => "bookings",
            Workload::Trips => "trips",
        })
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Workload::ALL
            .into_iter()
            .find(|workload| workload.to_string() == text);
        named.ok_or_else(|| format!("there is no workload `{text}`; there are bookings and trips"))
    }
}
