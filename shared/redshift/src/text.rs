//! Parquet as text, for what COPY does not take out of Parquet: every value exactly, null and empty text apart.

use std::fmt::Write as _;
use std::io::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use edge::objects::Objects;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::destination::redshift::StagedTable;
use pipeline::fault::Fault;
use pipeline::lake::DataFile;

/// Rows that are written at a time.
const BATCH: usize = 4096;

/// Writes the rows of a part as compressed CSV, its columns in the order of the staging table.
pub(crate) async fn write(
    objects: &Objects,
    part: &DataFile,
    key: &str,
    table: &StagedTable,
) -> Result<(), Fault> {
    let unreadable =
        |error: &dyn std::fmt::Display| Fault::bad_data(format!("a part cannot be read: {error}"));
    let parquet = Bytes::from(objects.get(&part.key).await?);
    let builder = ParquetRecordBatchReaderBuilder::try_new(parquet);
    let builder = builder.map_err(|error| unreadable(&error))?;
    let batches = builder.with_batch_size(BATCH).build();
    let batches = batches.map_err(|error| unreadable(&error))?;
    let upload = objects.upload(key).await?;
    let mut out = GzEncoder::new(upload, Compression::fast());
    let failed = |error: std::io::Error| Fault::transient(format!("object `{key}`: {error}"));
    let names: Vec<String> = table.staged.iter().map(|c| quoted(&c.name)).collect();
    out.write_all(format!("{}\n", names.join(",")).as_bytes())
        .map_err(failed)?;
    let null = table.null_as();
    let mut rows = 0;
    for batch in batches {
        let batch = batch.map_err(|error| unreadable(&error))?;
        rows += batch.num_rows() as u64;
        out.write_all(lines(&batch, &null)?.as_bytes())
            .map_err(failed)?;
        if out.get_ref().is_behind() {
            out.get_mut().settle().await?;
        }
    }
    if rows != part.rows {
        return Err(Fault::bug(format!(
            "rows do not balance: {} in the part, {rows} written as text",
            part.rows
        )));
    }
    out.finish().map_err(failed)?.commit().await?;
    Ok(())
}

/// Rows as lines of CSV.
fn lines(batch: &RecordBatch, null: &str) -> Result<String, Fault> {
    let schema = batch.schema();
    let mut out = String::new();
    for row in 0..batch.num_rows() {
        for (at, array) in batch.columns().iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match array.is_null(row) {
                true => out.push_str(null),
                false => value(array, row, &mut out)
                    .map_err(|fault| fault.with("column", schema.field(at).name()))?,
            }
        }
        out.push('\n');
    }
    Ok(out)
}

fn value(array: &dyn Array, row: usize, out: &mut String) -> Result<(), Fault> {
    let written = match array.data_type() {
        DataType::Boolean => write!(out, "{}", array.as_boolean().value(row)),
        DataType::Int16 => write!(out, "{}", array.as_primitive::<Int16Type>().value(row)),
        DataType::Int32 => write!(out, "{}", array.as_primitive::<Int32Type>().value(row)),
        DataType::Int64 => write!(out, "{}", array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => write!(out, "{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => {
            let array = array.as_primitive::<Decimal128Type>();
            write!(out, "{}", array.value_as_string(row))
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let date = Date::constant(1970, 1, 1).checked_add(i64::from(days).days());
            let date = date.map_err(|_| beyond())?;
            write!(out, "{}", within(date)?)
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let micros = array.as_primitive::<Time64MicrosecondType>().value(row);
            write!(
                out,
                "{}",
                Time::midnight().wrapping_add(micros.microseconds())
            )
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            let moment = Timestamp::from_microsecond(micros).map_err(|_| beyond())?;
            let at = TimeZone::UTC.to_datetime(moment);
            write!(out, "{} {}", within(at.date())?, at.time())
        }
        DataType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            if text.contains('\0') {
                return Err(Fault::bad_data(
                    "a text has the character U+0000, which Redshift does not load; take it out with `apply: [{ remove: \"\\0\" }]`",
                ));
            }
            out.push_str(&quoted(text));
            Ok(())
        }
        other => return Err(Fault::bug(format!("{other} has no like in Redshift"))),
    };
    written.map_err(|error| Fault::bug(error.to_string()))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn within(date: Date) -> Result<Date, Fault> {
    match date.year() >= 1 {
        true => Ok(date),
        false => Err(Fault::bad_data("a date is before the year 1")),
    }
}

fn beyond() -> Fault {
    Fault::bad_data("a date is beyond the year 9999")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        Decimal128Array, Float64Array, RecordBatch, StringArray, Time64MicrosecondArray,
        TimestampMicrosecondArray,
    };

    use super::*;

    #[test]
    fn every_value_is_written_exactly_and_null_is_no_text() {
        let decimals = Decimal128Array::from(vec![Some(4555), None, Some(-5)]);
        let decimals = decimals.with_precision_and_scale(12, 2).expect("fits");
        let columns: Vec<(&str, Arc<dyn Array>)> = vec![
            (
                "name",
                Arc::new(StringArray::from(vec![Some(""), None, Some("a\"b,\nc")])),
            ),
            ("price", Arc::new(decimals)),
            (
                "at",
                Arc::new(Time64MicrosecondArray::from(vec![1, 0, 86_399_999_999])),
            ),
            (
                "seen",
                Arc::new(TimestampMicrosecondArray::from(vec![
                    0,
                    1,
                    1_700_000_000_500_000,
                ])),
            ),
            ("rate", Arc::new(Float64Array::from(vec![0.1, 1e300, -0.0]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).expect("a batch");
        assert_eq!(
            lines(&batch, "null of x").expect("written"),
            "\"\",45.55,00:00:00.000001,1970-01-01 00:00:00,0.1\n\
             null of x,null of x,00:00:00,1970-01-01 00:00:00.000001,1e300\n\
             \"a\"\"b,\nc\",-0.05,23:59:59.999999,2023-11-14 22:13:20.5,-0.0\n"
        );
    }
}
