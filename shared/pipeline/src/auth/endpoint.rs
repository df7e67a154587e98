//! Where a token or a session is asked for: below the source's address, or at an address of its own.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::address::is_this_machine;
use crate::fault::Fault;
use crate::number::{Values, fill};
use crate::problem::{Located, Problems};
use crate::resource::PathTemplate;
use crate::template::Template;

/// A path below `base_url`, or a whole address.
#[derive(Debug, Clone)]
pub(super) enum Endpoint {
    Path(Located<PathTemplate>),
    Url(Located<Template>),
}

impl Endpoint {
    /// The one of the two that is written.
    pub(super) fn of(
        path: Option<Located<PathTemplate>>,
        url: Option<Located<Template>>,
    ) -> Result<Self, String> {
        match (path, url) {
            (Some(path), None) => Ok(Endpoint::Path(path)),
            (None, Some(url)) => Ok(Endpoint::Url(url)),
            (None, None) => Err(
                "neither `path` nor `url` is set; say where to ask: a path below `base_url` or a whole address"
                    .to_owned(),
            ),
            (Some(_), Some(_)) => Err("both `path` and `url` are set; keep one".to_owned()),
        }
    }

    pub(super) fn references(&self) -> Vec<String> {
        self.template().references().map(str::to_owned).collect()
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        let at = match self {
            Endpoint::Path(path) => path.at,
            Endpoint::Url(url) => url.at,
        };
        crate::source::check_references(at, &self.template(), known, problems);
    }

    fn template(&self) -> Template {
        match self {
            // A path is a template with more rules, so its text parses as one.
            Endpoint::Path(path) => {
                Template::try_from(path.value.to_string()).expect("a path is a template")
            }
            Endpoint::Url(url) => url.value.clone(),
        }
    }

    /// The address, given the values.
    pub(super) fn address(
        &self,
        base: &Url,
        values: &Values,
        allow_http: bool,
    ) -> Result<Url, Fault> {
        let template = match self {
            Endpoint::Path(path) => {
                let path = path.value.fill(values)?;
                let mut url = base.clone();
                url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
                return Ok(url);
            }
            Endpoint::Url(template) => &template.value,
        };
        let refused = |why: &str| {
            Fault::bad_definition(format!(
                "the url of `auth` {why}; write `https://host/path`"
            ))
        };
        let text = fill(template, values, "the url of `auth`")?;
        let url =
            Url::parse(&text).map_err(|error| refused(&format!("is not an address: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("holds a user name or password"));
        }
        if url.fragment().is_some() {
            return Err(refused("holds a fragment"));
        }
        if url.scheme() == "http" && !allow_http && !is_this_machine(&url) {
            return Err(Fault::bad_definition(format!(
                "{} would get credentials without encryption; use https, or set `allow_http` under `source`",
                url.origin().ascii_serialization()
            )));
        }
        Ok(url)
    }
}

/// A time in whole seconds, one at least and a year at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(extend("minimum" = 1, "maximum" = 31_536_000))]
pub struct Lifetime(u64);

impl Lifetime {
    pub(super) const fn of(seconds: u64) -> Self {
        Lifetime(seconds)
    }

    pub(super) fn seconds(self) -> u64 {
        self.0
    }

    pub(super) fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

impl TryFrom<u64> for Lifetime {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        match seconds {
            1..=31_536_000 => Ok(Lifetime(seconds)),
            _ => Err(format!(
                "{seconds} seconds are no lifetime; take 1 to 31536000"
            )),
        }
    }
}
