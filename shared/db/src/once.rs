//! The name of a request that must have its effect once.

use dossier_kernel::{Error, Result, Violation};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// A `request_id` with what it was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    pub request_id: Uuid,
    /// The RPC, such as `dossier.profile.v1.CustomerService/CreateCustomer`.
    pub method: &'static str,
    /// SHA-256 over the request's bytes.
    pub fingerprint: [u8; 32],
}

impl Once {
    /// An empty `request_id` promises nothing and gives `None`; any other must be a UUID (AIP-155).
    /// `request` is the request in a stable encoding, which decides whether a reuse is the same.
    pub fn new(request_id: &str, method: &'static str, request: &[u8]) -> Result<Option<Self>> {
        if request_id.is_empty() {
            return Ok(None);
        }
        let refuse = || {
            Error::invalid(vec![Violation::new(
                "request_id",
                "must be a UUID other than the nil UUID, or empty",
            )])
        };
        let request_id = Uuid::try_parse(request_id).map_err(|_| refuse())?;
        if request_id.is_nil() {
            return Err(refuse());
        }
        Ok(Some(Self {
            request_id,
            method,
            fingerprint: Sha256::digest(request).into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_id_promises_nothing_and_a_bad_one_is_refused() {
        assert_eq!(Once::new("", "m", b"x").expect("fine"), None);
        assert!(Once::new("order-7", "m", b"x").is_err());
        assert!(Once::new(&Uuid::nil().to_string(), "m", b"x").is_err());
    }

    #[test]
    fn the_body_decides_the_fingerprint() {
        let id = Uuid::now_v7().to_string();
        let of = |body: &[u8]| {
            Once::new(&id, "m", body)
                .expect("fine")
                .expect("some")
                .fingerprint
        };
        assert_eq!(of(b"a"), of(b"a"));
        assert_ne!(of(b"a"), of(b"b"));
    }
}
