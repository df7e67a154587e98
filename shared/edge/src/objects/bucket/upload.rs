//! Writing an object of a bucket piece by piece: a small one by one request, a large one in parts that are sent
//! while the next is filled.

use std::collections::VecDeque;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::refusal::Refusal;
use super::{Bucket, Error, writer_id};

/// The size of the first parts. S3 takes no smaller one than 5 MiB, except as the last.
const PART_BYTES: usize = 8 << 20;
/// S3 takes 10,000 parts, so after each thousand they are larger by the size of the first.
const PARTS_OF_A_SIZE: usize = 1000;
/// How many parts may be under way before the writer has to wait.
const UNDER_WAY: usize = 3;

/// An object on its way into a bucket.
#[derive(Debug)]
pub struct BucketUpload {
    bucket: Bucket,
    key: String,
    writer: Arc<str>,
    filling: Vec<u8>,
    parts: Option<Parts>,
    tasks: Handle,
}

/// The parts of a large object. Unless they are completed, S3 is told to forget them.
#[derive(Debug, Default)]
struct Parts {
    /// The name of the upload, once S3 has given it.
    id: Arc<OnceCell<String>>,
    under_way: VecDeque<Sending>,
    done: Vec<CompletedPart>,
    /// Whether one was not taken: S3 would make an object of the others.
    lacks_one: bool,
}

type Sending = JoinHandle<Result<CompletedPart, Error>>;

impl Bucket {
    pub(in crate::objects) fn upload(&self, key: &str) -> BucketUpload {
        BucketUpload {
            bucket: self.clone(),
            key: key.to_owned(),
            writer: writer_id().into(),
            filling: Vec::new(),
            parts: None,
            tasks: Handle::current(),
        }
    }

    pub(super) async fn begin(&self, key: &str, writer: &str) -> Result<String, Error> {
        let create = self.s3().create_multipart_upload().bucket(&*self.name);
        let create = create.key(self.whole(key)).metadata(super::WRITER, writer);
        // Each part is sent with its sum, and S3 makes that of the whole of them, which readers compare with.
        let create = create.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let create = create.checksum_type(ChecksumType::FullObject);
        let begun = create.send().await;
        let begun = begun.map_err(|error| self.failed("PutObject", key, error))?;
        let unnamed = || std::io::Error::other("S3 did not name the upload");
        let id = begun.upload_id;
        id.ok_or_else(|| Error::store(key, unnamed()))
    }

    async fn send_part(
        &self,
        key: &str,
        id: &str,
        number: i32,
        content: Bytes,
    ) -> Result<CompletedPart, Error> {
        let part = self.s3().upload_part().bucket(&*self.name);
        let part = part.key(self.whole(key)).upload_id(id).part_number(number);
        let part = part.checksum_algorithm(ChecksumAlgorithm::Crc32);
        let sent = part.body(ByteStream::from(content)).send().await;
        let sent = sent.map_err(|error| self.failed("PutObject", key, error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32)
            .build())
    }

    /// Makes one object of the parts.
    pub(super) async fn complete(
        &self,
        key: &str,
        id: &str,
        writer: &str,
        parts: Vec<CompletedPart>,
        is_new: bool,
    ) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let complete = self.s3().complete_multipart_upload().bucket(&*self.name);
        let complete = complete.key(self.whole(key)).upload_id(id);
        let complete = complete.set_if_none_match(is_new.then(|| "*".to_owned()));
        let sent = complete.multipart_upload(parts.build()).send().await;
        let Err(error) = sent else {
            return Ok(());
        };
        match self.refusal("PutObject", key, error) {
            // It was completed, and the answer was lost; or another was quicker; or somebody has aborted it.
            refusal @ (Refusal::Unmet | Refusal::Absent) => match self.own(key, writer).await? {
                Some(_) => Ok(()),
                None if matches!(refusal, Refusal::Unmet) => {
                    Err(Error::AlreadyExists(key.to_owned()))
                }
                None => Err(refusal.into_error(key)),
            },
            // S3 wants the parts sent anew, and they are no longer held here: the step is to be run again.
            refusal => Err(refusal.into_error(key)),
        }
    }

    /// Lets S3 forget what was sent of an upload. If it does not hear, the bucket's lifecycle forgets it later.
    pub(super) async fn abort(&self, key: &str, id: &str) {
        let abort = self.s3().abort_multipart_upload().bucket(&*self.name);
        let sent = abort.key(self.whole(key)).upload_id(id).send().await;
        if let Err(error) = sent {
            let said = crate::aws::told(&error);
            tracing::warn!(key, said, "an upload is left to the bucket's lifecycle");
        }
    }
}

impl BucketUpload {
    pub(in crate::objects) fn write(&mut self, bytes: &[u8]) -> usize {
        let size = self.part_bytes();
        let taken = bytes.len().min(size - self.filling.len());
        self.filling.extend_from_slice(&bytes[..taken]);
        if self.filling.len() == size {
            self.send();
        }
        taken
    }

    fn part_bytes(&self) -> usize {
        let sent = |parts: &Parts| parts.done.len() + parts.under_way.len();
        PART_BYTES * (1 + self.parts.as_ref().map_or(0, sent) / PARTS_OF_A_SIZE)
    }

    /// Sends what is filled as the next part.
    fn send(&mut self) {
        let content = Bytes::from(std::mem::take(&mut self.filling));
        let parts = self.parts.get_or_insert_default();
        let number = parts.done.len() + parts.under_way.len() + 1;
        let number = i32::try_from(number).unwrap_or(i32::MAX);
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let (id, writer) = (parts.id.clone(), self.writer.clone());
        parts.under_way.push_back(self.tasks.spawn(async move {
            // Whichever comes first begins the upload.
            let id = id.get_or_try_init(|| bucket.begin(&key, &writer)).await?;
            bucket.send_part(&key, id, number, content).await
        }));
    }

    pub(in crate::objects) fn is_behind(&self) -> bool {
        self.under_way() > UNDER_WAY
    }

    fn under_way(&self) -> usize {
        self.parts.as_ref().map_or(0, |parts| parts.under_way.len())
    }

    pub(in crate::objects) async fn settle(&mut self) -> Result<(), Error> {
        self.settle_to(UNDER_WAY).await
    }

    async fn settle_to(&mut self, most: usize) -> Result<(), Error> {
        while let Some(parts) = &mut self.parts
            && parts.under_way.len() > most
            && let Some(sending) = parts.under_way.front_mut()
        {
            // Taken out only once it has ended: who settles may be dropped.
            let ended = sending.await;
            parts.under_way.pop_front();
            let ended = ended.unwrap_or_else(|stopped| {
                Err(Error::store(&self.key, std::io::Error::other(stopped)))
            });
            parts.lacks_one |= ended.is_err();
            parts.done.push(ended?);
        }
        Ok(())
    }

    pub(in crate::objects) async fn commit(mut self) -> Result<(), Error> {
        if self.parts.is_none() {
            let content = std::mem::take(&mut self.filling);
            return self.bucket.put(&self.key, content).await;
        }
        self.finish(false).await
    }

    pub(in crate::objects) async fn commit_new(mut self) -> Result<(), Error> {
        if self.parts.is_none() {
            let content = std::mem::take(&mut self.filling);
            return self.bucket.create(&self.key, content).await;
        }
        self.finish(true).await
    }

    pub(in crate::objects) async fn commit_as(mut self, key: &str) -> Result<(), Error> {
        if self.parts.is_none() {
            let content = std::mem::take(&mut self.filling);
            return self.bucket.put(key, content).await;
        }
        let (bucket, begun) = (self.bucket.clone(), self.key.clone());
        self.finish(false).await?;
        bucket.copy_from(&bucket, &begun, key).await?;
        bucket.delete(&begun).await
    }

    async fn finish(&mut self, is_new: bool) -> Result<(), Error> {
        let finished = self.completed(is_new).await;
        let parts = self.parts.take();
        if let (Err(_), Some(parts)) = (&finished, parts) {
            parts.forgotten(&self.bucket, &self.key).await;
        }
        finished
    }

    async fn completed(&mut self, is_new: bool) -> Result<(), Error> {
        if !self.filling.is_empty() {
            self.send();
        }
        self.settle_to(0).await?;
        let (bucket, key) = (&self.bucket, &self.key);
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        let id = match parts.id.get() {
            Some(id) if !parts.lacks_one => id,
            _ => {
                let lacking = std::io::Error::other("a part of it was not taken");
                return Err(Error::store(key, lacking));
            }
        };
        let done = std::mem::take(&mut parts.done);
        bucket.complete(key, id, &self.writer, done, is_new).await
    }
}

impl Parts {
    /// Lets S3 forget them. A part that arrives after it was told so would stay.
    async fn forgotten(self, bucket: &Bucket, key: &str) {
        for sending in self.under_way {
            let _ = sending.await;
        }
        if let Some(id) = self.id.get() {
            bucket.abort(key, id).await;
        }
    }
}

impl Drop for BucketUpload {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else {
            return;
        };
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        self.tasks
            .spawn(async move { parts.forgotten(&bucket, &key).await });
    }
}
