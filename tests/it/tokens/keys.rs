//! The keys that the attacked suite believes, and those of the attacker.

use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dossier_access::{KeyText, SigningKey};
use ed25519_dalek::Signer as _;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

pub const ES_ISSUER: &str = "https://es.example.com";
pub const RS_ISSUER: &str = "https://rs.example.com";
pub const KID: &str = "key-1";
const RSA: &[u8] = include_bytes!("../../../shared/access/tests/issuers/rsa.pem");
const P256: &[u8] = include_bytes!("../../../shared/access/tests/issuers/p256.pem");
const RSA_MODULUS: &str = "7yGZGtnwTWA360pmLJp6f5xsq5PzcdzLikQc-bR3HdSVyZqFn8AHa2TW_t3UcXgpt54ezXauLeBS5IUAI9wZNKwdWRgbBjIjHgpCoHVNnC1DQO_Zp5AZ4hzFlXhXaS6ePwDY_dV5UtlVD3qL-dBn-gdGOISl41D82yEuhWd3kO5GtBra6V_asBNcV7nKzDuyLXnqg_q2PDRH2rowLC5huxVHROLZM_O11W4xwWlClAAfeW-alHZV3CTAB1tC_E5oq3cCeecIV1a8sfUm-cDwRtXDDGSHGLGsx1oMGGB1zh5nczUuBZAMLI74hOqElLnUtpdmQlRio6k-H-2JCrNCVw";

pub struct Keys {
    own: ed25519_dalek::SigningKey,
    pub kid: String,
    attacker: ed25519_dalek::SigningKey,
    es: EncodingKey,
    rs: EncodingKey,
    files: [String; 2],
}

impl Keys {
    /// Writes the issuers' key sets into `dir`.
    pub fn new(seed: [u8; 32], dir: &Path) -> anyhow::Result<Self> {
        let es = json!({
            "kty": "EC", "crv": "P-256", "kid": KID, "alg": "ES256",
            "x": "jWvDdBmpvVo5EMMzDMFc_55WgM5rOkaHbfbC6WPj2Mc",
            "y": "05NGmrb0iTfNgG3vFwPVrLHEzchPiXxaSSz_rK8APaw",
        });
        let rs = json!({"kty": "RSA", "kid": KID, "alg": "RS256", "e": "AQAB", "n": RSA_MODULUS});
        let mut files = [String::new(), String::new()];
        for ((file, name), key) in files.iter_mut().zip(["es.json", "rs.json"]).zip([es, rs]) {
            let path = dir.join(name);
            std::fs::write(&path, json!({"keys": [key]}).to_string())?;
            *file = path.to_str().context("UTF-8")?.to_owned();
        }
        Ok(Self {
            own: ed25519_dalek::SigningKey::from_bytes(&seed),
            kid: SigningKey::from_seed(&seed)?.public_key().kid().to_owned(),
            attacker: ed25519_dalek::SigningKey::from_bytes(&[66; 32]),
            es: EncodingKey::from_ec_pem(P256)?,
            rs: EncodingKey::from_rsa_pem(RSA)?,
            files,
        })
    }

    /// Tables for the configuration, without their heads.
    pub fn issuers(&self) -> Vec<String> {
        let [es, rs] = &self.files;
        let rs = table(RS_ISSUER, "RS256", rs);
        vec![Self::es_issuer(es), rs]
    }

    /// The table of the ES256 issuer with its keys from there.
    pub fn es_issuer(jwks: &str) -> String {
        table(ES_ISSUER, "ES256", jwks)
    }

    /// The file with its keys.
    pub fn es_file(&self) -> &str {
        &self.files[0]
    }

    /// A token of it that must be let in.
    pub fn es_token(&self) -> String {
        let [_, (_, token), ..] = self.valid("");
        token
    }

    pub fn public(&self) -> [u8; 32] {
        self.own.verifying_key().to_bytes()
    }

    pub fn attacker_jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.attacker.verifying_key().to_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid})
    }

    pub fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.kid})
    }

    pub fn own_token(&self) -> String {
        self.by_own(&self.header().to_string(), &payload("dossier").to_string())
    }

    /// What must be let in, by kind.
    pub fn valid(&self, api_key: &str) -> [(&'static str, String); 4] {
        let header = |alg: &str| json!({"alg": alg, "typ": "at+jwt", "kid": KID}).to_string();
        let es = payload(ES_ISSUER).to_string();
        let rs = payload(RS_ISSUER).to_string();
        [
            ("token of the suite", self.own_token()),
            ("ES256 token", self.by_es(&header("ES256"), &es)),
            ("RS256 token", self.by_rs(&header("RS256"), &rs)),
            ("API key", api_key.to_owned()),
        ]
    }

    /// A key that is written rightly and that nobody made.
    pub fn unknown_api_key(&self) -> anyhow::Result<String> {
        let key = KeyText::generate(uuid::Uuid::new_v4())?;
        Ok(key.text().to_string())
    }

    pub fn by_own(&self, header: &str, payload: &str) -> String {
        by_ed(&self.own, header, payload)
    }

    pub fn by_attacker(&self, header: &str, payload: &str) -> String {
        by_ed(&self.attacker, header, payload)
    }

    pub fn by_es(&self, header: &str, payload: &str) -> String {
        by_library(&self.es, Algorithm::ES256, header, payload)
    }

    pub fn by_rs(&self, header: &str, payload: &str) -> String {
        by_library(&self.rs, Algorithm::RS256, header, payload)
    }

    pub fn by_hmac(&self, secret: &[u8], header: &str, payload: &str) -> String {
        let key = EncodingKey::from_secret(secret);
        by_library(&key, Algorithm::HS256, header, payload)
    }

    /// Public things that a confused verifier takes for the secret of an HMAC.
    pub fn public_secrets(&self) -> Vec<Vec<u8>> {
        let public = self.public();
        vec![
            public.to_vec(),
            URL_SAFE_NO_PAD.encode(public).into_bytes(),
            self.kid.clone().into_bytes(),
            RSA_MODULUS.as_bytes().to_vec(),
            Vec::new(),
        ]
    }
}

fn table(issuer: &str, algorithm: &str, jwks: &str) -> String {
    format!(
        "issuer = {issuer:?}\naudience = \"dossier\"\njwks = {jwks:?}\n\
         algorithm = {algorithm:?}\ntenant = \"default\"\n"
    )
}

fn by_ed(key: &ed25519_dalek::SigningKey, header: &str, payload: &str) -> String {
    let message = message(header, payload);
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn by_library(key: &EncodingKey, algorithm: Algorithm, header: &str, payload: &str) -> String {
    let message = message(header, payload);
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm);
    format!("{message}.{}", signature.unwrap_or_default())
}

pub fn message(header: &str, payload: &str) -> String {
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    )
}

pub fn now() -> i64 {
    dossier_kernel::Clock::system().now().to_secs_nanos().0
}

/// Claims that are let in.
pub fn payload(issuer: &str) -> Value {
    let now = now();
    json!({
        "iss": issuer, "aud": "dossier", "sub": "ada", "iat": now, "exp": now + 3_600,
        "tenant": "default", "kind": "person", "roles": ["viewer"],
    })
}
