//! Hawk: each request is signed with a key that never travels, and the source signs its answers with it too.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::fields::{self, Text};
use super::mac::{hmac, is_hmac};
use super::{Material, Moment};
use crate::fault::Fault;
use crate::problem::{Located, Problems};
use crate::request::{Answer, Request};
use crate::secret::{SecretName, SecretRef};

/// Hawk: a code over method, address and content, under a key that never travels
///
/// `{ id: { secret: datahub/hawk_id }, key: { secret: datahub/hawk_key } }`. Each request, repeats too, is signed
/// with a time and a nonce of its own. An answer of 2xx must be signed by the source: one that is not ends the
/// run, and nothing more is sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hawk {
    /// The name of the key: text, or a reference to a secret.
    id: Located<Text>,
    /// The key, as a reference to a secret.
    key: SecretRef,
    /// Whether a request's content is signed too; of a GET that is nothing, sent with an empty content type.
    #[serde(default = "yes")]
    payload_hash: bool,
    /// Whether answers must be signed. Without, nothing tells an answer of the source from another's.
    #[serde(default = "yes")]
    verify: bool,
    /// The scheme that the source sees, where encryption ends before it.
    sign_as: Option<SignAs>,
    /// Text that is signed and sent with each request.
    ext: Option<String>,
    /// The application's name, where the key was given to one.
    app: Option<String>,
    /// Who gave it the key.
    dlg: Option<String>,
}

/// The scheme of the signed address
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignAs {
    /// Unencrypted, on port 80 where the address names none.
    Http,
    /// Encrypted, on port 443 where the address names none.
    Https,
}

fn yes() -> bool {
    true
}

impl Hawk {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        self.id
            .secret()
            .into_iter()
            .chain([&self.key.secret])
            .collect()
    }

    pub(super) fn references(&self) -> Vec<String> {
        let template = fields::plain(&self.id).into_iter();
        let references = template.flat_map(|template| template.references());
        references.map(str::to_owned).collect()
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        if let Some(template) = fields::plain(&self.id) {
            crate::source::check_references(self.id.at, template, known, problems);
        }
        let texts = [("ext", &self.ext), ("app", &self.app), ("dlg", &self.dlg)];
        for (name, text) in texts {
            let broken = |c: char| c == '"' || c == '\\' || !(c == ' ' || c.is_ascii_graphic());
            if text.as_ref().is_some_and(|text| text.contains(broken)) {
                problems.add_with(
                    self.id.at,
                    format!("`{name}` has a character that a Hawk header cannot carry"),
                    "use plain letters, digits and signs, without quotes and backslashes",
                );
            }
        }
        if self.dlg.is_some() && self.app.is_none() {
            problems.add_with(
                self.id.at,
                "`dlg` is set without `app`",
                "name the application too, or leave `dlg` out",
            );
        }
    }

    pub(super) fn apply(
        &self,
        request: Request,
        material: &Material<'_>,
    ) -> Result<Request, Fault> {
        let id = fields::text(&self.id, material, "id of `hawk`")?;
        if id.contains(['"', '\\']) {
            return Err(Fault::bad_definition(
                "the id of `hawk` holds a quote or a backslash, which its header cannot carry",
            ));
        }
        let mut request = request;
        if self.payload_hash && content_type(&request).is_none() {
            // Said, or else what lies between may put another one in and void the signature.
            let nothing = ("content-type".to_owned(), String::new());
            request.headers.push(nothing);
        }
        let hash = self.payload_hash.then(|| {
            let content = request.body.as_ref().map_or(&b""[..], |body| &body.bytes);
            payload_hash(content_type(&request).unwrap_or_default(), content)
        });
        let Moment { now, nonce } = material.moment;
        let text = self.normal(
            "header",
            &request,
            material.moment,
            hash.as_deref(),
            self.ext.as_deref(),
        );
        let key = material.secrets.get(&self.key.secret)?;
        let mac = STANDARD.encode(hmac(key.expose().as_bytes(), text.as_bytes()));
        let mut value = format!(
            "Hawk id=\"{id}\", ts=\"{}\", nonce=\"{nonce}\"",
            now.as_second()
        );
        let more = [
            ("hash", hash.as_ref()),
            ("ext", self.ext.as_ref()),
            ("mac", Some(&mac)),
            ("app", self.app.as_ref()),
            ("dlg", self.dlg.as_ref()),
        ];
        for (name, text) in more {
            if let Some(text) = text {
                value += &format!(", {name}=\"{text}\"");
            }
        }
        Ok(request.with(super::header("authorization", value, &self.key.secret)?))
    }

    /// The header by which the source signs its answer to a request, for who plays the source.
    pub(super) fn seal(
        &self,
        signed: &Request,
        content_type: &str,
        content: &[u8],
        material: &Material<'_>,
    ) -> Result<String, Fault> {
        let hash = payload_hash(content_type, content);
        let text = self.normal("response", signed, material.moment, Some(&hash), None);
        let key = material.secrets.get(&self.key.secret)?;
        let mac = STANDARD.encode(hmac(key.expose().as_bytes(), text.as_bytes()));
        Ok(format!("Hawk mac=\"{mac}\", hash=\"{hash}\""))
    }

    /// When a request was signed, and with which nonce, by its header `Authorization`.
    pub(super) fn signed_at(header: &str) -> Option<Moment> {
        let attributes = attributes(header)?;
        let ts = attributes.get("ts")?.parse().ok()?;
        Some(Moment {
            now: Timestamp::from_second(ts).ok()?,
            nonce: (*attributes.get("nonce")?).to_owned(),
        })
    }

    /// Refuses an answer that the holder of the key did not sign for this very request.
    pub(super) fn verify(
        &self,
        signed: &Request,
        answer: &Answer,
        material: &Material<'_>,
    ) -> Result<(), Fault> {
        let header = answer.header("server-authorization");
        let is_good = (200..300).contains(&answer.status);
        let header = match (self.verify, header) {
            (true, Some(header)) => header,
            (_, None) if answer.status == 401 => return self.check_clock(answer, material),
            // Refusals come from before the key is known, so nobody signs them.
            (true, None) if is_good => return Err(unsigned("it is not signed at all")),
            _ => return Ok(()),
        };
        let attributes =
            attributes(header).ok_or_else(|| unsigned("its signature is not readable"))?;
        let hash = attributes.get("hash").copied();
        let ext = attributes.get("ext").copied();
        let text = self.normal("response", signed, material.moment, hash, ext);
        let key = material.secrets.get(&self.key.secret)?.expose().as_bytes();
        let mac = attributes.get("mac").copied().unwrap_or_default();
        let mac = STANDARD.decode(mac).unwrap_or_default();
        if !is_hmac(key, text.as_bytes(), &mac) {
            return Err(unsigned("its code is not that of the key"));
        }
        let content_type = answer.header("content-type").unwrap_or_default();
        match hash {
            None => Err(unsigned("its content is not signed")),
            // The hash itself is under the code, so there is nothing in it to be guessed.
            Some(hash) if hash != payload_hash(content_type, &answer.body) => {
                Err(unsigned("its content is not what was signed"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Says where it is only the clock that is wrong; the source signs its time, or else it would be anybody's.
    fn check_clock(&self, answer: &Answer, material: &Material<'_>) -> Result<(), Fault> {
        let header = answer.header("www-authenticate").and_then(attributes);
        let said = header.and_then(|header| Some((*header.get("ts")?, *header.get("tsm")?)));
        let Some((ts, tsm)) = said else {
            return Ok(());
        };
        let key = material.secrets.get(&self.key.secret)?.expose().as_bytes();
        let tsm = STANDARD.decode(tsm).unwrap_or_default();
        let ours = material.moment.now.as_second();
        match ts.parse::<i64>() {
            Ok(theirs) if is_hmac(key, format!("hawk.1.ts\n{ts}\n").as_bytes(), &tsm) => {
                Err(Fault::rejected(format!(
                    "the clock of this machine and that of the source are {} s apart, and Hawk takes no old requests; set the clock",
                    theirs.abs_diff(ours)
                )))
            }
            _ => Ok(()),
        }
    }

    /// The text that is signed.
    fn normal(
        &self,
        what: &str,
        request: &Request,
        moment: &Moment,
        hash: Option<&str>,
        ext: Option<&str>,
    ) -> String {
        let url = request.exposed_url();
        let ts = moment.now.as_second().to_string();
        let port = self.port(&url).to_string();
        let mut lines = vec![
            format!("hawk.1.{what}"),
            ts,
            moment.nonce.clone(),
            request.method.name().to_owned(),
            url[url::Position::BeforePath..url::Position::AfterQuery].to_owned(),
            url.host_str().unwrap_or_default().to_ascii_lowercase(),
            port,
            hash.unwrap_or_default().to_owned(),
            ext.unwrap_or_default().to_owned(),
        ];
        if let Some(app) = &self.app {
            lines.push(app.clone());
            lines.push(self.dlg.clone().unwrap_or_default());
        }
        lines.push(String::new());
        lines.join("\n")
    }

    fn port(&self, url: &Url) -> u16 {
        let default = match self.sign_as {
            Some(SignAs::Http) => Some(80),
            Some(SignAs::Https) => Some(443),
            None => url.port_or_known_default(),
        };
        url.port().or(default).unwrap_or_default()
    }
}

/// The type of what a request carries, as it will be sent.
fn content_type(request: &Request) -> Option<&str> {
    let of_body = request.body.as_ref().map(|body| body.content_type);
    of_body.or_else(|| {
        let mut headers = request.headers.iter();
        let found = headers.find(|(name, _)| name == "content-type");
        found.map(|(_, value)| value.as_str())
    })
}

/// The digest of a content with its type, parameters stripped.
fn payload_hash(content_type: &str, content: &[u8]) -> String {
    let content_type = content_type.split(';').next().unwrap_or_default();
    let mut digest = Sha256::new();
    digest.update("hawk.1.payload\n");
    digest.update(content_type.trim().to_ascii_lowercase());
    digest.update("\n");
    digest.update(content);
    digest.update("\n");
    STANDARD.encode(digest.finalize())
}

/// The attributes of a Hawk header; none where it is no such thing or says something twice.
fn attributes(header: &str) -> Option<BTreeMap<&str, &str>> {
    let mut rest = header.trim().strip_prefix("Hawk")?.trim_start();
    let mut attributes = BTreeMap::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if attributes.insert(name.trim(), value).is_some() {
            return None;
        }
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Some(attributes)
}

fn unsigned(why: &str) -> Fault {
    Fault::rejected(format!(
        "the answer is not from the holder of the Hawk key: {why}; nothing more is sent (set `verify: false` only if the source signs no answers)"
    ))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::auth::Auth;
    use crate::decode::decode;
    use crate::number::Values;
    use crate::request::{Body, Method};
    use crate::secret::{Secret, Secrets};

    const OFFICIAL: [&str; 2] = [
        "dh37fgj492je",
        "werxhqb98rpaxn39848xrunpaw3489ruxnpa98w4rxn",
    ];
    const DATAHUB: [&str; 2] = ["dataflowapi", "some-key"];
    const PAGE_2: &str = "https://datahub.example.test/v4/dataset/omis-dataset?cursor=cD0yMDE5LTAxLTAxKzEyJTNBMDAlM0EwMCUyQjAwJTNBMDA%3D&page_size=2";

    fn auth(options: &str) -> Auth {
        let text = format!("hawk: {{ id: {{ secret: t/id }}, key: {{ secret: t/key }}{options} }}");
        let decoded = decode::<Auth>(&text);
        assert!(decoded.problems.is_empty(), "{:?}", decoded.problems);
        decoded.value.expect("decodes")
    }

    fn secrets(pair: [&str; 2]) -> Secrets {
        let name = |name: &str| SecretName::try_from(name.to_owned()).expect("a name");
        let [id, key] = pair;
        Secrets::from_iter([
            (name("t/id"), Secret::new(id)),
            (name("t/key"), Secret::new(key)),
        ])
    }

    fn moment(ts: i64, nonce: &str) -> Moment {
        Moment {
            now: Timestamp::from_second(ts).expect("a time"),
            nonce: nonce.to_owned(),
        }
    }

    fn with<T>(pair: [&str; 2], moment: &Moment, then: impl FnOnce(&Material<'_>) -> T) -> T {
        then(&Material {
            secrets: &secrets(pair),
            values: &Values::new(),
            moment,
            grant: None,
        })
    }

    fn authorization(request: &Request) -> &str {
        let crate::request::Credential::Header { value, .. } = &request.credentials[0] else {
            panic!("no header")
        };
        value.expose()
    }

    #[test]
    fn the_vectors_are_met() {
        let get = |url: &str| Request::get(Url::parse(url).expect(url));
        let omis = "https://datahub.example.test/v4/dataset/omis-dataset";
        let posted = Request {
            method: Method::Post,
            body: Some(Body {
                content_type: "text/plain",
                bytes: b"Thank you for flying Hawk".to_vec(),
            }),
            ..get("http://example.com:8000/resource/1?b=1&a=2")
        };
        for (pair, options, request, ts, nonce, parts) in [
            (
                OFFICIAL,
                ", payload_hash: false, ext: some-app-ext-data",
                get("http://example.com:8000/resource/1?b=1&a=2"),
                1_353_832_234,
                "j4h3g2",
                vec!["mac=\"6R4rV5iE+NPoym+WwjeHzjAGXUtLNIxmo1vpMofpLAE=\""],
            ),
            (
                OFFICIAL,
                ", ext: some-app-ext-data",
                posted,
                1_353_832_234,
                "j4h3g2",
                vec![
                    "hash=\"Yi9LfIIFRtBEPt74PVmbTF/xVAwPn7ub15ePICfgnuY=\"",
                    "mac=\"aSe1DERmZuRl3pI36/9BdZmnErTw3sNzOOAUlfeKjVw=\"",
                ],
            ),
            (
                DATAHUB,
                ", payload_hash: false",
                get(omis),
                1_570_000_000,
                "Ab12cd",
                vec!["mac=\"GF/KTUv6//vWsQ6jzlz5ouGQdvA7fdGNiyp9Uj7RmYo=\""],
            ),
            (
                DATAHUB,
                "",
                get(omis),
                1_570_000_000,
                "Ab12cd",
                vec![
                    "hash=\"B0weSUXsMcb5UhL41FZbrUJCAotzSI3HawE1NPLRUz8=\"",
                    "mac=\"AwkEIEBFpmpdnGPFff8RY9KemBIxlQSyimtFbvvBD7k=\"",
                ],
            ),
            (
                DATAHUB,
                "",
                get(PAGE_2),
                1_570_000_001,
                "Zz99yy",
                vec!["mac=\"TOEoNEVYTb3ArmAqFWXNbUhm8RWBd488CcS8HsYY0Zs=\""],
            ),
            (
                DATAHUB,
                ", sign_as: http",
                get(PAGE_2),
                1_570_000_001,
                "Zz99yy",
                vec!["mac=\"Kyalp9QzLd02t4K7H016CyVY9Gh/nAPiqAIXGy1Z/Oc=\""],
            ),
        ] {
            let moment = moment(ts, nonce);
            let signed = with(pair, &moment, |material| {
                auth(options).apply(request, material)
            });
            let signed = signed.expect("signed");
            for part in parts {
                assert!(authorization(&signed).contains(part), "{options}: {part}");
            }
        }
    }

    fn answer(status: u16, header: Option<&str>, body: &str) -> Answer {
        let mut headers = vec![(
            "content-type".to_owned(),
            "application/json; charset=utf-8".to_owned(),
        )];
        headers.extend(header.map(|header| ("server-authorization".to_owned(), header.to_owned())));
        Answer {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn only_an_answer_that_the_source_signed_for_this_request_is_taken() {
        let body = "{\"next\":null,\"previous\":null,\"results\":[]}";
        let mac = "dO/LfX+S7Fm+7Kax5dquaA7KkoCTxZGNBDVIQIFveo0=";
        let hash = "ZqBv7nPZcCMrnZ8O/PZluVOpiLVEZpzaN09fSVYeuU0=";
        let good = format!("Hawk mac=\"{mac}\", hash=\"{hash}\"");
        let turned = format!("Hawk hash=\"{hash}\",mac=\"{mac}\"");
        let other = good.replace("dO/LfX", "dO/LfY");
        let without_hash = format!("Hawk mac=\"{mac}\"");
        let twice = format!("{good}, mac=\"{mac}\"");
        let omis = "https://datahub.example.test/v4/dataset/omis-dataset";
        for (options, ts, status, header, body, fault) in [
            ("", 1_570_000_000, 200, Some(&*good), body, ""),
            ("", 1_570_000_000, 200, Some(&*turned), body, ""),
            (
                "",
                1_570_000_001,
                200,
                Some(&*good),
                body,
                "not that of the key",
            ),
            (
                "",
                1_570_000_000,
                200,
                Some(&*other),
                body,
                "not that of the key",
            ),
            (
                "",
                1_570_000_000,
                200,
                Some(&*without_hash),
                body,
                "not that of the key",
            ),
            ("", 1_570_000_000, 200, Some(&*twice), body, "not readable"),
            (
                "",
                1_570_000_000,
                200,
                Some("Basic x"),
                body,
                "not readable",
            ),
            (
                "",
                1_570_000_000,
                200,
                Some("Hawk mac=\"\""),
                body,
                "not that of the key",
            ),
            (
                "",
                1_570_000_000,
                200,
                Some(&*good),
                "{}",
                "not what was signed",
            ),
            ("", 1_570_000_000, 200, None, body, "not signed at all"),
            ("", 1_570_000_000, 401, None, "{}", ""),
            (
                "",
                1_570_000_000,
                500,
                Some(&*other),
                "{}",
                "not that of the key",
            ),
            (
                ", verify: false",
                1_570_000_000,
                200,
                Some(&*other),
                "{}",
                "",
            ),
        ] {
            let moment = moment(ts, "Ab12cd");
            let answer = answer(status, header, body);
            let verified = with(DATAHUB, &moment, |material| {
                let request = Request::get(Url::parse(omis).expect("a url"));
                let signed = auth(options).apply(request, material).expect("signed");
                auth(options).verify(&signed, &answer, material)
            });
            let message = verified.err().map_or(String::new(), |fault| fault.message);
            assert!(
                message.contains(fault) && message.is_empty() == fault.is_empty(),
                "{header:?}: {message}"
            );
        }
    }

    #[test]
    fn the_key_never_travels() {
        let moment = moment(1_570_000_000, "Ab12cd");
        let request = Request::get(Url::parse(PAGE_2).expect("a url"));
        let signed = with(DATAHUB, &moment, |material| {
            auth("").apply(request, material)
        });
        let signed = signed.expect("signed");
        assert!(!authorization(&signed).contains("some-key"));
        assert!(!format!("{signed:?} {signed}").contains("mac="));
    }
}
