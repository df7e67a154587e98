//! Talking to one source: each request goes through the gate, is tried again where that may help, and ends as
//! an answer, a missing thing, a wait or a fault.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pipeline::fault::{Fault, Kind};
use pipeline::number::Values;
use pipeline::outcome::{Outcome, Outcomes, retry_after};
use pipeline::patience::{LONGEST_WAIT, backoff};
use pipeline::request::{Answer, Request};
use pipeline::secret::{Redactor, Secrets};
use pipeline::source::{Source, SourceDefinition};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::clock::Clock;
use crate::http::{Http, Trouble};
use crate::rate::{Entry, Gate};
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
    open: Mutex<HashMap<String, Arc<Session>>>,
}

impl Sessions {
    /// No session yet.
    pub fn new(settings: Settings, secrets: SecretStore, clock: Clock) -> Self {
        Sessions {
            settings,
            secrets,
            clock,
            open: Mutex::new(HashMap::new()),
        }
    }

    /// The session with this source, opened when first asked for. Its secrets are read then, no others.
    pub fn session(
        &self,
        definition: &SourceDefinition,
        values: &Values,
    ) -> Result<Arc<Session>, Fault> {
        let source = definition.open(values)?;
        let key = format!("{source:?}");
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = open.get(&key) {
            return Ok(session.clone());
        }
        let secrets = self.secrets.read(definition.secrets())?;
        let session = Session::open(source, secrets, &self.settings, self.clock.clone())?;
        let session = Arc::new(session);
        open.insert(key, session.clone());
        Ok(session)
    }
}

/// A conversation with one source.
#[derive(Debug)]
pub struct Session {
    source: Source,
    secrets: Secrets,
    redactor: Redactor,
    http: Http,
    gate: Gate,
    /// The last failure, which is why the source may count as down.
    trouble: Mutex<Option<Fault>>,
    clock: Clock,
}

/// What one attempt amounted to.
enum Attempt<T> {
    Done(Sent<T>),
    /// Try again after this; `asked` where the source named the time.
    Again {
        fault: Fault,
        asked: Option<Duration>,
        everyone: bool,
    },
}

impl Session {
    /// A conversation that knows these secrets.
    pub fn open(
        source: Source,
        secrets: Secrets,
        settings: &Settings,
        clock: Clock,
    ) -> Result<Self, Fault> {
        Ok(Session {
            http: Http::open(&source, settings)?,
            gate: Gate::new(source.pace().shared_by(settings.rate_shares), clock.clone()),
            redactor: Redactor::new(&secrets),
            source,
            secrets,
            trouble: Mutex::default(),
            clock,
        })
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
        fault.message = self.redactor.redact(&fault.message);
        for (_, value) in &mut fault.context {
            *value = self.redactor.redact(value);
        }
        fault
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
        let retry = &self.source.definition().retry;
        let began = self.clock.elapsed();
        let give_up = began + Duration::from_secs(retry.seconds.into());
        let patience = Duration::from_secs(retry.longest_wait.into());
        let mut number = 1;
        loop {
            let left = self.left(deadline);
            if left.is_zero() {
                return Ok(Sent::until(Duration::ZERO));
            }
            let inside = match self.gate.enter(patience.min(left)).await {
                Entry::Go(inside) => inside,
                Entry::Wait(wait) => return Ok(Sent::until(wait)),
                Entry::Down(Some(pause)) => {
                    return Ok(Sent::Wait {
                        seconds: whole_seconds(pause),
                        down: Some(self.down()),
                    });
                }
                Entry::Down(None) => return Err(self.down()),
            };
            let last = number >= retry.attempts.get();
            let read = |answer: &Answer| read(answer, last);
            let attempt = self
                .attempt(request, outcomes, deadline, traffic, &read)
                .await;
            drop(inside);
            let (fault, asked, everyone) = match attempt.map_err(|fault| self.clean(fault))? {
                Attempt::Done(sent) => return Ok(sent),
                Attempt::Again {
                    fault,
                    asked,
                    everyone,
                } => (self.clean(fault), asked, everyone),
            };
            let wait = asked.unwrap_or_else(|| backoff(number + 1, rand::random()));
            if everyone {
                self.gate.hold(wait.min(LONGEST_WAIT));
            }
            if asked.is_some() && wait > patience {
                return Ok(Sent::until(wait));
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
                return Ok(Sent::until(wait));
            }
            if !everyone {
                self.clock.sleep(wait).await;
            }
            number += 1;
            traffic.retried += 1;
        }
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
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self, deadline: Option<Duration>) -> Duration {
        let now = self.clock.elapsed();
        deadline.map_or(Duration::MAX, |deadline| deadline.saturating_sub(now))
    }

    async fn attempt<T>(
        &self,
        request: &Request,
        outcomes: &Outcomes,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
        read: &impl Fn(&Answer) -> Result<T, Fault>,
    ) -> Result<Attempt<T>, Fault> {
        let began = self.clock.elapsed();
        // Signed anew each time: some kinds of credentials serve once.
        let signed = self.source.signed(request.clone(), &self.secrets)?;
        traffic.sent += 1;
        let answer = match self.http.send(&signed, self.left(deadline)).await {
            Ok(answer) => answer,
            Err(Trouble::Lasting(fault)) => return Err(fault),
            Err(Trouble::Passing { message, unsent }) => {
                let message = self.redactor.redact(&message);
                tracing::debug!(request = %self.shown(&signed), message, "no answer");
                return repeatable(request, unsent, Fault::transient(message), None);
            }
        };
        *traffic.by_status.entry(answer.status).or_default() += 1;
        let millis = (self.clock.elapsed() - began).as_millis() as u64;
        let (status, bytes) = (answer.status, answer.body.len());
        tracing::debug!(request = %self.shown(&signed), status, bytes, millis, "answered");
        self.judge(request, outcomes, answer, traffic, read)
    }

    fn judge<T>(
        &self,
        request: &Request,
        outcomes: &Outcomes,
        answer: Answer,
        traffic: &mut Traffic,
        read: &impl Fn(&Answer) -> Result<T, Fault>,
    ) -> Result<Attempt<T>, Fault> {
        let asked = answer.header("retry-after");
        let asked = asked.and_then(|header| retry_after(header, self.clock.now()));
        match outcomes.of(answer.status) {
            Outcome::Ok => match read(&answer) {
                Ok(read) => {
                    self.gate.answered();
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
                traffic.missing += 1;
                Ok(Attempt::Done(Sent::Missing))
            }
            Outcome::Wait => {
                self.gate.answered();
                let wait = asked.unwrap_or(NOT_READY);
                Ok(Attempt::Done(Sent::until(wait)))
            }
            Outcome::Retry => repeatable(request, false, self.refusal(request, &answer), asked),
            Outcome::Rejected => {
                self.gate.answered();
                let kind = Kind::SourceRejected;
                Err(Fault {
                    kind,
                    ..self.refusal(request, &answer)
                })
            }
        }
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

    /// Where a redirect leads, by its origin only: the rest may hold anything.
    fn redirected(&self, request: &Request, answer: &Answer) -> String {
        let location = answer
            .header("location")
            .map(|link| self.redactor.redact(link));
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
        self.redactor.redact(&request.to_string())
    }
}

impl<T> Sent<T> {
    /// Not before this time has passed.
    fn until(wait: Duration) -> Self {
        Sent::Wait {
            seconds: whole_seconds(wait),
            down: None,
        }
    }
}

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
