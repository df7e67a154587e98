//! A gzip bomb: a valid record whose name is more than 512 MiB long, in half a megabyte.
//!
//! One block of a mebibyte is compressed once and sent again and again: a full flush at its end lets it stand
//! anywhere in a stream. The checksum is put together from the block's, so nothing is ever inflated here.

use bytes::Bytes;
use flate2::{Compress, Compression, Crc, FlushCompress};

const BLOCK_BYTES: usize = 1 << 20;
const BLOCKS: usize = 513;
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// The last deflate block, with nothing in it.
const END: [u8; 2] = [0x03, 0x00];

/// The stream, piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Bomb {
    first: Bytes,
    block: Bytes,
    last: Bytes,
}

impl Bomb {
    pub(crate) fn of(id: u32) -> Bomb {
        let (open, close) = (format!("{{\"id\":{id},\"type\":\"gin\",\"name\":\""), "\"}");
        let letters = vec![b'a'; BLOCK_BYTES];
        let mut checksum = Crc::new();
        checksum.update(open.as_bytes());
        let mut of_block = Crc::new();
        of_block.update(&letters);
        for _ in 0..BLOCKS {
            checksum.combine(&of_block);
        }
        checksum.update(close.as_bytes());

        let last = [
            &deflate(close.as_bytes())[..],
            &END,
            &checksum.sum().to_le_bytes(),
            &checksum.amount().to_le_bytes(),
        ];
        Bomb {
            first: [&HEADER[..], &deflate(open.as_bytes())].concat().into(),
            block: deflate(&letters).into(),
            last: last.concat().into(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.first.len() + BLOCKS * self.block.len() + self.last.len()
    }

    pub(crate) fn pieces(self) -> impl Iterator<Item = Bytes> {
        let Bomb { first, block, last } = self;
        [first]
            .into_iter()
            .chain(std::iter::repeat_n(block, BLOCKS))
            .chain([last])
    }
}

/// Compresses to whole bytes that depend on nothing before and end nothing.
fn deflate(text: &[u8]) -> Vec<u8> {
    let mut squeezed = Vec::with_capacity(text.len() / 100 + 128);
    Compress::new(Compression::best(), false)
        .compress_vec(text, &mut squeezed, FlushCompress::Full)
        .expect("there is room for the whole text");
    squeezed
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::*;

    /// The first bytes, the last, and how many there were.
    fn inflate(mut from: impl Read) -> io::Result<(Vec<u8>, Vec<u8>, usize)> {
        let (mut first, mut last, mut total, mut buffer) =
            (Vec::new(), Vec::new(), 0, vec![0; BLOCK_BYTES]);
        loop {
            let read = from.read(&mut buffer)?;
            if read == 0 {
                return Ok((first, last, total));
            }
            if first.is_empty() {
                first = buffer[..read.min(64)].to_vec();
            }
            last = [&last[..], &buffer[..read]].concat();
            last.drain(..last.len().saturating_sub(4));
            total += read;
        }
    }

    #[test]
    fn it_is_a_valid_stream_of_more_than_half_a_gibibyte_in_little_more_than_half_a_megabyte() {
        let bomb = Bomb::of(17);
        let (promised, stream) = (bomb.len(), bomb.pieces().collect::<Vec<_>>().concat());
        assert_eq!(promised, stream.len());
        assert!(promised < 800_000, "{promised}");
        let (first, last, total) = inflate(flate2::read::GzDecoder::new(&stream[..])).unwrap();
        assert!(first.starts_with(br#"{"id":17,"type":"gin","name":"aa"#));
        assert_eq!(last, b"aa\"}");
        assert!(total > 512 << 20, "{total}");
    }
}
