#![doc = include_str!("../README.md")]

mod access;
mod claims;
mod explanation;
mod facts;
mod mention;
mod policy_set;
mod public_key;
mod question;
mod rules;
mod signing_key;
mod verifier;

pub use access::Access;
pub use claims::Claims;
pub use explanation::{Deciding, Explanation};
pub use facts::{Facts, Sight};
pub use public_key::PublicKey;
pub use rules::{Rule, Rules};
pub use signing_key::{Grant, SigningKey};
pub use verifier::{Verifier, VerifierOptions};

/// The `iss` of tokens the suite signs itself.
pub const ISSUER: &str = "dossier";

/// The `aud` that every token for the suite carries.
pub const AUDIENCE: &str = "dossier";
