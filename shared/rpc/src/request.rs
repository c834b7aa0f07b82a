//! What the layers leave with a request for its handler, and what a handler leaves with its answer.

use std::net::SocketAddr;
use std::sync::Arc;

use dossier_kernel::{Ctx, Error};
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Response, Status};

/// Response metadata: the cursor of the change that the call made. It travels in the trailers.
pub const CURSOR: &str = "dossier-cursor";

/// Who asks, as the layers found out.
pub fn ctx<T>(request: &Request<T>) -> Result<Ctx, Status> {
    request.extensions().get::<Ctx>().cloned().ok_or_else(|| {
        crate::status(Error::internal(
            "the request reached a handler around the layers",
        ))
    })
}

/// Cancelled when the server drains, or the caller would not be let in any more. A handler of a long
/// stream then sends its resumable end item and ends the stream.
pub fn stop<T>(request: &Request<T>) -> CancellationToken {
    request
        .extensions()
        .get::<Stop>()
        .map(|stop| stop.0.clone())
        .unwrap_or_default()
}

/// An answer that says where in the feed the change stands.
pub fn with_cursor<T>(response: T, cursor: Option<String>) -> Response<T> {
    let mut response = Response::new(response);
    if let Some(cursor) = cursor
        && let Ok(value) = MetadataValue::<Ascii>::try_from(cursor)
    {
        response.metadata_mut().insert(CURSOR, value);
    }
    response
}

/// The address at the other end of the socket. Absent for calls inside the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress(pub SocketAddr);

/// The call comes from this process, past no socket. Whatever lacks it came over one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inside;

/// The service that the certificate at the other end names.
#[derive(Clone, Debug)]
pub(crate) struct PeerService(pub Arc<str>);

#[derive(Clone, Debug)]
pub(crate) struct Stop(pub CancellationToken);
