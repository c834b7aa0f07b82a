//! What the peer of one connection does with it: nothing for too long, or too much for nothing.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::sleep_until;

use crate::edge::Limits;

/// A call that its caller drops within this time was made for the work it causes ("rapid reset",
/// CVE-2023-44487). The transport notices only those that it has not handed on yet.
const PREMATURE: Duration = Duration::from_millis(50);
/// A connection that gave up so many calls prematurely, and at least half of all, is cut; the same
/// bounds as Envoy's `premature_reset_total_stream_count`.
const GIVEN_UP_MAX: u64 = 500;
/// After so many calls half of the past is forgotten: good conduct is no credit for ever.
const REMEMBERED_MAX: u64 = 10_000;

#[derive(Debug)]
pub struct Conduct {
    state: Mutex<State>,
    abused: Notify,
}

#[derive(Debug)]
struct State {
    open: u64,
    begun: u64,
    given_up: u64,
    silent_since: Instant,
    /// Whether there was any call.
    asked: bool,
}

/// Why a connection should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwanted {
    Idle,
    Abusive,
}

/// One call, until the last byte of its answer.
#[derive(Debug)]
pub struct Call {
    conduct: Arc<Conduct>,
    begun: Instant,
    answered: bool,
}

impl Conduct {
    pub fn new() -> Arc<Self> {
        let state = State {
            open: 0,
            begun: 0,
            given_up: 0,
            silent_since: Instant::now(),
            asked: false,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            abused: Notify::new(),
        })
    }

    pub fn call(self: &Arc<Self>) -> Call {
        let mut state = self.lock();
        state.open += 1;
        state.asked = true;
        if state.begun >= REMEMBERED_MAX {
            state.begun /= 2;
            state.given_up /= 2;
        }
        state.begun += 1;
        drop(state);
        Call {
            conduct: Arc::clone(self),
            begun: Instant::now(),
            answered: false,
        }
    }

    /// Returns when the connection should end.
    pub async fn unwanted(&self, limits: &Limits) -> Unwanted {
        loop {
            let idle_at = {
                let state = self.lock();
                let timeout = match state.asked {
                    true => limits.idle_timeout,
                    false => limits.first_call_timeout,
                };
                let since = match state.open {
                    0 => state.silent_since,
                    _ => Instant::now(),
                };
                since + timeout
            };
            if idle_at <= Instant::now() {
                return Unwanted::Idle;
            }
            tokio::select! {
                () = self.abused.notified() => return Unwanted::Abusive,
                () = sleep_until(idle_at.into()) => {}
            }
        }
    }

    fn ended(&self, given_up: bool) {
        let mut state = self.lock();
        state.open -= 1;
        state.silent_since = Instant::now();
        state.given_up += u64::from(given_up);
        if state.given_up >= GIVEN_UP_MAX && state.given_up * 2 >= state.begun {
            self.abused.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// The body of the answer, which takes the rest of the call along.
    pub fn answered<B>(mut self, inner: B) -> Counted<B> {
        self.answered = true;
        Counted { inner, _call: self }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.conduct
            .ended(!self.answered && self.begun.elapsed() < PREMATURE);
    }
}

/// A body whose end is the end of its call.
pub struct Counted<B> {
    inner: B,
    _call: Call,
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().inner).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(idle: Duration) -> Limits {
        Limits {
            idle_timeout: idle,
            first_call_timeout: idle,
            ..Limits::default()
        }
    }

    #[tokio::test]
    async fn giving_up_most_calls_at_once_is_abuse_and_some_is_not() {
        let long = limits(Duration::from_secs(60));
        let conduct = Conduct::new();
        for _ in 0..GIVEN_UP_MAX {
            drop(conduct.call());
            for _ in 0..2 {
                drop(conduct.call().answered(()));
            }
        }
        let patience = Duration::from_millis(20);
        let watched = tokio::time::timeout(patience, conduct.unwanted(&long));
        watched.await.expect_err("a third is no abuse");
        for _ in 0..GIVEN_UP_MAX {
            drop(conduct.call());
        }
        assert_eq!(conduct.unwanted(&long).await, Unwanted::Abusive);
    }

    #[tokio::test]
    async fn an_open_call_is_not_idle() {
        let short = limits(Duration::from_millis(20));
        let conduct = Conduct::new();
        let call = conduct.call().answered(());
        let watched = tokio::time::timeout(Duration::from_millis(100), conduct.unwanted(&short));
        watched.await.expect_err("a call is open");
        drop(call);
        assert_eq!(conduct.unwanted(&short).await, Unwanted::Idle);
    }
}
