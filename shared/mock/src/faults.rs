//! The ways in which the server can misbehave, and when.
//!
//! A fault is written as `KIND:PART,PART…`:
//!
//! | part | meaning |
//! | --- | --- |
//! | `0.01` | one attempt in a hundred, drawn from the seed, the id and the number of the attempt |
//! | `every=97` | every 97th request that the server gets |
//! | `id=17+18` | only the products 17 and 18 |
//! | `listing` | only the listing |
//! | `always` | every attempt: no retry recovers |
//! | `times=3` | three attempts in a row, then one is served; 1 unless told otherwise |
//! | `retry-after=F` | of `429` and `503`: seconds, `date+30`, `date-30`, `absent`, `nonsense`, `huge` or `any` |
//! | `pause=MS` | of `drip`: milliseconds between two bytes |
//! | `to=URL` | of `redirect` and `foreign`: the other origin; takes the rest of the text |
//!
//! Whatever the fault, an attempt that comes right after a faulted one of the same target is served, unless the
//! fault says `always` or more `times`.

use std::{fmt, str::FromStr};

use url::Url;

use crate::draw::mix;
use crate::stats::Target;

/// One way to misbehave, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong with the answer.
    pub kind: FaultKind,
    /// Which requests are in question.
    pub scope: Scope,
    /// How often these are faulted.
    pub frequency: Frequency,
    /// Whether a retry is served.
    pub recovery: Recovery,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An error status, perhaps with the time to come back.
    Status(u16, RetryAfter),
    /// Half the body, though `Content-Length` tells of all of it, and the connection closes.
    Truncate,
    /// Half the body in chunks, and the connection closes without the last chunk.
    CutChunked,
    /// Half of a gzip stream, with the right `Content-Length`.
    CutGzip,
    /// Half the body, and then nothing for ever.
    Stall,
    /// The body byte by byte, with this pause in milliseconds after each.
    Drip(u64),
    /// A valid record in half a megabyte of gzip, of more than 512 MiB.
    GzipBomb,
    /// 302 to this address.
    Redirect(Url),
    /// Addresses in the body, and the first id of the listing, point to this origin.
    Foreign(Url),
    /// The first half of the body, as if it were all.
    InvalidJson,
    /// A record whose name is 100,000 arrays in one another.
    DeepJson,
    /// A record whose every value has another type.
    WrongTypes,
    /// A name with bytes that are not UTF-8.
    InvalidUtf8,
    /// A record of a type that nobody knows: `mixer`.
    Mixer,
}

/// The forms of `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// No such header.
    Absent,
    /// Delta seconds.
    Seconds(u64),
    /// An HTTP date, so many seconds from now; in the past if negative.
    Date(i64),
    /// Text that is neither.
    Nonsense,
    /// One of five: 1 second, 0, a date, absent, nonsense; drawn anew for each attempt.
    Any,
}

/// Which requests a fault is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of the API.
    All,
    /// The listing.
    Listing,
    /// These products.
    Products(Vec<u32>),
}

/// How many of the requests in question are faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// All.
    Each,
    /// So many in 2^32.
    Rate(u64),
    /// Every n-th request that the server gets.
    Every(u64),
}

/// What becomes of a faulted target when it is asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It is served after so many faulted attempts in a row.
    After(u32),
    /// It is faulted again.
    Never,
}

/// A request in the eyes of the faults.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) target: Target,
    /// The how many-th for its target, from 1.
    pub(crate) number: u32,
    /// How many right before it were faulted.
    pub(crate) faulted_before: u32,
    /// The how many-th of all, from 1.
    pub(crate) nth: u64,
}

impl Attempt {
    /// A number that hangs on nothing but the seed, the target and the attempt.
    pub(crate) fn lot(&self, seed: u64) -> u64 {
        let target = match self.target {
            Target::Product(id) => u64::from(id),
            Target::Listing | Target::Elsewhere => 0,
        };
        mix(mix(mix(seed ^ 0x6661_756C_7473) ^ target) ^ u64::from(self.number))
    }
}

impl Fault {
    /// Whether this attempt is faulted; `place` is the fault's among its fellows.
    pub(crate) fn strikes(&self, place: usize, seed: u64, attempt: &Attempt) -> bool {
        self.scope.holds(attempt.target)
            && self.recovery.strikes_after(attempt.faulted_before)
            && self
                .frequency
                .strikes(attempt.lot(seed.wrapping_add(place as u64)), attempt.nth)
    }
}

impl Scope {
    fn holds(&self, target: Target) -> bool {
        match (self, target) {
            (_, Target::Elsewhere) => false,
            (Scope::All, _) => true,
            (Scope::Listing, target) => target == Target::Listing,
            (Scope::Products(ids), Target::Product(id)) => ids.contains(&id),
            (Scope::Products(_), Target::Listing) => false,
        }
    }
}

impl Recovery {
    fn strikes_after(self, faulted_before: u32) -> bool {
        match self {
            Recovery::After(times) => faulted_before < times,
            Recovery::Never => true,
        }
    }
}

impl Frequency {
    fn strikes(self, lot: u64, nth: u64) -> bool {
        match self {
            Frequency::Each => true,
            Frequency::Rate(rate) => (lot >> 32) < rate,
            Frequency::Every(n) => nth.is_multiple_of(n),
        }
    }
}

/// The kinds that are not a status, by name.
const KINDS: [&str; 13] = [
    "truncate",
    "cut-chunked",
    "cut-gzip",
    "stall",
    "drip",
    "gzip-bomb",
    "redirect",
    "foreign",
    "invalid-json",
    "deep-json",
    "wrong-types",
    "invalid-utf8",
    "mixer",
];
/// The statuses that can be asked for.
const STATUSES: [(u16, &str); 9] = [
    (400, "400"),
    (403, "403"),
    (408, "408"),
    (410, "410"),
    (429, "429"),
    (500, "500"),
    (502, "502"),
    (503, "503"),
    (504, "504"),
];

impl FaultKind {
    /// The name by which it is asked for and counted.
    pub fn name(&self) -> &'static str {
        match self {
            FaultKind::Status(status, _) => STATUSES
                .iter()
                .find(|(code, _)| code == status)
                .map_or("status", |(_, name)| name),
            FaultKind::Truncate => "truncate",
            FaultKind::CutChunked => "cut-chunked",
            FaultKind::CutGzip => "cut-gzip",
            FaultKind::Stall => "stall",
            FaultKind::Drip(_) => "drip",
            FaultKind::GzipBomb => "gzip-bomb",
            FaultKind::Redirect(_) => "redirect",
            FaultKind::Foreign(_) => "foreign",
            FaultKind::InvalidJson => "invalid-json",
            FaultKind::DeepJson => "deep-json",
            FaultKind::WrongTypes => "wrong-types",
            FaultKind::InvalidUtf8 => "invalid-utf8",
            FaultKind::Mixer => "mixer",
        }
    }
}

/// What is wrong with the text of a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault `{text}`: {problem}")]
pub struct FaultError {
    text: String,
    problem: String,
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Fault, FaultError> {
        parse(text).map_err(|problem| FaultError {
            text: text.to_owned(),
            problem,
        })
    }
}

/// The parts of a fault's text, each at most once.
#[derive(Default)]
struct Parts<'a> {
    scope: Option<Scope>,
    frequency: Option<Frequency>,
    recovery: Option<Recovery>,
    retry_after: Option<RetryAfter>,
    pause_millis: Option<u64>,
    to: Option<&'a str>,
}

fn parse(text: &str) -> Result<Fault, String> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let mut parts = Parts::read(rest)?;
    let kind = parts.kind(kind.trim())?;
    parts.all_used(kind.name())?;
    if parts.scope.is_none() && parts.frequency.is_none() && parts.recovery != Some(Recovery::Never)
    {
        return Err("does not say when; add a rate such as `0.01`, `every=97`, `id=17`, `listing` or `always`".into());
    }
    Ok(Fault {
        kind,
        scope: parts.scope.unwrap_or(Scope::All),
        frequency: parts.frequency.unwrap_or(Frequency::Each),
        recovery: parts.recovery.unwrap_or(Recovery::After(1)),
    })
}

impl<'a> Parts<'a> {
    fn read(text: &'a str) -> Result<Parts<'a>, String> {
        let mut parts = Parts::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(to) = rest.strip_prefix("to=") {
                set(&mut parts.to, to, rest)?;
                break;
            }
            let (part, after) = rest.split_once(',').unwrap_or((rest, ""));
            parts.add(part.trim())?;
            rest = after;
        }
        Ok(parts)
    }

    fn add(&mut self, part: &str) -> Result<(), String> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name {
            "listing" => set(&mut self.scope, Scope::Listing, part),
            "always" => set(&mut self.recovery, Recovery::Never, part),
            "id" => set(&mut self.scope, Scope::Products(ids(value)?), part),
            "every" => set(
                &mut self.frequency,
                Frequency::Every(positive(part, value)?),
                part,
            ),
            "times" => set(
                &mut self.recovery,
                Recovery::After(positive(part, value)?),
                part,
            ),
            "retry-after" => set(&mut self.retry_after, retry_after(value)?, part),
            "pause" => set(&mut self.pause_millis, positive(part, value)?, part),
            _ => set(&mut self.frequency, rate(part)?, part),
        }
    }

    /// The kind of this name, with the parts that belong to it taken out.
    fn kind(&mut self, name: &str) -> Result<FaultKind, String> {
        Ok(match name {
            "truncate" => FaultKind::Truncate,
            "cut-chunked" => FaultKind::CutChunked,
            "cut-gzip" => FaultKind::CutGzip,
            "stall" => FaultKind::Stall,
            "drip" => FaultKind::Drip(self.pause_millis.take().unwrap_or(20)),
            "gzip-bomb" => FaultKind::GzipBomb,
            "redirect" => FaultKind::Redirect(self.other_origin(name)?),
            "foreign" => FaultKind::Foreign(self.other_origin(name)?),
            "invalid-json" => FaultKind::InvalidJson,
            "deep-json" => FaultKind::DeepJson,
            "wrong-types" => FaultKind::WrongTypes,
            "invalid-utf8" => FaultKind::InvalidUtf8,
            "mixer" => FaultKind::Mixer,
            status => self.status(status)?,
        })
    }

    fn status(&mut self, name: &str) -> Result<FaultKind, String> {
        let Some((status, _)) = STATUSES.iter().find(|(_, known)| *known == name) else {
            let statuses = STATUSES.map(|(_, name)| name).join(", ");
            return Err(format!(
                "there is no kind `{name}`; the kinds are {statuses}, {}",
                KINDS.join(", ")
            ));
        };
        let usual = if *status == 429 {
            RetryAfter::Seconds(1)
        } else {
            RetryAfter::Absent
        };
        let retry_after = match status {
            429 | 503 => self.retry_after.take().unwrap_or(usual),
            _ => RetryAfter::Absent,
        };
        Ok(FaultKind::Status(*status, retry_after))
    }

    fn other_origin(&mut self, kind: &str) -> Result<Url, String> {
        let to = self
            .to
            .take()
            .ok_or_else(|| format!("`{kind}` needs the other origin; add `to=URL` at the end"))?;
        let url = Url::parse(to)
            .map_err(|error| format!("`{to}` is not an absolute address: {error}"))?;
        match url.scheme() {
            "http" | "https" => Ok(url),
            scheme => Err(format!(
                "`{to}` has the scheme `{scheme}`; use http or https"
            )),
        }
    }

    fn all_used(&self, kind: &str) -> Result<(), String> {
        let left = [
            (self.retry_after.is_some(), "retry-after", "429 and 503"),
            (self.pause_millis.is_some(), "pause", "drip"),
            (self.to.is_some(), "to", "redirect and foreign"),
        ];
        match left.into_iter().find(|(left, _, _)| *left) {
            Some((_, part, kinds)) => {
                Err(format!("`{kind}` has no `{part}`; only {kinds} have it"))
            }
            None => Ok(()),
        }
    }
}

fn set<T>(slot: &mut Option<T>, value: T, part: &str) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!(
            "`{part}` says again, or otherwise, what an earlier part said; keep one"
        )),
    }
}

fn positive<T: FromStr + PartialEq + Default>(part: &str, value: &str) -> Result<T, String> {
    let number = value.parse().ok().filter(|number| *number != T::default());
    number.ok_or_else(|| format!("`{part}` needs a whole number from 1 on"))
}

fn ids(value: &str) -> Result<Vec<u32>, String> {
    let id = |text: &str| {
        text.parse()
            .map_err(|_| format!("`{text}` is not an id; write `id=17` or `id=17+18`"))
    };
    value.split('+').map(id).collect()
}

fn rate(part: &str) -> Result<Frequency, String> {
    let rate = part.parse().ok().filter(|rate| (0.0..=1.0).contains(rate));
    let rate: f64 = rate.ok_or_else(|| {
        format!(
            "`{part}` is neither a rate from 0 to 1 nor one of `every=N`, `id=N+N`, `listing`, `always`, `times=N`, \
             `retry-after=FORM`, `pause=MS`, `to=URL`"
        )
    })?;
    Ok(Frequency::Rate((rate * 4_294_967_296.0) as u64))
}

fn retry_after(value: &str) -> Result<RetryAfter, String> {
    if let Some(seconds) = value.strip_prefix("date") {
        let from_now = if seconds.is_empty() {
            Ok(2)
        } else {
            seconds.parse()
        };
        return from_now
            .map(RetryAfter::Date)
            .map_err(|_| format!("`{value}` is no date; write `date+30` or `date-30`"));
    }
    match value {
        "absent" => Ok(RetryAfter::Absent),
        "nonsense" => Ok(RetryAfter::Nonsense),
        "huge" => Ok(RetryAfter::Seconds(1_000_000_000)),
        "any" => Ok(RetryAfter::Any),
        seconds => seconds.parse().map(RetryAfter::Seconds).map_err(|_| {
            format!("`retry-after={value}` has no such form; write seconds, `date+30`, `date-30`, `absent`, `nonsense`, `huge` or `any`")
        }),
    }
}

impl RetryAfter {
    /// One form for `Any`; the form itself otherwise.
    pub(crate) fn settle(self, lot: u64) -> RetryAfter {
        const FORMS: [RetryAfter; 5] = [
            RetryAfter::Seconds(1),
            RetryAfter::Seconds(0),
            RetryAfter::Date(2),
            RetryAfter::Absent,
            RetryAfter::Nonsense,
        ];
        match self {
            RetryAfter::Any => FORMS[(lot % 5) as usize],
            form => form,
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Fault {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_fault_is_read_from_its_text() {
        let other = Url::parse("http://127.0.0.1:9/a,b").unwrap();
        for (text, kind, scope, frequency, recovery) in [
            (
                "500:every=97",
                FaultKind::Status(500, RetryAfter::Absent),
                Scope::All,
                Frequency::Every(97),
                Recovery::After(1),
            ),
            (
                "429:0.25",
                FaultKind::Status(429, RetryAfter::Seconds(1)),
                Scope::All,
                Frequency::Rate(1 << 30),
                Recovery::After(1),
            ),
            (
                "429:id=3,retry-after=huge",
                FaultKind::Status(429, RetryAfter::Seconds(1_000_000_000)),
                Scope::Products(vec![3]),
                Frequency::Each,
                Recovery::After(1),
            ),
            (
                "503:listing,retry-after=date-30",
                FaultKind::Status(503, RetryAfter::Date(-30)),
                Scope::Listing,
                Frequency::Each,
                Recovery::After(1),
            ),
            (
                "stall:id=17+18,always",
                FaultKind::Stall,
                Scope::Products(vec![17, 18]),
                Frequency::Each,
                Recovery::Never,
            ),
            (
                "500:id=21,times=2",
                FaultKind::Status(500, RetryAfter::Absent),
                Scope::Products(vec![21]),
                Frequency::Each,
                Recovery::After(2),
            ),
            (
                "drip:pause=5,0",
                FaultKind::Drip(5),
                Scope::All,
                Frequency::Rate(0),
                Recovery::After(1),
            ),
            (
                "redirect:always,to=http://127.0.0.1:9/a,b",
                FaultKind::Redirect(other),
                Scope::All,
                Frequency::Each,
                Recovery::Never,
            ),
        ] {
            assert_eq!(
                fault(text),
                Fault {
                    kind,
                    scope,
                    frequency,
                    recovery
                },
                "{text}"
            );
        }
    }

    #[test]
    fn every_kind_is_known_by_its_name() {
        let statuses = STATUSES.iter().map(|(_, name)| *name);
        for name in KINDS.into_iter().chain(statuses) {
            let to = if ["redirect", "foreign"].contains(&name) {
                ",to=http://other.example"
            } else {
                ""
            };
            assert_eq!(fault(&format!("{name}:always{to}")).kind.name(), name);
        }
    }

    #[test]
    fn a_wrong_fault_is_told_with_its_remedy() {
        for (text, says) in [
            (
                "strall:id=17",
                "there is no kind `strall`; the kinds are 400",
            ),
            ("stall", "does not say when; add a rate"),
            ("stall:times=2", "does not say when"),
            ("500:1.5", "`1.5` is neither a rate from 0 to 1"),
            ("500:NaN", "`NaN` is neither a rate"),
            ("500:every=0", "`every=0` needs a whole number from 1 on"),
            ("500:id=x", "`x` is not an id; write `id=17`"),
            ("500:id=1,listing", "`listing` says again, or otherwise"),
            ("500:always,times=2", "`times=2` says again, or otherwise"),
            (
                "500:always,retry-after=1",
                "`500` has no `retry-after`; only 429 and 503",
            ),
            ("429:always,retry-after=soon", "has no such form"),
            ("stall:always,pause=3", "`stall` has no `pause`; only drip"),
            (
                "redirect:always",
                "`redirect` needs the other origin; add `to=URL`",
            ),
            (
                "redirect:always,to=/here",
                "`/here` is not an absolute address",
            ),
            (
                "foreign:always,to=ftp://other.example",
                "has the scheme `ftp`",
            ),
        ] {
            let error = text.parse::<Fault>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("fault `{text}`: ")) && error.contains(says),
                "{error}"
            );
        }
    }

    fn attempt(id: u32, number: u32, faulted_before: u32) -> Attempt {
        Attempt {
            target: Target::Product(id),
            number,
            faulted_before,
            nth: u64::from(id),
        }
    }

    #[test]
    fn a_faulted_target_recovers_unless_told_otherwise() {
        for (text, struck) in [
            ("500:id=17", [true, false, false]),
            ("500:id=17,times=2", [true, true, false]),
            ("500:id=17,always", [true, true, true]),
            ("500:id=18", [false, false, false]),
            ("500:listing", [false, false, false]),
        ] {
            let fault = fault(text);
            let strikes =
                [0, 1, 2].map(|before| fault.strikes(0, 1, &attempt(17, before + 1, before)));
            assert_eq!(strikes, struck, "{text}");
        }
    }

    #[test]
    fn a_rate_is_kept_and_hangs_on_the_attempt_only() {
        let fault = fault("500:0.1");
        let struck: Vec<u32> = (0..10_000)
            .filter(|&id| fault.strikes(0, 1, &attempt(id, 1, 0)))
            .collect();
        let again: Vec<u32> = (0..10_000)
            .filter(|&id| fault.strikes(0, 1, &attempt(id, 1, 0)))
            .collect();
        let second: Vec<u32> = (0..10_000)
            .filter(|&id| fault.strikes(0, 1, &attempt(id, 2, 0)))
            .collect();
        assert!((900..1_100).contains(&struck.len()), "{}", struck.len());
        assert_eq!(struck, again);
        assert_ne!(struck, second);
    }

    #[test]
    fn any_retry_after_takes_all_five_forms() {
        let forms: Vec<RetryAfter> = (0..5).map(|lot| RetryAfter::Any.settle(lot)).collect();
        assert_eq!(forms.len(), 5);
        assert!(!forms.contains(&RetryAfter::Any));
    }
}
