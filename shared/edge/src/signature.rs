//! Signing a token with a private key: the one part of a credential that takes chance.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use pipeline::auth::{Algorithm, Unsigned};
use pipeline::fault::Fault;
use pipeline::secret::Secret;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

/// The token with its signature.
pub fn sign(unsigned: &Unsigned) -> Result<Secret, Fault> {
    let signature = signature(unsigned).ok_or_else(|| {
        let (name, wanted) = (&unsigned.key_name, key_of(unsigned.algorithm));
        Fault::bad_definition(format!(
            "the secret `{name}` is not {wanted} in PEM (PKCS#8, PKCS#1 or SEC1, without a password)"
        ))
    })?;
    Ok(unsigned.signed(&signature))
}

fn key_of(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Rs256 => "an RSA private key of 2048 bits or more",
        Algorithm::Es256 => "a private key on the curve P-256",
    }
}

/// None where the key is not one of its kind; why not could show a part of it.
fn signature(unsigned: &Unsigned) -> Option<Vec<u8>> {
    let key = PrivateKeyDer::from_pem_slice(unsigned.key.expose().as_bytes()).ok()?;
    let random = SystemRandom::new();
    match unsigned.algorithm {
        Algorithm::Rs256 => {
            let key = match &key {
                PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok()?,
                PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok()?,
                _ => return None,
            };
            let mut signature = vec![0; key.public_modulus_len()];
            key.sign(&RSA_PKCS1_SHA256, &random, unsigned.input(), &mut signature)
                .ok()?;
            Some(signature)
        }
        Algorithm::Es256 => {
            let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let key = EcdsaKeyPair::from_private_key_der(curve, key.secret_der()).ok()?;
            let signature = key.sign(&random, unsigned.input()).ok()?;
            Some(signature.as_ref().to_vec())
        }
    }
}
