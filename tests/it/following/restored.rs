//! An older copy of the databases is put back: with `dossier restored` everybody who followed what is
//! lost is told so, and what follows inside the suite is as a rebuild would make it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{
    Backend, Clients, Dice, Plan, Refusal, Shape, Suite, on_both_backends, program,
};
use profile::watch_customers_response::Item;
use tonic::Code;

use super::life::{Shop, verify};
use super::{make_segments, members};

const STEPS: usize = 120;
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

on_both_backends!(an_older_copy_begins_another_history);

async fn an_older_copy_begins_another_history(mut suite: Suite) -> anyhow::Result<()> {
    let segments = make_segments(&suite.clients()?).await?;
    let lost = live_and_lose(&mut suite).await?;
    let done = restored(&suite, &["--without-journal"])?;
    ensure!(done.matches("a new history begins").count() == 4, "{done}");
    suite.start_again().await?;
    let clients = suite.clients()?;
    lost.are_refused(&clients).await?;

    // The new history grows over the place where the lost one ended.
    let mut shop = shop(&clients, "after").await?;
    live(&mut shop, 2 * STEPS).await?;
    lost.are_refused(&clients).await?;
    let verified = verify(&clients).await?;
    let known: BTreeSet<_> = shop.customers.iter().cloned().collect();
    ensure!(usize::try_from(verified.customer_count)? == known.len());
    for segment in &segments {
        let members = members(&clients, segment).await?;
        ensure!(
            members.is_subset(&known),
            "{segment} has members of a lost history"
        );
    }
    let (told, _) = follow(&clients, "").await?;
    ensure!(
        told == known,
        "the snapshot tells {} of {}",
        told.len(),
        known.len()
    );
    Ok(())
}

/// Why it must be said: a cursor that lies in the future is refused by itself, but not for long.
#[tokio::test(flavor = "multi_thread")]
async fn unsaid_it_is_noticed_until_the_lost_history_is_overtaken() -> anyhow::Result<()> {
    let mut suite = Suite::start(Backend::SqliteMemory).await?;
    make_segments(&suite.clients()?).await?;
    let lost = live_and_lose(&mut suite).await?;
    suite.start_again().await?;
    let clients = suite.clients()?;
    lost.are_refused(&clients).await?;
    let mut shop = shop(&clients, "after").await?;
    live(&mut shop, 2 * STEPS).await?;
    let noticed = lost.are_refused(&clients).await.err();
    let noticed = noticed.context("overtaken, and still noticed: is `restored` needed?")?;
    ensure!(noticed.to_string().contains("goes on"), "{noticed:#}");
    Ok(())
}

/// Only profile is put back: segmentation, which has heard of more, reads its feed anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_heard_more_reads_anew() -> anyhow::Result<()> {
    let plan = Plan {
        backend: Backend::SqliteMemory,
        shape: Shape::OneProcess,
        log_level: "info",
    };
    let mut suite = Suite::start_as(plan).await?;
    make_segments(&suite.clients()?).await?;
    let mut before = shop(&suite.clients()?, "before").await?;
    live(&mut before, STEPS).await?;
    stop(&mut suite).await?;
    let file = |name: &str| {
        suite
            .dir()
            .join("data")
            .join(format!("dossier-profile.db{name}"))
    };
    let copy = std::fs::read(file(""))?;
    ensure!(
        !file("-wal").exists(),
        "a stop leaves everything in the file"
    );
    suite.start_again().await?;
    let mut before = shop(&suite.clients()?, "beyond").await?;
    live(&mut before, STEPS).await?;
    verify(&suite.clients()?).await?;
    stop(&mut suite).await?;
    let file = suite.dir().join("data/dossier-profile.db");
    std::fs::write(file, copy)?;
    std::fs::rename(
        suite.dir().join("data/audit"),
        suite.dir().join("audit-aside"),
    )?;
    restored(&suite, &["--only", "profile", "--without-journal"])?;
    suite.start_again().await?;
    let clients = suite.clients()?;
    let mut shop = shop(&clients, "after").await?;
    live(&mut shop, 2 * STEPS).await?;
    let verified = verify(&clients).await?;
    ensure!(usize::try_from(verified.customer_count)? == shop.customers.len());
    Ok(())
}

/// Cursors of followers who have seen what is lost.
struct Lost {
    customers: String,
    memberships: String,
}

/// Lives, is copied, lives on, and gets the copy back; does not serve afterwards.
async fn live_and_lose(suite: &mut Suite) -> anyhow::Result<Lost> {
    let mut before = shop(&suite.clients()?, "before").await?;
    live(&mut before, STEPS).await?;
    verify(&suite.clients()?).await?;
    stop(suite).await?;
    suite.back_up()?;
    suite.start_again().await?;
    let clients = suite.clients()?;
    let mut beyond = shop(&clients, "lost").await?;
    live(&mut beyond, STEPS).await?;
    verify(&clients).await?;
    let (_, customers) = follow(&clients, "").await?;
    let memberships = to_the_end(&clients, "").await?;
    follow(&clients, &customers)
        .await
        .context("the history is there")?;
    stop(suite).await?;
    suite.restore()?;
    Ok(Lost {
        customers,
        memberships,
    })
}

impl Lost {
    async fn are_refused(&self, clients: &Clients) -> anyhow::Result<()> {
        let customers = follow(clients, &self.customers).await.map(drop);
        let memberships = to_the_end(clients, &self.memberships).await.map(drop);
        for followed in [customers, memberships] {
            let Err(error) = followed else {
                bail!("a follower of the lost history goes on");
            };
            let refused = Refusal::of(error.downcast_ref().context("refused")?);
            ensure!(
                refused.code == Code::OutOfRange && refused.reason == "EPOCH_CHANGED",
                "{refused:?}"
            );
        }
        Ok(())
    }
}

/// The customers that are there when a watch has caught up, and its cursor; from the snapshot
/// without a cursor.
async fn follow(clients: &Clients, cursor: &str) -> anyhow::Result<(BTreeSet<String>, String)> {
    let request = profile::WatchCustomersRequest {
        cursor: cursor.to_owned(),
        include_snapshot: cursor.is_empty(),
    };
    let watch = clients.customers.clone().watch_customers(request).await;
    let mut stream = watch?.into_inner();
    let mut known = BTreeSet::new();
    while let Some(message) = stream.message().await? {
        match message.item {
            Some(Item::Change(change)) => {
                let customer = change.customer.context("a customer")?;
                match customer.delete_time {
                    None => known.insert(customer.name),
                    Some(_) => known.remove(&customer.name),
                };
            }
            Some(Item::Heartbeat(_)) => return Ok((known, message.cursor)),
            Some(Item::End(_)) | None => {}
        }
    }
    bail!("a watch has no end")
}

/// The cursor of a watch of memberships that has caught up.
async fn to_the_end(clients: &Clients, cursor: &str) -> anyhow::Result<String> {
    use segmentation::watch_memberships_response::Item;
    let request = segmentation::WatchMembershipsRequest {
        cursor: cursor.to_owned(),
        include_snapshot: cursor.is_empty(),
        segment: String::new(),
    };
    let watch = clients.segments.clone().watch_memberships(request).await;
    let mut stream = watch?.into_inner();
    while let Some(message) = stream.message().await? {
        if let Some(Item::Heartbeat(_)) = message.item {
            return Ok(message.cursor);
        }
    }
    bail!("a watch has no end")
}

/// A shop that knows the customers there are.
async fn shop(clients: &Clients, name: &str) -> anyhow::Result<Shop> {
    let request = profile::ListCustomersRequest {
        page_size: 1_000,
        ..Default::default()
    };
    let page = clients.customers.clone().list_customers(request).await?;
    let customers = page.into_inner().customers.into_iter();
    Ok(Shop {
        clients: clients.clone(),
        dice: Dice::random(),
        customers: customers.map(|customer| customer.name).collect(),
        cases: Vec::new(),
        number: 0,
        name: name.to_owned(),
    })
}

async fn live(shop: &mut Shop, steps: usize) -> anyhow::Result<()> {
    for _ in 0..steps {
        shop.step().await?;
    }
    Ok(())
}

pub async fn stop(suite: &mut Suite) -> anyhow::Result<()> {
    suite.terminate()?;
    let ended = suite.wait(STOP_TIMEOUT).await?;
    ensure!(
        ended.iter().all(std::process::ExitStatus::success),
        "{ended:?}"
    );
    Ok(())
}

/// `dossier restored`, which says what it did.
pub fn restored(suite: &Suite, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program("dossier")?)
        .arg("restored")
        .arg("--config")
        .arg(suite.dir().join("dossier.toml"))
        .args(arguments)
        .current_dir(suite.dir())
        .output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
