#![doc = include_str!("../README.md")]

mod access;
mod api_key;
mod claims;
mod explanation;
mod facts;
mod issuer;
mod mention;
mod policy_set;
mod public_key;
mod question;
mod rules;
mod signing_key;
mod verifier;

pub use access::Access;
pub use api_key::{ApiKeys, KeyText, Resolve, same_hash};
pub use claims::{Claims, TEAMS_MAX, is_team};
pub use explanation::{Deciding, Explanation};
pub use facts::{Facts, Sight};
pub use issuer::{Foreign, Issuer, IssuerAlgorithm, TokenType};
pub use public_key::PublicKey;
pub use rules::{Rule, Rules};
pub use signing_key::{Grant, SigningKey};
pub use verifier::{Verifier, VerifierOptions};

/// The `iss` of tokens the suite signs itself.
pub const ISSUER: &str = "dossier";

/// The `aud` that every token for the suite carries.
pub const AUDIENCE: &str = "dossier";
