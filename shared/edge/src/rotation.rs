//! Replacing a secret in the file where it is kept: a source that gives a new refresh token makes the old one void.
//!
//! Everything that could go wrong is done before the source is asked: the file is locked, read anew and known to
//! be replaceable, so that what is left after the answer is to write one file beside it and to rename that.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use pipeline::fault::Fault;
use pipeline::secret::{Secret, SecretName};
use tempfile::NamedTempFile;

/// A secret's line of a file, nobody else's until this is dropped.
#[derive(Debug)]
pub struct FilePlace {
    file: PathBuf,
    variable: String,
    /// The file's text without what it said of the secret, and where it said it.
    before: Secret,
    after: Secret,
    /// The value that it has there now.
    pub current: Secret,
    fresh: NamedTempFile,
    _lock: File,
}

impl FilePlace {
    /// Takes the place of a secret in a file of `NAME=value` lines; none while another process holds it.
    pub fn try_take(file: &Path, name: &SecretName) -> Result<Option<Self>, Fault> {
        let variable = name.environment_variable();
        let failed = |error: std::io::Error| {
            Fault::bad_definition(format!(
                "the secret `{name}` may be replaced by the source, but {} cannot be written: {}; make the file and its folder writable",
                file.display(),
                error.kind()
            ))
        };
        // A link would be replaced by a file.
        let file = file.canonicalize().map_err(failed)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let lock = beside(&file);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Read under the lock: another process may have replaced it a moment ago.
        let text = std::fs::read_to_string(&file).map_err(failed)?;
        let known = crate::secrets::parse(&text)?;
        let current = known.get(&variable).cloned().ok_or_else(|| {
            Fault::bad_definition(format!(
                "{} no longer holds {variable}; write the secret `{name}` into it",
                file.display()
            ))
        })?;
        let (before, after) = around(&text, &variable);
        let fresh = NamedTempFile::new_in(folder).map_err(failed)?;
        let rights = std::fs::metadata(&file).map_err(failed)?.permissions();
        fresh.as_file().set_permissions(rights).map_err(failed)?;
        Ok(Some(FilePlace {
            variable,
            before: Secret::new(before),
            after: Secret::new(after),
            current,
            fresh,
            file,
            _lock: lock,
        }))
    }

    /// Writes the new value in place of the old one; all other lines stay as they are. Once this returns, the
    /// new one is on the disk.
    pub fn replace(mut self, value: &Secret) -> Result<(), Fault> {
        let line = format!("{}={}\n", self.variable, quoted(value.expose()));
        let text = format!("{}{line}{}", self.before.expose(), self.after.expose());
        let file = self.file.clone();
        let written = self
            .fresh
            .write_all(text.as_bytes())
            .and_then(|()| self.fresh.as_file().sync_all())
            .and_then(|()| self.fresh.persist(&file).map_err(|error| error.error))
            .and_then(|_| File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all());
        written.map_err(|error| {
            Fault::bad_definition(format!(
                "the source replaced the secret in {}, but the new one could not be written there: {}; get a new one from the source and write it into the file",
                self.file.display(),
                error.kind()
            ))
        })
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    file.with_file_name(name)
}

/// What stands before and after the line that sets the variable.
fn around(text: &str, variable: &str) -> (String, String) {
    let (mut before, mut after, mut met) = (String::new(), String::new(), false);
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches('\u{feff}').trim();
        let bare = bare.strip_prefix("export ").unwrap_or(bare);
        let name = bare.split_once('=').map(|(name, _)| name.trim());
        match name == Some(variable) {
            true => met = true,
            false if met => after.push_str(line),
            false => before.push_str(line),
        }
    }
    (before, after)
}

/// As the file's reader and a shell both take it.
fn quoted(value: &str) -> String {
    if !value.contains(['\'', '\n']) {
        return format!("'{value}'");
    }
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '\n' => quoted.push_str("\\n"),
            '"' | '\\' | '$' | '`' => quoted.extend(['\\', c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\nLAKEHEAD_SECRET_A_B=x # y\nexport LAKEHEAD_SECRET_A_C=\"old\"\n\nLAKEHEAD_SECRET_A_D='z'";

    fn name() -> SecretName {
        SecretName::try_from("a/c".to_owned()).expect("a name")
    }

    fn take(path: &Path) -> FilePlace {
        FilePlace::try_take(path, &name())
            .expect("taken")
            .expect("free")
    }

    #[test]
    fn one_line_changes_and_all_others_stay() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.env");
        std::fs::write(&path, FILE).expect("written");
        for value in ["new", "n'e\"w\\$`", "two\nlines", "=#", ""] {
            let place = take(&path);
            place.replace(&Secret::new(value)).expect("replaced");
            let text = std::fs::read_to_string(&path).expect("read");
            let known = crate::secrets::parse(&text).expect("parses");
            assert_eq!(known["LAKEHEAD_SECRET_A_C"].expose(), value);
            assert!(
                text.starts_with("# mine\nLAKEHEAD_SECRET_A_B=x # y\n"),
                "{text}"
            );
            assert!(text.ends_with("\n\nLAKEHEAD_SECRET_A_D='z'"), "{text}");
        }
    }

    #[test]
    fn a_place_is_taken_by_one_and_read_anew_by_the_next() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.env");
        std::fs::write(&path, FILE).expect("written");
        let first = take(&path);
        assert_eq!(first.current.expose(), "old");
        assert!(
            FilePlace::try_take(&path, &name())
                .expect("no trouble")
                .is_none()
        );
        first.replace(&Secret::new("new")).expect("replaced");
        assert_eq!(take(&path).current.expose(), "new");
        let shown = format!("{:?}", take(&path));
        assert!(!shown.contains("new") && !shown.contains("mine"), "{shown}");
    }

    #[cfg(unix)]
    #[test]
    fn the_rights_of_the_file_stay_and_a_link_stays_a_link() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let directory = tempfile::tempdir().expect("a directory");
        let (path, link) = (
            directory.path().join("s.env"),
            directory.path().join("l.env"),
        );
        std::fs::write(&path, FILE).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
        symlink(&path, &link).expect("linked");
        take(&link).replace(&Secret::new("new")).expect("replaced");
        assert!(
            std::fs::symlink_metadata(&link)
                .expect("there")
                .is_symlink()
        );
        let rights = std::fs::metadata(&path).expect("there").permissions();
        assert_eq!(rights.mode() & 0o777, 0o640);
        assert_eq!(take(&path).current.expose(), "new");
    }

    #[test]
    fn a_file_that_cannot_be_replaced_is_told_before_anything_is_sent() {
        let missing = FilePlace::try_take(Path::new("/nonexistent/s.env"), &name());
        assert!(
            missing
                .expect_err("refused")
                .message
                .contains("cannot be written")
        );
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.env");
        std::fs::write(&path, "LAKEHEAD_SECRET_A_B=x\n").expect("written");
        let fault = FilePlace::try_take(&path, &name()).expect_err("not there");
        assert!(fault.message.contains("no longer holds"), "{fault}");
    }
}
