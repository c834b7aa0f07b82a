//! A piece of work on its way through a transaction, with somebody who waits for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dossier_kernel::{AuditAction, AuditEvent, AuditLevel, Clock, Ctx, Error, Reason, Result};
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::commit_by::CommitBy;
use crate::new_rows::Expected;
use crate::{Committed, Position, Tx, failpoint};

/// Work of any type, as the writer sees it.
pub(crate) trait Job: Send {
    /// Past this instant the work must not be committed.
    fn deadline(&self) -> Option<Instant>;
    /// Nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    /// Runs the work; true when its effect is to be kept.
    fn run<'t>(&'t mut self, tx: &'t Tx) -> BoxFuture<'t, bool>;
    /// What the work does, where it only inserts rows and nothing stands against it.
    fn expected(&self) -> Option<&Expected>;
    /// What was expected is done, instead of [`Job::run`].
    fn come_true(&mut self, tx: &Tx);
    /// What was expected cannot be.
    fn disappoint(&mut self);
    /// Why the work failed, where the fault lies with the database and so concerns everybody.
    fn fault(&self) -> Option<CommitFailure>;
    /// The work's own result decides when it failed; else `outcome`, which is the commit's.
    fn answer(self: Box<Self>, outcome: Result<Vec<Position>, CommitFailure>);
}

/// Why nothing of a whole transaction was kept. Many callers get the same answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{cause}")]
pub(crate) struct CommitFailure {
    reason: Reason,
    message: String,
    retry_after: Option<Duration>,
    cause: Arc<str>,
}

impl From<Error> for CommitFailure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for CommitFailure {
    fn from(error: &Error) -> Self {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        Self {
            reason: error.reason(),
            message: error.message().to_owned(),
            retry_after: error.retry_delay(),
            cause: cause.unwrap_or_else(|| "commit".to_owned()).into(),
        }
    }
}

impl From<CommitFailure> for Error {
    fn from(failure: CommitFailure) -> Self {
        let mut error = Self::new(failure.reason, failure.message.clone());
        if let Some(delay) = failure.retry_after {
            error = error.retry_after(delay);
        }
        error.caused_by(failure)
    }
}

pub(crate) type Reply<T> = oneshot::Receiver<Result<Committed<T>>>;

pub(crate) struct Work<T, F> {
    work: Option<F>,
    /// Also what the work then comes to.
    expected: Option<(Expected, T)>,
    result: Option<Result<T>>,
    /// What the audit log is told where the work is kept.
    event: Option<AuditEvent>,
    deadline: Option<Instant>,
    reply: oneshot::Sender<Result<Committed<T>>>,
}

impl<T, F> Work<T, F>
where
    F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    T: Send + 'static,
{
    pub(crate) fn new(ctx: &Ctx, work: F) -> (Self, Reply<T>) {
        let (reply, answer) = oneshot::channel();
        (
            Self {
                work: Some(work),
                expected: None,
                result: None,
                event: event(ctx),
                deadline: ctx.deadline.filter(|_| !forgets_deadlines()),
                reply,
            },
            answer,
        )
    }

    pub(crate) fn expecting(mut self, expected: Option<(Expected, T)>) -> Self {
        self.expected = expected;
        self
    }
}

impl<T, F> Job for Work<T, F>
where
    F: for<'t> FnOnce(&'t Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    T: Send + 'static,
{
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed() && !forgets_deadlines()
    }

    fn run<'t>(&'t mut self, tx: &'t Tx) -> BoxFuture<'t, bool> {
        Box::pin(async move {
            let Some(work) = self.work.take() else {
                return false;
            };
            tx.begin();
            let result = work(tx).await;
            let keep = result.is_ok();
            if keep && let Some(event) = self.event.take() {
                tx.conclude(event);
            }
            self.result = Some(result);
            keep
        })
    }

    fn expected(&self) -> Option<&Expected> {
        self.expected.as_ref().map(|(expected, _)| expected)
    }

    fn come_true(&mut self, tx: &Tx) {
        let Some((expected, value)) = self.expected.take() else {
            return;
        };
        tx.begin();
        expected.tell(tx);
        if let Some(event) = self.event.take() {
            tx.conclude(event);
        }
        self.result = Some(Ok(value));
    }

    fn disappoint(&mut self) {
        self.expected = None;
    }

    fn fault(&self) -> Option<CommitFailure> {
        let error = self.result.as_ref()?.as_ref().err()?;
        matches!(
            error.reason(),
            Reason::ResourceExhausted | Reason::Unavailable
        )
        .then(|| CommitFailure::from(error))
    }

    fn answer(self: Box<Self>, outcome: Result<Vec<Position>, CommitFailure>) {
        let answer = match (self.result, outcome) {
            (Some(Err(error)), _) => Err(error),
            (_, Err(failure)) => Err(failure.into()),
            (Some(Ok(value)), Ok(positions)) => Ok(Committed {
                value,
                positions,
                replayed: false,
            }),
            (None, Ok(_)) => Err(Error::unavailable("The work was not run; retry.")),
        };
        // The caller may have gone; its effect stays.
        let _ = self.reply.send(answer);
    }
}

/// A bug that the deadlines' harness plants: nobody looks at the clock, nor at who still waits.
fn forgets_deadlines() -> bool {
    failpoint::planted("db::forget_deadline")
}

/// Whoever answers a call that changes something leaves an event, whatever the work touches.
fn event(ctx: &Ctx) -> Option<AuditEvent> {
    let call = ctx.call.as_ref()?;
    // The audit log tells real time, also where a demo moves the services' clock.
    let now = || Clock::system().now();
    (call.audit == AuditLevel::Write).then(|| AuditEvent::new(ctx, call, AuditAction::Write, now()))
}

/// Runs one job inside an open transaction that already holds work to be committed in time; true
/// when its effect is to be kept. A panic, an error and a passed deadline leave nothing but the
/// job's answer.
pub(crate) async fn attempt(
    job: &mut dyn Job,
    tx: &Tx,
    held: CommitBy,
) -> Result<bool, CommitFailure> {
    use futures::FutureExt as _;

    let own = CommitBy::default().bound(job.deadline());
    let bound = held.bound(job.deadline());
    let late = || if bound == own { too_late() } else { made_way() };
    let work = std::panic::AssertUnwindSafe(job.run(tx)).catch_unwind();
    let kept = match bound {
        None => work.await,
        Some(at) => match tokio::time::timeout_at(at.into(), work).await {
            Ok(kept) => kept,
            Err(_) => return Err(late()),
        },
    };
    match kept {
        Ok(true) if bound.is_some_and(|at| at <= Instant::now()) => Err(late()),
        Ok(keep) => Ok(keep),
        Err(_) => Err(Error::internal("the work panicked").into()),
    }
}

pub(crate) fn too_late() -> CommitFailure {
    Error::new(
        Reason::DeadlineExceeded,
        "The deadline passed before the work was done; nothing was changed.",
    )
    .into()
}

/// Work that was undone because what shared its transaction had to be committed, or was late.
pub(crate) fn made_way() -> CommitFailure {
    Error::unavailable("The change took too long beside others; nothing was changed, retry.").into()
}
