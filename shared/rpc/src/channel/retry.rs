//! Asking again when a peer was not there.

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use dossier_kernel::{Ctx, Error, Reason};
use tonic::{Response, Status};

use crate::error_from_status;

const ATTEMPTS_MAX: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// A call earns a fifth of a retry. Without the bound, a peer that is down is asked three times
/// as often by everybody, and never comes up again.
const EARNED: i64 = 1;
const PRICE: i64 = 5;
const SAVED_MAX: i64 = 10 * PRICE;

/// The retries of one channel.
#[derive(Debug)]
pub struct Budget(AtomicI64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(SAVED_MAX))
    }
}

impl Budget {
    /// Runs `attempt` until it answers something other than UNAVAILABLE.
    pub async fn run<T, A>(&self, ctx: &Ctx, mut attempt: impl FnMut() -> A) -> Result<T, Error>
    where
        A: Future<Output = Result<Response<T>, Status>>,
    {
        self.earn();
        let mut pause = FIRST_PAUSE;
        for left in (0..ATTEMPTS_MAX).rev() {
            let error = match attempt().await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => understood(status),
            };
            let in_time = ctx.remaining().is_none_or(|remaining| remaining > pause);
            let again = error.reason() == Reason::Unavailable && left > 0 && in_time;
            if !again || !self.spend() {
                return Err(error);
            }
            tokio::time::sleep(jittered(pause)).await;
            pause *= 4;
        }
        Err(Error::unavailable(
            "A service that is needed cannot be reached; try again.",
        ))
    }

    fn earn(&self) {
        let earn = |saved: i64| Some((saved + EARNED).min(SAVED_MAX));
        let _ = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
    }

    fn spend(&self) -> bool {
        let spend = |saved: i64| (saved >= PRICE).then_some(saved - PRICE);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend)
            .is_ok()
    }
}

/// The token was ours, not the caller's: that it was refused is a fault of ours.
fn understood(status: Status) -> Error {
    let error = error_from_status(status);
    match error.reason() {
        Reason::Unauthenticated | Reason::PermissionDenied => {
            Error::internal(format!("a peer refused our token: {}", error.message()))
        }
        _ => error,
    }
}

/// Between half of the pause and all of it, so that those who failed together do not come back
/// together. The low bits of a version 7 UUID are random.
fn jittered(pause: Duration) -> Duration {
    let random = uuid::Uuid::now_v7().as_bytes()[15];
    pause.mul_f64(0.5 + f64::from(random) / 510.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use dossier_kernel::TenantId;

    use super::*;

    async fn run(answers: &[Reason]) -> (usize, Result<(), Reason>) {
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let asked = Cell::new(0);
        let outcome = Budget::default()
            .run(&ctx, || {
                let reason = answers.get(asked.get()).copied();
                asked.set(asked.get() + 1);
                std::future::ready(match reason {
                    Some(reason) => Err(crate::status(Error::new(reason, "words"))),
                    None => Ok(Response::new(())),
                })
            })
            .await;
        (asked.get(), outcome.map_err(|error| error.reason()))
    }

    #[tokio::test]
    async fn only_unavailable_is_asked_again() {
        use Reason::{Internal, NotFound, Unauthenticated, Unavailable};
        assert_eq!(run(&[Unavailable, Unavailable]).await, (3, Ok(())));
        assert_eq!(run(&[Unavailable; 4]).await, (3, Err(Unavailable)));
        assert_eq!(run(&[NotFound]).await, (1, Err(NotFound)));
        assert_eq!(run(&[Unauthenticated]).await, (1, Err(Internal)));
    }

    #[test]
    fn retries_are_at_most_a_fifth_of_the_calls_in_the_long_run() {
        let budget = Budget::default();
        let mut retries = 0;
        for _ in 0..1_000 {
            budget.earn();
            retries += u32::from(budget.spend()) + u32::from(budget.spend());
        }
        assert!((200..=210).contains(&retries), "{retries}");
    }
}
