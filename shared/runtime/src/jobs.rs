//! Background work, kept going.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dossier_kernel::Error;
use futures::FutureExt;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::recipe::Job;

const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The jobs of a process.
pub(crate) struct Jobs {
    tasks: JoinSet<()>,
    states: Vec<Arc<State>>,
}

/// How a job is, as readiness shows it.
#[derive(Clone, Debug, Serialize)]
pub struct JobHealth {
    pub name: &'static str,
    /// Whether it runs now; `false` while it pauses after a failure or when it is done.
    pub running: bool,
    /// Failures in a row: a job that then ran for a while, or is done, begins to count anew.
    pub failure_count: u32,
    /// Why it failed last, while it has not done what it is for.
    pub last_error: Option<String>,
}

struct State(Mutex<JobHealth>);

impl Jobs {
    pub fn start(jobs: Vec<Job>, stop: &CancellationToken) -> Self {
        let mut tasks = JoinSet::new();
        let mut states = Vec::new();
        for job in jobs {
            let state = Arc::new(State::new(job.name));
            tasks.spawn(keep_going(job, Arc::clone(&state), stop.clone()));
            states.push(state);
        }
        Self { tasks, states }
    }

    pub fn health(&self) -> impl Fn() -> Vec<JobHealth> + Send + Sync + 'static {
        let states = self.states.clone();
        move || states.iter().map(|state| state.read()).collect()
    }

    /// Waits until all have returned; what has not by then is cut off.
    pub async fn finish(mut self, bound: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(bound, all).await.is_err() {
            let late: Vec<_> = self.states.iter().map(|state| state.read()).collect();
            let late: Vec<_> = late
                .iter()
                .filter(|job| job.running)
                .map(|job| job.name)
                .collect();
            tracing::warn!(jobs = ?late, "jobs did not stop in time and were cut off");
            self.tasks.shutdown().await;
        }
    }
}

async fn keep_going(job: Job, state: Arc<State>, stop: CancellationToken) {
    let mut pause = PAUSE_MIN;
    loop {
        state.begun();
        let begun = std::time::Instant::now();
        // A panic is a failure like any other; its words went to the log by way of the panic hook.
        let outcome = AssertUnwindSafe(async { (job.run)().await })
            .catch_unwind()
            .await;
        let outcome = outcome.unwrap_or_else(|_| Err(Error::internal("the job panicked")));
        let error = match outcome {
            Ok(()) => {
                state.done();
                return;
            }
            Err(error) => error,
        };
        if stop.is_cancelled() {
            state.done();
            return;
        }
        if begun.elapsed() > PAUSE_MAX {
            pause = PAUSE_MIN;
            state.recovered();
        }
        state.failed(&error);
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        tracing::warn!(job = job.name, %error, cause, retry_in = ?pause, "a job failed");
        tokio::select! {
            () = tokio::time::sleep(jittered(pause)) => {}
            () = stop.cancelled() => {
                state.done();
                return;
            }
        }
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Between half and all of it, so that what failed together does not retry together.
fn jittered(pause: Duration) -> Duration {
    pause / 2 + pause / 2 * (getrandom::u32().unwrap_or(0) % 1_000) / 1_000
}

impl State {
    fn new(name: &'static str) -> Self {
        Self(Mutex::new(JobHealth {
            name,
            running: false,
            failure_count: 0,
            last_error: None,
        }))
    }

    fn read(&self) -> JobHealth {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn change(&self, change: impl FnOnce(&mut JobHealth)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn begun(&self) {
        self.change(|job| job.running = true);
    }

    fn done(&self) {
        self.recovered();
        self.change(|job| job.running = false);
    }

    fn recovered(&self) {
        self.change(|job| {
            job.failure_count = 0;
            job.last_error = None;
        });
    }

    fn failed(&self, error: &Error) {
        self.change(|job| {
            job.running = false;
            job.failure_count += 1;
            job.last_error = Some(error.to_string());
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_job_that_fails_or_panics_is_begun_again() {
        let stop = CancellationToken::new();
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        let job = Job::new("test.job", move || {
            let run = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match run {
                    0 => Err(Error::unavailable("Not yet.")),
                    1 => panic!("a bug"),
                    _ => Ok(()),
                }
            }
        });
        let jobs = Jobs::start(vec![job], &stop);
        let health = jobs.health();
        jobs.finish(Duration::from_secs(10)).await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        let health = health().remove(0);
        assert!(!health.running);
        assert_eq!(
            (health.failure_count, &health.last_error),
            (0, &None),
            "done"
        );
    }

    #[tokio::test]
    async fn failures_in_a_row_are_counted_and_the_last_is_told() {
        let stop = CancellationToken::new();
        let job = Job::new("test.broken", || async {
            Err(Error::unavailable("Never."))
        });
        let jobs = Jobs::start(vec![job], &stop);
        let health = jobs.health();
        while health()[0].failure_count < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(health()[0].last_error.as_deref(), Some("Never."));
        stop.cancel();
        jobs.finish(Duration::from_secs(10)).await;
    }

    #[tokio::test]
    async fn a_job_that_does_not_stop_is_cut_off() {
        let stop = CancellationToken::new();
        let held = Arc::new(());
        let work = Arc::clone(&held);
        let deaf = Job::new("test.deaf", move || {
            let work = Arc::clone(&work);
            async move {
                let _work = work;
                std::future::pending().await
            }
        });
        let jobs = Jobs::start(vec![deaf], &stop);
        while Arc::strong_count(&held) < 3 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        jobs.finish(Duration::from_millis(20)).await;
        assert_eq!(
            Arc::strong_count(&held),
            1,
            "neither the job nor its work is left"
        );
    }
}
