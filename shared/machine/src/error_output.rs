//! What a state reports when it fails: AWS's *error output*, a name to match on and a text for people.

use serde_json::{Value, json};

/// The name of an error, which `ErrorEquals` matches, and its cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorOutput {
    /// What `ErrorEquals` matches: a Lambda function's `errorType`, or a name of AWS such as `States.Timeout`.
    pub error: String,
    /// What happened, for people.
    pub cause: String,
}

impl ErrorOutput {
    /// An error by its name and its cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            cause: cause.into(),
        }
    }

    /// A path or a value that the data does not bear: AWS ends the execution, whatever is caught.
    pub(crate) fn runtime(cause: impl Into<String>) -> Self {
        Self::new("States.Runtime", cause)
    }

    /// What a `Catch` places into the state's input.
    pub(crate) fn to_value(&self) -> Value {
        json!({ "Error": self.error, "Cause": self.cause })
    }
}
