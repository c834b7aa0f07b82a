//! Claims that must not be believed, though our own key signed them.

use dossier_testkit::Dice;
use serde_json::{Value, json};

use super::keys::{Keys, now, payload};

pub fn wrong(dice: &mut Dice) -> (&'static str, Value) {
    match dice.within(0..4) {
        0 => wrong_time(dice),
        1 => one_of(
            dice,
            "another issuer or audience",
            &[
                ("iss", json!("dossier ")),
                ("iss", json!("DOSSIER")),
                ("iss", json!("dоssier")),
                ("iss", json!(["dossier"])),
                ("iss", json!("https://evil.example")),
                ("iss", json!(null)),
                ("aud", json!("other")),
                ("aud", json!("dossier2")),
                ("aud", json!("")),
                ("aud", json!(["other", "dossier"])),
                ("aud", json!(null)),
                ("aud", json!({"dossier": true})),
            ],
        ),
        2 => one_of(
            dice,
            "another tenant than there can be",
            &[
                ("tenant", json!("*")),
                ("tenant", json!("")),
                ("tenant", json!("Default")),
                ("tenant", json!("default ")),
                ("tenant", json!("default\u{0}")),
                ("tenant", json!("dеfault")),
                ("tenant", json!("default/../other")),
                ("tenant", json!("default' OR '1'='1")),
                ("tenant", json!("t".repeat(64))),
                ("tenant", json!(["default"])),
                ("tenant", json!(null)),
                ("tenant", json!(0)),
            ],
        ),
        _ => one_of(
            dice,
            "a subject, kind or role that contradicts itself",
            &[
                ("sub", json!("")),
                ("sub", json!("a b")),
                ("sub", json!("a\r\nb")),
                ("sub", json!("x".repeat(257))),
                ("sub", json!(["ada"])),
                ("sub", json!(null)),
                ("kind", json!("service")),
                ("kind", json!("root")),
                ("kind", json!("Person")),
                ("kind", json!(null)),
                ("roles", json!(["service"])),
                ("roles", json!(["admin", "service"])),
                ("roles", json!("admin")),
                ("roles", json!([["admin"]])),
                ("roles", json!(null)),
                ("teams", json!("north")),
                ("teams", json!(["a b"])),
                ("amr", json!("mfa")),
                ("on_behalf_of", json!({"kind": "person", "sub": "eve"})),
            ],
        ),
    }
}

pub fn wrong_time(dice: &mut Dice) -> (&'static str, Value) {
    let now = now();
    let past = now - i64::try_from(dice.within(0..100_000_000)).unwrap_or_default();
    let future = now + 120 + i64::try_from(dice.within(0..100_000_000)).unwrap_or_default();
    let later = now + 3_600;
    one_of(
        dice,
        "expired, not valid yet, or a time that is none",
        &[
            ("exp", json!(past)),
            ("exp", json!(past)),
            ("exp", json!(0)),
            ("exp", json!(-1)),
            ("exp", json!(null)),
            ("exp", json!(later.to_string())),
            ("exp", json!(later as f64 + 0.5)),
            ("exp", json!(1e300)),
            ("exp", json!(u64::MAX)),
            ("exp", json!(i64::MAX)),
            ("exp", json!([later])),
            ("exp", json!(true)),
            ("nbf", json!(future)),
            ("nbf", json!(future)),
            ("nbf", json!("0")),
            ("nbf", json!(0.5)),
            ("nbf", json!(i64::MIN)),
            ("nbf", json!(u64::MAX)),
            ("iat", json!(future)),
            ("iat", json!("0")),
            ("iat", json!(-1e300)),
        ],
    )
}

/// The same name twice: parsers differ in which they take.
pub fn repeated(keys: &Keys, dice: &mut Dice) -> (&'static str, String) {
    let (header, body) = (keys.header().to_string(), payload("dossier").to_string());
    let twice = |object: &str, name: &str, value: &str, first: bool| match first {
        true => format!("{{\"{name}\":{value},{}", &object[1..]),
        false => format!("{},\"{name}\":{value}}}", &object[..object.len() - 1]),
    };
    let first = dice.within(0..2) == 0;
    if dice.within(0..4) == 0 {
        let (name, value) = *dice.pick(&[
            ("alg", "\"none\""),
            ("alg", "\"EdDSA\""),
            ("kid", "\"x\""),
            ("typ", "\"at+jwt\""),
        ]);
        let header = twice(&header, name, value, first);
        return (
            "a header that says one thing twice",
            keys.by_own(&header, &body),
        );
    }
    let (name, value) = *dice.pick(&[
        ("tenant", "\"other\""),
        ("tenant", "\"default\""),
        ("sub", "\"root\""),
        ("exp", "9999999999"),
        ("roles", "[\"admin\"]"),
        ("iss", "\"dossier\""),
        ("aud", "\"dossier\""),
        ("kind", "\"person\""),
        ("nbf", "0"),
    ]);
    let body = match name {
        "nbf" => twice(&twice(&body, name, value, first), name, "1", first),
        _ => twice(&body, name, value, first),
    };
    (
        "claims that say one thing twice",
        keys.by_own(&header, &body),
    )
}

fn one_of(dice: &mut Dice, kind: &'static str, changes: &[(&str, Value)]) -> (&'static str, Value) {
    let (name, value) = dice.pick(changes).clone();
    let mut body = payload("dossier");
    match value {
        // A claim that is not there, or half the time is nothing.
        Value::Null if is_required(name) && dice.within(0..2) == 0 => {
            if let Some(claims) = body.as_object_mut() {
                claims.remove(name);
            }
        }
        value => body[name] = value,
    }
    (kind, body)
}

fn is_required(name: &str) -> bool {
    !matches!(name, "nbf" | "iat")
}
