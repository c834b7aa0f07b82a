//! A panic is a fault of ours in one call; the others go on.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use dossier_kernel::Error;

/// The future, whose panic becomes an error. It is not polled again after that, so what it left
/// half done is not seen by anybody.
pub async fn caught<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut work = pin!(work);
    poll_fn(|cx| {
        catching(|| work.as_mut().poll(cx)).unwrap_or_else(|error| Poll::Ready(Err(error)))
    })
    .await
}

/// What `step` answers, or the error that its panic becomes. The panic's words went to the log by
/// way of the panic hook.
pub fn catching<T>(step: impl FnOnce() -> T) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|_| Error::internal("the handler panicked"))
}
