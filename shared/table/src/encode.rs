//! Rows to Parquet: row groups and parts closed by size, each row group encoded by another core where there is one.

use std::io::{self, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use arrow_schema::SchemaRef;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use pipeline::fault::Fault;

use crate::Sizes;
use crate::chunk::ChunkEncoder;
use crate::column::Column;

/// Named in every file; constant, so that the same rows are the same bytes.
const CREATED_BY: &str = "lakehead";

/// A finished Parquet file.
#[derive(Debug)]
pub struct Part<P> {
    /// Its number among the table's parts, from 0.
    pub number: u32,
    /// Its rows.
    pub rows: u64,
    /// Its bytes.
    pub bytes: u64,
    /// The sink that took the bytes, handed back to be closed.
    pub sink: P,
}

/// Writes the rows of one table into as many parts as it takes.
pub(crate) struct Encoder<P: Write + Send + 'static> {
    schema: SchemaRef,
    sizes: Sizes,
    desk: Desk<P>,
    parts: Vec<Part<P>>,
}

/// Where the row group in hand is.
enum Desk<P: Write + Send + 'static> {
    Free(Option<Box<Open<P>>>),
    /// On another core.
    Away(JoinHandle<Result<Done<P>, Fault>>),
    /// Lost to a fault.
    Broken,
}

/// An open part.
struct Open<P: Write + Send> {
    writer: SerializedFileWriter<Tap<P>>,
    encoder: ChunkEncoder,
    rows: u64,
}

/// A part with one more row group, and the columns to be filled again.
struct Done<P: Write + Send> {
    open: Box<Open<P>>,
    columns: Vec<Column>,
}

impl<P: Write + Send + 'static> Encoder<P> {
    pub fn new(schema: SchemaRef, sizes: Sizes) -> Self {
        Encoder {
            schema,
            sizes,
            desk: Desk::Free(None),
            parts: Vec::new(),
        }
    }

    /// Writes filled columns as a row group; `sink` opens the part of a number. Answers columns that were emptied, if
    /// there are some.
    pub fn write(
        &mut self,
        columns: Vec<Column>,
        sink: impl FnOnce(u32) -> io::Result<P>,
    ) -> Result<Option<Vec<Column>>, Fault> {
        let (open, before) = self.settle()?;
        let open = match open {
            Some(open) => open,
            None => Box::new(self.open_part(sink)?),
        };
        if self.sizes.cores > 1 {
            let work = thread::Builder::new().name("encode".to_owned());
            let handle = work.spawn(move || open.add(columns));
            let handle = handle.map_err(|error| Fault::transient(format!("no thread: {error}")))?;
            self.desk = Desk::Away(handle);
            return Ok(before);
        }
        let done = open.add(columns)?;
        self.put_back(done).map(Some)
    }

    /// Closes the last part and answers all of them.
    pub fn finish(mut self) -> Result<Vec<Part<P>>, Fault> {
        if let (Some(open), _) = self.settle()? {
            self.close(*open)?;
        }
        Ok(self.parts)
    }

    /// Waits for the row group in hand, and closes a part that is large enough.
    #[allow(clippy::type_complexity)]
    fn settle(&mut self) -> Result<(Option<Box<Open<P>>>, Option<Vec<Column>>), Fault> {
        let mut before = None;
        let mut desk = std::mem::replace(&mut self.desk, Desk::Broken);
        if let Desk::Away(handle) = desk {
            let done = handle
                .join()
                .map_err(|_| Fault::bug("encoding stopped"))??;
            before = Some(self.put_back(done)?);
            desk = std::mem::replace(&mut self.desk, Desk::Broken);
        }
        match desk {
            Desk::Free(open) => Ok((open, before)),
            Desk::Away(_) | Desk::Broken => Err(Fault::bug("a part was lost to an earlier fault")),
        }
    }

    fn put_back(&mut self, done: Done<P>) -> Result<Vec<Column>, Fault> {
        let Done { open, mut columns } = done;
        columns.iter_mut().for_each(Column::clear);
        if open.writer.bytes_written() >= self.sizes.part_bytes {
            self.close(*open)?;
            self.desk = Desk::Free(None);
        } else {
            self.desk = Desk::Free(Some(open));
        }
        Ok(columns)
    }

    fn open_part(&self, sink: impl FnOnce(u32) -> io::Result<P>) -> Result<Open<P>, Fault> {
        let sink = sink(self.parts.len() as u32).map_err(|error| sink_fault(&error))?;
        let tap = Tap { sink, bytes: 0 };
        let start = || -> Result<Open<P>, ParquetError> {
            let mut properties = WriterProperties::builder()
                .set_created_by(CREATED_BY.to_owned())
                .set_offset_index_disabled(true)
                .build();
            add_encoded_arrow_schema_to_metadata(&self.schema, &mut properties);
            let schema = ArrowSchemaConverter::new().convert(&self.schema)?;
            let schema = schema.root_schema_ptr();
            Ok(Open {
                writer: SerializedFileWriter::new(tap, schema, Arc::new(properties))?,
                encoder: ChunkEncoder::new().map_err(ParquetError::from)?,
                rows: 0,
            })
        };
        start().map_err(|error| fault(&error))
    }

    fn close(&mut self, open: Open<P>) -> Result<(), Fault> {
        let mut tap = open.writer.into_inner().map_err(|error| fault(&error))?;
        tap.sink.flush().map_err(|error| sink_fault(&error))?;
        self.parts.push(Part {
            number: self.parts.len() as u32,
            rows: open.rows,
            bytes: tap.bytes,
            sink: tap.sink,
        });
        Ok(())
    }
}

impl<P: Write + Send> Open<P> {
    fn add(mut self: Box<Self>, columns: Vec<Column>) -> Result<Done<P>, Fault> {
        let rows = self.row_group(&columns).map_err(|error| fault(&error))?;
        self.rows += rows;
        Ok(Done {
            open: self,
            columns,
        })
    }

    fn row_group(&mut self, columns: &[Column]) -> Result<u64, ParquetError> {
        let about = self.writer.schema_descr().columns().to_vec();
        let mut group = self.writer.next_row_group()?;
        for (column, about) in columns.iter().zip(&about) {
            let chunk = self.encoder.chunk(column, about)?;
            group.append_column(&chunk.bytes, chunk.close)?;
        }
        let metadata = group.close()?;
        Ok(metadata.num_rows() as u64)
    }
}

fn fault(error: &ParquetError) -> Fault {
    match error {
        ParquetError::External(source) => {
            Fault::transient(format!("a part could not be written: {source}"))
        }
        error => Fault::bug(format!("rows could not be encoded: {error}")),
    }
}

fn sink_fault(error: &io::Error) -> Fault {
    Fault::transient(format!("a part could not be written: {error}"))
}

/// Passes bytes on, counted.
struct Tap<P> {
    sink: P,
    bytes: u64,
}

impl<P: Write> Write for Tap<P> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
