//! Many callers at once, each waiting for its answer before it asks again.

use std::time::{Duration, Instant};

use futures::future::try_join_all;

/// What a load measured.
pub struct Load {
    pub calls_per_second: f64,
    pub p50: Duration,
    pub p99: Duration,
}

/// Runs the callers for so long. `call` is given the caller's number and the count of its calls.
pub async fn run<F, C>(callers: usize, how_long: Duration, call: C) -> anyhow::Result<Load>
where
    C: Fn(usize, u64) -> F + Clone + Send + 'static,
    F: Future<Output = anyhow::Result<()>> + Send,
{
    let begun = Instant::now();
    let tasks = (0..callers).map(|caller| {
        let call = call.clone();
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < how_long {
                let asked = Instant::now();
                call(caller, latencies.len() as u64).await?;
                latencies.push(asked.elapsed());
            }
            anyhow::Ok(latencies)
        })
    });
    let mut latencies = Vec::new();
    for task in try_join_all(tasks).await? {
        latencies.extend(task?);
    }
    let elapsed = begun.elapsed();
    latencies.sort_unstable();
    let at = |share: usize| {
        latencies
            .get(latencies.len() * share / 100)
            .copied()
            .unwrap_or_default()
    };
    Ok(Load {
        calls_per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
        p50: at(50),
        p99: at(99),
    })
}
