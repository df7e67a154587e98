//! Columns from the records themselves, for tables with `columns: infer`.
//!
//! Each member of the records becomes a column, in the order in which they first appear, named safely, in the
//! narrowest type that takes every value unaltered: `bool`, `int64`, then `float64`, then `string`; `json` where
//! objects or lists stand.

use std::collections::HashSet;

use indexmap::IndexMap;
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::path::{Path, Segment};
use pipeline::problem::{Located, Location};
use pipeline::table::column::{ColumnDefinition, OnError, Source};
use pipeline::table::column_type::ColumnType;
use pipeline::table::condition::{RecordCondition, When};
use pipeline::table::function::snake_case;
use pipeline::table::origin::Origin;
use pipeline::table::{Columns, TableDefinition};

use crate::number;
use crate::row;
use crate::scan::{self, Bad, Found, Scanner};
use crate::shape::{RECORD, Shape, SlotId};
use crate::text::unescape;
use crate::walk;

/// Records with more members than this are lists in disguise.
const MOST_COLUMNS: usize = 2000;
/// Up to here every whole number is a double.
const EXACT_DOUBLES: u64 = 1 << 53;

/// Looks at pages and answers the columns that hold their records.
#[derive(Debug)]
pub struct Inference {
    table: TableDefinition,
    records: Vec<Path>,
    shape: Shape,
    scanner: Scanner,
    found: Found,
    condition: Option<(SlotId, RecordCondition)>,
    members: IndexMap<String, Seen>,
}

/// What was seen of one member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Bool,
    /// Whole numbers; whether all of them are doubles too.
    Whole(bool),
    Double,
    Text,
    Nested,
}

impl Seen {
    fn and(self, other: Seen) -> Seen {
        use Seen::{Double, Nested, Nothing, Text, Whole};
        match (self, other) {
            (Nothing, seen) | (seen, Nothing) => seen,
            (Whole(one), Whole(other)) => Whole(one && other),
            (Whole(true), Double) | (Double, Whole(true)) => Double,
            (Nested, _) | (_, Nested) => Nested,
            (one, other) if one == other => one,
            _ => Text,
        }
    }

    fn of(raw: &str) -> Seen {
        match raw.as_bytes().first() {
            Some(b'n') => Seen::Nothing,
            Some(b't' | b'f') => Seen::Bool,
            Some(b'{' | b'[') => Seen::Nested,
            Some(b'"') => Seen::Text,
            _ => match number::whole(raw, false) {
                Ok(whole) => Seen::Whole(whole.unsigned_abs() <= EXACT_DOUBLES),
                Err(_) if number::double(raw, false).is_ok() && raw.contains(['.', 'e', 'E']) => {
                    Seen::Double
                }
                Err(_) => Seen::Text,
            },
        }
    }

    fn column_type(self) -> ColumnType {
        match self {
            Seen::Bool => ColumnType::Bool,
            Seen::Whole(_) => ColumnType::Int64,
            Seen::Double => ColumnType::Float64,
            Seen::Text | Seen::Nothing => ColumnType::String,
            Seen::Nested => ColumnType::Json,
        }
    }
}

/// Why a page was left: it breaks off, or its records have too many members.
enum Left {
    Broken,
    TooMany,
}

impl From<Bad> for Left {
    fn from(_: Bad) -> Self {
        Left::Broken
    }
}

impl Inference {
    /// Looks at records for a table; `records` are the paths under which a page may hold them.
    pub fn new(table: &TableDefinition, records: &[Path]) -> Self {
        let mut shape = Shape::new();
        shape.nodes[0].notes_members = true;
        let condition = match &table.when {
            Some(When::Matches(condition)) => {
                Some((shape.slot(RECORD, &condition.path), condition.clone()))
            }
            _ => None,
        };
        Inference {
            table: table.clone(),
            records: match records {
                [] => vec![Path::root()],
                records => records.to_vec(),
            },
            scanner: Scanner::new(&shape),
            found: Found::new(&shape),
            shape,
            condition,
            members: IndexMap::new(),
        }
    }

    /// Looks at one page. What is no record is passed over here: it is a reject when rows are typed.
    ///
    /// # Errors
    /// `BadData` where the records have so many different members that they are no columns.
    pub fn page(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let Ok(text) = simdutf8::basic::from_utf8(bytes) else {
            return Ok(());
        };
        let records = self.records.clone();
        let looked = walk::records(bytes, &records, &mut |_, _, start| self.record(text, start));
        match looked {
            Ok(()) | Err(Left::Broken) => Ok(()),
            Err(Left::TooMany) => Err(Fault::bad_data(format!(
                "the records have more than {MOST_COLUMNS} different members; declare the columns"
            ))),
        }
    }

    /// The table with its columns declared.
    ///
    /// # Errors
    /// `BadData` where no record had a member.
    pub fn finish(self) -> Result<TableDefinition, Fault> {
        if self.members.is_empty() {
            return Err(Fault::bad_data("there is no record to infer columns from"));
        }
        let mut used = HashSet::new();
        let mut columns = IndexMap::new();
        for (key, seen) in &self.members {
            let name = free_name(key, &mut used)?;
            let required = self.table.key.iter().any(|part| **part == name);
            columns.insert(name, column(key, seen.column_type(), required));
        }
        Ok(TableDefinition {
            columns: Columns::Declared(columns),
            ..self.table
        })
    }

    fn record(&mut self, text: &str, start: usize) -> Result<usize, Left> {
        let bytes = text.as_bytes();
        let scanned = self
            .scanner
            .record(&self.shape, bytes, start, &mut self.found);
        let Ok(end) = scanned else {
            return Ok(scan::any(bytes, start)?);
        };
        if !self.is_taken(text) {
            return Ok(end);
        }
        for noted in &self.found.members {
            let member = text.get(noted.start as usize..noted.end as usize);
            let Some((key, raw)) = member.and_then(split) else {
                continue;
            };
            let known = self.members.entry(key).or_insert(Seen::Nothing);
            *known = known.and(Seen::of(raw));
        }
        if self.members.len() > MOST_COLUMNS {
            return Err(Left::TooMany);
        }
        Ok(end)
    }

    fn is_taken(&self, text: &str) -> bool {
        let Some((slot, condition)) = &self.condition else {
            return true;
        };
        let slot = self.found.slot(RECORD, 0, *slot);
        let source = row::Source { text, start: 0 };

        condition.test.holds(source.compared(slot).as_deref())
    }
}

/// A member's key and the raw text of its value.
fn split(member: &str) -> Option<(String, &str)> {
    let (end, _) = scan::text(member.as_bytes(), 0).ok()?;
    let key = unescape(member.get(1..end - 1)?)?;
    let value = member.get(end..)?.trim_start().strip_prefix(':')?;
    Some((key, value.trim_start()))
}

fn column(key: &str, column_type: ColumnType, required: bool) -> Located<ColumnDefinition> {
    let path = Path::new(vec![Segment::Key(key.to_owned())]);
    Located {
        value: ColumnDefinition {
            description: None,
            source: Source::From(Origin::Own(path)),
            apply: Vec::new(),
            column_type,
            formats: Vec::new(),
            timezone: None,
            required,
            range: None,
            on_error: OnError::Reject,
        },
        at: Location::default(),
    }
}

/// A name made of a key that no other column has yet.
fn free_name(key: &str, used: &mut HashSet<String>) -> Result<Name, Fault> {
    let base = safe(key);
    let mut name = base.clone();
    let mut number = 2;
    while !used.insert(name.clone()) {
        let suffix = format!("_{number}");
        name = format!("{}{suffix}", &base[..base.len().min(63 - suffix.len())]);
        number += 1;
    }
    Name::new(name).map_err(Fault::bug)
}

/// Small ASCII letters, digits and `_`, a letter first.
fn safe(key: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let mut name: String = snake_case(key)
        .chars()
        .map(|letter| if is_plain(letter) { letter } else { '_' })
        .collect();
    name = name.trim_matches('_').to_owned();
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        name = format!("column_{name}").trim_end_matches('_').to_owned();
    }
    name.truncate(63);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(definition: &str, pages: &[&str]) -> String {
        let table: TableDefinition = pipeline::decode::decode(definition).value.expect("a table");
        let mut inference = Inference::new(&table, &[]);
        for page in pages {
            inference.page(page.as_bytes()).expect("looked at");
        }
        let table = match inference.finish() {
            Ok(table) => table,
            Err(fault) => return fault.message,
        };
        let mut shown = Vec::new();
        for (name, column) in table.columns.declared().into_iter().flatten() {
            let required = if column.required { "!" } else { "" };
            shown.push(format!("{name}:{}{required}", column.column_type));
        }
        shown.join(" ")
    }

    #[test]
    fn columns_take_every_value_unaltered() {
        let plain = "{ from: r, columns: infer, key: [id] }";
        for (pages, columns) in [
            (
                vec![r#"[{"id":1,"aB":true},{"aB":false,"c":"x"}]"#],
                "id:int64! a_b:bool c:string",
            ),
            (vec![r#"[{"n":1},{"n":2.5}]"#], "n:float64"),
            (vec![r#"[{"n":9007199254740993},{"n":2.5}]"#], "n:string"),
            (vec![r#"[{"n":9223372036854775808}]"#], "n:string"),
            (vec![r#"[{"n":1e400}]"#, r#"[{"n":1.5}]"#], "n:string"),
            (vec![r#"[{"n":1},{"n":null}]"#], "n:int64"),
            (vec![r#"[{"n":1},{"n":true}]"#], "n:string"),
            (vec![r#"[{"n":"1"},{"n":[]}]"#], "n:json"),
            (vec![r#"[{"n":null}]"#], "n:string"),
            (
                vec![r#"[{"a b":1,"A-B":2,"a_b":3,"1":4,"":5,"é":6}]"#],
                "a_b:int64 a_b_2:int64 a_b_3:int64 column_1:int64 column:int64 column_2:int64",
            ),
            (vec!["[]"], "there is no record to infer columns from"),
            (vec![r#"[{"a":1},"#], "a:int64"),
        ] {
            assert_eq!(inferred(plain, &pages), columns, "{pages:?}");
        }
        let some = "{ from: r, columns: infer, when: { path: $.k, equals: x } }";
        let page = r#"[{"k":"x","a":1},{"k":"y","b":1}]"#;
        assert_eq!(inferred(some, &[page]), "k:string a:int64");
    }

    #[test]
    fn maps_are_no_columns() {
        let members: Vec<String> = (0..3000).map(|n| format!("\"k{n}\":1")).collect();
        let table = "{ from: r, columns: infer }";
        let table: TableDefinition = pipeline::decode::decode(table).value.expect("a table");
        let mut inference = Inference::new(&table, &[]);
        let page = format!("{{{}}}", members.join(","));
        assert!(inference.page(page.as_bytes()).is_err());
    }
}
