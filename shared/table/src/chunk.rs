//! A filled column as a column chunk of Parquet: how its values are written is chosen by a look at them.

use std::io;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::column::{Column, Values};
use crate::dictionary::Dictionary;
use crate::pack;

/// Level 1: higher ones take longer and gain little.
const LEVEL: i32 = 1;
/// Texts longer than this are no bounds in the statistics.
const LONGEST_BOUND: usize = 64;
/// A dictionary is made of texts of which at most one in so many is new; of numbers.
const TEXTS_SHARE: usize = 2;
const NUMBERS_SHARE: usize = 8;

/// Writes column chunks; what it needs for that is kept for the next one.
pub(crate) struct ChunkEncoder {
    zstd: zstd::bulk::Compressor<'static>,
    page: Vec<u8>,
    dictionary_page: Vec<u8>,
    dictionary: Dictionary,
    whole: Vec<i64>,
    doubles: Vec<f64>,
}

/// A column chunk: its bytes, and what the file says of it.
pub(crate) struct Chunk {
    pub bytes: Bytes,
    pub close: ColumnCloseResult,
}

/// How the values of a page are written, and what is known of them.
struct Written {
    encoding: Encoding,
    /// How many values the dictionary has, if there is one.
    entries: Option<usize>,
    statistics: Statistics,
}

impl ChunkEncoder {
    pub fn new() -> io::Result<Self> {
        Ok(ChunkEncoder {
            zstd: zstd::bulk::Compressor::new(LEVEL)?,
            page: Vec::new(),
            dictionary_page: Vec::new(),
            dictionary: Dictionary::new(),
            whole: Vec::new(),
            doubles: Vec::new(),
        })
    }

    /// The chunk of a column's rows.
    pub fn chunk(&mut self, column: &Column, about: &ColumnDescPtr) -> Result<Chunk, ParquetError> {
        let rows = column.rows();
        let nulls = column.nulls();
        self.page.clear();
        self.dictionary_page.clear();
        if about.max_def_level() > 0 {
            pack::levels(column.valid_words(), rows, nulls, &mut self.page);
        }
        let levels = self.page.len();
        let mut written = self.values(column, nulls, about);
        if nulls == rows {
            // Not every reader knows the other encodings of nothing.
            self.page.truncate(levels);
            written = Written::plain(written.statistics);
        }
        self.finish(&written, rows, about)
    }

    fn values(&mut self, column: &Column, nulls: usize, about: &ColumnDescPtr) -> Written {
        let nulls = Some(nulls as u64);
        match &column.values {
            Values::Text { text, ends } => self.texts(column, text, ends, nulls),
            Values::Bool(bits) => {
                let mut dense = crate::column::Bits::default();
                column
                    .valid_rows()
                    .for_each(|row| dense.push(bits.get(row)));
                let length = self.page.len() + dense.len().div_ceil(8);
                dense
                    .words()
                    .for_each(|word| self.page.extend(word.to_le_bytes()));
                self.page.truncate(length);
                let (ones, all) = (dense.len() - dense.zeros(), dense.len());
                let least = (all > 0).then_some(ones == all);
                let most = (all > 0).then_some(ones > 0);
                Written::plain(Statistics::boolean(least, most, None, nulls, false))
            }
            Values::Int16(values) => self.whole(column, values, true, nulls),
            Values::Int32(values) => self.whole(column, values, true, nulls),
            Values::Int64(values) => {
                self.whole(column, values, about.physical_type() == Type::INT32, nulls)
            }
            Values::Float64(values) => self.doubles(column, values, nulls),
            Values::Decimal(values) => {
                let length = about.type_length() as usize;
                for row in column.valid_rows() {
                    let bytes = values[row].to_be_bytes();
                    self.page.extend(&bytes[bytes.len() - length..]);
                }
                let none = None::<parquet::data_type::FixedLenByteArray>;
                let statistics = ValueStatistics::new(none.clone(), none, None, nulls, false);
                Written::plain(Statistics::FixedLenByteArray(statistics))
            }
        }
    }

    fn texts(&mut self, column: &Column, text: &[u8], ends: &[i32], nulls: Option<u64>) -> Written {
        let value = |row: usize| &text[ends[row] as usize..ends[row + 1] as usize];
        let Self {
            page, dictionary, ..
        } = self;
        if dictionary.fill(column.valid_rows(), value, TEXTS_SHARE) {
            for row in &dictionary.firsts {
                let value = value(*row as usize);
                self.dictionary_page
                    .extend((value.len() as u32).to_le_bytes());
                self.dictionary_page.extend(value);
            }
            pack::indexes(&dictionary.indexes, dictionary.firsts.len(), page);
            let firsts = dictionary.firsts.iter();
            return Written {
                encoding: Encoding::RLE_DICTIONARY,
                entries: Some(dictionary.firsts.len()),
                statistics: text_bounds(firsts.map(|row| value(*row as usize)), nulls),
            };
        }
        self.whole.clear();
        self.whole.extend(
            column
                .valid_rows()
                .map(|row| i64::from(ends[row + 1] - ends[row])),
        );
        pack::deltas(&self.whole, true, page);
        // Where there is no value the text has no bytes.
        page.extend(text);
        Written {
            encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY,
            entries: None,
            statistics: text_bounds(column.valid_rows().map(value), nulls),
        }
    }

    fn whole<T: Copy + Into<i64>>(
        &mut self,
        column: &Column,
        values: &[T],
        is_32: bool,
        nulls: Option<u64>,
    ) -> Written {
        self.whole.clear();
        if nulls == Some(0) {
            self.whole
                .extend(values.iter().map(|value| (*value).into()));
        } else {
            self.whole
                .extend(column.valid_rows().map(|row| values[row].into()));
        }
        let least = self.whole.iter().copied().min();
        let most = self.whole.iter().copied().max();
        pack::deltas(&self.whole, is_32, &mut self.page);
        let statistics = if is_32 {
            let narrow = |bound: Option<i64>| bound.map(|bound| bound as i32);
            Statistics::int32(narrow(least), narrow(most), None, nulls, false)
        } else {
            Statistics::int64(least, most, None, nulls, false)
        };
        Written {
            encoding: Encoding::DELTA_BINARY_PACKED,
            entries: None,
            statistics,
        }
    }

    fn doubles(&mut self, column: &Column, values: &[f64], nulls: Option<u64>) -> Written {
        self.doubles.clear();
        self.doubles
            .extend(column.valid_rows().map(|row| values[row]));
        // Which of the two zeros is the smaller one is not agreed on, so the bounds take in both.
        let least = self.doubles.iter().copied().reduce(f64::min);
        let most = self.doubles.iter().copied().reduce(f64::max);
        let least = least.map(|least| if least == 0.0 { -0.0 } else { least });
        let most = most.map(|most| if most == 0.0 { 0.0 } else { most });
        let statistics = Statistics::double(least, most, None, nulls, false);
        let bits: Vec<u64> = self.doubles.iter().map(|value| value.to_bits()).collect();
        let dictionary = &mut self.dictionary;
        if dictionary.fill(0..bits.len(), |row| &bits[row], NUMBERS_SHARE) {
            for row in &dictionary.firsts {
                self.dictionary_page
                    .extend(bits[*row as usize].to_le_bytes());
            }
            pack::indexes(&dictionary.indexes, dictionary.firsts.len(), &mut self.page);
            return Written {
                encoding: Encoding::RLE_DICTIONARY,
                entries: Some(dictionary.firsts.len()),
                statistics,
            };
        }
        pack::split_bytes(&self.doubles, &mut self.page);
        Written {
            encoding: Encoding::BYTE_STREAM_SPLIT,
            entries: None,
            statistics,
        }
    }

    fn finish(
        &mut self,
        written: &Written,
        rows: usize,
        about: &ColumnDescPtr,
    ) -> Result<Chunk, ParquetError> {
        let mut sink = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut sink);
        let mut uncompressed = 0;
        let mut encodings = vec![written.encoding, Encoding::RLE];
        let mut data_offset = 0;
        if let Some(entries) = written.entries {
            let page = Page::DictionaryPage {
                buf: compressed(&mut self.zstd, &self.dictionary_page)?,
                num_values: entries as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let spec = pages.write_page(CompressedPage::new(page, self.dictionary_page.len()))?;
            encodings.push(Encoding::PLAIN);
            uncompressed += spec.uncompressed_size;
            data_offset = spec.bytes_written;
        }
        let page = Page::DataPage {
            buf: compressed(&mut self.zstd, &self.page)?,
            num_values: rows as u32,
            encoding: written.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = pages.write_page(CompressedPage::new(page, self.page.len()))?;
        uncompressed += spec.uncompressed_size;
        let bytes = Bytes::from(sink.into_inner()?);
        let metadata = ColumnChunkMetaData::builder(about.clone())
            .set_encodings(encodings)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
            .set_num_values(rows as i64)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(uncompressed as i64)
            .set_dictionary_page_offset(written.entries.map(|_| 0))
            .set_data_page_offset(data_offset as i64)
            .set_statistics(written.statistics.clone())
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk { bytes, close })
    }
}

impl Written {
    fn plain(statistics: Statistics) -> Self {
        Written {
            encoding: Encoding::PLAIN,
            entries: None,
            statistics,
        }
    }
}

fn compressed(
    zstd: &mut zstd::bulk::Compressor<'static>,
    page: &[u8],
) -> Result<Bytes, ParquetError> {
    let compressed = zstd.compress(page).map_err(ParquetError::from)?;
    Ok(Bytes::from(compressed))
}

/// The smallest and the largest text, unless one is too long to be kept.
fn text_bounds<'v>(mut values: impl Iterator<Item = &'v [u8]>, nulls: Option<u64>) -> Statistics {
    let first = values.next();
    let (mut least, mut most) = (first, first);
    for value in values {
        if least.is_some_and(|least| value < least) {
            least = Some(value);
        } else if most.is_some_and(|most| value > most) {
            most = Some(value);
        }
    }
    let is_short = |bound: Option<&[u8]>| bound.is_some_and(|bound| bound.len() <= LONGEST_BOUND);
    let kept = is_short(least) && is_short(most);
    let bound = |bound: Option<&[u8]>| {
        bound
            .filter(|_| kept)
            .map(|bound| ByteArray::from(bound.to_vec()))
    };
    Statistics::byte_array(bound(least), bound(most), None, nulls, false)
}
