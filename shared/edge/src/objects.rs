//! Objects: bytes under a key, in a directory on a laptop, in a bucket on AWS.
//!
//! What every store promises, and [`conformance`] holds it to: an object is there whole or not at all; a read
//! after a write sees it; of several writers that create or swap the same key exactly one wins. How it keeps
//! these promises is the store's own file.

mod directory;
mod key;

#[cfg(test)]
pub(crate) mod conformance;

use std::fmt;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use pipeline::fault::{Fault, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use directory::{Directory, DirectoryUpload};

/// A store of objects.
#[derive(Debug, Clone)]
pub enum Objects {
    /// Files below a directory.
    Directory(Directory),
}

/// What identifies an object's content for [`Objects::swap`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// The object's key.
    pub key: String,
    /// Its size.
    pub bytes: u64,
}

/// What was stored, as measured on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Its size.
    pub bytes: u64,
    /// The SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// Why an object could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no object of that key.
    #[error("there is no object `{0}`")]
    NotFound(String),
    /// An object of that key is there already; whether its content is the same is the caller's question.
    #[error("an object `{0}` is there already")]
    AlreadyExists(String),
    /// The object is not, or no longer, the one that was to be replaced.
    #[error("`{0}` was changed by another writer")]
    Changed(String),
    /// The key is not one.
    #[error("`{0}` is not an object key: {1}")]
    BadKey(String, &'static str),
    /// The store itself is in trouble.
    #[error("object `{key}`: {source}")]
    Store {
        /// The key that was asked for.
        key: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    fn store(key: &str, source: io::Error) -> Self {
        Error::Store {
            key: key.to_owned(),
            source,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let kind = match &error {
            Error::Store { source, .. } if passes(source.kind()) => Kind::Transient,
            Error::Changed(_) => Kind::Transient,
            _ => Kind::Bug,
        };
        Fault::new(kind, error.to_string())
    }
}

/// Whether the same call may succeed later. A full disk is among it: room may be made.
fn passes(kind: io::ErrorKind) -> bool {
    use io::ErrorKind as K;
    !matches!(
        kind,
        K::PermissionDenied
            | K::AlreadyExists
            | K::NotADirectory
            | K::IsADirectory
            | K::ReadOnlyFilesystem
    )
}

impl Objects {
    /// The objects below a directory, which is made when the first is written.
    pub fn directory(root: impl Into<PathBuf>) -> Self {
        Objects::Directory(Directory::new(root.into()))
    }

    /// The whole object.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        self.run(key, Directory::get).await
    }

    /// The whole object and what to show when swapping it; none where there is no such object.
    pub async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>, Error> {
        match self.get(key).await {
            Ok(content) => {
                let tag = Tag::of(&content);
                Ok(Some((content, tag)))
            }
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object's size; none where there is no such object.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        self.run(key, Directory::size).await
    }

    /// A reader over the object's bytes.
    pub async fn read(&self, key: &str) -> Result<Box<dyn BufRead + Send>, Error> {
        self.run(key, Directory::read).await
    }

    /// Writes the object, in place of any other.
    pub async fn put(&self, key: &str, content: impl Into<Vec<u8>>) -> Result<(), Error> {
        let content = content.into();
        self.run(key, move |store, key| store.put(key, &content))
            .await
    }

    /// Writes the object where there is none; [`Error::AlreadyExists`] where there is one.
    pub async fn create(&self, key: &str, content: impl Into<Vec<u8>>) -> Result<(), Error> {
        let content = content.into();
        self.run(key, move |store, key| store.create(key, &content))
            .await
    }

    /// Writes the object in place of exactly the `expected` one (none: there must be none yet);
    /// [`Error::Changed`] where another stands there. The new content outlasts a loss of power.
    pub async fn swap(
        &self,
        key: &str,
        expected: Option<&Tag>,
        content: impl Into<Vec<u8>>,
    ) -> Result<Tag, Error> {
        let content = content.into();
        let expected = expected.cloned();
        self.run(key, move |store, key| {
            store.swap(key, expected.as_ref(), &content)?;
            Ok(Tag::of(&content))
        })
        .await
    }

    /// Begins to write an object piece by piece; nothing is seen of it before [`Upload::commit`].
    pub async fn upload(&self, key: &str) -> Result<Upload, Error> {
        let writer = self.run(key, Directory::upload).await?;
        Ok(Upload {
            store: self.clone(),
            key: key.to_owned(),
            writer,
            digest: Sha256::new(),
            bytes: 0,
        })
    }

    /// The objects whose keys start with `prefix`, in the order of their keys' bytes.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        key::check_prefix(prefix)?;
        let prefix = prefix.to_owned();
        self.blocking(move |store| store.list(&prefix)).await
    }

    /// The names that follow `prefix` (empty, or ending in `/`) up to the next `/`, where there is one, in order.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, Error> {
        key::check_prefix(prefix)?;
        let prefix = prefix.to_owned();
        self.blocking(move |store| store.folders(&prefix)).await
    }

    /// Removes the object; no matter if there is none.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        self.run(key, Directory::delete).await
    }

    /// Makes `to` the same as `from` of the `source` store, in place of any other; without moving bytes where
    /// the two stores can share them.
    pub async fn copy_from(&self, source: &Objects, from: &str, to: &str) -> Result<(), Error> {
        key::check(from)?;
        let Objects::Directory(source) = source;
        let source = source.clone();
        let from = from.to_owned();
        self.run(to, move |store, to| store.copy_from(&source, &from, to))
            .await
    }

    /// Size and SHA-256 of an object, read through once.
    pub async fn measure(&self, key: &str) -> Result<Stored, Error> {
        self.run(key, Directory::measure).await
    }

    /// Makes sure that the object outlasts a loss of power.
    pub async fn sync(&self, key: &str) -> Result<(), Error> {
        self.run(key, Directory::sync).await
    }

    /// The object as a file of this machine, for engines that read files; none where the store has no files.
    pub fn local_path(&self, key: &str) -> Result<Option<PathBuf>, Error> {
        key::check(key)?;
        let Objects::Directory(store) = self;
        Ok(Some(store.path(key)))
    }

    /// The directory below which the objects are, where there is one.
    pub fn root(&self) -> Option<&Path> {
        let Objects::Directory(store) = self;
        Some(store.root())
    }

    /// Removes what writers that died in the middle have left. Living writers lose nothing.
    pub async fn sweep(&self) -> Result<usize, Error> {
        self.blocking(|store| store.sweep()).await
    }

    async fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Directory, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        key::check(key)?;
        let key = key.to_owned();
        self.blocking(move |store| work(store, &key)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Objects::Directory(store) = self;
        let store = store.clone();
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .unwrap_or_else(|stopped| Err(Error::store("", io::Error::other(stopped))))
    }
}

/// An object on its way; what is not committed is discarded.
pub struct Upload {
    store: Objects,
    key: String,
    writer: DirectoryUpload,
    digest: Sha256,
    bytes: u64,
}

impl Upload {
    /// Makes the object visible, in place of any other.
    pub async fn commit(self) -> Result<Stored, Error> {
        self.finish(Directory::commit).await
    }

    /// Makes the object visible under a key that follows from its content, in place of any other.
    pub async fn commit_as(
        mut self,
        key: impl FnOnce(&Stored) -> String,
    ) -> Result<(String, Stored), Error> {
        self.key = key(&self.stored());
        let key = self.key.clone();
        let stored = self.commit().await?;
        Ok((key, stored))
    }

    /// Makes the object visible where there is none; [`Error::AlreadyExists`] where there is one.
    pub async fn commit_new(self) -> Result<Stored, Error> {
        self.finish(Directory::commit_new).await
    }

    fn stored(&self) -> Stored {
        Stored {
            bytes: self.bytes,
            sha256: hexadecimal(&self.digest.clone().finalize()),
        }
    }

    async fn finish(
        self,
        commit: fn(&Directory, &str, DirectoryUpload) -> Result<(), Error>,
    ) -> Result<Stored, Error> {
        let stored = self.stored();
        let writer = self.writer;
        self.store
            .run(&self.key, move |store, key| commit(store, key, writer))
            .await?;
        Ok(stored)
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
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

impl Tag {
    fn of(content: &[u8]) -> Self {
        Tag(sha256(content))
    }
}

/// The SHA-256 of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
