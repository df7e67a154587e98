//! A column being filled: its values in plain buffers, which can be cut back to an earlier row.

use std::borrow::Cow;

use pipeline::table::column::{Bound, ColumnDefinition, Range};
use pipeline::table::column_type::ColumnType;
use pipeline::table::time::TimeFormat;

use crate::misfit::Misfit;
use crate::number::{self, NoNumber};
use crate::time::Clock;
use crate::usual;
use json::chunk;
use json::is_json;

/// A value as it comes to its column.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token<'a> {
    Null,
    /// The content of a text.
    Text(&'a str),
    /// A number, as written.
    Number(&'a str),
    Bool(bool),
    /// A list or object, as written.
    Nested(&'a str, &'static str),
    /// Any JSON, as written, for a column of JSON.
    Raw(&'a str),
}

/// A column being filled.
#[derive(Debug)]
pub(crate) struct Column {
    kind: ColumnType,
    range: Option<Range>,
    clock: Clock,
    take: Take,
    pub values: Values,
    nulls: Nulls,
}

/// The values of all rows; where a row has none, anything.
#[derive(Debug)]
pub(crate) enum Values {
    /// The texts one after the other, and where each ends.
    Text {
        text: Vec<u8>,
        ends: Vec<i32>,
    },
    Bool(Bits),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float64(Vec<f64>),
    /// Decimals that a whole number of 64 bits cannot hold.
    Decimal(Vec<i128>),
}

/// Reads a value of the kind and layout that is usual for a column from where it begins, and adds it as a row; answers
/// where it ends. None, with nothing added, for all others: `push` knows them.
pub(crate) type Take = fn(&mut Column, &[u8], usize) -> Option<usize>;

/// How the values of a column are taken.
pub(crate) fn take_of(definition: &ColumnDefinition) -> Take {
    let begins_with_iso = matches!(definition.formats.first(), None | Some(TimeFormat::Iso));
    match definition.column_type {
        ColumnType::String => Column::take_text,
        ColumnType::Json => Column::take_json,
        ColumnType::Timestamp if begins_with_iso => Column::take_timestamp,
        ColumnType::Date if begins_with_iso => Column::take_date,
        _ if definition.range.is_some() => Column::take_word,
        ColumnType::Int64 => Column::take_whole,
        ColumnType::Int16 | ColumnType::Int32 => Column::take_narrow,
        ColumnType::Float64 => Column::take_double,
        ColumnType::Decimal {
            precision: 0..=18, ..
        } => Column::take_decimal,
        _ => Column::take_word,
    }
}

/// A growing row of bits: full words, and the one being filled.
#[derive(Debug, Default, Clone)]
pub(crate) struct Bits {
    words: Vec<u64>,
    open: u64,
    len: usize,
}

impl Bits {
    #[inline(always)]
    pub fn push(&mut self, bit: bool) {
        self.open |= u64::from(bit) << (self.len % 64);
        self.len += 1;
        if self.len.is_multiple_of(64) {
            self.words.push(std::mem::take(&mut self.open));
        }
    }

    pub fn get(&self, index: usize) -> bool {
        let word = self.words.get(index / 64).unwrap_or(&self.open);
        word >> (index % 64) & 1 == 1
    }

    fn truncate(&mut self, len: usize) {
        self.words.push(self.open);
        self.open = self.words[len / 64] & ((1 << (len % 64)) - 1);
        self.words.truncate(len / 64);
        self.len = len;
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// How many bits are not set.
    pub fn zeros(&self) -> usize {
        let ones: u32 = self.words().map(u64::count_ones).sum();
        self.len - ones as usize
    }

    /// All words, the lowest bits first.
    pub fn words(&self) -> impl Iterator<Item = u64> {
        self.words.iter().copied().chain([self.open])
    }
}

/// Which rows have no value: a bit for each row up to the last such one, so that values cost nothing here.
#[derive(Debug, Default)]
struct Nulls(Vec<u64>);

impl Nulls {
    fn set(&mut self, row: usize) {
        let word = row / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (row % 64);
    }

    fn get(&self, row: usize) -> bool {
        let word = self.0.get(row / 64);
        word.is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    fn truncate(&mut self, rows: usize) {
        self.0.truncate(rows.div_ceil(64));
        if let Some(last) = self.0.get_mut(rows / 64) {
            *last &= (1 << (rows % 64)) - 1;
        }
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }
}

impl Values {
    fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::String | ColumnType::Json => Values::Text {
                text: Vec::new(),
                ends: vec![0],
            },
            ColumnType::Bool => Values::Bool(Bits::default()),
            ColumnType::Int16 => Values::Int16(Vec::new()),
            ColumnType::Int32 | ColumnType::Date => Values::Int32(Vec::new()),
            ColumnType::Int64
            | ColumnType::Time
            | ColumnType::Timestamp
            | ColumnType::Decimal {
                precision: 0..=18, ..
            } => Values::Int64(Vec::new()),
            ColumnType::Float64 => Values::Float64(Vec::new()),
            ColumnType::Decimal { .. } => Values::Decimal(Vec::new()),
        }
    }
}

impl Column {
    pub fn new(definition: &ColumnDefinition) -> Self {
        let kind = definition.column_type;
        let clock = Clock::new(kind, &definition.formats, definition.timezone.as_ref());
        Column {
            kind,
            range: definition.range,
            clock,
            take: take_of(definition),
            values: Values::new(kind),
            nulls: Nulls::default(),
        }
    }

    /// A column of JSON text, for the members that no column takes.
    pub fn json() -> Self {
        let kind = ColumnType::Json;
        Column {
            kind,
            range: None,
            clock: Clock::new(kind, &[], None),
            take: Column::take_json,
            values: Values::new(kind),
            nulls: Nulls::default(),
        }
    }

    pub fn kind(&self) -> ColumnType {
        self.kind
    }

    pub fn rows(&self) -> usize {
        match &self.values {
            Values::Text { ends, .. } => ends.len() - 1,
            Values::Bool(bits) => bits.len(),
            Values::Int16(values) => values.len(),
            Values::Int32(values) => values.len(),
            Values::Int64(values) => values.len(),
            Values::Float64(values) => values.len(),
            Values::Decimal(values) => values.len(),
        }
    }

    /// How many rows have no value.
    pub fn nulls(&self) -> usize {
        self.nulls.count()
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.get(row)
    }

    /// A bit for each row, set where it has a value, the lowest bits first.
    pub fn valid_words(&self) -> impl Iterator<Item = u64> {
        let rows = self.rows();
        (0..rows.div_ceil(64)).map(move |number| {
            let all = match rows - 64 * number {
                rest @ 0..64 => (1 << rest) - 1,
                _ => !0,
            };
            all & !self.nulls.0.get(number).unwrap_or(&0)
        })
    }

    /// The rows that have a value.
    pub fn valid_rows(&self) -> impl Iterator<Item = usize> {
        let of_word = |(number, mut word): (usize, u64)| {
            std::iter::from_fn(move || {
                let place = word.trailing_zeros() as usize;
                word &= word.wrapping_sub(1);
                (place < 64).then_some(64 * number + place)
            })
        };
        self.valid_words().enumerate().flat_map(of_word)
    }

    /// The bytes of all texts so far.
    pub fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Text { text, .. } => text.len(),
            _ => 0,
        }
    }

    /// The bytes of the texts of the first rows.
    pub fn text_bytes_of(&self, rows: usize) -> usize {
        match &self.values {
            Values::Text { ends, .. } => ends[rows] as usize,
            _ => 0,
        }
    }

    /// The bytes of a row without its texts.
    pub fn row_bytes(&self) -> usize {
        match &self.values {
            Values::Bool(_) => 1,
            Values::Int16(_) => 2,
            Values::Int32(_) | Values::Text { .. } => 4,
            Values::Int64(_) | Values::Float64(_) => 8,
            Values::Decimal(_) => 16,
        }
    }

    /// Takes a value as it is usual.
    #[inline(always)]
    pub fn take(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        (self.take)(self, bytes, at)
    }

    fn take_text(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        self.take_copy(bytes, at, usual::copy)
    }

    fn take_json(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        self.take_copy(bytes, at, usual::copy_json)
    }

    #[inline(always)]
    fn take_copy(
        &mut self,
        bytes: &[u8],
        at: usize,
        copy: impl FnOnce(&mut Vec<u8>, &[u8], usize) -> Option<usize>,
    ) -> Option<usize> {
        let Values::Text { text, ends } = &mut self.values else {
            return None;
        };
        let end = copy(text, bytes, at);
        end.inspect(|_| ends.push(text.len() as i32))
            .or_else(|| self.take_word(bytes, at))
    }

    fn take_timestamp(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let Values::Int64(values) = &mut self.values else {
            return None;
        };
        let found = usual::moment_at(bytes, at);
        let found = found.and_then(|(moment, end)| Some((self.clock.instant(moment)?, end)));
        add(values, found).or_else(|| self.take_word(bytes, at))
    }

    fn take_date(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let Values::Int32(values) = &mut self.values else {
            return None;
        };
        add(values, usual::date_at(bytes, at)).or_else(|| self.take_word(bytes, at))
    }

    fn take_whole(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let Values::Int64(values) = &mut self.values else {
            return None;
        };
        add(values, usual::whole_at(bytes, at)).or_else(|| self.take_word(bytes, at))
    }

    /// A whole number of fewer bits.
    fn take_narrow(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let found = usual::whole_at(bytes, at);
        let taken = match &mut self.values {
            Values::Int32(values) => add(values, narrowed(found)),
            Values::Int16(values) => add(values, narrowed(found)),
            _ => None,
        };
        taken.or_else(|| self.take_word(bytes, at))
    }

    fn take_double(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let Values::Float64(values) = &mut self.values else {
            return None;
        };
        add(values, usual::double_at(bytes, at)).or_else(|| self.take_word(bytes, at))
    }

    fn take_decimal(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let (ColumnType::Decimal { precision, scale }, Values::Int64(values)) =
            (self.kind, &mut self.values)
        else {
            return None;
        };
        let found = usual::decimal_at(bytes, at, precision, scale);
        add(values, found).or_else(|| self.take_word(bytes, at))
    }

    /// Null and truth values; all that some columns take.
    #[inline(never)]
    pub fn take_word(&mut self, bytes: &[u8], at: usize) -> Option<usize> {
        let word = chunk::<4>(bytes, at)?;
        if word == b"null" {
            self.push_null();
            return Some(at + 4);
        }
        let Values::Bool(bits) = &mut self.values else {
            return None;
        };
        let (truth, end) = match word {
            b"true" => (true, at + 4),
            b"fals" if bytes.get(at + 4) == Some(&b'e') => (false, at + 5),
            _ => return None,
        };
        bits.push(truth);
        Some(end)
    }

    /// Adds a position in a list, if the column takes it as it is.
    #[inline(always)]
    pub fn push_ordinal(&mut self, ordinal: u32) -> bool {
        match (self.kind, &self.range, &mut self.values) {
            (ColumnType::Int64, None, Values::Int64(values)) => values.push(ordinal.into()),
            _ => return false,
        }
        true
    }

    /// Adds a row; on a misfit nothing is added. Answers whether there is a value.
    #[inline]
    pub fn push(&mut self, token: Token<'_>) -> Result<bool, Misfit> {
        if let Token::Null = token {
            self.push_null();
            return Ok(false);
        }
        let (kind, range) = (self.kind, &self.range);
        match (&mut self.values, kind) {
            (Values::Text { text, ends }, ColumnType::Json) => push_json(text, ends, token)?,
            (Values::Text { text, ends }, _) => push_text(text, ends, token)?,
            (Values::Bool(bits), _) => bits.push(truth(token)?),
            (Values::Int16(values), _) => values.push(whole(kind, range, token)?),
            (Values::Int32(values), ColumnType::Date) => {
                values.push(self.clock.date(text_of(kind, token)?)?);
            }
            (Values::Int32(values), _) => values.push(whole(kind, range, token)?),
            (Values::Int64(values), ColumnType::Timestamp) => {
                let text = match token {
                    Token::Number(text) if self.clock.takes_numbers() => text,
                    token => text_of(kind, token)?,
                };
                values.push(self.clock.timestamp(text)?);
            }
            (Values::Int64(values), ColumnType::Time) => {
                values.push(self.clock.time(text_of(kind, token)?)?);
            }
            (Values::Int64(values), ColumnType::Decimal { .. }) => {
                let number = decimal(kind, range, token)?;
                values.push(i64::try_from(number).map_err(|_| Misfit::Beyond(kind))?);
            }
            (Values::Int64(values), _) => values.push(whole(kind, range, token)?),
            (Values::Float64(values), _) => values.push(double(kind, range, token)?),
            (Values::Decimal(values), _) => values.push(decimal(kind, range, token)?),
        }
        Ok(true)
    }

    /// Adds a row without a value.
    #[inline]
    pub fn push_null(&mut self) {
        self.nulls.set(self.rows());
        match &mut self.values {
            Values::Text { text, ends } => ends.push(text.len() as i32),
            Values::Bool(bits) => bits.push(false),
            Values::Int16(values) => values.push(0),
            Values::Int32(values) => values.push(0),
            Values::Int64(values) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Decimal(values) => values.push(0),
        }
    }

    /// Cuts the column back to its first `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Text { text, ends } => {
                ends.truncate(rows + 1);
                text.truncate(ends[rows] as usize);
            }
            Values::Bool(bits) => bits.truncate(rows),
            Values::Int16(values) => values.truncate(rows),
            Values::Int32(values) => values.truncate(rows),
            Values::Int64(values) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Decimal(values) => values.truncate(rows),
        }
        self.nulls.truncate(rows);
    }

    /// Writes the value of a row so that equal values, and no others, have equal bytes.
    pub fn write_key(&self, row: usize, key: &mut Vec<u8>) {
        let valid = !self.nulls.get(row);
        key.push(u8::from(valid));
        if !valid {
            return;
        }
        match &self.values {
            Values::Text { text, ends } => {
                let text = &text[ends[row] as usize..ends[row + 1] as usize];
                key.extend((text.len() as u64).to_le_bytes());
                key.extend(text);
            }
            Values::Bool(bits) => key.push(u8::from(bits.get(row))),
            Values::Int16(values) => key.extend(values[row].to_le_bytes()),
            Values::Int32(values) => key.extend(values[row].to_le_bytes()),
            Values::Int64(values) => key.extend(values[row].to_le_bytes()),
            // Adding zero makes one zero of both.
            Values::Float64(values) => key.extend((values[row] + 0.0).to_le_bytes()),
            Values::Decimal(values) => key.extend(values[row].to_le_bytes()),
        }
    }

    /// Forgets all rows; the memory is kept for the next ones.
    pub fn clear(&mut self) {
        self.truncate(0);
    }
}

/// Adds a value if there is one, and answers where it ends.
#[inline(always)]
fn add<T>(values: &mut Vec<T>, found: Option<(T, usize)>) -> Option<usize> {
    let (value, end) = found?;
    values.push(value);
    Some(end)
}

/// A number of fewer bits, if it has room there.
fn narrowed<T: TryFrom<i64>>(found: Option<(i64, usize)>) -> Option<(T, usize)> {
    let (number, end) = found?;
    Some((number.try_into().ok()?, end))
}

fn found(kind: ColumnType, token: Token<'_>) -> Misfit {
    let found = match token {
        Token::Null => "null",
        Token::Text(_) => "text",
        Token::Number(_) => "a number",
        Token::Bool(_) => "a truth value",
        Token::Nested(_, found) => found,
        Token::Raw(raw) => pipeline::table::function::kind_of(raw),
    };
    Misfit::Found(found, kind)
}

fn text_of(kind: ColumnType, token: Token<'_>) -> Result<&str, Misfit> {
    match token {
        Token::Text(text) => Ok(text),
        token => Err(found(kind, token)),
    }
}

#[inline]
fn push_text(text: &mut Vec<u8>, ends: &mut Vec<i32>, token: Token<'_>) -> Result<(), Misfit> {
    match token {
        Token::Text(value) => text.extend_from_slice(value.as_bytes()),
        Token::Number(number) if number::is_number(number, false) => {
            text.extend_from_slice(number.as_bytes());
        }
        Token::Number(_) => return Err(Misfit::BadJson),
        Token::Bool(value) => text.extend_from_slice(if value { b"true" } else { b"false" }),
        token => return Err(found(ColumnType::String, token)),
    }
    ends.push(text.len() as i32);
    Ok(())
}

fn push_json(text: &mut Vec<u8>, ends: &mut Vec<i32>, token: Token<'_>) -> Result<(), Misfit> {
    let raw: Cow<'_, str> = match token {
        Token::Raw(raw) | Token::Nested(raw, _) | Token::Number(raw) => {
            if !is_json(raw) {
                return Err(Misfit::BadJson);
            }
            raw.into()
        }
        Token::Bool(value) => if value { "true" } else { "false" }.into(),
        Token::Text(value) => serde_json::Value::from(value).to_string().into(),
        Token::Null => "null".into(),
    };
    text.extend_from_slice(raw.as_bytes());
    ends.push(text.len() as i32);
    Ok(())
}

fn truth(token: Token<'_>) -> Result<bool, Misfit> {
    match token {
        Token::Bool(value) => Ok(value),
        Token::Text("true") => Ok(true),
        Token::Text("false") => Ok(false),
        Token::Text(_) => Err(Misfit::Not(ColumnType::Bool)),
        token => Err(found(ColumnType::Bool, token)),
    }
}

/// The characters of a number, and whether leading zeros are allowed.
#[inline]
fn number_of(kind: ColumnType, token: Token<'_>) -> Result<(&str, bool), Misfit> {
    match token {
        Token::Number(number) => Ok((number, false)),
        Token::Text(text) => Ok((text, true)),
        token => Err(found(kind, token)),
    }
}

fn misfit(kind: ColumnType) -> impl Fn(NoNumber) -> Misfit {
    move |reason| match reason {
        NoNumber::Malformed => Misfit::Not(kind),
        NoNumber::Beyond => Misfit::Beyond(kind),
    }
}

#[inline]
fn whole<T: TryFrom<i64>>(
    kind: ColumnType,
    range: &Option<Range>,
    token: Token<'_>,
) -> Result<T, Misfit> {
    let (text, leading_zeros) = number_of(kind, token)?;
    let number = number::whole(text, leading_zeros).map_err(misfit(kind))?;
    within(range, |bound| match bound {
        Bound::Whole(bound) => number.partial_cmp(&bound),
        Bound::Fraction(bound) => (number as f64).partial_cmp(&bound),
    })?;
    T::try_from(number).map_err(|_| Misfit::Beyond(kind))
}

fn double(kind: ColumnType, range: &Option<Range>, token: Token<'_>) -> Result<f64, Misfit> {
    let (text, leading_zeros) = number_of(kind, token)?;
    let number = number::double(text, leading_zeros).map_err(misfit(kind))?;
    within(range, |bound| number.partial_cmp(&bound.as_f64()))?;
    Ok(number)
}

fn decimal(kind: ColumnType, range: &Option<Range>, token: Token<'_>) -> Result<i128, Misfit> {
    let ColumnType::Decimal { precision, scale } = kind else {
        return Err(Misfit::Not(kind));
    };
    let (text, leading_zeros) = number_of(kind, token)?;
    let number = number::decimal(text, precision, scale, leading_zeros).map_err(misfit(kind))?;
    let unit = 10i128.pow(u32::from(scale));
    within(range, |bound| match bound {
        Bound::Whole(bound) => match i128::from(bound).checked_mul(unit) {
            Some(bound) => number.partial_cmp(&bound),
            None => 0.partial_cmp(&bound),
        },
        Bound::Fraction(bound) => (number as f64 / unit as f64).partial_cmp(&bound),
    })?;
    Ok(number)
}

#[inline]
fn within(
    range: &Option<Range>,
    compare: impl Fn(Bound) -> Option<std::cmp::Ordering>,
) -> Result<(), Misfit> {
    let Some(range) = range else { return Ok(()) };
    let below = range
        .smallest
        .is_some_and(|bound| compare(bound).is_none_or(std::cmp::Ordering::is_lt));
    let above = range
        .largest
        .is_some_and(|bound| compare(bound).is_none_or(std::cmp::Ordering::is_gt));
    if below || above {
        return Err(Misfit::OutOfRange);
    }
    Ok(())
}
