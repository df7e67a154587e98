//! Raw chunks: the source's answers exactly as received, many small ones in one compressed object.
//!
//! A chunk is a zstd file of several frames. It begins with a skippable frame that holds a JSON header (what the chunk holds and
//! the token of the next page), so the chunk and the bookmark are stored in one write and the header is read
//! without decompressing. The content is, for each answer, one line of JSON and then the body and a line feed.
//! Any zstd tool shows it. (Skippable frames: RFC 8878 §3.1.2.) Content that is gzip instead (RFC 1952) is read as well.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use pipeline::fault::Fault;
use pipeline::for_each::Parent;
use pipeline::run::Fetched;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use zstd::bulk::Compressor;

use crate::objects::Objects;

const SKIPPABLE: u32 = 0x184D_2A50;
const LEVEL: i32 = 1;

/// What a chunk holds, and where the fetch goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChunkHeader {
    /// What was fetched into this chunk.
    pub fetched: Fetched,
    /// The token of the page after the last one in here; none when the slice is complete.
    pub next: Option<Value>,
    /// The newest value of a bookmark among the records in here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
}

/// One answer in a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The page's number within its slice, from 0.
    pub page: u64,
    /// The id that was asked for, if the slice reads by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The values of the parents that were asked for, if the slice reads by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the body.
    pub bytes: usize,
}

/// What is compressed at once, into a frame of its own: a piece that lies in memory as one takes less time than the same
/// bytes one after the other.
const FRAME: usize = 1 << 20;

/// Collects answers into a chunk, in memory: a chunk is bounded by what one call may fetch.
pub struct ChunkWriter {
    compressor: Compressor<'static>,
    /// Frame after frame.
    frames: Vec<u8>,
    /// What is in no frame yet.
    rest: Vec<u8>,
}

impl ChunkWriter {
    /// An empty chunk.
    pub fn new() -> io::Result<Self> {
        Ok(ChunkWriter {
            compressor: Compressor::new(LEVEL)?,
            frames: Vec::new(),
            rest: Vec::new(),
        })
    }

    /// Adds an answer.
    pub fn push(&mut self, entry: &Entry, body: &[u8]) -> io::Result<()> {
        serde_json::to_writer(&mut self.rest, entry)?;
        self.rest.push(b'\n');
        if body.len() < FRAME {
            self.rest.extend_from_slice(body);
        } else {
            self.close_frame()?;
            self.frames.extend(self.compressor.compress(body)?);
        }
        // An answer never ends with a frame but the last, so that a chunk that is cut between two is seen to be.
        if self.rest.len() >= FRAME {
            self.close_frame()?;
        }
        self.rest.push(b'\n');
        Ok(())
    }

    fn close_frame(&mut self) -> io::Result<()> {
        self.frames.extend(self.compressor.compress(&self.rest)?);
        self.rest.clear();
        Ok(())
    }

    /// The chunk's bytes.
    pub fn finish(mut self, header: &ChunkHeader) -> io::Result<Vec<u8>> {
        self.close_frame()?;
        let header = serde_json::to_vec(header)?;
        let mut chunk = Vec::with_capacity(8 + header.len() + self.frames.len());
        chunk.extend_from_slice(&SKIPPABLE.to_le_bytes());
        chunk.extend_from_slice(&(header.len() as u32).to_le_bytes());
        chunk.extend_from_slice(&header);
        chunk.extend_from_slice(&self.frames);
        Ok(chunk)
    }
}

/// So much of a chunk holds its header, as a rule.
const HEADER_BYTES: u64 = 16 << 10;

/// The header of a stored chunk, without the rest of it.
pub async fn header(objects: &Objects, key: &str) -> Result<ChunkHeader, Fault> {
    let unread = |error| Fault::bad_data(format!("{key}: {error}"));
    let mut start = objects.start_of(key, HEADER_BYTES).await?;
    let bytes = FRAME_BYTES + header_bytes(&start).map_err(unread)?;
    if bytes > start.len() as u64 {
        start = objects.start_of(key, bytes).await?;
    }
    read_header(&mut &start[..]).map_err(unread)
}

/// Reads a chunk's header and leaves the reader at its content.
pub fn read_header(reader: &mut impl Read) -> io::Result<ChunkHeader> {
    let mut frame = [0; FRAME_BYTES as usize];
    reader.read_exact(&mut frame)?;
    let mut header = Vec::new();
    reader
        .take(header_bytes(&frame)?)
        .read_to_end(&mut header)?;
    serde_json::from_slice(&header).map_err(|error| broken(&error.to_string()))
}

/// What comes before a header: that it is one, and its size.
const FRAME_BYTES: u64 = 8;

fn header_bytes(start: &[u8]) -> io::Result<u64> {
    match *start {
        [a, b, c, d, e, f, g, h, ..] if u32::from_le_bytes([a, b, c, d]) == SKIPPABLE => {
            Ok(u32::from_le_bytes([e, f, g, h]).into())
        }
        _ => Err(broken("does not begin with a chunk header")),
    }
}

/// Reads a chunk answer by answer.
pub struct ChunkReader<'a> {
    content: BufReader<Box<dyn Read + Send + 'a>>,
    line: Vec<u8>,
}

impl<'a> ChunkReader<'a> {
    /// Opens a chunk.
    pub fn open(mut reader: Box<dyn BufRead + Send + 'a>) -> io::Result<(ChunkHeader, Self)>
    where
        'a: 'static,
    {
        let header = read_header(&mut reader)?;
        let content = BufReader::new(decompressed(reader)?);
        let line = Vec::new();
        Ok((header, ChunkReader { content, line }))
    }

    /// The next answer; its body replaces what is in `body`. None at the end.
    pub fn next(&mut self, body: &mut Vec<u8>) -> io::Result<Option<Entry>> {
        self.line.clear();
        if self.content.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let entry: Entry =
            serde_json::from_slice(&self.line).map_err(|error| broken(&error.to_string()))?;
        body.clear();
        let whole = (&mut self.content)
            .take(entry.bytes as u64 + 1)
            .read_to_end(body)?;
        if whole != entry.bytes + 1 || body.pop() != Some(b'\n') {
            return Err(broken("ends within an answer"));
        }
        Ok(Some(entry))
    }
}

/// The content of a chunk, decompressed as it is read; its first bytes tell how.
fn decompressed<'a>(
    mut reader: Box<dyn BufRead + Send + 'a>,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    const GZIP: u8 = 0x1f;
    match reader.fill_buf()? {
        [] => Err(broken("ends behind its header")),
        [GZIP, ..] => Ok(Box::new(MultiGzDecoder::new(reader))),
        _ => Ok(Box::new(zstd::Decoder::with_buffer(reader)?)),
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the raw chunk {what}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn entry(page: u64, bytes: usize) -> Entry {
        Entry {
            page,
            id: Some(page.to_string()),
            parent: None,
            status: 200,
            bytes,
        }
    }

    fn chunk() -> (ChunkHeader, Vec<u8>) {
        let mut writer = ChunkWriter::new().expect("writer");
        writer.push(&entry(0, 4), b"a\nb\n").expect("push");
        writer.push(&entry(1, 0), b"").expect("push");
        let header = ChunkHeader {
            fetched: Fetched {
                pages: 2,
                ..Fetched::default()
            },
            next: Some(json!({"position": 2})),
            newest: None,
        };
        let bytes = writer.finish(&header).expect("finish");
        (header, bytes)
    }

    #[test]
    fn answers_come_back_as_they_went_in() {
        let (header, bytes) = chunk();
        let (read, mut reader) =
            ChunkReader::open(Box::new(io::Cursor::new(bytes.clone()))).expect("open");
        assert_eq!(read, header);
        let mut body = Vec::new();
        assert_eq!(reader.next(&mut body).expect("first"), Some(entry(0, 4)));
        assert_eq!(body, b"a\nb\n");
        assert_eq!(reader.next(&mut body).expect("second"), Some(entry(1, 0)));
        assert!(body.is_empty());
        assert_eq!(reader.next(&mut body).expect("end"), None);
        let plain = zstd::decode_all(&bytes[..]).expect("any zstd tool reads it");
        assert!(plain.starts_with(b"{\"page\":0"));
    }

    #[tokio::test]
    async fn a_header_is_read_by_itself_however_long_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::directory(folder.path());
        for length in [1, 100_000] {
            let (header, _) = chunk();
            let next = Some(json!({ "cursor": "x".repeat(length) }));
            let header = ChunkHeader { next, ..header };
            let writer = ChunkWriter::new().expect("writer");
            let bytes = writer.finish(&header).expect("finish");
            objects.put("c", bytes).await.expect("stored");
            assert_eq!(super::header(&objects, "c").await, Ok(header));
        }
        for broken in ["", "no chunk", "no chunk and a long one"] {
            objects.put("c", broken).await.expect("stored");
            assert!(super::header(&objects, "c").await.is_err(), "{broken}");
        }
    }

    /// The same chunk, its content in two members of gzip.
    fn gzip_chunk() -> (ChunkHeader, Vec<u8>) {
        let (header, bytes) = chunk();
        let content = zstd::decode_all(&bytes[..]).expect("zstd");
        let start = header_bytes(&bytes).expect("a header") + FRAME_BYTES;
        let mut gzip = bytes[..start as usize].to_vec();
        for half in content.chunks(content.len() / 2 + 1) {
            let mut encoder = flate2::write::GzEncoder::new(gzip, flate2::Compression::fast());
            encoder.write_all(half).expect("compressed");
            gzip = encoder.finish().expect("compressed");
        }
        (header, gzip)
    }

    #[test]
    fn gzip_is_read_as_well() {
        let (header, bytes) = gzip_chunk();
        let (read, mut reader) = ChunkReader::open(Box::new(io::Cursor::new(bytes))).expect("open");
        assert_eq!(read, header);
        let mut body = Vec::new();
        assert_eq!(reader.next(&mut body).expect("first"), Some(entry(0, 4)));
        assert_eq!(body, b"a\nb\n");
        assert_eq!(reader.next(&mut body).expect("second"), Some(entry(1, 0)));
        assert_eq!(reader.next(&mut body).expect("end"), None);
    }

    #[test]
    fn a_chunk_cut_anywhere_is_an_error_and_never_a_short_chunk() {
        for (_, bytes) in [chunk(), gzip_chunk()] {
            no_cut_is_read(&bytes, 0..bytes.len());
        }
    }

    #[test]
    fn large_answers_are_read_as_they_were_and_no_cut_between_frames_is() {
        let mut writer = ChunkWriter::new().expect("writer");
        let bodies: Vec<Vec<u8>> = [FRAME, 3, FRAME / 2, FRAME / 2, 0, 3 * FRAME, FRAME - 1]
            .into_iter()
            .map(|length| (0..length).map(|at| (at / 7) as u8).collect())
            .collect();
        for (page, body) in bodies.iter().enumerate() {
            let entry = entry(page as u64, body.len());
            writer.push(&entry, body).expect("push");
        }
        let (header, _) = chunk();
        let bytes = writer.finish(&header).expect("finish");
        let (_, mut reader) =
            ChunkReader::open(Box::new(io::Cursor::new(bytes.clone()))).expect("open");
        let mut body = Vec::new();
        for expected in &bodies {
            assert!(reader.next(&mut body).expect("an answer").is_some());
            assert!(body == *expected, "{} bytes", expected.len());
        }
        assert_eq!(reader.next(&mut body).expect("end"), None);
        let mut ends = vec![(header_bytes(&bytes).expect("a header") + FRAME_BYTES) as usize];
        while let Some(last) = ends.last().copied().filter(|last| *last < bytes.len()) {
            let frame = zstd::zstd_safe::find_frame_compressed_size(&bytes[last..]);
            ends.push(last + frame.expect("a frame"));
        }
        assert_eq!(ends.pop(), Some(bytes.len()));
        assert_eq!(ends.len(), 7);
        no_cut_is_read(&bytes, ends);
    }

    fn no_cut_is_read(bytes: &[u8], cuts: impl IntoIterator<Item = usize>) {
        for cut in cuts {
            let read = || -> io::Result<usize> {
                let cut = io::Cursor::new(bytes[..cut].to_vec());
                let (_, mut reader) = ChunkReader::open(Box::new(cut))?;
                let mut body = Vec::new();
                let mut entries = 0;
                while reader.next(&mut body)?.is_some() {
                    entries += 1;
                }
                Ok(entries)
            };
            assert!(read().is_err(), "cut at {cut} of {}", bytes.len());
        }
    }
}
