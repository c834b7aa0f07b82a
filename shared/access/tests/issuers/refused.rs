//! What no issuer's token may be, though its own key signed it.

use dossier_access::IssuerAlgorithm;
use dossier_kernel::Reason;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::ALGORITHMS;
use crate::house::{House, KID, jwk, payload};

async fn refuse(house: &House, token: &str) {
    let error = house.admit(token).await.expect_err(token);
    assert_eq!(error.reason(), Reason::Unauthenticated, "{token}");
}

fn changed(mut base: Value, change: &Value) -> String {
    for (name, value) in change.as_object().expect("an object") {
        if value.is_null() {
            base.as_object_mut().expect("an object").remove(name);
        } else {
            base[name] = value.clone();
        }
    }
    base.to_string()
}

#[tokio::test]
async fn headers_are_exactly_as_agreed() {
    for algorithm in ALGORITHMS {
        let house = House::new(algorithm).await;
        let right = house.signed(&house.header().to_string(), &payload().to_string());
        house
            .admit(&right)
            .await
            .expect("the control of what follows");
        let thumbprint = changed(house.header(), &json!({"x5t": "abc"}));
        let right = house.signed(&thumbprint, &payload().to_string());
        house
            .admit(&right)
            .await
            .expect("a thumbprint says nothing");
        for change in [
            json!({"alg": "none"}),
            json!({"alg": "HS256"}),
            json!({"alg": "PS256"}),
            json!({"alg": algorithm.as_str().to_lowercase()}),
            json!({"typ": "JWT"}),
            json!({"typ": null}),
            json!({"kid": "other"}),
            json!({"kid": null}),
            json!({"kid": [KID]}),
            json!({"jku": "https://evil.example/keys"}),
            json!({"x5u": "https://evil.example/cert"}),
            json!({"x5c": ["AAAA"]}),
            json!({"jwk": jwk(algorithm, KID)}),
            json!({"crit": ["exp"]}),
        ] {
            let header = changed(house.header(), &change);
            refuse(&house, &house.signed(&header, &payload().to_string())).await;
        }
    }
}

#[tokio::test]
async fn claims_are_exactly_as_agreed() {
    let house = House::new(IssuerAlgorithm::Es256).await;
    let header = house.header().to_string();
    let now = payload()["iat"].as_i64().expect("a time");
    for change in [
        json!({"iss": "https://evil.example"}),
        json!({"iss": "dossier"}),
        json!({"aud": "other"}),
        json!({"aud": ["other"]}),
        json!({"aud": {"dossier-crm": true}}),
        json!({"sub": ""}),
        json!({"sub": "a\nb"}),
        json!({"sub": 7}),
        json!({"tenant": "*"}),
        json!({"tenant": null}),
        json!({"tenant": ["acme"]}),
        json!({"exp": null}),
        json!({"exp": now}),
        json!({"exp": 1.9e9}),
        json!({"exp": "1900000000"}),
        json!({"exp": u64::MAX}),
        json!({"nbf": now + 31}),
        json!({"nbf": now.to_string()}),
        json!({"nbf": 0.5}),
        json!({"iat": now + 31}),
    ] {
        refuse(&house, &house.signed(&header, &changed(payload(), &change))).await;
    }
    let body = payload().to_string();
    for doubled in [
        format!("{{\"tenant\":\"other\",{}", &body[1..]),
        format!("{},\"roles\":[\"admin\"]}}", &body[..body.len() - 1]),
        format!("{},\"x\":{{\"y\":1,\"y\":2}}}}", &body[..body.len() - 1]),
    ] {
        refuse(&house, &house.signed(&header, &doubled)).await;
    }
}

#[tokio::test]
async fn nobody_else_speaks_for_a_service() {
    let house = House::with(IssuerAlgorithm::EdDsa, |issuer| {
        issuer.kind_claim = Some("kind".to_owned());
    })
    .await;
    for change in [
        json!({"kind": "service"}),
        json!({"kind": "service", "roles": ["service"]}),
        json!({"kind": null}),
    ] {
        let body = changed(payload(), &change);
        refuse(&house, &house.signed(&house.header().to_string(), &body)).await;
    }
    let body = changed(payload(), &json!({"kind": "person", "roles": ["service"]}));
    let token = house.signed(&house.header().to_string(), &body);
    assert_eq!(house.admit(&token).await.expect("believed").roles, []);
}

#[tokio::test]
async fn a_public_key_is_no_secret_of_an_hmac() {
    let house = House::new(IssuerAlgorithm::Rs256).await;
    let key = jwk(IssuerAlgorithm::Rs256, KID);
    for secret in [key["n"].as_str().expect("a modulus"), &key.to_string()] {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(KID.to_owned());
        let secret = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&header, &payload(), &secret).expect("encodes");
        refuse(&house, &token).await;
    }
}

#[tokio::test]
async fn key_sets_that_would_weaken_us_are_refused() {
    use crate::house::{document, settings};
    use dossier_access::Foreign;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("keys.json");
    let mut short = jwk(IssuerAlgorithm::Rs256, KID);
    short["n"] = json!("7yGZGtnwTWA360pmLJp6f5xsq5PzcdzLikQc");
    let mut neutral = jwk(IssuerAlgorithm::EdDsa, KID);
    neutral["x"] = json!("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let rsa = || jwk(IssuerAlgorithm::Rs256, KID);
    let mut encrypts = rsa();
    encrypts["use"] = json!("enc");
    let secret = json!({"kty": "oct", "kid": KID, "k": "c2VjcmV0"});
    for (algorithm, keys) in [
        (IssuerAlgorithm::Rs256, vec![short]),
        (IssuerAlgorithm::Rs256, vec![encrypts]),
        (IssuerAlgorithm::Rs256, vec![rsa(), rsa()]),
        (IssuerAlgorithm::Rs256, vec![secret]),
        (IssuerAlgorithm::Es256, vec![rsa()]),
        (IssuerAlgorithm::EdDsa, vec![neutral]),
        (IssuerAlgorithm::EdDsa, vec![]),
    ] {
        std::fs::write(&path, document(&keys)).expect("writes");
        let settings = settings(algorithm, path.to_str().expect("UTF-8"));
        let refused = Foreign::open(settings).await.err().expect("refused");
        assert_eq!(refused.reason(), Reason::FailedPrecondition, "{keys:?}");
    }
}
