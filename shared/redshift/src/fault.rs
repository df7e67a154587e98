//! What an error means for the run. Redshift tells no code with its sentences, so they are read.

use aws_sdk_redshiftdata::error::{ProvideErrorMetadata, SdkError};
use edge::aws::told;
use pipeline::fault::{Fault, Kind};

/// What a call that was not answered, or was refused, means.
pub(crate) fn of_call<E, R>(error: &SdkError<E, R>) -> Fault
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let Some(refused) = error.as_service_error() else {
        return Fault::transient(format!("the Data API of Redshift: {}", told(error)));
    };
    let code = refused.code().unwrap_or_default();
    let said = refused.message().unwrap_or(code);
    let message = format!("the Data API of Redshift: {said}");
    match code {
        "ValidationException" | "ResourceNotFoundException" => Fault::bad_definition(format!(
            "{message}; see that LAKEHEAD_REDSHIFT_WORKGROUP and LAKEHEAD_REDSHIFT_DATABASE name what is there"
        )),
        "AccessDeniedException" | "UnrecognizedClientException" => {
            Fault::bad_definition(format!("{message}; let the function's role make this call"))
        }
        _ => Fault::transient(message),
    }
}

/// What a statement that failed means; `aborted` where somebody broke it off.
pub(crate) fn of_statement(said: Option<&str>, aborted: bool) -> Fault {
    let said = said.unwrap_or_default().trim();
    if aborted {
        return Fault::transient("Redshift: the statement was broken off");
    }
    let said = said.strip_prefix("ERROR:").unwrap_or(said).trim();
    let small = said.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| small.contains(word));
    let kind = match () {
        () if has(&PASSES) => Kind::Transient,
        () if has(&OF_DATA) => Kind::BadData,
        () => Kind::BadDefinition,
    };
    let message = match kind {
        // What was expected is told, what was found is not.
        Kind::BadData => first_line(said).split(": \"").next().unwrap_or_default(),
        _ => first_line(said),
    };
    let mut fault = Fault::new(kind, format!("Redshift: {message}"));
    if let Some((_, remedy)) = REMEDIES.iter().find(|(word, _)| small.contains(word)) {
        fault.message += &format!("; {remedy}");
    }
    fault
}

/// The first line, not longer than a sentence is: what follows may hold values.
fn first_line(said: &str) -> &str {
    let line = said.lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST_SENTENCE) {
        Some((at, _)) => &line[..at],
        None => line,
    }
}

const LONGEST_SENTENCE: usize = 300;

/// What passes: others at the same table, others who made the same thing at the same moment, the service itself.
const PASSES: [&str; 15] = [
    "1023",
    "serializable isolation violation",
    "could not serialize",
    "conflict with concurrent",
    "concurrent transaction",
    "concurrent update",
    "concurrent delete",
    "deadlock",
    "already exists",
    "duplicate key value violates unique constraint \"pg_",
    "connection",
    "timeout",
    "timed out",
    "terminated",
    "unavailable",
];

/// What is wrong with values.
const OF_DATA: [&str; 17] = [
    "too long for",
    "longer_than_",
    "overflow",
    "out of range",
    "invalid digit",
    "invalid input syntax",
    "null value",
    "cannot insert a null",
    "violates",
    "stl_load_errors",
    "sys_load_error_detail",
    "spectrum scan error",
    "incompatible parquet schema",
    "manifest file length",
    "divide by zero",
    "division by zero",
    "other objects depend on it",
];

const REMEDIES: [(&str, &str); 8] = [
    (
        "permission denied",
        "grant the user of the Data API what it lacks",
    ),
    (
        "not authorized",
        "let the role that LAKEHEAD_REDSHIFT_ROLE names read the bucket, and be attached to the namespace",
    ),
    (
        "too long for",
        "write a longer `varchar` under `types` of the destination, 65535 bytes at most",
    ),
    (
        "longer_than_",
        "write a longer `varchar` under `types` of the destination, 65535 bytes at most",
    ),
    (
        "overflow",
        "write a type with more digits under `types` of the destination",
    ),
    (
        "out of range",
        "write a larger type under `types` of the destination",
    ),
    (
        "load_error",
        "the table `sys_load_error_detail` there tells the column",
    ),
    (
        "other objects depend on it",
        "take what stands on it away first, and make it again after the run",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_tells_who_may_try_again_and_holds_no_value() {
        for (said, kind, shown) in [
            (
                "ERROR: 1023 DETAIL: Serializable isolation violation on table - 1, transactions forming the cycle are: 1, 2",
                Kind::Transient,
                "Redshift: 1023 DETAIL",
            ),
            (
                "ERROR: could not serialize access due to concurrent update",
                Kind::Transient,
                "Redshift: could not",
            ),
            (
                "ERROR: relation \"_loads\" already exists",
                Kind::Transient,
                "already exists",
            ),
            (
                "ERROR: invalid input syntax for type integer: \"hunter2\"",
                Kind::BadData,
                "Redshift: invalid input syntax for type integer",
            ),
            (
                "ERROR: Value too long for character type\n  Detail: \n hunter2",
                Kind::BadData,
                "write a longer `varchar`",
            ),
            (
                "ERROR: numeric field overflow",
                Kind::BadData,
                "with more digits",
            ),
            (
                "ERROR: permission denied for schema gins",
                Kind::BadDefinition,
                "grant the user",
            ),
            (
                "ERROR: column \"x\" does not exist",
                Kind::BadDefinition,
                "column \"x\" does not exist",
            ),
            ("", Kind::BadDefinition, "Redshift: "),
        ] {
            let fault = of_statement(Some(said), false);
            assert_eq!(fault.kind, kind, "{said}");
            assert!(fault.message.contains(shown), "{}", fault.message);
            assert!(!fault.message.contains("hunter2"), "{}", fault.message);
        }
        assert_eq!(of_statement(None, true).kind, Kind::Transient);
    }
}
