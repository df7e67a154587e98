//! The API a pipeline reads: how it is described, and every request that follows from the description.

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::address::{Reach, is_this_machine};
use crate::auth::{self, Auth, Grant, Identity, Material, Moment, Obtain, Rotated};
use crate::bookmark::BOOKMARK;
use crate::fault::Fault;
use crate::for_each::{ForEach, ID, PARENT};
use crate::header::{HeaderName, checked_value};
use crate::name::Name;
use crate::number::{Number, Values, fill};
use crate::paginate::{Bounds, Facts, Next, Outline, PageToken, Position};
use crate::patience::Retry;
use crate::problem::{Located, Location, Problems};
use crate::rate::{Pace, Rate};
use crate::request::{Answer, Method, Request, drop_query, push_query};
use crate::resource::{Ask, PathTemplate, ResourceDefinition};
use crate::secret::{OrSecret, Secret, SecretName, Secrets};
use crate::template::Template;
use crate::window::Window;

/// The API that a pipeline reads
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceDefinition {
    /// Where the API is, `https://api.example/v1`; a reference lets a parameter set it.
    ///
    /// `http` is for this machine only, unless `allow_http` says otherwise. Redirects and links to another
    /// origin are never followed.
    pub base_url: Located<Template>,
    /// How requests prove who we are.
    #[serde(default)]
    pub auth: Auth,
    /// Headers of every request: text, or a reference to a secret.
    #[serde(default)]
    pub headers: IndexMap<HeaderName, Located<OrSecret<Template>>>,
    /// How often it may be asked.
    #[serde(default)]
    pub rate: Rate,
    /// How patient we are with one request.
    #[serde(default)]
    pub retry: Retry,
    /// How long one request may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How large answers may be.
    #[serde(default)]
    pub limits: Limits,
    /// Whether credentials and data may travel unencrypted.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether the host may lie in a private network although its name does not say so.
    #[serde(default)]
    pub allow_private: bool,
}

/// How long one request, and all waiting together, may take, in seconds
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Seconds,
    /// Without a byte of the answer: until its first, and between any two.
    pub idle: Seconds,
    /// Until the last byte.
    pub total: Seconds,
    /// How long the source may keep a run waiting before the run ends: from the first time that it asks for a
    /// wait or counts as down, as long as no answer comes in between. A source that is down is waited for an
    /// hour at most.
    pub patience: Patience,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Seconds(10.0),
            idle: Seconds(60.0),
            total: Seconds(300.0),
            patience: Patience(24 * 3600),
        }
    }
}

/// A time in whole seconds, one at least and a month at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u64")]
#[schemars(extend("minimum" = 1, "maximum" = 2_592_000))]
pub struct Patience(u64);

impl Patience {
    /// As a duration.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs(self.0)
    }
}

impl TryFrom<u64> for Patience {
    type Error = String;

    fn try_from(seconds: u64) -> Result<Self, String> {
        match seconds {
            1..=2_592_000 => Ok(Patience(seconds)),
            _ => Err(format!(
                "{seconds} seconds are no patience; take 1 to 2592000"
            )),
        }
    }
}

/// A time in seconds, more than none and an hour at most.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(try_from = "f64")]
#[schemars(extend("minimum" = 0.001, "maximum" = 3600))]
pub struct Seconds(f64);

impl Seconds {
    /// As a duration.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::from_secs_f64(self.0)
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        match seconds {
            0.001..=3600.0 => Ok(Seconds(seconds)),
            _ => Err(format!(
                "{seconds} seconds are no time-out; take 0.001 to 3600"
            )),
        }
    }
}

/// How large answers may be
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Mebibytes of one answer, decompressed.
    pub body_mib: u32,
    /// How many times its size a compressed answer may grow, once past one mebibyte.
    pub ratio: u32,
    /// How deep lists and objects may lie in each other.
    pub depth: u32,
    /// How many pages may follow each other.
    pub max_pages: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_mib: 64,
            ratio: 200,
            depth: 100,
            max_pages: 10_000,
        }
    }
}

impl SourceDefinition {
    /// The secrets that its requests need.
    pub fn secrets(&self) -> Vec<&SecretName> {
        let headers = self.headers.values().filter_map(|value| value.secret());
        let mut secrets: Vec<&SecretName> =
            self.auth.secrets().into_iter().chain(headers).collect();
        secrets.sort();
        secrets.dedup();
        secrets
    }

    /// Notes what is wrong with the source beyond its shape; `known` are the names that templates may use.
    pub fn check(&self, known: &[&str], problems: &mut Problems) {
        check_references(self.base_url.at, &self.base_url, known, problems);
        self.auth.check(known, problems);
        for (name, value) in &self.headers {
            match &value.value {
                OrSecret::Plain(_) if name.is_credential() => problems.add_private(
                    value.at,
                    format!("the header `{name}` would hold a credential in plain text"),
                    "use `auth`, or a reference `{ secret: pipeline/what }`",
                ),
                OrSecret::Plain(template) => check_references(value.at, template, known, problems),
                OrSecret::Secret(_) => {}
            }
        }
        self.rate.check(known, problems);
    }

    /// Notes outcomes of the resources that this source's way to prove who we are gives no meaning.
    pub fn check_outcomes(
        &self,
        resources: &IndexMap<Name, ResourceDefinition>,
        problems: &mut Problems,
    ) {
        if self.auth.is_granted() {
            return;
        }
        for at in resources
            .values()
            .filter_map(|resource| resource.outcomes.refreshes())
        {
            problems.add_with(
                at,
                "`refresh` has no meaning here: `auth` gets neither a token nor cookies that could be got anew",
                "take it out, or log in under `auth`",
            );
        }
    }

    /// The source with its address and pace known.
    pub fn open(&self, values: &Values) -> Result<Source, Fault> {
        let base = self.base(values)?;
        // Only these: windows and ids come and go, and the source stays the same.
        let own = self.auth.references().into_iter();
        let own: Values = own
            .filter_map(|name| Some((name.clone(), values.get(&name)?.clone())))
            .collect();
        Ok(Source {
            reach: Reach::of(&base, self.allow_private),
            pace: self.rate.pace(values)?,
            paths: self.rate.paths(base.path(), values)?,
            grants: self.auth.address(&base, &own, self.allow_http)?,
            definition: self.clone(),
            values: own,
            base,
        })
    }

    /// The address that the source has with these values.
    pub fn base(&self, values: &Values) -> Result<Url, Fault> {
        let base = base_url(&self.base_url, values)?;
        if base.scheme() == "http" && !self.allow_http && !is_this_machine(&base) {
            return Err(Fault::bad_definition(format!(
                "{} would be asked without encryption; use https, or set `allow_http` under `source`",
                base.origin().ascii_serialization()
            )));
        }
        Ok(base)
    }
}

fn base_url(template: &Template, values: &Values) -> Result<Url, Fault> {
    let text = fill_address(template, values)?;
    let refused =
        |why: &str| Fault::bad_definition(format!("base_url {why}; write `https://host/path`"));
    // The text itself is not shown: it could hold a password.
    let base =
        Url::parse(&text).map_err(|error| refused(&format!("is not an address: {error}")))?;
    if !matches!(base.scheme(), "http" | "https") {
        return Err(refused("is neither http nor https"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(refused(
            "holds a user name or password, which belongs to `auth`",
        ));
    }
    if base.query().is_some() || base.fragment().is_some() {
        return Err(refused(
            "holds a query or fragment, which belongs to the resource",
        ));
    }
    Ok(base)
}

/// A reference at the beginning may be a whole address; any other stands for a part of one.
fn fill_address(template: &Template, values: &Values) -> Result<String, Fault> {
    let text = template.to_string();
    let whole = template
        .references()
        .next()
        .filter(|name| text.starts_with(&format!("{{{name}}}")));
    let first = std::cell::Cell::new(whole.is_some());
    let known = |name: &str| values.get(name).cloned();
    let encode = |value: &str| match first.replace(false) {
        true => value.to_owned(),
        false => crate::request::encode(value),
    };
    let filled = template.fill_with(known, encode);
    filled.map_err(|unfilled| Fault::bad_definition(format!("base_url: {unfilled}")))
}

/// A source with its address known: makes requests and page tokens.
#[derive(Debug, Clone)]
pub struct Source {
    definition: SourceDefinition,
    base: Url,
    /// Where tokens are asked for.
    grants: Option<Url>,
    /// What the texts of `auth` refer to.
    values: Values,
    reach: Reach,
    pace: Pace,
    paths: Vec<(String, Pace)>,
}

impl Source {
    /// Its description.
    pub fn definition(&self) -> &SourceDefinition {
        &self.definition
    }

    /// Its address.
    pub fn base(&self) -> &Url {
        &self.base
    }

    /// Which network addresses its host may have.
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// How often it may be asked.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// How often paths may be asked beside that, by their beginning, the longest first.
    pub fn paths(&self) -> &[(String, Pace)] {
        &self.paths
    }

    /// The request for the page that `token` asks for, without credentials.
    pub fn request(
        &self,
        resource: &ResourceDefinition,
        token: &PageToken,
        values: &Values,
    ) -> Result<Request, Fault> {
        let added = resource.paginate.added(token, values)?;
        let url = match token.position() {
            Position::Link(link) => self.followed(link)?,
            _ => self.address(resource, added.query, values)?,
        };
        let mut request = Request {
            repeatable: resource.method != Ask::Post,
            method: match resource.method {
                Ask::Get => Method::Get,
                Ask::Post | Ask::PostRepeatable => Method::Post,
            },
            ..Request::get(url)
        };
        if let Some(body) = &resource.body {
            request.body = Some(body.fill_with(values, &added.body)?);
        }
        request.headers = self.headers(Some(resource), values)?;
        Ok(request)
    }

    /// A plain GET of a path, without credentials.
    pub fn asking(&self, path: &PathTemplate, values: &Values) -> Result<Request, Fault> {
        let mut url = self.base.clone();
        let path = path.fill(values)?;
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let mut request = Request::get(url);
        request.headers = self.headers(None, values)?;
        Ok(request)
    }

    /// The request with its credentials; one to another origin gets none and is refused.
    pub fn signed(
        &self,
        request: Request,
        secrets: &Secrets,
        moment: &Moment,
        grant: Option<&Grant>,
    ) -> Result<Request, Fault> {
        if request.url.origin() != self.base.origin() {
            return Err(Fault::bug(
                "a request to another origin than the source's was about to be signed",
            ));
        }
        let material = self.material(secrets, moment, grant);
        let mut request = self.definition.auth.apply(request, &material)?;
        for (name, value) in &self.definition.headers {
            if let Some(secret) = value.secret() {
                let text = secrets.get(secret)?.expose().to_owned();
                request.credentials.push(auth::header(name, text, secret)?);
            }
        }
        Ok(request)
    }

    /// Refuses an answer that is not from who it should be from; `signed` is the request as it went.
    pub fn verify(
        &self,
        signed: &Request,
        answer: &Answer,
        secrets: &Secrets,
        moment: &Moment,
    ) -> Result<(), Fault> {
        let material = self.material(secrets, moment, None);
        self.definition.auth.verify(signed, answer, &material)
    }

    /// Where tokens or cookies are asked for; none where nothing is asked for.
    pub fn grants(&self) -> Option<&Url> {
        self.grants.as_ref()
    }

    /// The client certificate that connections are made with.
    pub fn identity(&self, secrets: &Secrets) -> Result<Option<Identity>, Fault> {
        self.definition.auth.identity(secrets)
    }

    /// How a token or cookies are got.
    pub fn obtain(&self, secrets: &Secrets, moment: &Moment) -> Result<Obtain, Fault> {
        let material = self.material(secrets, moment, None);
        let obtain = self.definition.auth.obtain(self.grants(), &material)?;
        Ok(as_ours(obtain))
    }

    /// What follows once a token is signed.
    pub fn with_signature(
        &self,
        token: Secret,
        secrets: &Secrets,
        moment: &Moment,
    ) -> Result<Obtain, Fault> {
        let material = self.material(secrets, moment, None);
        let auth = &self.definition.auth;
        let obtain = auth.with_signature(token, self.grants(), &material)?;
        Ok(as_ours(obtain))
    }

    /// What the answer to the request for a token or cookies gives.
    pub fn granted(&self, answer: &Answer, now: Timestamp) -> Result<Grant, Fault> {
        crate::depth::check(&answer.body, self.definition.limits.depth)?;
        let asked = self.grants().unwrap_or(&self.base);
        let auth = &self.definition.auth;
        auth.granted(answer, asked, &self.base, now)
    }

    /// The answer that gives this token or cookie, for who plays the source.
    pub fn given(&self, token: &str) -> Result<Answer, Fault> {
        self.definition.auth.given(token)
    }

    /// The header by which an answer to this request is signed, for who plays the source; none where answers
    /// are not.
    pub fn seal(
        &self,
        signed: &Request,
        content_type: &str,
        content: &[u8],
        secrets: &Secrets,
        moment: &Moment,
    ) -> Result<Option<(String, String)>, Fault> {
        let material = self.material(secrets, moment, None);
        let auth = &self.definition.auth;
        auth.seal(signed, content_type, content, &material)
    }

    /// The secret that the answer replaces, whatever else may be wrong with it.
    pub fn rotated(&self, answer: &Answer, secrets: &Secrets, moment: &Moment) -> Option<Rotated> {
        let material = self.material(secrets, moment, None);
        self.definition.auth.rotated(answer, &material)
    }

    fn material<'a>(
        &'a self,
        secrets: &'a Secrets,
        moment: &'a Moment,
        grant: Option<&'a Grant>,
    ) -> Material<'a> {
        Material {
            secrets,
            values: &self.values,
            moment,
            grant,
        }
    }

    /// What follows the page that `token` asked for: how many records it held, and the next token.
    pub fn next(
        &self,
        resource: &ResourceDefinition,
        token: &PageToken,
        values: &Values,
        request: &Request,
        answer: &Answer,
    ) -> Result<Turn, Fault> {
        let (records, form) = (&resource.records, resource.form());
        let depth = self.definition.limits.depth;
        let facts = Facts::read(answer, &request.url, records, form, depth)?;
        self.turn(resource, token, values, facts)
    }

    /// What follows a page that was read before by another token's leave: its body is not checked once more, as its
    /// outline is known.
    pub fn next_again(
        &self,
        resource: &ResourceDefinition,
        token: &PageToken,
        values: &Values,
        request: &Request,
        answer: &Answer,
        outline: Outline,
    ) -> Result<Turn, Fault> {
        let (records, form) = (&resource.records, resource.form());
        let facts = Facts::read_again(answer, outline, &request.url, records, form)?;
        self.turn(resource, token, values, facts)
    }

    fn turn(
        &self,
        resource: &ResourceDefinition,
        token: &PageToken,
        values: &Values,
        facts: Facts<'_>,
    ) -> Result<Turn, Fault> {
        let bounds = Bounds {
            base: &self.base,
            credential: self.definition.auth.query_parameter(),
            max_pages: resource
                .max_pages
                .unwrap_or(self.definition.limits.max_pages),
        };
        let next = resource.paginate.next(token, &facts, values, &bounds)?;
        Ok(Turn {
            records: facts.records,
            next,
            outline: facts.into_outline(),
        })
    }

    fn address(
        &self,
        resource: &ResourceDefinition,
        parameters: Vec<(String, String)>,
        values: &Values,
    ) -> Result<Url, Fault> {
        let path = resource.path.fill(values)?;
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        let replaced = |name: &str| parameters.iter().any(|(added, _)| added == name);
        for (name, parameter) in resource.query.iter().filter(|(name, _)| !replaced(name)) {
            for value in parameter.fill(values, name)? {
                push_query(&mut url, name, &value);
            }
        }
        for (name, value) in parameters {
            push_query(&mut url, &name, &value);
        }
        Ok(url)
    }

    /// A token comes back from outside, so its link is bound to the origin once more.
    fn followed(&self, link: &str) -> Result<Url, Fault> {
        let foreign =
            || Fault::rejected("the page token leads to another origin than the source's");
        let mut url = self.base.join(link).map_err(|_| foreign())?;
        if url.origin() != self.base.origin() || !url.username().is_empty() {
            return Err(foreign());
        }
        if let Some(parameter) = self.definition.auth.query_parameter() {
            drop_query(&mut url, parameter);
        }
        Ok(url)
    }

    fn headers(
        &self,
        resource: Option<&ResourceDefinition>,
        values: &Values,
    ) -> Result<Vec<(String, String)>, Fault> {
        let ours = self.definition.headers.iter();
        let ours = ours.filter_map(|(name, value)| match &value.value {
            OrSecret::Plain(template) => Some((name, template)),
            OrSecret::Secret(_) => None,
        });
        let theirs = resource.into_iter().flat_map(|resource| &resource.headers);
        let theirs = theirs.map(|(name, value)| (name, &value.value));
        let mut headers = IndexMap::from(usual_headers());
        for (name, template) in ours.chain(theirs) {
            let value = fill(template, values, &format!("header `{name}`"))?;
            headers.insert(name.to_string(), checked_value(name, value)?);
        }
        Ok(headers.into_iter().collect())
    }
}

/// The headers that every request carries unless its definition says otherwise.
fn usual_headers() -> [(String, String); 2] {
    [
        ("accept".to_owned(), "application/json".to_owned()),
        (
            "user-agent".to_owned(),
            concat!("lakehead/", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
    ]
}

/// With the usual headers, where it is a request.
fn as_ours(obtain: Obtain) -> Obtain {
    match obtain {
        Obtain::Ask(mut request) => {
            request.headers.extend(usual_headers());
            Obtain::Ask(request)
        }
        other => other,
    }
}

/// What a page amounted to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// How many records it held.
    pub records: u64,
    /// What follows it.
    pub next: Next,
    /// Where the large values of its body end.
    pub outline: Outline,
}

impl Turn {
    /// Of a page without records that nothing follows.
    #[must_use]
    pub fn end() -> Self {
        Turn {
            records: 0,
            next: Next::End,
            outline: Outline::default(),
        }
    }
}

/// Notes what is wrong with the resources beyond their shape; `known` are the names that templates may use
/// besides `id`.
pub fn check_resources(
    resources: &IndexMap<Name, ResourceDefinition>,
    known: &[&str],
    problems: &mut Problems,
) {
    for (name, resource) in resources {
        check_resource(name, resource, resources, known, problems);
    }
}

fn check_resource(
    name: &Name,
    resource: &ResourceDefinition,
    resources: &IndexMap<Name, ResourceDefinition>,
    known: &[&str],
    problems: &mut Problems,
) {
    check_for_each(name, &resource.for_each, resources, known, problems);
    let names = resource.names(resources);
    let templates = resource.templates();
    let with_id: Vec<&str> = known
        .iter()
        .copied()
        .chain(names.iter().map(String::as_str))
        .collect();
    for (at, template) in &templates {
        check_references(*at, template, &with_id, problems);
    }
    let references: Vec<&str> = templates
        .iter()
        .flat_map(|(_, template)| template.references())
        .collect();
    if let ForEach::Parents(parents) = &resource.for_each {
        for source in &parents.of {
            let names: Vec<String> = source
                .names()
                .iter()
                .map(|name| format!("{PARENT}{name}"))
                .collect();
            if !names.iter().any(|name| references.contains(&name.as_str())) {
                problems.add_with(
                    resource.path.at,
                    format!("no request of `{name}` holds `{}`, so the same would be asked for again and again", names.join("` or `")),
                    format!("write `{{{}}}` in its path, query, headers or body", names[0]),
                );
            }
        }
    }
    if let Some(bookmark) = &resource.bookmark {
        bookmark.check(problems);
        if let Some(tolerance) = &resource.failed_slices {
            problems.add_with(
                tolerance.at,
                format!("`{name}` has a bookmark, which would pass over what a failed slice lacks"),
                "take out `failed_slices` or the bookmark",
            );
        }
        if let Some(until) = &bookmark.until {
            check_references(until.path.at, until.path.template(), known, problems);
        }
        if !references.contains(&BOOKMARK) {
            problems.add_with(
                bookmark.start.at,
                format!("no request of `{name}` holds the bookmark, so all would be read again and again"),
                "write `{bookmark}` in its query or body",
            );
        }
    }
    if let Some(rule) = &resource.split_window {
        let at = rule
            .on
            .first()
            .map_or(resource.path.at, |statuses| statuses.at);
        let holds = |parts: &[&str]| {
            let mut parts = parts.iter();
            parts.any(|part| references.contains(&&*format!("window.{part}")))
        };
        if !holds(&Window::STARTS) || !holds(&Window::ENDS) {
            problems.add_with(
                at,
                format!("no request of `{name}` says both where a window begins and where it ends, so none can be halved"),
                "write `{window.start}` and `{window.end}`, or their kin, in its query or body",
            );
        }
        if rule.on.is_empty() {
            problems.add_with(
                at,
                "`split_window` names no status, so it never applies",
                "write the statuses that mean too large a window, such as `on: [413]`",
            );
        }
        if !matches!(resource.for_each, ForEach::None) {
            problems.add_with(
                at,
                "windows are halved only where a resource is asked once a window",
                "take `split_window` out, or `for_each`",
            );
        }
    }
    let by_id = matches!(resource.for_each, ForEach::Listing(_) | ForEach::Range(_));
    if by_id && !references.contains(&ID) {
        problems.add_with(
            resource.path.at,
            format!("`{name}` is asked for each id, but no request of it holds the id"),
            "write `{id}` in its path, query or body",
        );
    }
    for (header, value) in &resource.headers {
        if header.is_credential() {
            problems.add_private(
                value.at,
                format!("the header `{header}` would hold a credential in plain text"),
                "use `auth` of the source",
            );
        }
    }
    if let (Some(body), Ask::Get) = (&resource.body, resource.method) {
        problems.add_with(
            body.at,
            "a GET carries no body",
            "set `method: post_repeatable`, or `post` if it changes something",
        );
    }
    let has_body = resource.body.is_some() && resource.method != Ask::Get;
    resource.paginate.check(known, has_body, problems);
    resource.outcomes.check(problems);
}

fn check_for_each(
    name: &Name,
    for_each: &ForEach,
    resources: &IndexMap<Name, ResourceDefinition>,
    known: &[&str],
    problems: &mut Problems,
) {
    let mut number = |number: &Located<Number>| {
        if let Some(template) = number.template() {
            check_references(number.at, template, known, problems);
        }
    };
    let listing = match for_each {
        ForEach::None => return,
        ForEach::Range(range) => {
            number(&range.first);
            number(&range.last);
            return;
        }
        ForEach::Parents(parents) => return parents.check(name, resources, known, problems),
        ForEach::Listing(listing) => listing,
    };
    number(&listing.first);
    check_references(listing.enumerate.at, &listing.enumerate, known, problems);
    let written = listing.enumerate.to_string();
    if listing.enumerate.references().next().is_none()
        && !matches!(written.as_str(), "listing" | "range")
    {
        problems.add_with(
            listing.enumerate.at,
            format!("there is no enumeration `{written}`"),
            "write `listing` or `range`",
        );
    }
    let at = listing.resource.at;
    match resources.get(&listing.resource.value) {
        None => {
            let others = resources.keys().filter(|other| *other != name);
            problems.unknown(at, "resource", &listing.resource, others.map(AsRef::as_ref));
        }
        Some(_) if listing.resource.value == *name => problems.add_with(
            at,
            format!("`{name}` would have to be read before itself"),
            "name the resource that lists the ids",
        ),
        Some(parent) if !matches!(parent.for_each, ForEach::None) => problems.add_with(
            at,
            format!(
                "the listing `{}` is itself asked for each id",
                *listing.resource
            ),
            "a listing is asked once",
        ),
        Some(_) => {}
    }
}

/// Notes every reference to something that is not known.
pub(crate) fn check_references(
    at: Location,
    template: &Template,
    known: &[&str],
    problems: &mut Problems,
) {
    for reference in template.references() {
        if !known.contains(&reference) {
            problems.unknown(at, "value", reference, known.iter().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::decode::decode;
    use crate::secret::Secret;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Definition {
        source: SourceDefinition,
        #[serde(default)]
        resources: IndexMap<Name, ResourceDefinition>,
    }

    const GINS: &str = r#"
source:
  base_url: "{base_url}"
  auth: { api_key: { query: api_key, key: { secret: gins/api_key } } }
  headers: { From: "{from}", X-App: { secret: gins/app } }
  rate: { requests: "{requests_per_second}", per: second }
resources:
  short:
    path: /api/v2/short
  products:
    path: /api/v2/products/{id}
    query: { lang: en, include: [audit, "{from}"], page_size: 5 }
    records: [$.data, $]
    for_each: { listing: { resource: short, id: $.id, enumerate: "{enumerate}" } }
    outcomes: { missing: [404] }
"#;

    const KNOWN: [&str; 4] = ["base_url", "from", "requests_per_second", "enumerate"];

    fn definition(text: &str) -> Definition {
        let decoded = decode::<Definition>(text);
        assert!(
            decoded.problems.is_empty(),
            "{}",
            decoded.problems.render("p", text)
        );
        decoded.value.expect("decodes")
    }

    fn problems(text: &str) -> String {
        let decoded = decode::<Definition>(text);
        let mut problems = decoded.problems;
        if let Some(definition) = decoded.value {
            definition.source.check(&KNOWN, &mut problems);
            check_resources(&definition.resources, &KNOWN, &mut problems);
            definition
                .source
                .check_outcomes(&definition.resources, &mut problems);
        }
        problems.render("p", text)
    }

    fn values(base_url: &str) -> Values {
        let values = [
            ("base_url", base_url),
            ("from", "a&b"),
            ("requests_per_second", "10"),
            ("id", "7/8"),
        ];
        values
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn a_request_follows_from_the_definition() {
        let definition = definition(GINS);
        let values = values("https://api.gin.example/base/");
        let source = definition.source.open(&values).expect("opens");
        let resource = &definition.resources["products"];
        let request = source
            .request(resource, &resource.paginate.first(), &values)
            .expect("a request");
        let address = "https://api.gin.example/base/api/v2/products/7%2F8?lang=en&include=audit&include=a%26b&page_size=5";
        assert_eq!(request.url.as_str(), address);
        assert_eq!(request.headers[2], ("from".to_owned(), "a&b".to_owned()));

        let named = |name: &str| SecretName::try_from(name.to_owned()).expect(name);
        let needed: Vec<&str> = definition
            .source
            .secrets()
            .into_iter()
            .map(|name| &**name)
            .collect();
        assert_eq!(needed, ["gins/api_key", "gins/app"]);
        let secrets = [("gins/api_key", "k1"), ("gins/app", "k2")];
        let secrets = secrets
            .map(|(name, value)| (named(name), Secret::new(value)))
            .into_iter()
            .collect();
        let moment = Moment {
            now: Timestamp::UNIX_EPOCH,
            nonce: String::new(),
        };
        let signed = source
            .signed(request.clone(), &secrets, &moment, None)
            .expect("signed");
        assert_eq!(
            signed.exposed_url().as_str(),
            format!("{address}&api_key=k1")
        );
        assert_eq!(signed.credentials[1].name(), "x-app");
        let foreign = Request {
            url: Url::parse("https://evil.example/").expect("a url"),
            ..request
        };
        assert!(source.signed(foreign, &secrets, &moment, None).is_err());
    }

    #[test]
    fn a_base_url_is_an_address_and_nothing_more() {
        let definition = definition(GINS);
        for (base_url, part) in [
            ("https://api.gin.example", ""),
            ("http://127.0.0.1:8080/x", ""),
            ("http://localhost:8080", ""),
            ("http://api.gin.example", "asked without encryption"),
            ("http://127.0.0.1.evil.example", "asked without encryption"),
            ("ftp://x", "neither http nor https"),
            ("file:///etc/passwd", "neither http nor https"),
            ("https://u:p4ss@x/", "user name or password"),
            ("https://x/?a=1", "query or fragment"),
            ("nonsense p4ss", "not an address"),
        ] {
            let message = definition
                .source
                .open(&values(base_url))
                .err()
                .map(|fault| fault.message);
            let message = message.unwrap_or_default();
            assert!(
                message.contains(part) && message.is_empty() == part.is_empty(),
                "{base_url}: {message}"
            );
            assert!(!message.contains("p4ss"), "{message}");
        }
        let regional = "https://{from}.example/{from}".to_owned();
        let regional = Template::try_from(regional).expect("a template");
        let evil = Values::from([("from".into(), "evil.example/".into())]);
        // An encoded slash is no part of a host name.
        assert!(base_url(&regional, &evil).is_err());
    }

    #[test]
    fn what_is_wrong_beyond_shape_is_named_with_its_place() {
        assert_eq!(problems(GINS), "");
        for (from, to, part) in [
            (
                "\"{base_url}\"",
                "\"{base_ur}\"",
                "3:13: there is no value `base_ur`",
            ),
            (
                "resource: short",
                "resource: shot",
                "there is no resource `shot`",
            ),
            ("resource: short", "resource: products", "before itself"),
            (
                "/products/{id}",
                "/products/{idd}",
                "there is no value `idd`",
            ),
            (
                "/products/{id}",
                "/products",
                "no request of it holds the id",
            ),
            (
                "path: /api/v2/short",
                "path: /api/v2/short/{id}",
                "9:11: there is no value `id`",
            ),
            ("\"{enumerate}\"", "both", "there is no enumeration `both`"),
            (
                "From: \"{from}\"",
                "Authorization: token",
                "credential in plain text",
            ),
            ("records: [$.data, $]", "records: []", "no path"),
            (
                "records: [$.data, $]",
                "body: { json: { a: 1 } }",
                "a GET carries no body",
            ),
            (
                "records: [$.data, $]",
                "paginate: { page_number: { parameter: p, stop: short_page } }",
                "without a `size`",
            ),
            (
                "records: [$.data, $]",
                "paginate: { page_number: { parameter: p, size: 0 } }",
                "a page of no records",
            ),
            (
                "records: [$.data, $]",
                "paginate: { offset: { limit: \"{n}\" } }",
                "there is no value `n`",
            ),
            (
                "records: [$.data, $]",
                "paginate: { offset: { limit: 5, stop: { total_pages: $.n } } }",
                "counts pages",
            ),
            (
                "requests: \"{requests_per_second}\"",
                "requests: 0",
                "a rate of nothing",
            ),
            (
                "missing: [404]",
                "missing: [404], retry: [404]",
                "two meanings",
            ),
            ("missing: [404]", "missin: [404]", "did you mean `missing`?"),
            (
                "missing: [404]",
                "refresh: [403]",
                "`refresh` has no meaning here",
            ),
            (
                "missing: [404]",
                "body: [ { at: $.e, means: refresh } ]",
                "`refresh` has no meaning here",
            ),
            (
                "requests: \"{requests_per_second}\"",
                "requests: 5, paths: { search: { requests: 1 } }",
                "`search` is not the beginning of a path",
            ),
            (
                "key: { secret: gins/api_key }",
                "key: my-key",
                "a secret does not stand in a definition",
            ),
        ] {
            let text = GINS.replace(from, to);
            assert_ne!(text, GINS, "{from}");
            let shown = problems(&text);
            assert!(shown.contains(part), "{part}: {shown}");
        }
    }

    #[test]
    fn the_definition_has_a_schema() {
        let schema = schemars::schema_for!(SourceDefinition)
            .to_value()
            .to_string();
        assert!(
            schema.contains("base_url") && schema.contains("api_key"),
            "{schema}"
        );
        let schema = schemars::schema_for!(ResourceDefinition)
            .to_value()
            .to_string();
        assert!(schema.contains("for_each"), "{schema}");
    }
}
