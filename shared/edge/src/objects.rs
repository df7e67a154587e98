//! Objects: bytes under a key, in a directory on a laptop, in a bucket on AWS.
//!
//! What every store promises, and [`conformance`] holds it to: an object is there whole or not at all; a read
//! after a write sees it; of several writers that create or swap the same key exactly one wins. How it keeps
//! these promises is the store's own file.

mod bucket;
mod directory;
mod key;
mod upload;

#[cfg(test)]
pub(crate) mod conformance;

use std::fmt;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::fault::{Fault, Kind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aws::Aws;
use bucket::Bucket;
use directory::Directory;
pub use upload::Upload;

// What talks to S3 is boxed: the futures of its SDK are large and deep, and lie in those of every step.

/// A store of objects.
#[derive(Debug, Clone)]
pub enum Objects {
    /// Files below a directory.
    Directory(Directory),
    /// Objects of a bucket of S3 below a prefix.
    Bucket(Bucket),
}

/// Where an object is, as others are told: the state machine, the catalogue, a warehouse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket; `local` below a directory.
    pub bucket: String,
    /// The object's key in the bucket.
    pub key: String,
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "s3://{}/{}", self.bucket, self.key)
    }
}

/// What stands for the bucket where objects are files.
const LOCAL: &str = "local";

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
    /// S3 did not do what it was asked for.
    #[error("{said}")]
    Refused {
        /// Whether it may do so later, or who is to change what.
        kind: Kind,
        /// What was asked for, what S3 said, and the remedy.
        said: String,
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
            Error::Refused { kind, .. } => *kind,
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

    /// The objects of a bucket whose keys begin with `prefix`: empty, or ending in `/`. Nothing is sent yet.
    pub fn bucket(aws: Arc<Aws>, bucket: &str, prefix: &str) -> Self {
        Objects::Bucket(Bucket::new(aws, bucket, prefix))
    }

    /// The whole object.
    pub async fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => store.run(key, Directory::get).await,
            Objects::Bucket(store) => Box::pin(store.get(key)).await.map(|(content, _)| content),
        }
    }

    /// The whole object and what to show when swapping it; none where there is no such object.
    pub async fn get_tagged(&self, key: &str) -> Result<Option<(Vec<u8>, Tag)>, Error> {
        key::check(key)?;
        let got = match self {
            Objects::Directory(store) => {
                let got = store.run(key, Directory::get).await;
                got.map(|content| {
                    let tag = Tag::of(&content);
                    (content, tag)
                })
            }
            Objects::Bucket(store) => Box::pin(store.get(key)).await,
        };
        match got {
            Ok(found) => Ok(Some(found)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The object's first bytes, up to so many.
    pub async fn start_of(&self, key: &str, most: u64) -> Result<Vec<u8>, Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => {
                let start = move |store: &Directory, key: &str| store.start_of(key, most);
                store.run(key, start).await
            }
            Objects::Bucket(store) => Box::pin(store.start_of(key, most)).await,
        }
    }

    /// The object's size; none where there is no such object.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => store.run(key, Directory::size).await,
            Objects::Bucket(store) => Box::pin(store.size(key)).await,
        }
    }

    /// A reader over the object's bytes, for a thread that may wait: not for one that runs tasks.
    pub async fn read(&self, key: &str) -> Result<Box<dyn BufRead + Send>, Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => store.run(key, Directory::read).await,
            Objects::Bucket(store) => Box::pin(store.read(key)).await,
        }
    }

    /// Writes the object, in place of any other.
    pub async fn put(&self, key: &str, content: impl Into<Vec<u8>>) -> Result<(), Error> {
        key::check(key)?;
        let content = content.into();
        match self {
            Objects::Directory(store) => {
                let put = move |store: &Directory, key: &str| store.put(key, &content);
                store.run(key, put).await
            }
            Objects::Bucket(store) => Box::pin(store.put(key, content)).await,
        }
    }

    /// Writes the object where there is none; [`Error::AlreadyExists`] where there is one.
    pub async fn create(&self, key: &str, content: impl Into<Vec<u8>>) -> Result<(), Error> {
        key::check(key)?;
        let content = content.into();
        match self {
            Objects::Directory(store) => {
                let create = move |store: &Directory, key: &str| store.create(key, &content);
                store.run(key, create).await
            }
            Objects::Bucket(store) => Box::pin(store.create(key, content)).await,
        }
    }

    /// Writes the object in place of exactly the `expected` one (none: there must be none yet);
    /// [`Error::Changed`] where another stands there. The new content outlasts a loss of power.
    pub async fn swap(
        &self,
        key: &str,
        expected: Option<&Tag>,
        content: impl Into<Vec<u8>>,
    ) -> Result<Tag, Error> {
        key::check(key)?;
        let content = content.into();
        match self {
            Objects::Directory(store) => {
                let expected = expected.cloned();
                let swap = move |store: &Directory, key: &str| {
                    store.swap(key, expected.as_ref(), &content)?;
                    Ok(Tag::of(&content))
                };
                store.run(key, swap).await
            }
            Objects::Bucket(store) => Box::pin(store.swap(key, expected, content)).await,
        }
    }

    /// Begins to write an object piece by piece; nothing is seen of it before [`Upload::commit`].
    pub async fn upload(&self, key: &str) -> Result<Upload, Error> {
        key::check(key)?;
        Upload::begin(self, key).await
    }

    /// The objects whose keys start with `prefix`, in the order of their keys' bytes.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        key::check_prefix(prefix)?;
        match self {
            Objects::Directory(store) => store.run(prefix, Directory::list).await,
            Objects::Bucket(store) => Box::pin(store.list(prefix)).await,
        }
    }

    /// The names that follow `prefix` (empty, or ending in `/`) up to the next `/`, where there is one, in order.
    pub async fn folders(&self, prefix: &str) -> Result<Vec<String>, Error> {
        key::check_prefix(prefix)?;
        match self {
            Objects::Directory(store) => store.run(prefix, Directory::folders).await,
            Objects::Bucket(store) => Box::pin(store.folders(prefix)).await,
        }
    }

    /// Removes the object; no matter if there is none.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => store.run(key, Directory::delete).await,
            Objects::Bucket(store) => Box::pin(store.delete(key)).await,
        }
    }

    /// Makes `to` the same as `from` of the `source` store, in place of any other; without moving bytes, so the
    /// two stores must be of one kind.
    pub async fn copy_from(&self, source: &Objects, from: &str, to: &str) -> Result<(), Error> {
        key::check(from)?;
        key::check(to)?;
        match (self, source) {
            (Objects::Directory(store), Objects::Directory(source)) => {
                let (source, from) = (source.clone(), from.to_owned());
                let copy = move |store: &Directory, to: &str| store.copy_from(&source, &from, to);
                store.run(to, copy).await
            }
            (Objects::Bucket(store), Objects::Bucket(source)) => {
                Box::pin(store.copy_from(source, from, to)).await
            }
            _ => Err(Error::store(to, io::ErrorKind::CrossesDevices.into())),
        }
    }

    /// Size and SHA-256 of an object, read through once.
    pub async fn measure(&self, key: &str) -> Result<Stored, Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => store.run(key, Directory::measure).await,
            Objects::Bucket(store) => Box::pin(store.measure(key)).await,
        }
    }

    /// Makes sure that the object outlasts a loss of power. In a bucket it does from the start.
    pub async fn sync(&self, key: &str) -> Result<(), Error> {
        key::check(key)?;
        match self {
            Objects::Directory(store) => store.run(key, Directory::sync).await,
            Objects::Bucket(_) => Ok(()),
        }
    }

    /// Where the object is, as others are told.
    pub fn address(&self, key: &str) -> Result<Address, Error> {
        key::check(key)?;
        Ok(match self {
            Objects::Directory(_) => Address {
                bucket: LOCAL.to_owned(),
                key: key.to_owned(),
            },
            Objects::Bucket(store) => store.address(key),
        })
    }

    /// The object as a file of this machine, for engines that read files; none where the store has no files.
    pub fn local_path(&self, key: &str) -> Result<Option<PathBuf>, Error> {
        key::check(key)?;
        Ok(match self {
            Objects::Directory(store) => Some(store.path(key)),
            Objects::Bucket(_) => None,
        })
    }

    /// The directory below which the objects are, where there is one.
    pub fn root(&self) -> Option<&Path> {
        match self {
            Objects::Directory(store) => Some(store.root()),
            Objects::Bucket(_) => None,
        }
    }

    /// Removes what writers that died in the middle have left. Living writers lose nothing. In a bucket a rule of
    /// its lifecycle does so, as nobody but S3 knows when an upload was last written to.
    pub async fn sweep(&self) -> Result<usize, Error> {
        match self {
            Objects::Directory(store) => store.run("", |store, _| store.sweep()).await,
            Objects::Bucket(_) => Ok(0),
        }
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
