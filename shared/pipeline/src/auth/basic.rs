//! A name and a password in the header `Authorization: Basic …`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::fault::Fault;
use crate::request::Request;
use crate::secret::{OrSecret, SecretName, SecretRef, Secrets};

/// A name and a password in the header `Authorization`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The name: plain text, or a reference to a secret.
    username: OrSecret<String>,
    /// The password, as a reference to a secret.
    password: SecretRef,
}

impl Basic {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let username = self.username.secret();
        username
            .into_iter()
            .chain([&self.password.secret])
            .collect()
    }

    pub(super) fn apply(&self, request: Request, secrets: &Secrets) -> Result<Request, Fault> {
        let username = match &self.username {
            OrSecret::Plain(text) => text,
            OrSecret::Secret(reference) => secrets.get(&reference.secret)?.expose(),
        };
        if username.contains(':') {
            return Err(Fault::bad_definition(
                "the name of `basic` holds a colon, which ends a name there",
            ));
        }
        let password = secrets.get(&self.password.secret)?.expose();
        let value = format!(
            "Basic {}",
            STANDARD.encode(format!("{username}:{password}"))
        );
        Ok(request.with(super::header(
            "authorization",
            value,
            &self.password.secret,
        )?))
    }
}
