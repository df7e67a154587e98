//! Reading what Fernet has encrypted: a version, a time, a vector, AES-128 in CBC with PKCS#7 padding, and an
//! HMAC-SHA256 over all of it, in the base64 of URLs. A key is 32 bytes in the same base64, the first half of which
//! signs. The age of a token is not looked at: a configuration holds until it is replaced.

use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use pipeline::secret::Secret;

const VERSION: u8 = 0x80;
const TIME_BYTES: usize = 8;
const VECTOR_BYTES: usize = 16;
const SUM_BYTES: usize = 32;

/// The text of a token. What is wrong is told without any of it.
pub(super) fn decrypt(token: &str, key: &Secret) -> Result<Secret, &'static str> {
    let key = URL_SAFE.decode(key.expose().trim());
    let key = key.map_err(|_| "the key is no base64 of URLs")?;
    let Some((sign, encrypt)) = key.split_at_checked(16).filter(|_| key.len() == 32) else {
        return Err("the key does not have 32 bytes");
    };
    let token = URL_SAFE.decode(token.trim());
    let token = token.map_err(|_| "it is no Fernet token: no base64 of URLs")?;
    let signed = token.len().checked_sub(SUM_BYTES);
    let Some((signed, sum)) = signed.map(|at| token.split_at(at)) else {
        return Err("it is no Fernet token: too short");
    };
    let after_version = signed.strip_prefix(&[VERSION]);
    let after_version = after_version.ok_or("it is no Fernet token: of another version")?;
    let rest = after_version.get(TIME_BYTES..);
    let rest = rest.and_then(|rest| rest.split_first_chunk::<VECTOR_BYTES>());
    let (vector, text) = rest.ok_or("it is no Fernet token: too short")?;
    let signer = hmac::Key::new(hmac::HMAC_SHA256, sign);
    hmac::verify(&signer, signed, sum).map_err(|_| "it was encrypted with another key")?;
    let broken = "it does not decrypt";
    let key = UnboundCipherKey::new(&AES_128, encrypt).map_err(|_| broken)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| broken)?;
    let mut text = text.to_vec();
    let vector = DecryptionContext::Iv128(FixedLength::from(vector));
    let text = key.decrypt(&mut text, vector).map_err(|_| broken)?;
    let text = str::from_utf8(text).map_err(|_| "it holds bytes, not text")?;
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The specification's own example.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    fn read(token: &str, key: &str) -> Result<String, &'static str> {
        decrypt(token, &Secret::new(key)).map(|text| text.expose().to_owned())
    }

    #[test]
    fn the_example_of_the_specification_is_read() {
        assert_eq!(read(TOKEN, KEY), Ok("hello".to_owned()));
        assert_eq!(read(&format!("{TOKEN}\n"), KEY), Ok("hello".to_owned()));
    }

    #[test]
    fn what_was_changed_or_cut_anywhere_is_refused() {
        let whole = URL_SAFE.decode(TOKEN).expect("base64");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(read(&URL_SAFE.encode(&changed), KEY).is_err(), "{at}");
            assert!(read(&URL_SAFE.encode(&whole[..at]), KEY).is_err(), "{at}");
        }
        let other = URL_SAFE.encode([7; 32]);
        let refused = read(TOKEN, &other).expect_err("another key");
        assert_eq!(refused, "it was encrypted with another key");
        for key in ["", "hunter2", &URL_SAFE.encode([7; 31])] {
            assert!(read(TOKEN, key).is_err_and(|said| said.contains("the key")));
        }
        assert!(read("{\"plain\": true}", KEY).is_err());
    }
}
