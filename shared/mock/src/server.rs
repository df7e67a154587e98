//! The server: one origin on this machine that answers for a catalogue, within a limit and with faults.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::routing::get;
use axum::serve::ListenerExt;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::{self, Answer, Stopped};
use crate::catalogue::{Catalogue, PRODUCTS, SEED, TooFew};
use crate::faults::{Attempt, Fault};
use crate::stats::{Limit, Outcome, Request, Stats, Target};

/// The key that the API asks for. It does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// This text as a key.
    pub fn new(key: impl Into<String>) -> ApiKey {
        ApiKey(key.into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

/// How the server is to be.
#[derive(Clone, Debug)]
pub struct Options {
    /// Of the catalogue, and of the faults that are drawn by lot.
    pub seed: u64,
    /// How many products there are.
    pub products: u32,
    /// Where it listens on 127.0.0.1; 0 for any free port.
    pub port: u16,
    /// What it asks of each request.
    pub api_key: ApiKey,
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
            seed: SEED,
            products: PRODUCTS,
            port: 0,
            api_key: ApiKey::new("juniper"),
            requests_per_second: None,
            latency: Duration::ZERO,
            faults: Vec::new(),
        }
    }
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The catalogue would be too small.
    #[error(transparent)]
    Catalogue(#[from] TooFew),
    /// The port is taken, or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}; choose another port, or 0 for any free one")]
    Listen {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: std::io::Error,
    },
}

/// The bundled source API.
#[derive(Debug)]
pub struct Mock;

impl Mock {
    /// Makes up the catalogue that the options ask for, and serves it.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        Mock::serve(
            Catalogue::generate(options.seed, options.products)?,
            options,
        )
        .await
    }

    /// Serves this catalogue; `products` of the options has no meaning then.
    pub async fn serve(catalogue: Catalogue, options: Options) -> Result<Running, StartError> {
        let refused = |source| StartError::Listen {
            port: options.port,
            source,
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = watch::channel(false);
        let api = Arc::new(Api::new(catalogue, options, stopped));
        // Answers are small: none shall wait for the next.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let serving =
            axum::serve(listener, routes(api.clone())).with_graceful_shutdown(api.stopped());
        let served = tokio::spawn(async move { drop(serving.await) });
        Ok(Running {
            address,
            api,
            stop,
            served,
        })
    }
}

/// A server at work. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    api: Arc<Api>,
    stop: watch::Sender<bool>,
    served: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its origin, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it serves.
    pub fn catalogue(&self) -> &Catalogue {
        &self.api.catalogue
    }

    /// Counts over all requests so far.
    pub fn stats(&self) -> Stats {
        Stats::of(&self.api.ledger().requests)
    }

    /// All requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<Request> {
        self.api.ledger().requests.clone()
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

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// What all connections share.
#[derive(Debug)]
struct Api {
    catalogue: Catalogue,
    options: Options,
    started: Instant,
    ledger: Mutex<Ledger>,
    listing: OnceLock<Bytes>,
    stopped: watch::Receiver<bool>,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Ledger {
    requests: Vec<Request>,
    limit: Option<Limit>,
    /// For each target: attempts so far, and how many of the last were faulted.
    attempts: BTreeMap<Target, (u32, u32)>,
}

/// What is to be done with a request.
enum Verdict {
    Unauthorized,
    OverLimit {
        wait_micros: u64,
    },
    Missing,
    Serve,
    /// The place of the fault among its fellows, and the attempt's lot.
    Fault(usize, u64),
}

impl Api {
    fn new(catalogue: Catalogue, options: Options, stopped: watch::Receiver<bool>) -> Api {
        let limit = options.requests_per_second.map(Limit::new);
        let ledger = Mutex::new(Ledger {
            limit,
            ..Ledger::default()
        });
        Api {
            catalogue,
            options,
            started: Instant::now(),
            ledger,
            listing: OnceLock::new(),
            stopped,
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stopped = self.stopped.clone();
        // An error means that the server is gone, which is as good as stopped.
        async move { drop(stopped.wait_for(|stopped| *stopped).await) }
    }

    /// Judges a request and writes it down, in one go, so that the ledger is in the order of time.
    fn judge(&self, target: Target, authorized: bool, carried_key: bool) -> Verdict {
        let mut ledger = self.ledger();
        let at_micros = self.started.elapsed().as_micros() as u64;
        let mut attempt = 0;
        let verdict = match ledger.admit(authorized, at_micros) {
            Some(refusal) => refusal,
            None => {
                let this = ledger.next_attempt(target);
                attempt = this.number;
                self.verdict(&this)
            }
        };
        let outcome = self.outcome(&verdict);
        ledger.requests.push(Request {
            at_micros,
            target,
            attempt,
            outcome,
            carried_key,
        });
        if let (1.., Some((_, faulted))) = (attempt, ledger.attempts.get_mut(&target)) {
            *faulted = if matches!(outcome, Outcome::Fault(_)) {
                *faulted + 1
            } else {
                0
            };
        }
        verdict
    }

    fn verdict(&self, attempt: &Attempt) -> Verdict {
        let seed = self.options.seed;
        let mut faults = self.options.faults.iter().enumerate();
        if let Some((place, _)) = faults.find(|(place, fault)| fault.strikes(*place, seed, attempt))
        {
            return Verdict::Fault(place, attempt.lot(seed));
        }
        match attempt.target {
            Target::Listing => Verdict::Serve,
            Target::Product(id) if self.catalogue.get(id).is_some() => Verdict::Serve,
            Target::Product(_) | Target::Elsewhere => Verdict::Missing,
        }
    }

    fn outcome(&self, verdict: &Verdict) -> Outcome {
        match verdict {
            Verdict::Unauthorized => Outcome::Unauthorized,
            Verdict::OverLimit { .. } => Outcome::OverLimit,
            Verdict::Missing => Outcome::Missing,
            Verdict::Serve => Outcome::Served,
            Verdict::Fault(place, _) => Outcome::Fault(self.options.faults[*place].kind.name()),
        }
    }

    /// The true answer.
    fn answer(&self, target: Target, gzip: bool) -> Answer {
        let json = match target {
            Target::Listing => Some(
                self.listing
                    .get_or_init(|| self.catalogue.listing_json().into())
                    .clone(),
            ),
            Target::Product(id) => self.catalogue.detail_json(id).map(Bytes::from),
            Target::Elsewhere => None,
        };
        match (json, target) {
            (Some(json), _) => Answer {
                status: StatusCode::OK,
                json,
                gzip,
            },
            (None, Target::Product(id)) => {
                Answer::error(StatusCode::NOT_FOUND, &format!("there is no product {id}"))
            }
            (None, _) => Answer::error(StatusCode::NOT_FOUND, "there is nothing at this address"),
        }
    }

    async fn handle(&self, target: Target, asked: &Asked) -> Response<Body> {
        let verdict = self.judge(
            target,
            asked.authorized(&self.options.api_key),
            asked.carry(&self.options.api_key),
        );
        if !self.options.latency.is_zero() {
            tokio::time::sleep(self.options.latency).await;
        }
        match verdict {
            Verdict::Unauthorized => {
                Answer::error(StatusCode::UNAUTHORIZED, "the api_key is wrong or missing").honest()
            }
            Verdict::OverLimit { wait_micros } => answer::over_limit(wait_micros),
            Verdict::Missing | Verdict::Serve => self.answer(target, asked.accept_gzip()).honest(),
            Verdict::Fault(place, lot) => {
                let id = if let Target::Product(id) = target {
                    id
                } else {
                    0
                };
                let stopped: Stopped = Box::pin(self.stopped());
                self.answer(target, asked.accept_gzip()).faulty(
                    &self.options.faults[place].kind,
                    id,
                    lot,
                    stopped,
                )
            }
        }
    }
}

impl Ledger {
    fn admit(&mut self, authorized: bool, now_micros: u64) -> Option<Verdict> {
        if !authorized {
            return Some(Verdict::Unauthorized);
        }
        let wait_micros = self.limit.as_mut()?.admit(now_micros).err()?;
        Some(Verdict::OverLimit { wait_micros })
    }

    fn next_attempt(&mut self, target: Target) -> Attempt {
        let nth = self.requests.len() as u64 + 1;
        let (attempts, faulted_before) = self.attempts.entry(target).or_default();
        *attempts += 1;
        Attempt {
            target,
            number: *attempts,
            faulted_before: *faulted_before,
            nth,
        }
    }
}

/// What a request brings along.
struct Asked {
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    fn authorized(&self, key: &ApiKey) -> bool {
        let query = Query::<BTreeMap<String, String>>::try_from_uri(&self.uri);
        query.is_ok_and(|Query(query)| query.get("api_key") == Some(&key.0))
    }

    /// Whether the key is anywhere in the request, as it is or escaped for an address.
    fn carry(&self, key: &ApiKey) -> bool {
        let escaped: String = url::form_urlencoded::byte_serialize(key.0.as_bytes()).collect();
        let mut texts = self
            .headers
            .values()
            .filter_map(|value| value.to_str().ok())
            .chain([self.uri.path(), self.uri.query().unwrap_or_default()]);
        self.authorized(key) || texts.any(|text| text.contains(&key.0) || text.contains(&escaped))
    }

    fn accept_gzip(&self) -> bool {
        answer::takes_gzip(&self.headers)
    }
}

fn routes(api: Arc<Api>) -> Router {
    Router::new()
        .route("/api/v2/products", get(listing))
        .route("/api/v2/products/{id}", get(detail))
        .route("/_stats", get(stats))
        .fallback(elsewhere)
        .with_state(api)
}

async fn listing(State(api): State<Arc<Api>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    api.handle(Target::Listing, &Asked { uri, headers }).await
}

async fn detail(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Response<Body> {
    let target = id.parse().map_or(Target::Elsewhere, Target::Product);
    api.handle(target, &Asked { uri, headers }).await
}

async fn elsewhere(State(api): State<Arc<Api>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    api.handle(Target::Elsewhere, &Asked { uri, headers }).await
}

async fn stats(State(api): State<Arc<Api>>) -> Response<Body> {
    let stats = Stats::of(&api.ledger().requests);
    let json = serde_json::to_vec(&stats)
        .expect("stats have string keys only")
        .into();
    Answer {
        status: StatusCode::OK,
        json,
        gzip: false,
    }
    .honest()
}

#[cfg(test)]
mod tests;
