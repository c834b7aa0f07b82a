//! Background work, kept going.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dossier_kernel::Error;
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
    /// Failures in a row.
    pub failure_count: u32,
    /// Why it failed last.
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
        // A task of its own, so that a panic is a failure like any other.
        let mut task = tokio::spawn((job.run)());
        let outcome = match (&mut task).await {
            Ok(outcome) => outcome,
            Err(error) => Err(Error::internal(error)),
        };
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
        self.change(|job| job.running = false);
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
        assert_eq!(health()[0].failure_count, 2);
        assert!(!health()[0].running);
    }

    #[tokio::test]
    async fn a_job_that_does_not_stop_is_cut_off() {
        let stop = CancellationToken::new();
        let jobs = Jobs::start(vec![Job::new("test.deaf", std::future::pending)], &stop);
        stop.cancel();
        jobs.finish(Duration::from_millis(20)).await;
    }
}
