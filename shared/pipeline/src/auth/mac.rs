//! HMAC with SHA-256, which Hawk and AWS sign with.

use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

/// The code of a text under a key.
pub(super) fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    keyed(key, text).finalize().into_bytes().to_vec()
}

/// Whether `code` is that of the text, in a time that tells nothing of where they differ.
pub(super) fn is_hmac(key: &[u8], text: &[u8], code: &[u8]) -> bool {
    keyed(key, text).verify_slice(code).is_ok()
}

fn keyed(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text);
    mac
}
