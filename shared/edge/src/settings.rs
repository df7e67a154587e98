//! What the environment tells the process: every variable that the edge reads, once.

use std::path::PathBuf;

use pipeline::fault::Fault;

/// The variables, each with what it is for. Secrets are read by [`crate::secrets`].
pub const VARIABLES: [(&str, &str); 6] = [
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
        "LAKEHEAD_SECRET_…",
        "a secret; `gins/api_key` is in LAKEHEAD_SECRET_GINS_API_KEY",
    ),
];

const ROOT: &str = "LAKEHEAD_ROOT";
const PIPELINES: &str = "LAKEHEAD_PIPELINES";
pub(crate) const SECRETS_FILE: &str = "LAKEHEAD_SECRETS_FILE";
const CA_FILE: &str = "LAKEHEAD_CA_FILE";
const RATE_SHARES: &str = "LAKEHEAD_RATE_SHARES";

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
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            root: None,
            pipelines: PathBuf::from("pipelines"),
            secrets_file: None,
            ca_file: None,
            rate_shares: 1,
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
        let pipelines = set(PIPELINES).unwrap_or_else(|| "pipelines".to_owned());
        Ok(Settings {
            root: set(ROOT).map(PathBuf::from),
            pipelines: PathBuf::from(pipelines),
            secrets_file: set(SECRETS_FILE).map(PathBuf::from),
            ca_file: set(CA_FILE).map(PathBuf::from),
            rate_shares,
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
