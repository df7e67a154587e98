//! From pages to parts: finds the records of a page, sends each to its tables, sets aside what does not fit.

use std::io::{self, Write};

use indexmap::IndexMap;
use pipeline::balance::{RecordCounts, RowCounts};
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::path::{Path, Segment};
use serde::Serialize;

use crate::bad::Bad;
use crate::compile::{Compiled, Place, Plan, Route};
use crate::encode::{Encoder, Part};
use crate::found::Found;
use crate::reject::{Reject, push_pointer};
use crate::row::{self, Failure, Rows, Source};
use crate::scan::{Read, Scanner};
use crate::shape::RECORD;
use crate::{value, walk};

/// How large things may become.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A row group is closed when its rows take so many bytes before encoding.
    pub row_group_bytes: usize,
    /// A part is closed when it has so many bytes.
    pub part_bytes: usize,
    /// The rows that one record makes in one table take no more bytes than this.
    pub record_bytes: usize,
    /// A reject keeps so many raw bytes.
    pub reject_bytes: usize,
    /// With more than one core, a row group is encoded while the next one is filled. The bytes are the same.
    pub cores: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            row_group_bytes: 8 << 20,
            part_bytes: 128 << 20,
            record_bytes: 256 << 20,
            reject_bytes: 64 << 10,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Where parts and rejects go.
pub trait Sinks {
    /// What takes the bytes of a part.
    type Part: Write + Send + 'static;

    /// Opens the part of a table, numbered from 0.
    ///
    /// # Errors
    /// Why it cannot be opened; the writer answers with a passing fault.
    fn part(&mut self, table: &Name, number: u32) -> io::Result<Self::Part>;

    /// Takes a reject.
    ///
    /// # Errors
    /// Why it cannot be kept; the writer answers with a passing fault.
    fn reject(&mut self, reject: &Reject<'_>) -> io::Result<()>;
}

/// Turns pages into the parts of a resource's tables.
pub struct Writer<'c, S: Sinks> {
    compiled: &'c Compiled,
    sizes: Sizes,
    sinks: S,
    scanner: Scanner,
    found: Found,
    /// Of each table the rows that are not yet encoded.
    rows: Vec<Rows>,
    tables: Vec<Table<S::Part>>,
    counts: RecordCounts,
    /// Up to where the page is told into records.
    told: usize,
}

struct Table<P: Write + Send + 'static> {
    encoder: Encoder<P>,
    /// Whether it takes the record in hand.
    takes: bool,
}

/// What became of all pages.
#[derive(Debug)]
pub struct Outcome<S: Sinks> {
    /// What became of the records.
    pub counts: RecordCounts,
    /// What became of each table, in the definition's order.
    pub tables: IndexMap<Name, TableOutcome<S::Part>>,
    /// The sinks, handed back.
    pub sinks: S,
}

/// What became of a table.
#[derive(Debug, Serialize)]
pub struct TableOutcome<P> {
    /// Its parts in order; none where no row was kept.
    #[serde(skip)]
    pub parts: Vec<Part<P>>,
    /// What became of its rows.
    pub counts: RowCounts,
}

/// Why a page could not be read to its end.
enum Stop {
    Bad(Bad),
    Fault(Fault),
}

impl From<Bad> for Stop {
    fn from(bad: Bad) -> Self {
        Stop::Bad(bad)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Stop::Fault(fault)
    }
}

/// A page while it is read.
#[derive(Clone, Copy)]
struct Page<'p> {
    number: u64,
    bytes: &'p [u8],
    /// The bytes as text; none where they are not all UTF-8.
    text: Option<&'p str>,
}

/// A record's place in its page.
struct Spot<'a> {
    /// The JSON pointer of the value that holds the records.
    holder: &'a str,
    /// The record's position in its list; none for a value that is one record.
    position: Option<u64>,
    record: u64,
    start: usize,
}

impl Spot<'_> {
    fn pointer(&self) -> String {
        let mut pointer = self.holder.to_owned();
        if let Some(position) = self.position {
            push_pointer(&mut pointer, &position.to_string());
        }
        pointer
    }
}

impl<'c, S: Sinks> Writer<'c, S> {
    pub(crate) fn new(compiled: &'c Compiled, sizes: Sizes, sinks: S) -> Self {
        let table = |plan: &Plan| Table {
            encoder: Encoder::new(plan.schema.clone(), sizes),
            takes: false,
        };
        Writer {
            compiled,
            sizes,
            sinks,
            scanner: Scanner::new(&compiled.shape),
            found: Found::new(&compiled.shape),
            rows: compiled.tables.iter().map(Rows::new).collect(),
            tables: compiled.tables.iter().map(table).collect(),
            counts: RecordCounts::default(),
            told: 0,
        }
    }

    /// Reads one page: one JSON text, UTF-8. What does not fit becomes rejects; a page that breaks off keeps the
    /// records before the break.
    ///
    /// # Errors
    /// Faults of the sinks.
    pub fn page(&mut self, number: u64, bytes: &[u8]) -> Result<(), Fault> {
        self.counts.pages += 1;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let page = Page {
            number,
            bytes,
            text: simdutf8::basic::from_utf8(bytes).ok(),
        };
        let before = self.counts.records;
        self.told = 0;
        match self.read(page, before) {
            Ok(()) => Ok(()),
            Err(Stop::Fault(fault)) => Err(fault),
            Err(Stop::Bad(bad)) => self.break_page(page, bad),
        }
    }

    /// Fills the columns whose value belongs to what the coming pages were asked for; `value` knows it.
    ///
    /// # Errors
    /// `BadDefinition` where a column refers to something unknown.
    pub fn tell(&mut self, value: impl Fn(&str) -> Option<String>) -> Result<(), Fault> {
        for (plan, rows) in self.compiled.tables.iter().zip(&mut self.rows) {
            rows.tell(plan, &value)?;
        }
        Ok(())
    }

    /// Forgets the rows that are not yet encoded. What is left does not balance: this is for measuring alone.
    #[doc(hidden)]
    pub fn forget(&mut self) {
        self.rows.iter_mut().for_each(Rows::forget);
    }

    /// Encodes what is left and closes all parts.
    ///
    /// # Errors
    /// Faults of the sinks; `Bug` where the counts do not balance.
    pub fn finish(mut self) -> Result<Outcome<S>, Fault> {
        for index in 0..self.tables.len() {
            self.encode(index)?;
        }
        let mut tables = IndexMap::new();
        let mut balance = self.counts.balance();
        let tables_of = self.tables.into_iter().zip(self.rows);
        for (plan, (table, rows)) in self.compiled.tables.iter().zip(tables_of) {
            let counts = rows.counts;
            let parts = table.encoder.finish()?;
            let written: u64 = parts.iter().map(|part| part.rows).sum();
            balance &= counts.balance() && counts.kept == written;
            tables.insert(plan.name.clone(), TableOutcome { parts, counts });
        }
        if !balance {
            return Err(Fault::bug("the rows of a resource do not balance"));
        }
        Ok(Outcome {
            counts: self.counts,
            tables,
            sinks: self.sinks,
        })
    }

    fn read(&mut self, page: Page<'_>, before: u64) -> Result<(), Stop> {
        let paths = &self.compiled.records;
        walk::records(page.bytes, paths, &mut |holder, position, start| {
            let spot = Spot {
                holder,
                position,
                record: self.counts.records - before,
                start,
            };
            self.told = self.record(page, &spot)?;
            Ok(self.told)
        })
    }

    /// Reads one record and answers where it ends.
    #[inline]
    fn record(&mut self, page: Page<'_>, spot: &Spot<'_>) -> Result<usize, Stop> {
        let start = spot.start;
        let shape = &self.compiled.shape;
        let text = page.text.map(|text| Source { text, start: 0 });
        let (found, rows) = (&mut self.found, &mut self.rows);
        let scanned = self
            .scanner
            .record(shape, page.bytes, text, start, found, rows);
        let read = match scanned {
            Ok(read) => read,
            Err(bad) => {
                self.rows.iter_mut().for_each(Rows::take_back);
                // Where the brackets balance the next record can still be found.
                let end = value::any(page.bytes, start).map_err(|_| bad)?;
                self.unparsable(page, spot, end, &bad.reason().to_string())?;
                return Ok(end);
            }
        };
        let end = read.end;
        let source = match text {
            Some(source) => source,
            None => match str::from_utf8(&page.bytes[start..end]) {
                Ok(text) => Source { text, start },
                Err(_) => {
                    self.unparsable(page, spot, end, "not UTF-8")?;
                    return Ok(end);
                }
            },
        };
        if page.bytes[start] != b'{' && self.wants_object() {
            self.unparsable(page, spot, end, "a record has to be an object")?;
            return Ok(end);
        }
        self.counts.records += 1;
        self.route(page, spot, source, read)?;
        Ok(end)
    }

    fn wants_object(&self) -> bool {
        self.compiled.shape.nodes[0].opens_object()
    }

    fn unparsable(
        &mut self,
        page: Page<'_>,
        spot: &Spot<'_>,
        end: usize,
        reason: &str,
    ) -> Result<(), Fault> {
        self.rows.iter_mut().for_each(Rows::take_back);
        self.counts.records += 1;
        self.counts.unparsable += 1;
        self.set_aside(page, spot, end, None, spot.pointer(), reason.to_owned())
    }

    fn set_aside(
        &mut self,
        page: Page<'_>,
        spot: &Spot<'_>,
        end: usize,
        table: Option<&Name>,
        pointer: String,
        reason: String,
    ) -> Result<(), Fault> {
        let raw = &page.bytes[spot.start..end];
        let reject = Reject {
            page: page.number,
            record: Some(spot.record),
            table,
            pointer,
            reason,
            raw: &raw[..raw.len().min(self.sizes.reject_bytes)],
            raw_bytes: raw.len() as u64,
        };
        self.sinks
            .reject(&reject)
            .map_err(|error| reject_fault(&error))
    }

    /// What follows the last record before a break cannot be told into records: it is one reject.
    fn break_page(&mut self, page: Page<'_>, bad: Bad) -> Result<(), Fault> {
        self.counts.broken_pages += 1;
        self.counts.records += 1;
        self.counts.unparsable += 1;
        let raw = &page.bytes[self.told.min(page.bytes.len())..];
        let reject = Reject {
            page: page.number,
            record: None,
            table: None,
            pointer: String::new(),
            reason: format!("{} (byte {})", bad.reason(), bad.place()),
            raw: &raw[..raw.len().min(self.sizes.reject_bytes)],
            raw_bytes: raw.len() as u64,
        };
        self.sinks
            .reject(&reject)
            .map_err(|error| reject_fault(&error))
    }

    /// Sends a record to the tables that take it.
    fn route(
        &mut self,
        page: Page<'_>,
        spot: &Spot<'_>,
        source: Source<'_>,
        read: Read,
    ) -> Result<(), Fault> {
        let compiled = self.compiled;
        let mut taken = false;
        for (plan, table) in compiled.tables.iter().zip(&mut self.tables) {
            table.takes = match &plan.route {
                Route::Every => true,
                Route::Otherwise => false,
                Route::Matches(slot, test) => {
                    let slot = self.found.slot(RECORD, 0, *slot);
                    test.holds(source.compared(slot).as_deref())
                }
            };
            taken |= table.takes;
        }
        if !taken {
            for (plan, table) in compiled.tables.iter().zip(&mut self.tables) {
                table.takes = matches!(plan.route, Route::Otherwise);
                taken |= table.takes;
            }
        }
        if taken {
            self.counts.routed += 1;
            return self.type_record(page, spot, source, read);
        }
        if compiled.ignores_unrouted {
            self.counts.ignored += 1;
            return Ok(());
        }
        self.counts.unrouted += 1;
        let reason = self.unrouted_reason(source);
        self.set_aside(page, spot, read.end, None, spot.pointer(), reason)
    }

    fn unrouted_reason(&self, source: Source<'_>) -> String {
        let mut reason = "no table takes the record".to_owned();
        for plan in &self.compiled.tables {
            if let Route::Matches(slot, _) = &plan.route {
                let found = source.compared(self.found.slot(RECORD, 0, *slot));
                let found = found.map_or("null".to_owned(), |text| {
                    let short: String = text.chars().take(80).collect();
                    format!("`{short}`")
                });
                reason = format!("{reason}: its kind is {found}");
                break;
            }
        }
        reason
    }

    /// Makes the rows of a record in all its tables, or in none.
    fn type_record(
        &mut self,
        page: Page<'_>,
        spot: &Spot<'_>,
        source: Source<'_>,
        read: Read,
    ) -> Result<(), Fault> {
        let Read { end, is_straight } = read;
        let compiled = self.compiled;
        let limit = self.sizes.record_bytes;
        let mut failure = None;
        self.rows.iter_mut().for_each(Rows::begin);
        for (index, plan) in compiled.tables.iter().enumerate() {
            if !self.tables[index].takes {
                continue;
            }
            let rows = &mut self.rows[index];
            if let Err(failed) = rows.add(plan, &self.found, source, is_straight, limit) {
                failure = Some((index, failed));
                break;
            }
        }
        if let Some((index, failure)) = failure {
            return self.reject_record(page, spot, end, index, &failure);
        }
        for index in 0..self.tables.len() {
            if self.tables[index].takes {
                self.rows[index].keep(&compiled.tables[index]);
                self.encode_if_full(index, end - spot.start)?;
            }
        }
        Ok(())
    }

    #[cold]
    fn reject_record(
        &mut self,
        page: Page<'_>,
        spot: &Spot<'_>,
        end: usize,
        failed: usize,
        failure: &Failure,
    ) -> Result<(), Fault> {
        let compiled = self.compiled;
        let plan = &compiled.tables[failed];
        let column = failure.column.map(|column| &*plan.columns[column].name);
        let named = |reason: &str| match column {
            Some(column) => format!("{column}: {reason}"),
            None => reason.to_owned(),
        };
        let class = named(&failure.misfit.class());
        for (index, (plan, rows)) in compiled.tables.iter().zip(&mut self.rows).enumerate() {
            if !self.tables[index].takes {
                continue;
            }
            let elements = self.found.lists[usize::from(plan.list)].elements.len() as u64;
            if index == failed {
                rows.reject(&class, elements.max(1));
            } else {
                let reason = format!("with its record in {}", compiled.tables[failed].name);
                rows.reject(&reason, elements);
            }
        }
        let pointer = self.value_pointer(spot, plan, failure);
        let reason = named(&failure.misfit.to_string());
        self.set_aside(page, spot, end, Some(&plan.name), pointer, reason)
    }

    /// The JSON pointer of the value that does not fit.
    fn value_pointer(&self, spot: &Spot<'_>, plan: &Plan, failure: &Failure) -> String {
        let mut pointer = spot.pointer();
        let place = failure.column.map(|column| &plan.columns[column].place);
        if !matches!(place, Some(Place::Record(_))) {
            self.push_element(&mut pointer, plan.list, failure.element);
        }
        if let Some(column) = failure.column
            && let Place::Own(_) | Place::Record(_) = &plan.columns[column].place
            && let pipeline::table::column::Source::From(
                pipeline::table::origin::Origin::Own(path)
                | pipeline::table::origin::Origin::Record(path),
            ) = &plan.columns[column].definition.source
        {
            push_path(&mut pointer, path);
        }
        pointer
    }

    fn push_element(&self, pointer: &mut String, list: u16, element: u32) {
        if list == RECORD {
            return;
        }
        let found = &self.found.lists[usize::from(list)];
        let path = &self.compiled.shape.lists[usize::from(list)].path;
        let Some(element) = found.elements.get(element as usize) else {
            push_path(pointer, path);
            return;
        };
        self.push_element(pointer, element.parent_list, element.parent);
        push_path(pointer, path);
        push_pointer(pointer, &element.ordinal.to_string());
    }

    #[inline]
    fn encode_if_full(&mut self, index: usize, record: usize) -> Result<(), Fault> {
        if self.rows[index].is_full(&self.sizes, record) {
            return self.encode(index);
        }
        Ok(())
    }

    fn encode(&mut self, index: usize) -> Result<(), Fault> {
        let plan = &self.compiled.tables[index];
        let (rows, encoder) = (&mut self.rows[index], &mut self.tables[index].encoder);
        if rows.len() == 0 {
            return Ok(());
        }
        let sinks = &mut self.sinks;
        let emptied = encoder
            .write(rows.take(), |number| sinks.part(&plan.name, number))
            .map_err(|fault| fault.with("table", &plan.name))?;
        rows.refill(emptied.unwrap_or_else(|| row::columns(plan)));
        Ok(())
    }
}

fn reject_fault(error: &io::Error) -> Fault {
    Fault::transient(format!("a reject could not be kept: {error}"))
}

fn push_path(pointer: &mut String, path: &Path) {
    for segment in path.segments() {
        match segment {
            Segment::Key(key) => push_pointer(pointer, key),
            Segment::Index(index) => push_pointer(pointer, &index.to_string()),
        }
    }
}
