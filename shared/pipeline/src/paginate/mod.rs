//! How page tokens are made: a closed set of kinds, each a pure step from a page and its facts to the next.
//!
//! A token is a small JSON value that travels through the state machine. It remembers enough of the way to
//! notice when a source leads in a circle.

mod cursor;
pub mod facts;
mod keyset;
mod next_link;
mod offset;
mod page_number;
pub(crate) mod parameter;
mod smaller;
mod stop;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

pub use cursor::Cursor;
pub use facts::Facts;
pub use json::Outline;
pub use keyset::Keyset;
pub use next_link::NextLink;
pub use offset::Offset;
pub use page_number::PageNumber;
pub use parameter::{Added, Parameter};
pub use smaller::Smaller;
pub use stop::Stop;

use crate::fault::Fault;
use crate::number::{Number, Values};
use crate::outcome::Statuses;
use crate::problem::{Located, Location, Problems};
use stop::Progress;

/// How many links and how many pages a token remembers one by one; longer circles are found by its mark.
const LINKS: usize = 16;
const PAGES: usize = 4;
/// The longest link or cursor that we carry from page to page through the state machine.
const LONGEST: usize = 3000;

/// How the source divides its answer into pages
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paginate {
    /// One answer holds everything.
    #[default]
    SinglePage,
    /// Pages are asked for by their number.
    PageNumber(PageNumber),
    /// Pages are asked for by how many records lie before them.
    Offset(Offset),
    /// Each page names the address of the next one.
    NextLink(NextLink),
    /// Each page names what asks for the next one.
    Cursor(Cursor),
    /// Pages are asked for by the last record of the page before.
    Keyset(Keyset),
}

/// What asks for a page: where it is, and what the walk has seen before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageToken {
    at: Position,
    /// How many pages came before.
    #[serde(default)]
    pages: u64,
    /// How many records came before.
    #[serde(default)]
    records: u64,
    /// How many pages without records came just before.
    #[serde(default, skip_serializing_if = "is_zero")]
    empty: u64,
    /// Digests of the last links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<String>,
    /// Digests of the last pages' records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<String>,
    /// The digest of one link further back, moved whenever the number of pages doubles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    /// How many records a page holds, where that was made smaller than declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// How many pages are likely to follow this one, where the source tells it.
    #[serde(default, skip_serializing_if = "is_zero")]
    left: u64,
    /// The page number or offset that belongs to the next slice, where the pages are cut into slices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where a page is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Position {
    /// What the resource itself describes.
    Start,
    /// The page of that number.
    Page(u64),
    /// The page after that many records.
    Offset(u64),
    /// Path and query, below the source's own origin.
    Link(String),
    /// What the page before named, or a value of its last record, as JSON.
    Cursor(String),
}

impl Position {
    /// A page's number or offset; 0 where pages have neither.
    fn number(&self) -> u64 {
        match self {
            Position::Page(number) | Position::Offset(number) => *number,
            Position::Start | Position::Link(_) | Position::Cursor(_) => 0,
        }
    }
}

impl PageToken {
    /// The number of this page in its walk, from 0.
    pub fn ordinal(&self) -> u64 {
        self.pages
    }

    pub(crate) fn position(&self) -> &Position {
        &self.at
    }

    /// Whether a place belongs to the next slice.
    fn is_end(&self, at: &Position) -> bool {
        self.end.is_some_and(|end| at.number() >= end)
    }

    /// Whether both ask for the same page.
    pub fn is_same_page(&self, other: &PageToken) -> bool {
        self.at == other.at && self.size == other.size
    }

    fn new(at: Position) -> Self {
        PageToken {
            at,
            pages: 0,
            records: 0,
            empty: 0,
            links: Vec::new(),
            seen: Vec::new(),
            mark: None,
            size: None,
            left: 0,
            end: None,
        }
    }
}

/// What follows a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Another page.
    Page(PageToken),
    /// Nothing: that was the last one.
    End,
}

/// What a walk is bound to, besides its paginator.
pub(crate) struct Bounds<'a> {
    pub base: &'a Url,
    /// The parameter of the query that holds a credential, if there is one.
    pub credential: Option<&'a str>,
    pub max_pages: u64,
}

impl Paginate {
    /// Whether it divides an answer at all.
    pub fn is_divided(&self) -> bool {
        !matches!(self, Paginate::SinglePage)
    }

    /// What asks for the first page.
    pub fn first(&self) -> PageToken {
        PageToken::new(match self {
            Paginate::SinglePage
            | Paginate::NextLink(_)
            | Paginate::Cursor(_)
            | Paginate::Keyset(_) => Position::Start,
            Paginate::PageNumber(kind) => Position::Page(kind.first),
            Paginate::Offset(_) => Position::Offset(0),
        })
    }

    /// What a page adds to the request of its resource.
    pub(crate) fn added(&self, token: &PageToken, values: &Values) -> Result<Added, Fault> {
        let mut added = Added::default();
        let size = self.size(token, values)?;
        match (self, &token.at) {
            (Paginate::SinglePage | Paginate::NextLink(_), Position::Start)
            | (Paginate::NextLink(_), Position::Link(_)) => {}
            (Paginate::PageNumber(kind), Position::Page(number)) => {
                kind.add(*number, size, &mut added);
            }
            (Paginate::Offset(kind), Position::Offset(offset)) => {
                let room = token.end.map(|end| end.saturating_sub(*offset));
                let size = size.map(|size| size.min(room.unwrap_or(size)));
                kind.add(*offset, size, &mut added);
            }
            (Paginate::Cursor(kind), Position::Start) => kind.add(None, size, &mut added)?,
            (Paginate::Cursor(kind), Position::Cursor(cursor)) => {
                kind.add(Some(cursor), size, &mut added)?;
            }
            (Paginate::Keyset(kind), Position::Start) => kind.add(None, size, &mut added)?,
            (Paginate::Keyset(kind), Position::Cursor(key)) => {
                kind.add(Some(key), size, &mut added)?;
            }
            _ => {
                return Err(Fault::bad_definition(
                    "the page token was made by another paginator; start the walk anew",
                ));
            }
        }
        Ok(added)
    }

    /// This page and those that are likely to follow it, as far as the source has told how many there are. A
    /// guess only: what an answer says goes before it.
    pub fn likely<'a>(
        &'a self,
        token: &'a PageToken,
        values: &Values,
    ) -> Result<impl Iterator<Item = PageToken> + use<'a>, Fault> {
        let size = self.size(token, values)?.unwrap_or_default();
        let guessed = (1..=token.left).map_while(move |ahead| {
            let at = match token.at {
                Position::Page(number) => Position::Page(number + ahead),
                Position::Offset(offset) => Position::Offset(offset + ahead * size),
                _ => return None,
            };
            (!token.is_end(&at)).then(|| PageToken {
                pages: token.pages + ahead,
                records: token.records + ahead * size,
                size: token.size,
                end: token.end,
                ..PageToken::new(at)
            })
        });
        Ok(std::iter::once(token.clone()).chain(guessed))
    }

    /// What begins each slice of a walk whose first page told how many there are; one where it is not to be cut.
    /// `next` follows that first page.
    pub fn cut(&self, next: &Next, values: &Values) -> Result<Vec<PageToken>, Fault> {
        let (Some(pages), Next::Page(next)) = (self.pages_per_slice(), next) else {
            return Ok(vec![self.first()]);
        };
        let size = self.size(next, values)?.unwrap_or_default();
        let all = next.left + 2;
        let place = |page: u64| match self {
            Paginate::PageNumber(kind) => Position::Page(kind.first + page),
            _ => Position::Offset(page * size),
        };
        let begins = (0..all).step_by(usize::try_from(pages.max(1)).unwrap_or(usize::MAX));
        let slices = begins.map(|page| {
            let end = page + pages.max(1);
            PageToken {
                pages: page,
                records: page * size,
                // The last slice goes on as far as there are pages.
                end: (end < all).then(|| place(end).number()),
                left: end.min(all) - page - 1,
                ..PageToken::new(place(page))
            }
        });
        Ok(slices.collect())
    }

    fn pages_per_slice(&self) -> Option<u64> {
        match self {
            Paginate::PageNumber(kind) => kind.pages_per_slice,
            Paginate::Offset(kind) => kind.pages_per_slice,
            _ => None,
        }
    }

    /// Whether a walk may be cut into slices once its first page is known.
    pub fn is_cut(&self) -> bool {
        self.pages_per_slice().is_some()
    }

    /// The end of a slice that is not the last: where records are counted, all of its share have come.
    fn end_of_slice(&self, token: &PageToken, so_far: &Progress) -> Result<Next, Fault> {
        let counted = matches!(
            self.stop().map(|stop| &stop.value),
            Some(Stop::Total(_) | Stop::TotalHeader(_))
        );
        let share = match (self, so_far.size, token.end) {
            (Paginate::PageNumber(kind), Some(size), Some(end)) if counted => {
                (end - kind.first.min(end)) * size
            }
            _ => return Ok(Next::End),
        };
        if so_far.records < share {
            return Err(Fault::bad_data(format!(
                "{} of {share} records have come before the next slice: pages are shorter than asked for, or records moved while they were read; take `pages_per_slice` out",
                so_far.records
            )));
        }
        Ok(Next::End)
    }

    /// The same page with fewer records, where the source finds it too large; none where it may not be smaller.
    pub fn smaller(&self, token: &PageToken, values: &Values) -> Result<Option<PageToken>, Fault> {
        let aligned = matches!(self, Paginate::PageNumber(_));
        let (Some(rule), Some(size)) = (self.smaller_rule(), self.size(token, values)?) else {
            return Ok(None);
        };
        let smaller = rule.than(size, aligned).map(|smaller| PageToken {
            at: match (self, &token.at) {
                (Paginate::PageNumber(kind), Position::Page(number)) => {
                    kind.resized(*number, size, smaller)
                }
                (_, at) => at.clone(),
            },
            size: Some(smaller),
            left: 0,
            ..token.clone()
        });
        Ok(smaller)
    }

    /// The statuses that say that a page was too large.
    pub(crate) fn too_large(&self) -> &[Located<Statuses>] {
        self.smaller_rule().map_or(&[], |rule| &rule.on)
    }

    fn smaller_rule(&self) -> Option<&Smaller> {
        match self {
            Paginate::SinglePage | Paginate::NextLink(_) => None,
            Paginate::PageNumber(kind) => kind.smaller.as_ref(),
            Paginate::Offset(kind) => kind.smaller.as_ref(),
            Paginate::Cursor(kind) => kind.smaller.as_ref(),
            Paginate::Keyset(kind) => kind.smaller.as_ref(),
        }
    }

    /// What follows the page that `token` asked for, given the facts of its answer.
    pub(crate) fn next(
        &self,
        token: &PageToken,
        facts: &Facts<'_>,
        values: &Values,
        bounds: &Bounds<'_>,
    ) -> Result<Next, Fault> {
        let so_far = Progress {
            records: token.records + facts.records,
            pages: token.pages + 1,
            size: self.size(token, values)?,
        };
        let next = match (self, &token.at) {
            (Paginate::PageNumber(kind), Position::Page(number)) => {
                kind.after(*number, facts, &so_far)?
            }
            (Paginate::Offset(kind), Position::Offset(offset)) => {
                kind.after(*offset, facts, &so_far)?
            }
            (Paginate::NextLink(kind), _) => kind.after(facts, bounds.base, bounds.credential)?,
            (Paginate::Cursor(kind), _) => kind.after(facts, &so_far)?,
            (Paginate::Keyset(kind), _) => kind.after(facts, &so_far)?,
            _ => None,
        };
        let Some(at) = next else {
            return Ok(Next::End);
        };
        if token.is_end(&at) {
            return self.end_of_slice(token, &so_far);
        }
        let mut onward = token.clone();
        onward.at = at;
        onward.pages = so_far.pages;
        onward.records = so_far.records;
        onward.left = self
            .stop()
            .and_then(|stop| stop.left(facts, &so_far))
            .map_or(0, |left| left.saturating_sub(1));
        onward.notice(&token.at, self.empty_pages(), facts)?;
        if onward.pages >= bounds.max_pages {
            return Err(Fault::rejected(format!(
                "more than {} pages follow each other; raise `max_pages` if that is right",
                bounds.max_pages
            )));
        }
        Ok(Next::Page(onward))
    }

    fn size(&self, token: &PageToken, values: &Values) -> Result<Option<u64>, Fault> {
        if token.size.is_some() {
            return Ok(token.size);
        }
        match self {
            Paginate::PageNumber(kind) => kind.size(values),
            Paginate::Offset(kind) => kind.size(values).map(Some),
            Paginate::Cursor(kind) => kind.size(values),
            Paginate::Keyset(kind) => kind.size(values),
            Paginate::SinglePage | Paginate::NextLink(_) => Ok(None),
        }
    }

    fn stop(&self) -> Option<&Located<Stop>> {
        match self {
            Paginate::PageNumber(kind) => Some(&kind.stop),
            Paginate::Offset(kind) => Some(&kind.stop),
            Paginate::Cursor(kind) => kind.stop.as_ref(),
            Paginate::Keyset(kind) => Some(&kind.stop),
            Paginate::SinglePage | Paginate::NextLink(_) => None,
        }
    }

    /// How many pages without records in a row are still no loop.
    fn empty_pages(&self) -> u64 {
        match self {
            Paginate::NextLink(kind) => kind.empty_pages(),
            Paginate::Cursor(kind) => kind.empty_pages,
            Paginate::SinglePage
            | Paginate::PageNumber(_)
            | Paginate::Offset(_)
            | Paginate::Keyset(_) => 1,
        }
    }

    /// Notes what is wrong with it beyond its shape; `body` says whether the request carries one.
    pub(crate) fn check(&self, known: &[&str], has_body: bool, problems: &mut Problems) {
        for (at, parameter) in self.parameters() {
            if matches!(parameter, Parameter::Body(_)) && !has_body {
                problems.add_with(
                    at,
                    format!("`{parameter}` is a place in the body, but the request carries none"),
                    "add `body: { json: {} }` and `method: post_repeatable`, or name a parameter of the query",
                );
            }
        }
        let (at, size, size_parameter) = match self {
            Paginate::SinglePage | Paginate::NextLink(_) => return,
            Paginate::PageNumber(kind) => (
                kind.parameter.at,
                kind.size.as_ref(),
                kind.size_parameter.as_ref(),
            ),
            Paginate::Offset(kind) => (kind.stop.at, Some(&kind.limit), None),
            Paginate::Cursor(kind) => {
                if kind.path.is_some() == kind.header.is_some() {
                    problems.add_with(
                        kind.parameter.at,
                        "the cursor stands in one place",
                        "set `path` or `header`, one of the two",
                    );
                }
                (
                    kind.parameter.at,
                    kind.size.as_ref(),
                    kind.size_parameter.as_ref(),
                )
            }
            Paginate::Keyset(kind) => (
                kind.parameter.at,
                kind.size.as_ref(),
                kind.size_parameter.as_ref(),
            ),
        };
        if let (Some(_), None) = (size_parameter, size) {
            problems.add_with(at, "`size_parameter` has no `size` to send", "add `size`");
        }
        check_size(size, known, problems);
        self.check_cut(at, size.is_some(), problems);
        self.check_smaller(at, size.is_some(), problems);
        let Some(stop) = self.stop() else { return };
        match (&stop.value, self, size) {
            (Stop::ShortPage, _, None) => problems.add_with(
                stop.at,
                "`short_page` cannot tell a short page without a `size`",
                "add `size`, or stop at `empty_page`",
            ),
            (Stop::TotalPages(_), Paginate::Offset(_), _) => problems.add_with(
                stop.at,
                "`total_pages` counts pages, `offset` counts records",
                "use `total`, `total_header`, `has_more`, `short_page` or `empty_page`",
            ),
            _ => {}
        }
    }

    /// Every place that a page's parameters go to, with where that is written.
    fn parameters(&self) -> Vec<(Location, &Parameter)> {
        let (at, mut parameters) = match self {
            Paginate::SinglePage | Paginate::NextLink(_) => return Vec::new(),
            Paginate::PageNumber(kind) => (kind.parameter.at, vec![&kind.parameter.value]),
            Paginate::Offset(kind) => (
                kind.limit.at,
                vec![&kind.parameter.value, &kind.limit_parameter],
            ),
            Paginate::Cursor(kind) => (kind.parameter.at, vec![&kind.parameter.value]),
            Paginate::Keyset(kind) => (kind.parameter.at, vec![&kind.parameter.value]),
        };
        parameters.extend(match self {
            Paginate::PageNumber(kind) => kind.size_parameter.as_ref(),
            Paginate::Cursor(kind) => kind.size_parameter.as_ref(),
            Paginate::Keyset(kind) => kind.size_parameter.as_ref(),
            _ => None,
        });
        if let Paginate::Cursor(kind) = self {
            parameters.extend(kind.first_size_parameter.as_ref());
        }
        parameters
            .into_iter()
            .map(|parameter| (at, parameter))
            .collect()
    }

    fn check_cut(&self, at: Location, has_size: bool, problems: &mut Problems) {
        let Some(pages) = self.pages_per_slice() else {
            return;
        };
        let tells = |stop: &Located<Stop>| match stop.value {
            Stop::Total(_) | Stop::TotalHeader(_) => has_size,
            Stop::TotalPages(_) => true,
            _ => false,
        };
        if pages == 0 {
            problems.add_with(at, "a slice of no pages fetches nothing", "take 1 at least");
        }
        if !self.stop().is_some_and(tells) {
            problems.add_with(
                at,
                "`pages_per_slice` needs to know how many pages there are",
                "stop at `total` or `total_header` with a size, or at `total_pages`",
            );
        }
        if self.smaller_rule().is_some() {
            problems.add_with(
                at,
                "pages that may become smaller cannot be cut into slices by their number",
                "keep `smaller` or `pages_per_slice`, one of the two",
            );
        }
    }

    fn check_smaller(&self, at: Location, has_size: bool, problems: &mut Problems) {
        let Some(rule) = self.smaller_rule() else {
            return;
        };
        let at = rule.on.first().map_or(at, |statuses| statuses.at);
        if rule.on.is_empty() {
            problems.add_with(
                at,
                "`smaller` names no status, so it never applies",
                "write the statuses that mean too large a page, such as `on: [413]`",
            );
        }
        if !has_size {
            problems.add_with(
                at,
                "a page without a `size` cannot be made smaller",
                "add `size`",
            );
        }
        if matches!(
            self.stop().map(|stop| &stop.value),
            Some(Stop::TotalPages(_))
        ) {
            problems.add_with(
                at,
                "a smaller page changes how many pages there are, so `total_pages` would not hold",
                "stop at `total`, `has_more`, `short_page` or `empty_page`",
            );
        }
    }
}

fn check_size(size: Option<&Located<Number>>, known: &[&str], problems: &mut Problems) {
    let Some(size) = size else { return };
    match &size.value {
        Number::Fixed(0) => problems.add_with(
            size.at,
            "a page of no records leads nowhere",
            "ask for 1 at least",
        ),
        Number::Fixed(_) => {}
        Number::Filled(template) => {
            crate::source::check_references(size.at, template, known, problems);
        }
    }
}

impl PageToken {
    /// Adds the page just read, which was at `before`, and what was found to follow it to the memory; what was
    /// met before is a circle.
    fn notice(
        &mut self,
        before: &Position,
        empty_pages: u64,
        facts: &Facts<'_>,
    ) -> Result<(), Fault> {
        let (what, onward, here) = match (&self.at, before) {
            // The link that was just followed counts too, also when the walk began with it.
            (Position::Link(link), _) => (
                "link",
                facts::digest(link.as_bytes()),
                Some(facts::digest(
                    facts.asked[url::Position::BeforePath..].as_bytes(),
                )),
            ),
            (Position::Cursor(cursor), Position::Cursor(before)) => (
                "cursor",
                facts::digest(cursor.as_bytes()),
                Some(facts::digest(before.as_bytes())),
            ),
            (Position::Cursor(cursor), _) => ("cursor", facts::digest(cursor.as_bytes()), None),
            _ => ("", String::new(), None),
        };
        if !what.is_empty() {
            self.check_circle(what, &onward, here.as_ref())?;
        }
        if let Some(here) = here {
            remember(&mut self.links, here.clone(), LINKS);
            if self.pages.is_power_of_two() {
                self.mark = Some(here);
            }
        }
        let Some(digest) = facts.digest() else {
            self.empty += 1;
            if self.empty > empty_pages {
                return Err(looping(
                    "pages without records follow each other",
                    self.pages,
                ));
            }
            return Ok(());
        };
        self.empty = 0;
        if self.seen.contains(&digest) {
            return Err(looping(
                "a page repeats the records of a page before",
                self.pages,
            ));
        }
        remember(&mut self.seen, digest, PAGES);
        Ok(())
    }
}

impl PageToken {
    /// Whether what follows was followed before, and from which page.
    fn check_circle(
        &self,
        what: &str,
        onward: &String,
        here: Option<&String>,
    ) -> Result<(), Fault> {
        let asked = self.links.iter().rposition(|link| link == onward);
        let page = match asked {
            _ if here == Some(onward) => self.pages,
            Some(at) => self.pages - (self.links.len() - at) as u64,
            None if self.mark.as_ref() == Some(onward) => {
                return Err(looping(
                    &format!("the next {what} was already followed"),
                    self.pages,
                ));
            }
            None => return Ok(()),
        };
        Err(looping(
            &format!(
                "page {} names the {what} that asked for page {page}",
                self.pages
            ),
            self.pages,
        ))
    }
}

fn looping(what: &str, pages: u64) -> Fault {
    Fault::rejected(format!(
        "{what}: the source leads in a circle after {pages} pages"
    ))
}

fn remember(list: &mut Vec<String>, digest: String, most: usize) {
    if list.len() == most {
        list.remove(0);
    }
    list.push(digest);
}

#[cfg(test)]
mod walks;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode;
    use crate::request::Answer;
    use crate::resource::ResourceDefinition;
    use crate::source::{Source, SourceDefinition};

    const BASE: &str = "https://api.example/v1";

    /// Walks a resource over `server`, which answers an address (without origin) by body and headers.
    fn walk(
        paginate: &str,
        records: &str,
        server: impl Fn(&str, usize) -> (String, Vec<(String, String)>),
    ) -> Result<Vec<String>, String> {
        let source = "{ base_url: https://api.example/v1, limits: { max_pages: 200 }, auth: { api_key: { query: key, key: { secret: a/b } } } }";
        let source: SourceDefinition = decode(source).value.expect("a source");
        let source: Source = source.open(&Values::new()).expect("opens");
        let text = format!(
            "{{ path: /things, query: {{ a: 1 }}, paginate: {paginate}, records: {records} }}"
        );
        let resource = decode::<ResourceDefinition>(&text);
        assert!(
            resource.problems.is_empty(),
            "{}",
            resource.problems.render("p", &text)
        );
        let resource = resource.value.expect("a resource");
        let values = Values::from([("size".into(), "2".into())]);
        let mut token = resource.paginate.first();
        let mut asked = Vec::new();
        loop {
            // Tokens travel as JSON and stay small.
            let json = serde_json::to_string(&token).expect("json");
            assert!(json.len() < 4096, "{json}");
            token = serde_json::from_str(&json).expect("a token");
            assert_eq!(token.ordinal(), asked.len() as u64);
            let request = source
                .request(&resource, &token, &values)
                .map_err(|fault| fault.message)?;
            let address = request.url[url::Position::BeforePath..].to_owned();
            let (body, headers) = server(&address, asked.len());
            asked.push(address);
            let answer = Answer {
                status: 200,
                headers,
                body: body.into_bytes(),
            };
            let turn = source.next(&resource, &token, &values, &request, &answer);
            match turn
                .map_err(|fault| format!("{} [{}]", fault.message, asked.len()))?
                .next
            {
                Next::Page(next) => token = next,
                Next::End => return Ok(asked),
            }
        }
    }

    /// Records numbered from `from` on, `count` of them.
    fn records(from: usize, count: usize) -> String {
        let numbers: Vec<String> = (from..from + count)
            .map(|number| number.to_string())
            .collect();
        format!("[{}]", numbers.join(","))
    }

    #[test]
    fn counted_pages_end_as_declared() {
        let page = "page_number: { parameter: p, first: 0, size_parameter: s, size: \"{size}\"";
        let offset = "offset: { limit: 2";
        let total = |number: usize| (vec![], format!(", \"total\": {number}"));
        let header = |number: usize| {
            (
                vec![("total-count".to_owned(), number.to_string())],
                String::new(),
            )
        };
        let none = || (vec![], String::new());
        // What the source holds, in pages of which sizes, and how many requests that makes.
        type Extra = (Vec<(String, String)>, String);
        type Case<'a> = (String, &'a [usize], Extra, Result<usize, &'a str>);
        let cases: Vec<Case<'_>> = vec![
            (
                format!("{page}, stop: short_page }}"),
                &[2, 2, 1],
                none(),
                Ok(3),
            ),
            (
                format!("{page}, stop: short_page }}"),
                &[2, 2, 0],
                none(),
                Ok(3),
            ),
            (format!("{page}, stop: short_page }}"), &[0], none(), Ok(1)),
            (format!("{page} }}"), &[2, 1, 1, 0], none(), Ok(4)),
            (
                format!("{page}, stop: {{ total: $.total }} }}"),
                &[2, 2, 1],
                total(5),
                Ok(3),
            ),
            (
                format!("{page}, stop: {{ total: $.total }} }}"),
                &[0],
                total(0),
                Ok(1),
            ),
            (
                format!("{page}, stop: {{ total: $.total }} }}"),
                &[2, 0],
                total(5),
                Err("counts 5 records but gave 2"),
            ),
            (
                format!("{page}, stop: {{ total: $.nothing }} }}"),
                &[2],
                total(5),
                Err("no whole number at `$.nothing`"),
            ),
            (
                format!("{page}, stop: {{ total_pages: $.total }} }}"),
                &[2, 2, 2, 2],
                total(3),
                Ok(3),
            ),
            (
                format!("{page}, stop: {{ total_header: Total-Count }} }}"),
                &[2, 2, 1],
                header(5),
                Ok(3),
            ),
            (
                format!("{page}, stop: {{ total_header: Other }} }}"),
                &[2],
                header(5),
                Err("no whole number in the header `other`"),
            ),
            (
                format!("{offset}, stop: short_page }}"),
                &[2, 2, 1],
                none(),
                Ok(3),
            ),
            (format!("{offset} }}"), &[2, 1, 2, 0], none(), Ok(4)),
            (
                format!("{offset}, stop: {{ total: $.total }} }}"),
                &[2, 1, 2],
                total(5),
                Ok(3),
            ),
            (
                format!("{offset}, stop: {{ has_more: $.more }} }}"),
                &[2, 2],
                (vec![], ", \"more\": false".into()),
                Ok(1),
            ),
            (
                format!("{offset}, stop: {{ has_more: $.more }} }}"),
                &[2],
                (vec![], ", \"more\": 1".into()),
                Err("neither true nor false"),
            ),
            (
                format!("{offset}, stop: {{ has_more: $.more }} }}"),
                &[2, 0],
                (vec![], ", \"more\": true".into()),
                Err("the offset cannot grow"),
            ),
        ];
        for (paginate, sizes, (headers, extra), expected) in cases {
            let found = walk(&format!("{{ {paginate} }}"), "$.data", |_, asked| {
                let before: usize = sizes[..asked].iter().sum();
                let data = records(before, sizes[asked]);
                (format!("{{\"data\": {data}{extra}}}"), headers.clone())
            });
            match (&found, expected) {
                (Ok(asked), Ok(pages)) => assert_eq!(asked.len(), pages, "{paginate}"),
                (Err(message), Err(part)) => {
                    assert!(message.contains(part), "{paginate}: {message}")
                }
                _ => panic!("{paginate}: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn an_offset_grows_by_what_came() {
        let asked = walk(
            "{ offset: { limit: 100, parameter: skip, limit_parameter: take } }",
            "$",
            |address, _| {
                let from = address
                    .split("skip=")
                    .nth(1)
                    .and_then(|rest| rest.split('&').next());
                let from: usize = from.and_then(|from| from.parse().ok()).expect("an offset");
                // This source gives 30 at most, whatever is asked for.
                (records(from, 30.min(70 - from)), vec![])
            },
        );
        let asked = asked.expect("walks");
        let offsets =
            ["0", "30", "60", "70"].map(|offset| format!("/v1/things?a=1&skip={offset}&take=100"));
        assert_eq!(asked, offsets);
    }

    #[test]
    fn links_are_followed_from_body_and_header_and_lose_the_key() {
        let links = [
            "\"?cursor=b%3D&key=s3cret\"",
            "\"https://api.example/v1/other?c=2\"",
            "null",
        ];
        let asked = walk(
            "{ next_link: { path: $.links.next } }",
            "$.data",
            |_, asked| {
                (
                    format!(
                        "{{\"data\": [{asked}], \"links\": {{\"next\": {}}}}}",
                        links[asked]
                    ),
                    vec![],
                )
            },
        );
        assert_eq!(
            asked.expect("walks"),
            ["/v1/things?a=1", "/v1/things?cursor=b%3D", "/v1/other?c=2"]
        );
        let asked = walk("{ next_link: { header: next } }", "$", |_, asked| {
            let link = format!("</v1/things?a=1>; rel=first, </v1/things?p={asked}>; rel=\"next\"");
            let headers = if asked < 3 {
                vec![("link".to_owned(), link)]
            } else {
                vec![]
            };
            (format!("[{asked}]"), headers)
        });
        assert_eq!(asked.expect("walks").len(), 4);
        for (last, expected) in [
            ("{}", "ok"),
            ("{\"next\": \"\"}", "ok"),
            ("{\"next\": false}", "ok"),
            ("{\"next\": 7}", "no text at"),
            ("{\"next\": \"http://[\"}", "not an address"),
        ] {
            let asked = walk("{ next_link: { path: $.links.next } }", "$.data", |_, _| {
                (format!("{{\"data\": [1], \"links\": {last}}}"), vec![])
            });
            let said = asked.map_or_else(|message| message, |_| "ok".to_owned());
            assert!(said.contains(expected), "{last}: {said}");
        }
        let strict = walk(
            "{ next_link: { path: $.next, absent: fail } }",
            "$.data",
            |_, _| ("{\"data\": [1]}".to_owned(), vec![]),
        );
        assert!(strict.expect_err("refused").contains("not even null"));
    }

    #[test]
    fn a_circle_is_noticed_before_it_is_walked_twice() {
        let link = |next: String, data: String| {
            (
                format!("{{\"data\": {data}, \"next\": \"{next}\"}}"),
                vec![],
            )
        };
        let by_link = "{ next_link: { path: $.next } }";
        let by_page = "{ page_number: { parameter: p } }";
        // Which page each request finds, what it says, and after how many pages the walk must have stopped.
        type Server = Box<dyn Fn(&str, usize) -> (String, Vec<(String, String)>)>;
        let cases: Vec<(&str, &str, &str, Server, usize)> = vec![
            (
                "itself at once",
                by_link,
                "$.data",
                Box::new(move |_, asked| link("/v1/things?a=1".into(), records(asked, 1))),
                1,
            ),
            (
                "itself",
                by_link,
                "$.data",
                Box::new(move |_, asked| link("?x".into(), records(asked, 1))),
                2,
            ),
            (
                "two pages",
                by_link,
                "$.data",
                Box::new(move |_, asked| link(format!("?x={}", asked % 2), records(asked, 1))),
                3,
            ),
            (
                "ten pages",
                by_link,
                "$.data",
                Box::new(move |_, asked| link(format!("?x={}", asked % 10), records(asked, 1))),
                11,
            ),
            (
                "forty pages",
                by_link,
                "$.data",
                Box::new(move |_, asked| link(format!("?x={}", asked % 40), records(asked, 1))),
                104,
            ),
            (
                "new links to the same records",
                by_link,
                "$.data",
                Box::new(move |_, asked| link(format!("?x={asked}"), "[1]".into())),
                2,
            ),
            (
                "new links to nothing",
                by_link,
                "$.data",
                Box::new(move |_, asked| link(format!("?x={asked}"), "[]".into())),
                6,
            ),
            (
                "without end",
                by_link,
                "$.data",
                Box::new(move |_, asked| link(format!("?x={asked}"), records(asked, 1))),
                200,
            ),
            (
                "a page number that is ignored",
                by_page,
                "$",
                Box::new(|_, _| ("[1,2]".to_owned(), vec![])),
                2,
            ),
            (
                "two pages by turns",
                by_page,
                "$",
                Box::new(|_, asked| (format!("[{}]", asked % 2), vec![])),
                3,
            ),
            (
                "numbers without end",
                by_page,
                "$",
                Box::new(|_, asked| (format!("[{asked}]"), vec![])),
                200,
            ),
        ];
        for (what, paginate, records, server, pages) in cases {
            let message = walk(paginate, records, server).expect_err(what);
            assert!(
                message.contains("circle") || message.contains("more than 200 pages"),
                "{what}: {message}"
            );
            let asked = message
                .rsplit('[')
                .next()
                .and_then(|rest| rest.trim_end_matches(']').parse().ok());
            assert!(
                asked.is_some_and(|asked: usize| asked <= pages),
                "{what}: {message}"
            );
        }
    }

    #[test]
    fn a_token_of_elsewhere_leads_nowhere() {
        let source: SourceDefinition = decode(&format!("{{ base_url: {BASE} }}"))
            .value
            .expect("a source");
        let source = source.open(&Values::new()).expect("opens");
        let resource: ResourceDefinition =
            decode("{ path: /a, paginate: { next_link: { path: $.n } } }")
                .value
                .expect("a resource");
        for token in [
            r#"{"at": {"page": 3}}"#,
            r#"{"at": {"link": "https://evil.example/"}}"#,
            r#"{"at": {"link": "//evil.example/"}}"#,
            r#"{"at": {"link": "/\\evil.example/"}}"#,
        ] {
            let token: PageToken = serde_json::from_str(token).expect(token);
            assert!(
                source.request(&resource, &token, &Values::new()).is_err(),
                "{token:?}"
            );
        }
    }

    #[test]
    fn a_lost_or_broken_page_never_counts_as_the_last() {
        for body in [
            "",
            "{\"data\": [1,2",
            "{\"detail\": \"try later\"}",
            "<html></html>",
            "{\"data\": \"x\"}",
        ] {
            let walked = walk("{ offset: { limit: 2 } }", "$.data", |_, _| {
                (body.to_owned(), vec![])
            });
            assert!(walked.is_err(), "{body}");
        }
    }
}
