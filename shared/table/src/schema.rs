//! The Arrow schema of a table, as its definition says.

use std::collections::HashMap;

use arrow_schema::{DataType, Field, Schema, TimeUnit};
use pipeline::table::TableDefinition;
use pipeline::table::column::ColumnDefinition;
use pipeline::table::column_type::ColumnType;
use pipeline::table::time::Timezone;

/// The schema of a table's Parquet files. A column is not null only if it is required; descriptions stand in the
/// fields' metadata under `description`. A table whose columns are still to be inferred has none.
pub fn schema(table: &TableDefinition) -> Schema {
    let mut fields = Vec::new();
    for (name, column) in table.columns.declared().into_iter().flatten() {
        let field = Field::new(name.to_string(), data_type(column), !column.is_never_null());
        fields.push(with_description(field, column.description.as_deref()));
    }
    if let Some(extra) = &table.extra {
        let field = Field::new(extra.to_string(), DataType::Utf8, true);
        let text = "The members of the record that no column takes, as JSON.";
        fields.push(with_description(field, Some(text)));
    }
    Schema::new(fields)
}

fn with_description(field: Field, description: Option<&str>) -> Field {
    match description {
        Some(text) => {
            field.with_metadata(HashMap::from([("description".to_owned(), text.to_owned())]))
        }
        None => field,
    }
}

/// The Arrow type of a column.
fn data_type(column: &ColumnDefinition) -> DataType {
    match column.column_type {
        ColumnType::String | ColumnType::Json => DataType::Utf8,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int16 => DataType::Int16,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Decimal { precision, scale } => DataType::Decimal128(precision, scale as i8),
        ColumnType::Date => DataType::Date32,
        ColumnType::Time => DataType::Time64(TimeUnit::Microsecond),
        ColumnType::Timestamp => match column.timezone {
            Some(Timezone::None) => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        },
    }
}
