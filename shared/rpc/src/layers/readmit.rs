//! Whether the caller of an open stream would still be let in: tokens expire and API keys are revoked
//! while it lasts.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use dossier_kernel::{Error, Reason};
use http::HeaderValue;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::authenticate::bearer;
use crate::edge::Edge;

/// How long a handler may take to end its stream before it is cut.
const GRACE: Duration = Duration::from_secs(2);

/// Ready when the stream must be cut.
pub type Barred = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Asks again and again whether what was `sent` still lets anybody in. When it does not, `stop` is
/// cancelled, so that the handler ends the stream with a cursor to resume from; one that does not is
/// cut. While nobody can say, the stream goes on.
pub fn barred(edge: &Edge, sent: HeaderValue, stop: CancellationToken) -> Barred {
    let (verifier, clock) = (Arc::clone(&edge.verifier), edge.clock.clone());
    let interval = edge.limits.readmission_interval;
    Box::pin(async move {
        let token = sent.to_str().ok().and_then(bearer).unwrap_or_default();
        loop {
            sleep(interval).await;
            let again = verifier.admit(token, clock.now()).await;
            if again.is_err_and(|error| error.reason() == Reason::Unauthenticated) {
                break;
            }
        }
        stop.cancel();
        sleep(GRACE).await;
    })
}

pub fn refused() -> Error {
    Error::new(
        Reason::Unauthenticated,
        "The token or API key is not valid any more; open the stream again with one that is, from \
         the last cursor.",
    )
}
