//! Objects in a bucket of S3, below a prefix.
//!
//! S3 itself promises what [`conformance`](super::conformance) asks for: an object is there whole or not at all,
//! a read after a write sees it, and writes with a condition (`If-None-Match: *`, `If-Match`) have one winner. What
//! is left to do here is to tell apart why a condition was not met. 412 says that another object stands there; but
//! the SDK sends a request again when its answer was lost, and then the other object is our own. So every write with
//! a condition carries a writer's id of its own, and a 412 is answered by looking whose object it is: equal content
//! would not tell, as two writers may write the same. 409 says that another write of the key was under way, so the
//! condition could not be judged: the write is tried again here. All other repeats are the SDK's.

mod copy;
mod read;
mod refusal;
mod upload;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use pipeline::patience::backoff;

use super::{Address, Error, Listed, Tag};
use crate::aws::Aws;
use refusal::Refusal;
pub(super) use upload::BucketUpload;

/// Where an object notes who wrote it.
const WRITER: &str = "lakehead-writer";
/// How often a write is tried again that met another of the same key; each time another writer made progress.
const CONFLICTS: u32 = 20;

/// The objects of a bucket whose keys begin with a prefix.
#[derive(Debug, Clone)]
pub struct Bucket {
    aws: Arc<Aws>,
    name: Arc<str>,
    prefix: Arc<str>,
}

/// What a write asks of the object that stands there.
#[derive(Debug, Clone, Copy)]
enum Condition<'a> {
    /// That there is none.
    IsNew,
    /// That it is this one.
    Replaces(&'a Tag),
}

impl Bucket {
    pub(super) fn new(aws: Arc<Aws>, name: &str, prefix: &str) -> Self {
        Bucket {
            aws,
            name: name.into(),
            prefix: prefix.into(),
        }
    }

    fn s3(&self) -> &Client {
        self.aws.s3()
    }

    /// The key in the bucket.
    fn whole(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    pub(super) fn address(&self, key: &str) -> Address {
        Address {
            bucket: self.name.to_string(),
            key: self.whole(key),
        }
    }

    pub(super) async fn put(&self, key: &str, content: impl Into<Bytes>) -> Result<(), Error> {
        let put = self.s3().put_object().bucket(&*self.name);
        let put = put.key(self.whole(key));
        let sent = put.body(ByteStream::from(content.into())).send().await;
        sent.map_err(|error| self.failed("PutObject", key, error))?;
        Ok(())
    }

    pub(super) async fn create(&self, key: &str, content: impl Into<Bytes>) -> Result<(), Error> {
        match self.write(key, Condition::IsNew, content.into()).await? {
            Some(_) => Ok(()),
            None => Err(Error::AlreadyExists(key.to_owned())),
        }
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        expected: Option<&Tag>,
        content: Vec<u8>,
    ) -> Result<Tag, Error> {
        let condition = expected.map_or(Condition::IsNew, Condition::Replaces);
        let written = self.write(key, condition, content.into()).await?;
        written.ok_or_else(|| Error::Changed(key.to_owned()))
    }

    /// Writes where the condition is met; none where it is not.
    async fn write(
        &self,
        key: &str,
        condition: Condition<'_>,
        content: Bytes,
    ) -> Result<Option<Tag>, Error> {
        let writer = writer_id();
        for met in 0.. {
            let put = self.s3().put_object().bucket(&*self.name);
            let put = put.key(self.whole(key)).metadata(WRITER, &writer);
            let put = match condition {
                Condition::IsNew => put.if_none_match("*"),
                Condition::Replaces(Tag(tag)) => put.if_match(tag),
            };
            let sent = put.body(ByteStream::from(content.clone())).send().await;
            let error = match sent {
                Ok(answer) => return self.tag(key, answer.e_tag).map(Some),
                Err(error) => error,
            };
            match self.refusal("PutObject", key, error) {
                Refusal::Unmet | Refusal::Absent => return self.own(key, &writer).await,
                Refusal::Conflict if met < CONFLICTS => conflict_over(met).await,
                refusal => return Err(refusal.into_error(key)),
            }
        }
        Ok(None)
    }

    /// The tag of the object that stands there, if this writer has written it.
    async fn own(&self, key: &str, writer: &str) -> Result<Option<Tag>, Error> {
        let head = self.s3().head_object().bucket(&*self.name);
        match head.key(self.whole(key)).send().await {
            Ok(head) => {
                let by = head.metadata().and_then(|metadata| metadata.get(WRITER));
                match by.is_some_and(|by| by == writer) {
                    true => self.tag(key, head.e_tag).map(Some),
                    false => Ok(None),
                }
            }
            Err(error) => match self.refusal("HeadObject", key, error) {
                Refusal::Absent => Ok(None),
                refusal => Err(refusal.into_error(key)),
            },
        }
    }

    fn tag(&self, key: &str, tag: Option<String>) -> Result<Tag, Error> {
        let missing = || std::io::Error::other("S3 did not tell the object's ETag");
        tag.map(Tag).ok_or_else(|| Error::store(key, missing()))
    }

    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let list = self.s3().list_objects_v2().bucket(&*self.name);
        let mut pages = list.prefix(self.whole(prefix)).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("ListBucket", prefix, error))?;
            for object in page.contents.unwrap_or_default() {
                // S3 gives them in the order of their bytes. What is no key was not written by us.
                let key = object.key.as_deref().unwrap_or_default();
                let Some(key) = key.strip_prefix(&*self.prefix) else {
                    continue;
                };
                if super::key::check(key).is_ok() {
                    found.push(Listed {
                        key: key.to_owned(),
                        bytes: object.size.unwrap_or_default().try_into().unwrap_or(0),
                    });
                }
            }
        }
        Ok(found)
    }

    pub(super) async fn folders(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let whole = self.whole(prefix);
        let list = self.s3().list_objects_v2().bucket(&*self.name);
        let mut pages = list.prefix(&whole).delimiter("/").into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("ListBucket", prefix, error))?;
            for common in page.common_prefixes.unwrap_or_default() {
                let name = common.prefix.as_deref().unwrap_or_default();
                let name = name.strip_prefix(&whole).unwrap_or_default();
                let name = name.strip_suffix('/').unwrap_or_default();
                if super::key::check(name).is_ok() {
                    names.push(name.to_owned());
                }
            }
        }
        Ok(names)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Error> {
        let delete = self.s3().delete_object().bucket(&*self.name);
        let sent = delete.key(self.whole(key)).send().await;
        sent.map_err(|error| self.failed("DeleteObject", key, error))?;
        Ok(())
    }
}

/// Tells one write from all others.
fn writer_id() -> String {
    let chance: u128 = rand::random();
    format!("{chance:032x}")
}

/// Lets the other write of the key come to its end.
async fn conflict_over(met: u32) {
    tokio::time::sleep(backoff(met + 2, rand::random()) / 8).await;
}
