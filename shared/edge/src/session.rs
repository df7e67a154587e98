//! Talking to one source: each request goes through the gate, is tried again where that may help, and ends as
//! an answer, a missing thing, a wait or a fault.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pipeline::auth::{Grant, Moment, refusal};
use pipeline::fault::{Fault, Kind};
use pipeline::number::Values;
use pipeline::outcome::{Outcome, Outcomes, retry_after};
use pipeline::patience::{LONGEST_WAIT, backoff};
use pipeline::rate::{Advice, Pace};
use pipeline::request::{Answer, Request};
use pipeline::secret::{Redactor, Secret, SecretName, Secrets};
use pipeline::source::{Source, SourceDefinition};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::Clock;
use crate::grants::{Grants, Held};
use crate::http::{Http, Trouble};
use crate::rate::{Entry, Gate, Patience};
use crate::secrets::SecretStore;
use crate::settings::Settings;

/// What was sent and what came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests sent, repeats included.
    pub sent: u64,
    /// Repeats among them.
    pub retried: u64,
    /// Answers that said there is no such thing.
    pub missing: u64,
    /// Answers by status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_status: BTreeMap<u16, u64>,
}

impl std::ops::AddAssign<&Traffic> for Traffic {
    fn add_assign(&mut self, other: &Traffic) {
        self.sent += other.sent;
        self.retried += other.retried;
        self.missing += other.missing;
        for (status, count) in &other.by_status {
            *self.by_status.entry(*status).or_default() += count;
        }
    }
}

/// How one request ended, when it ended without a fault.
#[derive(Debug)]
pub enum Sent<T> {
    /// With what `read` made of the answer.
    Fetched {
        /// The answer.
        answer: Answer,
        /// What was read from it.
        read: T,
    },
    /// With an answer that says there is no such thing.
    Missing,
    /// With an answer that says that nothing follows.
    End,
    /// Not yet: ask again after so many seconds; 0 where only the step's time is over.
    Wait {
        /// How many.
        seconds: u64,
        /// The last trouble with the source, where it did not ask for the wait but counts as down.
        down: Option<Fault>,
    },
}

/// The sources that this process talks to, one session each, so that its workers share one rate.
#[derive(Debug)]
pub struct Sessions {
    settings: Settings,
    secrets: SecretStore,
    clock: Clock,
    open: tokio::sync::Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    /// No session yet.
    pub fn new(settings: Settings, secrets: SecretStore, clock: Clock) -> Self {
        Sessions {
            settings,
            secrets,
            clock,
            open: tokio::sync::Mutex::default(),
        }
    }

    /// The session with this source, opened when first asked for. Its secrets are read then, no others.
    pub async fn session(
        &self,
        definition: &SourceDefinition,
        values: &Values,
    ) -> Result<Arc<Session>, Fault> {
        self.session_among(1, definition, values).await
    }

    /// The same, for a process that is one of several which talk to the source at the same time: it takes its part
    /// of every rate.
    pub async fn session_among(
        &self,
        processes: u32,
        definition: &SourceDefinition,
        values: &Values,
    ) -> Result<Arc<Session>, Fault> {
        let source = definition.open(values)?;
        let key = format!("{processes} {source:?}");
        // Held while one is opened, so that no second comes to the same source.
        let mut open = self.open.lock().await;
        if let Some(session) = open.get(&key) {
            return Ok(session.clone());
        }
        let settings = Settings {
            rate_shares: self.settings.rate_shares * u64::from(processes.max(1)),
            ..self.settings.clone()
        };
        let (secrets, clock) = (self.secrets.clone(), self.clock.clone());
        let session = Session::open(source, secrets, &settings, clock).await?;
        open.insert(key, session.clone());
        Ok(session)
    }
}

/// A conversation with one source.
#[derive(Debug)]
pub struct Session {
    pub(crate) me: Weak<Session>,
    source: Source,
    /// As they were read last: a source may replace one.
    secrets: Mutex<Arc<Secrets>>,
    redactor: Mutex<Redactor>,
    http: Http,
    pub(crate) grants: Grants,
    gate: Gate,
    /// The last failure, which is why the source may count as down.
    trouble: Mutex<Option<Fault>>,
    /// Why nothing more may be sent: an answer was not from who it should be from.
    closed: Mutex<Option<Fault>>,
    /// Since when the source keeps us waiting without an answer in between.
    waiting: Mutex<Option<Duration>>,
    /// When the secrets were last read anew because the source refused them.
    renewed: tokio::sync::Mutex<Option<Duration>>,
    pub(crate) clock: Clock,
}

/// Whom a request is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum To<'a> {
    /// The source, with its credentials and what it granted.
    Source(Option<&'a Held>),
    /// Where tokens are asked for; the request is complete.
    Grants,
}

/// What one attempt amounted to.
enum Attempt<T> {
    Done(Sent<T>),
    /// Not ready yet: ask again after this.
    NotYet(Duration),
    /// What was granted is over; this fault, if it was got a moment ago.
    Over(Fault),
    /// The source does not know the credentials; this fault, if they are as they were.
    Refused(Fault),
    /// Try again after this; `asked` where the source named the time.
    Again {
        fault: Fault,
        asked: Option<Duration>,
        everyone: bool,
    },
}

impl Session {
    /// A conversation with a source. Its secrets are read now, no others.
    pub async fn open(
        source: Source,
        store: SecretStore,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Arc<Self>, Fault> {
        let secrets = store.read(source.definition().secrets()).await?;
        let identity = source.identity(&secrets)?;
        let identity = identity.as_ref();
        let http = Http::open(&source, identity, settings)?;
        let grants = Grants::new(Http::to_grants(&source, identity, settings)?, store);
        Ok(Arc::new_cyclic(|me| Session {
            me: me.clone(),
            http,
            grants,
            gate: gate(&source, settings, &clock),
            redactor: Mutex::new(Redactor::new(&secrets)),
            source,
            secrets: Mutex::new(Arc::new(secrets)),
            trouble: Mutex::default(),
            closed: Mutex::default(),
            waiting: Mutex::default(),
            renewed: tokio::sync::Mutex::default(),
            clock,
        }))
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The clock that deadlines are read from.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The fault without any secret that a library may have put into its text.
    pub fn clean(&self, mut fault: Fault) -> Fault {
        let redactor = locked(&self.redactor);
        fault.message = redactor.redact(&fault.message);
        for (_, value) in &mut fault.context {
            *value = redactor.redact(value);
        }
        fault
    }

    fn redact(&self, text: &str) -> String {
        locked(&self.redactor).redact(text)
    }

    /// What was read of secrets.
    pub(crate) fn secrets(&self) -> Arc<Secrets> {
        locked(&self.secrets).clone()
    }

    /// Takes the place of what was read before: a source replaced one.
    pub(crate) fn replace_secret(&self, name: &SecretName, value: &Secret) {
        let known = self.secrets();
        if known.get(name).is_ok_and(|known| known == value) {
            // Whoever compares would take it for another.
            return;
        }
        let mut secrets = Secrets::clone(&known);
        secrets.insert(name.clone(), value.clone());
        *locked(&self.secrets) = Arc::new(secrets);
        locked(&self.redactor).learn(value);
    }

    /// Reads the secrets anew after the source refused `used`: they may have been replaced where they are kept.
    /// Whether it is worth asking again.
    pub(crate) async fn renewed(&self, used: &Arc<Secrets>) -> Result<bool, Fault> {
        let mut renewed = self.renewed.lock().await;
        if !Arc::ptr_eq(used, &self.secrets()) {
            // Another worker has done so meanwhile.
            return Ok(true);
        }
        let now = self.clock.elapsed();
        if renewed.is_some_and(|renewed| now < renewed + RENEWAL) {
            return Ok(false);
        }
        *renewed = Some(now);
        let names = self.source.definition().secrets();
        let fresh = self.grants.store.read_anew(names.iter().copied()).await?;
        let mut is_other = false;
        for name in names {
            let secret = fresh.get(name)?;
            if used.get(name)? != secret {
                self.replace_secret(name, secret);
                is_other = true;
            }
        }
        Ok(is_other)
    }

    /// Hides from now on what was granted.
    pub(crate) fn hide(&self, grant: &Grant) {
        let mut redactor = locked(&self.redactor);
        for secret in grant.secrets() {
            redactor.learn(secret);
        }
    }

    /// The moment that a request is signed at, and a text that serves once.
    pub(crate) fn moment(&self) -> Moment {
        let chance: [u8; 12] = rand::random();
        Moment {
            now: self.clock.now(),
            nonce: chance.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// Sends a request until it has an answer that `read` accepts, within the patience of the definition and
    /// before `deadline` (a moment of the clock's `elapsed`). What `read` calls transient is tried again: an
    /// answer that is not JSON may have broken off unseen. It is told whether the answer is the last that is
    /// asked for.
    pub async fn send<T>(
        &self,
        request: &Request,
        outcomes: &Outcomes,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
        read: impl Fn(&Answer, bool) -> Result<T, Fault>,
    ) -> Result<Sent<T>, Fault> {
        if !self.source.definition().auth.is_granted() {
            return self
                .send_with_secrets(request, outcomes, deadline, traffic, &read)
                .await;
        }
        let mut is_fresh = false;
        loop {
            let held = match self.held(deadline, traffic).await? {
                Sent::Fetched { read, .. } => read,
                Sent::Wait { seconds, down } => return Ok(Sent::Wait { seconds, down }),
                Sent::Missing | Sent::End => return Err(Fault::bug("a grant is never missing")),
            };
            let to = To::Source(Some(&held));
            match self
                .ask(request, to, outcomes, deadline, traffic, &read)
                .await?
            {
                Asked::Sent(sent) => return Ok(sent),
                // It was got for this very request, so another would fare no better.
                Asked::Over(fault) if is_fresh => return Err(fault),
                Asked::Refused(fault) => return Err(fault),
                Asked::Over(_) => {
                    tracing::debug!("what the source granted is over");
                    self.grants.is_over(&held);
                    is_fresh = true;
                    traffic.retried += 1;
                }
            }
        }
    }

    /// As [`Session::send`], where the secrets themselves are shown: once more where they were replaced meanwhile.
    async fn send_with_secrets<T>(
        &self,
        request: &Request,
        outcomes: &Outcomes,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
        read: &impl Fn(&Answer, bool) -> Result<T, Fault>,
    ) -> Result<Sent<T>, Fault> {
        let mut is_renewed = false;
        loop {
            let used = self.secrets();
            let to = To::Source(None);
            match self
                .ask(request, to, outcomes, deadline, traffic, read)
                .await?
            {
                Asked::Sent(sent) => return Ok(sent),
                Asked::Refused(_) if !is_renewed && self.renewed(&used).await? => {
                    tracing::info!("secrets were replaced, and are read anew");
                    is_renewed = true;
                    traffic.retried += 1;
                }
                Asked::Refused(fault) | Asked::Over(fault) => return Err(fault),
            }
        }
    }

    /// Sends a request to one of the two until there is an answer.
    pub(crate) async fn ask<T>(
        &self,
        request: &Request,
        to: To<'_>,
        outcomes: &Outcomes,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
        read: &impl Fn(&Answer, bool) -> Result<T, Fault>,
    ) -> Result<Asked<T>, Fault> {
        let retry = &self.source.definition().retry;
        let path = match to {
            To::Source(_) => request.url.path(),
            To::Grants => "",
        };
        let began = self.clock.elapsed();
        let give_up = began + Duration::from_secs(retry.seconds.into());
        let longest = Duration::from_secs(retry.longest_wait.into());
        let patience = Patience { longest, deadline };
        let mut number = 1;
        loop {
            if self.left(deadline).is_zero() {
                return Ok(Asked::Sent(Sent::until(Duration::ZERO)));
            }
            let inside = match self.gate.enter(path, &patience).await {
                Entry::Go(inside) => inside,
                // Our own rate, or a pause that was counted when it was asked for.
                Entry::Wait(wait) => return Ok(Asked::Sent(Sent::until(wait))),
                Entry::Down(Some(pause)) => return self.wait(pause, Some(self.down())),
                Entry::Down(None) => return Err(self.down()),
            };
            if let Some(fault) = locked(&self.closed).clone() {
                return Err(fault);
            }
            let last = number >= retry.attempts.get();
            let read = |answer: &Answer| read(answer, last);
            let attempt = self
                .attempt(request, to, outcomes, deadline, traffic, &read)
                .await;
            drop(inside);
            let (fault, asked, everyone) = match attempt.map_err(|fault| self.clean(fault))? {
                Attempt::Done(sent) => return Ok(Asked::Sent(sent)),
                Attempt::NotYet(wait) => return self.wait(wait, None),
                Attempt::Over(fault) => return Ok(Asked::Over(self.clean(fault))),
                Attempt::Refused(fault) => return Ok(Asked::Refused(self.clean(fault))),
                Attempt::Again {
                    fault,
                    asked,
                    everyone,
                } => (self.clean(fault), asked, everyone),
            };
            if asked.is_none() && self.left(deadline).is_zero() {
                // The time of the call was over, which says nothing about the source.
                return Ok(Asked::Sent(Sent::until(Duration::ZERO)));
            }
            let wait = asked.unwrap_or_else(|| backoff(number + 1, rand::random()));
            if everyone {
                self.gate.hold(wait.min(LONGEST_WAIT));
            }
            if asked.is_some() && wait > longest {
                return self.wait(wait, None);
            }
            let may = match fault.kind {
                Kind::RateLimited => self.gate.may_repeat(),
                _ => self.failed(&fault),
            };
            let too_late = self.clock.elapsed() + wait > give_up;
            if last || too_late || !may {
                return Err(fault.with("attempts", number));
            }
            if wait >= self.left(deadline) {
                return Ok(Asked::Sent(Sent::until(wait)));
            }
            if !everyone {
                self.clock.sleep(wait).await;
            }
            number += 1;
            traffic.retried += 1;
        }
    }

    /// Leaves a wait to the state machine, unless the source has kept us waiting for longer than the definition
    /// has patience.
    fn wait<T>(&self, wait: Duration, down: Option<Fault>) -> Result<Asked<T>, Fault> {
        let wait = wait.min(LONGEST_WAIT);
        let now = self.clock.elapsed();
        let patience = self.source.definition().timeouts.patience.duration();
        let mut waiting = locked(&self.waiting);
        let since = *waiting.get_or_insert(now);
        if now + wait - since <= patience {
            let seconds = whole_seconds(wait);
            return Ok(Asked::Sent(Sent::Wait { seconds, down }));
        }
        // The next run begins anew.
        *waiting = None;
        let fact = format!(
            "the source would keep the run waiting for {} s, longer than its patience of {} s; raise `patience` under `timeouts`, or run it later",
            whole_seconds(now + wait - since),
            patience.as_secs()
        );
        let fault = Fault::rejected(fact);
        Err(match down {
            Some(down) => fault.with("trouble", down.message),
            None => fault,
        })
    }

    /// Notes a failure of the source, and says whether the request may be tried again.
    fn failed(&self, fault: &Fault) -> bool {
        *self.trouble() = Some(fault.clone());
        self.gate.failed()
    }

    /// Why the source counts as down.
    fn down(&self) -> Fault {
        let trouble = self.trouble().clone();
        trouble.unwrap_or_else(|| Fault::transient("the source counts as down"))
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Fault>> {
        locked(&self.trouble)
    }

    pub(crate) fn left(&self, deadline: Option<Duration>) -> Duration {
        let now = self.clock.elapsed();
        deadline.map_or(Duration::MAX, |deadline| deadline.saturating_sub(now))
    }

    async fn attempt<T>(
        &self,
        request: &Request,
        to: To<'_>,
        outcomes: &Outcomes,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
        read: &impl Fn(&Answer) -> Result<T, Fault>,
    ) -> Result<Attempt<T>, Fault> {
        let began = self.clock.elapsed();
        // Signed anew each time: some kinds of credentials serve once.
        let (moment, secrets) = (self.moment(), self.secrets());
        let (http, signed) = match to {
            To::Grants => (self.grants.http()?, request.clone()),
            To::Source(held) => {
                let grant = held.map(|held| &*held.grant);
                let request = request.clone();
                let signed = self.source.signed(request, &secrets, &moment, grant)?;
                (&self.http, signed)
            }
        };
        traffic.sent += 1;
        let answer = match http.send(&signed, self.left(deadline)).await {
            Ok(answer) => answer,
            Err(Trouble::Lasting(fault)) => return Err(fault),
            Err(Trouble::Passing { message, unsent }) => {
                let message = self.redact(&message);
                tracing::debug!(request = %self.shown(&signed), message, "no answer");
                return repeatable(request, unsent, Fault::transient(message), None);
            }
        };
        *traffic.by_status.entry(answer.status).or_default() += 1;
        let millis = (self.clock.elapsed() - began).as_millis() as u64;
        let (status, bytes) = (answer.status, answer.body.len());
        tracing::debug!(request = %self.shown(&signed), status, bytes, millis, "answered");
        if let To::Source(_) = to {
            let verified = self.source.verify(&signed, &answer, &secrets, &moment);
            verified.map_err(|fault| self.close(request, fault))?;
        }
        self.judge(request, to, outcomes, answer, traffic, read)
    }

    /// Lets nothing more be sent, by no worker of this process, and says why.
    fn close(&self, request: &Request, fault: Fault) -> Fault {
        let fault = self.clean(fault).with("request", self.shown(request));
        let mut closed = locked(&self.closed);
        closed.get_or_insert(fault).clone()
    }

    fn judge<T>(
        &self,
        request: &Request,
        to: To<'_>,
        outcomes: &Outcomes,
        answer: Answer,
        traffic: &mut Traffic,
        read: &impl Fn(&Answer) -> Result<T, Fault>,
    ) -> Result<Attempt<T>, Fault> {
        let asked = answer.header("retry-after");
        let mut asked = asked.and_then(|header| retry_after(header, self.clock.now()));
        if let To::Source(_) = to
            && let Some(advice) = self.advice(&answer)
        {
            self.gate.advise(advice);
            if answer.status == 429 && advice.remaining == 0 {
                asked = asked.or(Some(advice.reset));
            }
        }
        let held = match to {
            To::Source(held) => held,
            To::Grants => None,
        };
        match outcomes.judge(&answer, held.is_some()) {
            Outcome::Ok => match read(&answer) {
                Ok(read) => {
                    self.gate.answered();
                    *locked(&self.waiting) = None;
                    if let Some(held) = held {
                        self.move_on(held, &answer);
                    }
                    if let Some(wait) = asked {
                        // Polite where the source asks for a pause after a good answer.
                        let most = self.source.definition().retry.longest_wait;
                        self.gate.hold(wait.min(Duration::from_secs(most.into())));
                    }
                    Ok(Attempt::Done(Sent::Fetched { answer, read }))
                }
                Err(fault) if fault.kind == Kind::Transient => {
                    repeatable(request, false, fault, None)
                }
                Err(fault) => Err(fault),
            },
            Outcome::Missing => {
                self.gate.answered();
                *locked(&self.waiting) = None;
                traffic.missing += 1;
                Ok(Attempt::Done(Sent::Missing))
            }
            Outcome::End => {
                self.gate.answered();
                *locked(&self.waiting) = None;
                Ok(Attempt::Done(Sent::End))
            }
            Outcome::Refresh if held.is_some() => {
                self.gate.answered();
                let fault = self.refusal(request, &answer);
                Ok(Attempt::Over(Fault {
                    kind: Kind::SourceRejected,
                    ..fault
                }))
            }
            Outcome::Wait => {
                self.gate.answered();
                Ok(Attempt::NotYet(asked.unwrap_or(NOT_READY)))
            }
            Outcome::Retry => repeatable(request, false, self.refusal(request, &answer), asked),
            Outcome::Rejected | Outcome::Refresh => {
                self.gate.answered();
                let fault = match to {
                    To::Source(_) => self.refusal(request, &answer),
                    To::Grants => self.no_grant(request, &answer),
                };
                let kind = Kind::SourceRejected;
                let fault = Fault { kind, ..fault };
                match answer.status {
                    401 => Ok(Attempt::Refused(fault)),
                    _ => Err(fault),
                }
            }
        }
    }

    /// What the answer says of the requests that are left.
    fn advice(&self, answer: &Answer) -> Option<Advice> {
        let rate = &self.source.definition().rate;
        rate.advice(answer, self.clock.now())
    }

    fn refusal(&self, request: &Request, answer: &Answer) -> Fault {
        let status = answer.status;
        let fact = format!("the source answered {status} to {}", self.shown(request));
        match status {
            429 => Fault::new(Kind::RateLimited, fact),
            300..=399 => Fault::rejected(format!(
                "{fact}: {}; redirects are not followed, so give the address they lead to",
                self.redirected(request, answer)
            )),
            401 | 403 => Fault::rejected(format!(
                "{fact}; check the credentials and what they may read"
            )),
            404 => Fault::rejected(format!(
                "{fact}; if that may be, declare `outcomes: {{ missing: [404] }}`"
            )),
            _ if self.is_trouble(status) => Fault::transient(fact),
            _ => Fault::rejected(fact),
        }
    }

    /// Why no token was given.
    fn no_grant(&self, request: &Request, answer: &Answer) -> Fault {
        let Some((word, remedy)) = refusal(answer) else {
            return self.refusal(request, answer);
        };
        let (status, shown) = (answer.status, self.shown(request));
        Fault::rejected(format!(
            "the source answered {status} to {shown}: {word}; {remedy}"
        ))
    }

    /// Where a redirect leads, by its origin only: the rest may hold anything.
    fn redirected(&self, request: &Request, answer: &Answer) -> String {
        let location = answer.header("location").map(|link| self.redact(link));
        let target = location.and_then(|link| request.url.join(&link).ok());
        let origin = |target: Url| target.origin().ascii_serialization();
        target.map_or("a redirect".to_owned(), |target| {
            format!("a redirect to {}", origin(target))
        })
    }

    fn is_trouble(&self, status: u16) -> bool {
        matches!(status, 408 | 425 | 500..=599)
    }

    /// The request as a person reads it, without credentials.
    pub fn shown(&self, request: &Request) -> String {
        self.redact(&request.to_string())
    }
}

impl<T> Sent<Result<T, Fault>> {
    /// The fault, where the answer held one.
    pub(crate) fn try_map(self) -> Result<Sent<T>, Fault> {
        Ok(match self {
            Sent::Fetched { answer, read } => Sent::Fetched {
                answer,
                read: read?,
            },
            Sent::Missing => Sent::Missing,
            Sent::End => Sent::End,
            Sent::Wait { seconds, down } => Sent::Wait { seconds, down },
        })
    }
}

impl<T> Sent<T> {
    /// Not before this time has passed.
    pub(crate) fn until(wait: Duration) -> Self {
        Sent::Wait {
            seconds: whole_seconds(wait),
            down: None,
        }
    }
}

/// What one request came to.
#[derive(Debug)]
pub(crate) enum Asked<T> {
    /// It was sent.
    Sent(Sent<T>),
    /// What was granted is over; this fault, if it was got a moment ago.
    Over(Fault),
    /// The source does not know the credentials; this fault, if they are as they were.
    Refused(Fault),
}

/// The gate, and those of parts of the source, each shared by as many processes as the settings say.
fn gate(source: &Source, settings: &Settings, clock: &Clock) -> Gate {
    let shared = |pace: Pace| pace.shared_by(settings.rate_shares);
    let parts = source.paths().iter();
    let parts = parts.map(|(path, pace)| (path.clone(), shared(*pace)));
    Gate::new(shared(source.pace()), parts, clock.clone())
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long secrets that were read anew, and are as they were, are not read again.
const RENEWAL: Duration = Duration::from_secs(60);

/// How long to wait where a source is not ready and does not say for how long.
const NOT_READY: Duration = Duration::from_secs(30);

fn repeatable<T>(
    request: &Request,
    unsent: bool,
    fault: Fault,
    asked: Option<Duration>,
) -> Result<Attempt<T>, Fault> {
    // Who is asked to slow down was not served.
    let unserved = unsent || fault.kind == Kind::RateLimited;
    if !request.repeatable && !unserved {
        return Err(Fault::rejected(format!(
            "{}; it was not tried again, because its method is `post` and not `post_repeatable`",
            fault.message
        )));
    }
    let everyone = asked.is_some() || fault.kind == Kind::RateLimited;
    Ok(Attempt::Again {
        fault,
        asked,
        everyone,
    })
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.min(LONGEST_WAIT).as_millis().div_ceil(1000) as u64
}
