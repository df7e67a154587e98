//! An object on its way into a store, written piece by piece.

use std::fmt;
use std::io::{self, Write};

use sha2::{Digest, Sha256};

use super::bucket::BucketUpload;
use super::directory::{Directory, DirectoryUpload};
use super::{Error, Objects, Stored, hexadecimal, key};

/// An object on its way; what is not committed is discarded.
///
/// Writing never waits, as it may be done by a thread that runs tasks; so whoever writes much lets it settle now
/// and then.
pub struct Upload {
    key: String,
    writer: Writer,
    digest: Sha256,
    bytes: u64,
}

enum Writer {
    Directory(Directory, DirectoryUpload),
    Bucket(BucketUpload),
}

impl Upload {
    pub(super) async fn begin(store: &Objects, key: &str) -> Result<Self, Error> {
        let writer = match store {
            Objects::Directory(store) => {
                let begun = store.run(key, Directory::upload).await?;
                Writer::Directory(store.clone(), begun)
            }
            Objects::Bucket(store) => Writer::Bucket(store.upload(key)),
        };
        Ok(Upload {
            key: key.to_owned(),
            writer,
            digest: Sha256::new(),
            bytes: 0,
        })
    }

    /// Whether more is held in memory than should be: it is time to let it settle.
    pub fn is_behind(&self) -> bool {
        match &self.writer {
            Writer::Directory(..) => false,
            Writer::Bucket(upload) => upload.is_behind(),
        }
    }

    /// Waits until little enough is held in memory. What could not be sent is told here or by the commit.
    pub async fn settle(&mut self) -> Result<(), Error> {
        match &mut self.writer {
            Writer::Directory(..) => Ok(()),
            Writer::Bucket(upload) => Box::pin(upload.settle()).await,
        }
    }

    /// Makes the object visible, in place of any other.
    pub async fn commit(self) -> Result<Stored, Error> {
        let stored = self.stored();
        match self.writer {
            Writer::Directory(store, upload) => {
                let commit = move |store: &Directory, key: &str| store.commit(key, upload);
                store.run(&self.key, commit).await?;
            }
            Writer::Bucket(upload) => Box::pin(upload.commit()).await?,
        }
        Ok(stored)
    }

    /// Makes the object visible under a key that follows from its content, in place of any other. In a bucket, a
    /// large one passes through the key that it was begun with, so this must be nobody else's.
    pub async fn commit_as(
        self,
        named: impl FnOnce(&Stored) -> String,
    ) -> Result<(String, Stored), Error> {
        let stored = self.stored();
        let key = named(&stored);
        key::check(&key)?;
        match self.writer {
            Writer::Directory(store, upload) => {
                let commit = move |store: &Directory, key: &str| store.commit(key, upload);
                store.run(&key, commit).await?;
            }
            Writer::Bucket(upload) => Box::pin(upload.commit_as(&key)).await?,
        }
        Ok((key, stored))
    }

    /// Makes the object visible where there is none; [`Error::AlreadyExists`] where there is one.
    pub async fn commit_new(self) -> Result<Stored, Error> {
        let stored = self.stored();
        match self.writer {
            Writer::Directory(store, upload) => {
                let commit = move |store: &Directory, key: &str| store.commit_new(key, upload);
                store.run(&self.key, commit).await?;
            }
            Writer::Bucket(upload) => Box::pin(upload.commit_new()).await?,
        }
        Ok(stored)
    }

    fn stored(&self) -> Stored {
        Stored {
            bytes: self.bytes,
            sha256: hexadecimal(&self.digest.clone().finalize()),
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.writer {
            Writer::Directory(_, upload) => upload.write(bytes)?,
            Writer::Bucket(upload) => upload.write(bytes),
        };
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.writer {
            Writer::Directory(_, upload) => upload.flush(),
            Writer::Bucket(_) => Ok(()),
        }
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "Upload({}, {} bytes so far)",
            self.key, self.bytes
        )
    }
}
