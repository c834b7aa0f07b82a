//! W2: durable single writes by 64 clients, beside how often the disk under the data can flush.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use dossier_proto::interaction::v1::RecordInteractionRequest;
use dossier_proto::profile::v1::CreateCustomerRequest;
use dossier_testkit::{Backend, Clients, Suite, build};

use crate::load::{self, Load};
use crate::pairs::{Series, verdict};

const CLIENTS: usize = 64;
const HOW_LONG: Duration = Duration::from_secs(3);
const RATIO_MIN: f64 = 40.0;
const P99_FLUSHES_MAX: u32 = 3;
const P99_BEYOND_FLUSHES: Duration = Duration::from_millis(20);

pub async fn measure(pairs: u32) -> anyhow::Result<()> {
    let suite = Suite::start(Backend::SqliteMemory).await?;
    let mut clients = suite.clients()?;
    let request = CreateCustomerRequest {
        customer: Some(build::person("Somebody", "one")),
        ..Default::default()
    };
    let customer = clients
        .customers
        .create_customer(request)
        .await?
        .into_inner()
        .name;

    println!("W2 RecordInteraction, {CLIENTS} clients, {HOW_LONG:?} each, every answer on disk");
    let (mut ratios, mut tails) = (Series::new(), Series::new());
    record(&clients, &customer, 0).await?;
    for pair in 1..=pairs {
        let flushes_per_second = flush_rate(suite.dir())?;
        let load = record(&clients, &customer, pair).await?;
        let flush = Duration::from_secs_f64(1.0 / flushes_per_second);
        let bound = flush * P99_FLUSHES_MAX + P99_BEYOND_FLUSHES;
        ratios.push(load.calls_per_second / flushes_per_second);
        tails.push(load.p99.as_secs_f64() / bound.as_secs_f64());
        println!(
            "  {pair}: disk {flushes_per_second:.0} flushes/s ({flush:?} each), suite {:.0}/s p50 {:?} p99 {:?}",
            load.calls_per_second, load.p50, load.p99
        );
    }
    println!(
        "  writes per flush {}, bar >= {RATIO_MIN}: {}",
        ratios.shown(2),
        verdict(ratios.median() >= RATIO_MIN)
    );
    println!(
        "  p99 / (3 flushes + 20 ms) {}, bar <= 1: {}",
        tails.shown(2),
        verdict(tails.median() <= 1.0)
    );
    Ok(())
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

/// How often a second 4 KiB can be appended and flushed by one writer.
fn flush_rate(dir: &Path) -> anyhow::Result<f64> {
    let path = dir.join("flush-rate");
    let mut file = File::create(&path)?;
    let block = [7_u8; 4_096];
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < Duration::from_secs(1) {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    let rate = f64::from(count) / begun.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}
