//! The one writer of a SQLite file: many callers, one transaction, one sync of the disk.
//!
//! ```text
//! BEGIN IMMEDIATE · SAVEPOINT · job 1 · RELEASE, SAVEPOINT · job 2 · RELEASE · audit, feed · COMMIT · answers
//! ```
//! A job that fails is rolled back to its savepoint and answered alone; a commit that fails is
//! answered to everybody. While the disk syncs, the next jobs gather by themselves. Jobs that only
//! insert rows are done like one; where a row stands against that, they are tried by halves.
//!
//! A full disk makes SQLite roll back the whole transaction under our feet. The savepoint is then
//! gone too, so that the next RELEASE or ROLLBACK TO fails and nobody is told of a success; after a
//! first job, which has none, a BEGIN that is not refused tells the same.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use tokio::sync::{mpsc, watch};

use crate::commit_by::CommitBy;
use crate::job::{CommitFailure, Job, attempt, made_way, too_late};
use crate::new_rows::{Expected, insert_together};
use crate::{Backend, BeforeCommit, Position, Tx, error, failpoint};
use dossier_kernel::{Error, Result};

/// Jobs of one transaction at most.
const JOBS_MAX: usize = 200;
/// Rows that are inserted together, beside those of the first job; with as many waiting, nobody waits
/// for more. Enough to be worth a sync of the disk, few enough that those who stream rows can make
/// the next ones ready meanwhile.
const ROWS_MAX: usize = 4_000;
/// How long the first of a batch waits for the others: the slower the disk, the more it pays.
const GATHER: Duration = Duration::from_millis(2);
const GATHER_MAX: Duration = Duration::from_millis(10);
const GATHER_PER_COMMIT: u32 = 4;
/// A batch that ran this long takes no further jobs: they must not wait behind a long transaction.
const RUN_MAX: Duration = Duration::from_millis(10);
/// Jobs that may wait; further callers wait outside, until their deadline.
const QUEUE_MAX: usize = 4_096;

pub(crate) type Queue = mpsc::Sender<Box<dyn Job>>;

pub(crate) struct Writer {
    /// A pool of the single writing connection.
    conn: DatabaseConnection,
    jobs: mpsc::Receiver<Box<dyn Job>>,
    before_commit: BeforeCommit,
    committed: watch::Sender<u64>,
    /// How many wrote together last time, or came meanwhile: what is worth waiting for now.
    company: usize,
    /// How long the last commit took.
    commit: Duration,
    /// How many jobs may be tried like one.
    together_max: usize,
    /// The disk failed; what it holds is unknown until the file is opened again.
    broken: Arc<AtomicBool>,
}

impl Writer {
    pub(crate) fn new(
        conn: DatabaseConnection,
        before_commit: BeforeCommit,
        committed: watch::Sender<u64>,
    ) -> (Self, Queue) {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        (
            Self {
                conn,
                jobs,
                before_commit,
                committed,
                company: 1,
                commit: Duration::ZERO,
                together_max: JOBS_MAX,
                broken: Arc::default(),
            },
            queue,
        )
    }

    /// True once the disk failed.
    pub(crate) fn broken(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.broken)
    }

    /// Runs until every [`Queue`] is dropped or `stop` says so; what waits then is still done.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let stopped = async move { stop.wait_for(|stop| *stop).await.map(|_| ()) };
        tokio::pin!(stopped);
        let mut open = true;
        loop {
            let first = tokio::select! {
                biased;
                first = self.jobs.recv() => first,
                _ = &mut stopped, if open => {
                    self.jobs.close();
                    open = false;
                    continue;
                }
            };
            let Some(first) = first else { break };
            let batch = self.gather(first).await;
            self.settle(batch).await;
        }
    }

    /// Takes what waits; waits for more only where the last batch shows that there is company.
    async fn gather(&mut self, first: Box<dyn Job>) -> VecDeque<Box<dyn Job>> {
        let patience = (self.commit / GATHER_PER_COMMIT).clamp(GATHER, GATHER_MAX);
        let until = tokio::time::Instant::now() + patience;
        let mut rows = row_count(first.as_ref());
        let mut batch = VecDeque::from([first]);
        while batch.len() < JOBS_MAX && rows < ROWS_MAX {
            let job = match self.jobs.try_recv() {
                Ok(job) => job,
                Err(_) if batch.len() >= self.company => break,
                Err(_) => match tokio::time::timeout_at(until, self.jobs.recv()).await {
                    Ok(Some(job)) => job,
                    Ok(None) | Err(_) => break,
                },
            };
            rows += row_count(job.as_ref());
            batch.push_back(job);
        }
        batch
    }

    async fn settle(&mut self, mut waiting: VecDeque<Box<dyn Job>>) {
        if self.broken.load(Ordering::Relaxed) {
            let failure = CommitFailure::from(Error::unavailable(
                "The disk failed and the service is read-only; it must be restarted.",
            ));
            waiting
                .into_iter()
                .for_each(|job| job.answer(Err(failure.clone())));
            return;
        }
        // More than one transaction where deadlines do not let all share one.
        while !waiting.is_empty() {
            self.settle_some(&mut waiting).await;
        }
    }

    async fn settle_some(&mut self, waiting: &mut VecDeque<Box<dyn Job>>) {
        let mut done = Vec::with_capacity(waiting.len());
        let outcome = self.transact(waiting, &mut done).await;
        self.company = (done.len() + waiting.len() + self.jobs.len()).max(1);
        match outcome {
            Ok(positions) => {
                if !positions.is_empty() {
                    self.committed.send_modify(|count| *count += 1);
                }
                for (job, staged) in done {
                    failpoint::pass("db::before_answer");
                    job.answer(Ok(positions.get(staged).unwrap_or_default().to_vec()));
                }
            }
            Err(failure) => {
                let done = done.into_iter().map(|(job, _)| job);
                done.chain(waiting.drain(..))
                    .for_each(|job| job.answer(Err(failure.clone())));
            }
        }
    }

    /// Runs the waiting jobs and those that arrive meanwhile; `Ok` once all of `done` is on disk.
    async fn transact(
        &mut self,
        waiting: &mut VecDeque<Box<dyn Job>>,
        done: &mut Vec<(Box<dyn Job>, Range<usize>)>,
    ) -> Result<Vec<Position>, CommitFailure> {
        let begun = Instant::now();
        failpoint::pass("db::before_begin");
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = self
            .conn
            .begin_with_options(immediate)
            .await
            .map_err(|e| self.failure(e))?;
        let tx = Tx::new(txn, Backend::Sqlite);
        let mut savepoint = Savepoint::default();
        let mut commit_by = CommitBy::default();
        while let Some(job) = self.next(waiting, done.len(), begun) {
            if job.deadline().is_some_and(|at| at <= Instant::now()) {
                job.answer(Err(too_late()));
                continue;
            }
            if job.abandoned() {
                continue;
            }
            if !done.is_empty() && !commit_by.has_room(job.deadline()) {
                waiting.push_front(job);
                break;
            }
            if let Err(cause) = savepoint.set(tx.conn()).await {
                waiting.push_front(job);
                return Err(self.failure(cause));
            }
            let mut group = self.like(job, waiting, done.len(), begun, commit_by);
            if group[0].expected().is_some() {
                let deadlines = group.iter().filter_map(|job| job.deadline());
                let bound = commit_by.bound(deadlines.min());
                let expected = group.iter().filter_map(|job| job.expected()).collect();
                match insert(expected, &tx, bound).await {
                    Ok(true) => {
                        savepoint.keep();
                        self.together_max = (group.len() * 2).clamp(self.together_max, JOBS_MAX);
                        for mut job in group {
                            failpoint::pass("db::after_job");
                            let before = tx.mark();
                            job.come_true(&tx);
                            commit_by.hold(job.deadline());
                            done.push((job, tx.changes_since(before)));
                        }
                    }
                    refused => {
                        self.together_max = (group.len() / 2).max(1);
                        if let [alone] = group.as_mut_slice() {
                            alone.disappoint();
                        }
                        group
                            .into_iter()
                            .rev()
                            .for_each(|job| waiting.push_front(job));
                        if !savepoint.set {
                            return give_back(tx).await;
                        }
                        let undone = savepoint.undo(tx.conn()).await;
                        undone.map_err(|e| self.failure(refused.err().unwrap_or(e)))?;
                    }
                }
                continue;
            }
            let Some(mut job) = group.pop() else { break };
            let before = tx.mark();
            match attempt(job.as_mut(), &tx, commit_by).await {
                Ok(true) => {
                    failpoint::pass("db::after_job");
                    savepoint.keep();
                    self.together_max = (self.together_max * 2).min(JOBS_MAX);
                    commit_by.hold(job.deadline());
                    done.push((job, tx.changes_since(before)));
                }
                refused if !savepoint.set => {
                    job.answer(refused.map(|_| Vec::new()));
                    return give_back(tx).await;
                }
                refused => {
                    tx.unstage_after(before);
                    let undone = savepoint.undo(tx.conn()).await;
                    let fault = job.fault();
                    // A refusal without a failure is the work's own error.
                    job.answer(refused.map(|_| Vec::new()));
                    undone.map_err(|e| fault.unwrap_or_else(|| self.failure(e)))?;
                }
            }
        }
        savepoint
            .release(tx.conn())
            .await
            .map_err(|e| self.failure(e))?;
        if done.is_empty() {
            return give_back(tx).await;
        }
        let (txn, staged) = tx.into_parts();
        let positions = match staged.is_empty() {
            true => Vec::new(),
            false => (self.before_commit)(&txn, Backend::Sqlite, &staged).await?,
        };
        if commit_by.has_passed() {
            return Err(made_way());
        }
        failpoint::pass("db::before_commit");
        if failpoint::planted("db::forget_commit") {
            return Ok(positions);
        }
        let asked = Instant::now();
        txn.commit().await.map_err(|e| self.failure(e))?;
        self.commit = asked.elapsed();
        failpoint::pass("db::after_commit");
        Ok(positions)
    }

    /// The job, and those right behind it that can be done together with it.
    fn like(
        &mut self,
        first: Box<dyn Job>,
        waiting: &mut VecDeque<Box<dyn Job>>,
        done: usize,
        begun: Instant,
        mut held: CommitBy,
    ) -> Vec<Box<dyn Job>> {
        held.hold(first.deadline());
        let mut group = vec![first];
        let mut rows = 0;
        while group.len() < self.together_max
            && let Some(expected) = group[0].expected()
            && let Some(job) = self.next(waiting, done + group.len(), begun)
        {
            rows += row_count(job.as_ref());
            let is_like = job.expected().is_some_and(|other| expected.is_like(other));
            if !is_like || rows > ROWS_MAX || job.abandoned() || !held.has_room(job.deadline()) {
                waiting.push_front(job);
                break;
            }
            held.hold(job.deadline());
            group.push(job);
        }
        group
    }

    fn next(
        &mut self,
        waiting: &mut VecDeque<Box<dyn Job>>,
        done: usize,
        begun: Instant,
    ) -> Option<Box<dyn Job>> {
        waiting.pop_front().or_else(|| {
            let room = done < JOBS_MAX && begun.elapsed() < RUN_MAX;
            if room {
                self.jobs.try_recv().ok()
            } else {
                None
            }
        })
    }

    fn failure(&mut self, cause: DbErr) -> CommitFailure {
        if crate::error::is_broken(&cause) {
            self.broken.store(true, Ordering::Relaxed);
            tracing::error!("the disk failed; nothing is written until a restart");
        }
        error(cause).into()
    }
}

/// How many rows a job inserts, where it says so.
fn row_count(job: &dyn Job) -> usize {
    job.expected().map_or(0, Expected::row_count)
}

/// False where it was not done, or not in time.
async fn insert(expected: Vec<&Expected>, tx: &Tx, bound: Option<Instant>) -> Result<bool, DbErr> {
    let inserted = insert_together(expected, tx);
    let Some(at) = bound else {
        return inserted.await;
    };
    match tokio::time::timeout_at(at.into(), inserted).await {
        Ok(inserted) => Ok(inserted? && at > Instant::now()),
        Err(_) => Ok(false),
    }
}

/// Ends a transaction that has nothing to lose: where that fails, the connection is given up.
async fn give_back(tx: Tx) -> Result<Vec<Position>, CommitFailure> {
    let (txn, _) = tx.into_parts();
    let _ = txn.rollback().await;
    Ok(Vec::new())
}

/// One savepoint, moved from job to job with as few statements as possible.
#[derive(Default)]
struct Savepoint {
    set: bool,
    kept: bool,
}

impl Savepoint {
    /// Everything up to here stays whatever the next job does.
    async fn set<C: ConnectionTrait>(&mut self, conn: &C) -> Result<(), DbErr> {
        match (self.set, self.kept) {
            // The first job: nothing is there yet that would have to stay.
            (false, false) => return Ok(()),
            (false, true) => {
                prove(conn).await?;
                run(conn, "SAVEPOINT job").await?;
            }
            (true, true) => run(conn, "RELEASE job; SAVEPOINT job").await?,
            // Rolled back to, it is still there.
            (true, false) => {}
        }
        (self.set, self.kept) = (true, false);
        Ok(())
    }

    fn keep(&mut self) {
        self.kept = true;
    }

    /// Proves that the transaction is still the one that began.
    async fn release<C: ConnectionTrait>(&self, conn: &C) -> Result<(), DbErr> {
        match (self.set, self.kept) {
            (true, _) => run(conn, "RELEASE job").await,
            (false, true) => prove(conn).await,
            (false, false) => Ok(()),
        }
    }

    async fn undo<C: ConnectionTrait>(&mut self, conn: &C) -> Result<(), DbErr> {
        run(conn, "ROLLBACK TO job").await
    }
}

/// Where no savepoint would be missed: inside a transaction, no other can be begun.
async fn prove<C: ConnectionTrait>(conn: &C) -> Result<(), DbErr> {
    if run(conn, "BEGIN").await.is_err() {
        return Ok(());
    }
    run(conn, "ROLLBACK").await?;
    Err(DbErr::Custom("SQLite gave the transaction up".to_owned()))
}

async fn run<C: ConnectionTrait>(conn: &C, sql: &str) -> Result<(), DbErr> {
    // As a raw statement it stays prepared; the unprepared way would parse it every time.
    conn.execute_raw(Statement::from_string(sea_orm::DbBackend::Sqlite, sql))
        .await
        .map(|_| ())
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use futures::future::BoxFuture;

    use super::*;

    struct Idle;

    impl Job for Idle {
        fn deadline(&self) -> Option<Instant> {
            None
        }

        fn abandoned(&self) -> bool {
            false
        }

        fn run<'t>(&'t mut self, _: &'t Tx) -> BoxFuture<'t, bool> {
            Box::pin(async { true })
        }

        fn expected(&self) -> Option<&Expected> {
            None
        }

        fn come_true(&mut self, _: &Tx) {}

        fn disappoint(&mut self) {}

        fn fault(&self) -> Option<CommitFailure> {
            None
        }

        fn answer(self: Box<Self>, _: Result<Vec<Position>, CommitFailure>) {}
    }

    fn writer(company: usize) -> (Writer, Queue) {
        let nothing: BeforeCommit = |_, _, _| Box::pin(async { Ok(Vec::new()) });
        let (committed, _) = watch::channel(0);
        let (mut writer, queue) = Writer::new(DatabaseConnection::default(), nothing, committed);
        writer.company = company;
        (writer, queue)
    }

    #[tokio::test]
    async fn a_lone_writer_waits_for_nobody() {
        let (mut writer, _queue) = writer(1);
        let batch = writer.gather(Box::new(Idle)).now_or_never();
        assert_eq!(batch.map(|batch| batch.len()), Some(1));
    }

    #[tokio::test]
    async fn company_is_waited_for_until_it_is_there_or_two_milliseconds_have_passed() {
        let (mut writer, queue) = writer(3);
        queue.send(Box::new(Idle)).await.expect("open");
        queue.send(Box::new(Idle)).await.expect("open");
        let batch = writer.gather(Box::new(Idle)).now_or_never();
        assert_eq!(batch.map(|batch| batch.len()), Some(3));
        queue.send(Box::new(Idle)).await.expect("open");
        let begun = Instant::now();
        assert_eq!(writer.gather(Box::new(Idle)).await.len(), 2);
        assert!(begun.elapsed() >= GATHER);
    }

    #[tokio::test]
    async fn a_batch_takes_two_hundred_at_most() {
        let (mut writer, queue) = writer(1_000);
        for _ in 0..300 {
            queue.send(Box::new(Idle)).await.expect("open");
        }
        let batch = writer.gather(Box::new(Idle)).now_or_never();
        assert_eq!(batch.map(|batch| batch.len()), Some(JOBS_MAX));
    }
}
