//! What the environment tells the process: every variable that the edge reads, once.

use std::path::PathBuf;

use pipeline::fault::Fault;

/// The variables, each with what it is for. Secrets are read by [`crate::secrets`].
pub const VARIABLES: [(&str, &str); 15] = [
    (
        ROOT,
        "the directory below which a function works that is served on this machine",
    ),
    (
        PIPELINES,
        "the folder that holds one folder a pipeline; `pipelines` where nothing is said",
    ),
    (
        SECRETS_FILE,
        "a file of secrets, `LAKEHEAD_SECRET_PIPELINE_WHAT=value` a line",
    ),
    (
        CA_FILE,
        "certificates in PEM that are trusted beside those of the machine",
    ),
    (
        RATE_SHARES,
        "among how many processes the rate of a source is divided, each taking one part",
    ),
    (
        BUCKET,
        "the bucket of S3 in which a function works on AWS; LAKEHEAD_ROOT is not read then",
    ),
    (REGION, "the region of AWS; a function of AWS has it"),
    (
        ENDPOINT,
        "where AWS's services are, for an emulator of them",
    ),
    (
        SECRET_STORE,
        "where secrets are on AWS: `secrets-manager`, which is meant where nothing is said, or `parameter-store`",
    ),
    (
        ATHENA_WORKGROUP,
        "the workgroup of Athena that runs SQL over the lake; `primary` where nothing is said",
    ),
    (
        REDSHIFT_WORKGROUP,
        "the workgroup of Redshift Serverless that pipelines with the destination `redshift` publish into",
    ),
    (
        REDSHIFT_DATABASE,
        "the database of that workgroup; `dev` where nothing is said",
    ),
    (
        REDSHIFT_ROLE,
        "the ARN of the role that Redshift reads the bucket with",
    ),
    (
        STATE_MACHINE,
        "the ARN of the deployed state machine, for commands with `--target aws`",
    ),
    (
        "LAKEHEAD_SECRET_…",
        "a secret; `gins/api_key` is in LAKEHEAD_SECRET_GINS_API_KEY",
    ),
];

const ROOT: &str = "LAKEHEAD_ROOT";
const PIPELINES: &str = "LAKEHEAD_PIPELINES";
pub(crate) const SECRETS_FILE: &str = "LAKEHEAD_SECRETS_FILE";
const CA_FILE: &str = "LAKEHEAD_CA_FILE";
const RATE_SHARES: &str = "LAKEHEAD_RATE_SHARES";
const REGION: &str = "AWS_REGION";
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
const BUCKET: &str = "LAKEHEAD_BUCKET";
const SECRET_STORE: &str = "LAKEHEAD_SECRET_STORE";
const ATHENA_WORKGROUP: &str = "LAKEHEAD_ATHENA_WORKGROUP";
const REDSHIFT_WORKGROUP: &str = "LAKEHEAD_REDSHIFT_WORKGROUP";
const REDSHIFT_DATABASE: &str = "LAKEHEAD_REDSHIFT_DATABASE";
const REDSHIFT_ROLE: &str = "LAKEHEAD_REDSHIFT_ROLE";
const STATE_MACHINE: &str = "LAKEHEAD_STATE_MACHINE";

/// What the environment tells the process.
///
/// `HTTP_PROXY` and its kin are not read: through a proxy, nobody could tell which address is really reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The directory below which a function works that is served on this machine.
    pub root: Option<PathBuf>,
    /// The folder that holds one folder a pipeline.
    pub pipelines: PathBuf,
    /// A file of secrets.
    pub secrets_file: Option<PathBuf>,
    /// Certificates that are trusted beside those of the machine.
    pub ca_file: Option<PathBuf>,
    /// Among how many processes the rate of a source is divided.
    pub rate_shares: u64,
    /// The bucket of S3 in which a function works on AWS.
    pub bucket: Option<String>,
    /// The region of AWS.
    pub region: Option<String>,
    /// Where AWS's services are, where that is not AWS.
    pub endpoint: Option<String>,
    /// Where secrets are on AWS.
    pub secret_store: AwsSecretStore,
    /// The workgroup of Athena that runs SQL over the lake.
    pub athena_workgroup: String,
    /// Where pipelines with the destination `redshift` publish; none where no workgroup is named.
    pub redshift: Option<RedshiftSettings>,
    /// The ARN of the deployed state machine.
    pub state_machine: Option<String>,
}

/// Where secrets are on AWS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AwsSecretStore {
    /// `gins/api_key` is the secret `lakehead/gins/api_key` of Secrets Manager.
    #[default]
    SecretsManager,
    /// `gins/api_key` is the parameter `/lakehead/gins/api_key` of Systems Manager.
    ParameterStore,
}

/// The warehouse that the stack or a person has set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedshiftSettings {
    /// The workgroup of Redshift Serverless.
    pub workgroup: String,
    /// The database.
    pub database: String,
    /// The ARN of the role that it reads the bucket with.
    pub role: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            root: None,
            pipelines: PathBuf::from("pipelines"),
            secrets_file: None,
            ca_file: None,
            rate_shares: 1,
            bucket: None,
            region: None,
            endpoint: None,
            secret_store: AwsSecretStore::default(),
            athena_workgroup: "primary".to_owned(),
            redshift: None,
            state_machine: None,
        }
    }
}

impl Settings {
    /// Reads the environment of the process.
    pub fn read() -> Result<Self, Fault> {
        #[expect(clippy::disallowed_methods, reason = "this is the place")]
        let variable = |name: &str| std::env::var(name).ok();
        Settings::from(variable)
    }

    /// Reads from `variable`, which knows the values by name; an empty value is none.
    pub fn from(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let rate_shares = match set(RATE_SHARES) {
            None => 1,
            Some(text) => text
                .parse()
                .ok()
                .filter(|shares| *shares > 0)
                .ok_or_else(|| {
                    Fault::bad_definition(format!(
                        "{RATE_SHARES} is `{text}`, not a whole number, 1 or more"
                    ))
                })?,
        };
        let secret_store = match set(SECRET_STORE).as_deref() {
            None | Some("secrets-manager") => AwsSecretStore::SecretsManager,
            Some("parameter-store") => AwsSecretStore::ParameterStore,
            Some(other) => {
                return Err(Fault::bad_definition(format!(
                    "{SECRET_STORE} is `{other}`, not `secrets-manager` or `parameter-store`"
                )));
            }
        };
        let redshift = match set(REDSHIFT_WORKGROUP) {
            None => None,
            Some(workgroup) => Some(RedshiftSettings {
                workgroup,
                database: set(REDSHIFT_DATABASE).unwrap_or_else(|| "dev".to_owned()),
                role: set(REDSHIFT_ROLE).ok_or_else(|| {
                    Fault::bad_definition(format!(
                        "{REDSHIFT_WORKGROUP} is set and {REDSHIFT_ROLE} is not; set it to the ARN of the role that Redshift reads the bucket with"
                    ))
                })?,
            }),
        };
        let pipelines = set(PIPELINES).unwrap_or_else(|| "pipelines".to_owned());
        Ok(Settings {
            root: set(ROOT).map(PathBuf::from),
            pipelines: PathBuf::from(pipelines),
            secrets_file: set(SECRETS_FILE).map(PathBuf::from),
            ca_file: set(CA_FILE).map(PathBuf::from),
            rate_shares,
            bucket: set(BUCKET),
            region: set(REGION),
            endpoint: set(ENDPOINT),
            secret_store,
            athena_workgroup: set(ATHENA_WORKGROUP).unwrap_or_else(|| "primary".to_owned()),
            redshift,
            state_machine: set(STATE_MACHINE),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_read_and_checked() {
        let read = |shares: &'static str| {
            Settings::from(move |name| match name {
                SECRETS_FILE => Some("s.env".into()),
                RATE_SHARES => Some(shares.into()),
                _ => None,
            })
        };
        assert_eq!(read("").map(|settings| settings.rate_shares), Ok(1));
        let settings = read("8").expect("reads");
        assert_eq!((settings.rate_shares, settings.ca_file), (8, None));
        assert_eq!(settings.secrets_file, Some("s.env".into()));
        for bad in ["0", "-1", "x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
