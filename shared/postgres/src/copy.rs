//! Parquet to the text that COPY reads: every value exactly, null and empty text apart.

use std::fmt::Write;
use std::fs::File;
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use pipeline::fault::Fault;

/// Rows a chunk of text.
const BATCH: usize = 4096;

/// The rows of a Parquet file as chunks of text, with these columns in this order.
pub(crate) struct Chunks {
    batches: ParquetRecordBatchReader,
    columns: Vec<String>,
}

impl Chunks {
    pub(crate) fn open(path: &Path, columns: Vec<String>) -> Result<Self, Fault> {
        let unreadable = |error: &dyn std::fmt::Display| {
            Fault::bad_data(format!("a part cannot be read: {error}"))
        };
        let file = File::open(path).map_err(|error| unreadable(&error))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let builder = builder.map_err(|error| unreadable(&error))?;
        let batches = builder.with_batch_size(BATCH).build();
        Ok(Chunks {
            batches: batches.map_err(|error| unreadable(&error))?,
            columns,
        })
    }
}

impl Iterator for Chunks {
    type Item = Result<Bytes, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.batches.next()?;
        let batch =
            batch.map_err(|error| Fault::bad_data(format!("a part cannot be read: {error}")));
        Some(batch.and_then(|batch| text(&batch, &self.columns)))
    }
}

/// Rows as the text format of COPY has them.
fn text(batch: &RecordBatch, columns: &[String]) -> Result<Bytes, Fault> {
    let arrays: Result<Vec<&dyn Array>, Fault> = columns
        .iter()
        .map(|name| {
            let array = batch.column_by_name(name).map(AsRef::as_ref);
            array.ok_or_else(|| Fault::bug(format!("a part has no column `{name}`")))
        })
        .collect();
    let arrays = arrays?;
    let mut out = String::new();
    for row in 0..batch.num_rows() {
        for (at, array) in arrays.iter().enumerate() {
            if at > 0 {
                out.push('\t');
            }
            if array.is_null(row) {
                out.push_str("\\N");
                continue;
            }
            value(*array, row, &mut out).map_err(|fault| fault.with("column", &columns[at]))?;
        }
        out.push('\n');
    }
    Ok(Bytes::from(out))
}

fn value(array: &dyn Array, row: usize, out: &mut String) -> Result<(), Fault> {
    let written = match array.data_type() {
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Int8 => write!(out, "{}", array.as_primitive::<Int8Type>().value(row)),
        DataType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::Float32 => write!(out, "{:?}", array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => write!(out, "{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => {
            let array = array.as_primitive::<Decimal128Type>();
            write!(out, "{}", array.value_as_string(row))
        }
        DataType::Date32 => date(array.as_primitive::<Date32Type>().value(row), out)?,
        DataType::Time64(TimeUnit::Microsecond) => {
            let micros = array.as_primitive::<Time64MicrosecondType>().value(row);
            let time = jiff::civil::Time::midnight().wrapping_add(micros.microseconds());
            write!(out, "{time}")
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            timestamp(micros, zone.is_some(), out)?
        }
        DataType::Utf8 => return escaped(array.as_string::<i32>().value(row), out),
        DataType::LargeUtf8 => return escaped(array.as_string::<i64>().value(row), out),
        DataType::Utf8View => return escaped(array.as_string_view().value(row), out),
        other => return Err(Fault::bug(format!("{other} has no like in PostgreSQL"))),
    };
    written.map_err(|error| Fault::bug(error.to_string()))
}

fn escaped(text: &str, out: &mut String) -> Result<(), Fault> {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\0' => {
                return Err(Fault::bad_data(
                    "a text has the character U+0000, which PostgreSQL cannot hold; take it out with `apply: [{ remove: \"\\0\" }]`",
                ));
            }
            other => out.push(other),
        }
    }
    Ok(())
}

fn date(days: i32, out: &mut String) -> Result<std::fmt::Result, Fault> {
    let date = Date::constant(1970, 1, 1).checked_add(days.days());
    let date = date.map_err(|_| Fault::bad_data("a date is beyond the year 9999"))?;
    Ok(write_date(date, out).and_then(|()| before_christ(date, out)))
}

/// The years before 1 are written as PostgreSQL reads them.
fn write_date(date: Date, out: &mut String) -> std::fmt::Result {
    let year = match date.year() {
        year if year <= 0 => 1 - year,
        year => year,
    };
    write!(out, "{year:04}-{:02}-{:02}", date.month(), date.day())
}

fn before_christ(date: Date, out: &mut String) -> std::fmt::Result {
    match date.year() <= 0 {
        true => out.write_str(" BC"),
        false => Ok(()),
    }
}

fn timestamp(micros: i64, instant: bool, out: &mut String) -> Result<std::fmt::Result, Fault> {
    let moment = Timestamp::from_microsecond(micros)
        .map_err(|_| Fault::bad_data("a time is beyond the year 9999"))?;
    let local: DateTime = TimeZone::UTC.to_datetime(moment);
    let written = write_date(local.date(), out)
        .and_then(|()| write!(out, " {}", local.time()))
        .and_then(|()| out.write_str(if instant { "+00" } else { "" }))
        .and_then(|()| before_christ(local.date(), out));
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array,
        StringArray, TimestampMicrosecondArray,
    };

    use super::*;

    fn shown(array: ArrayRef) -> String {
        let batch = RecordBatch::try_from_iter([("a", array)]).expect("a batch");
        let bytes = text(&batch, &["a".to_owned()]).expect("text");
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    #[test]
    fn every_value_arrives_as_itself() {
        let utc =
            TimestampMicrosecondArray::from(vec![1_564_615_800_000_001, -62_198_755_200_000_000]);
        let decimal = Decimal128Array::from(vec![621, -5]).with_precision_and_scale(30, 4);
        let cases: [(ArrayRef, &str); 8] = [
            (
                Arc::new(StringArray::from(vec![
                    Some(""),
                    None,
                    Some("\\N"),
                    Some("a\tb\nc\r\\"),
                ])),
                "\n\\N\n\\\\N\na\\tb\\nc\\r\\\\\n",
            ),
            (
                Arc::new(BooleanArray::from(vec![Some(false), None, Some(true)])),
                "false\n\\N\ntrue\n",
            ),
            (
                Arc::new(Int32Array::from(vec![0, i32::MIN])),
                "0\n-2147483648\n",
            ),
            (
                Arc::new(Float64Array::from(vec![0.0, -0.0, 0.1, 1e300])),
                "0.0\n-0.0\n0.1\n1e300\n",
            ),
            (Arc::new(decimal.expect("a decimal")), "0.0621\n-0.0005\n"),
            (
                Arc::new(Date32Array::from(vec![0, -719_529])),
                "1970-01-01\n0002-12-31 BC\n",
            ),
            (
                Arc::new(utc.clone()),
                "2019-07-31 23:30:00.000001\n0002-01-01 00:00:00 BC\n",
            ),
            (
                Arc::new(utc.with_timezone("UTC")),
                "2019-07-31 23:30:00.000001+00\n0002-01-01 00:00:00+00 BC\n",
            ),
        ];
        for (array, expected) in cases {
            assert_eq!(shown(array), expected);
        }
    }

    #[test]
    fn what_it_cannot_hold_is_a_fault_and_not_another_text() {
        let batch = RecordBatch::try_from_iter([(
            "a",
            Arc::new(StringArray::from(vec!["a\0"])) as ArrayRef,
        )]);
        let fault = text(&batch.expect("a batch"), &["a".to_owned()]).expect_err("refused");
        assert!(fault.message.contains("U+0000"), "{fault}");
    }
}
