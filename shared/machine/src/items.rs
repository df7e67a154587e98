//! The items of a distributed Map, read from an object one by one, however long the list is.

use std::io;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};

use crate::context::Item;
use crate::error_output::ErrorOutput;
use crate::state::{InputType, ReaderConfig};
use crate::world::{Bytes, World};

/// No item can be larger than a payload; this leaves room for spaces between.
const LARGEST_ITEM_BYTES: u64 = 1 << 20;

/// Opens the list. What goes wrong, now or later, is `States.ItemReaderFailed`, as on AWS.
pub(crate) async fn open<'i>(
    world: &dyn World,
    bucket: &str,
    key: &str,
    config: ReaderConfig,
) -> Result<BoxStream<'i, Result<Item, ErrorOutput>>, ErrorOutput> {
    let place = format!("{bucket}/{key}");
    let bytes = world
        .read(bucket, key)
        .await
        .map_err(|error| failed(&place, &error.to_string()))?;
    let list = List {
        place,
        bytes,
        index: 0,
        array: Array::Before,
    };
    let most = config
        .max_items
        .map_or(usize::MAX, |most| most.get() as usize);
    let items = stream::unfold(Some(list), move |list| async move {
        let mut list = list?;
        match list.next(config.input_type).await {
            Ok(item) => item.map(|item| (Ok(item), Some(list))),
            Err(cause) => Some((Err(failed(&list.place, &cause)), None)),
        }
    });
    Ok(items.take(most).boxed())
}

fn failed(place: &str, cause: &str) -> ErrorOutput {
    ErrorOutput::new("States.ItemReaderFailed", format!("{place}: {cause}"))
}

struct List {
    place: String,
    bytes: Bytes,
    index: u64,
    array: Array,
}

impl List {
    async fn next(&mut self, kind: InputType) -> Result<Option<Item>, String> {
        let text = match kind {
            InputType::Jsonl => line(&mut self.bytes).await,
            InputType::Json => self.array.element(&mut self.bytes).await,
        };
        let Some(text) = text.map_err(|error| format!("item {}: {error}", self.index))? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&text)
            .map_err(|error| format!("item {} is not JSON: {error}", self.index))?;
        let item = Item {
            index: self.index,
            value,
        };
        self.index += 1;
        Ok(Some(item))
    }
}

/// The next line. An empty one is no JSON, so a list ends with its last item's line.
async fn line(bytes: &mut Bytes) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let read = (&mut *bytes)
        .take(LARGEST_ITEM_BYTES + 1)
        .read_until(b'\n', &mut line)
        .await?;
    match read {
        0 => Ok(None),
        read if read as u64 > LARGEST_ITEM_BYTES => Err(too_large()),
        _ => Ok(Some(line)),
    }
}

fn too_large() -> io::Error {
    io::Error::other(format!(
        "larger than {LARGEST_ITEM_BYTES} bytes; list references, not data"
    ))
}

/// Where we are in a JSON array.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Array {
    Before,
    /// Before an element; `true` if it may be missing, because the array may be empty.
    Open(bool),
    After,
}

impl Array {
    /// The text of the next element.
    async fn element(&mut self, bytes: &mut Bytes) -> io::Result<Option<Vec<u8>>> {
        let mut element = Element::default();
        loop {
            let Some(byte) = next_byte(bytes).await? else {
                return if *self == Self::After {
                    Ok(None)
                } else {
                    Err(io::Error::other("the JSON array has no end"))
                };
            };
            match (*self, byte) {
                (Self::Before, b'[') => *self = Self::Open(true),
                (Self::Before | Self::After, b' ' | b'\t' | b'\r' | b'\n') => {}
                (Self::Before, _) => {
                    return Err(io::Error::other("the object is not a JSON array"));
                }
                (Self::After, _) => {
                    return Err(io::Error::other("there is more after the JSON array"));
                }
                (Self::Open(may_miss), byte) => match element.push(byte) {
                    Pushed::More if element.text.len() as u64 > LARGEST_ITEM_BYTES => {
                        return Err(too_large());
                    }
                    Pushed::More => {}
                    Pushed::Comma => {
                        *self = Self::Open(false);
                        return Ok(Some(element.text));
                    }
                    Pushed::End => {
                        *self = Self::After;
                        if !(may_miss && element.is_blank()) {
                            return Ok(Some(element.text));
                        }
                    }
                },
            }
        }
    }
}

/// The element being read: enough of JSON to know where it ends.
#[derive(Default)]
struct Element {
    text: Vec<u8>,
    depth: usize,
    in_string: bool,
    is_escaped: bool,
}

enum Pushed {
    More,
    Comma,
    End,
}

impl Element {
    fn push(&mut self, byte: u8) -> Pushed {
        match byte {
            _ if self.in_string => self.push_in_string(byte),
            b',' if self.depth == 0 => return Pushed::Comma,
            b']' if self.depth == 0 => return Pushed::End,
            b'"' => self.in_string = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.text.push(byte);
        Pushed::More
    }

    fn push_in_string(&mut self, byte: u8) {
        match byte {
            _ if self.is_escaped => self.is_escaped = false,
            b'\\' => self.is_escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    fn is_blank(&self) -> bool {
        self.text.iter().all(u8::is_ascii_whitespace)
    }
}

async fn next_byte(bytes: &mut Bytes) -> io::Result<Option<u8>> {
    let byte = bytes.fill_buf().await?.first().copied();
    if byte.is_some() {
        bytes.consume(1);
    }
    Ok(byte)
}
