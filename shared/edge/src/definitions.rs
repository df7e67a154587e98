//! Definitions on disk: one folder a pipeline, read whole so that a run carries all that it needs.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use pipeline::definition::{self, Bundle};
use pipeline::fault::Fault;
use pipeline::name::Name;
use pipeline::problem::suggestion;

/// The file that makes a folder a pipeline's.
const FILE: &str = "pipeline.yaml";

/// The largest file that is read; a definition's files travel with every run.
const LARGEST_BYTES: u64 = 16 << 20;

/// The folder of all pipelines.
#[derive(Debug, Clone)]
pub struct Definitions {
    folder: PathBuf,
}

impl Definitions {
    /// The pipelines below `folder`.
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        Definitions {
            folder: folder.into(),
        }
    }

    /// The names of all pipelines, in order.
    pub fn names(&self) -> Result<Vec<Name>, Fault> {
        let entries = std::fs::read_dir(&self.folder).map_err(|error| self.no_folder(&error))?;
        let mut names: Vec<Name> = entries
            .flatten()
            .filter(|entry| entry.path().join(FILE).is_file())
            .filter_map(|entry| Name::new(entry.file_name().to_string_lossy()).ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// A pipeline's definition with the files that it refers to.
    pub fn load(&self, name: &str) -> Result<Bundle, Fault> {
        let folder = self.folder.join(name);
        let known = match Name::new(name) {
            Ok(known) if folder.join(FILE).is_file() => known,
            _ => return Err(self.unknown(name)?),
        };
        let text = read(&folder, FILE)?.ok_or_else(|| Fault::bug("the definition is gone"))?;
        let mut files = BTreeMap::new();
        for path in definition::files(&text) {
            // A file that is not there is a problem of the definition, which knows the place.
            if let Some(content) = read(&folder, &path)? {
                files.insert(path, content);
            }
        }
        Ok(Bundle {
            name: known,
            text,
            files,
        })
    }

    fn unknown(&self, name: &str) -> Result<Fault, Fault> {
        let names = self.names()?;
        let known: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        Ok(Fault::bad_definition(format!(
            "there is no pipeline `{name}` in {}; {}",
            self.folder.display(),
            suggestion(name, &known)
        )))
    }

    fn no_folder(&self, error: &io::Error) -> Fault {
        Fault::bad_definition(format!(
            "the folder of pipelines {} cannot be read: {error}; name another with `--pipelines DIR`",
            self.folder.display()
        ))
    }
}

fn read(folder: &Path, path: &str) -> Result<Option<String>, Fault> {
    let place = folder.join(path);
    let refused = |why: String| Fault::bad_definition(format!("{}: {why}", place.display()));
    match std::fs::metadata(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error.to_string())),
        Ok(metadata) if metadata.len() > LARGEST_BYTES => {
            return Err(refused(
                "is larger than 16 MiB; load it as a table of its own".to_owned(),
            ));
        }
        Ok(_) => {}
    }
    let bytes = std::fs::read(&place).map_err(|error| refused(error.to_string()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(refused("is not UTF-8; save it as UTF-8".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_definition_is_right() {
        let shipped = Definitions::below("../../pipelines");
        for name in shipped.names().expect("a folder") {
            let bundle = shipped.load(&name).expect("a definition");
            if let Err(problems) = bundle.check() {
                panic!("\n{}", problems.render(&bundle.file(), &bundle.text));
            }
        }
    }

    #[test]
    fn an_unknown_pipeline_gets_a_suggestion() {
        let shipped = Definitions::below("../../pipelines");
        let fault = shipped.load("ginz").expect_err("unknown");
        assert!(fault.message.contains("did you mean `gins`?"), "{fault}");
        assert!(shipped.load("../gins").is_err());
    }
}
