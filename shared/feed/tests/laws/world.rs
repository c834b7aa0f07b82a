//! A database with a feed, writers that publish to it and what they know to be true.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dossier_db::testing::TestDb;
use dossier_db::{Change, Db, Position};
use dossier_feed::{Cursor, Feed, Item, Options};
use dossier_kernel::{Ctx, Error, Result, TenantId, Timestamp};
use futures::StreamExt;
use futures::stream::BoxStream;
use sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub struct World {
    pub test: TestDb,
    pub feed: Feed,
}

pub const QUICK: Options = Options {
    heartbeat: Duration::from_millis(50),
    poll_min: Duration::from_millis(5),
    poll_max: Duration::from_millis(20),
};

impl World {
    pub async fn each() -> Vec<Self> {
        let all = TestDb::each(migrations, dossier_feed::append).await;
        all.into_iter().map(Self::of).collect()
    }

    pub async fn sqlite() -> Self {
        Self::of(TestDb::sqlite(migrations, dossier_feed::append).await)
    }

    /// `None` where PostgreSQL is left out.
    pub async fn postgres() -> Option<Self> {
        if std::env::var("DOSSIER_TEST_BACKENDS").as_deref() == Ok("sqlite") {
            return None;
        }
        Some(Self::of(
            TestDb::postgres(migrations, dossier_feed::append).await,
        ))
    }

    pub fn of(test: TestDb) -> Self {
        let feed = Feed::open(test.db.clone(), QUICK);
        Self { test, feed }
    }

    pub fn db(&self) -> Db {
        self.test.db.clone()
    }

    pub fn watch(
        &self,
        tenant: TenantId,
        after: Option<Cursor>,
    ) -> BoxStream<'static, Result<Item>> {
        self.feed.watch(tenant, after, CancellationToken::new())
    }

    /// Everything up to the first heartbeat after the head as of now.
    pub async fn read_all(&self, tenant: TenantId, after: Option<Cursor>) -> Vec<Item> {
        let head = self.feed.head().await.expect("reads");
        let mut stream = self.watch(tenant, after);
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            let item = item.expect("goes on");
            match &item {
                Item::Heartbeat { cursor } if cursor.covers(&head) => return items,
                Item::Heartbeat { .. } => {}
                Item::Event { .. } | Item::End { .. } => items.push(item),
            }
        }
        panic!("the watch ended")
    }
}

pub fn shop(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant")
}

pub fn ctx() -> Ctx {
    Ctx::service("laws", shop("a"))
}

/// Publishes bodies about subjects, in one transaction.
pub async fn publish(db: &Db, tenant: &str, changes: Vec<(Uuid, String)>) -> Result<Vec<Position>> {
    publish_or(db, tenant, changes, Duration::ZERO, false).await
}

/// As [`publish`], with a pause inside the transaction and, where told to, a failure at its end.
pub async fn publish_or(
    db: &Db,
    tenant: &str,
    changes: Vec<(Uuid, String)>,
    pause: Duration,
    fail: bool,
) -> Result<Vec<Position>> {
    let tenant = shop(tenant);
    let ctx = Ctx::service("laws", tenant.clone());
    let done = db
        .write(&ctx, move |tx| {
            Box::pin(async move {
                for (subject, body) in changes {
                    let body = body.into_bytes();
                    tx.stage(Change {
                        tenant: tenant.clone(),
                        subject,
                        time: Timestamp(0),
                        body,
                    });
                }
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                if fail {
                    Err(Error::unavailable("Told to."))
                } else {
                    Ok(())
                }
            })
        })
        .await?;
    Ok(done.positions)
}

pub fn body(item: &Item) -> String {
    match item {
        Item::Event { body, .. } => String::from_utf8(body.clone()).expect("text"),
        Item::Heartbeat { .. } | Item::End { .. } => panic!("no event: {item:?}"),
    }
}

pub fn bodies(items: &[Item]) -> Vec<String> {
    items.iter().map(body).collect()
}

/// Numbers that look random and replay from their seed.
pub struct Dice(AtomicU64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// Below `sides` (SplitMix64, Steele et al. 2014).
    pub fn roll(&self, sides: u64) -> u64 {
        let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// How much a harness does: `short`, or what `cargo xtask soak` asks for.
pub fn cycles(short: u64) -> u64 {
    asked("DOSSIER_SOAK_CYCLES").unwrap_or(short)
}

/// The choices of a harness, with the command that repeats them.
pub fn dice(harness: &str) -> Arc<Dice> {
    let seed = asked("DOSSIER_SOAK_SEED").unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0);
    println!("seed {seed}: repeat with `cargo xtask soak {harness} --seed {seed}`");
    Arc::new(Dice::new(seed))
}

fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a number"))
}

pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([
        dossier_feed::migration(),
        dossier_feed::by_subject(),
        Box::new(CreateEffect),
    ]);
    all
}

/// Where consumers put what they did; without a unique key, so that doing it twice shows.
struct CreateEffect;

impl MigrationName for CreateEffect {
    fn name(&self) -> &str {
        "effect_0001"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateEffect {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        conn.execute_unprepared("CREATE TABLE effect (body text NOT NULL)")
            .await
            .map(|_| ())
    }
}
