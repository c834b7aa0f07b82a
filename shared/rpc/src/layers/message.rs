//! Holds request messages to their size and to their time.
//!
//! A message that is too long is refused by the length it announces, before it is read. The
//! generated servers know one limit per service; methods that take streams of rows may send more at
//! once than the others of their service.
//!
//! A message that trickles is given up, lest it hold its call's place for ever. Between the messages
//! of a stream anybody may be silent as long as they like.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use dossier_kernel::{Error, Reason};
use http::Request;
use http_body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

use super::shed::Arrival;
use crate::edge::Limits;
use crate::foreign;
use crate::method::Method;

/// Flag and length in front of every message (gRPC over HTTP/2, "Length-Prefixed-Message").
const PREFIX_BYTES: usize = 5;

/// The request, whose messages are held to the method's limits. `arrival` learns when they are
/// there.
pub fn bounded(
    request: Request<Body>,
    method: &Method,
    limits: &Limits,
    arrival: Arrival,
) -> Request<Body> {
    let limit_bytes = match method.client_streams {
        true => limits.bulk_message_bytes_max,
        false => limits.message_bytes_max,
    };
    request.map(|inner| {
        Body::new(Bounded {
            inner,
            limit_bytes,
            lengths: Lengths::default(),
            streams: method.client_streams,
            timeout: limits.message_timeout,
            sleep: None,
            arrival,
        })
    })
}

struct Bounded {
    inner: Body,
    limit_bytes: u64,
    lengths: Lengths,
    streams: bool,
    timeout: Duration,
    /// Until when the rest of a message is waited for; made by the first wait.
    sleep: Option<Pin<Box<Sleep>>>,
    arrival: Arrival,
}

impl Bounded {
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Status> {
        self.arrival.waits();
        if self.streams && self.lengths.are_between_messages() {
            return Poll::Pending;
        }
        let timeout = self.timeout;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(timeout)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(crate::status(too_slow(timeout)))
    }
}

fn too_slow(timeout: Duration) -> Error {
    let words = format!("The request message was not there within {timeout:?}; send it faster.");
    Error::new(Reason::DeadlineExceeded, words)
}

/// Follows the lengths of messages through frames that are cut anywhere.
#[derive(Default)]
struct Lengths {
    prefix: [u8; PREFIX_BYTES],
    prefix_read: usize,
    /// Bytes of the current message that are still to come.
    body_left: u64,
    /// Messages whose length was read.
    begun: u64,
}

impl Lengths {
    /// Reads on; answers the first length above the limit.
    fn read(&mut self, mut data: &[u8], limit_bytes: u64) -> Result<(), u64> {
        while !data.is_empty() {
            if self.body_left > 0 {
                let step = usize::try_from(self.body_left)
                    .unwrap_or(usize::MAX)
                    .min(data.len());
                self.body_left -= step as u64;
                data.advance(step);
                continue;
            }
            self.prefix[self.prefix_read] = data.get_u8();
            self.prefix_read += 1;
            if self.prefix_read == PREFIX_BYTES {
                let [_, a, b, c, d] = self.prefix;
                self.prefix_read = 0;
                self.body_left = u64::from(u32::from_be_bytes([a, b, c, d]));
                self.begun += 1;
                if self.body_left > limit_bytes {
                    return Err(self.body_left);
                }
            }
        }
        Ok(())
    }

    const fn are_between_messages(&self) -> bool {
        self.prefix_read == 0 && self.body_left == 0
    }
}

impl http_body::Body for Bounded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(cx) else {
            let status = ready!(this.wait(cx));
            this.inner = Body::empty();
            return Poll::Ready(Some(Err(status)));
        };
        this.arrival.arrived();
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let begun = this.lengths.begun;
            if let Err(found) = this.lengths.read(data, this.limit_bytes) {
                this.inner = Body::empty();
                let error = foreign::too_large(found, this.limit_bytes);
                return Poll::Ready(Some(Err(crate::status(error))));
            }
            if this.streams && (this.lengths.begun > begun || this.lengths.are_between_messages()) {
                // Another message: its time begins anew.
                this.sleep = None;
            }
        }
        Poll::Ready(frame)
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
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(u32::try_from(length).expect("small").to_be_bytes());
        bytes.resize(PREFIX_BYTES + length, 7);
        bytes
    }

    proptest! {
        #[test]
        fn the_first_message_over_the_limit_is_found_however_the_bytes_are_cut(
            sizes in proptest::collection::vec(0usize..40, 1..12),
            cut in 1usize..17,
            limit in 0u64..40,
        ) {
            let stream: Vec<u8> = sizes.iter().copied().flat_map(message).collect();
            let mut lengths = Lengths::default();
            let outcome = stream.chunks(cut).try_for_each(|data| lengths.read(data, limit));
            let first = sizes.iter().map(|size| *size as u64).find(|size| *size > limit);
            prop_assert_eq!(outcome.err(), first);
        }
    }
}
