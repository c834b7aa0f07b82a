//! Asking again when a peer was not there.
//!
//! Only UNAVAILABLE is asked again: the call may or may not have been done, so only what may be
//! done twice is asked this way (a read, or a change with a `request_id`). How often is bounded by
//! a budget over all calls (gRFC A6, "retry throttling"; Site Reliability Engineering, chapter 21),
//! and how long by the caller's deadline and [`PATIENCE`].

use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use dossier_kernel::{Ctx, Error, Reason};
use tonic::{Response, Status};

use crate::error_from_status;

/// How long a peer that is not there is asked, unless the channel says otherwise: long enough for
/// another replica to be found, too short for a person to give up.
pub const PATIENCE: Duration = Duration::from_secs(2);

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// A call earns a fifth of a retry. Without the bound, a peer that is down is asked several times
/// as often by everybody, and never comes up again.
const EARNED: i64 = 1;
const PRICE: i64 = 5;
/// A peer that goes away breaks every call to it at the same instant: so many may be asked again.
const SAVED_MAX: i64 = 100 * PRICE;

/// The retries of one channel.
#[derive(Debug)]
pub struct Budget(AtomicI64);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicI64::new(SAVED_MAX))
    }
}

impl Budget {
    /// Runs `attempt` until it answers something other than UNAVAILABLE, or `patience`, the time of
    /// `ctx` or the budget is used up. Pauses double, and are never shorter than the peer asks.
    pub async fn run<T, A>(
        &self,
        ctx: &Ctx,
        patience: Duration,
        mut attempt: impl FnMut() -> A,
    ) -> Result<T, Error>
    where
        A: Future<Output = Result<Response<T>, Status>>,
    {
        self.earn();
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match attempt().await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => understood(status),
            };
            // What the peer asks for counts from the second time on: most often another replica
            // answers at once.
            let asked = error.retry_delay().filter(|_| pause > FIRST_PAUSE);
            let wait = jittered(pause).max(asked.unwrap_or_default());
            let left = patience.saturating_sub(begun.elapsed());
            let left = ctx.remaining().map_or(left, |time| time.min(left));
            let again = error.reason() == Reason::Unavailable && left > wait;
            if !again || !self.spend() {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
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
        run_with(&Budget::default(), PATIENCE, answers).await
    }

    async fn run_with(
        budget: &Budget,
        patience: Duration,
        answers: &[Reason],
    ) -> (usize, Result<(), Reason>) {
        let ctx = Ctx::service("test", TenantId::embedded_default());
        let asked = Cell::new(0);
        let outcome = budget
            .run(&ctx, patience, || {
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
        assert_eq!(run(&[NotFound]).await, (1, Err(NotFound)));
        assert_eq!(run(&[Unauthenticated]).await, (1, Err(Internal)));
    }

    #[tokio::test]
    async fn patience_the_deadline_and_the_budget_end_it() {
        use Reason::Unavailable;
        let never = [Unavailable; 1_000];
        let short = Duration::from_millis(150);
        let (asked, outcome) = run_with(&Budget::default(), short, &never).await;
        assert_eq!(outcome, Err(Unavailable));
        assert!((2..=4).contains(&asked), "{asked} times in {short:?}");
        let long = Duration::from_secs(60);
        let budget = Budget(AtomicI64::new(2 * PRICE));
        assert_eq!(run_with(&budget, long, &never).await, (3, Err(Unavailable)));
        assert_eq!(run_with(&budget, long, &never).await, (1, Err(Unavailable)));
    }

    #[test]
    fn retries_are_at_most_a_fifth_of_the_calls_in_the_long_run() {
        let budget = Budget::default();
        let mut retries = 0;
        for _ in 0..1_000 {
            budget.earn();
            retries += u32::from(budget.spend()) + u32::from(budget.spend());
        }
        assert!((200..=300).contains(&retries), "{retries}");
    }
}
