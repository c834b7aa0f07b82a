//! Tokens that must not be let in, without end, from a seed.

use dossier_testkit::Dice;
use serde_json::{Value, json};

use super::keys::{ES_ISSUER, KID, Keys, RS_ISSUER, payload};
use super::{claim, text};

pub struct Forged {
    /// What is wrong with it.
    pub kind: &'static str,
    /// The whole value of `authorization`.
    pub header: Vec<u8>,
}

pub struct Forge<'a> {
    keys: &'a Keys,
    /// One that is valid.
    api_key: &'a str,
}

impl<'a> Forge<'a> {
    pub fn new(keys: &'a Keys, api_key: &'a str) -> Self {
        Self { keys, api_key }
    }

    pub fn next(&mut self, dice: &mut Dice) -> Forged {
        let (kind, token) = match dice.within(0..10) {
            0 => self.algorithm(dice),
            1 => self.key(dice),
            2 => self.pointer(dice),
            3 | 4 => self.claims(dice),
            5 => claim::repeated(self.keys, dice),
            6 => self.foreign(dice),
            7 => text::api_key(self.keys, self.api_key, dice),
            8 => return text::header(self.keys, dice),
            _ => text::bent(self.keys, dice),
        };
        Forged {
            kind,
            header: format!("Bearer {token}").into_bytes(),
        }
    }

    /// Another algorithm than the key's.
    fn algorithm(&self, dice: &mut Dice) -> (&'static str, String) {
        let keys = self.keys;
        let body = payload("dossier").to_string();
        let named = |alg: &str| with(keys.header(), "alg", json!(alg)).to_string();
        match dice.within(0..4) {
            0 => {
                let none = *dice.pick(&["none", "None", "NONE", "nOnE", "", "null"]);
                let signed = keys.by_own(&named(none), &body);
                let (message, _) = signed.rsplit_once('.').unwrap_or_default();
                let token = match dice.within(0..3) {
                    0 => format!("{message}."),
                    1 => message.to_owned(),
                    _ => signed.clone(),
                };
                ("algorithm none", token)
            }
            1 => {
                let secrets = keys.public_secrets();
                let alg = *dice.pick(&["HS256", "EdDSA"]);
                let token = keys.by_hmac(dice.pick::<Vec<u8>>(&secrets), &named(alg), &body);
                ("a public key as the secret of an HMAC", token)
            }
            2 => {
                let alg = *dice.pick(&[
                    "RS256", "ES256", "PS512", "HS512", "eddsa", "EDDSA", "Ed25519", "EdDSA ",
                ]);
                (
                    "another name of the algorithm",
                    keys.by_own(&named(alg), &body),
                )
            }
            _ => {
                let header = with(keys.header(), "alg", json!(["EdDSA"])).to_string();
                ("an algorithm that is a list", keys.by_own(&header, &body))
            }
        }
    }

    /// Another key than the one that is named.
    fn key(&self, dice: &mut Dice) -> (&'static str, String) {
        let keys = self.keys;
        let body = payload("dossier").to_string();
        match dice.within(0..3) {
            0 => {
                let header = keys.header().to_string();
                (
                    "another key under the name of ours",
                    keys.by_attacker(&header, &body),
                )
            }
            1 => {
                let mut header = keys.header();
                header["jwk"] = keys.attacker_jwk();
                (
                    "a key that the token brings",
                    keys.by_attacker(&header.to_string(), &body),
                )
            }
            _ => {
                let kid = dice
                    .pick(&[
                        json!(""),
                        json!(null),
                        json!(7),
                        json!([keys.kid]),
                        json!({"kid": keys.kid}),
                        json!("../../../../dev/null"),
                        json!("/proc/self/environ"),
                        json!("' OR '1'='1"),
                        json!("x' UNION SELECT 'AAAA' --"),
                        json!("| id"),
                        json!(format!("{}\u{0}", keys.kid)),
                        json!(format!(" {}", keys.kid)),
                        json!(keys.kid.to_uppercase() + "x"),
                        json!("ключ"),
                        json!("\u{202e}1-yek"),
                        json!("k".repeat(2_000)),
                        json!(KID),
                    ])
                    .clone();
                let header = with(keys.header(), "kid", kid).to_string();
                // Signed by ours or by theirs: a name is no key.
                let token = match dice.within(0..2) {
                    0 => keys.by_own(&header, &body),
                    _ => keys.by_attacker(&header, &body),
                };
                ("a trick with the key's name", token)
            }
        }
    }

    /// A header that says more, or other things, than ours does.
    fn pointer(&self, dice: &mut Dice) -> (&'static str, String) {
        let keys = self.keys;
        let (name, value) = dice
            .pick(&[
                ("jku", json!("https://evil.example/keys")),
                ("x5u", json!("https://evil.example/certificate")),
                ("x5c", json!(["AAAA"])),
                ("x5t", json!("AAAA")),
                ("jwk", keys.attacker_jwk()),
                ("crit", json!(["exp"])),
                ("crit", json!([])),
                ("b64", json!(false)),
                ("zip", json!("DEF")),
                ("cty", json!("JWT")),
                ("enc", json!("A256GCM")),
                ("typ", json!("JWT")),
                ("typ", json!("at+JWT")),
                ("typ", json!("application/at+jwt")),
                ("typ", json!("id+jwt")),
                ("typ", json!(null)),
                ("note", json!("x")),
            ])
            .clone();
        let header = with(keys.header(), name, value).to_string();
        let token = keys.by_own(&header, &payload("dossier").to_string());
        ("a header that points elsewhere", token)
    }

    fn claims(&self, dice: &mut Dice) -> (&'static str, String) {
        let (kind, body) = claim::wrong(dice);
        (
            kind,
            self.keys
                .by_own(&self.keys.header().to_string(), &body.to_string()),
        )
    }

    /// What tokens of other issuers must not be.
    fn foreign(&self, dice: &mut Dice) -> (&'static str, String) {
        let keys = self.keys;
        let head = |alg: &str| json!({"alg": alg, "typ": "at+jwt", "kid": KID}).to_string();
        let body = |issuer: &str| payload(issuer).to_string();
        match dice.within(0..9) {
            0 => (
                "an issuer's name under another's key",
                keys.by_rs(&head("RS256"), &body(ES_ISSUER)),
            ),
            1 => (
                "an issuer's key for our name",
                keys.by_es(&head("ES256"), &body("dossier")),
            ),
            2 => ("our key for an issuer's name", {
                keys.by_own(&keys.header().to_string(), &body(RS_ISSUER))
            }),
            3 => ("RS256 made HS256", {
                let secrets = keys.public_secrets();
                let alg = *dice.pick(&["HS256", "RS256"]);
                keys.by_hmac(dice.pick::<Vec<u8>>(&secrets), &head(alg), &body(RS_ISSUER))
            }),
            4 => {
                // CVE-2022-21449: a verifier that forgets to check for zero believes this of anyone.
                let message = super::keys::message(&head("ES256"), &body(ES_ISSUER));
                (
                    "a signature of nothing",
                    format!("{message}.{}", "A".repeat(86)),
                )
            }
            5 => {
                let mut claims = payload(ES_ISSUER);
                claims["aud"] = dice
                    .pick(&[
                        json!("other"),
                        json!([]),
                        json!(["other"]),
                        json!(null),
                        json!({}),
                    ])
                    .clone();
                (
                    "an issuer's token for somebody else",
                    keys.by_es(&head("ES256"), &claims.to_string()),
                )
            }
            6 => {
                let (kind, mut claims) = claim::wrong_time(dice);
                claims["iss"] = json!(RS_ISSUER);
                (kind, keys.by_rs(&head("RS256"), &claims.to_string()))
            }
            7 => {
                let kid = *dice.pick(&["key-2", "", "../key-1", "KEY-1"]);
                let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}).to_string();
                (
                    "an issuer's key that is not published",
                    keys.by_es(&header, &body(ES_ISSUER)),
                )
            }
            _ => {
                let header =
                    json!({"alg": "ES256", "typ": "at+jwt", "kid": KID, "jku": "https://x"});
                ("an issuer's header that points elsewhere", {
                    keys.by_es(&header.to_string(), &body(ES_ISSUER))
                })
            }
        }
    }
}

pub fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}
