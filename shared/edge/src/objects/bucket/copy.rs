//! Copying within S3: no byte passes through this process.

use std::ops::Range;

use aws_sdk_s3::types::CompletedPart;
use futures::{StreamExt, TryStreamExt};
use pipeline::request::encode;

use super::{Bucket, Error, writer_id};

/// The largest object that S3 copies by one request.
const LARGEST_BYTES: u64 = 5 << 30;
/// What is copied by one request of a larger one.
const PART_BYTES: u64 = 1 << 30;
/// How many of these are under way at a time.
const TOGETHER: usize = 8;

impl Bucket {
    pub(in crate::objects) async fn copy_from(
        &self,
        source: &Bucket,
        from: &str,
        to: &str,
    ) -> Result<(), Error> {
        let bytes = source.size(from).await?;
        let bytes = bytes.ok_or_else(|| Error::NotFound(from.to_owned()))?;
        // S3 takes a copy onto itself for a mistake.
        if source.address(from) == self.address(to) {
            return Ok(());
        }
        if bytes > LARGEST_BYTES {
            return self.copy_parts(source, from, to, bytes, PART_BYTES).await;
        }
        let copy = self.s3().copy_object().bucket(&*self.name);
        let copy = copy.key(self.whole(to)).copy_source(source.quoted(from));
        let sent = copy.send().await;
        sent.map_err(|error| self.failed("PutObject", to, error))?;
        Ok(())
    }

    /// Copies piece by piece.
    pub(super) async fn copy_parts(
        &self,
        source: &Bucket,
        from: &str,
        to: &str,
        bytes: u64,
        part_bytes: u64,
    ) -> Result<(), Error> {
        let writer = writer_id();
        let id = self.begin(to, &writer).await?;
        let parts = (0..bytes.div_ceil(part_bytes))
            .map(|number| number * part_bytes..((number + 1) * part_bytes).min(bytes));
        let copied = futures::stream::iter(parts.zip(1..))
            .map(|(range, number)| self.copy_part(source, from, to, &id, range, number))
            .buffered(TOGETHER)
            .try_collect::<Vec<_>>()
            .await;
        let done = match copied {
            Ok(parts) => self.complete(to, &id, &writer, parts, false).await,
            Err(error) => Err(error),
        };
        if done.is_err() {
            self.abort(to, &id).await;
        }
        done
    }

    async fn copy_part(
        &self,
        source: &Bucket,
        from: &str,
        to: &str,
        id: &str,
        range: Range<u64>,
        number: i32,
    ) -> Result<CompletedPart, Error> {
        let copy = self.s3().upload_part_copy().bucket(&*self.name);
        let copy = copy.key(self.whole(to)).upload_id(id).part_number(number);
        let copy = copy.copy_source(source.quoted(from));
        let last = range.end.saturating_sub(1);
        let copy = copy.copy_source_range(format!("bytes={}-{last}", range.start));
        let sent = copy.send().await;
        let copied = sent.map_err(|error| self.failed("PutObject", to, error))?;
        let tag = copied.copy_part_result.and_then(|result| result.e_tag);
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(tag)
            .build())
    }

    /// As a copy names its source.
    fn quoted(&self, key: &str) -> String {
        let mut quoted = self.name.to_string();
        for part in self.whole(key).split('/') {
            quoted.push('/');
            quoted.push_str(&encode(part));
        }
        quoted
    }
}
