//! A step as a Lambda function.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use edge::env::{Env, MakeEngine};
use lambda_runtime::{Diagnostic, LambdaEvent, Runtime, service_fn};
use pipeline::fault::Fault;
use serde_json::Value;
use tracing::Instrument;

use crate::{Step, call, telemetry};

/// How long before the deadline a step stops with a checkpoint; a call of less than a minute keeps half its time.
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
    let env = match runtime.block_on(Env::served(engine)) {
        Ok(env) => env,
        Err(fault) => return fail(&fault),
    };
    match runtime.block_on(poll::<S>(&env)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&Fault::transient(error.to_string())),
    }
}

async fn poll<S: Step>(env: &Env) -> Result<(), lambda_runtime::Error> {
    let serving = service_fn(async |event: LambdaEvent<Value>| {
        let span = telemetry::span(S::NAME, &event.context.request_id, &event.payload);
        answer::<S>(event, env).instrument(span).await
    });
    Runtime::new(serving).run().await
}

async fn answer<S: Step>(event: LambdaEvent<Value>, env: &Env) -> Result<Value, Answered> {
    let began = env.clock.elapsed();
    let now = env.clock.now().into();
    let env = env.until(deadline(event.context.deadline, now));
    // In a box, or the future of a step within those of the runtime is too deep for the compiler.
    let answer = Box::pin(call::<S>(event.payload, &env)).await;
    let millis = (env.clock.elapsed() - began).as_millis() as u64;
    match &answer {
        Ok(answer) => tracing::info!(millis, status = answer["status"].as_str(), "answered"),
        Err(fault) => tracing::error!(millis, kind = fault.kind.name(), "{fault}"),
    }
    answer.map_err(Answered)
}

/// The moment to stop at, from Lambda's deadline in epoch milliseconds. An emulator may send a span instead
/// of an epoch time (`cargo lambda watch` does): what lies in the past at the start of a call is no deadline.
fn deadline(epoch_millis: u64, now: SystemTime) -> Option<SystemTime> {
    let deadline = SystemTime::UNIX_EPOCH + Duration::from_millis(epoch_millis);
    let left = deadline.duration_since(now).ok()?;
    Some(deadline - RESERVE.min(left / 2))
}

fn fail(fault: &Fault) -> ExitCode {
    tracing::error!(kind = fault.kind.name(), "{fault}");
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_stops_before_its_deadline_and_a_span_is_no_deadline() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
        let epoch_millis = |seconds: u64| (1_795_000_000 + seconds) * 1000;
        let stops_after = |epoch_millis: u64| {
            let stop = deadline(epoch_millis, now)?;
            Some(stop.duration_since(now).expect("not in the past").as_secs())
        };
        assert_eq!(stops_after(epoch_millis(900)), Some(870));
        assert_eq!(stops_after(epoch_millis(60)), Some(30));
        // Without time to work, a slice would be called for again and again.
        assert_eq!(stops_after(epoch_millis(20)), Some(10));
        // What `cargo lambda watch` sends.
        assert_eq!(stops_after(600_000), None);
    }
}
