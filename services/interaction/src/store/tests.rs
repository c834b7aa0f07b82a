//! What the store promises, on every backend.

use std::collections::BTreeMap;
use std::sync::Arc;

use dossier_access::Sight;
use dossier_db::testing::TestDb;
use dossier_feed::{Feed, Item, Options};
use dossier_filter::Filter;
use dossier_kernel::id::InteractionId;
use dossier_kernel::{Ctx, Currency, CustomerId, Money, TenantId, Timestamp};
use dossier_vault::{RootKey, Vault};
use futures::StreamExt;
use sea_orm_migration::MigrationTrait;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::domain::timeline::{Fields, Order};
use crate::domain::{
    Details, Direction, Draft, Interaction, Purchase, PurchaseLine, Summary, Window, Words,
};

struct World {
    test: TestDb,
    vault: Vault,
    ctx: Ctx,
}

fn all_migrations() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = dossier_db::migrations();
    all.extend([dossier_feed::migration(), dossier_vault::migration()]);
    all.extend(migrations());
    all
}

impl World {
    async fn each() -> Vec<Self> {
        let mut worlds = Vec::new();
        for test in TestDb::each(all_migrations, dossier_feed::append).await {
            let root = RootKey::from_bytes([7; 32]);
            let vault = Vault::open(root, test.db.clone()).await.expect("opens");
            worlds.push(Self {
                test,
                vault,
                ctx: ctx("shop-1"),
            });
        }
        worlds
    }

    async fn record(&self, interactions: Vec<Interaction>) -> Vec<Recorded> {
        self.record_for(&self.ctx, interactions).await
    }

    async fn record_for(&self, ctx: &Ctx, interactions: Vec<Interaction>) -> Vec<Recorded> {
        let backend = self.test.db.backend();
        let rows = Rows::new(backend, &ctx.tenant, Arc::new(interactions)).expect("rows");
        let vault = self.vault.clone();
        let work = self.test.db.write(ctx, move |tx| {
            Box::pin(async move { rows.insert(tx, &vault).await })
        });
        work.await.expect("written").value
    }

    async fn read(&self, id: InteractionId) -> Option<Interaction> {
        let reader = &self.test.db.reader_of(&self.ctx.tenant);
        let model = find(reader, &self.ctx.tenant, id).await.expect("reads")?;
        let models = [model];
        let words = open_words(&self.vault, reader, &self.ctx.tenant, &models, Sight::ALL).await;
        let words = words.expect("opens").pop().expect("one");
        let [model] = models;
        Some(model.read(words).expect("readable"))
    }

    /// The ids of the pages, read one after the other.
    async fn pages(&self, filter: &str, order: &str, size: u64) -> Vec<InteractionId> {
        let filter = Filter::parse(filter, &Fields).expect("parses");
        let order = Order::parse(order).expect("an order");
        let (mut ids, mut after) = (Vec::new(), None);
        loop {
            let page = Page {
                customers: None,
                filter: &filter,
                order,
                after: after.as_deref(),
                size,
            };
            let reader = &self.test.db.reader_of(&self.ctx.tenant);
            let (rows, next) = list(reader, &self.ctx.tenant, page).await.expect("lists");
            assert!(rows.len() as u64 <= size);
            ids.extend(rows.iter().map(|row| InteractionId(row.id)));
            if next.is_none() {
                return ids;
            }
            after = next;
        }
    }
}

fn ctx(tenant: &str) -> Ctx {
    Ctx::service("test", TenantId::parse(tenant).expect("a tenant"))
}

fn money(micros: i64) -> Money {
    Money::new(micros, Currency::USD)
}

fn interaction(event_id: &str, details: Details, words: Words) -> Interaction {
    Interaction {
        id: InteractionId::generate(),
        customer: CustomerId::generate(),
        create_time: Timestamp(1_700_000_000_123_000),
        draft: Draft {
            source: "shop".into(),
            event_id: event_id.into(),
            occur_time: Timestamp(1_600_000_000_000_001),
            channel: String::new(),
            direction: None,
            details,
            words,
        },
    }
}

fn purchase(event_id: &str, customer: CustomerId, at: i64, amount: Money) -> Interaction {
    let details = Details::Purchase(Purchase {
        amount,
        order_id: String::new(),
        quantity: 1,
        lines: vec![],
    });
    let mut interaction = interaction(event_id, details, Words::default());
    interaction.customer = customer;
    interaction.draft.occur_time = Timestamp(at);
    interaction
}

/// One of each kind, with and without words.
fn one_of_each() -> Vec<Interaction> {
    let words = || Words::of_text("王小明 called".to_owned());
    let lines = vec![PurchaseLine {
        product_id: "cd-1".into(),
        quantity: 2,
        amount: money(29_330_000),
        category: "music".into(),
    }];
    let bought = Purchase {
        amount: money(29_330_000),
        order_id: "o-1".into(),
        quantity: 2,
        lines,
    };
    let fields = BTreeMap::from([("grade".to_owned(), "\"A\"".to_owned())]);
    let subject = || Words::of_subject_and_text("Re: 客户".into(), "body".into());
    let said = [
        (Details::Purchase(bought), Words::default()),
        (
            Details::PageView {
                page: "/cd/1".into(),
                product_id: "cd-1".into(),
                duration_seconds: 9,
            },
            Words::default(),
        ),
        (
            Details::Call {
                duration_seconds: 60,
                outcome: "answered".into(),
            },
            words(),
        ),
        (
            Details::Call {
                duration_seconds: 0,
                outcome: String::new(),
            },
            Words::default(),
        ),
        (Details::Email, subject()),
        (
            Details::Meeting {
                duration_seconds: 3_600,
            },
            subject(),
        ),
        (
            Details::Visit {
                place_id: "store-7".into(),
            },
            words(),
        ),
        (
            Details::Social {
                network: "weibo".into(),
                action: "comment".into(),
            },
            words(),
        ),
        (
            Details::Message {
                medium: "sms".into(),
            },
            words(),
        ),
        (
            Details::Service {
                topic: "repair".into(),
                outcome: "done".into(),
            },
            words(),
        ),
        (
            Details::Custom {
                custom_type: "trade_in".into(),
            },
            Words::of_fields(fields),
        ),
    ];
    let mut all: Vec<Interaction> = said
        .into_iter()
        .enumerate()
        .map(|(index, (details, words))| interaction(&format!("e-{index}"), details, words))
        .collect();
    all[1].draft.channel = "web".into();
    all[2].draft.direction = Some(Direction::Outbound);
    all[3].draft.direction = Some(Direction::Inbound);
    all
}

#[tokio::test]
async fn what_is_recorded_comes_back_whole_and_for_its_tenant_only() {
    for world in World::each().await {
        let all = one_of_each();
        let recorded = world.record(all.clone()).await;
        assert!(recorded.iter().all(|recorded| !recorded.duplicate));
        for (recorded, interaction) in recorded.iter().zip(all) {
            assert_eq!(
                world.read(recorded.id).await,
                Some(interaction.clone()),
                "{world:?}"
            );
            let foreign = TenantId::parse("shop-2").expect("a tenant");
            let reader = &world.test.db.reader_of(&foreign);
            assert_eq!(
                find(reader, &foreign, recorded.id).await.expect("reads"),
                None
            );
        }
        world.test.discard().await;
    }
}

#[tokio::test]
async fn words_are_sealed_and_changes_do_not_read_them() {
    for world in World::each().await {
        let all = one_of_each();
        world.record(all.clone()).await;
        let ids: Vec<InteractionId> = all.iter().map(|interaction| interaction.id).collect();
        let reader = &world.test.db.reader_of(&world.ctx.tenant);
        let whole = find_many(reader, &world.ctx.tenant, &ids)
            .await
            .expect("reads");
        let clear = find_many_clear(reader, &world.ctx.tenant, &ids)
            .await
            .expect("reads");
        assert_eq!(clear.len(), ids.len());
        for interaction in &all {
            let row = &whole[&interaction.id];
            assert_eq!(row.direct.is_some(), !interaction.draft.words.is_empty());
            let sealed = row.direct.clone().unwrap_or_default();
            assert!(
                !sealed.windows(6).any(|bytes| bytes == "王小".as_bytes()),
                "{world:?}"
            );
            assert_eq!(
                clear[&interaction.id],
                Model {
                    direct: None,
                    ..row.clone()
                }
            );
        }
        world.test.discard().await;
    }
}

#[tokio::test]
async fn an_event_is_kept_once_in_one_batch_and_in_later_ones() {
    for world in World::each().await {
        let one = |id: &str| purchase(id, CustomerId::generate(), 5, money(1));
        let first = vec![one("a"), one("b"), one("a")];
        let kept = first[0].id;
        let recorded = world.record(first).await;
        assert_eq!(
            recorded[2],
            Recorded {
                id: kept,
                duplicate: true
            },
            "{world:?}"
        );
        assert_eq!(
            recorded
                .iter()
                .filter(|recorded| recorded.duplicate)
                .count(),
            1
        );

        let again = world.record(vec![one("c"), one("a")]).await;
        assert!(!again[0].duplicate);
        assert_eq!(
            again[1],
            Recorded {
                id: kept,
                duplicate: true
            }
        );

        // Another source or another tenant is another event.
        let mut other = one("a");
        other.draft.source = "crm".into();
        assert!(!world.record(vec![other]).await[0].duplicate);
        let elsewhere = world.record_for(&ctx("shop-2"), vec![one("a")]).await;
        assert!(!elsewhere[0].duplicate);
        world.test.discard().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_of_the_same_events_at_the_same_time_agree() {
    const WRITERS: usize = 12;
    const EVENTS: usize = 60;
    for world in World::each().await {
        let world = Arc::new(world);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let world = Arc::clone(&world);
                tokio::spawn(async move {
                    // Every writer in another order, one half with words for the same customers.
                    let events = (0..EVENTS).map(|n| (n * 7 + writer * 13) % EVENTS);
                    let batch = events.map(|n| {
                        let id = uuid::Uuid::from_u128(n as u128);
                        let mut one = purchase(&format!("e-{n}"), CustomerId(id), 1, money(1));
                        if n % 2 == 0 {
                            one.draft.details = Details::Email;
                            one.draft.words = Words::of_text("hello".into());
                        }
                        one
                    });
                    world.record(batch.collect()).await
                })
            })
            .collect();
        let mut new = 0;
        let mut ids = std::collections::HashSet::new();
        for writer in writers {
            for recorded in writer.await.expect("no panic") {
                new += usize::from(!recorded.duplicate);
                ids.insert(recorded.id);
            }
        }
        assert_eq!((new, ids.len()), (EVENTS, EVENTS), "{world:?}");

        let feed = Feed::open(world.test.db.clone(), Options::default());
        let stop = CancellationToken::new();
        let mut items = feed.watch(world.ctx.tenant.clone(), None, stop);
        let mut told = std::collections::HashSet::new();
        while let Some(Ok(Item::Event { body, .. })) = items.next().await {
            assert!(
                told.insert(change::read(&body).expect("an id")),
                "told twice"
            );
        }
        assert_eq!(told, ids);
        drop(items);
        Arc::try_unwrap(world)
            .expect("nobody else")
            .test
            .discard()
            .await;
    }
}

#[tokio::test]
async fn pages_of_every_order_have_every_row_once() {
    for world in World::each().await {
        let ids = crate::app::ids::Ids::default();
        let mut all = Vec::new();
        for n in 0..40_i64 {
            // Many tie by both times.
            let mut one = purchase(&format!("e-{n}"), CustomerId::generate(), n % 5, money(n));
            (one.id, one.create_time) = ids.next(Timestamp(n / 10 * 1_000));
            if n % 3 == 0 {
                one.draft.details = Details::Email;
                one.draft.channel = "web".into();
            }
            all.push(one);
        }
        world.record(all.clone()).await;

        for (order, descending) in [("occur_time", false), ("occur_time desc", true), ("", true)] {
            let mut wanted: Vec<_> = all.iter().map(|i| (i.draft.occur_time, i.id)).collect();
            wanted.sort_unstable();
            if descending {
                wanted.reverse();
            }
            let wanted: Vec<InteractionId> = wanted.into_iter().map(|(_, id)| id).collect();
            assert_eq!(world.pages("", order, 7).await, wanted, "{order} {world:?}");
        }
        let wanted: Vec<InteractionId> = all.iter().map(|interaction| interaction.id).collect();
        assert_eq!(world.pages("", "create_time", 3).await, wanted);

        let mails = world
            .pages(r#"kind = EMAIL AND channel = "web""#, "create_time", 5)
            .await;
        assert_eq!(mails.len(), 14);
        let late = world
            .pages(r#"occur_time >= "1970-01-01T00:00:00.000004Z""#, "", 5)
            .await;
        assert_eq!(late.len(), 8);
        assert_eq!(
            world.pages("NOT direction = INBOUND", "", 100).await.len(),
            40
        );
        world.test.discard().await;
    }
}

#[tokio::test]
async fn the_database_sums_up_as_the_rules_do() {
    for world in World::each().await {
        let customer = CustomerId::generate();
        let euro = |micros| Money::new(micros, Currency::parse("EUR").expect("a code"));
        let mut rows = vec![
            purchase("a", customer, 10, money(i64::MAX)),
            purchase("b", customer, 20, money(i64::MAX)),
            purchase("c", customer, 30, euro(999_999)),
            purchase("d", customer, 40, euro(1)),
            purchase("e", CustomerId::generate(), 50, money(1)),
        ];
        rows[2].draft.channel = "web".into();
        let mut mail = interaction("f", Details::Email, Words::of_text("hello".into()));
        (mail.customer, mail.draft.occur_time) = (customer, Timestamp(60));
        rows.push(mail);
        world.record(rows).await;

        let reader = &world.test.db.reader_of(&world.ctx.tenant);
        let sum = |window| {
            let tenant = &world.ctx.tenant;
            async move {
                Summary::of(
                    summary(reader, tenant, &[customer], window)
                        .await
                        .expect("sums"),
                )
            }
        };
        let all = sum(Window::AllTime).await;
        assert_eq!((all.interactions.count, all.purchases.count), (5, 4));
        assert_eq!(all.interactions.span, Some((Timestamp(10), Timestamp(60))));
        assert_eq!(all.purchases.span, Some((Timestamp(10), Timestamp(40))));
        let spent: Vec<i128> = all.spent.values().copied().collect();
        assert_eq!(spent, [1_000_000, i128::from(i64::MAX) * 2], "{world:?}");
        assert_eq!(all.channels, BTreeMap::from([("web".to_owned(), 1)]));

        let window = Window::Between {
            after: Timestamp(20),
            until: Timestamp(40),
        };
        let some = sum(window).await;
        assert_eq!(some.interactions.span, Some((Timestamp(30), Timestamp(40))));
        let stranger = [CustomerId::generate()];
        let nobody = summary(reader, &world.ctx.tenant, &stranger, Window::AllTime);
        assert_eq!(Summary::of(nobody.await.expect("sums")), Summary::default());
        world.test.discard().await;
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.test.fmt(f)
    }
}

#[tokio::test]
async fn words_out_of_sight_are_not_opened() {
    for world in World::each().await {
        let said = interaction("w", Details::Email, Words::of_text("hello".into()));
        let recorded = world.record(vec![said]).await;
        let reader = &world.test.db.reader_of(&world.ctx.tenant);
        let found = find(reader, &world.ctx.tenant, recorded[0].id).await;
        let mut model = found.expect("reads").expect("kept");
        // As a broken disk would.
        model.direct = Some(vec![0]);
        let models = [model];
        let open = |sight| open_words(&world.vault, reader, &world.ctx.tenant, &models, sight);
        let hidden = Sight {
            direct: false,
            sensitive: false,
        };
        assert_eq!(open(hidden).await.expect("not opened"), [Words::unseen()]);
        assert!(open(Sight::ALL).await.is_err(), "others open it");
        world.test.discard().await;
    }
}
