//! Verifiers with one flaw each, to see whether the harness finds it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::keys::{Keys, now};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The control: what it believes is not for a flaw to explain.
    None,
    /// Believes tokens for somebody else.
    IgnoresAudience,
    IgnoresIssuer,
    IgnoresExpiry,
    IgnoresNotBefore,
    /// Believes what nobody signed.
    TakesNone,
    /// Takes the header's algorithm, and the public key as its secret.
    TakesHmac,
    /// Takes an identity token for an access token.
    IgnoresType,
    /// Overlooks what it does not understand.
    IgnoresUnknownHeaders,
    /// Takes the last of two equal names.
    TakesRepeatedNames,
    /// Believes in every tenant.
    IgnoresTenant,
}

pub const FLAWS: &[Flaw] = &[
    Flaw::None,
    Flaw::IgnoresAudience,
    Flaw::IgnoresIssuer,
    Flaw::IgnoresExpiry,
    Flaw::IgnoresNotBefore,
    Flaw::TakesNone,
    Flaw::TakesHmac,
    Flaw::IgnoresType,
    Flaw::IgnoresUnknownHeaders,
    Flaw::TakesRepeatedNames,
    Flaw::IgnoresTenant,
];

pub fn lets_in(flaw: Flaw, keys: &Keys, header: &[u8]) -> bool {
    let text = std::str::from_utf8(header).unwrap_or_default();
    let token = text.strip_prefix("Bearer ");
    token.is_some_and(|token| believes(flaw, keys, token))
}

pub fn believes(flaw: Flaw, keys: &Keys, token: &str) -> bool {
    read(flaw, keys, token).is_some()
}

fn read(flaw: Flaw, keys: &Keys, token: &str) -> Option<()> {
    let mut parts = token.split('.');
    let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || token.len() > 4_096 {
        return None;
    }
    let message = format!("{header}.{payload}");
    let decode = |part: &str| {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        // What is written again is as long as what was read, unless a name fell out.
        let whole = value.to_string().len() == text.len();
        (whole || flaw == Flaw::TakesRepeatedNames).then_some(value)
    };
    let (header, claims) = (decode(header)?, decode(payload)?);
    let known = header.as_object()?.keys();
    let known = known.filter(|name| !["alg", "typ", "kid"].contains(&name.as_str()));
    let unknown = known.count();
    must(unknown == 0 || flaw == Flaw::IgnoresUnknownHeaders)?;
    must(header["typ"] == "at+jwt" || flaw == Flaw::IgnoresType)?;
    must(header["kid"] == *keys.kid)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let alg = header["alg"].as_str()?;
    must(match flaw {
        Flaw::TakesNone if alg.eq_ignore_ascii_case("none") => signature.is_empty(),
        Flaw::TakesHmac if alg == "HS256" => {
            let mut mac = Hmac::<Sha256>::new_from_slice(&keys.public()).ok()?;
            mac.update(message.as_bytes());
            mac.verify_slice(&signature).is_ok()
        }
        _ if alg == "EdDSA" => {
            let key = VerifyingKey::from_bytes(&keys.public()).ok()?;
            let signature = Signature::from_slice(&signature).ok()?;
            key.verify(message.as_bytes(), &signature).is_ok()
        }
        _ => false,
    })?;
    must(claims["iss"] == "dossier" || flaw == Flaw::IgnoresIssuer)?;
    must(claims["aud"] == "dossier" || flaw == Flaw::IgnoresAudience)?;
    must(claims["tenant"] == "default" || flaw == Flaw::IgnoresTenant)?;
    let at = |name: &str, absent: i64| match &claims[name] {
        Value::Null => Some(absent),
        value => value.as_i64(),
    };
    let in_time = |exp: i64| (now() + 1..253_402_300_800).contains(&exp);
    must(flaw == Flaw::IgnoresExpiry || at("exp", 0).is_some_and(in_time))?;
    let begun = |name: &str| at(name, 0).is_some_and(|at| (0..=now() + 30).contains(&at));
    must(flaw == Flaw::IgnoresNotBefore || (begun("nbf") && begun("iat")))?;
    let expected = [
        "iss", "aud", "sub", "exp", "nbf", "iat", "tenant", "kind", "roles",
    ];
    let mut names = claims.as_object()?.keys();
    must(names.all(|name| expected.contains(&name.as_str())))?;
    let person = claims["kind"] == "person" && claims["roles"] == serde_json::json!(["viewer"]);
    must(person && claims["sub"] == "ada")
}

fn must(holds: bool) -> Option<()> {
    holds.then_some(())
}
