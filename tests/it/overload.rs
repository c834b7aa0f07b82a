//! More calls than the suite can answer: what it could answer it still does, the rest is told at once
//! to come again, and one tenant's flood is not the others' trouble.
//!
//! Calls are lists of customers, each opened from its sealed row: work, not waiting. They come at
//! their times whether or not earlier ones were answered (an open loop), as callers do. Load and
//! suite share the machine, so a test asserts little; `cargo xtask soak overload` prints the figures.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use dossier_kernel::{Role, TenantId};
use dossier_proto::profile::v1 as profile;
use dossier_testkit::{Backend, Clients, Plan, Refusal, Shape, Soak, Suite, build, harness};
use futures::future::try_join_all;
use tokio::task::JoinSet;
use tonic::{Code, Status};

/// One cycle is a step up, a step further and the way back.
const CYCLES: u64 = 1;
/// Enough to keep every core busy, and fewer than are ever refused.
const CALLERS: usize = 32;
/// Connections of a flood: a connection carries 128 calls at once.
const CONNECTIONS: usize = 16;
const CUSTOMERS: usize = 100;
const STEP: Duration = Duration::from_millis(2_500);
/// Answers are of use while they come within the time that so many calls take, a little more than a
/// server works on when it starts, and always within the other.
const CALLS_IN_TIME: f64 = 320.0;
const IN_TIME: Duration = Duration::from_millis(250);
/// Without a limit some 500 calls of any flood are answered in time: those that come first.
const CALLS_TO_DROWN_IN: f64 = 3_000.0;
const RECOVERY_MAX: Duration = Duration::from_secs(10);

/// The bars are 90 % and 10 ms; what a test may assert on a machine that does other things is less.
const GOODPUT_MIN: f64 = 0.3;
/// Of the answers, by the pace of the same moment.
const IN_TIME_MIN: f64 = 0.6;
const QUIET_MIN: f64 = 0.9;

harness!("overload", run, CYCLES);

/// A harness that cannot fail proves nothing: with a limit that is out of reach everybody is let in,
/// and hardly anybody is answered in time.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_nobody_is_answered_in_time() -> anyhow::Result<()> {
    let plan = Plan {
        backend: Backend::SqliteMemory,
        shape: Shape::OneProcess,
        log_level: "info",
    };
    let mut suite = Suite::prepare(plan, None)?;
    let no_limit = ("DOSSIER_CALLS_MAX".to_owned(), "1000000000".to_owned());
    suite.set_environment(vec![no_limit]);
    suite.start_again().await?;
    let tenant = Tenant::populate(&suite, suite.tenant()).await?;
    tenant.peak(STEP / 4).await?;
    let peak = tenant.peak(STEP / 2).await?;
    let pace = peak * 5.0;
    let how_long = STEP.max(Duration::from_secs_f64(CALLS_TO_DROWN_IN / pace));
    let seen = tenant.flood(pace, how_long).await?;
    eprintln!("without a limit: {}", seen.shown(peak));
    let noticed = seen.judge(peak).err().context("not noticed")?;
    ensure!(noticed.to_string().contains("came in time"), "{noticed}");
    Ok(())
}

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    let suite = Suite::start(soak.backend).await?;
    let loud = Tenant::populate(&suite, suite.tenant()).await?;
    let quiet = Tenant::populate(&suite, &TenantId::parse("quiet")?).await?;
    for _ in 0..soak.cycles {
        // Once for the caches and the measured limit.
        loud.peak(STEP / 4).await?;
        let peak = loud.peak(STEP).await?;
        eprintln!("peak {peak:.0}/s by {CALLERS} callers");
        for factor in [2.0, 5.0] {
            let seen = loud.flood(peak * factor, STEP).await?;
            eprintln!("{factor} times that: {}", seen.shown(peak));
            seen.judge(peak)?;
            let recovery = recovered(&loud, peak, seen.ended).await?;
            eprintln!("answered as before within {recovery:?} of its end");
        }
        fair(&loud, &quiet, peak).await?;
    }
    Ok(())
}

/// How long until callers get again what they got at the peak, and nobody is refused.
async fn recovered(loud: &Tenant, peak: f64, ended: Instant) -> anyhow::Result<Duration> {
    loop {
        let now = loud.peak(STEP / 8).await;
        if now.is_ok_and(|now| now > peak * GOODPUT_MIN) {
            return Ok(ended.elapsed());
        }
        ensure!(
            ended.elapsed() < RECOVERY_MAX,
            "not recovered after {RECOVERY_MAX:?}"
        );
    }
}

/// One tenant floods at ten times its half; the other asks now and then.
async fn fair(loud: &Tenant, quiet: &Tenant, peak: f64) -> anyhow::Result<()> {
    let (flooded, asked) =
        tokio::join!(loud.flood(peak * 5.0, STEP), quiet.flood(peak / 10.0, STEP));
    let (flooded, asked) = (flooded?, asked?);
    eprintln!("a flood by one tenant: {}", flooded.shown(peak));
    eprintln!("another tenant meanwhile: {}", asked.shown(peak / 10.0));
    let share = asked.answered.len() as f64 / asked.calls as f64;
    ensure!(
        share >= QUIET_MIN,
        "the quiet tenant got {share:.2} of its calls"
    );
    Ok(())
}

/// A tenant with customers to list.
struct Tenant {
    connections: Vec<Clients>,
}

impl Tenant {
    async fn populate(suite: &Suite, tenant: &TenantId) -> anyhow::Result<Self> {
        let connect = |_| suite.clients_as(&[Role::Admin], tenant);
        let connections: Vec<_> = (0..CONNECTIONS).map(connect).collect::<Result<_, _>>()?;
        let create = |number: usize| {
            let mut customers = connections[number % CONNECTIONS].customers.clone();
            async move {
                let id = number.to_string();
                let request = profile::CreateCustomerRequest {
                    customer: Some(build::person("Somebody", &id)),
                    ..Default::default()
                };
                customers.create_customer(request).await
            }
        };
        for some in (0..CUSTOMERS).collect::<Vec<_>>().chunks(20) {
            try_join_all(some.iter().copied().map(create)).await?;
        }
        Ok(Self { connections })
    }

    async fn list(&self, connection: usize) -> Result<(), Status> {
        let request = profile::ListCustomersRequest {
            page_size: i32::try_from(CUSTOMERS).unwrap_or(i32::MAX),
            ..Default::default()
        };
        let mut customers = self.connections[connection % CONNECTIONS].customers.clone();
        customers.list_customers(request).await?;
        Ok(())
    }

    /// Answers per second when callers ask again as soon as they have an answer. A refusal is an
    /// error.
    async fn peak(&self, how_long: Duration) -> anyhow::Result<f64> {
        let begun = Instant::now();
        let callers = (0..CALLERS).map(|caller| async move {
            let mut answers = 0_u32;
            while begun.elapsed() < how_long {
                self.list(caller).await?;
                answers += 1;
            }
            anyhow::Ok(answers)
        });
        let answers: u32 = try_join_all(callers).await?.into_iter().sum();
        Ok(f64::from(answers) / begun.elapsed().as_secs_f64())
    }

    /// Asks so often a second for so long, and waits for all answers.
    async fn flood(&self, calls_per_second: f64, how_long: Duration) -> anyhow::Result<Seen> {
        let this = Arc::new(Self {
            connections: self.connections.clone(),
        });
        let begun = Instant::now();
        let mut calls = JoinSet::new();
        let pause = Duration::from_secs_f64(1.0 / calls_per_second);
        let mut number = 0_u32;
        while pause * number < how_long {
            // Late calls are made up for: the rate is what was asked for.
            let due = begun + pause * number;
            if due > Instant::now() {
                tokio::time::sleep_until(due.into()).await;
            }
            let (this, connection) = (Arc::clone(&this), usize::try_from(number)?);
            calls.spawn(async move {
                let asked = Instant::now();
                let answer = this.list(connection).await;
                (answer, asked.elapsed())
            });
            number += 1;
        }
        let ended = Instant::now();
        let mut seen = Seen {
            calls: calls.len(),
            took: ended - begun,
            ended,
            until_last: Duration::ZERO,
            answered: Vec::new(),
            refused: Vec::new(),
        };
        for (answer, after) in calls.join_all().await {
            match answer {
                Ok(()) => seen.answered.push(after),
                Err(status) => {
                    let refusal = Refusal::of(&status);
                    let right = refusal.code == Code::ResourceExhausted && refusal.has_retry;
                    ensure!(right, "a call too many got {refusal:?}");
                    seen.refused.push(after);
                }
            }
        }
        seen.until_last = begun.elapsed();
        seen.answered.sort_unstable();
        seen.refused.sort_unstable();
        Ok(seen)
    }
}

/// What became of a flood.
struct Seen {
    calls: usize,
    took: Duration,
    /// When the last call was made.
    ended: Instant,
    /// From the first call to the last answer.
    until_last: Duration,
    answered: Vec<Duration>,
    refused: Vec<Duration>,
}

impl Seen {
    /// How many answers came while they were of use.
    fn in_time(&self) -> f64 {
        let pace = self.answered.len() as f64 / self.until_last.as_secs_f64();
        let in_time = Duration::from_secs_f64(CALLS_IN_TIME / pace).max(IN_TIME);
        let useful = self.answered.iter().filter(|after| **after <= in_time);
        useful.count() as f64
    }

    /// Of those, per second.
    fn goodput(&self) -> f64 {
        self.in_time() / self.until_last.as_secs_f64()
    }

    fn shown(&self, peak: f64) -> String {
        let at = |latencies: &[Duration], share: usize| {
            let index = latencies.len() * share / 100;
            latencies.get(index).copied().unwrap_or_default()
        };
        format!(
            "{:.0} calls/s, goodput {:.0} % of it, answered p50 {:?} p99 {:?}; {} refused, told \
             after p50 {:?} p99 {:?}",
            self.calls as f64 / self.took.as_secs_f64(),
            100.0 * self.goodput() / peak,
            at(&self.answered, 50),
            at(&self.answered, 99),
            self.refused.len(),
            at(&self.refused, 50),
            at(&self.refused, 99),
        )
    }

    fn judge(&self, peak: f64) -> anyhow::Result<()> {
        let in_time = self.in_time() / self.answered.len() as f64;
        ensure!(
            in_time >= IN_TIME_MIN,
            "{in_time:.2} of the answers came in time"
        );
        let goodput = self.goodput() / peak;
        ensure!(
            goodput >= GOODPUT_MIN,
            "goodput fell to {goodput:.2} of the peak"
        );
        Ok(())
    }
}
