//! A follower that was away longer than the feeds are kept begins again with the snapshot, also
//! where it is cut off in the middle of it, and ends where one that never was away would be.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Backend, Clients, Dice, Plan, Refusal, Suite, build};
use rusqlite::Connection;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status};

use super::life::{Shop, verify};
use super::{PLAN, SEGMENTATION, make_segments, members};

/// Feeds with events that are older than they are kept. interaction's is kept whole.
const COMPACTED: [(&str, usize); 2] = [("profile", 0), ("feedback", 3)];
const DAYS: i64 = 40;
/// Enough that a snapshot takes several transactions.
const CUSTOMERS: usize = 1_200;
const STEPS: usize = 150;
const COMPACTED_IN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() -> anyhow::Result<()> {
    run(Backend::SqliteMemory).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() -> anyhow::Result<()> {
    run(Backend::PostgresRedis).await
}

async fn run(backend: Backend) -> anyhow::Result<()> {
    if !backend.is_wanted() {
        return Ok(());
    }
    let mut suite = Suite::start_as(Plan { backend, ..PLAN }).await?;
    let clients = suite.clients()?;
    let segments = make_segments(&clients).await?;
    let mut shop = Shop {
        clients: clients.clone(),
        dice: Dice::random(),
        customers: import(&clients).await?,
        cases: Vec::new(),
        number: 0,
        name: "away".to_owned(),
    };
    live(&mut shop).await?;
    verify(&clients).await?;
    let [profile_before, feedback_before] = cursors(&clients).await?;

    suite.kill_one(SEGMENTATION)?;
    live(&mut shop).await?;
    age(&mut suite).await?;
    let lost = compacted_profile(&clients, &profile_before).await?;
    ensure!(lost.metadata.contains_key("floor"), "{lost:?}");
    compacted_feedback(&clients, &feedback_before).await?;

    // Cut off in the middle of the snapshot; who is deleted then is in no later one.
    suite.start_one_again(SEGMENTATION).await?;
    // The cut comes at another moment of the snapshot each time.
    tokio::time::sleep(Duration::from_millis(shop.dice.within(0..600))).await;
    suite.kill_one(SEGMENTATION)?;
    for _ in 0..100 {
        shop.leave().await?;
    }
    suite.start_one_again(SEGMENTATION).await?;
    live(&mut shop).await?;
    let verified = verify(&clients).await?;
    ensure!(
        usize::try_from(verified.customer_count)? == shop.customers.len(),
        "{} customers are known, {} live",
        verified.customer_count,
        shop.customers.len()
    );
    for segment in &segments {
        let members = members(&clients, segment).await?;
        ensure!(
            members.iter().all(|member| shop.customers.contains(member)),
            "{segment} has members that were deleted"
        );
    }
    Ok(())
}

async fn live(shop: &mut Shop) -> anyhow::Result<()> {
    for _ in 0..STEPS {
        shop.step().await?;
    }
    Ok(())
}

/// The names of many customers made at once.
async fn import(clients: &Clients) -> anyhow::Result<Vec<String>> {
    let people = (0..CUSTOMERS).map(|n| build::person("Somebody", &format!("import-{n}")));
    let people: Vec<_> = people.collect();
    let header = profile::ImportHeader {
        format: profile::ImportFormat::Rows.into(),
        ..Default::default()
    };
    let mut parts = vec![profile::import_customers_request::Part::Header(header)];
    for rows in people.chunks(400) {
        let customers = rows.to_vec();
        parts.push(profile::import_customers_request::Part::Rows(
            profile::ImportRows { customers },
        ));
    }
    let parts: Vec<_> = parts
        .into_iter()
        .map(|part| profile::ImportCustomersRequest { part: Some(part) })
        .collect();
    let mut customers = clients.customers.clone();
    let stream = customers.import_customers(tokio_stream::iter(parts));
    let mut answers = stream.await?.into_inner();
    while answers.next().await.transpose()?.is_some() {}

    let mut names = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = profile::ListCustomersRequest {
            page_size: 1_000,
            page_token,
            ..Default::default()
        };
        let page = clients
            .customers
            .clone()
            .list_customers(request)
            .await?
            .into_inner();
        names.extend(page.customers.into_iter().map(|customer| customer.name));
        if page.next_page_token.is_empty() {
            ensure!(names.len() == CUSTOMERS, "{} were imported", names.len());
            return Ok(names);
        }
        page_token = page.next_page_token;
    }
}

/// Where segmentation stands in the feeds of profile and feedback.
async fn cursors(clients: &Clients) -> anyhow::Result<[String; 2]> {
    let mut progress = clients.progress.clone();
    let progress = progress.get_progress(segmentation::GetProgressRequest {});
    let feeds = progress.await?.into_inner().feeds;
    let cursor = |name: &str| {
        let feed = feeds.iter().find(|feed| feed.feed == name);
        feed.map(|feed| feed.cursor.clone()).context("its progress")
    };
    Ok([cursor("profile")?, cursor("feedback")?])
}

/// Stops the services, makes their feeds look as they would after weeks, and starts them again.
async fn age(suite: &mut Suite) -> anyhow::Result<()> {
    let older = format!("SET time = time - {}", DAYS * 24 * 3_600 * 1_000_000);
    for (part, place) in COMPACTED {
        suite.kill_one(place)?;
        match suite.backend() {
            Backend::SqliteMemory => {
                let file = suite.dir().join("data").join(format!("dossier-{part}.db"));
                Connection::open(file)?.execute(&format!("UPDATE feed_event {older}"), [])?;
            }
            Backend::PostgresRedis => {
                let table = format!("dossier_{part}.feed_event");
                suite.sql_as_admin(&format!("UPDATE {table} {older}"))?;
            }
        }
        suite.start_one_again(place).await?;
    }
    Ok(())
}

/// The refusal of a watch after this cursor, once the feed was compacted past it.
async fn compacted_profile(clients: &Clients, cursor: &str) -> anyhow::Result<Refusal> {
    refused_in_time(async || {
        let request = profile::WatchCustomersRequest {
            cursor: cursor.to_owned(),
            include_snapshot: false,
        };
        let stream = clients
            .customers
            .clone()
            .watch_customers(Request::new(request))
            .await?;
        stream.into_inner().message().await.map(|_| ())
    })
    .await
}

async fn compacted_feedback(clients: &Clients, cursor: &str) -> anyhow::Result<Refusal> {
    refused_in_time(async || {
        let request = feedback::WatchFeedbackRequest {
            cursor: cursor.to_owned(),
            include_snapshot: false,
        };
        let stream = clients
            .feedback
            .clone()
            .watch_feedback(Request::new(request))
            .await?;
        stream.into_inner().message().await.map(|_| ())
    })
    .await
}

async fn refused_in_time(watch: impl AsyncFn() -> Result<(), Status>) -> anyhow::Result<Refusal> {
    let until = tokio::time::Instant::now() + COMPACTED_IN;
    loop {
        if let Err(status) = watch().await {
            let refused = Refusal::of(&status);
            if refused.code == Code::OutOfRange {
                ensure!(refused.reason == "COMPACTED", "{refused:?}");
                return Ok(refused);
            }
        }
        ensure!(tokio::time::Instant::now() < until, "nothing was compacted");
        // Compaction says nothing when it is done: its refusals are looked for.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
