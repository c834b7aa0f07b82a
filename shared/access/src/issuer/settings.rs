//! What an operator says about an issuer.

use dossier_kernel::{TenantId, Violation};
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

/// One `[[issuers]]` of the configuration, which has the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    pub issuer: String,
    pub audience: String,
    pub jwks: String,
    /// PEM, where the URL's certificate is of an authority that the system does not know.
    #[serde(default)]
    pub jwks_ca_file: Option<std::path::PathBuf>,
    pub algorithm: IssuerAlgorithm,
    #[serde(default)]
    pub typ: TokenType,
    /// All its tokens are of this tenant, whatever they say.
    #[serde(default)]
    pub tenant: Option<String>,
    #[serde(default = "tenant_claim")]
    pub tenant_claim: String,
    #[serde(default = "roles_claim")]
    pub roles_claim: String,
    #[serde(default = "teams_claim")]
    pub teams_claim: String,
    /// Unset: all its tokens speak for people.
    #[serde(default)]
    pub kind_claim: Option<String>,
    /// Values of `acr` that prove a second factor, beside `mfa` in `amr` (RFC 8176).
    #[serde(default)]
    pub multi_factor_acr: Vec<String>,
}

/// One algorithm an issuer: a token that names another is refused before a key is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IssuerAlgorithm {
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "RS256")]
    Rs256,
}

/// The header's `typ`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    /// RFC 9068: made to be shown to services.
    #[default]
    #[serde(rename = "at+jwt")]
    AccessToken,
    #[serde(rename = "JWT")]
    Jwt,
}

impl IssuerAlgorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub(crate) const fn of_library(self) -> Algorithm {
        match self {
            Self::EdDsa => Algorithm::EdDSA,
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

impl TokenType {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::Jwt => "JWT",
        }
    }
}

impl Issuer {
    /// What is wrong, under the names of the configuration; `at` is `issuers[0]`.
    pub fn check(&self, at: &str) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut say = |field: &str, words: &str| {
            found.push(Violation::new(format!("{at}.{field}"), words));
        };
        if self.issuer == crate::ISSUER {
            say(
                "issuer",
                "is the suite's own; another issuer has another name",
            );
        }
        for (field, value) in [
            ("issuer", &self.issuer),
            ("audience", &self.audience),
            ("jwks", &self.jwks),
            ("roles_claim", &self.roles_claim),
        ] {
            if value.trim().is_empty() {
                say(field, "is required");
            }
        }
        match &self.tenant {
            Some(tenant) if TenantId::parse(tenant).is_err() => {
                say(
                    "tenant",
                    "is no tenant id: 1 to 63 characters of a-z, 0-9 and -",
                );
            }
            None if self.tenant_claim.is_empty() => {
                say("tenant_claim", "is required where there is no fixed tenant");
            }
            _ => {}
        }
        if self.is_plain_http() && !is_loopback_url(&self.jwks) {
            // Whoever answers for it makes tokens for everybody.
            say(
                "jwks",
                "must be https:// or a file; http:// only on loopback",
            );
        }
        found
    }

    pub(crate) fn is_url(&self) -> bool {
        self.is_plain_http() || self.jwks.starts_with("https://")
    }

    pub fn is_plain_http(&self) -> bool {
        self.jwks.starts_with("http://")
    }
}

fn is_loopback_url(url: &str) -> bool {
    let host = url.parse::<http::Uri>().ok();
    let host = host.as_ref().and_then(http::Uri::host).unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn tenant_claim() -> String {
    "tenant".to_owned()
}

fn roles_claim() -> String {
    "roles".to_owned()
}

fn teams_claim() -> String {
    "teams".to_owned()
}
