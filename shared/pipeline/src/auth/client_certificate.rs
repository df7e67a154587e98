//! A client certificate: who we are is proved while the encrypted connection is made.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Auth, Identity};
use crate::fault::Fault;
use crate::problem::{Located, Problems};
use crate::secret::{Secret, SecretName, SecretRef, Secrets};

/// A client certificate
///
/// `{ certificate: { secret: x/certificate }, key: { secret: x/key } }`, both in PEM. It is shown to the source
/// and to where `and` asks for its tokens, and to nobody else.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate in PEM, those that it is signed by after it, as a reference to a secret.
    certificate: SecretRef,
    /// Its private key in PEM, as a reference to a secret.
    key: SecretRef,
    /// What proves who we are besides.
    #[serde(default)]
    and: Located<Box<Auth>>,
}

impl ClientCertificate {
    pub(super) fn own_secrets(&self) -> [&SecretName; 2] {
        [&self.certificate.secret, &self.key.secret]
    }

    /// The kind that each request is signed by.
    pub(super) fn and(&self) -> &Auth {
        &self.and.value
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        if matches!(*self.and.value, Auth::ClientCertificate(_)) {
            problems.add_with(
                self.and.at,
                "a connection shows one client certificate",
                "name another kind under `and`, or leave it out",
            );
            return;
        }
        self.and.value.check(known, problems);
    }

    pub(super) fn identity(&self, secrets: &Secrets) -> Result<Identity, Fault> {
        let certificate = secrets.get(&self.certificate.secret)?.expose();
        let key = secrets.get(&self.key.secret)?.expose();
        Ok(Identity {
            certificate: self.certificate.secret.clone(),
            key: self.key.secret.clone(),
            pem: Secret::new(format!("{key}\n{certificate}\n")),
        })
    }
}
