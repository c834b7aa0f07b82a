//! What is no token at all, or not quite the one that was signed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use dossier_testkit::Dice;
use serde_json::json;

use super::forge::{Forged, with};
use super::keys::{Keys, payload};

/// The order of the group that Ed25519 signs in (RFC 8032, section 5.1), little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A valid token after a small change.
pub fn bent(keys: &Keys, dice: &mut Dice) -> (&'static str, String) {
    let good = keys.own_token();
    let (message, signature) = good.rsplit_once('.').unwrap_or_default();
    match dice.within(0..10) {
        0 => {
            let cut = dice.within(0..signature.len() as u64);
            let cut = usize::try_from(cut).unwrap_or_default();
            (
                "a cut signature",
                format!("{message}.{}", &signature[..cut]),
            )
        }
        1 => ("a changed character", changed(&good, dice)),
        2 => {
            let s = plus_order(signature);
            (
                "a signature that stands for the same number",
                format!("{message}.{s}"),
            )
        }
        3 => {
            let other = keys.by_own(&keys.header().to_string(), "{}");
            let (_, other) = other.rsplit_once('.').unwrap_or_default();
            ("the signature of other words", format!("{message}.{other}"))
        }
        4 => (
            "base64 that is not canonical",
            respelled(message, signature, dice),
        ),
        5 => {
            let parts = dice.within(0..4);
            let token = match parts {
                0 => format!("{good}.{good}"),
                1 => good.replacen('.', "..", 1),
                2 => format!("{message}.x.y.{signature}"),
                _ => message.to_owned(),
            };
            ("too many parts, or too few", token)
        }
        6 => {
            let header = with(keys.header(), "cty", json!("JWT")).to_string();
            let inner = match dice.within(0..2) {
                0 => keys.by_own(&header, &good),
                _ => keys.by_own(&keys.header().to_string(), &format!("{good:?}")),
            };
            ("a token within a token", inner)
        }
        7 => {
            let body = json!({"payload": payload("dossier"), "protected": keys.header(),
                "signature": signature});
            ("a token written as JSON", body.to_string())
        }
        8 => {
            let mut body = payload("dossier");
            body["note"] = match dice.within(0..2) {
                0 => json!("x".repeat(4_096)),
                _ => serde_json::from_str(&format!("{}{}", "[".repeat(100), "]".repeat(100)))
                    .unwrap_or_default(),
            };
            body["note2"] = json!("y".repeat(4_096));
            (
                "more than a token may be",
                keys.by_own(&keys.header().to_string(), &body.to_string()),
            )
        }
        _ => {
            let header = *dice.pick(&["null", "[]", "7", "\"x\"", "{}", "", "{"]);
            let body = *dice.pick(&["null", "[]", "{}", "", "{", "\u{feff}{}"]);
            ("words that are no claims", keys.by_own(header, body))
        }
    }
}

/// What only looks like an API key.
pub fn api_key(keys: &Keys, valid: &str, dice: &mut Dice) -> (&'static str, String) {
    match dice.within(0..5) {
        0 => {
            let unknown = keys.unknown_api_key().unwrap_or_default();
            ("an API key that nobody made", unknown)
        }
        1 => ("an API key with a typo", changed(valid, dice)),
        2 => {
            let cut = usize::try_from(dice.within(4..valid.len() as u64)).unwrap_or(4);
            ("a part of an API key", valid[..cut].to_owned())
        }
        3 => {
            let other = *dice.pick(&["DSK_", "dsk-", "sk_", "", "dsk_dsk_"]);
            (
                "an API key with another beginning",
                format!("{other}{}", &valid[4..]),
            )
        }
        _ => {
            // The id of a key that there is, the secret of another.
            let unknown = keys.unknown_api_key().unwrap_or_default();
            let mixed = format!("{}{}", &valid[..37], unknown.get(37..).unwrap_or_default());
            ("an API key of two halves", mixed)
        }
    }
}

/// A header that says something else than `Bearer` and one token.
pub fn header(keys: &Keys, dice: &mut Dice) -> Forged {
    let good = keys.own_token();
    let header = match dice.within(0..14) {
        0 => format!("Basic {good}"),
        1 => good,
        2 => format!("Bearer {good} {good}"),
        3 => format!("Bearer {good}, Bearer {good}"),
        4 => format!("Bearer\u{a0}{good}"),
        5 => format!("Вearer {good}"),
        6 => format!("Bearer \u{feff}{good}"),
        7 => format!("Bearer {}", good.replace('.', "。")),
        8 => format!("Bearer {good}\u{200d}"),
        9 => format!("Bearer \"{good}\""),
        10 => format!("Bearer {good}="),
        11 => format!("Bearer token={good}"),
        12 => "Bearer 客户.档案.令牌".to_owned(),
        _ => "Bearer ".to_owned(),
    };
    Forged {
        kind: "a header that is not `Bearer` and a token",
        header: header.into_bytes(),
    }
}

/// One character is another one of the same alphabet.
fn changed(text: &str, dice: &mut Dice) -> String {
    let mut bytes = text.as_bytes().to_vec();
    loop {
        let at = usize::try_from(dice.within(0..bytes.len() as u64)).unwrap_or_default();
        let to = *dice.pick(b"ABCXYZabcxyz0189-_.");
        if bytes[at] != to {
            bytes[at] = to;
            return String::from_utf8(bytes).unwrap_or_default();
        }
    }
}

/// `R || S + L`: a verifier that does not insist on the smallest S believes two signatures.
fn plus_order(signature: &str) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    let mut carry = 0;
    for (byte, order) in bytes.iter_mut().skip(32).zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

fn respelled(message: &str, signature: &str, dice: &mut Dice) -> String {
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    match dice.within(0..4) {
        0 => format!("{message}.{}", URL_SAFE.encode(&bytes)),
        1 => {
            let other = STANDARD.encode(&bytes);
            // Without `+` and `/` the alphabets agree; the padding still tells them apart.
            format!("{message}.{other}")
        }
        2 => {
            // The last of 86 characters carries two bits; the other four must be zero.
            let mut text = signature.as_bytes().to_vec();
            if let Some(last) = text.last_mut() {
                *last = match *last {
                    b'A' => b'B',
                    b'Q' => b'R',
                    b'g' => b'h',
                    _ => b'x',
                };
            }
            format!("{message}.{}", String::from_utf8(text).unwrap_or_default())
        }
        _ => {
            let (header, rest) = message.split_once('.').unwrap_or_default();
            format!("{header}=.{rest}.{signature}")
        }
    }
}
