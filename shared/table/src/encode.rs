//! Rows to Parquet: row groups and parts closed by size, encodings chosen by a look at the first rows.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use pipeline::fault::Fault;
use sha2::{Digest, Sha256};

use crate::Sizes;

/// Named in every file; constant, so that the same rows are the same bytes.
const CREATED_BY: &str = "lakehead";
/// How many rows are looked at to choose encodings.
const SAMPLE_ROWS: usize = 4096;

/// A finished Parquet file.
#[derive(Debug)]
pub struct Part<P> {
    /// Its number among the table's parts, from 0.
    pub number: u32,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// The sink that took the bytes, handed back to be closed.
    pub sink: P,
}

/// Writes the rows of one table into as many parts as it takes.
pub(crate) struct Encoder<P: Write + Send> {
    schema: SchemaRef,
    sizes: Sizes,
    open: Option<Open<P>>,
    parts: Vec<Part<P>>,
}

struct Open<P: Write + Send> {
    writer: ArrowWriter<Tap<P>>,
    rows: u64,
    group_bytes: usize,
}

impl<P: Write + Send> Encoder<P> {
    pub fn new(schema: SchemaRef, sizes: Sizes) -> Self {
        Encoder {
            schema,
            sizes,
            open: None,
            parts: Vec::new(),
        }
    }

    /// Writes rows that take about so many bytes; `sink` opens the part of a number.
    pub fn write(
        &mut self,
        batch: &RecordBatch,
        batch_bytes: usize,
        sink: impl FnOnce(u32) -> io::Result<P>,
    ) -> Result<(), Fault> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_part(batch, sink)?,
        };
        open.writer.write(batch).map_err(|error| fault(&error))?;
        open.rows += batch.num_rows() as u64;
        open.group_bytes += batch_bytes;
        if open.group_bytes >= self.sizes.row_group_bytes {
            open.writer.flush().map_err(|error| fault(&error))?;
            open.group_bytes = 0;
        }
        if open.writer.bytes_written() >= self.sizes.part_bytes {
            return self.close(open);
        }
        self.open = Some(open);
        Ok(())
    }

    /// Closes the last part and answers all of them.
    pub fn finish(mut self) -> Result<Vec<Part<P>>, Fault> {
        if let Some(open) = self.open.take() {
            self.close(open)?;
        }
        Ok(self.parts)
    }

    fn open_part(
        &self,
        batch: &RecordBatch,
        sink: impl FnOnce(u32) -> io::Result<P>,
    ) -> Result<Open<P>, Fault> {
        let sink = sink(self.parts.len() as u32).map_err(|error| sink_fault(&error))?;
        let tap = Tap {
            sink,
            digest: Sha256::new(),
            bytes: 0,
        };
        let properties = properties(batch);
        let writer = ArrowWriter::try_new(tap, Arc::clone(&self.schema), Some(properties))
            .map_err(|error| fault(&error))?;
        Ok(Open {
            writer,
            rows: 0,
            group_bytes: 0,
        })
    }

    fn close(&mut self, open: Open<P>) -> Result<(), Fault> {
        let mut tap = open.writer.into_inner().map_err(|error| fault(&error))?;
        tap.sink.flush().map_err(|error| sink_fault(&error))?;
        let digest = tap.digest.finalize();
        self.parts.push(Part {
            number: self.parts.len() as u32,
            rows: open.rows,
            bytes: tap.bytes,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            sink: tap.sink,
        });
        Ok(())
    }
}

fn fault(error: &parquet::errors::ParquetError) -> Fault {
    match error {
        parquet::errors::ParquetError::External(source) => {
            Fault::transient(format!("a part could not be written: {source}"))
        }
        error => Fault::bug(format!("rows could not be encoded: {error}")),
    }
}

fn sink_fault(error: &io::Error) -> Fault {
    Fault::transient(format!("a part could not be written: {error}"))
}

/// Passes bytes on, counted and digested.
struct Tap<P> {
    sink: P,
    digest: Sha256,
    bytes: u64,
}

impl<P: Write> Write for Tap<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn properties(batch: &RecordBatch) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_data_page_size_limit(1 << 20)
        .set_max_row_group_row_count(None);
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let path = ColumnPath::from(field.name().as_str());
        properties = encodings(properties, path, column);
    }
    properties.build()
}

fn encodings(
    properties: WriterPropertiesBuilder,
    path: ColumnPath,
    column: &dyn Array,
) -> WriterPropertiesBuilder {
    let plain = |encoding| {
        move |properties: WriterPropertiesBuilder, path: ColumnPath| {
            properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, encoding)
        }
    };
    match column.data_type() {
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Date32 => {
            plain(Encoding::DELTA_BINARY_PACKED)(properties, path)
        }
        DataType::Timestamp(..) | DataType::Time64(_) => {
            plain(Encoding::DELTA_BINARY_PACKED)(properties, path)
        }
        DataType::Decimal128(precision, _) if *precision <= 18 => {
            plain(Encoding::DELTA_BINARY_PACKED)(properties, path)
        }
        DataType::Float64 => plain(Encoding::BYTE_STREAM_SPLIT)(properties, path),
        DataType::Utf8 if is_mostly_distinct(column) => {
            properties.set_column_dictionary_enabled(path, false)
        }
        _ => properties,
    }
}

/// Whether a dictionary of the texts would be about as large as the texts.
fn is_mostly_distinct(column: &dyn Array) -> bool {
    let Some(texts) = column.as_any().downcast_ref::<StringArray>() else {
        return false;
    };
    let sample: Vec<&str> = texts.iter().flatten().take(SAMPLE_ROWS).collect();
    let distinct: HashSet<&str> = sample.iter().copied().collect();
    distinct.len() * 2 > sample.len()
}
