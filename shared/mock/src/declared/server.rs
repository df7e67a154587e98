//! The server: one origin on this machine that answers as a definition says its source does.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use axum::serve::ListenerExt;
use pipeline::auth::{Auth, Moment};
use pipeline::bookmark::Order;
use pipeline::definition::Pipeline;
use pipeline::for_each::ForEach;
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::request::Answer as Given;
use pipeline::resource::ResourceDefinition;
use pipeline::secret::Secrets;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use super::counts::{Counts, Seen};
use super::guard::Guard;
use super::pages::{Asked, Cursors};
use super::received::Received;
use super::route::{Route, route};
use super::rows::Rows;
use crate::answer::{Answer, Stopped, over_limit, takes_gzip};
use crate::catalogue::SEED;
use crate::draw::mix;
use crate::faults::{Attempt, Fault};
use crate::stats::{Limit, Outcome, Target};

const JSON: &str = "application/json; charset=utf-8";

/// How a declared source is to be served.
#[derive(Debug)]
pub struct Options {
    /// What its definition refers to; each has to be there.
    pub secrets: Secrets,
    /// Of the records, and of the faults that are drawn by lot.
    pub seed: u64,
    /// How many records a resource has that is asked for once.
    pub rows: u64,
    /// The most records on a page, whatever is asked for.
    pub page_size: Option<usize>,
    /// For how many requests a session or token is good.
    pub expire_after: Option<u32>,
    /// Records by resource, instead of made-up ones: an answer of the source, or its records.
    pub samples: BTreeMap<String, Value>,
    /// Where it listens on 127.0.0.1; 0 for any free port.
    pub port: u16,
    /// The most requests in any one second; more are answered 429.
    pub requests_per_second: Option<u32>,
    /// How long each answer takes.
    pub latency: Duration,
    /// What goes wrong. Of several that strike the same attempt the first one does.
    pub faults: Vec<Fault>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            secrets: Secrets::default(),
            seed: SEED,
            rows: 250,
            page_size: None,
            expire_after: None,
            samples: BTreeMap::new(),
            port: 0,
            requests_per_second: None,
            latency: Duration::ZERO,
            faults: Vec::new(),
        }
    }
}

/// Why a declared source is not served.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}; choose another port, or 0 for any free one")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
    /// Nothing could lead a run here.
    #[error("{0}")]
    Address(String),
}

/// A declared source.
#[derive(Debug)]
pub struct Declared;

impl Declared {
    /// Serves the source of this pipeline, whose parameters are those that its runs will have.
    pub async fn serve(mut pipeline: Pipeline, options: Options) -> Result<Serving, StartError> {
        let refused = |source| StartError::Listen {
            port: options.port,
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let moved = lead_here(&mut pipeline, address).map_err(StartError::Address)?;
        let (stop, stopped) = watch::channel(false);
        let api = Arc::new(Api::new(pipeline, options, stopped).map_err(StartError::Address)?);
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let routes = Router::new().fallback(handle).with_state(api.clone());
        let serving = axum::serve(listener, routes).with_graceful_shutdown(api.stopped());
        let served = tokio::spawn(async move { drop(serving.await) });
        Ok(Serving {
            address,
            moved,
            api,
            stop,
            served,
        })
    }
}

/// A declared source at work. It stops when this is dropped.
#[derive(Debug)]
pub struct Serving {
    address: SocketAddr,
    moved: Vec<(Name, String)>,
    api: Arc<Api>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Serving {
    /// Its origin, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The parameters that lead a run here.
    pub fn parameters(&self) -> &[(Name, String)] {
        &self.moved
    }

    /// What of the definition this server does not hold a run to, in a sentence each.
    pub fn notes(&self) -> Vec<&'static str> {
        match &self.api.guard.source().definition().auth {
            Auth::ClientCertificate(_) => vec![
                "a client certificate is not asked for: connections to this server are not encrypted; a run still reads both its secrets, which have to be PEM",
            ],
            Auth::JwtBearer(_) => vec![
                "what a signed token says is checked, its signature is not; the private key has to be PEM",
            ],
            Auth::RefreshToken(_) => vec!["refresh tokens are not replaced"],
            _ => Vec::new(),
        }
    }

    /// Counts over all requests so far.
    pub fn counts(&self) -> Counts {
        Counts::of(&self.api.ledger().seen)
    }

    /// Stops: open answers get two seconds to end, and the port is free afterwards.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        let grace = Duration::from_secs(2);
        if tokio::time::timeout(grace, &mut self.served).await.is_err() {
            self.served.abort();
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Points the parameters that hold the source's address, and that of its tokens, to ours, and tells which.
fn lead_here(pipeline: &mut Pipeline, ours: SocketAddr) -> Result<Vec<(Name, String)>, String> {
    let values = values(pipeline);
    let source = &pipeline.definition.source;
    let base = source.base(&values).map_err(|fault| fault.message)?;
    let open = source.open(&values).map_err(|fault| fault.message)?;
    let mut origins = vec![base.origin()];
    origins.extend(open.grants().map(Url::origin));
    let of_base = source.base_url.references().map(str::to_owned);
    let names: Vec<String> = of_base.chain(source.auth.references()).collect();
    let mut moved = Vec::new();
    for (name, value) in &mut pipeline.parameters {
        let Ok(url) = Url::parse(value) else { continue };
        if names.iter().any(|used| **used == **name) && origins.contains(&url.origin()) {
            *value = format!("http://{ours}{}", url.path().trim_end_matches('/'));
            moved.push((name.clone(), value.clone()));
        }
    }
    let values = self::values(pipeline);
    let source = pipeline
        .definition
        .source
        .open(&values)
        .map_err(|fault| fault.message)?;
    let here = Url::parse(&format!("http://{ours}")).map_err(|error| error.to_string())?;
    let astray = [Some(source.base()), source.grants()].into_iter().flatten();
    match astray.into_iter().find(|url| url.origin() != here.origin()) {
        None => Ok(moved),
        Some(url) => Err(format!(
            "nothing leads a run here instead of to {}: write the address as a parameter, `base_url: \"{{base_url}}\"`",
            url.origin().ascii_serialization()
        )),
    }
}

fn values(pipeline: &Pipeline) -> Values {
    let parameters = pipeline.parameters.iter();
    parameters
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect()
}

/// What all connections share.
#[derive(Debug)]
struct Api {
    rows: Rows,
    guard: Guard,
    cursors: Mutex<Cursors>,
    ledger: Mutex<Ledger>,
    started: Instant,
    stopped: watch::Receiver<bool>,
    options: Options,
}

#[derive(Debug, Default)]
struct Ledger {
    seen: Vec<Seen>,
    limit: Option<Limit>,
    /// For each target: attempts so far, and how many of the last were faulted.
    attempts: HashMap<Target, (u32, u32)>,
}

/// What is answered to a request without faults.
struct Honest {
    what: String,
    outcome: Outcome,
    target: Target,
    status: StatusCode,
    json: Bytes,
    headers: Vec<(String, String)>,
}

impl Honest {
    fn refused(what: &str, outcome: Outcome, status: StatusCode, message: &str) -> Honest {
        Honest {
            what: what.to_owned(),
            outcome,
            target: Target::Elsewhere,
            status,
            json: Answer::error(status, message).json,
            headers: Vec::new(),
        }
    }

    fn of_grant(given: Given) -> Honest {
        Honest {
            what: "(login)".to_owned(),
            outcome: Outcome::Granted,
            target: Target::Elsewhere,
            status: StatusCode::OK,
            json: given.body.into(),
            headers: given
                .headers
                .into_iter()
                .filter(|(name, _)| name != "content-type")
                .collect(),
        }
    }
}

impl Api {
    fn new(
        pipeline: Pipeline,
        options: Options,
        stopped: watch::Receiver<bool>,
    ) -> Result<Api, String> {
        let values = values(&pipeline);
        let source = pipeline
            .definition
            .source
            .open(&values)
            .map_err(|fault| fault.message)?;
        let guard = Guard::new(
            source,
            options.secrets.clone(),
            options.expire_after,
            options.seed,
        );
        let limit = options.requests_per_second.map(Limit::new);
        Ok(Api {
            rows: Rows::new(
                pipeline,
                values,
                options.seed,
                options.rows,
                options.samples.clone(),
            ),
            guard,
            cursors: Mutex::default(),
            ledger: Mutex::new(Ledger {
                limit,
                ..Ledger::default()
            }),
            started: Instant::now(),
            stopped,
            options,
        })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.stopped.clone();
        async move { drop(stopped.wait_for(|stopped| *stopped).await) }
    }

    /// What the request is answered with where nothing goes wrong.
    fn honest(&self, received: &Received) -> Honest {
        if self.guard.is_asked(received) {
            return match self.guard.grant(received) {
                Ok(given) => Honest::of_grant(given),
                Err(why) => Honest::refused(
                    "(login)",
                    Outcome::Unauthorized,
                    StatusCode::UNAUTHORIZED,
                    &why,
                ),
            };
        }
        match self.guard.admit(received) {
            Err(why) => Honest::refused(
                "(refused)",
                Outcome::Unauthorized,
                StatusCode::UNAUTHORIZED,
                &why,
            ),
            Ok(moment) => self.admitted(received, &moment),
        }
    }

    fn admitted(&self, received: &Received, moment: &Moment) -> Honest {
        let base = self.guard.source().base().path().trim_end_matches('/');
        let Some(below) = received.url.path().strip_prefix(base) else {
            return nowhere();
        };
        if let Some(reach) = self.reach(below) {
            return self.good(
                "(bookmark)",
                Target::Listing,
                &reach,
                Vec::new(),
                received,
                moment,
            );
        }
        let resources = &self.rows.pipeline().definition.resources;
        let (name, resource, mut values) =
            match route(resources, below, received, self.rows.parameters()) {
                Route::To(name, resource, values) => (name, resource, values),
                Route::Nowhere => return nowhere(),
                Route::Wrong(why) => {
                    return Honest::refused(
                        "(elsewhere)",
                        Outcome::Wrong,
                        StatusCode::BAD_REQUEST,
                        &why,
                    );
                }
            };
        let mut cursors = self.cursors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = cursors.values(resource, received) {
            values = earlier;
        }
        for (name, value) in self.rows.parameters() {
            values.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let Some(records) = self.rows.records(name, &values) else {
            let why = format!("there is no such record of `{name}`");
            return Honest::refused(name, Outcome::Missing, StatusCode::NOT_FOUND, &why);
        };
        let records = since(resource, &values, records.to_vec());
        let asked = Asked {
            name,
            resource,
            values: &values,
            received,
            most: self.options.page_size,
            credential: self.guard.source().definition().auth.query_parameter(),
        };
        let single = self.rows.is_single(name, resource);
        match asked.page(&records, single, &mut cursors) {
            Err(why) => Honest::refused(name, Outcome::Wrong, StatusCode::BAD_REQUEST, &why),
            Ok(page) => {
                let target = self.target(name, &values, received);
                self.good(name, target, &page.json, page.headers, received, moment)
            }
        }
    }

    fn good(
        &self,
        what: &str,
        target: Target,
        json: &Value,
        mut headers: Vec<(String, String)>,
        received: &Received,
        moment: &Moment,
    ) -> Honest {
        let json = Bytes::from(json.to_string());
        headers.extend(self.guard.seal(received, moment, JSON, &json));
        Honest {
            what: what.to_owned(),
            outcome: Outcome::Served,
            target,
            status: StatusCode::OK,
            json,
            headers,
        }
    }

    /// What the source says of how far a bookmark may go.
    fn reach(&self, below: &str) -> Option<Value> {
        let resources = self.rows.pipeline().definition.resources.values();
        let mut bookmarks = resources.filter_map(|resource| resource.bookmark.as_ref());
        bookmarks.find_map(|bookmark| {
            let until = bookmark.until.as_ref()?;
            let path = until.path.value.fill(self.rows.parameters()).ok()?;
            let value = match bookmark.order {
                Order::Number => self.options.rows.into(),
                Order::Time => json!("2026-01-02T00:00:00Z"),
                Order::Text => format!("{:012}", self.options.rows).into(),
            };
            let mut answer = Value::Null;
            super::values::put(&mut answer, &until.at, value);
            (path == below).then_some(answer)
        })
    }

    /// What faults know a request by: a resource that others are asked by is the listing, an id is a product's.
    fn target(&self, name: &Name, values: &Values, received: &Received) -> Target {
        let resources = self.rows.pipeline().definition.resources.values();
        let lists = |resource: &ResourceDefinition| match &resource.for_each {
            ForEach::Listing(listing) => listing.resource.value == *name,
            _ => false,
        };
        let mut resources = resources;
        if resources.any(lists) {
            return Target::Listing;
        }
        let id = values.get("id").and_then(|id| id.parse().ok());
        let text = received
            .url
            .as_str()
            .bytes()
            .chain(received.body.iter().copied());
        let lot = text.fold(0, |sum: u64, byte| mix(sum ^ u64::from(byte)));
        Target::Product(id.unwrap_or((lot >> 32) as u32))
    }

    /// Judges a request and writes it down, in one go, so that the ledger is in the order of time.
    fn judge(&self, honest: &Honest) -> Verdict {
        let mut ledger = self.ledger();
        let at_micros = self.started.elapsed().as_micros() as u64;
        let verdict = self.verdict(honest, &mut ledger, at_micros);
        let outcome = match &verdict {
            Verdict::Serve => honest.outcome,
            Verdict::OverLimit(_) => Outcome::OverLimit,
            Verdict::Fault(place, _) => Outcome::Fault(self.options.faults[*place].kind.name()),
        };
        ledger.seen.push(Seen {
            at_micros,
            what: honest.what.clone(),
            outcome,
        });
        verdict
    }

    fn verdict(&self, honest: &Honest, ledger: &mut Ledger, at_micros: u64) -> Verdict {
        if honest.outcome == Outcome::Unauthorized {
            return Verdict::Serve;
        }
        if let Some(limit) = &mut ledger.limit
            && let Err(wait_micros) = limit.admit(at_micros)
        {
            return Verdict::OverLimit(wait_micros);
        }
        if honest.target == Target::Elsewhere {
            return Verdict::Serve;
        }
        let nth = ledger.seen.len() as u64 + 1;
        let (attempts, faulted) = ledger.attempts.entry(honest.target).or_default();
        *attempts += 1;
        let attempt = Attempt {
            target: honest.target,
            number: *attempts,
            faulted_before: *faulted,
            nth,
        };
        let seed = self.options.seed;
        let mut faults = self.options.faults.iter().enumerate();
        match faults.find(|(place, fault)| fault.strikes(*place, seed, &attempt)) {
            Some((place, _)) => {
                *faulted += 1;
                Verdict::Fault(place, attempt.lot(seed))
            }
            None => {
                *faulted = 0;
                Verdict::Serve
            }
        }
    }

    async fn respond(&self, received: &Received, gzip: bool) -> Response<Body> {
        let honest = self.honest(received);
        let verdict = self.judge(&honest);
        if !self.options.latency.is_zero() {
            tokio::time::sleep(self.options.latency).await;
        }
        let answer = Answer {
            status: honest.status,
            json: honest.json,
            gzip: gzip && honest.status == StatusCode::OK,
        };
        let mut response = match verdict {
            Verdict::OverLimit(wait_micros) => return over_limit(wait_micros),
            Verdict::Serve => answer.honest(),
            Verdict::Fault(place, lot) => {
                let id = match honest.target {
                    Target::Product(id) => id,
                    Target::Listing | Target::Elsewhere => 0,
                };
                let stopped: Stopped = Box::pin(self.stopped());
                answer.faulty(&self.options.faults[place].kind, id, lot, stopped)
            }
        };
        if response.status() != honest.status {
            // A fault that is no answer of the resource has none of its headers.
            return response;
        }
        for (name, value) in honest.headers {
            let name = HeaderName::try_from(name);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

/// What is to be done with a request.
enum Verdict {
    Serve,
    OverLimit(u64),
    /// The place of the fault among its fellows, and the attempt's lot.
    Fault(usize, u64),
}

fn nowhere() -> Honest {
    let why = "the definition asks for nothing at this address";
    Honest::refused("(elsewhere)", Outcome::Missing, StatusCode::NOT_FOUND, why)
}

/// The records from the bookmark on.
fn since(resource: &ResourceDefinition, values: &Values, records: Vec<Value>) -> Vec<Value> {
    let Some((bookmark, from)) = resource.bookmark.as_ref().zip(values.get("bookmark")) else {
        return records;
    };
    let Some(path) = &bookmark.from else {
        return records;
    };
    let is_new = |record: &Value| {
        let value = super::route::written(record, path);
        let order = value.map(|value| bookmark.order.compare(&value, from));
        order.is_none_or(|order| order.is_ok_and(std::cmp::Ordering::is_ge))
    };
    records.into_iter().filter(is_new).collect()
}

async fn handle(
    State(api): State<Arc<Api>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    if uri.path() == "/_stats" {
        let json = serde_json::to_vec(&Counts::of(&api.ledger().seen)).unwrap_or_default();
        return Answer {
            status: StatusCode::OK,
            json: json.into(),
            gzip: false,
        }
        .honest();
    }
    let mut url = api.guard.source().base().clone();
    url.set_path(uri.path());
    url.set_query(uri.query());
    let texts = headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let received = Received {
        method: method.to_string(),
        url,
        headers: texts.collect(),
        body: body.to_vec(),
    };
    api.respond(&received, takes_gzip(&headers)).await
}
