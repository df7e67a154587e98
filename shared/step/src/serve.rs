//! A step as a Lambda function.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use edge::env::{Env, MakeEngine};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use pipeline::fault::Fault;
use serde_json::Value;

use crate::{Step, call, telemetry};

/// How long before the deadline a step stops with a checkpoint.
const RESERVE: Duration = Duration::from_secs(30);

/// A fault on its way out of the process: its kind becomes the `errorType`.
#[derive(Debug)]
struct Answered(Fault);

impl From<Answered> for Diagnostic {
    fn from(Answered(fault): Answered) -> Self {
        Diagnostic {
            error_type: fault.kind.name().to_owned(),
            error_message: fault.to_string(),
        }
    }
}

/// Serves a step on Lambda until the process is ended; `engine` for the steps that run SQL.
pub fn serve<S: Step>(engine: Option<MakeEngine>) -> ExitCode {
    telemetry::json();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Fault::transient(format!("no runtime: {error}"))),
    };
    let env = match Env::served(engine) {
        Ok(env) => env,
        Err(fault) => return fail(&fault),
    };
    match runtime.block_on(poll::<S>(&env)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&Fault::transient(error.to_string())),
    }
}

async fn poll<S: Step>(env: &Env) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let env = env.until(deadline(event.context.deadline));
        let answer = call::<S>(event.payload, &env).await;
        if let Err(fault) = &answer {
            tracing::error!(step = S::NAME, kind = fault.kind.name(), "{fault}");
        }
        answer.map_err(Answered)
    }))
    .await
}

/// The moment to stop at, from Lambda's deadline in epoch milliseconds. An emulator may send a span instead
/// of an epoch time (`cargo lambda watch` does): what lies in the past at the start of a call is no deadline.
fn deadline(epoch_millis: u64) -> Option<SystemTime> {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_millis);
    let stop = deadline.checked_sub(RESERVE)?;
    (epoch_millis > 1_000_000_000_000).then_some(stop)
}

fn fail(fault: &Fault) -> ExitCode {
    tracing::error!(kind = fault.kind.name(), "{fault}");
    ExitCode::FAILURE
}
