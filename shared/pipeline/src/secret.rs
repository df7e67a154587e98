//! Secrets: referred to by name in a definition, never printed, and taken out of any text that is.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fmt::Write as _;
use std::ops::Deref;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::{Deserialize, Deserializer};

use crate::fault::Fault;

/// The facts that are told of a place where the secret itself may stand; the place is not shown.
pub(crate) const IN_PLAIN_TEXT: [&str; 2] = [
    "a secret does not stand in a definition",
    "this is not the name of a secret",
];

/// What stands where a secret stood.
const MASK: &str = "***";

/// The name of a secret
///
/// Parts divided by `/`, as in `matrix/password`: letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"))]
pub struct SecretName(String);

impl SecretName {
    /// The environment variable that holds the secret on a laptop.
    pub fn environment_variable(&self) -> String {
        let plain = |c: char| match c {
            c if c.is_ascii_alphanumeric() => c.to_ascii_uppercase(),
            _ => '_',
        };
        let name: String = self.0.chars().map(plain).collect();
        format!("LAKEHEAD_SECRET_{name}")
    }
}

impl TryFrom<String> for SecretName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        let good_part = |part: &str| !part.is_empty() && part.chars().all(good);
        if text.len() <= 200 && text.split('/').all(good_part) {
            return Ok(SecretName(text));
        }
        // The text is not shown: who mistakes the name for the value would read it in a log.
        Err(format!(
            "{}; write its name as `pipeline/what`, never its value",
            IN_PLAIN_TEXT[1]
        ))
    }
}

impl Deref for SecretName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A reference to a secret
///
/// `{ secret: gins/api_key }`. The value comes from the environment variable
/// `LAKEHEAD_SECRET_GINS_API_KEY` or a file of such lines, never from the definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SecretRef {
    /// The name of the secret, as `pipeline/what`.
    pub secret: SecretName,
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            secret: SecretName,
        }

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = SecretRef;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a reference `{ secret: pipeline/what }`")
            }

            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
                // The text is not shown: it may well be the secret.
                Err(E::custom(format!(
                    "{}; write a reference `{{ secret: pipeline/what }}`",
                    IN_PLAIN_TEXT[0]
                )))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<SecretRef, A::Error> {
                let Written { secret } = Written::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SecretRef { secret })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// Something written plainly, or a reference to a secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrSecret<T> {
    /// Written plainly.
    Plain(T),
    /// To be looked up.
    Secret(SecretRef),
}

impl<T> OrSecret<T> {
    /// The reference, if it is one.
    pub fn secret(&self) -> Option<&SecretName> {
        match self {
            OrSecret::Plain(_) => None,
            OrSecret::Secret(reference) => Some(&reference.secret),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrSecret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<T> {
            type Value = OrSecret<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("text or `{ secret: pipeline/what }`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(StrDeserializer::new(text)).map(OrSecret::Plain)
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                map: A,
            ) -> Result<Self::Value, A::Error> {
                SecretRef::deserialize(MapAccessDeserializer::new(map)).map(OrSecret::Secret)
            }
        }

        deserializer.deserialize_any(Visitor(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OrSecret<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}OrSecret", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let plain = generator.subschema_for::<T>();
        let secret = generator.subschema_for::<SecretRef>();
        schemars::json_schema!({ "anyOf": [plain, secret] })
    }
}

/// A value that does not print: `Debug` and `Display` write `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a value into custody.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    /// The value itself: for the request it belongs to, nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

/// The secrets that a step has read, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets(BTreeMap<SecretName, Secret>);

impl Secrets {
    /// Adds one.
    pub fn insert(&mut self, name: SecretName, secret: Secret) {
        self.0.insert(name, secret);
    }

    /// The secret of that name. That it was read is the caller's duty.
    pub fn get(&self, name: &SecretName) -> Result<&Secret, Fault> {
        let found = self.0.get(name);
        found.ok_or_else(|| Fault::bug(format!("the secret `{name}` was not read before its use")))
    }
}

impl FromIterator<(SecretName, Secret)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (SecretName, Secret)>>(pairs: I) -> Self {
        Secrets(pairs.into_iter().collect())
    }
}

/// Takes known secrets out of a text, in every form in which one of our layers could have written it.
#[derive(Clone, Default)]
pub struct Redactor {
    forms: Vec<String>,
    /// The forms of what was learnt later, the oldest first.
    learnt: VecDeque<(Secret, Vec<String>)>,
}

/// How many secrets that a source gave are remembered: older ones were replaced long ago.
const REMEMBERED: usize = 64;

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let learnt = self.learnt.len();
        write!(
            formatter,
            "Redactor of {} forms, {learnt} learnt",
            self.forms.len()
        )
    }
}

impl Redactor {
    /// A redactor of these secrets.
    pub fn new(secrets: &Secrets) -> Self {
        let mut forms = BTreeSet::new();
        for secret in secrets.0.values().filter(|secret| !secret.0.is_empty()) {
            forms.extend(forms_of(&secret.0));
        }
        Redactor {
            forms: lowered(forms),
            learnt: VecDeque::new(),
        }
    }

    /// Takes out this one too from now on: a token that the source gave.
    pub fn learn(&mut self, secret: &Secret) {
        if secret.0.is_empty() || self.learnt.iter().any(|(known, _)| known == secret) {
            return;
        }
        let forms: BTreeSet<String> = forms_of(&secret.0).into_iter().collect();
        self.learnt.push_back((secret.clone(), lowered(forms)));
        if self.learnt.len() > REMEMBERED {
            self.learnt.pop_front();
        }
    }

    /// The same text with `***` for every secret. Overlapping finds are masked as one, so that no rest of a
    /// longer secret stays beside a shorter one.
    pub fn redact(&self, text: &str) -> String {
        // A host, an escape or a hexadecimal digit may come back in another case.
        let lowered = text.to_ascii_lowercase();
        let mut hidden = vec![false; text.len()];
        let learnt = self.learnt.iter().flat_map(|(_, forms)| forms);
        for form in self.forms.iter().chain(learnt) {
            let mut from = 0;
            while let Some(at) = lowered[from..].find(form.as_str()) {
                let start = from + at;
                hidden[start..start + form.len()].fill(true);
                from = start + text[start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        let mut shown = String::with_capacity(text.len());
        let mut masked = false;
        for (at, c) in text.char_indices() {
            if !hidden[at] {
                shown.push(c);
            } else if !masked {
                shown.push_str(MASK);
            }
            masked = hidden[at];
        }
        shown
    }
}

fn lowered(forms: BTreeSet<String>) -> Vec<String> {
    forms.iter().map(|form| form.to_ascii_lowercase()).collect()
}

fn forms_of(secret: &str) -> Vec<String> {
    let json = serde_json::Value::from(secret).to_string();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let percent = crate::request::encode(secret);
    let mut hex = String::new();
    for byte in secret.bytes() {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    let mut forms = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        form,
        percent,
        hex,
    ];
    forms.extend(base64_forms(secret.as_bytes()));
    forms
}

/// The secret in base64, alone and as it looks inside a longer text at each of the three alignments.
fn base64_forms(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for engine in [&STANDARD, &URL_SAFE] {
        forms.push(engine.encode(secret));
        for shift in 0..3 {
            let mut shifted = vec![0; shift];
            shifted.extend_from_slice(secret);
            let whole = shifted.len() * 8 / 6;
            let text = engine.encode(&shifted);
            let inner = text.get([0, 2, 3][shift]..whole).unwrap_or_default();
            // Below this an inner piece says less than it would hide of innocent text.
            if inner.len() >= 6 {
                forms.push(inner.to_owned());
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[&str]) -> Secrets {
        let named = |(number, value): (usize, &&str)| {
            let name = SecretName::try_from(format!("test/{number}")).expect("a name");
            (name, Secret::new(*value))
        };
        values.iter().enumerate().map(named).collect()
    }

    #[test]
    fn a_reference_names_its_variable() {
        for (name, variable) in [
            ("gins/api_key", "LAKEHEAD_SECRET_GINS_API_KEY"),
            ("a-b/c", "LAKEHEAD_SECRET_A_B_C"),
        ] {
            let name = SecretName::try_from(name.to_owned()).expect(name);
            assert_eq!(name.environment_variable(), variable);
        }
        for bad in ["", "/a", "a/", "a//b", "a b", "a=b", "a.b", "é"] {
            let refused = SecretName::try_from(bad.to_owned()).expect_err(bad);
            assert!(!refused.contains(bad) || bad.is_empty());
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        let secrets = secrets(&["hunter2"]);
        let shown = format!("{secrets:?} {:?}", Redactor::new(&secrets));
        assert!(!shown.contains("hunter2"));
        let OrSecret::Secret(reference) =
            serde_json::from_str::<OrSecret<String>>(r#"{"secret": "a/b"}"#).expect("fits")
        else {
            panic!("not a reference")
        };
        assert_eq!(&*reference.secret, "a/b");
    }

    #[test]
    fn every_written_form_of_a_secret_is_taken_out() {
        let secret = "k/y \"p+é\" tail";
        let redactor = Redactor::new(&secrets(&[secret]));
        for form in forms_of(secret) {
            let shown = redactor.redact(&format!("before {form} after"));
            assert_eq!(shown, "before *** after", "{form}");
        }
        for before in ["", "u", "us", "user"] {
            let basic = STANDARD.encode(format!("{before}:{secret}:more"));
            let shown = redactor.redact(&basic);
            assert!(shown.contains(MASK), "{basic}");
        }
    }

    #[test]
    fn overlapping_secrets_leave_no_rest() {
        let redactor = Redactor::new(&secrets(&["x", "xk", "ab", "bcdef", "aa"]));
        for (text, shown) in [
            ("1x2", "1***2"),
            ("1xk2", "1***2"),
            ("1abcdef2", "1***2"),
            ("1aaa2", "1***2"),
            ("xx", "***"),
            ("é x", "é ***"),
            ("é X", "é ***"),
        ] {
            assert_eq!(redactor.redact(text), shown);
        }
        assert_eq!(Redactor::new(&secrets(&[""])).redact("plain"), "plain");
    }

    #[test]
    fn a_token_that_was_learnt_is_taken_out_too() {
        let mut redactor = Redactor::new(&secrets(&["first"]));
        redactor.learn(&Secret::new(""));
        for number in 0..200 {
            redactor.learn(&Secret::new(format!("token-{number:03}/é")));
        }
        let shown = redactor.redact("first token-199/é TOKEN-150%2F%C3%A9 token-000/é");
        assert_eq!(shown, "*** *** *** token-000/é");
    }
}
