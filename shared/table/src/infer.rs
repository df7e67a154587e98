//! The columns of tables that take members as they come: one reading ahead over all pages of a slice.
//!
//! Only what is needed to choose names and types is kept, so memory grows with the members, not with the records.
//! A record that will be a reject when it is typed has no say in types; its members may be named, so that it is one.

mod name;

use std::borrow::Cow;

use indexmap::IndexMap;
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::path::Path;
use pipeline::problem::{Located, Location};
use pipeline::table::column::{ColumnDefinition, OnError, Source};
use pipeline::table::column_type::ColumnType;
use pipeline::table::condition::When;
use pipeline::table::origin::Origin;
use pipeline::table::{Columns, TableDefinition};
use serde::de::IgnoredAny;

use crate::bad::Bad;
use crate::number::{self, NoNumber};
use crate::value;
use crate::walk::{self, find};
use json::blanks;
use json::unescape;

/// So many members of a table become columns.
const COLUMNS: usize = 1000;

/// Reads pages ahead for the tables of one resource that infer their columns.
#[derive(Debug)]
pub struct Inference<'t> {
    records: Vec<Path>,
    tables: Vec<Table<'t>>,
}

/// A table of the resource; those that declare their columns are here for what they take from the others.
#[derive(Debug)]
struct Table<'t> {
    name: &'t Name,
    definition: &'t TableDefinition,
    members: IndexMap<String, Kinds>,
    /// The first member for which there was no room.
    left_over: Option<String>,
    records: u64,
}

impl<'t> Inference<'t> {
    /// For the tables of one resource. `records` are the paths under which a page may hold its records, in order
    /// of preference.
    pub fn new(
        tables: impl IntoIterator<Item = (&'t Name, &'t TableDefinition)>,
        records: &[Path],
    ) -> Self {
        let table = |(name, definition)| Table {
            name,
            definition,
            members: IndexMap::new(),
            left_over: None,
            records: 0,
        };
        Inference {
            records: match records {
                [] => vec![Path::root()],
                records => records.to_vec(),
            },
            tables: tables.into_iter().map(table).collect(),
        }
    }

    /// Reads one page ahead. Of a page that breaks off, the records before the break count: the others are
    /// rejects when the page is typed.
    pub fn page(&mut self, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let _ = self.read(bytes);
    }

    /// The columns of each table that infers them.
    ///
    /// # Errors
    /// `BadData` where there are records but no members, or more members than columns and no `extra`.
    pub fn columns(self) -> Result<IndexMap<Name, Columns>, Fault> {
        let inferring = self.tables.into_iter().filter(Table::infers);
        let columns = inferring.map(|table| {
            let columns = table.columns();
            let columns = columns.map_err(|fault| fault.with("table", table.name))?;
            Ok((table.name.clone(), columns))
        });
        columns.collect()
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), Bad> {
        let paths = std::mem::take(&mut self.records);
        let read = walk::records(bytes, &paths, &mut |_, _, start| self.record(bytes, start));
        self.records = paths;
        read
    }

    /// Reads one record and answers where it ends.
    fn record(&mut self, bytes: &[u8], start: usize) -> Result<usize, Bad> {
        let end = value::any(bytes, start)?;
        let Ok(record) = str::from_utf8(&bytes[start..end]) else {
            return Ok(end);
        };
        let Some(members) = members(record) else {
            return Ok(end);
        };
        let taken = self.tables.iter().map(|table| table.takes(record));
        let mut taken: Vec<bool> = taken.collect();
        if !taken.contains(&true) {
            taken = self.tables.iter().map(Table::takes_the_rest).collect();
        }
        for (table, takes) in self.tables.iter_mut().zip(taken) {
            if takes && table.infers() {
                table.note(&members);
            }
        }
        Ok(end)
    }
}

impl Table<'_> {
    fn infers(&self) -> bool {
        matches!(self.definition.columns, Columns::Infer)
    }

    fn takes_the_rest(&self) -> bool {
        matches!(self.definition.when, Some(When::Otherwise))
    }

    fn takes(&self, record: &str) -> bool {
        match &self.definition.when {
            None => true,
            Some(When::Otherwise) => false,
            Some(When::Matches(condition)) => {
                let value = compared(record, &condition.path);
                condition.test.holds(value.as_deref())
            }
        }
    }

    fn note(&mut self, members: &[(Cow<'_, str>, Kinds)]) {
        self.records += 1;
        for (position, (key, kinds)) in members.iter().enumerate() {
            // Members come in nearly the same order in every record.
            if let Some((known, all)) = self.members.get_index_mut(position)
                && known == key
            {
                all.add(*kinds);
            } else if let Some(all) = self.members.get_mut(&**key) {
                all.add(*kinds);
            } else if self.members.len() < COLUMNS {
                self.members.insert(key.to_string(), *kinds);
            } else if self.left_over.is_none() {
                self.left_over = Some(key.to_string());
            }
        }
    }

    fn columns(&self) -> Result<Columns, Fault> {
        let extra = self.definition.extra.as_deref();
        if self.records > 0 && self.members.is_empty() {
            return Err(Fault::bad_data(
                "the records have no members that could be columns",
            ));
        }
        if let (Some(member), None) = (&self.left_over, extra) {
            return Err(Fault::bad_data(format!(
                "the records have more than {COLUMNS} members, `{member}` and perhaps others have no column; add `extra: _extra`, or declare the columns"
            )));
        }
        let names = name::of_members(self.members.keys(), extra.map(|extra| &**extra));
        let columns = names.into_iter().zip(&self.members);
        let columns = columns.map(|(name, (member, kinds))| (name, column(member, *kinds)));
        Ok(Columns::Declared(columns.collect()))
    }
}

fn column(member: &str, kinds: Kinds) -> Located<ColumnDefinition> {
    let value = ColumnDefinition {
        description: Some(format!("Member `{member}` of the record.")),
        source: Source::From(Origin::Own(Path::of_key(member))),
        apply: Vec::new(),
        column_type: kinds.column_type(),
        formats: Vec::new(),
        timezone: None,
        required: false,
        range: None,
        on_error: OnError::Reject,
    };
    Located {
        value,
        at: Location::default(),
    }
}

/// The kinds of values that a member has had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    /// Null, or what is no JSON and will be a reject.
    const NONE: Kinds = Kinds(0);
    /// A whole number that a double holds exactly.
    const WHOLE: Kinds = Kinds(1);
    /// A whole number that only 64 bits hold exactly.
    const LONG: Kinds = Kinds(2);
    /// A number that a double gives back as it was written.
    const FRACTION: Kinds = Kinds(4);
    const TRUTH: Kinds = Kinds(8);
    /// Text, or a number that only its characters hold exactly.
    const TEXT: Kinds = Kinds(16);
    /// A list or object, or text that no warehouse takes: with NUL or half a character.
    const NESTED: Kinds = Kinds(32);

    fn add(&mut self, other: Kinds) {
        self.0 |= other.0;
    }

    fn has(self, other: Kinds) -> bool {
        self.0 & other.0 != 0
    }

    /// The kinds of one value, as written.
    fn of(raw: &str) -> Kinds {
        match raw.as_bytes().first() {
            Some(b'"') => Kinds::of_text(raw),
            Some(b'{' | b'[') => Kinds::NESTED,
            Some(b't' | b'f') => Kinds::TRUTH,
            Some(b'n') | None => Kinds::NONE,
            Some(_) => Kinds::of_number(raw),
        }
    }

    fn of_text(raw: &str) -> Kinds {
        if !raw.contains('\\') {
            return Kinds::TEXT;
        }
        match unescape(&raw[1..raw.len() - 1]) {
            Some(text) if !text.contains('\0') => Kinds::TEXT,
            // Half a character is JSON; any other escape that is none is not.
            _ if serde_json::from_str::<IgnoredAny>(raw).is_ok() => Kinds::NESTED,
            _ => Kinds::NONE,
        }
    }

    fn of_number(text: &str) -> Kinds {
        match number::whole(text, false) {
            // A whole number of 64 bits has no negative zero.
            Ok(0) if text.starts_with('-') => return Kinds::FRACTION,
            Ok(number) if number.unsigned_abs() <= 1 << 53 => return Kinds::WHOLE,
            Ok(_) => return Kinds::LONG,
            Err(NoNumber::Beyond) => return Kinds::TEXT,
            Err(NoNumber::Malformed) => {}
        }
        match number::double(text, false) {
            Ok(number) if gives_back(number, text) => Kinds::FRACTION,
            Ok(_) | Err(NoNumber::Beyond) => Kinds::TEXT,
            Err(NoNumber::Malformed) => Kinds::NONE,
        }
    }

    /// The narrowest type that holds all values as they are.
    fn column_type(self) -> ColumnType {
        let is_number = self.has(Kinds(Kinds::WHOLE.0 | Kinds::LONG.0 | Kinds::FRACTION.0));
        if self.has(Kinds::NESTED) {
            ColumnType::Json
        } else if self.has(Kinds::TEXT) || self == Kinds::NONE {
            ColumnType::String
        } else if self == Kinds::TRUTH {
            ColumnType::Bool
        } else if is_number && !self.has(Kinds(Kinds::TRUTH.0 | Kinds::FRACTION.0)) {
            ColumnType::Int64
        } else if is_number && !self.has(Kinds(Kinds::TRUTH.0 | Kinds::LONG.0)) {
            ColumnType::Float64
        } else {
            ColumnType::String
        }
    }
}

/// Whether a double, written with as many digits as the text has, is the text again.
fn gives_back(number: f64, text: &str) -> bool {
    // Fifteen digits always come back, but for the smallest of numbers.
    let is_short = text.len() <= 16;
    if number == 0.0 || (is_short && number.is_normal()) {
        return true;
    }
    let digits = significant(text);
    // No double has more.
    if digits.len() > 767 {
        return false;
    }
    let written = format!("{number:.*e}", digits.len() - 1);
    significant(&written) == digits
}

/// The digits of a number other than zero, without point, exponent, and zeros before and after.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

/// The members of a record with the kinds of their values; none where it is no object, or will be a reject.
fn members(record: &str) -> Option<Vec<(Cow<'_, str>, Kinds)>> {
    let bytes = record.as_bytes();
    let mut members = Vec::new();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut at = blanks(bytes, 1);
    if bytes.get(at) == Some(&b'}') {
        return Some(members);
    }
    loop {
        let (key, colon) = key(record, at)?;
        at = blanks(bytes, colon + 1);
        let end = value::any(bytes, at).ok()?;
        members.push((key, Kinds::of(record.get(at..end)?)));
        at = blanks(bytes, end);
        match bytes.get(at)? {
            b',' => at = blanks(bytes, at + 1),
            b'}' => return Some(members),
            _ => return None,
        }
    }
}

/// The key that stands at `at`, and where its colon is.
fn key(record: &str, at: usize) -> Option<(Cow<'_, str>, usize)> {
    let bytes = record.as_bytes();
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let (end, escaped) = value::text(bytes, at).ok()?;
    let inner = record.get(at + 1..end - 1)?;
    let key = match escaped {
        true => Cow::Owned(unescape(inner)?),
        false => Cow::Borrowed(inner),
    };
    let colon = blanks(bytes, end);
    (bytes.get(colon) == Some(&b':')).then_some((key, colon))
}

/// The text of a plain value, as conditions compare it; none for null.
fn compared<'r>(record: &'r str, path: &Path) -> Option<Cow<'r, str>> {
    let bytes = record.as_bytes();
    let start = find(bytes, 0, path.segments()).ok()??;
    let raw = record.get(start..value::any(bytes, start).ok()?)?;
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    match inner {
        Some(inner) if inner.contains('\\') => unescape(inner).map(Cow::Owned),
        Some(inner) => Some(Cow::Borrowed(inner)),
        None if raw == "null" => None,
        None => Some(Cow::Borrowed(raw)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrowest_type_that_alters_nothing_is_taken() {
        for (values, kind) in [
            ("1 -2 null 9007199254740992", "int64"),
            ("9223372036854775807 -9223372036854775808", "int64"),
            ("1 9223372036854775808", "string"),
            ("1 2.5", "float64"),
            ("2.5 9007199254740992", "float64"),
            ("2.5 9007199254740993", "string"),
            ("-0", "float64"),
            ("1.0 1e3 0.0", "float64"),
            ("0.10000000000000001 0.3333333333333333", "float64"),
            ("0.1234567890123456789", "string"),
            ("5e-324", "float64"),
            ("4.9e-324", "float64"),
            ("5.1e-324", "string"),
            ("0.50000000000000000000000000", "float64"),
            ("1e400", "string"),
            ("1e-400", "string"),
            ("true null false", "bool"),
            ("true 1", "string"),
            ("1.5 false", "string"),
            (r#""a" 1 2.5 true"#, "string"),
            (r#""5""#, "string"),
            ("null", "string"),
            ("[1] {}", "json"),
            (r#"[1] 1 "a" true"#, "json"),
            (r#""a\u0000b""#, "json"),
            (r#""\ud83d""#, "json"),
            (r#""\ud83d\ude00 \n\"""#, "string"),
            (r#""\x41""#, "string"),
            ("1.2.3", "string"),
        ] {
            let mut all = Kinds::NONE;
            // Texts with escapes stand alone, for the blanks in them.
            let values: Vec<&str> = match values.contains('\\') {
                true => vec![values],
                false => values.split(' ').collect(),
            };
            for value in &values {
                all.add(Kinds::of(value));
            }
            assert_eq!(all.column_type().to_string(), kind, "{values:?}");
        }
    }

    #[test]
    fn a_record_that_is_no_object_has_no_members() {
        for record in [
            "1",
            "[]",
            "{",
            r#"{"a"}"#,
            r#"{"a":}"#,
            r#"{"a":1,}"#,
            r#"{"a":1 "b":2}"#,
            r#"{"\ud83d":1}"#,
            "{a:1}",
        ] {
            assert_eq!(members(record), None, "{record}");
        }
        let found = members(r#" {"a" : 1 , "\u0062":[ ] , "c":"}" } "#.trim());
        let keys = found.expect("members").into_iter();
        let keys: Vec<(String, Kinds)> = keys.map(|(key, kinds)| (key.into(), kinds)).collect();
        let expected = [
            ("a".to_owned(), Kinds::WHOLE),
            ("b".to_owned(), Kinds::NESTED),
            ("c".to_owned(), Kinds::TEXT),
        ];
        assert_eq!(keys, expected);
    }
}
