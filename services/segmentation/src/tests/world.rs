//! A service with an empty database, a clock that moves when told, and neighbours that are away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dossier_db::testing::TestDb;
use dossier_feed::{Feed, Item, Options};
use dossier_kernel::id::{InteractionId, SegmentId};
use dossier_kernel::{Clock, Ctx, Currency, CustomerId, Money, PageSize, TenantId, Timestamp};
use dossier_rpc::{Channel, Local, TokenSource};
use futures::StreamExt;
use sea_orm_migration::MigrationTrait;
use tokio_util::sync::CancellationToken;

use crate::app::{App, CreateSegment, Shown};
use crate::domain::{Cause, CustomerType, Draft, News, Profile, Purchase, Way, What};
use crate::peers::{self, Peers};
use crate::store::{self, MembershipEvent};

pub const DAY: Duration = Duration::from_secs(86_400);

pub struct World {
    pub test: TestDb,
    pub app: App,
    pub feed: Feed,
    pub clock: Clock,
    pub ctx: Ctx,
}

fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([dossier_feed::migration()]);
    all.extend(store::migrations());
    all
}

impl World {
    /// One on each backend.
    pub async fn each() -> Vec<Self> {
        let mut worlds = Vec::new();
        for test in TestDb::each(migrations, dossier_feed::append).await {
            let away = Channel::in_process(&Local::new(), TokenSource::none());
            let peers = Peers {
                profile: peers::Profile::new(away.clone()),
                interaction: peers::Interaction::new(away.clone()),
                feedback: peers::Feedback::new(away),
            };
            let clock = Clock::manual(Timestamp::from_secs(1_000_000_000));
            let feed = Feed::open(test.db.clone(), Options::default());
            let app = App::new(test.db.clone(), feed.clone(), clock.clone(), peers);
            worlds.push(Self {
                test,
                app,
                feed,
                clock,
                ctx: ctx("shop-1"),
            });
        }
        worlds
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// As if a feed had told it, in one batch.
    pub async fn tell(&self, news: Vec<News>) {
        self.tell_because(news, Cause::Event).await;
    }

    pub async fn tell_because(&self, news: Vec<News>, cause: Cause) {
        let app = self.app.clone();
        let ctx = Ctx::service("test", TenantId::all());
        self.test
            .db
            .write(&ctx, move |tx| {
                Box::pin(async move { app.learn(tx, news, cause).await })
            })
            .await
            .expect("learns");
    }

    pub async fn create(&self, name: &str, rule: &str) -> SegmentId {
        self.try_create(name, rule).await.expect(rule).segment.id
    }

    pub async fn try_create(&self, name: &str, rule: &str) -> dossier_kernel::Result<Shown> {
        self.app
            .create_segment(&self.ctx, new_segment(name, rule), None)
            .await
    }

    /// A segment whose backfill is done.
    pub async fn settled(&self, name: &str, rule: &str) -> SegmentId {
        let id = self.create(name, rule).await;
        self.app.settle().await.expect("settles");
        id
    }

    pub async fn members(&self, segment: SegmentId) -> BTreeSet<CustomerId> {
        let mut members = BTreeSet::new();
        let mut token = String::new();
        loop {
            let listed = self
                .app
                .list_members(&self.ctx, segment, PageSize(PageSize::MAX), &token)
                .await;
            let page = listed.expect("the segment exists");
            members.extend(page.members.iter().map(|member| member.customer));
            if page.next.is_empty() {
                return members;
            }
            token = page.next;
        }
    }

    /// Everything published so far.
    pub async fn published(&self) -> Vec<MembershipEvent> {
        let mut events = Vec::new();
        let tenant = self.ctx.tenant.clone();
        let mut items = self.feed.watch(tenant, None, CancellationToken::new());
        while let Some(item) = items.next().await {
            match item.expect("the feed reads") {
                Item::Event { body, .. } => {
                    events.push(MembershipEvent::read(&body).expect("reads"))
                }
                Item::Heartbeat { .. } | Item::End { .. } => break,
            }
        }
        events
    }

    /// Who was let in or out of a segment, and why.
    pub async fn story(&self, segment: SegmentId) -> Vec<(CustomerId, Way, Cause)> {
        let events = self.published().await.into_iter();
        let ours = events.filter(|event| event.segment == segment);
        ours.map(|event| (event.customer, event.way, event.cause))
            .collect()
    }

    /// The members that follow from everything published; fails where a transition came twice.
    pub async fn followed(&self) -> BTreeMap<SegmentId, BTreeSet<CustomerId>> {
        let mut members: BTreeMap<SegmentId, BTreeSet<CustomerId>> = BTreeMap::new();
        for event in self.published().await {
            let segment = members.entry(event.segment).or_default();
            let moved = match event.way {
                Way::Enter => segment.insert(event.customer),
                Way::Exit => segment.remove(&event.customer),
            };
            assert!(moved, "{event:?} came twice");
        }
        members
    }

    pub fn live(&self, customer: CustomerId) -> News {
        self.news(customer, What::File(file("CN", &[])))
    }

    pub fn buys(&self, customer: CustomerId, units: i64) -> News {
        self.bought_at(customer, units, self.now())
    }

    pub fn bought_at(&self, customer: CustomerId, units: i64, occur_time: Timestamp) -> News {
        let amount = Money::new(units * 1_000_000, Currency::USD);
        let purchase = Purchase { occur_time, amount };
        let interaction = InteractionId::generate();
        self.news(
            customer,
            What::Purchase {
                interaction,
                purchase,
            },
        )
    }

    pub fn news(&self, customer: CustomerId, what: What) -> News {
        News {
            tenant: self.ctx.tenant.clone(),
            customer,
            what,
        }
    }
}

pub fn ctx(tenant: &str) -> Ctx {
    Ctx::service("test", TenantId::parse(tenant).expect("a tenant"))
}

pub fn new_segment(name: &str, rule: &str) -> CreateSegment {
    let draft = Draft {
        display_name: name.to_owned(),
        description: String::new(),
        rule: rule.to_owned(),
    };
    CreateSegment {
        id: None,
        draft,
        validate_only: false,
    }
}

pub fn file(region_code: &str, tags: &[&str]) -> Profile {
    Profile {
        kind: CustomerType::Person,
        gender: None,
        birth_date: None,
        region_code: Some(region_code.to_owned()),
        language_code: None,
        time_zone: None,
        owner: None,
        team: None,
        create_time: Timestamp(0),
        tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        industry: Vec::new(),
        attributes: BTreeMap::new(),
    }
}

pub fn ids(count: usize) -> Vec<CustomerId> {
    (0..count).map(|_| CustomerId::generate()).collect()
}
