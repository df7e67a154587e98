//! Why Step Functions did not do what it was asked for, and who may change that.

use aws_sdk_sfn::config::http::HttpResponse;
use aws_sdk_sfn::error::{ProvideErrorMetadata, SdkError};
use pipeline::fault::{Fault, Kind};

use crate::aws::told;

/// The fault of a call; `action` is what one must be allowed for it, `on` what it was about.
pub(super) fn refused<E>(action: &str, on: &str, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let said = told(error);
    let (kind, remedy) = match (status, error.code().unwrap_or_default()) {
        (_, "AccessDeniedException" | "AccessDenied") => (
            Kind::BadDefinition,
            format!("allow `states:{action}` on {on} to whose credentials these are"),
        ),
        (_, "StateMachineDoesNotExist" | "InvalidArn") => (
            Kind::BadDefinition,
            "set LAKEHEAD_STATE_MACHINE, or give --state-machine, as the stack's output StateMachineArn says it".to_owned(),
        ),
        (_, "ExecutionLimitExceeded") => (
            Kind::RateLimited,
            "too many executions are under way; wait for some of them to end".to_owned(),
        ),
        (_, "ThrottlingException" | "Throttling" | "TooManyRequestsException") => {
            (Kind::RateLimited, "it may pass".to_owned())
        }
        (Some(400 | 401 | 403), code) if is_of_credentials(code) => (
            Kind::BadDefinition,
            "the credentials are no longer, or not, good; renew them".to_owned(),
        ),
        (Some(status), _) if status < 500 => {
            (Kind::Bug, format!("Step Functions does not take such a `{action}`"))
        }
        (None, _) if said.contains("credentials") => (
            Kind::BadDefinition,
            "no credentials of AWS are known; name a profile that has some with AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
        ),
        // No answer, or one that says that Step Functions is in trouble.
        _ => (Kind::Transient, "it may pass".to_owned()),
    };
    Fault::new(kind, format!("`{action}` of {on}: {said}; {remedy}"))
}

fn is_of_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredTokenException"
            | "ExpiredToken"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
    )
}
