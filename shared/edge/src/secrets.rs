//! Where secrets come from: environment variables, then a file of `NAME=value` lines.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use pipeline::fault::Fault;
use pipeline::secret::{Secret, SecretName, Secrets};

use crate::rotation::Place;
use crate::settings::Settings;

/// Reads secrets by name; holds those of the file.
#[derive(Clone)]
pub struct SecretStore {
    file: BTreeMap<String, Secret>,
    file_name: Option<PathBuf>,
    environment: fn(&str) -> Option<String>,
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SecretStore with {:?}", self.file_name)
    }
}

impl SecretStore {
    /// A store over the process's environment and the file that the settings name.
    #[expect(
        clippy::disallowed_methods,
        reason = "a secret's variable is named by its definition, not by us"
    )]
    pub fn open(settings: &Settings) -> Result<Self, Fault> {
        SecretStore::over(
            |name| std::env::var(name).ok(),
            settings.secrets_file.as_deref(),
        )
    }

    /// A store over these variables and this file.
    pub fn over(
        environment: fn(&str) -> Option<String>,
        file: Option<&Path>,
    ) -> Result<Self, Fault> {
        let mut store = SecretStore {
            file: BTreeMap::new(),
            file_name: None,
            environment,
        };
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let kind = error.kind();
                Fault::bad_definition(format!(
                    "the secrets file {} cannot be read: {kind}",
                    path.display()
                ))
            })?;
            store.file = parse(&text).map_err(|fault| fault.with("file", path.display()))?;
            store.file_name = Some(path.to_owned());
        }
        Ok(store)
    }

    /// The secrets of these names, and no others.
    pub fn read<'a>(
        &self,
        names: impl IntoIterator<Item = &'a SecretName>,
    ) -> Result<Secrets, Fault> {
        let names = names.into_iter();
        names
            .map(|name| Ok((name.clone(), self.one(name)?)))
            .collect()
    }

    /// The secret of this name, if it is set anywhere.
    pub fn optional(&self, name: &SecretName) -> Option<Secret> {
        let variable = name.environment_variable();
        let set = self.set(&variable).map(Secret::new);
        let found = set.or_else(|| self.file.get(&variable).cloned());
        found.filter(|secret| !secret.expose().is_empty())
    }

    /// Takes the place of a secret that its source may replace; none while another process holds it. What
    /// stands in the environment can't be replaced there, so it is refused before anything is sent.
    pub(crate) fn place(&self, name: &SecretName) -> Result<Option<Place>, Fault> {
        let variable = name.environment_variable();
        match &self.file_name {
            Some(file) if self.set(&variable).is_none() => Place::try_take(file, name),
            _ => Err(Fault::bad_definition(format!(
                "the source may replace the secret `{name}`, and {variable} of the environment could not keep the new one; write it into a file given by --secrets, or set `rotates: false` if the source never replaces it"
            ))),
        }
    }

    fn set(&self, variable: &str) -> Option<String> {
        (self.environment)(variable).filter(|value| !value.is_empty())
    }

    fn one(&self, name: &SecretName) -> Result<Secret, Fault> {
        let variable = name.environment_variable();
        self.optional(name).ok_or_else(|| {
            let file = match &self.file_name {
                Some(file) => format!("write it into {}", file.display()),
                None => format!(
                    "give a file that has it with --secrets FILE or {}",
                    crate::settings::SECRETS_FILE
                ),
            };
            Fault::bad_definition(format!(
                "the secret `{name}` is not known; set {variable}, or {file}"
            ))
        })
    }
}

/// The lines of a file: `NAME=value`, with `export` before and quotes around where a shell wants them; `#`
/// begins a comment. Nothing of a line is ever shown.
pub(crate) fn parse(text: &str) -> Result<BTreeMap<String, Secret>, Fault> {
    let mut secrets = BTreeMap::new();
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refused = |why: &str| Fault::bad_definition(format!("line {} {why}", number + 1));
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| refused("is not `NAME=value`"))?;
        let name = name.trim();
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.is_empty() || !name.chars().all(good) {
            return Err(refused(
                "has a name with other characters than letters, digits and `_`",
            ));
        }
        let value =
            unquoted(value.trim()).ok_or_else(|| refused("has a quote that does not end"))?;
        if secrets
            .insert(name.to_owned(), Secret::new(value))
            .is_some()
        {
            return Err(refused("names what an earlier line names; keep one"));
        }
    }
    Ok(secrets)
}

fn unquoted(value: &str) -> Option<String> {
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.strip_suffix('\'').map(str::to_owned);
    }
    let Some(inner) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut unquoted = String::new();
    let mut rest = inner.chars();
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(unquoted),
            '\\' => unquoted.push(match rest.next()? {
                'n' => '\n',
                other => other,
            }),
            plain => unquoted.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        SecretName::try_from(text.to_owned()).expect(text)
    }

    #[test]
    fn the_environment_goes_before_the_file_and_what_is_missing_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.env");
        let text = "# mine\nexport LAKEHEAD_SECRET_A_B=\"q\\\"u o\\nte\"\nLAKEHEAD_SECRET_A_C='x=#y'\n\nLAKEHEAD_SECRET_A_D = plain=z \nLAKEHEAD_SECRET_A_E=\n";
        std::fs::write(&path, text).expect("written");
        let environment =
            |variable: &str| (variable == "LAKEHEAD_SECRET_A_D").then(|| "first".to_owned());
        let store = SecretStore::over(environment, Some(&path)).expect("opens");
        for (secret, value) in [("a/b", "q\"u o\nte"), ("a/c", "x=#y"), ("a/d", "first")] {
            let secrets = store.read([&name(secret)]).expect(secret);
            assert_eq!(secrets.get(&name(secret)).expect(secret).expose(), value);
        }
        let fault = store.read([&name("a/e")]).expect_err("empty");
        assert!(
            fault.message.contains("LAKEHEAD_SECRET_A_E") && fault.message.contains("s.env"),
            "{fault}"
        );
        let store = SecretStore::over(|_| None, None).expect("opens");
        let fault = store.read([&name("a/b")]).expect_err("nowhere");
        let remedy = "give a file that has it with --secrets FILE or LAKEHEAD_SECRETS_FILE";
        assert!(fault.message.ends_with(remedy), "{fault}");
    }

    #[test]
    fn a_broken_file_is_refused_without_showing_it() {
        for text in [
            "hunter2",
            "A-B=hunter2",
            "A='hunter2",
            "A=\"hunter2",
            "A=\"hunter2\" more",
            "A=hunter2\nA=hunter2",
        ] {
            let fault = parse(text).expect_err(text);
            assert!(
                fault.message.starts_with("line ") && !fault.message.contains("hunter2"),
                "{fault}"
            );
        }
        assert!(SecretStore::over(|_| None, Some(Path::new("/nonexistent/x"))).is_err());
    }
}
