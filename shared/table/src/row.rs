//! The rows that one record makes in one table: all of them or none.

use std::borrow::Cow;
use std::collections::HashSet;

use pipeline::balance::RowCounts;
use pipeline::fault::Fault;
use pipeline::table::column_type::ColumnType;
use pipeline::table::function::{Value, kind_of};
use pipeline::template::Unfilled;

use crate::Sizes;
use crate::column::{Column, Token};
use crate::compile::{ColumnPlan, Place, Plan, Way};
use crate::found::{Element, Found, Kind, Slot};
use crate::misfit::Misfit;
use crate::shape::Target;
use json::is_json;
use json::unescape;

/// The rows of one table that are not yet encoded.
#[derive(Debug)]
pub(crate) struct Rows {
    /// The columns, and behind them the one of the members that no column takes.
    columns: Vec<Column>,
    rows: usize,
    row_bytes: usize,
    /// About how many bytes came since the texts were added up.
    unweighed: usize,
    pub counts: RowCounts,
    keys: HashSet<Box<[u8]>>,
    record: OfRecord,
    scratch: String,
    texts: Vec<Option<String>>,
    /// What the page in hand tells, by column.
    told: Vec<Option<String>>,
}

/// Texts are added up whenever so many bytes of records came.
const WEIGHED_EVERY: usize = 64 << 10;

/// What the record in hand has added so far.
#[derive(Debug, Default)]
struct OfRecord {
    first_row: usize,
    parsed: u64,
    filtered: Vec<usize>,
    duplicates: u64,
    keys: Vec<Box<[u8]>>,
    nulled: Vec<usize>,
    unmatched: Vec<usize>,
}

/// Why a record makes no rows.
#[derive(Debug)]
pub(crate) struct Failure {
    pub element: u32,
    /// The column, none where the rows as a whole are the trouble.
    pub column: Option<usize>,
    pub misfit: Misfit,
}

/// The text that slots point into: the page, or one record of a page that is not all text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'p> {
    pub text: &'p str,
    pub start: usize,
}

impl<'p> Source<'p> {
    fn cut(&self, start: usize, end: usize) -> Result<&'p str, Misfit> {
        let start = start.checked_sub(self.start);
        let part = start.and_then(|start| self.text.get(start..end - self.start));
        part.ok_or(Misfit::BadJson)
    }

    fn raw(&self, slot: Slot) -> Result<&'p str, Misfit> {
        self.cut(slot.start(), slot.end())
    }

    fn inner(&self, slot: Slot) -> Result<&'p str, Misfit> {
        self.cut(slot.start() + 1, slot.end() - 1)
    }

    /// Adds a row if the value is of the kind and layout that is usual for its column.
    #[inline(always)]
    fn push_usual(&self, slot: Slot, column: &mut Column) -> bool {
        match slot.kind() {
            Kind::Absent | Kind::Null => {
                column.push_null();
                true
            }
            Kind::Blocked => false,
            _ => {
                let start = slot.start().checked_sub(self.start);
                start.is_some_and(|start| column.take(self.text.as_bytes(), start).is_some())
            }
        }
    }

    /// The text of a plain value, as conditions compare it; none for null.
    pub fn compared(&self, slot: Slot) -> Option<Cow<'p, str>> {
        match slot.kind() {
            Kind::Absent | Kind::Null | Kind::Blocked => None,
            Kind::Text => self.inner(slot).ok().map(Cow::Borrowed),
            Kind::Escaped => self.inner(slot).ok().and_then(unescape).map(Cow::Owned),
            _ => self.raw(slot).ok().map(Cow::Borrowed),
        }
    }

    fn token<'s>(
        &'s self,
        slot: Slot,
        kind: ColumnType,
        scratch: &'s mut String,
    ) -> Result<Token<'s>, Misfit> {
        Ok(match slot.kind() {
            Kind::Absent | Kind::Null => Token::Null,
            Kind::Blocked => return Err(Misfit::Blocked),
            _ if kind == ColumnType::Json => Token::Raw(self.raw(slot)?),
            Kind::Text => Token::Text(self.inner(slot)?),
            Kind::Number => Token::Number(self.raw(slot)?),
            Kind::True => Token::Bool(true),
            Kind::False => Token::Bool(false),
            Kind::Escaped => {
                *scratch = unescaped(self.inner(slot)?)?;
                Token::Text(scratch)
            }
            Kind::List => Token::Nested(self.raw(slot)?, "a list"),
            Kind::Object => Token::Nested(self.raw(slot)?, "an object"),
        })
    }

    fn value(&self, slot: Slot) -> Result<Value<'p>, Misfit> {
        Ok(match slot.kind() {
            Kind::Absent | Kind::Null => Value::Null,
            Kind::Blocked => return Err(Misfit::Blocked),
            Kind::Text => Value::Text(Cow::Borrowed(self.inner(slot)?)),
            Kind::Escaped => Value::Text(Cow::Owned(unescaped(self.inner(slot)?)?)),
            Kind::True | Kind::False | Kind::Number => {
                Value::Literal(Cow::Borrowed(valid(self.raw(slot)?)?))
            }
            Kind::List | Kind::Object => Value::Nested(Cow::Borrowed(valid(self.raw(slot)?)?)),
        })
    }
}

/// The text behind escapes, which alone can hide a NUL: no database takes one.
fn unescaped(escaped: &str) -> Result<String, Misfit> {
    let text = unescape(escaped).ok_or(Misfit::BadEscape)?;
    if text.contains('\0') {
        return Err(Misfit::NulCharacter);
    }
    Ok(text)
}

fn valid(raw: &str) -> Result<&str, Misfit> {
    is_json(raw).then_some(raw).ok_or(Misfit::BadJson)
}

impl Rows {
    pub fn new(plan: &Plan) -> Self {
        let columns = columns(plan);
        Rows {
            row_bytes: columns.iter().map(Column::row_bytes).sum(),
            texts: vec![None; plan.columns.len()],
            told: vec![None; plan.columns.len()],
            columns,
            rows: 0,
            unweighed: 0,
            counts: RowCounts::default(),
            keys: HashSet::new(),
            record: OfRecord::default(),
            scratch: String::new(),
        }
    }

    /// Takes what the coming pages tell.
    pub fn tell(
        &mut self,
        plan: &Plan,
        value: &impl Fn(&str) -> Option<String>,
    ) -> Result<(), Fault> {
        for (column, told) in plan.columns.iter().zip(&mut self.told) {
            if let Place::Page(template) = &column.place {
                let filled = template.fill(value);
                let unknown = |error: Unfilled| Fault::bad_definition(error.to_string());
                *told = Some(filled.map_err(unknown)?);
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    /// About how many bytes the rows take.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.columns.iter().map(Column::text_bytes).sum();
        texts + self.rows * self.row_bytes
    }

    /// About how many bytes the rows before the record in hand take.
    fn bytes_before(&self) -> usize {
        let texts = self.columns.iter();
        let texts: usize = texts.map(|column| column.text_bytes_of(self.rows)).sum();
        texts + self.rows * self.row_bytes
    }

    /// Whether they are to be encoded. Texts are added up only now and then: a record that could matter is seen by
    /// its own length.
    #[inline]
    pub fn is_full(&mut self, sizes: &Sizes, record: usize) -> bool {
        self.unweighed += record + 64;
        if self.unweighed < WEIGHED_EVERY.min(sizes.row_group_bytes) {
            return false;
        }
        self.unweighed = 0;
        self.bytes() >= sizes.row_group_bytes
    }

    /// Marks where the rows of the next record begin.
    pub fn begin(&mut self) {
        self.record.first_row = self.rows;
    }

    /// The column that a value goes straight into.
    #[inline(always)]
    pub fn column(&mut self, target: Target) -> &mut Column {
        &mut self.columns[usize::from(target.column)]
    }

    /// Puts a value straight into its column, of whatever kind and layout. Answers whether it fits.
    pub fn push_straight(&mut self, target: Target, source: Source<'_>, slot: Slot) -> bool {
        let column = &mut self.columns[usize::from(target.column)];
        if source.push_usual(slot, column) {
            return true;
        }
        let token = source.token(slot, column.kind(), &mut self.scratch);
        token.and_then(|token| column.push(token)).is_ok()
    }

    /// Forgets all rows; the memory is kept for the next ones.
    pub fn forget(&mut self) {
        self.truncate(0);
    }

    /// Takes back what went straight into columns.
    pub fn take_back(&mut self) {
        self.truncate(self.rows);
    }

    /// Adds the rows of a record, of which all that goes straight into a column is there already, or nothing;
    /// `keep` or `reject` has to follow.
    pub fn add(
        &mut self,
        plan: &Plan,
        found: &Found,
        source: Source<'_>,
        is_straight: bool,
        limit: usize,
    ) -> Result<(), Failure> {
        let columns = if is_straight { &plan.others } else { &plan.all };
        let list = &found.lists[usize::from(plan.list)];
        if list.blocked.is_some() {
            return Err(Failure {
                element: 0,
                column: None,
                misfit: Misfit::Blocked,
            });
        }
        let before = match list.elements.len() {
            0..64 => 0,
            _ => self.bytes_before(),
        };
        for (number, element) in list.elements.iter().enumerate() {
            self.record.parsed += 1;
            self.add_row(plan, columns, found, source, number as u32, *element)?;
            // Many elements may each repeat a long text of their record.
            if number % 64 == 63 && self.bytes() - before > limit {
                return Err(Failure {
                    element: number as u32,
                    column: None,
                    misfit: Misfit::TooLarge,
                });
            }
        }
        Ok(())
    }

    #[inline]
    fn add_row(
        &mut self,
        plan: &Plan,
        columns: &[u16],
        found: &Found,
        source: Source<'_>,
        number: u32,
        element: Element,
    ) -> Result<(), Failure> {
        let nulled = self.record.nulled.len();
        let unmatched = self.record.unmatched.len();
        let own = found.slots_of(element);
        for index in columns {
            let index = usize::from(*index);
            // Nearly all values are of the usual kind and layout.
            let column = &mut self.columns[index];
            let slot = match plan.ways[index] {
                Way::Own(slot) => Some(own[usize::from(slot)]),
                Way::Outer => slot(plan, &plan.columns[index].place, found, number, element),
                Way::Ordinal if column.push_ordinal(element.ordinal) => continue,
                Way::Ordinal | Way::Worked => None,
            };
            if let Some(slot) = slot
                && source.push_usual(slot, column)
            {
                continue;
            }
            let column = &plan.columns[index];
            let pushed = if column.is_plain {
                self.push_plain(index, plan, column, found, source, number, element)
            } else {
                self.push_worked(index, plan, found, source, number, element)
            };
            let misfit = match pushed {
                Ok(true) => continue,
                Ok(false) if !column.required => continue,
                Ok(false) => Misfit::Missing,
                Err(_) if column.nulls_errors => {
                    self.columns[index].push_null();
                    self.record.nulled.push(index);
                    continue;
                }
                Err(misfit) => misfit,
            };
            return Err(Failure {
                element: number,
                column: Some(index),
                misfit,
            });
        }
        self.push_extra(plan, found, source, number)?;
        self.rows += 1;
        if !self.is_kept(plan) {
            self.truncate(self.rows - 1);
            self.record.nulled.truncate(nulled);
            self.record.unmatched.truncate(unmatched);
        }
        Ok(())
    }

    #[inline]
    #[allow(clippy::too_many_arguments)]
    fn push_plain(
        &mut self,
        index: usize,
        plan: &Plan,
        column: &ColumnPlan,
        found: &Found,
        source: Source<'_>,
        number: u32,
        element: Element,
    ) -> Result<bool, Misfit> {
        let target = &mut self.columns[index];
        let Some(slot) = slot(plan, &column.place, found, number, element) else {
            let ordinal = element.ordinal.to_string();
            return target.push(Token::Number(&ordinal));
        };
        let token = source.token(slot, target.kind(), &mut self.scratch)?;
        target.push(token)
    }

    /// A value that passes through functions, or that others look at.
    fn push_worked(
        &mut self,
        index: usize,
        plan: &Plan,
        found: &Found,
        source: Source<'_>,
        number: u32,
        element: Element,
    ) -> Result<bool, Misfit> {
        self.texts[index] = None;
        let column = &plan.columns[index];
        let mut value = self.start_value(index, plan, found, source, number, element)?;
        for function in &column.definition.apply {
            let texts = &self.texts;
            let other = |name: &str| {
                let position = plan.columns.iter().position(|column| &*column.name == name);
                position.and_then(|position| texts[position].clone())
            };
            value = function
                .apply(value, other)
                .map_err(|reason| Misfit::Function(function.name(), reason))?;
        }
        let token = match &value {
            Value::Null => Token::Null,
            Value::Text(text) if text.contains('\0') => return Err(Misfit::NulCharacter),
            Value::Text(text) => Token::Text(text),
            Value::Literal(text) if *text == "true" => Token::Bool(true),
            Value::Literal(text) if *text == "false" => Token::Bool(false),
            Value::Literal(text) => Token::Number(text),
            Value::Nested(raw) => Token::Nested(raw, kind_of(raw)),
        };
        let pushed = self.columns[index].push(token)?;
        if column.is_looked_at {
            self.texts[index] = value.as_text().map(str::to_owned);
        }
        Ok(pushed)
    }

    fn start_value<'p>(
        &mut self,
        index: usize,
        plan: &'p Plan,
        found: &Found,
        source: Source<'p>,
        number: u32,
        element: Element,
    ) -> Result<Value<'p>, Misfit> {
        match &plan.columns[index].place {
            Place::Constant(text) => Ok(Value::Text(Cow::Borrowed(text))),
            Place::Page(_) => Ok(match self.told.get(index) {
                Some(Some(text)) => Value::Text(Cow::Owned(text.clone())),
                _ => Value::Null,
            }),
            Place::Lookup {
                index: rows,
                columns,
            } => {
                let texts: Option<Vec<&str>> = columns
                    .iter()
                    .map(|column| self.texts[*column].as_deref())
                    .collect();
                // Null matches nothing, and is no failed match either.
                let Some(texts) = texts else {
                    return Ok(Value::Null);
                };
                match rows.find(&texts) {
                    Some(text) => Ok(text.map_or(Value::Null, |text| Value::Text(text.into()))),
                    None => {
                        self.record.unmatched.push(index);
                        Ok(Value::Null)
                    }
                }
            }
            place => match slot(plan, place, found, number, element) {
                Some(slot) => source.value(slot),
                None => Ok(Value::Literal(element.ordinal.to_string().into())),
            },
        }
    }

    fn push_extra(
        &mut self,
        plan: &Plan,
        found: &Found,
        source: Source<'_>,
        number: u32,
    ) -> Result<(), Failure> {
        let (Some(extra), Some(column)) = (&plan.extra, self.columns.last_mut()) else {
            return Ok(());
        };
        let mut object = String::new();
        for noted in &found.members {
            let taken = |member: u16| extra.taken.get(usize::from(member)) == Some(&true);
            let is_other = noted.list != plan.list || noted.element != number;
            if is_other || noted.member.is_some_and(taken) {
                continue;
            }
            object.push(if object.is_empty() { '{' } else { ',' });
            let raw = source.cut(noted.start as usize, noted.end as usize);
            object.push_str(raw.unwrap_or_default());
        }
        if object.is_empty() {
            column.push_null();
            return Ok(());
        }
        object.push('}');
        let pushed = column.push(Token::Raw(&object));
        pushed.map(|_| ()).map_err(|misfit| Failure {
            element: number,
            column: None,
            misfit,
        })
    }

    /// Whether the newest row stays: no filter and no earlier row with its key says otherwise.
    #[inline]
    fn is_kept(&mut self, plan: &Plan) -> bool {
        let dropping = plan.filters.iter().position(|filter| {
            let text = self.texts[filter.column].as_deref();
            filter.test.holds(text)
        });
        if let Some(filter) = dropping {
            self.record.filtered.push(filter);
            return false;
        }
        !plan.keeps_first || self.is_first_of_key(plan)
    }

    fn is_first_of_key(&mut self, plan: &Plan) -> bool {
        let mut key = Vec::new();
        for column in &plan.key {
            self.columns[*column].write_key(self.rows - 1, &mut key);
        }
        let key = key.into_boxed_slice();
        let is_first = self.keys.insert(key.clone());
        if is_first {
            self.record.keys.push(key);
        } else {
            self.record.duplicates += 1;
        }
        is_first
    }

    fn truncate(&mut self, rows: usize) {
        for column in &mut self.columns {
            column.truncate(rows);
        }
        self.rows = rows;
    }

    /// Keeps the rows of the record.
    pub fn keep(&mut self, plan: &Plan) {
        let record = &mut self.record;
        let counts = &mut self.counts;
        counts.parsed += std::mem::take(&mut record.parsed);
        counts.kept += (self.rows - record.first_row) as u64;
        counts.duplicates += std::mem::take(&mut record.duplicates);
        record.keys.clear();
        for filter in record.filtered.drain(..) {
            count(&mut counts.filtered, &plan.filters[filter].name);
        }
        for column in record.nulled.drain(..) {
            count(&mut counts.nulled, &plan.columns[column].name);
        }
        for column in record.unmatched.drain(..) {
            count(&mut counts.unmatched, &plan.columns[column].name);
        }
    }

    /// Takes the rows of the record back, all `elements` of them rejected for a reason.
    pub fn reject(&mut self, reason: &str, elements: u64) {
        let record = std::mem::take(&mut self.record);
        self.truncate(record.first_row);
        for key in &record.keys {
            self.keys.remove(key);
        }
        self.counts.parsed += elements;
        *self.counts.rejected.entry(reason.to_owned()).or_default() += elements;
    }

    /// The filled columns; `refill` has to follow.
    pub fn take(&mut self) -> Vec<Column> {
        self.rows = 0;
        std::mem::take(&mut self.columns)
    }

    /// Goes on with empty columns.
    pub fn refill(&mut self, empty: Vec<Column>) {
        self.columns = empty;
    }
}

/// The empty columns of a table.
pub(crate) fn columns(plan: &Plan) -> Vec<Column> {
    let declared = plan.columns.iter();
    let declared = declared.map(|column| Column::new(&column.definition));
    declared
        .chain(plan.extra.as_ref().map(|_| Column::json()))
        .collect()
}

fn count(counts: &mut indexmap::IndexMap<String, u64>, name: &str) {
    match counts.get_mut(name) {
        Some(count) => *count += 1,
        None => {
            counts.insert(name.to_owned(), 1);
        }
    }
}

/// The slot of a place; none for the ordinal.
#[inline(always)]
fn slot(plan: &Plan, place: &Place, found: &Found, number: u32, element: Element) -> Option<Slot> {
    match place {
        Place::Own(slot) => Some(found.slot(plan.list, number, *slot)),
        Place::Record(slot) => Some(found.slot(crate::shape::RECORD, 0, *slot)),
        Place::Parent { outer, tree } => {
            let slot = match tree {
                Some(slot) if element.parent_list == plan.list => slot,
                _ => outer,
            };
            Some(found.slot(element.parent_list, element.parent, *slot))
        }
        Place::Ordinal | Place::Constant(_) | Place::Page(_) | Place::Lookup { .. } => None,
    }
}
