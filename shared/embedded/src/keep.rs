//! A query's rows kept as a Parquet file.

use std::collections::BTreeSet;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use datafusion::arrow::compute::cast;
use datafusion::dataframe::DataFrame;
use edge::objects::Upload;
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use pipeline::fault::Fault;

use crate::Written;
use crate::fault::{from_arrow, from_engine};
use crate::types::{columns, plain_schema};

/// A row group is closed when its encoded rows reach this size, which bounds what the writer holds.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Writes the rows that a plan answers.
pub(crate) async fn as_parquet(frame: DataFrame, into: Upload) -> Result<Written, Fault> {
    let schema = plain_schema(frame.schema().as_arrow());
    refuse_same_names(&schema)?;
    let mut writer = ArrowWriter::try_new(into, SchemaRef::clone(&schema), Some(properties()))
        .map_err(unwritten)?;
    let mut batches = frame.execute_stream().await.map_err(from_engine)?;
    let mut rows = 0;
    while let Some(batch) = batches.next().await {
        let batch = with_schema(&batch.map_err(from_engine)?, &schema)?;
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(unwritten)?;
        if writer.in_progress_size() >= ROW_GROUP_BYTES {
            writer.flush().map_err(unwritten)?;
        }
    }
    let upload = writer.into_inner().map_err(unwritten)?;
    Ok(Written {
        columns: columns(&schema),
        rows,
        upload,
    })
}

/// Nothing in a file tells who wrote it when: the same rows give the same bytes.
fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("lakehead".to_owned())
        .build()
}

fn with_schema(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Fault> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<ArrayRef> = columns
        .map(
            |(column, field)| match column.data_type() == field.data_type() {
                true => Ok(ArrayRef::clone(column)),
                false => cast(column, field.data_type()).map_err(|error| from_arrow(&error)),
            },
        )
        .collect::<Result<_, Fault>>()?;
    RecordBatch::try_new(SchemaRef::clone(schema), columns).map_err(|error| from_arrow(&error))
}

fn refuse_same_names(schema: &SchemaRef) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(Fault::bad_definition(format!(
                "the query answers two columns `{}`; name one of them otherwise",
                field.name()
            )));
        }
    }
    Ok(())
}

fn unwritten(error: ParquetError) -> Fault {
    match error {
        ParquetError::External(source) => Fault::transient(source.to_string()),
        other => Fault::bug(other.to_string()),
    }
}
