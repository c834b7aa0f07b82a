//! Secrets that are none.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The key of documentation, examples and tests, for root and signing keys alike: 32 bytes in
/// base64, known to everybody. Production refuses to start with it.
pub const DEMO_KEY: &str = "ZG9zc2llci1kZW1vLWtleS1kby1ub3QtdXNlLWl0ISE=";

/// SHA-256 of the bytes of [`DEMO_KEY`]: the check holds however the file writes them.
const DEMO_FINGERPRINT: [u8; 32] = [
    0x84, 0xb9, 0x11, 0x6b, 0xe9, 0x28, 0x66, 0xf2, 0x60, 0x3d, 0x1a, 0xe9, 0x76, 0xc6, 0xdb, 0xd1,
    0xa1, 0xde, 0x61, 0xc2, 0x55, 0xb4, 0x6f, 0x16, 0x34, 0x8c, 0x55, 0x41, 0x0c, 0xa7, 0xc1, 0x8c,
];

/// Why the text of a key file protects nothing, in words that follow "the key". `None` for a key
/// nobody can know from its look.
pub fn weakness(text: &str) -> Option<&'static str> {
    let mut keys = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter_map(|word| STANDARD.decode(word).ok().map(Zeroizing::new))
        .filter(|key| key.len() == 32);
    keys.find_map(|key| of_bytes(&key))
}

fn of_bytes(key: &[u8]) -> Option<&'static str> {
    let fingerprint: [u8; 32] = Sha256::digest(key).into();
    if fingerprint == DEMO_FINGERPRINT {
        return Some("is the demo key that everybody knows");
    }
    let mut steps = key.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let first = steps.next()?;
    steps
        .all(|step| step == first)
        .then_some("is one byte repeated or counted up, which was not drawn at random")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_key_and_keys_made_up_by_hand_are_found() {
        for weak in [
            DEMO_KEY.to_owned(),
            format!("\n{DEMO_KEY}\n"),
            STANDARD.encode([0; 32]),
            STANDARD.encode([7; 32]),
            STANDARD.encode(std::array::from_fn::<u8, 32, _>(|at| at as u8)),
        ] {
            assert!(weakness(&weak).is_some(), "{weak}");
        }
        let drawn = STANDARD.encode(Sha256::digest(b"as good as drawn"));
        assert_eq!(weakness(&drawn), None);
    }
}
