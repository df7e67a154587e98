//! Objects as files below a directory, safe between processes that share it.
//!
//! An object is written to a file of its own in `.tmp` and renamed into place, so a writer that is killed
//! leaves no half object. Every change of a key happens under the lock of one of 256 files in `.locks`, chosen by
//! the key; the system frees a lock when its holder dies. `.tmp` is the only place where a crash leaves anything:
//! a living writer holds a lock on its file there, and [`Directory::sweep`] removes those that nobody holds.
//!
//! Nothing is forced to the disk on the way: what a killed process has written is in the system's hands. Against
//! a loss of power, [`Directory::swap`] and [`Directory::sync`] force the disk; so whoever syncs what a pointer
//! names and then swaps the pointer loses nothing that was published, and the rest can be made again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{Error, Listed, Stored, Tag, hexadecimal};

const TEMPORARY: &str = ".tmp";
const LOCKS: &str = ".locks";
/// A second name of another object's file, on its way; the file of the same name without it holds the lock.
const LINK: &str = "link";
const BUFFER_BYTES: usize = 1 << 18;

/// Files below a directory.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

/// A file on its way.
pub(super) struct DirectoryUpload {
    file: BufWriter<NamedTempFile>,
}

impl Directory {
    pub(super) fn new(root: PathBuf) -> Self {
        // Engines want absolute paths; where even the working directory is gone, a relative one does no worse.
        let root = std::path::absolute(&root).unwrap_or(root);
        Directory { root }
    }

    /// Works on a thread that may wait for the disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        key: &str,
        work: impl FnOnce(&Directory, &str) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (store, key) = (self.clone(), key.to_owned());
        tokio::task::spawn_blocking(move || work(&store, &key))
            .await
            .unwrap_or_else(|stopped| Err(Error::store("", io::Error::other(stopped))))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    pub(super) fn get(&self, key: &str) -> Result<Vec<u8>, Error> {
        fs::read(self.path(key)).map_err(|error| reading(key, error))
    }

    pub(super) fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        match fs::metadata(self.path(key)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::store(key, error)),
        }
    }

    pub(super) fn read(&self, key: &str) -> Result<Box<dyn BufRead + Send>, Error> {
        let file = File::open(self.path(key)).map_err(|error| reading(key, error))?;
        let metadata = file.metadata().map_err(|error| Error::store(key, error))?;
        if !metadata.is_file() {
            return Err(Error::NotFound(key.to_owned()));
        }
        Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)))
    }

    pub(super) fn start_of(&self, key: &str, most: u64) -> Result<Vec<u8>, Error> {
        let mut start = Vec::new();
        let read = self.read(key)?.take(most).read_to_end(&mut start);
        read.map_err(|error| Error::store(key, error))?;
        Ok(start)
    }

    pub(super) fn measure(&self, key: &str) -> Result<Stored, Error> {
        let mut reader = self.read(key)?;
        let mut digest = Sha256::new();
        let mut bytes = 0;
        loop {
            let piece = reader
                .fill_buf()
                .map_err(|error| Error::store(key, error))?;
            if piece.is_empty() {
                break;
            }
            digest.update(piece);
            bytes += piece.len() as u64;
            let length = piece.len();
            reader.consume(length);
        }
        Ok(Stored {
            bytes,
            sha256: hexadecimal(&digest.finalize()),
        })
    }

    pub(super) fn put(&self, key: &str, content: &[u8]) -> Result<(), Error> {
        let file = self.written(content).map_err(|e| Error::store(key, e))?;
        let _lock = self.lock(key)?;
        self.replace(key, file)
    }

    pub(super) fn create(&self, key: &str, content: &[u8]) -> Result<(), Error> {
        let file = self.written(content).map_err(|e| Error::store(key, e))?;
        let _lock = self.lock(key)?;
        self.place_new(key, file)
    }

    pub(super) fn swap(
        &self,
        key: &str,
        expected: Option<&Tag>,
        content: &[u8],
    ) -> Result<(), Error> {
        let file = self.written(content).map_err(|e| Error::store(key, e))?;
        file.as_file()
            .sync_all()
            .map_err(|e| Error::store(key, e))?;
        let _lock = self.lock(key)?;
        let current = match self.get(key) {
            Ok(content) => Some(Tag::of(&content)),
            Err(Error::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        if current.as_ref() != expected {
            return Err(Error::Changed(key.to_owned()));
        }
        self.replace(key, file)?;
        self.sync_folder(key)
    }

    pub(super) fn upload(&self, key: &str) -> Result<DirectoryUpload, Error> {
        let file = self.temporary().map_err(|e| Error::store(key, e))?;
        Ok(DirectoryUpload {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
        })
    }

    pub(super) fn commit(&self, key: &str, upload: DirectoryUpload) -> Result<(), Error> {
        let file = upload.finished().map_err(|e| Error::store(key, e))?;
        let _lock = self.lock(key)?;
        self.replace(key, file)
    }

    pub(super) fn commit_new(&self, key: &str, upload: DirectoryUpload) -> Result<(), Error> {
        let file = upload.finished().map_err(|e| Error::store(key, e))?;
        let _lock = self.lock(key)?;
        self.place_new(key, file)
    }

    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let folder = prefix.rfind('/').map_or("", |end| &prefix[..=end]);
        let mut found = Vec::new();
        self.walk(folder, prefix, &mut found)
            .map_err(|e| Error::store(prefix, e))?;
        found.sort();
        Ok(found)
    }

    fn walk(&self, folder: &str, prefix: &str, found: &mut Vec<Listed>) -> io::Result<()> {
        for entry in entries(&self.root.join(folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let key = format!("{folder}{name}");
            let below = format!("{key}/");
            let may_match = key.starts_with(prefix) || prefix.starts_with(&below);
            // What is no key was not written by us.
            if !may_match || super::key::check(&key).is_err() {
                continue;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => self.walk(&below, prefix, found)?,
                Ok(metadata) if metadata.is_file() && key.starts_with(prefix) => {
                    let bytes = metadata.len();
                    found.push(Listed { key, bytes });
                }
                Ok(_) => {}
                Err(error) if is_absent(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut names = Vec::new();
        let store = |error| Error::store(prefix, error);
        for entry in entries(&self.root.join(prefix)).map_err(store)? {
            let entry = entry.map_err(store)?;
            let is_folder = entry.file_type().map_err(store)?.is_dir();
            match entry.file_name().into_string() {
                Ok(name) if is_folder && super::key::check(&name).is_ok() => names.push(name),
                _ => {}
            }
        }
        names.sort();
        Ok(names)
    }

    pub(super) fn delete(&self, key: &str) -> Result<(), Error> {
        let _lock = self.lock(key)?;
        match fs::remove_file(self.path(key)) {
            Err(error) if !is_absent(&error) => Err(Error::store(key, error)),
            _ => Ok(()),
        }
    }

    /// Objects are never written in place, so two keys may share one file.
    pub(super) fn copy_from(&self, source: &Directory, from: &str, to: &str) -> Result<(), Error> {
        if source.size(from)?.is_none() {
            return Err(Error::NotFound(from.to_owned()));
        }
        let path = source.path(from);
        let holder = self.temporary().map_err(|e| Error::store(to, e))?;
        let linked = holder.path().with_extension(LINK);
        if fs::hard_link(&path, &linked).is_err() {
            fs::copy(&path, holder.path()).map_err(|error| reading(from, error))?;
            let _lock = self.lock(to)?;
            return self.replace(to, holder);
        }
        let _lock = self.lock(to)?;
        let moved = self.in_folder(to, |target| fs::rename(&linked, target));
        // Renaming a file onto itself under another name leaves both, by the book.
        let _ = fs::remove_file(&linked);
        moved
    }

    pub(super) fn sync(&self, key: &str) -> Result<(), Error> {
        let file = File::open(self.path(key)).map_err(|error| reading(key, error))?;
        file.sync_all().map_err(|error| Error::store(key, error))?;
        self.sync_folder(key)
    }

    pub(super) fn sweep(&self) -> Result<usize, Error> {
        let store = |error| Error::store(TEMPORARY, error);
        let mut removed = 0;
        for entry in entries(&self.root.join(TEMPORARY)).map_err(store)? {
            let path = entry.map_err(store)?.path();
            if is_abandoned(&path) && fs::remove_file(&path).is_ok() {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// A new file in `.tmp` that is locked as long as it is open.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        let folder = self.root.join(TEMPORARY);
        loop {
            fs::create_dir_all(&folder)?;
            let file = named_file(&folder)?;
            file.as_file().lock()?;
            // A sweep may have come between the making and the locking.
            if file.path().try_exists()? {
                return Ok(file);
            }
        }
    }

    fn written(&self, content: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = self.temporary()?;
        file.write_all(content)?;
        Ok(file)
    }

    fn replace(&self, key: &str, file: NamedTempFile) -> Result<(), Error> {
        self.in_folder(key, |target| fs::rename(file.path(), target))?;
        // The file now stands under its key: there is nothing left to clean up.
        let _ = file.into_temp_path().keep();
        Ok(())
    }

    fn place_new(&self, key: &str, file: NamedTempFile) -> Result<(), Error> {
        if self.path(key).is_file() {
            return Err(Error::AlreadyExists(key.to_owned()));
        }
        self.replace(key, file)
    }

    /// Does something with the path of a key whose folder exists.
    fn in_folder(
        &self,
        key: &str,
        work: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.path(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::store(key, error))?;
        }
        work(&path).map_err(|error| Error::store(key, error))
    }

    /// A renamed file outlasts a loss of power only when its folder does.
    #[cfg(unix)]
    fn sync_folder(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key);
        let folders = path.ancestors().skip(1);
        for folder in folders.take_while(|folder| folder.starts_with(&self.root)) {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(|error| Error::store(key, error))?;
        }
        Ok(())
    }

    #[cfg(not(unix))]
    fn sync_folder(&self, _key: &str) -> Result<(), Error> {
        Ok(())
    }

    /// The lock under which the key changes, until it is dropped.
    fn lock(&self, key: &str) -> Result<File, Error> {
        let stripe = Sha256::digest(key.as_bytes())[0];
        let folder = self.root.join(LOCKS);
        let open = || {
            fs::create_dir_all(&folder)?;
            let path = folder.join(format!("{stripe:02x}"));
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|error| Error::store(key, error))
    }
}

impl DirectoryUpload {
    fn finished(self) -> io::Result<NamedTempFile> {
        self.file.into_inner().map_err(|error| error.into_error())
    }
}

impl Write for DirectoryUpload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A temporary file that others may read once it has its name, as the user's umask allows.
fn named_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Whether the writer of a temporary file is gone.
fn is_abandoned(path: &Path) -> bool {
    let holder = match path.extension() {
        Some(extension) if extension == LINK => path.with_extension(""),
        _ => path.to_owned(),
    };
    match File::open(&holder) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => is_absent(&error),
    }
}

/// The entries of a folder; none where there is no such folder.
fn entries(folder: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<fs::DirEntry>>>> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(Box::new(entries)),
        Err(error) if is_absent(&error) => Ok(Box::new(std::iter::empty())),
        Err(error) => Err(error),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// A folder of that name is no object.
fn reading(key: &str, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
            Error::NotFound(key.to_owned())
        }
        _ => Error::store(key, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::{Objects, conformance};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_directory_is_a_store() {
        let folder = tempfile::tempdir().expect("a folder");
        conformance::run(|| Objects::directory(folder.path().join("root"))).await;
    }

    #[tokio::test]
    async fn what_a_dead_writer_left_is_no_object_and_is_swept_while_living_writers_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::directory(folder.path());
        let temporary = folder.path().join(TEMPORARY);
        fs::create_dir_all(&temporary).expect("a folder");
        fs::write(temporary.join("dead"), "half").expect("written");
        fs::write(temporary.join("gone.link"), "half").expect("written");
        let mut living = objects.upload("a").await.expect("begun");
        living.write_all(b"whole").expect("written");
        assert_eq!(objects.list("").await.expect("listed"), []);
        assert_eq!(objects.sweep().await.expect("swept"), 2);
        living.commit().await.expect("committed");
        assert_eq!(objects.get("a").await.expect("there"), b"whole");
        assert_eq!(fs::read_dir(&temporary).expect("there").count(), 0);
    }

    #[tokio::test]
    async fn files_that_are_no_objects_are_not_listed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(".DS_Store"), "").expect("written");
        fs::write(folder.path().join("a\\b"), "").expect("written");
        let objects = Objects::directory(folder.path());
        objects.put("x/y", "1").await.expect("written");
        let keys: Vec<String> = objects
            .list("")
            .await
            .expect("listed")
            .into_iter()
            .map(|listed| listed.key)
            .collect();
        assert_eq!(keys, ["x/y"]);
    }

    #[tokio::test]
    async fn a_copy_shares_the_file_until_one_of_the_two_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let parts = Objects::directory(folder.path().join("objects"));
        let lake = Objects::directory(folder.path().join("lake"));
        parts.put("p", "one").await.expect("written");
        for _ in 0..2 {
            lake.copy_from(&parts, "p", "d/t/p").await.expect("copied");
        }
        parts.put("p", "two").await.expect("written");
        assert_eq!(lake.get("d/t/p").await.expect("there"), b"one");
        let left = fs::read_dir(folder.path().join("lake").join(TEMPORARY));
        assert_eq!(left.expect("there").count(), 0);
    }
}
