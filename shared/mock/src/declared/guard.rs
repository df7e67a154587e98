//! Who may ask: each request is held against what the definition itself would send.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use pipeline::auth::{Auth, Grant, Moment, Obtain};
use pipeline::fault::Fault;
use pipeline::request::{Answer, Credential, Request};
use pipeline::secret::{Secret, Secrets};
use pipeline::source::Source;
use serde_json::Value;

use super::received::Received;
use crate::draw::mix;

/// How far a signature's time may be from ours, in seconds.
const SKEW: i64 = 300;
/// How many grants are good at a time; the oldest goes first.
const MOST: usize = 64;

/// What stands at the door.
#[derive(Debug)]
pub(super) struct Guard {
    source: Source,
    secrets: Secrets,
    /// How many requests a grant is good for.
    uses: Option<u32>,
    seed: u64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    given: u64,
    /// Each grant with how often it was shown.
    live: Vec<(Grant, u32)>,
    /// Tokens that their holders made themselves, by how often they were shown.
    shown: Vec<(String, u32)>,
    nonces: HashSet<String>,
}

impl Guard {
    pub(super) fn new(source: Source, secrets: Secrets, uses: Option<u32>, seed: u64) -> Self {
        Guard {
            source,
            secrets,
            uses,
            seed,
            seen: Mutex::default(),
        }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    fn auth(&self) -> &Auth {
        &self.source.definition().auth
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request is for a token or a session.
    pub(super) fn is_asked(&self, received: &Received) -> bool {
        let address = self.source.grants();
        address.is_some_and(|address| address.path() == received.url.path())
    }

    /// The answer to a request for a token or a session, or why there is none.
    pub(super) fn grant(&self, received: &Received) -> Result<Answer, String> {
        let expected = self.asked_for(received)?;
        same(&expected, received)?;
        let mut seen = self.seen();
        seen.given += 1;
        let lot = mix(mix(self.seed ^ 0x6772_616E_7473) ^ seen.given);
        let token = format!("{lot:016x}{:016x}", mix(lot));
        let answer = self.source.given(&token).map_err(told)?;
        let grant = self.source.granted(&answer, now()).map_err(told)?;
        if seen.live.len() == MOST {
            seen.live.remove(0);
        }
        seen.live.push((grant, 0));
        Ok(answer)
    }

    /// What a client with our secrets would send for a token.
    fn asked_for(&self, received: &Received) -> Result<Request, String> {
        let obtain = self.source.obtain(&self.secrets, &at(now()));
        match obtain.map_err(told)? {
            Obtain::Ask(request) => return Ok(request),
            Obtain::Given(_) => return Err("no token is asked for here".to_owned()),
            Obtain::Sign(_) => {}
        }
        let form = received
            .form()
            .ok_or("the signed token has to come in a form")?;
        let mut tokens = form.iter().map(|(_, value)| value);
        let signed = tokens.find_map(|token| Some((token, self.auth().made_at(token)?)));
        let (token, moment) = signed.ok_or("the form holds no signed token")?;
        match self.exchanged(token, &moment)? {
            Obtain::Ask(request) => Ok(request),
            _ => Err("no token is exchanged here".to_owned()),
        }
    }

    /// What follows from a token that its holder signed, if it says what it has to. Its signature is not looked
    /// at: only the source's own key would tell.
    fn exchanged(&self, token: &str, moment: &Moment) -> Result<Obtain, String> {
        let Obtain::Sign(unsigned) = self.source.obtain(&self.secrets, moment).map_err(told)?
        else {
            return Err("no token is signed for this source".to_owned());
        };
        let (says, signature) = token.rsplit_once('.').unwrap_or((token, ""));
        if says.as_bytes() != unsigned.input() || signature.is_empty() {
            return Err("the signed token says something else than it should".to_owned());
        }
        near(moment)?;
        let token = Secret::new(token);
        self.source
            .with_signature(token, &self.secrets, moment)
            .map_err(told)
    }

    /// Whether a request may be answered, and when it was signed; or why not.
    pub(super) fn admit(&self, received: &Received) -> Result<Moment, String> {
        let request = received.request();
        if !self.auth().is_granted() {
            let moment = self.stamped(received)?;
            let signed = self.source.signed(request, &self.secrets, &moment, None);
            shown(&signed.map_err(told)?, received)?;
            return Ok(moment);
        }
        let moment = at(now());
        match self.source.grants() {
            Some(_) => self.with_grant(request, received, &moment)?,
            None => self.with_own_token(request, received)?,
        }
        Ok(moment)
    }

    fn stamped(&self, received: &Received) -> Result<Moment, String> {
        let Some(moment) = self.auth().signed_at(&received.headers) else {
            return Ok(at(now()));
        };
        near(&moment)?;
        if !moment.nonce.is_empty() && !self.seen().nonces.insert(moment.nonce.clone()) {
            return Err("the nonce was used before".to_owned());
        }
        Ok(moment)
    }

    fn with_grant(
        &self,
        request: Request,
        received: &Received,
        moment: &Moment,
    ) -> Result<(), String> {
        let mut seen = self.seen();
        let fits = |(grant, _): &(Grant, u32)| {
            let signed = self
                .source
                .signed(request.clone(), &self.secrets, moment, Some(grant));
            signed.is_ok_and(|signed| shown(&signed, received).is_ok())
        };
        let place = seen.live.iter().position(fits);
        let place = place.ok_or("the session or token is over, wrong or missing")?;
        seen.live[place].1 += 1;
        if self.uses.is_some_and(|uses| seen.live[place].1 > uses) {
            seen.live.remove(place);
            return Err("the session is over".to_owned());
        }
        Ok(())
    }

    /// A token that its holder signs and shows as it is.
    fn with_own_token(&self, request: Request, received: &Received) -> Result<(), String> {
        let header = received.header("authorization").unwrap_or_default();
        let token = header.rsplit(' ').next().unwrap_or_default();
        let moment = self
            .auth()
            .made_at(token)
            .ok_or("there is no signed token")?;
        let Obtain::Given(grant) = self.exchanged(token, &moment)? else {
            return Err("the signed token has to be exchanged".to_owned());
        };
        let signed = self
            .source
            .signed(request, &self.secrets, &moment, Some(&grant));
        shown(&signed.map_err(told)?, received)?;
        let mut seen = self.seen();
        let place = seen.shown.iter().position(|(known, _)| known == token);
        let place = place.unwrap_or_else(|| {
            seen.shown.push((token.to_owned(), 0));
            seen.shown.len() - 1
        });
        seen.shown[place].1 += 1;
        match self.uses {
            Some(uses) if seen.shown[place].1 > uses => Err("the token is over".to_owned()),
            _ => Ok(()),
        }
    }

    /// The header by which an answer is signed, where it has to be.
    pub(super) fn seal(
        &self,
        received: &Received,
        moment: &Moment,
        content_type: &str,
        content: &[u8],
    ) -> Option<(String, String)> {
        let request = received.request();
        let sealed = self
            .source
            .seal(&request, content_type, content, &self.secrets, moment);
        sealed.ok().flatten()
    }
}

fn told(fault: Fault) -> String {
    fault.message
}

#[allow(
    clippy::disallowed_methods,
    reason = "signatures bear the world's time, and nothing else hangs on it"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

fn at(now: Timestamp) -> Moment {
    Moment {
        now,
        nonce: String::new(),
    }
}

fn near(moment: &Moment) -> Result<(), String> {
    let apart = moment.now.as_second() - now().as_second();
    match apart.abs() <= SKEW {
        true => Ok(()),
        false => Err(format!("it was signed {} s ago", -apart)),
    }
}

/// Whether the credentials that a request should have are there.
fn shown(expected: &Request, received: &Received) -> Result<(), String> {
    let lacking = expected
        .credentials
        .iter()
        .find(|credential| match credential {
            Credential::Header { name, value } => !received
                .headers
                .iter()
                .any(|(known, found)| known.eq_ignore_ascii_case(name) && found == value.expose()),
            Credential::Query { name, value } => !received
                .query(name)
                .iter()
                .any(|found| found == value.expose()),
        });
    match lacking {
        None => Ok(()),
        Some(Credential::Header { name, .. }) => {
            Err(format!("the header `{name}` is wrong or missing"))
        }
        Some(Credential::Query { name, .. }) => Err(format!(
            "the parameter `{name}` of the query is wrong or missing"
        )),
    }
}

/// Whether a request for a token is the one that the definition makes.
fn same(expected: &Request, received: &Received) -> Result<(), String> {
    if received.method != expected.method.name() {
        return Err(format!("it is asked with {}", expected.method.name()));
    }
    shown(expected, received)?;
    let Some(body) = &expected.body else {
        return Ok(());
    };
    let is_same = match received.form() {
        Some(mut form) => {
            let mut wanted: Vec<(String, String)> = url::form_urlencoded::parse(&body.bytes)
                .into_owned()
                .collect();
            form.sort();
            wanted.sort();
            body.content_type != "application/json" && form == wanted
        }
        None => {
            let wanted = serde_json::from_slice::<Value>(&body.bytes).ok();
            wanted.is_some() && received.json() == wanted
        }
    };
    match is_same {
        true => Ok(()),
        false => Err("name, password or another part of the content is wrong".to_owned()),
    }
}
