//! A Parquet file that Athena wrote, measured: size, hash, and the rows that its footer tells.

use std::io::{BufRead, ErrorKind};

use edge::objects::Objects;
use parquet::file::metadata::ParquetMetaDataReader;
use pipeline::fault::Fault;
use pipeline::lake::DataFile;
use sha2::{Digest, Sha256};

/// How much of a file's end is held while it is read through: footers are smaller, or the file is read again.
const TAIL_BYTES: usize = 256 << 10;
/// What a file ends with: the length of its footer, and a mark.
const END_BYTES: usize = 8;
const MARK: &[u8] = b"PAR1";

/// Reads a file through, once.
pub(crate) async fn measure(objects: &Objects, key: String) -> Result<DataFile, Fault> {
    let mut hold = TAIL_BYTES;
    loop {
        let reader = objects.read(&key).await?;
        let read = tokio::task::spawn_blocking(move || read(reader, hold)).await;
        let read = read.map_err(|stopped| Fault::bug(stopped.to_string()))?;
        let read =
            read.map_err(|error| Fault::transient(error.to_string()).with("object", &key))?;
        let wanted = read.footer_bytes().map(|bytes| bytes + END_BYTES);
        let damaged = || Fault::bad_data(format!("`{key}` is no whole Parquet file"));
        let wanted = wanted.filter(|wanted| *wanted as u64 <= read.bytes);
        let wanted = wanted.ok_or_else(damaged)?;
        if wanted <= read.tail.len() {
            let rows = read.rows(wanted).ok_or_else(damaged)?;
            return Ok(DataFile {
                key,
                rows,
                bytes: read.bytes,
                sha256: read.sha256,
            });
        }
        hold = wanted;
    }
}

struct Read {
    bytes: u64,
    sha256: String,
    tail: Vec<u8>,
}

fn read(mut reader: Box<dyn BufRead + Send>, hold: usize) -> std::io::Result<Read> {
    let mut digest = Sha256::new();
    let mut tail: Vec<u8> = Vec::new();
    let mut bytes = 0;
    loop {
        let piece = match reader.fill_buf() {
            Ok([]) => break,
            Ok(piece) => piece,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        digest.update(piece);
        tail.extend_from_slice(piece);
        // Cut seldom: what is cut moves the rest.
        if tail.len() > 2 * hold {
            tail.drain(..tail.len() - hold);
        }
        let length = piece.len();
        bytes += length as u64;
        reader.consume(length);
    }
    let digest = digest.finalize();
    Ok(Read {
        bytes,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        tail,
    })
}

impl Read {
    /// How long the footer is; none where the file does not end as one does.
    fn footer_bytes(&self) -> Option<usize> {
        let end = self.tail.len().checked_sub(END_BYTES)?;
        let (length, mark) = self.tail[end..].split_at(4);
        let length = u32::from_le_bytes(length.try_into().ok()?);
        (mark == MARK).then_some(length as usize)
    }

    fn rows(&self, wanted: usize) -> Option<u64> {
        let start = self.tail.len().checked_sub(wanted)?;
        let footer = &self.tail[start..self.tail.len() - END_BYTES];
        let metadata = ParquetMetaDataReader::decode_metadata(footer).ok()?;
        u64::try_from(metadata.file_metadata().num_rows()).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use parquet::arrow::ArrowWriter;
    use pipeline::fault::Kind;

    use super::*;

    #[tokio::test]
    async fn a_file_is_measured_and_half_a_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::directory(folder.path());
        let numbers = Arc::new(Int64Array::from_iter_values(0..1000)) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("n", numbers)]).expect("a batch");
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("a writer");
        writer.write(&batch).expect("written");
        writer.close().expect("closed");
        objects.put("whole", bytes.clone()).await.expect("written");
        let file = measure(&objects, "whole".to_owned())
            .await
            .expect("measured");
        let stored = objects.measure("whole").await.expect("measured");
        assert_eq!((file.rows, file.bytes), (1000, stored.bytes));
        assert_eq!(file.sha256, stored.sha256);
        for cut in [bytes.len() - 1, 10, 0] {
            objects.put("half", &bytes[..cut]).await.expect("written");
            let fault = measure(&objects, "half".to_owned())
                .await
                .expect_err("refused");
            assert_eq!(fault.kind, Kind::BadData, "{cut}");
        }
        // A footer longer than what is held at first.
        let small = read(Box::new(std::io::Cursor::new(bytes)), END_BYTES).expect("read");
        assert!(small.footer_bytes().expect("a footer") + END_BYTES > small.tail.len().min(16));
    }
}
