//! Why S3 did not do what it was asked for, and who may change that.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use pipeline::fault::Kind;

use super::{Bucket, Error};
use crate::aws::{lacks_credentials, told};

/// Why S3 did not do it.
pub(super) enum Refusal {
    /// There is no such object, or no such upload.
    Absent,
    /// The condition is not met (412).
    Unmet,
    /// Another change of the key was under way (409).
    Conflict,
    /// Anything else.
    Trouble(Error),
}

impl Refusal {
    /// What it amounts to for who had no use for its being told apart.
    pub(super) fn into_error(self, key: &str) -> Error {
        match self {
            Refusal::Absent => Error::NotFound(key.to_owned()),
            Refusal::Unmet => Error::Changed(key.to_owned()),
            Refusal::Conflict => Error::Refused {
                kind: Kind::Transient,
                said: format!("others write `{key}` without pause"),
            },
            Refusal::Trouble(error) => error,
        }
    }
}

impl Bucket {
    pub(super) fn failed<E>(
        &self,
        action: &str,
        key: &str,
        error: SdkError<E, HttpResponse>,
    ) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.refusal(action, key, error).into_error(key)
    }

    /// `action` is what a role must be allowed for it.
    pub(super) fn refusal<E>(
        &self,
        action: &str,
        key: &str,
        error: SdkError<E, HttpResponse>,
    ) -> Refusal
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|answer| answer.status().as_u16());
        let code = error.code().unwrap_or_default();
        let at = self.address(key);
        let (kind, remedy) = match (status, code) {
            (_, "NoSuchBucket") => (
                Kind::BadDefinition,
                format!(
                    "there is no bucket `{}`; set LAKEHEAD_BUCKET to one that there is",
                    at.bucket
                ),
            ),
            (Some(404), _) => return Refusal::Absent,
            (Some(412), _) => return Refusal::Unmet,
            (Some(409), "ConditionalRequestConflict" | "OperationAborted") => {
                return Refusal::Conflict;
            }
            (Some(403), "" | "AccessDenied") => (
                Kind::BadDefinition,
                format!("allow the role of this process `s3:{action}` on {at}"),
            ),
            (Some(403), _) => (
                Kind::BadDefinition,
                "check the credentials of this process".to_owned(),
            ),
            (Some(301), _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => (
                Kind::BadDefinition,
                format!("set AWS_REGION to the region of the bucket `{}`", at.bucket),
            ),
            (Some(status), code) if !passes(status, code) => (
                Kind::Bug,
                format!("S3 does not take such a `{action}` of {at}"),
            ),
            (None, _) if lacks_credentials(&error) => (
                Kind::BadDefinition,
                "give this process credentials of AWS".to_owned(),
            ),
            // No answer, or one that says that S3 is in trouble.
            _ => (Kind::Transient, "it may pass".to_owned()),
        };
        Refusal::Trouble(Error::Refused {
            kind,
            said: format!("`{action}` of {at}: {}; {remedy}", told(&error)),
        })
    }
}

/// Whether the same request may be answered otherwise later.
fn passes(status: u16, code: &str) -> bool {
    status >= 500
        || status == 429
        || matches!(
            code,
            "SlowDown" | "RequestTimeout" | "InternalError" | "ServiceUnavailable"
        )
}
