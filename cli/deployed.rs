//! A deployment on AWS as commands reach it: its bucket and its state machine.

use std::path::Path;
use std::sync::Arc;

use edge::aws::Aws;
use edge::env::Env;
use edge::executions::Executions;
use edge::settings::Settings;

use crate::arguments::Place;
use crate::output::Failure;

/// A deployment.
#[derive(Clone)]
pub struct Deployed {
    /// Its bucket, laid out as a local root is.
    pub env: Env,
    /// What its state machine does.
    pub executions: Executions,
}

impl Deployed {
    /// The deployment that options and environment name. Nothing is sent.
    pub async fn open(place: &Place, pipelines: &Path) -> Result<Self, Failure> {
        let mut settings = Settings::read()?;
        pipelines.clone_into(&mut settings.pipelines);
        let named = |option: &Option<String>, set: Option<String>, missing: &str| {
            let named = option.clone().or(set).filter(|name| !name.is_empty());
            named.ok_or_else(|| Failure::usage(format!("`--target aws` needs {missing}")))
        };
        let state_machine = named(
            &place.state_machine,
            settings.state_machine.take(),
            "the ARN of the state machine; give --state-machine or set LAKEHEAD_STATE_MACHINE, as the stack's output Environment says it",
        )?;
        let bucket = named(
            &place.bucket,
            settings.bucket.take(),
            "the name of the bucket; give --bucket or set LAKEHEAD_BUCKET, as the stack's output Environment says it",
        )?;
        let aws = Arc::new(Aws::load().await?);
        let executions = Executions::open(&aws, &state_machine)?;
        Ok(Deployed {
            env: Env::in_bucket(aws, &bucket, settings, None)?,
            executions,
        })
    }
}
