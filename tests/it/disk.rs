//! A disk that fails and one that is full, under the running suite; a PostgreSQL that is full of
//! connections or read-only.
//!
//! Whatever happens, nothing is acknowledged that is not kept, reads are served, and the answers
//! say what is the matter.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_kernel::Role;
use dossier_proto::profile::v1 as profile;
use dossier_testkit::disk::{Fault, Shim};
use dossier_testkit::{
    Backend, Clients, Cluster, Dice, Plan, Port, Refusal, Shape, Soak, Suite, build, harness,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::book::{self, Book, Outcome};

const SERVICES: [&str; 4] = ["profile", "interaction", "segmentation", "feedback"];
/// One cycle is a full disk and then a failing one.
const CYCLES: u64 = 2;
const WHILE: std::ops::Range<u64> = 100..300;
const HEAL_TIMEOUT: Duration = Duration::from_secs(20);
const FULL_TIMEOUT: Duration = Duration::from_secs(60);
/// A second, and however long the log goes on in the room that it has.
const UNRECORDED_TIMEOUT: Duration = Duration::from_secs(20);

harness!("disk", run, sqlite: CYCLES, postgres: 1);

async fn run(soak: &mut Soak) -> anyhow::Result<()> {
    match soak.backend {
        Backend::SqliteMemory => run_on_sqlite(soak, None).await,
        Backend::PostgresRedis => run_on_postgres(soak).await,
    }
}

/// With `synchronous=NORMAL` a commit does not sync, so it does not see that syncs fail.
#[cfg(feature = "failpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledgement_without_a_sync_is_noticed() -> anyhow::Result<()> {
    let mut soak = Soak::begin("disk", Backend::SqliteMemory, 1)?;
    let noticed = run_on_sqlite(&mut soak, Some("db::synchronous_normal=return")).await;
    let noticed = format!("{:#}", noticed.err().context("not noticed")?);
    ensure!(noticed.contains("acknowledged without a sync"), "{noticed}");
    eprintln!("noticed: {noticed:.200}");
    Ok(())
}

async fn run_on_sqlite(soak: &mut Soak, failpoints: Option<&str>) -> anyhow::Result<()> {
    let dice = &mut soak.dice;
    let mut suite = Suite::prepare(plan(Backend::SqliteMemory), None)?;
    let orders = suite.dir().join("orders");
    let shim = Shim::on(&suite.dir().join("data"))?.failing_by(&orders)?;
    let port = Port::hold()?;
    let admin = port.address().to_string();
    let mut environment = shim.environment();
    environment.push(("DOSSIER_ADMIN_LISTEN".to_owned(), admin.clone()));
    environment.extend(failpoints.map(|text| ("FAILPOINTS".to_owned(), text.to_owned())));
    suite.set_environment(environment);
    suite.start_again().await?;
    let mut book = Book::open(&suite.clients()?, dice, None).await?;
    let request = profile::CreateCustomerRequest {
        customer: Some(build::person("Somebody", "disk")),
        ..Default::default()
    };
    let mut customers = suite.clients()?.customers;
    let customer = customers.create_customer(request).await?.into_inner().name;
    book.expect_customers(std::slice::from_ref(&customer));
    for cycle in 0..soak.cycles {
        full(&suite, &shim, &mut book, dice, &customer)
            .await
            .with_context(|| format!("full, {cycle}"))?;
        broken(&mut suite, &shim, &mut book, dice, &admin)
            .await
            .with_context(|| format!("failing, {cycle}"))?;
    }
    eprintln!(
        "{} full and failing disks, {} changes acknowledged: 0 lost",
        soak.cycles,
        book.acknowledged_count()
    );
    Ok(())
}

/// RESOURCE_EXHAUSTED while it lasts, reads go on, and writes come back by themselves.
async fn full(
    suite: &Suite,
    shim: &Shim,
    book: &mut Book,
    dice: &mut Dice,
    customer: &str,
) -> anyhow::Result<()> {
    let clients = suite.clients()?;
    write(book, &clients, dice).await?;
    shim.set(Fault::Full)?;
    let begun = Instant::now();
    let mut refusing = BTreeSet::new();
    // A log that was folded into its file is written over, and needs no room until it is full.
    while refusing.len() < SERVICES.len() {
        ensure!(begun.elapsed() < FULL_TIMEOUT, "only {refusing:?} refused");
        for (service, troubles) in write(book, &clients, dice).await?.troubles {
            for status in troubles {
                let expected = status.code() == Code::ResourceExhausted;
                ensure!(expected, "{service} says {status:?} of a full disk");
                refusing.insert(service);
            }
        }
    }
    book.compare_shown(&clients)
        .await
        .context("reads while the disk is full")?;
    direct_reads_stop(suite, customer)
        .await
        .context("reads while the disk is full")?;
    shim.clear(Fault::Full)?;
    book.repeat(&clients).await.context("space returned")?;
    book.compare_healed(&clients).await?;
    book.settle(&clients).await
}

/// Nobody can write down who saw a DIRECT value: soon none is shown. The rest of the same customer is.
async fn direct_reads_stop(suite: &Suite, customer: &str) -> anyhow::Result<()> {
    let viewer = suite.clients_as(&[Role::Viewer], suite.tenant())?;
    let analyst = suite.clients_as(&[Role::Analyst], suite.tenant())?;
    let get = async |clients: &Clients| {
        let request = profile::GetCustomerRequest {
            name: customer.to_owned(),
            ..Default::default()
        };
        let got = clients.customers.clone().get_customer(request).await?;
        Ok::<_, Status>(got.into_inner().display_name)
    };
    let begun = Instant::now();
    loop {
        let masked = get(&analyst).await.context("what needs no record")?;
        ensure!(masked.is_empty(), "an analyst is shown a name");
        if let Err(status) = get(&viewer).await {
            let refused = Refusal::of(&status);
            ensure!(refused.reason == "AUDIT_UNAVAILABLE", "{refused:?}");
            eprintln!("DIRECT reads stopped after {:?}", begun.elapsed());
            return Ok(());
        }
        ensure!(
            begun.elapsed() < UNRECORDED_TIMEOUT,
            "DIRECT values are shown, and nobody can write down to whom"
        );
        // The suite says it by answering otherwise, so it is asked.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// After the first failed sync nothing is acknowledged until the next start, reads go on, and the
/// operators' port tells.
async fn broken(
    suite: &mut Suite,
    shim: &Shim,
    book: &mut Book,
    dice: &mut Dice,
    admin: &str,
) -> anyhow::Result<()> {
    let clients = suite.clients()?;
    write(book, &clients, dice).await?;
    ensure!(
        read_only(admin).await?.is_empty(),
        "read-only before anything failed"
    );
    shim.set(Fault::SyncFails)?;
    // What was synced just before may still be on its way.
    write(book, &clients, dice).await?;
    let outcome = write(book, &clients, dice).await?;
    ensure!(
        outcome.acknowledged_count() == 0,
        "acknowledged without a sync: {outcome:?}"
    );
    each(&outcome)?;
    shim.clear(Fault::SyncFails)?;
    let outcome = write(book, &clients, dice).await?;
    ensure!(
        outcome.acknowledged_count() == 0,
        "acknowledged after a failed sync: {outcome:?}"
    );
    for (service, status) in each(&outcome)? {
        let expected = status.code() == Code::Unavailable;
        ensure!(expected, "{service} says {status:?} after a failed sync");
    }
    book.compare_shown(&clients)
        .await
        .context("reads after the disk failed")?;
    let told = read_only(admin).await?;
    ensure!(told == SERVICES, "read-only are only {told:?}");
    suite.kill()?;
    suite.start_again().await?;
    let clients = suite.clients()?;
    book.repeat(&clients).await?;
    book.compare(&clients, book::NOW).await?;
    book.count(&clients).await?;
    book.settle(&clients).await?;
    ensure!(
        read_only(admin).await?.is_empty(),
        "read-only after a new start"
    );
    Ok(())
}

/// What /readyz and /metrics say of databases that refuse writes; both must agree.
async fn read_only(admin: &str) -> anyhow::Result<Vec<String>> {
    let ready = get(admin, "/readyz").await?;
    let body = ready.split_once("\r\n\r\n").context("a body")?.1;
    let body: serde_json::Value = serde_json::from_str(body)?;
    let names = body["read_only"].as_array().context("a list of services")?;
    let names: Vec<_> = names
        .iter()
        .filter_map(|name| name.as_str())
        .map(str::to_owned)
        .collect();
    let metrics = get(admin, "/metrics").await?;
    for service in SERVICES {
        let value = u8::from(names.iter().any(|name| name == service));
        let line = format!("dossier_database_read_only{{service=\"{service}\"}} {value}");
        ensure!(metrics.contains(&line), "the metrics lack `{line}`");
    }
    Ok(names)
}

/// What the operators' port answers, heads and all.
async fn get(admin: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(admin).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Somebody else takes every connection of the server, then the server is read-only for a while.
async fn run_on_postgres(soak: &mut Soak) -> anyhow::Result<()> {
    let dice = &mut soak.dice;
    let cluster = Cluster::start(&["max_connections=60"]).await?;
    let mut suite = Suite::prepare(plan(Backend::PostgresRedis), Some(&cluster))?;
    suite.start_again().await?;
    let clients = suite.clients()?;
    let mut book = Book::open(&clients, dice, None).await?;
    for cycle in 0..soak.cycles {
        crowded(&cluster, &mut book, &clients, dice)
            .await
            .with_context(|| format!("out of connections, {cycle}"))?;
        read_only_server(&cluster, &mut book, &clients, dice)
            .await
            .with_context(|| format!("read-only, {cycle}"))?;
        book.count(&clients).await?;
        book.settle(&clients).await?;
    }
    book::check_schemas(&suite)?;
    eprintln!(
        "{} full and read-only servers, {} changes acknowledged: 0 lost",
        soak.cycles,
        book.acknowledged_count()
    );
    Ok(())
}

async fn crowded(
    cluster: &Cluster,
    book: &mut Book,
    clients: &Clients,
    dice: &mut Dice,
) -> anyhow::Result<()> {
    let mut crowd = cluster.crowd().await?;
    // Room for whoever hangs up.
    crowd.truncate(crowd.len().saturating_sub(3));
    cluster.hang_up("dossier_%")?;
    crowd.extend(cluster.crowd().await?);
    let outcome = write(book, clients, dice).await?;
    for (service, status) in each(&outcome)? {
        let expected = status.code() == Code::Unavailable;
        ensure!(expected, "{service} says {status:?} without a connection");
    }
    drop(crowd);
    book.repeat(clients)
        .await
        .context("connections are free again")?;
    book.compare_healed(clients).await
}

async fn read_only_server(
    cluster: &Cluster,
    book: &mut Book,
    clients: &Clients,
    dice: &mut Dice,
) -> anyhow::Result<()> {
    cluster.set("default_transaction_read_only = on")?;
    let outcome = until_refused(book, clients, dice).await?;
    for (service, status) in each(&outcome)? {
        let expected = status.code() == Code::Unavailable;
        ensure!(expected, "{service} says {status:?} of a read-only server");
    }
    book.compare_shown(clients)
        .await
        .context("reads while it is read-only")?;
    cluster.set("default_transaction_read_only = off")?;
    book.repeat(clients).await.context("writes again")?;
    book.compare_healed(clients).await
}

/// Writes until every service has refused at last; sessions hear of a setting one after the other.
async fn until_refused(
    book: &mut Book,
    clients: &Clients,
    dice: &mut Dice,
) -> anyhow::Result<Outcome> {
    let begun = Instant::now();
    while begun.elapsed() < HEAL_TIMEOUT {
        let outcome = write(book, clients, dice).await?;
        if outcome.acknowledged_count() == 0 {
            return Ok(outcome);
        }
    }
    bail!("writes are acknowledged on a read-only server")
}

async fn write(book: &mut Book, clients: &Clients, dice: &mut Dice) -> anyhow::Result<Outcome> {
    // The time is how much is tried.
    let enough = tokio::time::sleep(Duration::from_millis(dice.within(WHILE)));
    Ok(book.write(clients, enough).await?.1)
}

/// Every service's troubles; there must be some.
fn each(outcome: &Outcome) -> anyhow::Result<Vec<(&'static str, &Status)>> {
    let mut all = Vec::new();
    for service in SERVICES {
        let troubles = outcome
            .troubles
            .get(service)
            .map(Vec::as_slice)
            .unwrap_or_default();
        ensure!(
            !troubles.is_empty(),
            "{service} refused nothing: {outcome:?}"
        );
        all.extend(troubles.iter().map(|status| (service, status)));
    }
    Ok(all)
}

const fn plan(backend: Backend) -> Plan {
    Plan {
        backend,
        shape: Shape::OneProcess,
        log_level: "warn",
    }
}
