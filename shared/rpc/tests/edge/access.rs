//! Tokens and rules of the tests.

use std::sync::Arc;
use std::time::Duration;

use dossier_access::{Access, Grant, Rules, SigningKey, Verifier, VerifierOptions};
use dossier_kernel::{Principal, PrincipalKind, Role, TenantId};
use dossier_rpc::Edge;

use crate::echo;

pub fn signing_key() -> SigningKey {
    SigningKey::ephemeral().expect("random bytes")
}

pub fn edge(key: &SigningKey) -> Edge {
    let verifier = Verifier::new(VerifierOptions::local(vec![key.public_key()]));
    let rules = Rules::from_descriptors(echo::descriptors(), &[echo::SERVICE]).expect("annotated");
    let access = Access::shipped(dossier_proto::DESCRIPTORS).expect("valid policies");
    let mut edge = Edge::new(Arc::new(verifier), Arc::new(rules), access);
    edge.descriptors = echo::descriptors();
    edge
}

pub fn token(key: &SigningKey, role: Role) -> String {
    token_of(key, "acme", role)
}

pub fn token_of(key: &SigningKey, tenant: &str, role: Role) -> String {
    let tenant = TenantId::parse(tenant).expect("a tenant");
    let principal = Principal {
        kind: PrincipalKind::Person,
        id: "ada".to_owned(),
    };
    let minute = Duration::from_secs(60);
    key.mint(Grant::new(tenant, principal, vec![role], minute))
        .expect("mints")
}
