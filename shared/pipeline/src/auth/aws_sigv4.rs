//! AWS Signature Version 4: a code over the canonical request, under a key made of the secret, day, region and service.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;

use super::fields::{self, Text};
use super::mac::hmac;
use super::{Material, Moment};
use crate::fault::Fault;
use crate::problem::{Located, Problems};
use crate::request::{Credential, Request, encode};
use crate::secret::{Secret, SecretName, SecretRef};

/// AWS Signature Version 4
///
/// `{ service: execute-api, region: eu-west-2, access_key_id: { secret: x/id }, secret_access_key: { secret: x/key } }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsSigV4 {
    /// The service's name for signing, such as `execute-api` or `s3`.
    service: Located<Text>,
    /// The region, such as `eu-west-2`.
    region: Located<Text>,
    /// The key's name, as a reference to a secret.
    access_key_id: SecretRef,
    /// The key, as a reference to a secret.
    secret_access_key: SecretRef,
    /// What goes with a key that holds for a while only.
    session_token: Option<SecretRef>,
}

impl AwsSigV4 {
    pub(super) fn secrets(&self) -> Vec<&SecretName> {
        let texts = [&self.service, &self.region].map(|text| text.secret());
        let session_token = self.session_token.as_ref().map(|token| &token.secret);
        let keys = [&self.access_key_id.secret, &self.secret_access_key.secret];
        let texts = texts.into_iter().flatten();
        texts.chain(keys).chain(session_token).collect()
    }

    pub(super) fn references(&self) -> Vec<String> {
        let texts = [&self.service, &self.region];
        let templates = texts.into_iter().filter_map(|text| fields::plain(text));
        let references = templates.flat_map(|template| template.references());
        references.map(str::to_owned).collect()
    }

    pub(super) fn check(&self, known: &[&str], problems: &mut Problems) {
        for text in [&self.service, &self.region] {
            if let Some(template) = fields::plain(text) {
                crate::source::check_references(text.at, template, known, problems);
            }
        }
    }

    /// When a request was signed, by its header `X-Amz-Date`.
    pub(super) fn signed_at(header: &str) -> Option<Moment> {
        let time = DateTime::strptime("%Y%m%dT%H%M%SZ", header).ok()?;
        Some(Moment {
            now: time.to_zoned(TimeZone::UTC).ok()?.timestamp(),
            nonce: String::new(),
        })
    }

    pub(super) fn apply(
        &self,
        mut request: Request,
        material: &Material<'_>,
    ) -> Result<Request, Fault> {
        let service = fields::text(&self.service, material, "service of `aws_sigv4`")?;
        let region = fields::text(&self.region, material, "region of `aws_sigv4`")?;
        let id = material.secrets.get(&self.access_key_id.secret)?;
        let key = material.secrets.get(&self.secret_access_key.secret)?;
        let (day, time) = stamps(material.moment.now);
        let body = request.body.as_ref();
        let body_hash = hex(&Sha256::digest(body.map_or(&b""[..], |body| &body.bytes)));
        if is_s3(&service) {
            // Sent as it is signed, so that it is no matter who encodes it once more.
            let path = strict(request.url.path());
            request.url.set_path(&path);
        }
        let url = request.exposed_url();

        let mut headers = vec![
            ("host", host(&url)),
            ("x-amz-content-sha256", body_hash.clone()),
            ("x-amz-date", time.clone()),
        ];
        if let Some(body) = body {
            headers.push(("content-type", body.content_type.to_owned()));
        }
        if let Some(token) = &self.session_token {
            let token = material.secrets.get(&token.secret)?.expose().trim();
            headers.push(("x-amz-security-token", token.to_owned()));
        }
        headers.sort();

        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect();
        let path = path(&url, &service);
        let query = query(&url);
        let method = request.method.name();
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{body_hash}");
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let digest = hex(&Sha256::digest(canonical));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
        let first = format!("AWS4{}", key.expose()).into_bytes();
        let parts = [&*day, &*region, &*service, "aws4_request"];
        let key = parts
            .iter()
            .fold(first, |key, part| hmac(&key, part.as_bytes()));
        let signature = hex(&hmac(&key, text.as_bytes()));
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            id.expose()
        );
        let mut request = request.with(super::header(
            "authorization",
            value,
            &self.access_key_id.secret,
        )?);
        for (name, value) in headers {
            match name {
                // The connection writes these by itself, from the same values.
                "host" | "content-type" => {}
                "x-amz-security-token" => request.credentials.push(Credential::Header {
                    name: name.to_owned(),
                    value: Secret::new(value),
                }),
                _ => request.headers.push((name.to_owned(), value)),
            }
        }
        Ok(request)
    }
}

/// The day `20130524` and the moment `20130524T000000Z`.
fn stamps(now: Timestamp) -> (String, String) {
    let now = now.to_zoned(TimeZone::UTC);
    let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    (time[..8].to_owned(), time)
}

fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_s3(service: &str) -> bool {
    matches!(service, "s3" | "s3-object-lambda")
}

/// The path with each part encoded once more, but for S3, which takes it as it is.
fn path(url: &Url, service: &str) -> String {
    if is_s3(service) {
        return url.path().to_owned();
    }
    let parts: Vec<String> = url.path().split('/').map(encode).collect();
    parts.join("/")
}

/// The path with all encoded that may be.
fn strict(path: &str) -> String {
    let parts = path.split('/').map(|part| encode(&decoded(part)));
    parts.collect::<Vec<_>>().join("/")
}

/// The parameters, encoded by one rule and in order.
fn query(url: &Url) -> String {
    let pairs = url.query().unwrap_or_default().split('&');
    let pairs = pairs.filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encode(&decoded(name)), encode(&decoded(value)))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Percent escapes undone; a plus is a plus. What is no UTF-8 stays as it is written.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.first_chunk::<2>();
        let is_escape =
            |digits: &&[u8; 2]| *byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit);
        let escaped = escaped
            .filter(is_escape)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Auth, Moment};
    use crate::decode::decode;
    use crate::number::Values;
    use crate::secret::Secrets;

    /// The signature of a GET, with the key of AWS's own examples.
    fn signature(url: &str) -> String {
        let auth = decode::<Auth>(
            "aws_sigv4: { service: s3, region: us-east-1, access_key_id: { secret: t/id }, secret_access_key: { secret: t/key } }",
        );
        let name = |name: &str| SecretName::try_from(name.to_owned()).expect("a name");
        let key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let secrets = Secrets::from_iter([
            (name("t/id"), Secret::new("AKIAIOSFODNN7EXAMPLE")),
            (name("t/key"), Secret::new(key)),
        ]);
        let signed = auth.value.expect("decodes").apply(
            Request::get(Url::parse(url).expect(url)),
            &Material {
                secrets: &secrets,
                values: &Values::new(),
                moment: &Moment {
                    now: "2013-05-24T00:00:00Z".parse().expect("a time"),
                    nonce: String::new(),
                },
                grant: None,
            },
        );
        let signed = signed.expect("signed");
        assert!(!format!("{signed:?}").contains("AKIA"), "{signed:?}");
        let Credential::Header { value, .. } = &signed.credentials[0] else {
            panic!("no header")
        };
        let (_, signature) = value.expose().split_once("Signature=").expect("one");
        signature.to_owned()
    }

    #[test]
    fn the_examples_of_aws_are_met() {
        for (query, expected) in [
            (
                "lifecycle",
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "max-keys=2&prefix=J",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let url = format!("https://examplebucket.s3.amazonaws.com/?{query}");
            assert_eq!(signature(&url), expected, "{query}");
        }
    }
}
