//! Forged, bent and stale tokens. A hostile token is refused with the words of every other one.

use dossier_kernel::{Clock, Principal, PrincipalKind, Role, Strength, TenantId};
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{Grant, SigningKey};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn rig() -> (SigningKey, Verifier) {
    let key = SigningKey::from_seed(&[7; 32])
        .expect("a key")
        .with_clock(Clock::manual(NOW));
    let verifier = Verifier::new(VerifierOptions::local(vec![key.public_key()]));
    (key, verifier)
}

fn grant() -> Grant {
    let tenant = TenantId::parse("acme").expect("a tenant");
    let principal = Principal {
        kind: PrincipalKind::Person,
        id: "ada@acme".to_owned(),
    };
    let roles = vec![Role::Manager, Role::Agent];
    Grant::new(tenant, principal, roles, Duration::from_secs(600))
}

fn header(key: &SigningKey) -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": key.public_key().kid()})
}

fn payload() -> Value {
    let now = NOW.to_secs_nanos().0;
    json!({
        "iss": "dossier", "aud": "dossier", "sub": "ada@acme", "exp": now + 600, "iat": now,
        "tenant": "acme", "kind": "person", "roles": ["agent", "manager"],
    })
}

/// A token of any header and payload text, correctly signed by the key of [`rig`]: what is refused
/// is refused for its words, not for its signature.
fn signed(header: &str, payload: &str) -> String {
    use ed25519_dalek::Signer;
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = ed25519_dalek::SigningKey::from_bytes(&[7; 32]).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
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

#[track_caller]
fn refuse(verifier: &Verifier, token: &str) {
    let error = verifier.verify(token, NOW).expect_err(token);
    assert_eq!(error.reason(), Reason::Unauthenticated, "{token}");
    assert_eq!(error.message(), refused().message(), "{token}");
}

#[test]
fn a_minted_token_says_who_speaks() {
    let (key, verifier) = rig();
    let token = key.mint(grant()).expect("mints");
    for _ in 0..2 {
        let claims = verifier.verify(&token, NOW).expect("believed");
        assert_eq!(claims.tenant.as_str(), "acme");
        assert_eq!(claims.principal, grant().principal);
        assert_eq!(claims.roles, [Role::Agent, Role::Manager]);
        assert_eq!(claims.expiry, NOW.plus(Duration::from_secs(600)));
    }
    // The control of everything below: hand-made and right is believed.
    let handmade = signed(&header(&key).to_string(), &payload().to_string());
    assert!(verifier.verify(&handmade, NOW).is_ok());
}

#[test]
fn foreign_algorithms_are_refused_whatever_they_are_signed_with() {
    let (key, verifier) = rig();
    for alg in [
        "none", "None", "nOnE", "HS256", "HS512", "RS256", "ES256", "eddsa", "Ed25519", "",
    ] {
        let head = changed(header(&key), &json!({"alg": alg}));
        let right = signed(&head, &payload().to_string());
        refuse(&verifier, &right);
        let (message, _) = right.rsplit_once('.').expect("three parts");
        refuse(&verifier, &format!("{message}."));
        refuse(&verifier, message);
    }
    // The public key as the secret of an HMAC, the classic swap.
    for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        let mut head = Header::new(alg);
        head.typ = Some("at+jwt".to_owned());
        head.kid = Some(key.public_key().kid().to_owned());
        let secret = EncodingKey::from_secret(key.public_key().as_bytes());
        let token = jsonwebtoken::encode(&head, &payload(), &secret).expect("encodes");
        refuse(&verifier, &token);
        let (_, rest) = token.split_once('.').expect("parts");
        let posing = format!(
            "{}.{rest}",
            URL_SAFE_NO_PAD.encode(header(&key).to_string())
        );
        refuse(&verifier, &posing);
    }
}

#[test]
fn headers_that_point_elsewhere_are_refused() {
    let (key, verifier) = rig();
    let jwk =
        json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    for change in [
        json!({"kid": null}),
        json!({"kid": ""}),
        json!({"kid": 7}),
        json!({"kid": "../../etc/passwd"}),
        json!({"kid": "' OR 1=1 --"}),
        json!({"kid": [key.public_key().kid()]}),
        json!({"kid": format!("{} ", key.public_key().kid())}),
        json!({"typ": null}),
        json!({"typ": "JWT"}),
        json!({"typ": "AT+JWT"}),
        json!({"typ": "application/at+jwt"}),
        json!({"alg": null}),
        json!({"alg": ["EdDSA"]}),
        json!({"jwk": jwk}),
        json!({"jku": "https://evil.example/keys"}),
        json!({"x5u": "https://evil.example/cert"}),
        json!({"x5c": ["AAAA"]}),
        json!({"cty": "JWT"}),
        json!({"zip": "DEF"}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"crit": ["exp"]}),
    ] {
        refuse(
            &verifier,
            &signed(&changed(header(&key), &change), &payload().to_string()),
        );
    }
}

#[test]
fn claims_that_are_missing_wrong_or_of_another_type_are_refused() {
    let (key, verifier) = rig();
    let head = header(&key).to_string();
    let now = NOW.to_secs_nanos().0;
    for change in [
        json!({"iss": null}),
        json!({"iss": "dossier "}),
        json!({"iss": "DOSSIER"}),
        json!({"iss": ["dossier"]}),
        json!({"aud": null}),
        json!({"aud": "other"}),
        json!({"aud": ["dossier", "other"]}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": "a b"}),
        json!({"sub": "a\u{0}b"}),
        json!({"sub": "x".repeat(257)}),
        json!({"tenant": null}),
        json!({"tenant": ""}),
        json!({"tenant": "Acme"}),
        json!({"tenant": "acme "}),
        json!({"tenant": "acme\u{0000}"}),
        json!({"tenant": "аcme"}),
        json!({"tenant": ["acme"]}),
        json!({"tenant": "*"}),
        json!({"exp": null}),
        json!({"exp": (now + 600).to_string()}),
        json!({"exp": 1.9e9}),
        json!({"exp": i64::MAX}),
        json!({"exp": u64::MAX}),
        json!({"exp": -1e300}),
        json!({"nbf": now.to_string()}),
        json!({"nbf": now + 31}),
        json!({"iat": now + 31}),
        json!({"iat": true}),
        json!({"nbf": i64::MIN}),
        json!({"kind": null}),
        json!({"kind": "root"}),
        json!({"kind": "service"}),
        json!({"roles": null}),
        json!({"roles": "admin"}),
        json!({"roles": ["service"]}),
        json!({"roles": ["admin", "service"]}),
        json!({"roles": [["admin"]]}),
        json!({"kind": "service", "roles": ["admin"], "tenant": "*"}),
    ] {
        refuse(&verifier, &signed(&head, &changed(payload(), &change)));
    }
}

#[test]
fn repeated_names_are_refused_in_header_and_claims() {
    let (key, verifier) = rig();
    let (head, body) = (header(&key).to_string(), payload().to_string());
    for (name, value) in [
        ("tenant", "\"other\""),
        ("tenant", "\"acme\""),
        ("sub", "\"root\""),
        ("exp", "9999999999"),
        ("roles", "[\"admin\"]"),
        ("iss", "\"dossier\""),
        ("aud", "\"dossier\""),
    ] {
        let first = format!("{{\"{name}\":{value},{}", &body[1..]);
        refuse(&verifier, &signed(&head, &first));
        let last = format!("{},\"{name}\":{value}}}", &body[..body.len() - 1]);
        refuse(&verifier, &signed(&head, &last));
    }
    for (name, value) in [("alg", "\"EdDSA\""), ("alg", "\"none\""), ("kid", "\"x\"")] {
        let doubled = format!("{},\"{name}\":{value}}}", &head[..head.len() - 1]);
        refuse(&verifier, &signed(&doubled, &body));
    }
}

#[test]
fn what_is_no_token_is_refused_however_large() {
    let (key, verifier) = rig();
    let good = key.mint(grant()).expect("mints");
    let mut padded = payload();
    padded["note"] = json!("x".repeat(TOKEN_BYTES_MAX));
    let huge = signed(&header(&key).to_string(), &padded.to_string());
    for bad in [
        "".to_owned(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "a.b.c".to_owned(),
        "客户.档案.令牌".to_owned(),
        "\u{feff}".to_owned() + &good,
        format!(" {good}"),
        format!("{good} "),
        format!("{good}="),
        format!("{good}.{good}"),
        format!("{good}\0"),
        good.replace('.', "。"),
        good.replacen('.', "=.", 1),
        "A".repeat(10_000_000),
        huge,
        format!("{}.e30.", "[".repeat(3_000)),
        signed(&"[".repeat(1_000), "{}"),
        signed(&header(&key).to_string(), "[]"),
        signed(&header(&key).to_string(), "null"),
        signed("null", &payload().to_string()),
    ] {
        refuse(&verifier, &bad);
    }
}

#[test]
fn another_key_of_the_same_name_is_refused_and_both_of_a_rotation_are_believed() {
    let (key, verifier) = rig();
    let other = SigningKey::from_seed(&[8; 32])
        .expect("a key")
        .with_clock(Clock::manual(NOW));
    let theirs = other.mint(grant()).expect("mints");
    refuse(&verifier, &theirs);
    let (_, rest) = theirs.split_once('.').expect("parts");
    let posing = format!(
        "{}.{rest}",
        URL_SAFE_NO_PAD.encode(header(&key).to_string())
    );
    refuse(&verifier, &posing);
    let keys = vec![key.public_key(), other.public_key()];
    let rotating = Verifier::new(VerifierOptions::local(keys));
    assert!(rotating.verify(&theirs, NOW).is_ok());
    refuse(&rotating, &posing);
}

#[test]
fn other_issuers_and_audiences_are_refused() {
    let (key, _) = rig();
    let token = key.mint(grant()).expect("mints");
    for (issuer, audience) in [("elsewhere", AUDIENCE), (ISSUER, "elsewhere")] {
        let mut options = VerifierOptions::local(vec![key.public_key()]);
        options.issuer = issuer.to_owned();
        options.audience = audience.to_owned();
        refuse(&Verifier::new(options), &token);
    }
}

#[test]
fn a_remembered_token_still_expires_to_the_microsecond() {
    let (key, verifier) = rig();
    let token = key.mint(grant()).expect("mints");
    let expiry = NOW.plus(Duration::from_secs(600));
    assert!(verifier.verify(&token, NOW).is_ok());
    assert!(verifier.verify(&token, Timestamp(expiry.0 - 1)).is_ok());
    for late in [expiry, Timestamp(expiry.0 + 1), Timestamp(i64::MAX)] {
        let error = verifier.verify(&token, late).expect_err("expired");
        assert_eq!(error.reason(), Reason::Unauthenticated);
        assert!(error.message().contains("expired"));
    }
    // And was never remembered when it was stale from the start.
    let fresh = Verifier::new(VerifierOptions::local(vec![key.public_key()]));
    assert!(fresh.verify(&token, expiry).is_err());
    assert_eq!(fresh.0.remembered.iter().count(), 0);
}

#[test]
fn a_token_of_the_near_future_is_forgiven_by_the_leeway_only() {
    let (key, verifier) = rig();
    let head = header(&key).to_string();
    let start = NOW.to_secs_nanos().0 + 20;
    let early = signed(&head, &changed(payload(), &json!({"nbf": start})));
    assert!(verifier.verify(&early, NOW).is_ok());
    // Remembered, and still not valid before its time.
    assert!(
        verifier
            .verify(&early, NOW.minus(Duration::from_secs(11)))
            .is_err()
    );
}

#[test]
fn refused_tokens_are_not_remembered() {
    let (_, verifier) = rig();
    for n in 0..100 {
        refuse(&verifier, &format!("a.b.{n}"));
    }
    assert_eq!(verifier.0.remembered.len(), 0);
}

#[test]
fn keys_refuse_to_mint_what_no_verifier_believes() {
    let (key, _) = rig();
    let with = |change: &dyn Fn(&mut Grant)| {
        let mut grant = grant();
        change(&mut grant);
        key.mint(grant)
    };
    assert!(with(&|g| g.tenant = TenantId::all()).is_err());
    assert!(with(&|g| g.roles = vec![Role::Service]).is_err());
    assert!(with(&|g| g.principal.id = String::new()).is_err());
    assert!(with(&|g| g.ttl = Duration::from_millis(999)).is_err());
    for endless in [Duration::from_secs(1 << 40), Duration::MAX] {
        let refused = with(&|g| g.ttl = endless).expect_err("ends after the calendar");
        assert_eq!(refused.reason(), Reason::InvalidArgument);
    }
    let service = with(&|g| {
        g.tenant = TenantId::all();
        g.principal.kind = PrincipalKind::Service;
        g.roles = vec![Role::Service];
    });
    assert!(service.is_ok());
}

#[test]
fn a_token_says_teams_second_factor_and_for_whom_a_service_asks() {
    let (key, verifier) = rig();
    let mut person = grant();
    person.teams = vec!["north".to_owned()];
    person.multi_factor = true;
    let token = key.mint(person).expect("mints");
    let claims = verifier.verify(&token, NOW).expect("believed");
    assert_eq!(claims.teams, ["north"]);
    assert_eq!(claims.strength, Strength::MultiFactor);

    let asker = grant().principal;
    let mut service = grant();
    service.principal.kind = PrincipalKind::Service;
    service.roles = vec![Role::Service];
    service.on_behalf_of = Some(asker.clone());
    let token = key.mint(service).expect("mints");
    let claims = verifier.verify(&token, NOW).expect("believed");
    assert_eq!(claims.on_behalf_of, Some(asker.clone()));
    assert_eq!(
        claims.roles,
        [Role::Service],
        "the asker's rights stay behind"
    );

    let mut posing = grant();
    posing.on_behalf_of = Some(asker);
    assert!(key.mint(posing).is_err(), "only services ask for others");
    let mut bent = grant();
    bent.teams = vec!["no\nrth".to_owned()];
    assert!(key.mint(bent).is_err());
    let head = header(&key).to_string();
    for change in [
        json!({"on_behalf_of": {"kind": "person", "sub": "eve"}}),
        json!({"teams": "north"}),
        json!({"teams": ["a b"]}),
        json!({"amr": "mfa"}),
        json!({"kind": "service", "roles": ["service"], "on_behalf_of": {"kind": "root", "sub": "e"}}),
        json!({"kind": "service", "roles": ["service"], "on_behalf_of": {"kind": "person"}}),
    ] {
        refuse(&verifier, &signed(&head, &changed(payload(), &change)));
    }
}

#[test]
fn a_key_file_is_made_once_and_holds_the_same_key() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("signing.key");
    let missing = SigningKey::load(&path).err().expect("not there");
    assert_eq!(missing.reason(), Reason::NotFound);
    let made = SigningKey::load_or_generate(&path).expect("makes");
    let read = SigningKey::load(&path).expect("reads");
    assert_eq!(made.public_key(), read.public_key());
    assert!(SigningKey::generate(&path).is_err());
    std::fs::write(&path, "c2hvcnQ=").expect("writes");
    let broken = SigningKey::load(&path).err().expect("too short");
    assert_eq!(broken.reason(), Reason::FailedPrecondition);
}

#[test]
fn weak_public_keys_are_refused() {
    // The neutral element: every signature verifies for some message under it.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(PublicKey::from_bytes(neutral).is_err());
    assert!(PublicKey::from_bytes([0; 32]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_token_with_any_byte_changed_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (key, verifier) = rig();
        let good = key.mint(grant()).expect("mints");
        let mut bytes = good.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(bent) = String::from_utf8(bytes) && bent != good {
            prop_assert!(verifier.verify(&bent, NOW).is_err(), "{}", bent);
        }
    }

    #[test]
    fn arbitrary_text_is_refused(header in ".{0,80}", body in ".{0,80}", raw in "[A-Za-z0-9_.=-]{0,200}") {
        let (_, verifier) = rig();
        prop_assert!(verifier.verify(&signed(&header, &body), NOW).is_err());
        prop_assert!(verifier.verify(&raw, NOW).is_err());
    }
}
