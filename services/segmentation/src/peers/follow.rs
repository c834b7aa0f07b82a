//! What all three feeds have in common: cursors, snapshots, heartbeats, the end.

use std::time::Duration;

use dossier_feed::Delivery;
use dossier_kernel::{Error, Reason, Result, Timestamp};
use dossier_rpc::error_from_status;
use futures::StreamExt;
use futures::stream::{self, Stream};
use tonic::{Response, Status};

use super::Told;
use crate::domain::News;

/// What a message of a watch stream says.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every message is a change, and each is moved once"
)]
pub enum Said {
    /// `None` where the change is of no interest here.
    Change(Option<News>),
    Heartbeat,
    /// The other side stops; the stream is opened again with the cursor.
    End,
}

/// Rows of a snapshot come without a cursor. They get one that no feed gives out, because a
/// consumer takes a cursor that stays the same for nothing new; nobody can resume from one.
const IN_SNAPSHOT: &str = "snapshot ";

/// The request's cursor for the one that was stored; empty is the beginning. COMPACTED where a
/// snapshot was cut off: what it told must be forgotten first, because whoever was deleted since is
/// in no later snapshot and in no later change.
pub fn resume(stored: Option<String>) -> Result<String> {
    match stored {
        Some(cursor) if is_in_snapshot(&cursor) => Err(Error::new(
            Reason::Compacted,
            "The snapshot was cut off; it is begun anew.",
        )),
        Some(cursor) => Ok(cursor),
        None => Ok(String::new()),
    }
}

/// How long a peer may take to open a watch stream: streams themselves have no deadline.
const OPENING_MAX: Duration = Duration::from_secs(30);

/// The stream that a call opens. A call whose connection breaks at the wrong moment may never be
/// answered; who waits for it must not wait for ever.
pub async fn opened<S>(call: impl Future<Output = Result<Response<S>, Status>>) -> Result<S> {
    let answer = tokio::time::timeout(OPENING_MAX, call).await;
    let answer = answer
        .map_err(|_| Error::unavailable("A peer did not open its feed; it is asked again."))?;
    answer.map(Response::into_inner).map_err(error_from_status)
}

/// Reads a watch stream until it ends. `read` gives each message's cursor and what it says.
pub fn told<M: Send + 'static>(
    messages: impl Stream<Item = Result<M, Status>> + Send + 'static,
    read: fn(M) -> Result<(String, Said)>,
) -> Told {
    let deliveries = stream::unfold(
        (messages.boxed(), 0_u64),
        move |(mut messages, row)| async move {
            let delivery = match messages.next().await? {
                Err(status) => Err(error_from_status(status)),
                Ok(message) => match read(message) {
                    Err(error) => Err(error),
                    Ok((_, Said::End)) => return None,
                    Ok((cursor, Said::Heartbeat)) => Ok(Delivery {
                        cursor,
                        event: None,
                    }),
                    Ok((cursor, Said::Change(news))) => {
                        let cursor = if cursor.is_empty() {
                            format!("{IN_SNAPSHOT}{row}")
                        } else {
                            cursor
                        };
                        Ok(Delivery {
                            cursor,
                            event: Some(news),
                        })
                    }
                },
            };
            Some((delivery, (messages, row + 1)))
        },
    );
    deliveries.boxed()
}

/// Whether a stored cursor says that a snapshot was begun and not read to its end.
pub fn is_in_snapshot(cursor: &str) -> bool {
    cursor.starts_with(IN_SNAPSHOT)
}

/// What a peer sent that it should not.
pub fn spoiled(what: &str) -> Error {
    Error::internal(format!("a peer's feed is spoiled: {what}"))
}

pub fn time(at: Option<prost_types::Timestamp>, what: &str) -> Result<Timestamp> {
    at.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos))
        .ok_or_else(|| spoiled(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_never_opens_is_given_up() {
        let opened = opened::<()>(std::future::pending()).await;
        let error = opened.expect_err("nobody answers");
        assert_eq!(error.reason(), Reason::Unavailable);
    }

    #[tokio::test]
    async fn rows_of_a_snapshot_get_cursors_that_nobody_resumes_from() {
        let messages = stream::iter(["", "", "abc", "heartbeat", "end", "late"].map(Ok));
        let read = |text: &str| {
            Ok(match text {
                "heartbeat" => ("abc".to_owned(), Said::Heartbeat),
                "end" => ("abc".to_owned(), Said::End),
                cursor => (cursor.to_owned(), Said::Change(None)),
            })
        };
        let told: Vec<_> = told(messages, read)
            .map(|d| d.expect("reads"))
            .collect()
            .await;
        let cursors: Vec<_> = told
            .iter()
            .map(|delivery| delivery.cursor.as_str())
            .collect();
        assert_eq!(cursors, ["snapshot 0", "snapshot 1", "abc", "abc"]);
        assert_eq!(
            told.iter()
                .filter(|delivery| delivery.event.is_none())
                .count(),
            1
        );
        let cut_off = resume(Some("snapshot 1".to_owned())).expect_err("cut off");
        assert_eq!(cut_off.reason(), Reason::Compacted);
        assert_eq!(resume(Some("abc".to_owned())).expect("resumes"), "abc");
        assert_eq!(resume(None).expect("begins"), "");
    }
}
