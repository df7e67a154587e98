//! A secret that stands encrypted elsewhere: its value is an address, `fernet://bucket/key?key=NAME#/member`.
//!
//! `NAME` is the secret that has the key. What is read from the object is its whole text, or, where a JSON pointer
//! follows, the text of that member: one object may hold the settings of many providers. Without a bucket
//! (`fernet:///etc/lakehead/providers?key=…`) it is a file of this machine.

use pipeline::fault::Fault;
use pipeline::secret::{Secret, SecretName};
use serde_json::Value;

use super::fernet;

const SCHEME: &str = "fernet://";

/// Where a secret stands encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encrypted {
    pub(super) place: Place,
    /// The secret that has the key.
    pub(super) key: SecretName,
    member: Option<String>,
}

/// What holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Object { bucket: String, key: String },
    File(String),
}

impl Encrypted {
    /// Reads an address; none where the secret is no address.
    pub(super) fn parse(name: &SecretName, secret: &Secret) -> Result<Option<Self>, Fault> {
        let Some(address) = secret.expose().strip_prefix(SCHEME) else {
            return Ok(None);
        };
        let refused = |why: &str| {
            Fault::bad_definition(format!(
                "the secret `{name}` is the address of something encrypted, but {why}; write it as `fernet://bucket/key?key=NAME`, with `#/member` where the secret is a part of it"
            ))
        };
        let rest = address.trim();
        let (rest, member) = match rest.split_once('#') {
            Some((rest, member)) => (rest, Some(member.to_owned())),
            None => (rest, None),
        };
        let (place, key) = rest.split_once("?key=").unwrap_or((rest, ""));
        let key = SecretName::try_from(key.to_owned())
            .map_err(|_| refused("it does not say which secret has the key"))?;
        let place = match place.split_once('/') {
            Some(("", _)) => Place::File(place.to_owned()),
            Some((bucket, key)) if !key.is_empty() => Place::Object {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            },
            _ => return Err(refused("it does not say which object")),
        };
        Ok(Some(Encrypted { place, key, member }))
    }

    /// The secret in what the place holds.
    pub(super) fn read(&self, held: &[u8], key: &Secret) -> Result<Secret, String> {
        let token = str::from_utf8(held).map_err(|_| "it is no Fernet token: no text")?;
        let text = fernet::decrypt(token, key)?;
        let Some(member) = &self.member else {
            return Ok(text);
        };
        let json: Value = serde_json::from_str(text.expose())
            .map_err(|error| format!("it is no JSON, at line {}", error.line()))?;
        match json.pointer(member) {
            Some(Value::String(text)) => Ok(Secret::new(text.clone())),
            Some(_) => Err(format!("its member `{member}` is no text")),
            None => Err(format!("it has no member `{member}`")),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Object { bucket, key } => write!(formatter, "s3://{bucket}/{key}"),
            Place::File(path) => write!(formatter, "{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Encrypted>, Fault> {
        let name = SecretName::try_from("mds/token".to_owned()).expect("a name");
        Encrypted::parse(&name, &Secret::new(text))
    }

    #[test]
    fn an_address_says_where_and_with_which_key() {
        for (text, place, member) in [
            (
                "fernet://b/c/d.json?key=mds/fernet",
                "s3://b/c/d.json",
                None,
            ),
            (
                "fernet://b/d?key=mds/fernet#/co/token",
                "s3://b/d",
                Some("/co/token"),
            ),
            ("fernet:///etc/x?key=mds/fernet", "/etc/x", None),
        ] {
            let read = parse(text).expect(text).expect(text);
            assert_eq!(read.place.to_string(), place);
            assert_eq!((&*read.key, read.member.as_deref()), ("mds/fernet", member));
        }
        assert_eq!(parse("hunter2").expect("plain"), None);
        for text in [
            "fernet://",
            "fernet://b",
            "fernet://b/?key=mds/fernet",
            "fernet://b/c",
            "fernet://b/c?key=",
            "fernet://b/c?key=mds fernet",
        ] {
            let fault = parse(text).expect_err(text);
            assert!(fault.message.contains("`mds/token`"), "{fault}");
        }
    }
}
