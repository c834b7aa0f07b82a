#![doc = include_str!("../README.md")]

mod authorise;
mod claims;
mod public_key;
mod roles;
mod rules;
mod signing_key;
mod verifier;

pub use authorise::authorise;
pub use claims::Claims;
pub use public_key::PublicKey;
pub use roles::{RoleSet, TABLE, roles_with};
pub use rules::{Rule, Rules};
pub use signing_key::{Grant, SigningKey};
pub use verifier::{Verifier, VerifierOptions};

/// The `iss` of tokens the suite signs itself.
pub const ISSUER: &str = "dossier";

/// The `aud` that every token for the suite carries.
pub const AUDIENCE: &str = "dossier";
