//! Redis killed, frozen, unreachable, slow and flushed while customers are changed and read: no
//! caller sees an error, none reads its own change back as it was before, and once Redis is well
//! again everybody reads what the store has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{
    Backend, Clients, Dice, Plan, Proxy, Redis, Shape, Soak, Suite, Way, build, harness,
};
use futures::future::try_join_all;
use prost_types::FieldMask;
use tokio::task::JoinHandle;

/// One cycle is one fault.
const CYCLES: u64 = 5;
const CALLERS: usize = 8;
/// How long calls are measured without and with a fault. The cache must have noticed after the first
/// second of it.
const WELL: Duration = Duration::from_millis(500);
const NOTICED: Duration = Duration::from_secs(1);
const ILL: Duration = Duration::from_millis(1_800);
/// How soon after the heal everybody reads what the store has.
const HEALED: Duration = Duration::from_secs(10);
/// The bar is 3 times; what a test may assert on a machine that does other things is less. A few
/// stalls of the machine make a p99 of any length; what every call pays shows in the median.
const TAIL_RATIO_MAX: u32 = 20;
const TAIL_LEAST: Duration = Duration::from_millis(50);
const HALF_RATIO_MAX: u32 = 8;
/// The bar stays below the 20 ms for which an answer of Redis is waited for.
const HALF_LEAST: Duration = Duration::from_millis(2);

#[derive(Clone, Copy, Debug)]
enum Fault {
    Killed,
    Frozen,
    Silent,
    Slow,
    Flushed,
}

const FAULTS: [Fault; 5] = [
    Fault::Killed,
    Fault::Frozen,
    Fault::Silent,
    Fault::Slow,
    Fault::Flushed,
];

harness!("redis", run, CYCLES);

/// A harness that cannot fail proves nothing: here the cache is made to hold an old value.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_value_is_noticed() -> anyhow::Result<()> {
    // Both families of tests have Redis, the embedded one alone may not.
    if !Backend::PostgresRedis.is_wanted() {
        return Ok(());
    }
    const KEEP: &str = "for _, key in ipairs(redis.call('KEYS', 'dossier:*')) do \
                        redis.call('COPY', key, 'kept:' .. key, 'REPLACE') end";
    const BRING_BACK: &str = "for _, key in ipairs(redis.call('KEYS', 'kept:*')) do \
                              redis.call('COPY', key, string.sub(key, 6), 'REPLACE') end";
    const ROUNDS: usize = 20;
    let rig = Rig::start(Backend::SqliteMemory).await?;
    let mut caller = Caller::create(&rig.suite.clients()?, 0).await?;
    // Redis has 20 ms for an answer: where it is late once, the cache does without it, rightly.
    for _ in 0..ROUNDS {
        caller.change().await?;
        caller.compare().await?;
        let old = caller.changes;
        rig.redis.command(&["EVAL", KEEP, "0"])?;
        caller.change().await?;
        rig.redis.command(&["EVAL", BRING_BACK, "0"])?;
        let Err(noticed) = caller.compare().await else {
            continue;
        };
        let words = format!("reads change {old} after change {}", caller.changes);
        ensure!(noticed.to_string().contains(&words), "{noticed}");
        return Ok(());
    }
    bail!("not noticed")
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    // A run that is to do without servers has no Redis, unless it was asked for by name.
    let asked_for = std::env::var("DOSSIER_SOAK_CYCLES").is_ok();
    if !Backend::PostgresRedis.is_wanted() && !asked_for {
        return Ok(());
    }
    let mut rig = Rig::start(soak.backend).await?;
    let clients = rig.suite.clients()?;
    let first = usize::try_from(soak.dice.within(0..FAULTS.len() as u64))?;
    let mut load = Load::start(&clients).await?;
    for cycle in 0..usize::try_from(soak.cycles)? {
        let fault = FAULTS[(first + cycle) % FAULTS.len()];
        one(&mut rig, &mut load, fault, &mut soak.dice)
            .await
            .with_context(|| format!("{fault:?}, fault {cycle}"))?;
    }
    let calls = load.stop().await?;
    eprintln!(
        "{} faults of Redis, {calls} calls: 0 errors, 0 stale",
        soak.cycles
    );
    Ok(())
}

async fn one(rig: &mut Rig, load: &mut Load, fault: Fault, dice: &mut Dice) -> anyhow::Result<()> {
    load.measure(WELL).await?;
    let well = load.measure(WELL).await?;
    // At another moment of whatever is going on.
    tokio::time::sleep(Duration::from_micros(dice.within(0..20_000))).await;
    rig.inflict(fault).await?;
    let at_first = load.measure(NOTICED).await?;
    let ill = load.measure(ILL - NOTICED).await?;
    rig.heal(fault).await?;
    let begun = Instant::now();
    let mut callers = load.pause().await?;
    // Wait for the cache to be used again, or what it holds would not be read.
    while let Err(stale) = compare(&mut callers).await {
        ensure!(begun.elapsed() < HEALED, "{stale:#}");
    }
    load.go_on(callers);
    let ratio = ill.tail.as_secs_f64() / well.tail.as_secs_f64();
    eprintln!(
        "{fault:?}: p99 {:?} without, {:?} in the first second, {:?} after it ({ratio:.1} times)",
        well.tail, at_first.tail, ill.tail
    );
    let tail_max = well.tail.max(TAIL_LEAST) * TAIL_RATIO_MAX;
    let half_max = well.half.max(HALF_LEAST) * HALF_RATIO_MAX;
    ensure!(
        ill.tail < tail_max && ill.half < half_max,
        "went from {well:?} to {ill:?}"
    );
    Ok(())
}

async fn compare(callers: &mut [Caller]) -> anyhow::Result<()> {
    try_join_all(callers.iter_mut().map(Caller::compare)).await?;
    Ok(())
}

/// A suite with a Redis of its own, and the way between them.
struct Rig {
    suite: Suite,
    redis: Redis,
    proxy: Proxy,
}

impl Rig {
    async fn start(backend: Backend) -> anyhow::Result<Self> {
        let redis = Redis::start().await?;
        let proxy = Proxy::start(vec![redis.address()]).await?;
        let plan = Plan {
            backend,
            shape: Shape::OneProcess,
            log_level: "info",
        };
        let mut suite = Suite::prepare(plan, None)?;
        let url = format!("redis://{}", proxy.address());
        suite.set_environment(vec![("DOSSIER_REDIS_URL".to_owned(), url)]);
        suite.start_again().await?;
        Ok(Self {
            suite,
            redis,
            proxy,
        })
    }

    async fn inflict(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Killed => self.redis.kill()?,
            Fault::Frozen => self.redis.freeze()?,
            Fault::Silent => self.proxy.set(Way::Silent),
            Fault::Slow => self.proxy.set(Way::Slow(Duration::from_millis(50))),
            Fault::Flushed => {
                self.redis.command(&["FLUSHALL"])?;
            }
        }
        Ok(())
    }

    async fn heal(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Killed => self.redis.start_again().await?,
            Fault::Frozen => self.redis.thaw()?,
            Fault::Silent | Fault::Slow => self.proxy.set(Way::Open),
            Fault::Flushed => {}
        }
        Ok(())
    }
}

/// Somebody with a customer of their own, whose name counts its changes.
struct Caller {
    clients: Clients,
    name: String,
    changes: u64,
}

impl Caller {
    async fn create(clients: &Clients, number: usize) -> anyhow::Result<Self> {
        let mut clients = clients.clone();
        let request = profile::CreateCustomerRequest {
            customer: Some(build::person("change 0", &format!("cache-{number}"))),
            ..Default::default()
        };
        let created = clients.customers.create_customer(request).await?;
        Ok(Self {
            clients,
            name: created.into_inner().name,
            changes: 0,
        })
    }

    async fn change(&mut self) -> anyhow::Result<()> {
        let next = self.changes + 1;
        let request = profile::UpdateCustomerRequest {
            customer: Some(profile::Customer {
                name: self.name.clone(),
                display_name: format!("change {next}"),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: vec!["display_name".to_owned()],
            }),
            request_id: build::request_id(),
            ..Default::default()
        };
        self.clients.customers.update_customer(request).await?;
        self.changes = next;
        Ok(())
    }

    /// What is read is what was changed last.
    async fn compare(&mut self) -> anyhow::Result<()> {
        let request = profile::GetCustomerRequest {
            name: self.name.clone(),
            ..Default::default()
        };
        let read = self.clients.customers.get_customer(request).await?;
        let (read, last) = (read.into_inner().display_name, self.changes);
        ensure!(
            read == format!("change {last}"),
            "{} reads {read} after change {last}",
            self.name
        );
        Ok(())
    }
}

/// The median and the 99th percentile.
#[derive(Clone, Copy, Debug)]
struct Took {
    half: Duration,
    tail: Duration,
}

/// Callers who change and read one after the other, until told to stop.
struct Load {
    running: Vec<JoinHandle<anyhow::Result<Caller>>>,
    stop: Arc<AtomicBool>,
    latencies: Arc<std::sync::Mutex<Vec<Duration>>>,
    calls: Arc<AtomicU64>,
}

impl Load {
    async fn start(clients: &Clients) -> anyhow::Result<Self> {
        let create = |number| Caller::create(clients, number);
        let callers = try_join_all((0..CALLERS).map(create)).await?;
        let mut load = Self {
            running: Vec::new(),
            stop: Arc::default(),
            latencies: Arc::default(),
            calls: Arc::default(),
        };
        load.go_on(callers);
        Ok(load)
    }

    fn go_on(&mut self, callers: Vec<Caller>) {
        self.stop.store(false, Ordering::SeqCst);
        for mut caller in callers {
            let (stop, calls) = (Arc::clone(&self.stop), Arc::clone(&self.calls));
            let latencies = Arc::clone(&self.latencies);
            self.running.push(tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    caller.change().await?;
                    for _ in 0..8 {
                        let begun = Instant::now();
                        caller.compare().await?;
                        calls.fetch_add(1, Ordering::Relaxed);
                        if let Ok(mut latencies) = latencies.lock() {
                            latencies.push(begun.elapsed());
                        }
                    }
                }
                Ok(caller)
            }));
        }
    }

    /// What reads took, of so long.
    async fn measure(&mut self, how_long: Duration) -> anyhow::Result<Took> {
        self.take();
        // What is measured is calls over time.
        tokio::time::sleep(how_long).await;
        let mut taken = self.take();
        if self.running.iter().any(JoinHandle::is_finished) {
            self.pause().await?;
        }
        taken.sort_unstable();
        let at = |percent: usize| taken.get(taken.len() * percent / 100).copied();
        let (half, tail) = at(50).zip(at(99)).context("no call was answered")?;
        Ok(Took { half, tail })
    }

    fn take(&self) -> Vec<Duration> {
        self.latencies
            .lock()
            .map(|mut latencies| std::mem::take(&mut *latencies))
            .unwrap_or_default()
    }

    async fn pause(&mut self) -> anyhow::Result<Vec<Caller>> {
        self.stop.store(true, Ordering::SeqCst);
        let mut callers = Vec::new();
        for task in self.running.drain(..) {
            callers.push(task.await??);
        }
        Ok(callers)
    }

    async fn stop(mut self) -> anyhow::Result<u64> {
        self.pause().await?;
        Ok(self.calls.load(Ordering::Relaxed))
    }
}
