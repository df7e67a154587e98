//! Reading an object of a bucket: whole, its beginning, or piece by piece.

use std::io::{self, BufRead, Read};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use super::refusal::Refusal;
use super::{Bucket, Error, Tag};
use crate::objects::{Stored, hexadecimal};

impl Bucket {
    pub(in crate::objects) async fn get(&self, key: &str) -> Result<(Vec<u8>, Tag), Error> {
        let answer = self.open(key).await?;
        let tag = self.tag(key, answer.e_tag)?;
        let content = answer.body.collect().await;
        let content = content.map_err(|error| broken(key, error))?;
        Ok((content.to_vec(), tag))
    }

    pub(in crate::objects) async fn start_of(
        &self,
        key: &str,
        most: u64,
    ) -> Result<Vec<u8>, Error> {
        let Some(last) = most.checked_sub(1) else {
            return Ok(Vec::new());
        };
        let get = self.s3().get_object().bucket(&*self.name);
        let get = get.key(self.whole(key)).range(format!("bytes=0-{last}"));
        let answer = match get.send().await {
            Ok(answer) => answer,
            // Of an empty object there is no first byte.
            Err(error)
                if error
                    .raw_response()
                    .is_some_and(|a| a.status().as_u16() == 416) =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(self.failed("GetObject", key, error)),
        };
        let content = answer.body.collect().await;
        let content = content.map_err(|error| broken(key, error))?;
        Ok(content.to_vec())
    }

    pub(in crate::objects) async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        let head = self.s3().head_object().bucket(&*self.name);
        match head.key(self.whole(key)).send().await {
            Ok(head) => Ok(head.content_length.and_then(|bytes| bytes.try_into().ok())),
            Err(error) => match self.refusal("GetObject", key, error) {
                Refusal::Absent => Ok(None),
                refusal => Err(refusal.into_error(key)),
            },
        }
    }

    pub(in crate::objects) async fn read(
        &self,
        key: &str,
    ) -> Result<Box<dyn BufRead + Send>, Error> {
        let answer = self.open(key).await?;
        Ok(Box::new(Reader {
            body: answer.body,
            piece: Bytes::new(),
            tasks: Handle::current(),
        }))
    }

    pub(in crate::objects) async fn measure(&self, key: &str) -> Result<Stored, Error> {
        let mut body = self.open(key).await?.body;
        let mut digest = Sha256::new();
        let mut bytes = 0;
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|error| broken(key, error))?;
            digest.update(&piece);
            bytes += piece.len() as u64;
        }
        Ok(Stored {
            bytes,
            sha256: hexadecimal(&digest.finalize()),
        })
    }

    async fn open(&self, key: &str) -> Result<GetObjectOutput, Error> {
        let get = self.s3().get_object().bucket(&*self.name);
        let sent = get.key(self.whole(key)).send().await;
        sent.map_err(|error| self.failed("GetObject", key, error))
    }
}

/// The answer broke off on its way, or is not what was sent.
fn broken(key: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::store(key, io::Error::other(crate::aws::told(&error)))
}

/// The body of an answer, read by a thread that may wait for it.
struct Reader {
    body: ByteStream,
    piece: Bytes,
    tasks: Handle,
}

impl BufRead for Reader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            match self.tasks.block_on(self.body.next()) {
                Some(piece) => {
                    let broken = |error| io::Error::other(crate::aws::told(&error));
                    self.piece = piece.map_err(broken)?;
                }
                None => break,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, bytes: usize) {
        self.piece.advance(bytes);
    }
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
