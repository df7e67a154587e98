//! What a source granted, a token or cookies: got once for all workers of the process, kept in memory only, and
//! got anew when it is over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pipeline::auth::{Grant, Moment, Obtain};
use pipeline::fault::{Fault, Kind};
use pipeline::outcome::Outcomes;
use pipeline::request::{Answer, Request};
use pipeline::secret::{SecretName, Secrets};

use crate::http::Http;
use crate::secrets::{Place, SecretStore};
use crate::session::{Asked, Sent, Session, To, Traffic, locked};
use crate::signature::sign;

/// The grants of one source.
#[derive(Debug)]
pub(crate) struct Grants {
    /// To where they are asked for; none where none are.
    http: Option<Http>,
    pub(crate) store: SecretStore,
    held: Mutex<Option<Held>>,
    /// Held by who gets a new one, so that all others wait for it instead of getting their own.
    flight: tokio::sync::Mutex<()>,
}

/// A grant, and until which moment of the clock's `elapsed` it holds.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    /// Which one it is, counted from the first.
    number: u64,
    pub(crate) grant: Arc<Grant>,
    until: Option<Duration>,
    is_over: bool,
}

impl Grants {
    pub(crate) fn new(http: Option<Http>, store: SecretStore) -> Self {
        Grants {
            http,
            store,
            held: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn http(&self) -> Result<&Http, Fault> {
        let http = self.http.as_ref();
        http.ok_or_else(|| Fault::bug("a token was about to be asked for where none is given"))
    }

    /// Notes that the source no longer takes it; a newer one is left alone.
    pub(crate) fn is_over(&self, over: &Held) {
        if let Some(held) = locked(&self.held).as_mut()
            && held.number == over.number
        {
            held.is_over = true;
        }
    }

    fn valid(&self, now: Duration) -> Option<Held> {
        let held = locked(&self.held).clone();
        held.filter(|held| !held.is_over && held.until.is_none_or(|until| now < until))
    }

    fn keep(&self, grant: Grant, asked: Duration) -> Held {
        let mut held = locked(&self.held);
        let kept = Held {
            number: held.as_ref().map_or(1, |held| held.number + 1),
            until: grant.valid_for().map(|valid_for| asked + valid_for),
            grant: Arc::new(grant),
            is_over: false,
        };
        held.insert(kept).clone()
    }
}

impl Session {
    /// What the source granted and still takes, got first where there is none.
    pub(crate) async fn held(
        &self,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
    ) -> Result<Sent<Held>, Fault> {
        if let Some(held) = self.grants.valid(self.clock.elapsed()) {
            return Ok(there(held));
        }
        let me = self.me.upgrade();
        let me = me.ok_or_else(|| Fault::bug("a session was asked after its end"))?;
        // A task of its own: a worker that is dropped meanwhile must not take with it what the source gave.
        let task = tokio::spawn(async move {
            let mut traffic = Traffic::default();
            let got = me.got(deadline, &mut traffic).await;
            (got, traffic)
        });
        let ended = task.await;
        let (got, own) = ended.map_err(|_| Fault::bug("what gets a token broke down"))?;
        *traffic += &own;
        got.map_err(|fault| self.clean(fault))
    }

    /// As [`Session::held`], one worker after the other.
    async fn got(
        &self,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
    ) -> Result<Sent<Held>, Fault> {
        let _flight = self.grants.flight.lock().await;
        // Another worker may have got it while this one waited for its turn.
        match self.grants.valid(self.clock.elapsed()) {
            Some(held) => Ok(there(held)),
            None => self.get(deadline, traffic).await,
        }
    }

    /// Cookies may move on with each answer.
    pub(crate) fn move_on(&self, held: &Held, answer: &Answer) {
        let mut current = locked(&self.grants.held);
        let Some(current) = current.as_mut().filter(|one| one.number == held.number) else {
            return;
        };
        let base = self.source().base();
        let after = current.grant.after(answer, base, base, self.clock.now());
        if let Some(grant) = after {
            self.hide(&grant);
            current.grant = Arc::new(grant);
        }
    }

    async fn get(
        &self,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
    ) -> Result<Sent<Held>, Fault> {
        let mut used = self.secrets();
        match self.get_with(&mut used, deadline, traffic).await {
            Err(fault) if fault.kind == Kind::SourceRejected && self.renewed(&used).await? => {
                self.get_with(&mut used, deadline, traffic).await
            }
            got => got,
        }
    }

    /// As [`Session::get`], once; says with which secrets.
    async fn get_with(
        &self,
        used: &mut Arc<Secrets>,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
    ) -> Result<Sent<Held>, Fault> {
        let (place, deadline) = match self.source().definition().auth.rotates() {
            // Once it is asked, the answer must be waited for: it may hold the only token that is left.
            Some(_) if self.left(deadline) < LEAST_LEFT => return Ok(Sent::until(Duration::ZERO)),
            Some(name) => (Some(self.place(name).await?), None),
            None => (None, deadline),
        };
        *used = self.secrets();
        let asked = self.clock.elapsed();
        let moment = self.moment();
        let sent = match self.obtain(&moment)? {
            Obtain::Given(grant) => Sent::Fetched {
                answer: nothing(),
                read: grant,
            },
            Obtain::Ask(request) => {
                let asking = self.ask_for(&request, place, &moment, deadline, traffic);
                asking.await?
            }
            Obtain::Sign(_) => return Err(Fault::bug("a token was signed twice")),
        };
        Ok(match sent {
            Sent::Fetched { answer, read } => {
                self.hide(&read);
                tracing::debug!("the source granted access");
                Sent::Fetched {
                    answer,
                    read: self.grants.keep(read, asked),
                }
            }
            Sent::Wait { seconds, down } => Sent::Wait { seconds, down },
            Sent::Missing => Sent::Missing,
            Sent::End => Sent::End,
        })
    }

    /// The request for a grant, or the grant itself; a token is signed on the way.
    fn obtain(&self, moment: &Moment) -> Result<Obtain, Fault> {
        let secrets = self.secrets();
        match self.source().obtain(&secrets, moment)? {
            Obtain::Sign(unsigned) => {
                let token = sign(&unsigned)?;
                let obtain = self.source().with_signature(token, &secrets, moment)?;
                Ok(obtain)
            }
            other => Ok(other),
        }
    }

    async fn ask_for(
        &self,
        request: &Request,
        place: Option<Place>,
        moment: &Moment,
        deadline: Option<Duration>,
        traffic: &mut Traffic,
    ) -> Result<Sent<Grant>, Fault> {
        let rotated = Mutex::new(None);
        let read = |answer: &Answer, _: bool| {
            let secrets = self.secrets();
            if let Some(found) = self.source().rotated(answer, &secrets, moment) {
                // So that nothing of what follows can show it.
                self.replace_secret(&found.name, &found.value);
                *locked(&rotated) = Some(found);
                // What was asked with is void: it is not asked again.
                return Ok(self.source().granted(answer, self.clock.now()));
            }
            self.source().granted(answer, self.clock.now()).map(Ok)
        };
        let outcomes = Outcomes::default();
        let asked = self
            .ask(request, To::Grants, &outcomes, deadline, traffic, &read)
            .await;
        // First of all, and before anything can go wrong with the rest.
        let rotated = locked(&rotated).take();
        match (rotated, place) {
            (Some(rotated), Some(place)) => place.replace(&rotated.value).await?,
            (Some(rotated), None) => return Err(unkept(&rotated.name)),
            (None, Some(place)) => place.leave().await,
            (None, None) => {}
        }
        match asked? {
            Asked::Sent(sent) => sent.try_map(),
            Asked::Over(fault) | Asked::Refused(fault) => Err(fault),
        }
    }

    /// The place of the secret that the source may replace. What another process wrote there is read anew.
    async fn place(&self, name: &SecretName) -> Result<Place, Fault> {
        let began = self.clock.elapsed();
        loop {
            if let Some(place) = self.grants.store.place(name).await? {
                self.replace_secret(name, place.current());
                return Ok(place);
            }
            if self.clock.elapsed() - began > LONGEST_HOLD {
                return Err(Fault::transient(format!(
                    "another process holds the secret `{name}` for too long"
                )));
            }
            self.clock.sleep(Duration::from_millis(100)).await;
        }
    }
}

/// With less time than this a step asks for no token that replaces another.
const LEAST_LEFT: Duration = Duration::from_secs(30);

/// Past this another process that replaces a secret counts as stuck.
const LONGEST_HOLD: Duration = Duration::from_secs(120);

fn there(held: Held) -> Sent<Held> {
    Sent::Fetched {
        answer: nothing(),
        read: held,
    }
}

/// What stands for an answer where none was needed.
fn nothing() -> Answer {
    Answer {
        status: 204,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

fn unkept(name: &SecretName) -> Fault {
    Fault::rejected(format!(
        "the source replaced the secret `{name}` although `rotates` is false, so the new one is lost; take `rotates: false` out, and write a new one into the file given by --secrets"
    ))
}
