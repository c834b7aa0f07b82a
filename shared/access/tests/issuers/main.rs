//! Tokens of other issuers: what is believed, what is not, and how their keys come and go.

mod abandoned;
mod house;
mod refused;
mod rotation;

use dossier_access::IssuerAlgorithm;
use dossier_kernel::{PrincipalKind, Role, Strength};
use house::{AUDIENCE, House, ISSUER, NOW, payload};
use serde_json::json;

const ALGORITHMS: [IssuerAlgorithm; 3] = [
    IssuerAlgorithm::EdDsa,
    IssuerAlgorithm::Es256,
    IssuerAlgorithm::Rs256,
];

#[tokio::test]
async fn a_token_of_each_algorithm_says_who_speaks() {
    for algorithm in ALGORITHMS {
        let house = House::new(algorithm).await;
        for _ in 0..2 {
            let claims = house
                .admit(&house.token(&payload()))
                .await
                .expect("believed");
            assert_eq!(claims.tenant.as_str(), "acme");
            assert_eq!(claims.principal.kind, PrincipalKind::Person);
            assert_eq!(claims.principal.id, "ada@example.com");
            assert_eq!(claims.roles, [Role::Viewer, Role::Agent]);
            assert_eq!(claims.teams, ["north"]);
            assert_eq!(claims.strength, Strength::Token);
        }
    }
}

#[tokio::test]
async fn claims_are_found_where_the_issuer_keeps_them() {
    let house = House::with(IssuerAlgorithm::Es256, |issuer| {
        issuer.roles_claim = "realm_access.roles".to_owned();
        issuer.teams_claim = "https://example.com/teams".to_owned();
        issuer.tenant = Some("fixed".to_owned());
        issuer.kind_claim = Some("kind".to_owned());
        issuer.multi_factor_acr = vec!["gold".to_owned()];
    })
    .await;
    let mut body = payload();
    body["realm_access"] = json!({"roles": ["steward", "service", "offline_access"]});
    body["https://example.com/teams"] = json!("north south\u{1}x west");
    body["kind"] = json!("apikey");
    body["aud"] = json!(["account", AUDIENCE]);
    let claims = house.admit(&house.token(&body)).await.expect("believed");
    assert_eq!(claims.tenant.as_str(), "fixed", "whatever the token says");
    assert_eq!(claims.roles, [Role::Steward], "nobody else makes services");
    assert_eq!(claims.teams, ["north", "west"]);
    assert_eq!(claims.principal.kind, PrincipalKind::ApiKey);

    body["kind"] = json!("person");
    for (claim, value, strength) in [
        ("acr", json!("gold"), Strength::MultiFactor),
        ("acr", json!("silver"), Strength::Token),
        ("amr", json!(["pwd", "mfa"]), Strength::MultiFactor),
        ("amr", json!(["pwd"]), Strength::Token),
    ] {
        let mut body = body.clone();
        body[claim] = value;
        let claims = house.admit(&house.token(&body)).await.expect("believed");
        assert_eq!(claims.strength, strength, "{body}");
    }
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let house = House::new(IssuerAlgorithm::EdDsa).await;
    let token = house.token(&payload());
    assert!(house.admit(&token).await.is_ok());
    let late = NOW.plus(std::time::Duration::from_secs(600));
    let expired = house.verifier.admit(&token, late).await;
    assert!(expired.expect_err("late").message().contains("expired"));
}

#[test]
fn what_an_operator_says_wrong_is_named() {
    let mut issuer = house::settings(IssuerAlgorithm::Rs256, "http://idp.example.com/keys");
    assert_eq!(issuer.check("issuers[0]")[0].field, "issuers[0].jwks");
    issuer.jwks = "http://[::1]:1/keys".to_owned();
    assert_eq!(issuer.check("issuers[0]"), []);
    issuer.issuer = "dossier".to_owned();
    issuer.audience = String::new();
    issuer.tenant = Some("NO".to_owned());
    let fields: Vec<_> = issuer
        .check("at")
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(fields, ["at.issuer", "at.audience", "at.tenant"]);
    assert_ne!(ISSUER, "dossier");
}
