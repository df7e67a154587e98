//! Why Glue or Athena did not do what it was asked for, and who may change that.

use aws_sdk_glue::config::http::HttpResponse;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use edge::aws::told;
use pipeline::fault::{Fault, Kind};

/// The fault that an answer stands for. `action` is what a role must be allowed, `on` what it was about.
pub(crate) fn fault<E>(action: &str, on: &str, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let code = error.code().unwrap_or_default();
    let (kind, remedy) = match (status, code) {
        (_, "AccessDeniedException" | "AccessDenied") => (
            Kind::BadDefinition,
            format!("allow the role of this process `{action}`"),
        ),
        (
            _,
            "UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException",
        ) => (
            Kind::BadDefinition,
            "check the credentials of this process".to_owned(),
        ),
        (Some(status), code) if !passes(status, code) => {
            (kind_of(code), "it is not taken".to_owned())
        }
        _ => (Kind::Transient, "it may pass".to_owned()),
    };
    let said = match error.message() {
        Some(message) => format!("{code}: {message}"),
        None => told(error),
    };
    Fault::new(kind, format!("`{action}` of {on}: {said}; {remedy}"))
}

/// Athena tells so what a statement or the workgroup has wrong; all else is asked in a wrong way.
fn kind_of(code: &str) -> Kind {
    match code {
        "InvalidRequestException" | "ResourceNumberLimitExceededException" => Kind::BadDefinition,
        _ => Kind::Bug,
    }
}

/// Whether an error says that somebody else was first, or that what was there is gone: look again.
pub(crate) fn is_race<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    is_race_code(error.code().unwrap_or_default())
}

/// The same of an error among those of a batch.
pub(crate) fn is_race_code(code: &str) -> bool {
    matches!(
        code,
        "ConcurrentModificationException"
            | "VersionMismatchException"
            | "AlreadyExistsException"
            | "EntityNotFoundException"
    )
}

/// Whether an error says that it is not there.
pub(crate) fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("EntityNotFoundException")
}

/// Whether the same request may be answered otherwise later.
pub(crate) fn passes(status: u16, code: &str) -> bool {
    status >= 500
        || status == 429
        || matches!(
            code,
            "ThrottlingException"
                | "Throttling"
                | "TooManyRequestsException"
                | "RequestLimitExceeded"
                | "InternalServiceException"
                | "InternalServerException"
                | "InternalFailure"
                | "OperationTimeoutException"
                | "ServiceUnavailable"
                | "ResourceNotReadyException"
                | "ConcurrentModificationException"
        )
}
