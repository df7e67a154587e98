//! Secrets as AWS keeps them: `gins/api_key` is the secret `lakehead/gins/api_key` of Secrets Manager, or the
//! parameter `/lakehead/gins/api_key` of Systems Manager.
//!
//! What was read is kept for a while in the memory of the process, so that a warm function asks once and not for every
//! slice. Whoever is refused by a source reads anew (see [`crate::session`]).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use jiff::SignedDuration;
use pipeline::fault::{Fault, Kind};
use pipeline::secret::{Secret, SecretName};

use crate::aws::{Aws, told};
use crate::clock::Clock;
use crate::lease::Lease;
use crate::objects::Objects;
use crate::session::locked;
use crate::settings::AwsSecretStore;

/// How long a secret is not asked for again.
const KEPT: Duration = Duration::from_secs(300);
/// How long a secret that a source may replace is nobody else's; much longer than one request for a token takes.
const SPAN: SignedDuration = SignedDuration::from_secs(150);

/// The secrets of an account.
pub(super) struct AwsSecrets {
    aws: Arc<Aws>,
    store: AwsSecretStore,
    /// Where locks are.
    objects: Objects,
    clock: Clock,
    manager: OnceLock<aws_sdk_secretsmanager::Client>,
    parameters: OnceLock<aws_sdk_ssm::Client>,
    known: Mutex<HashMap<SecretName, (Secret, Duration)>>,
}

/// The place of a secret, nobody else's until it is replaced or given back.
#[derive(Debug)]
pub(crate) struct AwsPlace {
    secrets: Arc<AwsSecrets>,
    name: SecretName,
    /// The value that it has there now.
    pub(crate) current: Secret,
    lease: Lease,
}

impl AwsSecrets {
    pub(super) fn new(
        aws: Arc<Aws>,
        store: AwsSecretStore,
        objects: Objects,
        clock: Clock,
    ) -> Self {
        AwsSecrets {
            aws,
            store,
            objects,
            clock,
            manager: OnceLock::new(),
            parameters: OnceLock::new(),
            known: Mutex::default(),
        }
    }

    fn manager(&self) -> &aws_sdk_secretsmanager::Client {
        self.manager
            .get_or_init(|| aws_sdk_secretsmanager::Client::new(self.aws.config()))
    }

    fn parameters(&self) -> &aws_sdk_ssm::Client {
        self.parameters
            .get_or_init(|| aws_sdk_ssm::Client::new(self.aws.config()))
    }

    pub(super) fn aws(&self) -> &Arc<Aws> {
        &self.aws
    }

    /// The name that AWS knows it by.
    fn id(&self, name: &SecretName) -> String {
        match self.store {
            AwsSecretStore::SecretsManager => format!("lakehead/{name}"),
            AwsSecretStore::ParameterStore => format!("/lakehead/{name}"),
        }
    }

    /// A secret, as it was read a while ago at most; none where there is none.
    pub(super) async fn get(&self, name: &SecretName) -> Result<Option<Secret>, Fault> {
        let now = self.clock.elapsed();
        if let Some((secret, until)) = locked(&self.known).get(name)
            && now < *until
        {
            return Ok(Some(secret.clone()));
        }
        self.get_anew(name).await
    }

    /// A secret, as it is now.
    pub(super) async fn get_anew(&self, name: &SecretName) -> Result<Option<Secret>, Fault> {
        let read = match self.store {
            AwsSecretStore::SecretsManager => Box::pin(self.secret(name)).await?,
            AwsSecretStore::ParameterStore => Box::pin(self.parameter(name)).await?,
        };
        // Whoever wrote it from a file has written the end of its line too.
        let secret = read.map(|text| Secret::new(text.trim_end_matches(['\r', '\n'])));
        if let Some(secret) = &secret {
            let until = self.clock.elapsed() + KEPT;
            locked(&self.known).insert(name.clone(), (secret.clone(), until));
        }
        Ok(secret)
    }

    async fn secret(&self, name: &SecretName) -> Result<Option<String>, Fault> {
        let get = self.manager().get_secret_value().secret_id(self.id(name));
        match get.send().await {
            Ok(value) => match value.secret_string {
                Some(text) => Ok(Some(text)),
                None => Err(Fault::bad_definition(format!(
                    "the secret `{name}` holds bytes in Secrets Manager; write it as text"
                ))),
            },
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(self.failed("secretsmanager:GetSecretValue", name, &error)),
        }
    }

    async fn parameter(&self, name: &SecretName) -> Result<Option<String>, Fault> {
        let get = self.parameters().get_parameter().name(self.id(name));
        match get.with_decryption(true).send().await {
            Ok(found) => Ok(found.parameter.and_then(|parameter| parameter.value)),
            Err(error) if error.code() == Some("ParameterNotFound") => Ok(None),
            Err(error) => Err(self.failed("ssm:GetParameter", name, &error)),
        }
    }

    /// Writes a new value in place of the one that is there.
    async fn put(&self, name: &SecretName, secret: &Secret) -> Result<(), Fault> {
        match self.store {
            AwsSecretStore::SecretsManager => {
                let put = self.manager().put_secret_value().secret_id(self.id(name));
                let put = put.secret_string(secret.expose()).send();
                let put = Box::pin(put).await;
                put.map_err(|error| self.failed("secretsmanager:PutSecretValue", name, &error))?;
            }
            AwsSecretStore::ParameterStore => {
                let put = self.parameters().put_parameter().name(self.id(name));
                // Its type stays as it is.
                let put = put.value(secret.expose()).overwrite(true).send();
                let put = Box::pin(put).await;
                put.map_err(|error| self.failed("ssm:PutParameter", name, &error))?;
            }
        }
        let until = self.clock.elapsed() + KEPT;
        locked(&self.known).insert(name.clone(), (secret.clone(), until));
        Ok(())
    }

    /// How to make it where there is none.
    pub(super) fn remedy(&self, name: &SecretName) -> String {
        let id = self.id(name);
        match self.store {
            AwsSecretStore::SecretsManager => format!(
                "it is not in Secrets Manager; write it into a file and run `aws secretsmanager create-secret --name {id} --secret-string file://FILE`"
            ),
            AwsSecretStore::ParameterStore => format!(
                "it is not among the parameters of Systems Manager; write it into a file and run `aws ssm put-parameter --type SecureString --name {id} --value file://FILE`"
            ),
        }
    }

    fn failed<E>(&self, action: &str, name: &SecretName, error: &SdkError<E, HttpResponse>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let code = error.code().unwrap_or_default();
        let id = self.id(name);
        let (kind, remedy) = match code {
            "AccessDeniedException" => (
                Kind::BadDefinition,
                format!("; allow the role of this process `{action}` on {id}"),
            ),
            _ if code.contains("Throttling") || code == "InternalServiceError" => {
                (Kind::Transient, String::new())
            }
            _ if status.is_none_or(|status| status >= 500) => (Kind::Transient, String::new()),
            _ => (Kind::BadDefinition, String::new()),
        };
        Fault::new(
            kind,
            format!("`{action}` of {id} failed: {}{remedy}", told(error)),
        )
    }

    /// Takes the place of a secret that its source may replace; none while another process holds it.
    pub(super) async fn place(
        self: &Arc<Self>,
        name: &SecretName,
    ) -> Result<Option<AwsPlace>, Fault> {
        let key = pipeline::layout::secret_lock(name);
        let now = self.clock.now();
        let Some(lease) = Lease::try_take(&self.objects, &key, now, SPAN).await? else {
            return Ok(None);
        };
        // Read under the lock: another process may have replaced it a moment ago.
        match self.get_anew(name).await {
            Ok(Some(current)) => Ok(Some(AwsPlace {
                secrets: self.clone(),
                name: name.clone(),
                current,
                lease,
            })),
            Ok(None) => {
                lease.give_back().await?;
                Err(Fault::bad_definition(format!(
                    "the secret `{name}` is not known: {}",
                    self.remedy(name)
                )))
            }
            Err(fault) => {
                lease.give_back().await?;
                Err(fault)
            }
        }
    }
}

impl AwsPlace {
    /// Writes the new value in place of the old one. Once this returns, AWS has it.
    pub(crate) async fn replace(self, value: &Secret) -> Result<(), Fault> {
        let (secrets, name) = (&self.secrets, &self.name);
        let put = secrets.put(name, value).await;
        put.map_err(|fault| Fault {
            message: format!(
                "the source replaced the secret `{name}`, but the new one could not be written: {}; get a new one from the source and write it there",
                fault.message
            ),
            kind: Kind::BadDefinition,
            ..fault
        })?;
        self.leave().await;
        Ok(())
    }

    /// Leaves it as it is.
    pub(crate) async fn leave(self) {
        if let Err(fault) = self.lease.give_back().await {
            tracing::warn!(%fault, secret = %self.name, "the lock of a secret is left until its time is over");
        }
    }
}

impl fmt::Debug for AwsSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AwsSecrets by {:?}", self.aws)
    }
}
