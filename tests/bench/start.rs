//! Start on existing data to the first answer of a customer, and memory at rest.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use dossier_proto::profile::v1::{CreateCustomerRequest, GetCustomerRequest};
use dossier_testkit::{Backend, Suite, build};

use crate::pairs::{Series, verdict};

const CUSTOMERS: usize = 1_000;
const START_MS_MAX: f64 = 300.0;
const RSS_MIB_MAX: f64 = 60.0;
/// Long enough for start-up work to end and for pollers to come to rest.
const REST: Duration = Duration::from_secs(5);

pub async fn measure(times: u32) -> anyhow::Result<()> {
    let mut suite = Suite::start(Backend::SqliteMemory).await?;
    let mut clients = suite.clients()?;
    let mut name = String::new();
    for number in 0..CUSTOMERS {
        let person = build::person("Somebody", &number.to_string());
        let request = CreateCustomerRequest {
            customer: Some(person),
            ..Default::default()
        };
        name = clients
            .customers
            .create_customer(request)
            .await?
            .into_inner()
            .name;
    }

    println!("Start of `dossier serve` on {CUSTOMERS} customers");
    let (mut starts, mut sizes) = (Series::new(), Series::new());
    for time in 1..=times {
        suite.terminate()?;
        suite.wait(Duration::from_secs(25)).await?;
        let begun = Instant::now();
        suite.spawn_again()?;
        first_answer(&suite, &name).await?;
        let start = begun.elapsed();
        tokio::time::sleep(REST).await;
        let size = resident_mib(suite.process_ids()[0])?;
        starts.push(start.as_secs_f64() * 1_000.0);
        sizes.push(size);
        println!("  {time}: first OK after {start:?}, {size:.1} MiB after {REST:?} of rest");
    }
    println!(
        "  start ms {}, bar <= {START_MS_MAX}: {}",
        starts.shown(0),
        verdict(starts.median() <= START_MS_MAX)
    );
    println!(
        "  rest MiB {}, bar <= {RSS_MIB_MAX}: {}",
        sizes.shown(1),
        verdict(sizes.median() <= RSS_MIB_MAX)
    );
    Ok(())
}

async fn first_answer(suite: &Suite, name: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        // A client of its own each time: a channel that failed once waits before it tries again.
        let mut clients = suite.clients()?;
        let request = GetCustomerRequest {
            name: name.to_owned(),
            ..Default::default()
        };
        match clients.customers.get_customer(request).await {
            Ok(_) => return Ok(()),
            Err(status) if begun.elapsed() > Duration::from_secs(30) => return Err(status.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// `VmRSS` of a process.
fn resident_mib(process: u32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1_024.0)
}
