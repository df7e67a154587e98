//! AWS as this process reaches it: one configuration, and the clients that are made of it.

use std::fmt;
use std::sync::OnceLock;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_types::error::display::DisplayErrorContext;
use pipeline::fault::Fault;

/// One configuration for all services: region, credentials and endpoints as the environment or a profile says.
pub struct Aws {
    config: SdkConfig,
    s3: OnceLock<aws_sdk_s3::Client>,
}

impl Aws {
    /// Reads the configuration. Nothing is sent: credentials are got when the first request needs them.
    pub async fn load() -> Result<Self, Fault> {
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
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
        self.s3
            .get_or_init(|| aws_sdk_s3::Client::new(&self.config))
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Aws in {}", self.region())
    }
}

/// What an error of the SDK says, with its causes: by itself it says `service error` only.
pub fn told(error: &(dyn std::error::Error + 'static)) -> String {
    DisplayErrorContext(error).to_string()
}
