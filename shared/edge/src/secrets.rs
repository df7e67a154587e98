//! Where secrets come from: environment variables, then a file of `NAME=value` lines, then, on AWS, its own store.
//! A value may be the address of something encrypted.

mod aws;
mod encrypted;
mod fernet;
mod lines;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipeline::fault::Fault;
use pipeline::secret::{Secret, SecretName, Secrets};

use crate::aws::Aws;
use crate::clock::Clock;
use crate::objects::Objects;
use crate::rotation::FilePlace;
use crate::settings::Settings;
pub(crate) use aws::AwsPlace;
use aws::AwsSecrets;
use encrypted::{Encrypted, Place as EncryptedPlace};
pub(crate) use lines::parse;

/// Reads secrets by name; holds those of the file.
#[derive(Clone)]
pub struct SecretStore {
    file: BTreeMap<String, Secret>,
    file_name: Option<PathBuf>,
    environment: fn(&str) -> Option<String>,
    aws: Option<Arc<AwsSecrets>>,
    /// What reads encrypted objects of a process that else has nothing to do with AWS.
    #[cfg(feature = "profiles")]
    reader: Arc<tokio::sync::OnceCell<Arc<Aws>>>,
}

/// The place of a secret that its source may replace, nobody else's until it is replaced or left.
#[derive(Debug)]
pub(crate) enum Place {
    /// In a file of this machine.
    File(FilePlace),
    /// In the store of AWS.
    Aws(AwsPlace),
}

impl Place {
    /// The value that it has there now.
    pub(crate) fn current(&self) -> &Secret {
        match self {
            Place::File(place) => &place.current,
            Place::Aws(place) => &place.current,
        }
    }

    /// Writes the new value in place of the old one. Once this returns, it is kept.
    pub(crate) async fn replace(self, value: &Secret) -> Result<(), Fault> {
        match self {
            Place::File(place) => place.replace(value),
            Place::Aws(place) => place.replace(value).await,
        }
    }

    /// Leaves it as it is, for others to take.
    pub(crate) async fn leave(self) {
        if let Place::Aws(place) = self {
            place.leave().await;
        }
    }
}

impl fmt::Debug for SecretStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, aws) = (&self.file_name, &self.aws);
        write!(formatter, "SecretStore with {file:?} and {aws:?}")
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
            aws: None,
            #[cfg(feature = "profiles")]
            reader: Arc::default(),
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

    /// The same store, and AWS behind it; `objects` hold the locks of secrets that are replaced.
    #[must_use]
    pub fn on_aws(self, aws: Arc<Aws>, settings: &Settings, objects: Objects) -> Self {
        let secrets = AwsSecrets::new(aws, settings.secret_store, objects, Clock::System);
        SecretStore {
            aws: Some(Arc::new(secrets)),
            ..self
        }
    }

    /// The secrets of these names, and no others.
    pub async fn read<'a>(
        &self,
        names: impl IntoIterator<Item = &'a SecretName>,
    ) -> Result<Secrets, Fault> {
        let mut secrets = Secrets::default();
        for name in names {
            let found = self.optional(name).await?;
            let found = found.ok_or_else(|| self.unknown(name))?;
            secrets.insert(name.clone(), found);
        }
        Ok(secrets)
    }

    /// As [`SecretStore::read`], without what was kept of an earlier reading.
    pub(crate) async fn read_anew(
        &self,
        names: impl IntoIterator<Item = &SecretName>,
    ) -> Result<Secrets, Fault> {
        let names: Vec<&SecretName> = names.into_iter().collect();
        if let Some(aws) = &self.aws {
            for name in names.iter().filter(|name| self.here(name).is_none()) {
                aws.get_anew(name).await?;
            }
        }
        self.read(names).await
    }

    /// The secret of this name, if it is set anywhere.
    pub async fn optional(&self, name: &SecretName) -> Result<Option<Secret>, Fault> {
        let Some(found) = self.plain(name).await? else {
            return Ok(None);
        };
        match Encrypted::parse(name, &found)? {
            None => Ok(Some(found)),
            Some(encrypted) => self.decrypted(name, &encrypted).await.map(Some),
        }
    }

    /// The secret as it is written.
    async fn plain(&self, name: &SecretName) -> Result<Option<Secret>, Fault> {
        let found = match (self.here(name), &self.aws) {
            (Some(found), _) => Some(found),
            (None, Some(aws)) => aws.get(name).await?,
            (None, None) => None,
        };
        Ok(found.filter(|secret| !secret.expose().is_empty()))
    }

    /// What the environment or the file say.
    fn here(&self, name: &SecretName) -> Option<Secret> {
        let variable = name.environment_variable();
        let set = self.set(&variable).map(Secret::new);
        let found = set.or_else(|| self.file.get(&variable).cloned());
        found.filter(|secret| !secret.expose().is_empty())
    }

    async fn decrypted(&self, name: &SecretName, from: &Encrypted) -> Result<Secret, Fault> {
        let key = self.plain(&from.key).await?;
        let key = key.ok_or_else(|| self.unknown(&from.key))?;
        let place = &from.place;
        let held = match place {
            EncryptedPlace::Object { bucket, key } => {
                let objects = Objects::bucket(self.reader().await?, bucket, "");
                objects.get(key).await?
            }
            EncryptedPlace::File(path) => {
                let read = tokio::fs::read(path).await;
                read.map_err(|error| {
                    let kind = error.kind();
                    Fault::bad_definition(format!("{path} cannot be read: {kind}"))
                })?
            }
        };
        let read = from.read(&held, &key);
        read.map_err(|why| {
            Fault::bad_definition(format!(
                "the secret `{name}` is encrypted in {place}: {why}"
            ))
        })
    }

    async fn reader(&self) -> Result<Arc<Aws>, Fault> {
        if let Some(secrets) = &self.aws {
            return Ok(secrets.aws().clone());
        }
        #[cfg(feature = "profiles")]
        {
            let load = async || Aws::load().await.map(Arc::new);
            self.reader.get_or_try_init(load).await.cloned()
        }
        #[cfg(not(feature = "profiles"))]
        Err(Fault::bad_definition(
            "a secret is encrypted in an object of S3, and this function does not work on AWS; set LAKEHEAD_BUCKET, or keep the encrypted text in a file",
        ))
    }

    /// Takes the place of a secret that its source may replace; none while another process holds it. What
    /// stands in the environment can't be replaced there, so it is refused before anything is sent.
    pub(crate) async fn place(&self, name: &SecretName) -> Result<Option<Place>, Fault> {
        let variable = name.environment_variable();
        let in_environment = self.set(&variable).is_some();
        let place = match (&self.file_name, &self.aws) {
            (Some(file), _) if !in_environment && self.file.contains_key(&variable) => {
                FilePlace::try_take(file, name)?.map(Place::File)
            }
            (_, Some(aws)) if !in_environment => aws.place(name).await?.map(Place::Aws),
            (Some(file), None) if !in_environment => {
                FilePlace::try_take(file, name)?.map(Place::File)
            }
            _ => {
                return Err(Fault::bad_definition(format!(
                    "the source may replace the secret `{name}`, and {variable} of the environment could not keep the new one; write it into a file given by --secrets, or set `rotates: false` if the source never replaces it"
                )));
            }
        };
        match &place {
            Some(taken) if Encrypted::parse(name, taken.current())?.is_some() => {
                Err(Fault::bad_definition(format!(
                    "the source may replace the secret `{name}`, which is encrypted elsewhere and could not be replaced there; write it as it is"
                )))
            }
            _ => Ok(place),
        }
    }

    fn set(&self, variable: &str) -> Option<String> {
        (self.environment)(variable).filter(|value| !value.is_empty())
    }

    fn unknown(&self, name: &SecretName) -> Fault {
        if let Some(aws) = &self.aws {
            let remedy = aws.remedy(name);
            return Fault::bad_definition(format!("the secret `{name}` is not known: {remedy}"));
        }
        let variable = name.environment_variable();
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
    }
}

#[cfg(test)]
#[path = "secrets/on_aws.rs"]
mod on_aws;

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        SecretName::try_from(text.to_owned()).expect(text)
    }

    #[tokio::test]
    async fn the_environment_goes_before_the_file_and_what_is_missing_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s.env");
        let text = "# mine\nexport LAKEHEAD_SECRET_A_B=\"q\\\"u o\\nte\"\nLAKEHEAD_SECRET_A_C='x=#y'\n\nLAKEHEAD_SECRET_A_D = plain=z \nLAKEHEAD_SECRET_A_E=\n";
        std::fs::write(&path, text).expect("written");
        let environment =
            |variable: &str| (variable == "LAKEHEAD_SECRET_A_D").then(|| "first".to_owned());
        let store = SecretStore::over(environment, Some(&path)).expect("opens");
        for (secret, value) in [("a/b", "q\"u o\nte"), ("a/c", "x=#y"), ("a/d", "first")] {
            let secrets = store.read([&name(secret)]).await.expect(secret);
            assert_eq!(secrets.get(&name(secret)).expect(secret).expose(), value);
        }
        let fault = store.read([&name("a/e")]).await.expect_err("empty");
        assert!(
            fault.message.contains("LAKEHEAD_SECRET_A_E") && fault.message.contains("s.env"),
            "{fault}"
        );
        let store = SecretStore::over(|_| None, None).expect("opens");
        let fault = store.read([&name("a/b")]).await.expect_err("nowhere");
        let remedy = "give a file that has it with --secrets FILE or LAKEHEAD_SECRETS_FILE";
        assert!(fault.message.ends_with(remedy), "{fault}");
    }

    #[test]
    fn a_file_that_is_not_there_is_refused() {
        assert!(SecretStore::over(|_| None, Some(Path::new("/nonexistent/x"))).is_err());
    }
}
