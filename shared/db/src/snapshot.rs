//! Reading much as of one instant, for a caller who takes it piece by piece.

use std::time::Duration;

use dossier_kernel::{Error, Result, TenantId};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use sea_orm::DatabaseTransaction;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::Db;

/// A snapshot holds a transaction open, which keeps the database from cleaning up behind it.
const LIFE_MAX: Duration = Duration::from_secs(600);
/// How long a part waits until the one before it is taken.
const STALLED_MAX: Duration = Duration::from_secs(30);

/// Where the reading side of a snapshot hands on what it read.
pub struct Parts<T>(mpsc::Sender<Result<T>>);

impl<T> Parts<T> {
    /// Hands on the next part, once the one before it was taken. An error is to end the reading.
    pub async fn give(&self, part: T) -> Result<()> {
        let given = self.0.send_timeout(Ok(part), STALLED_MAX).await;
        given.map_err(|_| cut_off())
    }
}

impl Db {
    /// Runs `read` in a transaction in which everything is seen as it was at its first statement,
    /// and returns what it gives. It reads ahead, by one part and in a task of its own: a caller who
    /// stops taking parts holds them in memory and soon no connection. So that others can read,
    /// only half of the connections serve snapshots; the rest of the callers wait for their turn.
    ///
    /// The stream ends with the error of `read`; with `UNAVAILABLE` once `stop` says so, after 30
    /// seconds in which no part was taken, and after 600 seconds.
    pub fn snapshot<T, F>(
        &self,
        tenant: &TenantId,
        stop: CancellationToken,
        read: F,
    ) -> BoxStream<'static, Result<T>>
    where
        F: for<'s> FnOnce(&'s DatabaseTransaction, &'s Parts<T>) -> BoxFuture<'s, Result<()>>
            + Send
            + 'static,
        T: Send + 'static,
    {
        let (parts, taken) = mpsc::channel(1);
        let (db, tenant) = (self.clone(), tenant.clone());
        tokio::spawn(async move {
            let parts = Parts(parts);
            let done = tokio::select! {
                done = db.read_all(&tenant, &parts, read) => done,
                () = stop.cancelled() => Err(cut_off()),
                () = parts.0.closed() => return,
            };
            if let Err(error) = done {
                // Whoever does not listen any more need not hear it.
                let _ = parts.0.send(Err(error)).await;
            }
        });
        let next = |mut taken: mpsc::Receiver<_>| async move { Some((taken.recv().await?, taken)) };
        stream::unfold(taken, next).boxed()
    }

    /// Waits for its turn, then reads.
    async fn read_all<T, F>(&self, tenant: &TenantId, parts: &Parts<T>, read: F) -> Result<()>
    where
        F: for<'s> FnOnce(&'s DatabaseTransaction, &'s Parts<T>) -> BoxFuture<'s, Result<()>>,
    {
        let _turn = self.snapshots().acquire().await.map_err(Error::internal)?;
        let tx = self.reader_of(tenant).snapshot().await?;
        for_its_life(read(&tx, parts)).await
    }
}

async fn for_its_life(read: impl Future<Output = Result<()>>) -> Result<()> {
    let read = tokio::time::timeout(LIFE_MAX, read).await;
    read.map_err(|_| cut_off())?
}

fn cut_off() -> Error {
    Error::unavailable("The snapshot was cut off; begin it again.")
}

#[cfg(test)]
mod tests {
    use dossier_kernel::Reason;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_part_waits_for_the_one_before_it_so_long_and_no_longer() {
        let (parts, mut taken) = mpsc::channel(1);
        let parts = Parts(parts);
        parts.give(1).await.expect("nothing is before it");
        let begun = tokio::time::Instant::now();
        let stalled = parts.give(2).await.expect_err("nobody takes the first");
        assert_eq!(stalled.reason(), Reason::Unavailable);
        assert_eq!(begun.elapsed(), STALLED_MAX);
        let (given, first) = tokio::join!(parts.give(3), taken.recv());
        given.expect("the first is taken");
        assert_eq!(first.expect("a part").expect("a number"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_is_read_so_long_and_no_longer() {
        let begun = tokio::time::Instant::now();
        let endless = for_its_life(std::future::pending()).await;
        let error = endless.expect_err("does not end by itself");
        assert_eq!(error.reason(), Reason::Unavailable);
        assert_eq!(begun.elapsed(), LIFE_MAX);
    }
}
