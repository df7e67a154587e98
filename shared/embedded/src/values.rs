//! Rows out of Arrow batches.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType, UInt64Type,
};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::DataType;
use datafusion::arrow::compute::cast;
use datafusion::arrow::util::display::array_value_to_string;
use edge::engine::Row;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use pipeline::fault::Fault;
use pipeline::value::Value;

use crate::fault::from_arrow;
use crate::types::plain;

/// How many rows are handed on at once: as values they take several times the room that they have in columns.
const ROWS_AT_ONCE: usize = 256;

/// The rows of a batch, some at a time.
pub(crate) fn pieces(batch: RecordBatch) -> impl Iterator<Item = Result<Vec<Row>, Fault>> + Send {
    let starts = (0..batch.num_rows()).step_by(ROWS_AT_ONCE);
    starts.map(move |start| {
        let length = ROWS_AT_ONCE.min(batch.num_rows() - start);
        rows(&batch.slice(start, length))
    })
}

fn rows(batch: &RecordBatch) -> Result<Vec<Row>, Fault> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(with_plain_type)
        .collect::<Result<_, _>>()?;
    (0..batch.num_rows())
        .map(|row| columns.iter().map(|column| value(column, row)).collect())
        .collect()
}

/// The column in its plain type; large unsigned numbers stay what they are, as nothing plain holds them.
fn with_plain_type(column: &ArrayRef) -> Result<ArrayRef, Fault> {
    let wanted = match column.data_type() {
        DataType::UInt64 => DataType::UInt64,
        other => plain(other),
    };
    match *column.data_type() == wanted {
        true => Ok(ArrayRef::clone(column)),
        false => cast(column, &wanted).map_err(|error| from_arrow(&error)),
    }
}

fn value(column: &ArrayRef, row: usize) -> Result<Value, Fault> {
    if column.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match column.data_type() {
        DataType::Boolean => Value::Bool(column.as_boolean().value(row)),
        DataType::Int8 => Value::Integer(column.as_primitive::<Int8Type>().value(row).into()),
        DataType::Int16 => Value::Integer(column.as_primitive::<Int16Type>().value(row).into()),
        DataType::Int32 => Value::Integer(column.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Integer(column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => Value::Unsigned(column.as_primitive::<UInt64Type>().value(row)),
        DataType::Float32 => short_float(column.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => Value::Float(column.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => {
            Value::Decimal(column.as_primitive::<Decimal128Type>().value_as_string(row))
        }
        DataType::Decimal256(..) => {
            Value::Decimal(column.as_primitive::<Decimal256Type>().value_as_string(row))
        }
        DataType::Utf8 => Value::Text(column.as_string::<i32>().value(row).to_owned()),
        DataType::Binary => Value::Bytes(column.as_binary::<i32>().value(row).to_vec()),
        DataType::Date32 => date(column.as_primitive::<Date32Type>().value(row)),
        DataType::Time64(_) => time(column.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Timestamp(_, zone) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
            moment(micros, zone.is_some())
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            Value::List(values(&items)?)
        }
        DataType::Struct(fields) => {
            let members = column.as_struct().columns().iter();
            let members = fields.iter().zip(members);
            let members =
                members.map(|(field, member)| Ok((field.name().clone(), value(member, row)?)));
            Value::Struct(members.collect::<Result<_, Fault>>()?)
        }
        _ => {
            let text = array_value_to_string(column, row);
            Value::Text(text.map_err(|error| from_arrow(&error))?)
        }
    })
}

fn values(items: &ArrayRef) -> Result<Vec<Value>, Fault> {
    (0..items.len()).map(|index| value(items, index)).collect()
}

/// A short float shown with its own few digits, not with those of the double next to it.
fn short_float(number: f32) -> Value {
    let text = format!("{number:?}");
    Value::Float(text.parse().unwrap_or(f64::from(number)))
}

/// Times that the calendar cannot hold are shown as the number that they are stored as.
fn date(days: i32) -> Value {
    let epoch = civil::date(1970, 1, 1);
    match epoch.checked_add(SignedDuration::from_hours(24 * i64::from(days))) {
        Ok(date) => Value::Time(date.to_string()),
        Err(_) => Value::Integer(days.into()),
    }
}

fn time(micros: i64) -> Value {
    match civil::Time::midnight().checked_add(SignedDuration::from_micros(micros)) {
        Ok(time) => Value::Time(time.to_string()),
        Err(_) => Value::Integer(micros),
    }
}

fn moment(micros: i64, has_zone: bool) -> Value {
    match Timestamp::from_microsecond(micros) {
        Ok(moment) if has_zone => Value::Time(moment.to_string()),
        Ok(moment) => Value::Time(moment.to_zoned(TimeZone::UTC).datetime().to_string()),
        Err(_) => Value::Integer(micros),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array, StringViewArray,
        Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt64Array,
    };

    use super::*;

    #[test]
    fn every_type_keeps_its_exact_value() {
        let decimal = Decimal128Array::from(vec![1230]).with_precision_and_scale(38, 2);
        let columns: Vec<(ArrayRef, &str)> = vec![
            (
                Arc::new(Int64Array::from(vec![i64::MAX])),
                "9223372036854775807",
            ),
            (
                Arc::new(UInt64Array::from(vec![u64::MAX])),
                "18446744073709551615",
            ),
            (Arc::new(Float64Array::from(vec![40.0])), "40.0"),
            (Arc::new(Float32Array::from(vec![0.1])), "0.1"),
            (Arc::new(decimal.expect("fits")), "12.30"),
            (Arc::new(StringViewArray::from(vec!["a, b"])), "a, b"),
            (Arc::new(Date32Array::from(vec![19_807])), "2024-03-25"),
            (Arc::new(Date32Array::from(vec![-1])), "1969-12-31"),
            (
                Arc::new(Time64MicrosecondArray::from(vec![3_600_000_000])),
                "01:00:00",
            ),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![0])),
                "1970-01-01T00:00:00",
            ),
            (
                Arc::new(TimestampMicrosecondArray::from(vec![1_500_000]).with_timezone("UTC")),
                "1970-01-01T00:00:01.5Z",
            ),
            (
                Arc::new(TimestampNanosecondArray::from(vec![-1_000_000_000])),
                "1969-12-31T23:59:59",
            ),
            (Arc::new(Int64Array::from(vec![None])), ""),
        ];
        for (column, text) in columns {
            let batch = RecordBatch::try_from_iter([("c", column)]).expect("a batch");
            let rows = rows(&batch).expect("rows");
            assert_eq!(rows[0][0].to_string(), text);
        }
    }
}
