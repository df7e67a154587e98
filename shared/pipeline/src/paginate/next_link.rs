//! Pages that name the address of the next one, in the body or in the header `Link`.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::facts::Facts;
use super::{LONGEST, Position};
use crate::fault::Fault;
use crate::path::Path;

/// Pages that name the address of the next one
///
/// The address is followed as it is, without the `query` of the resource, and to the origin of `base_url`
/// only. `{ path: $.next }` or `{ header: next }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "Written")]
#[schemars(with = "Written")]
pub struct NextLink {
    place: Place,
    absent: Absent,
    empty_pages: u64,
}

#[derive(Debug, Clone)]
enum Place {
    Body(Path),
    Header(String),
}

/// What it means that an answer has no place for the link at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Absent {
    /// The pages end.
    #[default]
    End,
    /// The answer is not what it should be; the last page says null.
    Fail,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Where in the body the link stands; null, empty text or false end the pages. This or `header`.
    path: Option<Path>,
    /// The relation in the header `Link` that leads on, as a rule `next`. This or `path`.
    header: Option<String>,
    /// What it means that there is nothing at `path`, not even null.
    #[serde(default)]
    absent: Absent,
    /// How many pages without records may follow each other before the walk is stopped as a loop.
    #[serde(default = "some_empty_pages")]
    empty_pages: u64,
}

fn some_empty_pages() -> u64 {
    5
}

impl TryFrom<Written> for NextLink {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let place = match (written.path, written.header) {
            (Some(path), None) => Place::Body(path),
            (None, Some(_)) if written.absent == Absent::Fail => {
                return Err(
                    "`absent: fail` needs a `path`; the last page has no link in a header"
                        .to_owned(),
                );
            }
            (None, Some(relation)) => Place::Header(relation),
            (None, None) => {
                return Err(
                    "neither `path` nor `header` is set; say where the link stands".to_owned(),
                );
            }
            (Some(_), Some(_)) => {
                return Err("both `path` and `header` are set; keep one".to_owned());
            }
        };
        Ok(NextLink {
            place,
            absent: written.absent,
            empty_pages: written.empty_pages,
        })
    }
}

impl NextLink {
    /// Where in the body the link stands, if it does.
    pub fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Body(path) => Some(path),
            Place::Header(_) => None,
        }
    }

    /// The relation in the header `Link` that leads on, if it stands there.
    pub fn relation(&self) -> Option<&str> {
        match &self.place {
            Place::Body(_) => None,
            Place::Header(relation) => Some(relation),
        }
    }

    pub(super) fn empty_pages(&self) -> u64 {
        self.empty_pages
    }

    pub(super) fn after(
        &self,
        facts: &Facts<'_>,
        base: &Url,
        credential: Option<&str>,
    ) -> Result<Option<Position>, Fault> {
        let Some(link) = self.link(facts)? else {
            return Ok(None);
        };
        let mut next = joined(facts.asked, base, &link)?;
        if let Some(parameter) = credential {
            crate::request::drop_query(&mut next, parameter);
        }
        next.set_fragment(None);
        let link = next[url::Position::BeforePath..].to_owned();
        if link.len() > LONGEST {
            return Err(Fault::rejected(format!(
                "the next link is {} characters long; {LONGEST} are carried at most",
                link.len()
            )));
        }
        Ok(Some(Position::Link(link)))
    }

    fn link(&self, facts: &Facts<'_>) -> Result<Option<String>, Fault> {
        let path = match &self.place {
            Place::Header(relation) => {
                let mut links = facts.headers_named("link").flat_map(links);
                let next = links.find(|(_, relations)| has_relation(relations, relation));
                return Ok(next.map(|(link, _)| link));
            }
            Place::Body(path) => path,
        };
        let raw = match facts.raw_at(path) {
            Some(raw) => raw,
            None if self.absent == Absent::End => return Ok(None),
            None => {
                return Err(Fault::rejected(format!(
                    "the answer has nothing at `{path}`, not even null, where the next link should be"
                )));
            }
        };
        if matches!(raw, "null" | "false" | "\"\"") {
            return Ok(None);
        }
        let link = serde_json::from_str(raw).map_err(|_| {
            Fault::rejected(format!(
                "the answer has no text at `{path}`, where the next link should be"
            ))
        })?;
        Ok(Some(link))
    }
}

/// The address a link leads to; another origin than the source's is refused before anything is sent.
pub(super) fn joined(asked: &Url, base: &Url, link: &str) -> Result<Url, Fault> {
    let next = asked
        .join(link)
        .map_err(|_| Fault::rejected("the next link is not an address"))?;
    let named = !next.username().is_empty() || next.password().is_some();
    if named || next.origin() != base.origin() {
        return Err(Fault::rejected(format!(
            "the next link leads to another origin, {}, than the source, {}; nothing was sent there",
            next.origin().ascii_serialization(),
            base.origin().ascii_serialization()
        )));
    }
    Ok(next)
}

/// The links of one `Link` header with the values of their `rel`, as RFC 8288 writes them.
fn links(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((link, parameters)) = after.split_once('>') else {
            return found;
        };
        let (relations, after) = relations(parameters);
        found.push((link.trim().to_owned(), relations));
        rest = after;
    }
    found
}

/// The value of `rel` among the parameters of one link, and what follows after its comma.
fn relations(text: &str) -> (String, &str) {
    let mut relations = None;
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(after) = rest.strip_prefix(';') else {
            return (relations.unwrap_or_default(), rest);
        };
        let end = after.find(['=', ';', ',']).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            Some(value) => parameter_value(value.trim_start()),
            None => (String::new(), after),
        };
        if name.trim().eq_ignore_ascii_case("rel") {
            // Only the first `rel` of a link counts.
            relations.get_or_insert(value);
        }
        rest = after;
    }
}

fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, after) = text.split_at(end);
        return (value.trim().to_owned(), after);
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => {
                escaped = true;
                continue;
            }
            '"' => return (value, &quoted[at + 1..]),
            _ => {}
        }
        value.push(c);
    }
    (value, "")
}

fn has_relation(relations: &str, wanted: &str) -> bool {
    let mut names = relations.split_ascii_whitespace();
    names.any(|name| name.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_link_header_is_read_as_it_may_be_written() {
        let next = |header: &str| {
            let mut links = links(header).into_iter();
            links
                .find(|(_, rel)| has_relation(rel, "next"))
                .map(|(link, _)| link)
        };
        for (header, link) in [
            (r#"<https://a/?p=2>; rel="next""#, Some("https://a/?p=2")),
            (
                r#"<https://a/?p=1>; rel="prev", <https://a/?p=3>; rel="next""#,
                Some("https://a/?p=3"),
            ),
            ("</b?a=1,2;3>;rel=next", Some("/b?a=1,2;3")),
            (r#"<b>; title="x, <c>; rel=\"next\""; rel="last""#, None),
            (r#"<b>; title="x, <c>"; REL="prev Next"; type=a"#, Some("b")),
            (r#"<b>; rel=last; rel=next, <c>; rel=next"#, Some("c")),
            ("<b>", None),
            ("<b", None),
            ("b; rel=next", None),
            ("", None),
        ] {
            assert_eq!(next(header).as_deref(), link, "{header}");
        }
    }

    #[test]
    fn a_link_to_another_origin_is_refused_however_it_is_spelt() {
        let base = Url::parse("https://api.example/v1").expect("a url");
        let asked = Url::parse("https://api.example/v1/things?page=1").expect("a url");
        for link in [
            "https://evil.example/v1/things",
            "//evil.example/x",
            "/\\evil.example/x",
            "\\\\evil.example/x",
            "https:\\\\evil.example",
            "https:////evil.example",
            "http://api.example/v1/things",
            "https://api.example:8443/v1",
            "https://api.example./v1",
            "https://api.example.evil.example/",
            "https://api.example@evil.example/",
            "https://user@api.example/v1",
            "https://user:pass@api.example/v1",
            "https://xn--pi-wia.example/",
            "https://\u{430}pi.example/",
            "ftp://api.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "data:,x",
            "\thttps://evil.example",
            "ht\ntps://evil.example",
        ] {
            let refused = joined(&asked, &base, link);
            assert!(refused.is_err(), "{link} gave {refused:?}");
        }
        for (link, address) in [
            ("?page=2", "https://api.example/v1/things?page=2"),
            ("/v2/x", "https://api.example/v2/x"),
            (
                "HTTPS://API.example:443/v1?c=%2F%3D",
                "https://api.example/v1?c=%2F%3D",
            ),
            (
                "https://api.example/v1/things?cursor=a%3D%3D",
                "https://api.example/v1/things?cursor=a%3D%3D",
            ),
        ] {
            assert_eq!(joined(&asked, &base, link).expect(link).as_str(), address);
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(header in "[<>;,=\"\\\\ a-zé]{0,60}") {
            links(&header);
        }
    }
}
