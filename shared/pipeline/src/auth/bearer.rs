//! A token in the header `Authorization: Bearer …`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::fault::Fault;
use crate::request::Request;
use crate::secret::{SecretName, SecretRef, Secrets};

/// A token in the header `Authorization`
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bearer {
    /// The token, as a reference to a secret.
    token: SecretRef,
}

impl Bearer {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        vec![&self.token.secret]
    }

    pub(super) fn apply(&self, request: Request, secrets: &Secrets) -> Result<Request, Fault> {
        let token = secrets.get(&self.token.secret)?;
        let value = format!("Bearer {}", token.expose());
        Ok(request.with(super::header("authorization", value, &self.token.secret)?))
    }
}
