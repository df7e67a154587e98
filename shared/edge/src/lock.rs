//! A lock between processes of this machine that ends with the process, however that ends.

use std::fs::{File, TryLockError};

use pipeline::fault::Fault;

use crate::objects::Objects;

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of that key, or answers none where another process holds it.
    pub fn try_take(objects: &Objects, key: &str) -> Result<Option<Self>, Fault> {
        let path = objects.local_path(key)?;
        let path = path.ok_or_else(|| Fault::bug("this store of objects has no files to lock"))?;
        let failed = |error: std::io::Error| {
            Fault::transient(format!("cannot lock {}: {error}", path.display()))
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let directory = tempfile::tempdir().expect("a directory");
        let objects = Objects::directory(directory.path());
        let take = || Lock::try_take(&objects, "locks/gins").expect("no trouble");
        let first = take();
        assert!(first.is_some());
        assert!(take().is_none());
        drop(first);
        assert!(take().is_some());
    }
}
