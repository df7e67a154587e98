//! What a function is: a [`Step`] with typed input and output, served on Lambda or run in this process.
//!
//! Every step is safe to run twice: a retried call overwrites what it wrote with the same bytes or finds its
//! work done. A step's fault carries its kind, which is the Lambda `errorType` that the state machine matches.

mod serve;
pub mod telemetry;

use edge::env::Env;
use pipeline::fault::Fault;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use serve::serve;

/// One function's work.
pub trait Step {
    /// The function's name: its folder, and in `UpperCamelCase` its state and placeholder in the state machine.
    const NAME: &'static str;
    /// What it is called with.
    type Input: DeserializeOwned + Send;
    /// What it answers, which is what the next step's input reads.
    type Output: Serialize + Send;

    /// Does the work.
    fn run(
        input: Self::Input,
        env: &Env,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;
}

/// Runs a step on JSON, as Lambda does: a wrong input names its member.
pub async fn call<S: Step>(input: Value, env: &Env) -> Result<Value, Fault> {
    let input = serde_path_to_error::deserialize(input).map_err(|error| {
        let place = error.path().to_string();
        Fault::bad_definition(format!(
            "the input of `{}` is wrong at `{place}`: {}",
            S::NAME,
            error.into_inner()
        ))
    })?;
    // Boxed, as what a step does is large and deep, and lies in whatever serves it.
    let output = Box::pin(S::run(input, env)).await?;
    serde_json::to_value(output)
        .map_err(|error| Fault::bug(format!("the output of `{}` is no JSON: {error}", S::NAME)))
}
