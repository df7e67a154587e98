//! Pages: the part of the records that a request asks for, and all that the definition reads beside them.

use std::collections::HashMap;

use pipeline::header::HeaderName;
use pipeline::name::Name;
use pipeline::number::{Number, Values};
use pipeline::paginate::{Paginate, Parameter, Stop};
use pipeline::path::Path;
use pipeline::problem::Located;
use pipeline::resource::ResourceDefinition;
use serde_json::Value;
use url::Url;

use super::received::Received;
use super::route::written;
use super::values::put;
use crate::draw::mix;

/// The parameter of our own next links that says how many records lie before.
const AFTER: &str = "_after";
/// How many records a page holds where nothing is said.
const SIZE: usize = 100;

/// What is answered, before it is put on the wire.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) json: Value,
    pub(super) headers: Vec<(String, String)>,
}

/// The cursors that were given, each with what it goes on with.
#[derive(Debug, Default)]
pub(super) struct Cursors(HashMap<String, (Values, usize)>);

impl Cursors {
    /// What a request with a cursor goes on with.
    pub(super) fn values(
        &self,
        resource: &ResourceDefinition,
        received: &Received,
    ) -> Option<Values> {
        let Paginate::Cursor(kind) = &resource.paginate else {
            return None;
        };
        let cursor = received.parameter(&kind.parameter)?;
        self.0.get(&cursor).map(|(values, _)| values.clone())
    }

    fn give(&mut self, name: &Name, values: &Values, offset: usize) -> String {
        let text = format!("{name}{values:?}{offset}");
        let lot = text
            .bytes()
            .fold(0, |sum: u64, byte| mix(sum ^ u64::from(byte)));
        let cursor = format!("{lot:016x}");
        self.0.insert(cursor.clone(), (values.clone(), offset));
        cursor
    }
}

/// A request whose records are known.
pub(super) struct Asked<'a> {
    pub(super) name: &'a Name,
    pub(super) resource: &'a ResourceDefinition,
    pub(super) values: &'a Values,
    pub(super) received: &'a Received,
    /// The largest page that is given, whatever is asked for.
    pub(super) most: Option<usize>,
    /// The parameter of the query that holds a credential, which no link repeats.
    pub(super) credential: Option<&'a str>,
}

/// Where a page begins, and how many records it may hold.
struct Span {
    start: usize,
    size: usize,
}

impl Asked<'_> {
    /// The page, or what is wrong with the request for it.
    pub(super) fn page(
        &self,
        records: &[Value],
        single: bool,
        cursors: &mut Cursors,
    ) -> Result<Page, String> {
        let mut page = Page {
            json: Value::Null,
            headers: Vec::new(),
        };
        let place = &self.resource.records.paths()[0];
        if single {
            put(
                &mut page.json,
                place,
                records.first().cloned().unwrap_or_default(),
            );
            return Ok(page);
        }
        let span = self.span(records, cursors)?;
        let end = (span.start.saturating_add(span.size)).min(records.len());
        let start = span.start.min(end);
        put(
            &mut page.json,
            place,
            Value::Array(records[start..end].to_vec()),
        );
        self.tell(&mut page, records.len(), end, &span, cursors);
        Ok(page)
    }

    fn span(&self, records: &[Value], cursors: &Cursors) -> Result<Span, String> {
        let start = match &self.resource.paginate {
            Paginate::SinglePage => {
                return Ok(Span {
                    start: 0,
                    size: records.len(),
                });
            }
            Paginate::NextLink(_) => self.number(&Parameter::from(AFTER))?.unwrap_or_default(),
            Paginate::Offset(kind) => self.number(&kind.parameter)?.unwrap_or_default(),
            Paginate::PageNumber(kind) => {
                let first = kind.first as usize;
                let number = self.number(&kind.parameter)?.unwrap_or(first);
                let before = number.checked_sub(first);
                let before = before
                    .ok_or_else(|| format!("there is no page {number}; the first is {first}"))?;
                before.saturating_mul(self.size()?)
            }
            Paginate::Cursor(kind) => match self.received.parameter(&kind.parameter) {
                None => 0,
                Some(cursor) => match cursors.0.get(&cursor) {
                    Some((_, offset)) => *offset,
                    None if self.is_of_first_page(&kind.parameter) => 0,
                    None => return Err("nobody was given this cursor".to_owned()),
                },
            },
            Paginate::Keyset(kind) => match self.received.parameter(&kind.parameter) {
                None => 0,
                Some(key) => {
                    let is_it = |record: &Value| written(record, &kind.key).as_ref() == Some(&key);
                    match records.iter().position(is_it) {
                        Some(position) => position + 1,
                        None if self.is_of_first_page(&kind.parameter) => 0,
                        None => return Err(format!("no record has the key {key}")),
                    }
                }
            },
        };
        Ok(Span {
            start,
            size: self.size()?.max(1),
        })
    }

    /// Whether the definition asks for the first page by the same parameter.
    fn is_of_first_page(&self, parameter: &Parameter) -> bool {
        matches!(parameter, Parameter::Query(name) if self.resource.query.contains_key(name))
    }

    /// How many records are asked for, and no more than we give.
    fn size(&self) -> Result<usize, String> {
        let (parameters, declared): (Vec<&Parameter>, Option<&Located<Number>>) = match &self
            .resource
            .paginate
        {
            Paginate::PageNumber(kind) => {
                (kind.size_parameter.iter().collect(), kind.size.as_ref())
            }
            Paginate::Offset(kind) => (vec![&kind.limit_parameter], Some(&kind.limit)),
            Paginate::Cursor(kind) => {
                let both = kind.size_parameter.iter().chain(&kind.first_size_parameter);
                (both.collect(), kind.size.as_ref())
            }
            Paginate::Keyset(kind) => (kind.size_parameter.iter().collect(), kind.size.as_ref()),
            Paginate::SinglePage | Paginate::NextLink(_) => (Vec::new(), None),
        };
        for parameter in parameters {
            if let Some(size) = self.number(parameter)? {
                return Ok(size.min(self.most.unwrap_or(usize::MAX)));
            }
        }
        let declared = declared.and_then(|size| size.fill(self.values, "size").ok());
        let size = declared.map_or(SIZE, |size| usize::try_from(size).unwrap_or(usize::MAX));
        Ok(size.min(self.most.unwrap_or(usize::MAX)))
    }

    fn number(&self, parameter: &Parameter) -> Result<Option<usize>, String> {
        let text = self.received.parameter(parameter);
        let number = text.map(|text| {
            text.parse()
                .map_err(|_| format!("`{parameter}` is no whole number: {text}"))
        });
        number.transpose()
    }

    /// Writes what leads on, and what the stop rule looks at.
    fn tell(&self, page: &mut Page, total: usize, end: usize, span: &Span, cursors: &mut Cursors) {
        let more = end < total;
        let pages = total.div_ceil(span.size.max(1));
        match &self.resource.paginate {
            Paginate::SinglePage => {}
            Paginate::NextLink(kind) => {
                let link = more.then(|| self.link(end));
                if let (Some(relation), Some(link)) = (kind.relation(), &link) {
                    page.headers
                        .push(("link".to_owned(), format!("<{link}>; rel=\"{relation}\"")));
                }
                if let Some(path) = kind.path() {
                    put(
                        &mut page.json,
                        path,
                        link.map_or(Value::Null, |link| link.to_string().into()),
                    );
                }
            }
            Paginate::PageNumber(kind) => stop(page, &kind.stop, total, pages, more),
            Paginate::Offset(kind) => stop(page, &kind.stop, total, pages, more),
            Paginate::Keyset(kind) => stop(page, &kind.stop, total, pages, more),
            Paginate::Cursor(kind) => {
                let cursor = more.then(|| cursors.give(self.name, self.values, end));
                if let (Some(name), Some(cursor)) = (&kind.header, &cursor) {
                    page.headers.push((name.to_string(), cursor.clone()));
                }
                if let Some(path) = &kind.path {
                    put(
                        &mut page.json,
                        path,
                        cursor.map_or(Value::Null, Value::from),
                    );
                }
                if let Some(rule) = &kind.stop {
                    stop(page, rule, total, pages, more);
                }
            }
        }
    }

    /// The address of the page that begins after so many records.
    fn link(&self, offset: usize) -> Url {
        let mut link = self.received.url.clone();
        for name in [AFTER].into_iter().chain(self.credential) {
            pipeline::request::drop_query(&mut link, name);
        }
        pipeline::request::push_query(&mut link, AFTER, &offset.to_string());
        link
    }
}

fn stop(page: &mut Page, stop: &Stop, total: usize, pages: usize, more: bool) {
    let mut at = |path: &Path, value: Value| put(&mut page.json, path, value);
    match stop {
        Stop::ShortPage | Stop::EmptyPage => {}
        Stop::Total(path) => at(path, total.into()),
        Stop::TotalPages(path) => at(path, pages.into()),
        Stop::HasMore(path) => at(path, more.into()),
        Stop::TotalHeader(name) => header(page, name, total.to_string()),
        Stop::HasMoreHeader(name) => header(page, name, more.to_string()),
    }
}

fn header(page: &mut Page, name: &HeaderName, value: String) {
    page.headers.push((name.to_string(), value));
}
