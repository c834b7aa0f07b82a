//! Refuses headers that are larger than any honest call needs.
//!
//! The transport itself reads up to [`WIRE_FACTOR`] times as much, because what it refuses gets a
//! bare HTTP 431 that no client understands; what is refused here has an `ErrorInfo`.

use dossier_kernel::{Error, Reason};
use http::Request;

/// How many times the limit the transport reads.
pub const WIRE_FACTOR: u32 = 4;

/// What a header costs beside its bytes (RFC 9113, section 6.5.2).
const OVERHEAD_BYTES: usize = 32;

pub fn check<B>(request: &Request<B>, limit_bytes: u32) -> Result<(), Error> {
    let headers = request.headers().iter();
    let path = request.uri().path().len();
    let found = headers.fold(path, |sum, (name, value)| {
        sum + name.as_str().len() + value.len() + OVERHEAD_BYTES
    });
    if u32::try_from(found).is_ok_and(|found| found <= limit_bytes) {
        return Ok(());
    }
    let words = format!(
        "The headers are {found} bytes long and at most {limit_bytes} are read; send less metadata."
    );
    Err(Error::new(Reason::LimitExceeded, words).with("limit", limit_bytes.to_string()))
}
