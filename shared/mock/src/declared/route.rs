//! Which resource a request asks for, and what stands in the places that its definition leaves open.

use indexmap::IndexMap;
use pipeline::name::Name;
use pipeline::number::Values;
use pipeline::paginate::{Paginate, Parameter};
use pipeline::path::Path;
use pipeline::resource::{
    Ask, BodyTemplate, JsonTemplate, Parameter as Queried, ResourceDefinition,
};
use pipeline::template::Template;
use serde_json::Value;

use super::received::{Received, text};

/// Where a request leads.
#[derive(Debug)]
pub(super) enum Route<'d> {
    /// To a resource, with what stands in its open places.
    To(&'d Name, &'d ResourceDefinition, Values),
    /// To a resource's path, but not as the resource is asked for.
    Wrong(String),
    /// To nothing that is declared.
    Nowhere,
}

/// The resource of a request; of several that it could be, the one whose definition says the most of it.
pub(super) fn route<'d>(
    resources: &'d IndexMap<Name, ResourceDefinition>,
    below: &str,
    received: &Received,
    known: &Values,
) -> Route<'d> {
    let mut best: Option<(usize, &Name, &ResourceDefinition, Values)> = None;
    let mut wrong = None;
    for (name, resource) in resources {
        let mut fit = Fit::new(received, known, &resource.paginate);
        if !fit.path(&resource.path.value.to_string(), below) {
            continue;
        }
        match fit.all(resource) {
            Err(why) => wrong = Some(format!("not as `{name}` is declared: {why}")),
            Ok(()) if best.as_ref().is_some_and(|best| best.0 >= fit.score) => {}
            Ok(()) => best = Some((fit.score, name, resource, fit.found)),
        }
    }
    match (best, wrong) {
        (Some((_, name, resource, values)), _) => Route::To(name, resource, values),
        (None, Some(why)) => Route::Wrong(why),
        (None, None) => Route::Nowhere,
    }
}

/// A comparison of one request with one resource.
struct Fit<'r> {
    received: &'r Received,
    known: &'r Values,
    /// What pages put into the request themselves.
    of_pages: Vec<&'r Parameter>,
    found: Values,
    score: usize,
}

impl<'r> Fit<'r> {
    fn new(received: &'r Received, known: &'r Values, paginate: &'r Paginate) -> Self {
        Fit {
            received,
            known,
            of_pages: parameters(paginate),
            found: Values::new(),
            score: 0,
        }
    }

    fn path(&mut self, template: &str, below: &str) -> bool {
        let ours: Vec<&str> = template.trim_end_matches('/').split('/').collect();
        let theirs: Vec<&str> = below.trim_end_matches('/').split('/').collect();
        ours.len() == theirs.len()
            && ours.iter().zip(theirs).all(|(ours, theirs)| {
                let theirs = decoded(theirs);
                let template = Template::try_from((*ours).to_owned());
                template.is_ok_and(|template| self.text(&template, &theirs))
            })
    }

    fn all(&mut self, resource: &ResourceDefinition) -> Result<(), String> {
        let method = match resource.method {
            Ask::Get => "GET",
            Ask::Post | Ask::PostRepeatable => "POST",
        };
        if self.received.method != method {
            return Err(format!("the method is {method}"));
        }
        for (name, parameter) in &resource.query {
            let values = self.received.query(name);
            let of_page =
                |place: &&Parameter| matches!(place, Parameter::Query(own) if own == name);
            let free = self.of_pages.iter().any(of_page);
            if !self.values(parameter, &values) && !free {
                return Err(format!(
                    "the parameter `{name}` of the query is wrong or missing"
                ));
            }
        }
        match resource.body.as_ref().map(|body| &body.value) {
            None => Ok(()),
            Some(BodyTemplate::Form(form)) => self.form(form),
            Some(BodyTemplate::Json(template)) => {
                let body = self.received.json().ok_or("the body is not JSON")?;
                match self.json(template, &body, "$") {
                    true => Ok(()),
                    false => Err("the body is another".to_owned()),
                }
            }
        }
    }

    fn form(&mut self, form: &IndexMap<String, Queried>) -> Result<(), String> {
        let pairs = self.received.form().ok_or("the body is no form")?;
        for (name, parameter) in form {
            let named = pairs.iter().filter(|(known, _)| known == name);
            let values: Vec<String> = named.map(|(_, value)| value.clone()).collect();
            if !self.values(parameter, &values) && !self.is_of_pages(&Path::of_key(name)) {
                return Err(format!(
                    "the field `{name}` of the form is wrong or missing"
                ));
            }
        }
        Ok(())
    }

    fn is_of_pages(&self, path: &Path) -> bool {
        let mut places = self.of_pages.iter();
        places.any(|place| matches!(place, Parameter::Body(own) if own == path))
    }

    fn values(&mut self, parameter: &Queried, values: &[String]) -> bool {
        let templates = match parameter {
            Queried::One(template) => std::slice::from_ref(template),
            Queried::Many(templates) => templates.as_slice(),
            Queried::Perhaps(perhaps) => {
                let value = values.first().unwrap_or(&perhaps.unless);
                return values.len() <= 1 && self.text(&perhaps.value, value);
            }
        };
        templates.len() == values.len()
            && templates
                .iter()
                .zip(values)
                .all(|(template, value)| self.text(template, value))
    }

    fn json(&mut self, template: &JsonTemplate, value: &Value, at: &str) -> bool {
        if Path::try_from(at.to_owned()).is_ok_and(|path| self.is_of_pages(&path)) {
            return true;
        }
        match (template, value) {
            (JsonTemplate::Plain(plain), value) => plain == value,
            (JsonTemplate::Text(template), Value::String(text)) => self.text(template, text),
            (JsonTemplate::List(templates), Value::Array(values)) => {
                templates.len() == values.len()
                    && templates.iter().zip(values).enumerate().all(
                        |(position, (template, value))| {
                            self.json(template, value, &format!("{at}[{position}]"))
                        },
                    )
            }
            (JsonTemplate::Object(templates), Value::Object(values)) => {
                templates.iter().all(|(key, template)| {
                    let value = values.get(key).unwrap_or(&Value::Null);
                    self.json(template, value, &format!("{at}['{key}']"))
                })
            }
            _ => false,
        }
    }

    /// Whether the template became this text; what its references then stood for is kept.
    fn text(&mut self, template: &Template, text: &str) -> bool {
        let known = |name: &str| {
            self.found
                .get(name)
                .or_else(|| self.known.get(name))
                .cloned()
        };
        let Some(read) = template.read(text, known) else {
            return false;
        };
        self.score += 1 + usize::from(read.is_empty());
        for (name, value) in read {
            self.score += usize::from(self.known.get(&name) == Some(&value));
            let before = self.found.insert(name, value.clone());
            if before.is_some_and(|before| before != value) {
                return false;
            }
        }
        true
    }
}

/// A part of a path, its escapes undone; a plus is a plus.
fn decoded(part: &str) -> String {
    let query = part
        .replace('+', "%2B")
        .replace('&', "%26")
        .replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs
        .next()
        .map(|(part, _)| part.into_owned())
        .unwrap_or_default()
}

/// The places where pages put something into a request.
fn parameters(paginate: &Paginate) -> Vec<&Parameter> {
    let (first, others) = match paginate {
        Paginate::SinglePage | Paginate::NextLink(_) => return Vec::new(),
        Paginate::PageNumber(kind) => (&kind.parameter, [kind.size_parameter.as_ref(), None]),
        Paginate::Offset(kind) => (&kind.parameter, [Some(&kind.limit_parameter), None]),
        Paginate::Cursor(kind) => (
            &kind.parameter,
            [
                kind.size_parameter.as_ref(),
                kind.first_size_parameter.as_ref(),
            ],
        ),
        Paginate::Keyset(kind) => (&kind.parameter, [kind.size_parameter.as_ref(), None]),
    };
    let others = others.into_iter().flatten();
    std::iter::once(&first.value).chain(others).collect()
}

/// What a record has at a path, as a request would write it.
pub(super) fn written(record: &Value, path: &Path) -> Option<String> {
    path.find(record).filter(|found| !found.is_null()).map(text)
}
