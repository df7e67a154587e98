//! A function that does nothing: what `scripts/cold-start` compares ours with.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let answer = async |event: LambdaEvent<Value>| Ok::<_, Error>(event.payload);
    lambda_runtime::run(service_fn(answer)).await
}
