//! One value at one place of a record: of its column's type, written as its formats say, within its bounds.

use jiff::civil::{Date, date};
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use pipeline::bookmark::Order;
use pipeline::path::{Path, Segment};
use pipeline::table::column::{Bound, ColumnDefinition};
use pipeline::table::column_type::ColumnType;
use pipeline::table::function::Function;
use pipeline::table::time::{TimeFormat, Timezone};
use serde_json::{Map, Value, json};

use super::shape::Leaf;
use crate::draw::Draw;
use crate::words;

/// The day from which times are counted where the request names none.
const FIRST_DAY: Date = date(2026, 1, 1);

/// What a value hangs on.
pub(super) struct At<'a> {
    /// The number that no other record of this kind has.
    pub(super) serial: u64,
    /// The day that the record is of.
    pub(super) day: Option<Date>,
    pub(super) path: &'a Path,
}

/// A value for this place, or none for null.
pub(super) fn value(leaf: &Leaf, at: &At<'_>, draw: &mut Draw) -> Value {
    let Some(column) = leaf.columns.iter().min_by_key(|column| strictness(column)) else {
        return plain(leaf, at, draw);
    };
    if !leaf.is_unique && !leaf.is_needed && draw.percent(10) {
        return Value::Null;
    }
    wrapped(column, inner(leaf, column, at, draw))
}

/// Which of several columns that read one place decides.
fn strictness(column: &ColumnDefinition) -> u8 {
    let is_nested = column.apply.iter().any(|function| {
        matches!(
            function.value,
            Function::At(_) | Function::First | Function::Last | Function::Join(_)
        )
    });
    if is_nested {
        return 0;
    }
    match column.column_type {
        ColumnType::Date | ColumnType::Time | ColumnType::Timestamp => 1,
        ColumnType::Bool => 2,
        ColumnType::Int16 => 3,
        ColumnType::Int32 => 4,
        ColumnType::Int64 => 5,
        ColumnType::Decimal { .. } => 6,
        ColumnType::Float64 => 7,
        ColumnType::String => 8,
        ColumnType::Json => 9,
    }
}

/// Where no column says of what type it is, its name does.
fn plain(leaf: &Leaf, at: &At<'_>, draw: &mut Draw) -> Value {
    let name = at.path.to_string();
    match leaf.order {
        Some(Order::Time) => return moment(at).to_string().into(),
        Some(Order::Number) => return at.serial.into(),
        Some(Order::Text) => return format!("{:012}", at.serial).into(),
        None => {}
    }
    match name.as_str() {
        "$.name" => words::place(draw.below(words::PLACES)).into(),
        "$.amount" => number(&format!("{}.{:02}", draw.below(1000), draw.below(100))),
        "$.changed_at" => moment(at).to_string().into(),
        "$.note" if draw.percent(30) => Value::Null,
        "$.note" => words::sentence(draw).into(),
        _ => at.serial.into(),
    }
}

fn inner(leaf: &Leaf, column: &ColumnDefinition, at: &At<'_>, draw: &mut Draw) -> Value {
    if !leaf.accepted.is_empty() {
        return typed(
            &leaf.accepted[draw.below(leaf.accepted.len())],
            column.column_type,
        );
    }
    if let (false, Some(key)) = (leaf.is_unique, mapped(column, draw)) {
        return key.into();
    }
    let is_unique = leaf.is_unique;
    match column.column_type {
        ColumnType::Bool => draw.percent(50).into(),
        ColumnType::Int16 | ColumnType::Int32 | ColumnType::Int64 => whole(leaf, column, at, draw),
        ColumnType::Float64 => fraction(leaf, column, (9, 3), at, draw),
        ColumnType::Decimal { precision, scale } => {
            fraction(leaf, column, (precision - scale, scale.min(4)), at, draw)
        }
        ColumnType::Date | ColumnType::Time | ColumnType::Timestamp => {
            time(column, is_unique, at, draw)
        }
        ColumnType::Json => {
            json!({"id": at.serial, "name": words::place(draw.below(words::PLACES))})
        }
        ColumnType::String if is_unique => unique_text(leaf, at),
        ColumnType::String => text(at.path, draw).into(),
    }
}

/// A key of the column's `map` that becomes something of its type.
fn mapped(column: &ColumnDefinition, draw: &mut Draw) -> Option<String> {
    let maps = column
        .apply
        .iter()
        .filter_map(|function| match &function.value {
            Function::Map(pairs) => Some(pairs),
            _ => None,
        });
    let fits = |text: &str| match column.column_type {
        ColumnType::Bool => matches!(text, "true" | "false"),
        ColumnType::String => true,
        _ => false,
    };
    let pairs = maps.flatten();
    let good = pairs.filter(|(_, to)| to.as_ref().is_some_and(|to| fits(&to.0)));
    let keys: Vec<&str> = good.map(|(key, _)| key.as_str()).collect();
    (!keys.is_empty() && draw.percent(50)).then(|| draw.pick(&keys).to_owned())
}

fn unique_text(leaf: &Leaf, at: &At<'_>) -> Value {
    match leaf.order {
        Some(Order::Time) => moment(at).to_string().into(),
        Some(Order::Number) => at.serial.to_string().into(),
        Some(Order::Text) | None => format!("{:06}", at.serial).into(),
    }
}

/// A text that its place's name suggests.
fn text(path: &Path, draw: &mut Draw) -> String {
    let name = path.to_string().to_lowercase();
    let n = draw.below(words::PLACES);
    let place = words::place(n);
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    match () {
        () if has(&["mail"]) => format!("{}@mail.example", place.to_lowercase()),
        () if has(&["url", "link", "href"]) => {
            format!("https://www.example/{}", place.to_lowercase())
        }
        () if has(&["description", "note", "comment", "text"]) => words::sentence(draw),
        () if has(&["phone", "telephone"]) => format!("+44 20 7946 {n:04}"),
        () => place,
    }
}

fn whole(leaf: &Leaf, column: &ColumnDefinition, at: &At<'_>, draw: &mut Draw) -> Value {
    let of_type = match column.column_type {
        ColumnType::Int16 => i64::from(i16::MAX),
        ColumnType::Int32 => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    let (smallest, largest) = bounds(leaf, column);
    let first = smallest.map_or(0, |bound| bound.ceil() as i64);
    let last = largest
        .map_or(of_type, |bound| bound.floor() as i64)
        .max(first);
    if leaf.is_unique {
        let room = u64::try_from(last.saturating_sub(first))
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        return first
            .saturating_add_unsigned(at.serial % room.max(1))
            .into();
    }
    let room = usize::try_from(last.saturating_sub(first).saturating_add(1).clamp(1, 1000))
        .unwrap_or(1000);
    first.saturating_add(draw.below(room) as i64).into()
}

/// `digits` are those before the point and those after it.
fn fraction(
    leaf: &Leaf,
    column: &ColumnDefinition,
    (digits, scale): (u8, u8),
    at: &At<'_>,
    draw: &mut Draw,
) -> Value {
    let (smallest, largest) = bounds(leaf, column);
    let most = 10f64.powi(i32::from(digits.min(6))) - 1.0;
    let first = smallest.unwrap_or(0.0);
    let last = largest
        .unwrap_or(first.max(0.0) + most.min(1000.0))
        .min(most)
        .max(first);
    let share = match leaf.is_unique {
        true => return number(&at.serial.to_string()),
        false => draw.below(1_000_000) as f64 / 1e6,
    };
    let steps = 10f64.powi(i32::from(scale));
    let (low, high) = ((first * steps).ceil(), (last * steps).floor());
    let drawn = (low + share * (high - low))
        .round()
        .clamp(low, high.max(low))
        / steps;
    number(&format!("{drawn:.*}", usize::from(scale)))
}

/// The smallest and the largest number that column and checks let pass.
fn bounds(leaf: &Leaf, column: &ColumnDefinition) -> (Option<f64>, Option<f64>) {
    let of_column = |bound: Option<Bound>| bound.map(Bound::as_f64);
    let range = column.range;
    let of_column = range.map_or((None, None), |range| {
        (of_column(range.smallest), of_column(range.largest))
    });
    let (smallest, largest) = (of_column.0.or(leaf.within.0), of_column.1.or(leaf.within.1));
    // Where only the largest is known and lies below zero, zero is no place to begin.
    let below = largest.filter(|largest| *largest < 0.0);
    (smallest.or(below.map(|largest| largest - 1000.0)), largest)
}

/// The number that a text is, as written as may be.
fn number(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// A constant of a definition as a value of this type.
pub(super) fn typed(text: &str, column_type: ColumnType) -> Value {
    let value = match column_type {
        ColumnType::String | ColumnType::Date | ColumnType::Time | ColumnType::Timestamp => None,
        _ => serde_json::from_str(text).ok(),
    };
    value.unwrap_or_else(|| text.into())
}

/// The moment of the record: one minute after that of the record before.
fn moment(at: &At<'_>) -> Timestamp {
    let day = at.day.unwrap_or(FIRST_DAY);
    let minutes = i64::try_from(at.serial % 5_000_000).unwrap_or_default();
    let start = day.at(0, 0, 0, 0).to_zoned(TimeZone::UTC);
    let start = start.map_or(Timestamp::UNIX_EPOCH, |start| start.timestamp());
    start.checked_add((minutes * 60).seconds()).unwrap_or(start)
}

/// A time between noon and nine at the same day, when clocks are turned nowhere; of a key a minute of its own.
fn time(column: &ColumnDefinition, is_unique: bool, at: &At<'_>, draw: &mut Draw) -> Value {
    let moment = match is_unique {
        true => moment(at),
        false => {
            let day = at
                .day
                .unwrap_or(FIRST_DAY)
                .at(12, 0, 0, 0)
                .to_zoned(TimeZone::UTC);
            let noon = day.map_or(Timestamp::UNIX_EPOCH, |day| day.timestamp());
            let seconds = i64::try_from(draw.below(9 * 3600)).unwrap_or_default();
            noon.checked_add(seconds.seconds()).unwrap_or(noon)
        }
    };
    let moment = match (is_unique, column.column_type) {
        (true, ColumnType::Date) => days_on(at),
        _ => moment,
    };
    let zoned = moment.to_zoned(TimeZone::UTC);
    match column.formats.first().unwrap_or(&TimeFormat::Iso) {
        TimeFormat::UnixSeconds => moment.as_second().into(),
        TimeFormat::UnixMilliseconds => moment.as_millisecond().into(),
        TimeFormat::Pattern(pattern) => strtime::format(pattern, &zoned).unwrap_or_default().into(),
        TimeFormat::Iso => iso(column, &zoned).into(),
    }
}

fn days_on(at: &At<'_>) -> Timestamp {
    let days = i64::try_from(at.serial % 100_000).unwrap_or_default();
    let first = FIRST_DAY.at(12, 0, 0, 0).to_zoned(TimeZone::UTC);
    let first = first.map_or(Timestamp::UNIX_EPOCH, |first| first.timestamp());
    first.checked_add((days * 24).hours()).unwrap_or(first)
}

fn iso(column: &ColumnDefinition, zoned: &Zoned) -> String {
    match (column.column_type, &column.timezone) {
        (ColumnType::Date, _) => zoned.date().to_string(),
        (ColumnType::Time, _) => zoned.time().to_string(),
        (_, Some(Timezone::None)) => zoned.datetime().to_string(),
        _ => zoned.timestamp().to_string(),
    }
}

/// What the column's functions on lists and objects make the value of.
fn wrapped(column: &ColumnDefinition, value: Value) -> Value {
    column
        .apply
        .iter()
        .rev()
        .fold(value, |value, function| match &function.value {
            Function::First | Function::Last | Function::Join(_) => json!([value]),
            Function::At(path) => {
                let mut whole = Value::Null;
                put(&mut whole, path, value);
                whole
            }
            _ => value,
        })
}

/// Puts a value at a place; objects and lists on the way are made, and what is neither gives way.
pub(super) fn put(whole: &mut Value, path: &Path, value: Value) {
    let mut place = whole;
    for segment in path.segments() {
        place = match segment {
            Segment::Key(key) => {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                match place {
                    Value::Object(members) => members.entry(key.clone()).or_insert(Value::Null),
                    _ => return,
                }
            }
            Segment::Index(index) => {
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                match place {
                    Value::Array(items) => {
                        let length = items.len().max(index + 1);
                        items.resize(length, Value::Null);
                        &mut items[*index]
                    }
                    _ => return,
                }
            }
        };
    }
    *place = value;
}
