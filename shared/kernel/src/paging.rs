//! Keyset paging: a page continues after the last row seen, whatever is written meanwhile (AIP-158).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Violation};

/// How many rows a page has: 50 unless asked otherwise, at most 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(pub u32);

impl PageSize {
    pub const DEFAULT: u32 = 50;
    pub const MAX: u32 = 1_000;

    /// Zero means the default and more than the cap means the cap, as AIP-158 has it; a negative
    /// size is refused.
    pub fn from_request(page_size: i32) -> Result<Self, Error> {
        match u32::try_from(page_size) {
            Err(_) => Err(Error::invalid(vec![Violation::new(
                "page_size",
                "must not be negative; leave it 0 for the default of 50",
            )])),
            Ok(0) => Ok(Self(Self::DEFAULT)),
            Ok(n) => Ok(Self(n.min(Self::MAX))),
        }
    }

    pub const fn get(self) -> u64 {
        self.0 as u64
    }
}

/// One value of the key a page ended at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyValue {
    Null,
    Int(i64),
    Text(String),
    Uuid(uuid::Uuid),
}

impl KeyValue {
    /// No row has a text with U+0000: PostgreSQL stores none, and fails where it is asked for one.
    fn is_unheard_of(&self) -> bool {
        matches!(self, Self::Text(text) if text.contains('\0'))
    }
}

/// Where a page ended. Opaque to clients and bound to the query that made it: a token used with
/// another filter or order is refused instead of giving a wrong page. Order keys are never personal
/// values, so a token holds none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageToken {
    /// The sort key of the last row, the row's id last.
    pub after: Vec<KeyValue>,
    query: String,
}

impl PageToken {
    /// `query` is everything that decides which rows come and in which order, other than the page
    /// size: tenant, filter, order, flags.
    pub fn new(query: &[&str], after: Vec<KeyValue>) -> Self {
        Self {
            after,
            query: fingerprint(query),
        }
    }

    pub fn encode(&self) -> String {
        // The type has no map with foreign keys and no float: serialising it cannot fail.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The token of the page that begins at `next`; empty where there is none.
    pub fn next(query: &[&str], next: Option<Vec<KeyValue>>) -> String {
        next.map_or_else(String::new, |after| Self::new(query, after).encode())
    }

    /// An empty token is the first page.
    pub fn decode(text: &str, query: &[&str]) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        let refuse = |why: &str| Error::invalid(vec![Violation::new("page_token", why)]);
        let token = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
            .filter(|token| !token.after.iter().any(KeyValue::is_unheard_of))
            .ok_or_else(|| {
                refuse("is not a token of this service; pass next_page_token unchanged")
            })?;
        if token.query != fingerprint(query) {
            return Err(refuse(
                "belongs to another query; keep filter, order_by and flags the same between pages",
            ));
        }
        Ok(Some(token))
    }
}

fn fingerprint(query: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in query {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&hash.finalize()[..9])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_forged_text_with_a_null_is_no_token() {
        let forged = |text: &str| PageToken::new(&["t"], vec![KeyValue::Text(text.to_owned())]);
        assert!(PageToken::decode(&forged("ab").encode(), &["t"]).is_ok());
        let refused = PageToken::decode(&forged("a\0b").encode(), &["t"]);
        let refused = refused.expect_err("no row has it");
        assert_eq!(refused.violations()[0].field, "page_token");
    }

    proptest! {
        #[test]
        fn hostile_text_is_no_token(
            text in prop_oneof![
                any::<String>(),
                proptest::collection::vec(any::<u8>(), 0..80).prop_map(|b| URL_SAFE_NO_PAD.encode(b)),
                any::<String>().prop_map(|json| URL_SAFE_NO_PAD.encode(json)),
            ],
        ) {
            match PageToken::decode(&text, &["t"]) {
                Ok(token) => prop_assert!(token.is_none() && text.is_empty()),
                Err(error) => prop_assert_eq!(error.violations()[0].field.as_str(), "page_token"),
            }
        }

        #[test]
        fn a_token_with_one_byte_changed_is_refused_or_of_the_same_query(
            at in any::<prop::sample::Index>(),
            to in any::<u8>(),
        ) {
            let after = vec![KeyValue::Int(7), KeyValue::Text("x".to_owned())];
            let token = PageToken::new(&["t"], after);
            let mut bytes = serde_json::to_vec(&token).expect("serialises");
            let at = at.index(bytes.len());
            bytes[at] = to;
            let changed = PageToken::decode(&URL_SAFE_NO_PAD.encode(bytes), &["t"]);
            if let Ok(Some(read)) = changed {
                // Where it goes on may be changed by whoever carries it; whose rows come may not.
                prop_assert_eq!(read.query, token.query);
            }
        }
    }

    #[test]
    fn a_token_comes_back_for_its_own_query_only() {
        let token = PageToken::new(&["t", "a = 1"], vec![KeyValue::Int(3), KeyValue::Null]);
        let text = token.encode();
        assert_eq!(
            PageToken::decode(&text, &["t", "a = 1"]).expect("reads"),
            Some(token)
        );
        assert!(PageToken::decode(&text, &["ta", " = 1"]).is_err());
        assert!(PageToken::decode("???", &["t"]).is_err());
        assert_eq!(PageToken::decode("", &["t"]).expect("first page"), None);
    }

    #[test]
    fn page_sizes_follow_aip_158() {
        assert_eq!(PageSize::from_request(0).expect("default").0, 50);
        assert_eq!(PageSize::from_request(5_000).expect("capped").0, 1_000);
        assert!(PageSize::from_request(-1).is_err());
    }
}
