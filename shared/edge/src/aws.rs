//! AWS as this process reaches it: one configuration, and the clients that are made of it.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use pipeline::fault::Fault;

use crate::settings::Settings;

/// How long an answer of AWS may take to begin.
const PATIENCE: Duration = Duration::from_secs(60);

/// One configuration for all services.
pub struct Aws {
    config: SdkConfig,
    s3: OnceLock<aws_sdk_s3::Client>,
}

impl Aws {
    /// As a function has it: region and credentials stand in its environment. Nothing else is looked for, as that
    /// would cost a part of every start.
    pub fn of_function(settings: &Settings) -> Result<Self, Fault> {
        let credentials = EnvironmentVariableCredentialsProvider::new();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(settings.region.clone().map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts());
        config.set_endpoint_url(settings.endpoint.clone());
        Aws::over(config.build())
    }

    /// As a person has it: region, credentials and endpoints as the environment or a profile says. Nothing is sent:
    /// credentials are got when the first request needs them.
    #[cfg(feature = "profiles")]
    pub async fn load() -> Result<Self, Fault> {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .timeout_config(timeouts())
            .load()
            .await;
        Aws::over(config)
    }

    /// AWS as this configuration says.
    pub fn over(config: SdkConfig) -> Result<Self, Fault> {
        if config.region().is_none() {
            return Err(Fault::bad_definition(
                "no region of AWS is known; set AWS_REGION, or name a profile that has one with AWS_PROFILE",
            ));
        }
        Ok(Aws {
            config,
            s3: OnceLock::new(),
        })
    }

    /// What clients of services are made of.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The region.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", AsRef::as_ref)
    }

    /// S3; one client for the process.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        self.s3.get_or_init(|| {
            // An endpoint that was named is an emulator's, which has no host name for each bucket.
            let config = aws_sdk_s3::config::Builder::from(&self.config)
                .force_path_style(self.config.endpoint_url().is_some());
            aws_sdk_s3::Client::from_conf(config.build())
        })
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Aws in {}", self.region())
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().read_timeout(PATIENCE).build()
}

/// Whether there were no credentials to sign a request with.
pub(crate) fn lacks_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|cause| cause.is::<CredentialsError>())
}

/// The AWS of an emulator.
#[cfg(test)]
pub(crate) fn emulated(endpoint: &str) -> std::sync::Arc<Aws> {
    std::sync::Arc::new(Aws::over(emulator::config(endpoint)).expect("a region"))
}

/// What an error of the SDK says, with its causes: by itself it says `service error` only. Nothing of a body is
/// in it, as its form for debugging would have.
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut told: Vec<String> = causes.map(ToString::to_string).collect();
    told.dedup();
    told.join(": ")
}
