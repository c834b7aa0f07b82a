//! A JSON Web Key Set (RFC 7517) to the keys of one algorithm.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::IssuerAlgorithm;
use crate::PublicKey;

/// More keys than any issuer rotates through.
const KEYS_MAX: usize = 100;
/// RSA below 2,048 bits is broken within reach (NIST SP 800-131A).
const RSA_BYTES_MIN: usize = 256;

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The keys by `kid`. Keys of other kinds, of other uses, without a name or too weak are left out; a
/// document without one usable key is an error, so that a broken one never replaces a good one.
pub(super) fn keys(
    document: &[u8],
    algorithm: IssuerAlgorithm,
) -> Result<HashMap<String, DecodingKey>, String> {
    let Document { keys } = serde_json::from_slice(document)
        .map_err(|cause| format!("it is no JSON Web Key Set: {cause}"))?;
    if keys.len() > KEYS_MAX {
        return Err(format!("it has more than {KEYS_MAX} keys"));
    }
    let mut usable = HashMap::new();
    for key in keys {
        let Ok(jwk) = serde_json::from_value::<Jwk>(key) else {
            continue;
        };
        if let Some(key) = decoding(&jwk, algorithm)
            && usable.insert(jwk.kid.clone(), key).is_some()
        {
            return Err(format!("two keys are called {:?}", jwk.kid));
        }
    }
    if usable.is_empty() {
        return Err(format!("it has no usable {} key", algorithm.as_str()));
    }
    Ok(usable)
}

fn decoding(jwk: &Jwk, algorithm: IssuerAlgorithm) -> Option<DecodingKey> {
    let Jwk {
        kty,
        kid,
        alg,
        usage,
        crv,
        x,
        y,
        n,
        e,
    } = jwk;
    let named = (1..=256).contains(&kid.len());
    let signs = usage.as_ref().is_none_or(|usage| usage == "sig");
    let fits = alg.as_ref().is_none_or(|alg| alg == algorithm.as_str());
    if !named || !signs || !fits {
        return None;
    }
    match algorithm {
        IssuerAlgorithm::EdDsa if kty == "OKP" && crv.as_deref() == Some("Ed25519") => {
            let bytes = URL_SAFE_NO_PAD.decode(x.as_ref()?).ok()?;
            let key = PublicKey::from_bytes(bytes.try_into().ok()?).ok()?;
            Some(DecodingKey::from_ed_der(key.as_bytes()))
        }
        IssuerAlgorithm::Es256 if kty == "EC" && crv.as_deref() == Some("P-256") => {
            DecodingKey::from_ec_components(x.as_ref()?, y.as_ref()?).ok()
        }
        IssuerAlgorithm::Rs256 if kty == "RSA" => {
            let modulus = URL_SAFE_NO_PAD.decode(n.as_ref()?).ok()?;
            let strong = modulus.len() >= RSA_BYTES_MIN && modulus.first() != Some(&0);
            let key = DecodingKey::from_rsa_components(n.as_ref()?, e.as_ref()?).ok()?;
            strong.then_some(key)
        }
        IssuerAlgorithm::EdDsa | IssuerAlgorithm::Es256 | IssuerAlgorithm::Rs256 => None,
    }
}
