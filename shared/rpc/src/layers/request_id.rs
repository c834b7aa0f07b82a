//! Names every call: the caller's `x-request-id` where it is harmless to print, else a new one.

use dossier_kernel::RequestId;
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Reads the name of the call. Headers that must not be printed are marked on the way.
pub fn take(headers: &mut HeaderMap) -> RequestId {
    if let Some(token) = headers.get_mut(AUTHORIZATION) {
        token.set_sensitive(true);
    }
    let sent = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    sent.and_then(RequestId::from_header)
        .unwrap_or_else(RequestId::random)
}

/// Answers the name, so that a caller without one can quote it.
pub fn put(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(mut value) = HeaderValue::from_str(id.as_str()) {
        // Never seen again: in the connection's table of headers (RFC 7541, section 6.2.3) it would
        // only push out those that are.
        value.set_sensitive(true);
        headers.insert(REQUEST_ID, value);
    }
}
