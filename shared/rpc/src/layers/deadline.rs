//! Until when anybody waits. tonic's own timeout answers CANCELLED and leaves streams alone.

use std::future::Future;
use std::time::Instant;

use dossier_kernel::{Error, Reason, Violation};
use http::HeaderMap;

use crate::edge::Limits;
use crate::method::Method;
use crate::timeout;

/// The instant after which the answer is worthless: the caller's, or for unary calls ours.
pub fn read(
    headers: &HeaderMap,
    method: &Method,
    limits: &Limits,
    started: Instant,
) -> Result<Option<Instant>, Error> {
    let left = match headers.get(timeout::HEADER) {
        Some(value) => Some(timeout::parse(value).ok_or_else(|| {
            let cure = "is one to eight digits and one of H, M, S, m, u, n";
            Error::invalid(vec![Violation::new("grpc-timeout", cure)])
        })?),
        None if method.streams() => None,
        None => Some(limits.unary_timeout),
    };
    match left {
        Some(left) if left.is_zero() => Err(exceeded()),
        // An instant too far away to be represented is none.
        left => Ok(left.and_then(|left| started.checked_add(left))),
    }
}

/// The future, given up at the deadline.
pub async fn within<T>(
    deadline: Option<Instant>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match deadline {
        Some(at) => match tokio::time::timeout_at(at.into(), work).await {
            Ok(outcome) => outcome,
            Err(_) => Err(exceeded()),
        },
        None => work.await,
    }
}

pub fn exceeded() -> Error {
    Error::new(
        Reason::DeadlineExceeded,
        "The deadline passed before the answer was ready; a change may or may not have been made, \
         repeat it with the same request_id.",
    )
}
