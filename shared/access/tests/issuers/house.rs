//! An issuer with a key of each kind, and a verifier that believes it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dossier_access::{
    Claims, Foreign, Issuer, IssuerAlgorithm, SigningKey, TokenType, Verifier, VerifierOptions,
};
use dossier_kernel::{Result, Timestamp};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
pub const ISSUER: &str = "https://login.example.com";
pub const AUDIENCE: &str = "dossier-crm";
pub const KID: &str = "2026-11";

const RSA: &[u8] = include_bytes!("rsa.pem");
const P256: &[u8] = include_bytes!("p256.pem");
const ED25519: [u8; 32] = [9; 32];

pub struct House {
    pub algorithm: IssuerAlgorithm,
    pub verifier: Verifier,
    _folder: tempfile::TempDir,
}

impl House {
    pub async fn new(algorithm: IssuerAlgorithm) -> Self {
        Self::with(algorithm, |_| {}).await
    }

    pub async fn with(algorithm: IssuerAlgorithm, change: impl FnOnce(&mut Issuer)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("keys.json");
        std::fs::write(&path, document(&[jwk(algorithm, KID)])).expect("writes");
        let mut issuer = settings(algorithm, path.to_str().expect("UTF-8"));
        change(&mut issuer);
        assert_eq!(issuer.check("issuers[0]"), []);
        Self {
            algorithm,
            verifier: verifier(issuer).await,
            _folder: folder,
        }
    }

    pub async fn admit(&self, token: &str) -> Result<Claims> {
        self.verifier.admit(token, NOW).await
    }

    pub fn token(&self, payload: &Value) -> String {
        token(self.algorithm, KID, payload)
    }

    /// Any words, signed rightly.
    pub fn signed(&self, header: &str, payload: &str) -> String {
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(payload)
        );
        let key = encoding(self.algorithm);
        let algorithm = library(self.algorithm);
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).expect("signs");
        format!("{message}.{signature}")
    }

    pub fn header(&self) -> Value {
        json!({"alg": self.algorithm.as_str(), "typ": "at+jwt", "kid": KID})
    }
}

/// A verifier that believes the issuer, beside the suite's own key.
pub async fn verifier(issuer: Issuer) -> Verifier {
    let own = SigningKey::from_seed(&[7; 32]).expect("a key");
    let mut options = VerifierOptions::local(vec![own.public_key()]);
    options.issuers = vec![Foreign::open(issuer).await.expect("keys")];
    Verifier::new(options)
}

pub fn settings(algorithm: IssuerAlgorithm, jwks: &str) -> Issuer {
    Issuer {
        issuer: ISSUER.to_owned(),
        audience: AUDIENCE.to_owned(),
        jwks: jwks.to_owned(),
        jwks_ca_file: None,
        algorithm,
        typ: TokenType::AccessToken,
        tenant: None,
        tenant_claim: "tenant".to_owned(),
        roles_claim: "roles".to_owned(),
        teams_claim: "teams".to_owned(),
        kind_claim: None,
        multi_factor_acr: Vec::new(),
    }
}

pub fn payload() -> Value {
    let (now, _) = NOW.to_secs_nanos();
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ada@example.com", "exp": now + 600, "iat": now,
        "tenant": "acme", "roles": ["agent", "viewer", "default-roles"], "teams": ["north"],
    })
}

pub fn token(algorithm: IssuerAlgorithm, kid: &str, payload: &Value) -> String {
    let mut header = Header::new(library(algorithm));
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, payload, &encoding(algorithm)).expect("signs")
}

pub fn document(keys: &[Value]) -> String {
    json!({"keys": keys}).to_string()
}

pub fn jwk(algorithm: IssuerAlgorithm, kid: &str) -> Value {
    match algorithm {
        IssuerAlgorithm::EdDsa => {
            let key = SigningKey::from_seed(&ED25519).expect("a key").public_key();
            let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
            json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": x})
        }
        IssuerAlgorithm::Es256 => json!({
            "kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256",
            "x": "jWvDdBmpvVo5EMMzDMFc_55WgM5rOkaHbfbC6WPj2Mc",
            "y": "05NGmrb0iTfNgG3vFwPVrLHEzchPiXxaSSz_rK8APaw",
        }),
        IssuerAlgorithm::Rs256 => json!({
            "kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "e": "AQAB",
            "n": "7yGZGtnwTWA360pmLJp6f5xsq5PzcdzLikQc-bR3HdSVyZqFn8AHa2TW_t3UcXgpt54ezXauLeBS5IUAI9wZNKwdWRgbBjIjHgpCoHVNnC1DQO_Zp5AZ4hzFlXhXaS6ePwDY_dV5UtlVD3qL-dBn-gdGOISl41D82yEuhWd3kO5GtBra6V_asBNcV7nKzDuyLXnqg_q2PDRH2rowLC5huxVHROLZM_O11W4xwWlClAAfeW-alHZV3CTAB1tC_E5oq3cCeecIV1a8sfUm-cDwRtXDDGSHGLGsx1oMGGB1zh5nczUuBZAMLI74hOqElLnUtpdmQlRio6k-H-2JCrNCVw",
        }),
    }
}

fn encoding(algorithm: IssuerAlgorithm) -> EncodingKey {
    match algorithm {
        IssuerAlgorithm::EdDsa => {
            use ed25519_dalek::pkcs8::EncodePrivateKey;
            let key = ed25519_dalek::SigningKey::from_bytes(&ED25519);
            EncodingKey::from_ed_der(key.to_pkcs8_der().expect("encodes").as_bytes())
        }
        IssuerAlgorithm::Es256 => EncodingKey::from_ec_pem(P256).expect("a key"),
        IssuerAlgorithm::Rs256 => EncodingKey::from_rsa_pem(RSA).expect("a key"),
    }
}

fn library(algorithm: IssuerAlgorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        IssuerAlgorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        IssuerAlgorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        IssuerAlgorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
    }
}
