//! W2: durable single writes by 64 clients, beside how often the disk under the data can flush.
//!
//! Measured twice. On the disk as it is, the ratio says little where that disk is quick: one that
//! flushes 4,000 times a second would take 160,000 calls a second. So the bars are held on a disk
//! that takes 20 ms longer for every flush, like a volume that lies across a network: there the
//! ratio can only be had by writes that share their flush.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dossier_proto::interaction::v1::RecordInteractionRequest;
use dossier_proto::profile::v1::CreateCustomerRequest;
use dossier_testkit::disk::Shim;
use dossier_testkit::{Backend, Clients, Plan, Shape, Suite, build};

use crate::load::{self, Load};
use crate::pairs::{Series, verdict};

const CLIENTS: usize = 64;
const HOW_LONG: Duration = Duration::from_secs(3);
const SLOWER_BY: Duration = Duration::from_millis(20);
const RATIO_MIN: f64 = 40.0;
const P99_FLUSHES_MAX: u32 = 3;
const P99_BEYOND_FLUSHES: Duration = Duration::from_millis(20);

pub async fn measure(pairs: u32) -> anyhow::Result<()> {
    println!("W2 RecordInteraction, {CLIENTS} clients, {HOW_LONG:?} each, every answer on disk");
    let mut quick = Stage::set(Duration::ZERO).await?;
    let mut slow = Stage::set(SLOWER_BY).await?;
    for pair in 1..=pairs {
        quick.measure(pair).await?;
        slow.measure(pair).await?;
    }
    println!(
        "  the disk as it is: writes per flush {}, p99 / (3 flushes + 20 ms) {}",
        quick.ratios.shown(2),
        quick.tails.shown(2)
    );
    println!(
        "  {SLOWER_BY:?} slower: writes per flush {}, bar >= {RATIO_MIN}: {}",
        slow.ratios.shown(2),
        verdict(slow.ratios.median() >= RATIO_MIN)
    );
    println!(
        "  {SLOWER_BY:?} slower: p99 / (3 flushes + 20 ms) {}, bar <= 1: {}",
        slow.tails.shown(2),
        verdict(slow.tails.median() <= 1.0)
    );
    Ok(())
}

/// A suite with somebody who buys, on a disk of some slowness.
struct Stage {
    suite: Suite,
    clients: Clients,
    customer: String,
    slower_by: Duration,
    ratios: Series,
    tails: Series,
}

impl Stage {
    async fn set(slower_by: Duration) -> anyhow::Result<Self> {
        let plan = Plan {
            backend: Backend::SqliteMemory,
            shape: Shape::OneProcess,
            log_level: "info",
        };
        let mut suite = Suite::prepare(plan, None)?;
        if !slower_by.is_zero() {
            let shim = Shim::on(&suite.dir().join("data"))?.slower_by(slower_by);
            suite.set_environment(shim.environment());
        }
        suite.start_again().await?;
        let mut clients = suite.clients()?;
        let request = CreateCustomerRequest {
            customer: Some(build::person("Somebody", "one")),
            ..Default::default()
        };
        let created = clients.customers.create_customer(request).await?;
        let stage = Self {
            suite,
            clients,
            customer: created.into_inner().name,
            slower_by,
            ratios: Series::new(),
            tails: Series::new(),
        };
        record(&stage.clients, &stage.customer, 0).await?;
        Ok(stage)
    }

    async fn measure(&mut self, pair: u32) -> anyhow::Result<()> {
        let flush = flush_time(self.suite.dir())? + self.slower_by;
        let load = record(&self.clients, &self.customer, pair).await?;
        let bound = flush * P99_FLUSHES_MAX + P99_BEYOND_FLUSHES;
        self.ratios
            .push(load.calls_per_second * flush.as_secs_f64());
        self.tails
            .push(load.p99.as_secs_f64() / bound.as_secs_f64());
        println!(
            "  {pair}: a flush {flush:?}, suite {:.0}/s p50 {:?} p99 {:?}",
            load.calls_per_second, load.p50, load.p99
        );
        Ok(())
    }
}

async fn record(clients: &Clients, customer: &str, pair: u32) -> anyhow::Result<Load> {
    let (clients, customer) = (clients.clone(), customer.to_owned());
    load::run(CLIENTS, HOW_LONG, move |caller, count| {
        let mut interactions = clients.interactions.clone();
        let event = format!("{pair}-{caller}-{count}");
        let interaction = build::purchase(&customer, "bench", &event, 1_760_000_000, 2_933);
        async move {
            let request = RecordInteractionRequest {
                interaction: Some(interaction),
                customer_key: None,
                request_id: build::request_id(),
            };
            interactions.record_interaction(request).await?;
            Ok(())
        }
    })
    .await
}

/// How long one writer takes to append 4 KiB and flush.
fn flush_time(dir: &Path) -> anyhow::Result<Duration> {
    let path = dir.join("flush-time");
    let mut file = File::create(&path)?;
    let block = [7_u8; 4_096];
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < Duration::from_secs(1) {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let each = begun.elapsed() / count;
    std::fs::remove_file(path)?;
    Ok(each)
}
