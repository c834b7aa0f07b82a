//! The answer on its way out: bounded, watched, and with an `ErrorInfo` on whatever error ends it.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use dossier_kernel::Error;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

use super::readmit::Barred;
use super::shed::Permit;
use super::watch::Watch;
use super::{deadline, panics, readmit};
use crate::foreign;
use crate::method::{Access, Method};
use crate::request::CURSOR;

/// A response body behind the layers. It never fails: an error becomes trailers.
pub struct EdgeBody {
    inner: Body,
    watch: Watch,
    bound: Option<Box<Bound>>,
    /// `dossier-cursor`, which handlers can only put into the headers and clients expect last.
    cursor: Option<HeaderValue>,
    /// Held until the last byte is out.
    _permit: Option<Permit>,
}

impl EdgeBody {
    pub fn dress(
        response: Response<Body>,
        mut watch: Watch,
        bound: Option<Box<Bound>>,
        permit: Option<Permit>,
    ) -> Response<Self> {
        let (mut parts, inner) = response.into_parts();
        // A status among the headers is the whole answer.
        if let Some(code) = watch.enter(|| foreign::complete(&mut parts.headers)) {
            watch.finish(code);
        }
        let cursor = parts.headers.remove(CURSOR);
        Response::from_parts(
            parts,
            Self {
                inner,
                watch,
                bound,
                cursor,
                _permit: permit,
            },
        )
    }

    fn end(&mut self, error: Error) -> HeaderMap {
        self.inner = Body::empty();
        self.bound = None;
        let status = self.watch.enter(|| crate::status(error));
        self.trailers(&status)
    }

    fn trailers(&mut self, status: &Status) -> HeaderMap {
        let mut trailers = HeaderMap::new();
        if status.add_header(&mut trailers).is_err() {
            // Only words that are no header value can fail, and the code alone has none.
            trailers.insert(Status::GRPC_STATUS, (status.code() as i32).into());
        }
        self.complete(&mut trailers);
        trailers
    }

    fn complete(&mut self, trailers: &mut HeaderMap) {
        let code = self
            .watch
            .enter(|| foreign::complete(trailers))
            .unwrap_or(Code::Unknown);
        if let Some(cursor) = self.cursor.take()
            && code == Code::Ok
        {
            trailers.insert(CURSOR, cursor);
        }
        self.watch.finish(code);
    }
}

impl http_body::Body for EdgeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(error) = this.bound.as_mut().and_then(|bound| bound.passed(cx)) {
            return Poll::Ready(Some(Ok(Frame::trailers(this.end(error)))));
        }
        let inner = &mut this.inner;
        let polled = this
            .watch
            .enter(|| panics::catching(|| Pin::new(inner).poll_frame(cx)));
        let trailers = match polled {
            Ok(Poll::Pending) => {
                let stopped = this.bound.as_mut().and_then(|bound| bound.stopped(cx));
                match stopped {
                    Some(error) => this.end(error),
                    None => return Poll::Pending,
                }
            }
            Ok(Poll::Ready(None)) => return Poll::Ready(None),
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_trailers() {
                Ok(mut trailers) => {
                    this.complete(&mut trailers);
                    trailers
                }
                Err(data) => return Poll::Ready(Some(Ok(data))),
            },
            Ok(Poll::Ready(Some(Err(status)))) => {
                this.inner = Body::empty();
                this.trailers(&status)
            }
            Err(panicked) => this.end(panicked),
        };
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// What may end a stream from outside. Unary answers are ready with their headers and need none.
pub struct Bound {
    sleep: Option<Pin<Box<Sleep>>>,
    barred: Option<Barred>,
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Bound {
    /// Streams of ours end themselves with a resumable item; health and reflection know no such
    /// thing and would hold a draining connection until it is cut.
    pub fn new(
        method: &Method,
        deadline: Option<Instant>,
        barred: Option<Barred>,
        stop: &CancellationToken,
    ) -> Option<Box<Self>> {
        if !method.streams() {
            return None;
        }
        let stop = (method.access == Access::Public).then(|| stop.clone().cancelled_owned());
        Self::boxed(deadline, barred, stop)
    }

    /// Only a deadline, for answers of peers.
    pub fn until(deadline: Option<Instant>) -> Option<Box<Self>> {
        Self::boxed(deadline, None, None)
    }

    fn boxed(
        deadline: Option<Instant>,
        barred: Option<Barred>,
        stop: Option<WaitForCancellationFutureOwned>,
    ) -> Option<Box<Self>> {
        let sleep = deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
        let stop = stop.map(Box::pin);
        let any = sleep.is_some() || barred.is_some() || stop.is_some();
        any.then(|| {
            Box::new(Self {
                sleep,
                barred,
                stop,
            })
        })
    }

    /// Asked before every frame: a stream that is always ready must end, too.
    fn passed(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        let sleep = self.sleep.as_mut();
        if sleep.is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready()) {
            return Some(deadline::exceeded());
        }
        let barred = self.barred.as_mut()?;
        barred.as_mut().poll(cx).is_ready().then(readmit::refused)
    }

    fn stopped(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        let stop = self.stop.as_mut()?;
        let stopped = stop.as_mut().poll(cx).is_ready();
        stopped.then(|| Error::unavailable("The server is stopping; connect again."))
    }
}
