//! The types of columns: their names, and the plain ones that every reader of Parquet knows.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use pipeline::lake::Column;

/// The columns of a schema, by the names of their types.
pub(crate) fn columns(schema: &Schema) -> Vec<Column> {
    let fields = schema.fields().iter();
    fields
        .map(|field| Column {
            name: field.name().clone(),
            type_name: name(&plain(field.data_type())),
            nullable: field.is_nullable(),
            description: None,
        })
        .collect()
}

/// The schema with plain types.
pub(crate) fn plain_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| plain_field(field))
        .collect();
    Arc::new(Schema::new(fields))
}

fn plain_field(field: &Field) -> Field {
    Field::new(field.name(), plain(field.data_type()), field.is_nullable())
}

/// The type without what is only a matter of memory layout (views, dictionaries, large offsets), without
/// unsigned numbers, which no warehouse knows, and with times to the microsecond, which all know.
pub(crate) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, value) => plain(value),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            DataType::List(Arc::new(plain_field(item)))
        }
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|f| plain_field(f)).collect::<Fields>())
        }
        other => other.clone(),
    }
}

/// The name of a plain type, as definitions write it.
fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::Boolean => "bool".to_owned(),
        DataType::Int8 => "int8".to_owned(),
        DataType::Int16 => "int16".to_owned(),
        DataType::Int32 => "int32".to_owned(),
        DataType::Int64 => "int64".to_owned(),
        DataType::Float32 => "float32".to_owned(),
        DataType::Float64 => "float64".to_owned(),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            format!("decimal({precision},{scale})")
        }
        DataType::Date32 => "date".to_owned(),
        DataType::Time64(_) => "time".to_owned(),
        DataType::Timestamp(..) => "timestamp".to_owned(),
        DataType::Binary => "binary".to_owned(),
        DataType::List(item) => format!("list({})", name(item.data_type())),
        DataType::Struct(fields) => {
            let members = fields.iter();
            let members: Vec<String> = members
                .map(|field| format!("{} {}", field.name(), name(field.data_type())))
                .collect();
            format!("struct({})", members.join(", "))
        }
        other => other.to_string().to_lowercase(),
    }
}

/// The type of a column of which there is no file yet; text where its name says nothing.
pub(crate) fn of_name(name: &str) -> DataType {
    match name {
        "bool" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "date" => DataType::Date32,
        "time" => DataType::Time64(TimeUnit::Microsecond),
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "binary" => DataType::Binary,
        _ => decimal(name).unwrap_or(DataType::Utf8),
    }
}

fn decimal(name: &str) -> Option<DataType> {
    let digits = name.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = digits.split_once(',')?;
    let precision = precision.trim().parse().ok()?;
    Some(DataType::Decimal128(precision, scale.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_one_name_and_a_name_one_type() {
        for type_name in [
            "string",
            "bool",
            "int16",
            "int32",
            "int64",
            "float64",
            "decimal(10,2)",
            "date",
            "time",
            "timestamp",
        ] {
            assert_eq!(name(&of_name(type_name)), type_name);
        }
        assert_eq!(of_name("json"), DataType::Utf8);
    }

    #[test]
    fn layouts_of_memory_do_not_reach_files() {
        let dictionary =
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8View));
        for (found, kept) in [
            (DataType::Utf8View, DataType::Utf8),
            (dictionary, DataType::Utf8),
            (DataType::UInt64, DataType::Int64),
            (
                DataType::Timestamp(TimeUnit::Nanosecond, None),
                DataType::Timestamp(TimeUnit::Microsecond, None),
            ),
        ] {
            assert_eq!(plain(&found), kept);
        }
    }
}
