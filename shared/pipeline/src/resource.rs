//! One kind of record that a source offers: where it is, how to ask for it, where in an answer it lies.

use std::borrow::Cow;
use std::fmt;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::bookmark::Bookmark;
use crate::fault::Fault;
use crate::for_each::ForEach;
use crate::header::HeaderName;
use crate::name::Name;
use crate::number::{Values, fill};
use crate::outcome::{Outcomes, Statuses};
use crate::paginate::parameter::put;
use crate::paginate::{PageToken, Paginate};
use crate::path::{Path, Segment};
use crate::problem::Located;
use crate::request::Body;
use crate::table::reject::Tolerance;
use crate::template::Template;

mod split_window;

pub use split_window::{Span, SplitWindow};

/// One kind of record that a source offers
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResourceDefinition {
    /// What it is, for people.
    #[serde(default)]
    pub description: String,
    /// Where it is, below `base_url`: `/products/{id}`. References are encoded, so that none can lead elsewhere.
    pub path: Located<PathTemplate>,
    /// How it is asked for.
    #[serde(default)]
    pub method: Ask,
    /// Parameters of the query; a list repeats its parameter, `{ value: "{parent.status}", unless: ANY }` leaves
    /// it out where the value is `ANY`.
    #[serde(default)]
    pub query: IndexMap<String, Located<Parameter>>,
    /// Headers beside those of the source.
    #[serde(default)]
    pub headers: IndexMap<HeaderName, Located<Template>>,
    /// What a POST carries.
    pub body: Option<Located<BodyTemplate>>,
    /// How its answer is divided into pages.
    #[serde(default)]
    pub paginate: Paginate,
    /// Where in an answer its records lie; of several paths, the first that leads to something.
    #[serde(default)]
    pub records: Records,
    /// Whether a list, one object or either must lie there; a list where answers are divided into pages.
    pub form: Option<Form>,
    /// For which ids it is asked.
    #[serde(default)]
    pub for_each: ForEach,
    /// How far it was read, where a run reads on from the last one.
    pub bookmark: Option<Bookmark>,
    /// What status codes mean.
    #[serde(default)]
    pub outcomes: Outcomes,
    /// When a window is read in halves, because the source finds it too large.
    pub split_window: Option<SplitWindow>,
    /// How many pages may follow each other, instead of the limit of the source.
    pub max_pages: Option<u64>,
    /// How many of its slices in a window may fail while the run publishes what the others have: `{ at_most: 1% }`.
    /// None where nothing is said.
    pub failed_slices: Option<Located<Tolerance>>,
}

impl ResourceDefinition {
    /// Of so many of its slices, how many may fail.
    pub fn tolerated(&self, slices: u64) -> u64 {
        let tolerance = self.failed_slices.as_ref();
        tolerance.map_or(0, |tolerance| tolerance.value.at_most.most_of(slices))
    }

    /// What must lie at `records`.
    pub fn form(&self) -> Form {
        self.form.unwrap_or(match self.paginate.is_divided() {
            true => Form::List,
            false => Form::Either,
        })
    }

    /// Whether an answer is one of many that stand for themselves: nothing else is lost with it.
    pub fn is_one_of_many(&self) -> bool {
        !matches!(self.for_each, ForEach::None) && !self.paginate.is_divided()
    }

    /// Whether an answer of this status says that its page, or its window, was too large.
    pub fn is_too_large(&self, status: u16) -> bool {
        self.too_large()
            .any(|statuses| statuses.value.holds(status))
    }

    /// What statuses mean, those of too large pages being answers.
    pub fn outcomes_with_too_large(&self) -> Outcomes {
        let mut outcomes = self.outcomes.clone();
        outcomes.ok.extend(self.too_large().cloned());
        outcomes
    }

    fn too_large(&self) -> impl Iterator<Item = &Located<Statuses>> {
        let windows = self.split_window.iter().flat_map(|rule| &rule.on);
        self.paginate.too_large().iter().chain(windows)
    }

    /// What is asked for instead of a page that the source found too large: a smaller page, or the halves of
    /// the window that `span` says.
    pub fn relieved(
        &self,
        token: &PageToken,
        values: &Values,
        status: u16,
        span: Span,
    ) -> Result<Relief, Fault> {
        let says = |on: &[Located<Statuses>]| on.iter().any(|statuses| statuses.holds(status));
        if says(self.paginate.too_large())
            && let Some(smaller) = self.paginate.smaller(token, values)?
        {
            return Ok(Relief::Page(smaller));
        }
        let Some(rule) = self.split_window.as_ref().filter(|rule| says(&rule.on)) else {
            return self.shrunk(token, values, status).map(Relief::Page);
        };
        if token.ordinal() > 0 {
            return Err(Fault::rejected(format!(
                "the source answered {status}, too large, in the middle of a window, whose first pages are stored; read shorter windows"
            )));
        }
        let halves = rule.halves(span).ok_or_else(|| {
            Fault::rejected(format!(
                "the source answered {status}, too large, and the window may not be shorter than the {} s asked for",
                span.to - span.from
            ))
        })?;
        Ok(Relief::Halves(halves.0, halves.1))
    }

    /// The same page with fewer records, where the source found it too large.
    pub fn shrunk(
        &self,
        token: &PageToken,
        values: &Values,
        status: u16,
    ) -> Result<PageToken, Fault> {
        let smaller = self.paginate.smaller(token, values)?;
        smaller.ok_or_else(|| {
            Fault::rejected(format!(
                "the source answered {status}, too large, and no smaller page may be asked for"
            ))
        })
    }

    /// The names that its templates may use besides those known everywhere: its parents' values and theirs.
    pub fn names(&self, resources: &IndexMap<Name, ResourceDefinition>) -> Vec<String> {
        let mut names = self.for_each.names();
        names.extend(self.bookmark.iter().flat_map(Bookmark::names));
        let mut ahead = match &self.for_each {
            ForEach::Parents(_) => self.for_each.parents(),
            _ => Vec::new(),
        };
        let mut met = Vec::new();
        while let Some(parent) = ahead.pop() {
            let Some(resource) = resources.get(parent).filter(|_| !met.contains(&parent)) else {
                continue;
            };
            met.push(parent);
            if let ForEach::Parents(_) = resource.for_each {
                names.extend(resource.for_each.names());
                ahead.extend(resource.for_each.parents());
            }
        }
        let mut met = std::collections::HashSet::new();
        names.retain(|name| met.insert(name.clone()));
        names
    }

    /// Every template, with its place.
    pub(crate) fn templates(&self) -> Vec<(crate::problem::Location, &Template)> {
        let mut templates = vec![(self.path.at, &self.path.0)];
        for parameter in self.query.values() {
            let found = parameter.value.templates();
            templates.extend(found.into_iter().map(|template| (parameter.at, template)));
        }
        templates.extend(self.headers.values().map(|value| (value.at, &value.value)));
        if let Some(body) = &self.body {
            let found = body.value.templates();
            templates.extend(found.into_iter().map(|template| (body.at, template)));
        }
        templates
    }
}

/// What is asked for instead of what the source found too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relief {
    /// The same page with fewer records.
    Page(PageToken),
    /// Two halves of the window, one after the other.
    Halves(Span, Span),
}

/// How a resource is asked for
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// GET.
    #[default]
    Get,
    /// POST, sent once: a failure of the network fails the step.
    Post,
    /// POST that only reads, so that it may be tried again.
    PostRepeatable,
}

/// A path below `base_url`
///
/// Begins with `/` or is empty; references stand for one part each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String", extend("pattern" = "^(/[^?#\\\\]*)?$"))]
pub struct PathTemplate(Template);

impl PathTemplate {
    /// The path with every reference encoded as a part, or part of a part, of it.
    pub fn fill(&self, values: &Values) -> Result<String, Fault> {
        let known = |name: &str| values.get(name).cloned();
        let filled = self.0.fill_with(known, crate::request::encode);
        let filled =
            filled.map_err(|unfilled| Fault::bad_definition(format!("path: {unfilled}")))?;
        // Encoding leaves dots, and an empty value leaves a hole.
        let parts = filled.split('/').skip(1);
        let last = parts.clone().count().saturating_sub(1);
        for (position, part) in parts.enumerate() {
            let hole = part.is_empty() && (position < last || self.0.references().next().is_some());
            let trailing = self.0.to_string().ends_with('/') && position == last;
            if is_dots(part) || (hole && !trailing) {
                return Err(Fault::bad_definition(format!(
                    "the path `{}` became `{filled}`, which leads elsewhere; correct the value",
                    self.0
                )));
            }
        }
        Ok(filled)
    }
}

impl PathTemplate {
    /// The path as a template.
    pub fn template(&self) -> &Template {
        &self.0
    }
}

impl TryFrom<String> for PathTemplate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(format!(
                "the path `{text}` does not begin with `/`; it lies below `base_url`"
            ));
        }
        if text.contains(['?', '#', '\\'])
            || text.chars().any(|c| c.is_whitespace() || c.is_control())
        {
            return Err(format!(
                "the path `{text}` has a character that ends it; put parameters under `query`"
            ));
        }
        if text.contains("//") || text.split('/').any(is_dots) {
            return Err(format!(
                "the path `{text}` has an empty part, `.` or `..`; write where it leads"
            ));
        }
        Template::try_from(text).map(PathTemplate)
    }
}

impl fmt::Display for PathTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

fn is_dots(part: &str) -> bool {
    let plain = part.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

/// What a parameter of the query holds: text, a number, true or false, a list of these, or a value and when to
/// leave the parameter out
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// One value.
    One(Template),
    /// The parameter once for each.
    Many(Vec<Template>),
    /// One value, or no parameter at all.
    Perhaps(Perhaps),
}

/// A value, and the one at which the parameter is left out: `{ value: "{parent.status}", unless: ANY }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Perhaps {
    /// The value.
    pub value: Template,
    /// Where the value is this text, the parameter is left out; where nothing is said, an empty one is.
    #[serde(default)]
    pub unless: String,
}

impl Parameter {
    fn templates(&self) -> Vec<&Template> {
        match self {
            Parameter::One(template) => vec![template],
            Parameter::Many(templates) => templates.iter().collect(),
            Parameter::Perhaps(perhaps) => vec![&perhaps.value],
        }
    }

    /// Its values.
    pub fn fill(&self, values: &Values, name: &str) -> Result<Vec<String>, Fault> {
        let what = format!("query parameter `{name}`");
        let templates = self.templates().into_iter();
        let mut filled: Vec<String> = templates
            .map(|template| fill(template, values, &what))
            .collect::<Result<_, _>>()?;
        if let Parameter::Perhaps(perhaps) = self {
            filled.retain(|value| *value != perhaps.unless);
        }
        Ok(filled)
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Parameter;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(
                    "text, a whole number, true or false, a list of these, or `{ value: …, unless: … }`",
                )
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<Parameter, A::Error> {
                Perhaps::deserialize(MapAccessDeserializer::new(map)).map(Parameter::Perhaps)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Parameter, E> {
                template(text).map(Parameter::One)
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Parameter, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Parameter, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Parameter, E> {
                self.visit_str(if value { "true" } else { "false" })
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut list: A,
            ) -> Result<Parameter, A::Error> {
                let mut many = Vec::new();
                while let Some(parameter) = list.next_element::<Parameter>()? {
                    match parameter {
                        Parameter::One(template) => many.push(template),
                        Parameter::Many(_) | Parameter::Perhaps(_) => {
                            return Err(serde::de::Error::custom(
                                "a list holds plain values; write one list of them",
                            ));
                        }
                    }
                }
                Ok(Parameter::Many(many))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Parameter {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Parameter".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = ["string", "integer", "boolean"];
        let perhaps = generator.subschema_for::<Perhaps>();
        schemars::json_schema!({
            "anyOf": [{ "type": one }, { "type": "array", "items": { "type": one } }, perhaps],
        })
    }
}

fn template<E: serde::de::Error>(text: &str) -> Result<Template, E> {
    Template::try_from(text.to_owned()).map_err(E::custom)
}

/// What a POST carries
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum BodyTemplate {
    /// A JSON value; references in its texts are filled.
    Json(JsonTemplate),
    /// A form.
    Form(IndexMap<String, Parameter>),
}

impl BodyTemplate {
    fn templates(&self) -> Vec<&Template> {
        match self {
            BodyTemplate::Json(json) => json.templates(),
            BodyTemplate::Form(form) => form.values().flat_map(Parameter::templates).collect(),
        }
    }

    /// The body, given the values.
    pub fn fill(&self, values: &Values) -> Result<Body, Fault> {
        self.fill_with(values, &[])
    }

    /// The body, given the values and what a page adds to it.
    pub fn fill_with(&self, values: &Values, added: &[(Path, Value)]) -> Result<Body, Fault> {
        match self {
            BodyTemplate::Json(json) => {
                let mut json = json.fill(values)?;
                for (path, value) in added {
                    put(&mut json, path, value.clone())?;
                }
                Ok(Body {
                    content_type: "application/json",
                    bytes: json.to_string().into_bytes(),
                })
            }
            BodyTemplate::Form(form) => {
                let mut pairs = url::form_urlencoded::Serializer::new(String::new());
                let added = added
                    .iter()
                    .map(|(path, value)| form_field(path, value))
                    .collect::<Result<Vec<_>, _>>()?;
                let replaced = |name: &str| added.iter().any(|(added, _)| added == name);
                for (name, parameter) in form.iter().filter(|(name, _)| !replaced(name)) {
                    for value in parameter.fill(values, name)? {
                        pairs.append_pair(name, &value);
                    }
                }
                pairs.extend_pairs(&added);
                Ok(Body {
                    content_type: "application/x-www-form-urlencoded",
                    bytes: pairs.finish().into_bytes(),
                })
            }
        }
    }
}

/// A place of one step in a body is a field of a form.
fn form_field(path: &Path, value: &Value) -> Result<(String, String), Fault> {
    let [Segment::Key(name)] = path.segments() else {
        return Err(Fault::bad_definition(format!(
            "a form has no place for `{path}`; write one step, such as `$.page`"
        )));
    };
    let text = match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    Ok((name.clone(), text))
}

/// A JSON value whose texts may hold references
#[derive(Debug, Clone)]
pub enum JsonTemplate {
    /// Nothing to fill.
    Plain(Value),
    /// Text.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(IndexMap<String, JsonTemplate>),
}

impl JsonTemplate {
    fn templates(&self) -> Vec<&Template> {
        match self {
            JsonTemplate::Plain(_) => Vec::new(),
            JsonTemplate::Text(template) => vec![template],
            JsonTemplate::List(items) => items.iter().flat_map(Self::templates).collect(),
            JsonTemplate::Object(entries) => entries.values().flat_map(Self::templates).collect(),
        }
    }

    fn fill(&self, values: &Values) -> Result<Value, Fault> {
        Ok(match self {
            JsonTemplate::Plain(value) => value.clone(),
            JsonTemplate::Text(template) => fill(template, values, "body")?.into(),
            JsonTemplate::List(items) => {
                let items = items.iter().map(|item| item.fill(values));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            JsonTemplate::Object(entries) => {
                let entries = entries.iter();
                let filled = entries.map(|(key, item)| Ok((key.clone(), item.fill(values)?)));
                Value::Object(filled.collect::<Result<Map<_, _>, Fault>>()?)
            }
        })
    }
}

impl<'de> Deserialize<'de> for JsonTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = JsonTemplate;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON value")
            }

            fn visit_unit<E>(self) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Plain(Value::Null))
            }

            fn visit_bool<E>(self, value: bool) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Plain(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Plain(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<JsonTemplate, E> {
                Ok(JsonTemplate::Plain(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<JsonTemplate, E> {
                match serde_json::Number::from_f64(value) {
                    Some(number) => Ok(JsonTemplate::Plain(number.into())),
                    None => Err(E::custom("JSON has no such number; write it as text")),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<JsonTemplate, E> {
                template(text).map(JsonTemplate::Text)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                list: A,
            ) -> Result<JsonTemplate, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(JsonTemplate::List)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<JsonTemplate, A::Error> {
                IndexMap::deserialize(MapAccessDeserializer::new(map)).map(JsonTemplate::Object)
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for JsonTemplate {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "JsonTemplate".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// Where in an answer the records lie: a path, or several of which the first that leads to something counts
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Records {
    paths: Vec<Path>,
}

impl Records {
    /// These candidates, in order.
    pub fn new(paths: Vec<Path>) -> Self {
        Records { paths }
    }

    /// The candidates, in order.
    pub fn paths(&self) -> &[Path] {
        &self.paths
    }
}

impl Default for Records {
    /// The whole answer.
    fn default() -> Self {
        Records::new(vec![Path::root()])
    }
}

impl fmt::Display for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths: Vec<String> = self.paths.iter().map(|path| format!("`{path}`")).collect();
        formatter.write_str(&paths.join(" or "))
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Records;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path such as `$.data`, or a list of paths")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Records, E> {
                let path = Path::try_from(text.to_owned()).map_err(E::custom)?;
                Ok(Records::new(vec![path]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, list: A) -> Result<Records, A::Error> {
                let paths = Vec::<Path>::deserialize(SeqAccessDeserializer::new(list))?;
                match paths.is_empty() {
                    true => Err(serde::de::Error::custom(
                        "no path; name one, or `$` for the whole answer",
                    )),
                    false => Ok(Records::new(paths)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Records {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Records".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let path = generator.subschema_for::<Path>();
        schemars::json_schema!({
            "description": "A path, or several of which the first that leads to something counts",
            "anyOf": [path.clone(), { "type": "array", "items": path, "minItems": 1 }],
        })
    }
}

/// What must lie where the records are
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// A list of records.
    List,
    /// One record.
    Object,
    /// Either.
    Either,
}

impl Form {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Form::List => "a list",
            Form::Object => "one object",
            Form::Either => "a list or one object",
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn path(text: &str) -> PathTemplate {
        PathTemplate::try_from(text.to_owned()).expect(text)
    }

    #[test]
    fn a_value_cannot_lead_out_of_its_part_of_the_path() {
        for (template, id, filled) in [
            ("/p/{id}", "7", Some("/p/7")),
            ("/p/{id}", "a b/c", Some("/p/a%20b%2Fc")),
            ("/p/{id}", "../x", Some("/p/..%2Fx")),
            ("/p/{id}", "%2e%2e", Some("/p/%252e%252e")),
            ("/p/{id}", "a?b#c\\d", Some("/p/a%3Fb%23c%5Cd")),
            ("/p/{id}.json", ".", Some("/p/..json")),
            ("/p/{id}/", "7", Some("/p/7/")),
            ("", "7", Some("")),
            ("/p/{id}", "..", None),
            ("/p/{id}", ".", None),
            ("/p/.{id}", ".", None),
            ("/p/{id}/x", "", None),
            ("/p/{id}", "", None),
        ] {
            let values = Values::from([("id".into(), id.into())]);
            assert_eq!(
                path(template).fill(&values).ok().as_deref(),
                filled,
                "{template} {id}"
            );
        }
        for bad in [
            "p",
            "/p?a=1",
            "/p#a",
            "/p\\a",
            "/p /a",
            "/p//a",
            "/../a",
            "/a/./b",
            "/%2e%2E/a",
            "/a/.%2e",
            "/{",
        ] {
            assert!(PathTemplate::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_id_the_address_keeps_its_shape(id in "\\PC{1,12}|[./%\\\\2eE]{1,6}") {
            let values = Values::from([("id".into(), id.clone())]);
            if let Ok(filled) = path("/v2/products/{id}/end").fill(&values) {
                let address = Url::parse(&format!("https://api.example/base{filled}")).expect("a url");
                prop_assert_eq!(address.host_str(), Some("api.example"));
                prop_assert_eq!(address.path(), format!("/base{filled}"));
                let parts: Vec<&str> = address.path().split('/').collect();
                prop_assert_eq!(parts.len(), 6);
                prop_assert_eq!((parts[1], parts[3], parts[5]), ("base", "products", "end"));
                prop_assert!(address.query().is_none() && address.fragment().is_none());
            }
        }
    }

    #[test]
    fn a_parameter_is_left_out_where_its_value_says_so() {
        let values = Values::from([
            ("any".into(), "ANY".into()),
            ("one".into(), "CANCELLED".into()),
            ("none".into(), String::new()),
        ]);
        for (yaml, filled) in [
            ("{ value: '{any}', unless: ANY }", &[][..]),
            ("{ value: '{one}', unless: ANY }", &["CANCELLED"]),
            ("{ value: '{none}', unless: ANY }", &[""]),
            ("{ value: '{none}' }", &[]),
            ("{ value: '{any}' }", &["ANY"]),
        ] {
            let parameter: Parameter = crate::decode::decode(yaml).value.expect(yaml);
            assert_eq!(
                parameter.fill(&values, "status").expect(yaml),
                filled,
                "{yaml}"
            );
        }
    }

    #[test]
    fn a_body_is_filled_without_changing_its_shape() {
        let text = "json: { from: '{day}', deep: [1, 1.5, true, null, { id: '{id}' }] }";
        let body: BodyTemplate = crate::decode::decode(text).value.expect("decodes");
        let values = Values::from([
            ("day".into(), "2026-11-20".into()),
            ("id".into(), "\"}".into()),
        ]);
        let json = String::from_utf8(body.fill(&values).expect("fills").bytes).expect("text");
        assert_eq!(
            json,
            r#"{"from":"2026-11-20","deep":[1,1.5,true,null,{"id":"\"}"}]}"#
        );
        let form: BodyTemplate = crate::decode::decode("form: { a: '{id}', b: [1, true] }")
            .value
            .expect("decodes");
        let form = String::from_utf8(form.fill(&values).expect("fills").bytes).expect("text");
        assert_eq!(form, "a=%22%7D&b=1&b=true");
    }
}
