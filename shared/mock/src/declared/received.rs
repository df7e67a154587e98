//! A request as it came: its address, headers and content, and where a definition would look for its parameters.

use pipeline::paginate::Parameter;
use pipeline::path::{Path, Segment};
use pipeline::request::{Body, Method, Request};
use serde_json::Value;
use url::Url;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) method: String,
    /// Below the origin that is served.
    pub(super) url: Url,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Received {
    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All values of a parameter of the query.
    pub(super) fn query(&self, name: &str) -> Vec<String> {
        let pairs = self.url.query_pairs();
        let named = pairs.filter(|(known, _)| known == name);
        named.map(|(_, value)| value.into_owned()).collect()
    }

    /// The content as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The content as a form, if it is one.
    pub(super) fn form(&self) -> Option<Vec<(String, String)>> {
        self.content_type().starts_with(FORM).then(|| {
            let pairs = url::form_urlencoded::parse(&self.body);
            pairs.into_owned().collect()
        })
    }

    /// What stands where a page's parameter goes, as text.
    pub(super) fn parameter(&self, parameter: &Parameter) -> Option<String> {
        match parameter {
            Parameter::Query(name) => self.query(name).pop(),
            Parameter::Body(path) => self.in_body(path),
        }
    }

    fn in_body(&self, path: &Path) -> Option<String> {
        let Some(form) = self.form() else {
            return self.json().and_then(|body| path.find(&body).map(text));
        };
        let [Segment::Key(name)] = path.segments() else {
            return None;
        };
        let found = form.into_iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value)
    }

    /// The request as its sender made it, without credentials.
    pub(super) fn request(&self) -> Request {
        let content_type = match self.content_type() {
            text if text.starts_with(FORM) => FORM,
            _ => JSON,
        };
        let is_post = self.method == "POST";
        Request {
            method: if is_post { Method::Post } else { Method::Get },
            body: is_post.then(|| Body {
                content_type,
                bytes: self.body.clone(),
            }),
            ..Request::get(self.url.clone())
        }
    }

    fn content_type(&self) -> &str {
        self.header("content-type").unwrap_or_default()
    }
}

/// A value as a template would have written it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
