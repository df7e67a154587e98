//! Why no token was given, where the source says it in OAuth's own words.

use super::grant;
use crate::path::Path;
use crate::request::Answer;

/// The words of RFC 6749 §5.2, each with what to do about it. What a source says in words of its own is not
/// shown: it may repeat what was sent.
const WORDS: [(&str, &str); 6] = [
    (
        "invalid_client",
        "check the client's name and secret, and how `send_as` sends them",
    ),
    (
        "invalid_grant",
        "what was shown for a token is used up, over or withdrawn; get a new one from the source",
    ),
    ("invalid_scope", "check `scope`"),
    ("invalid_request", "check `parameters`"),
    (
        "unauthorized_client",
        "the source gives this client no token in this way",
    ),
    (
        "unsupported_grant_type",
        "the source gives no tokens in this way",
    ),
];

/// The word, and what to do about it.
pub fn refusal(answer: &Answer) -> Option<(&'static str, &'static str)> {
    let found = grant::json(answer).ok()?;
    let word = grant::text_at(&found, &Path::of_key("error"))?;
    WORDS.into_iter().find(|(known, _)| *known == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_are_repeated() {
        for (body, word) in [
            ("{\"error\": \"invalid_grant\"}", Some("invalid_grant")),
            ("{\"error\": \"hunter2 is wrong\"}", None),
            ("{\"error\": {\"code\": 7}}", None),
            ("<html>", None),
        ] {
            let answer = Answer {
                status: 400,
                headers: Vec::new(),
                body: body.as_bytes().to_vec(),
            };
            assert_eq!(refusal(&answer).map(|(word, _)| word), word, "{body}");
        }
    }
}
