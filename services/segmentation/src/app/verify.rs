//! Whether what is stored is what the feeds tell: everything is built anew and compared.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use dossier_db::speaker;
use dossier_kernel::id::SegmentId;
use dossier_kernel::{Ctx, Currency, CustomerId, Error, Result, TenantId};
use futures::StreamExt;

use super::rules::LiveRule;
use super::{App, customers};
use crate::domain::{Customer, History, Needs, News, Purchase, Standing, assess};
use crate::peers::Told;
use crate::store::{Known, customers as rows, memberships, purchases, schemes};

/// Customers compared in one step.
const PAGE: u64 = 1_000;
/// How often all is done again: between the two readings something may have happened.
const ATTEMPTS_MAX: usize = 5;
const WORDS_MAX: usize = 100;

/// What the comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    pub customer_count: i64,
    pub membership_count: i64,
    pub difference_count: i64,
    /// The first 100 differences, in words without personal data.
    pub differences: Vec<String>,
}

impl Verification {
    fn differ(&mut self, customer: CustomerId, words: &str) {
        self.difference_count += 1;
        if self.differences.len() < WORDS_MAX {
            self.differences
                .push(format!("{} {words}", customer.to_name()));
        }
    }
}

/// The state that the feeds tell, and where they stood.
struct Rebuilt {
    customers: BTreeMap<CustomerId, Customer>,
    cursors: BTreeMap<String, String>,
}

impl App {
    /// Repeats itself while something happens between the readings, within the deadline.
    pub async fn verify_state(&self, ctx: &Ctx) -> Result<Verification> {
        let mut attempt = 1;
        loop {
            let rebuilt = self.rebuild(ctx).await?;
            self.await_progress(ctx, &rebuilt.cursors).await?;
            self.sweep().await?;
            let found = self.compare(ctx, rebuilt).await?;
            if found.difference_count == 0 || attempt == ATTEMPTS_MAX {
                return Ok(found);
            }
            attempt += 1;
        }
    }

    async fn rebuild(&self, ctx: &Ctx) -> Result<Rebuilt> {
        let mut own = Ctx::service("segmentation.verify", ctx.tenant.clone());
        own.deadline = ctx.deadline;
        let peers = &self.0.peers;
        let reader = self.0.db.reader_of(&ctx.tenant);
        let speakers = speaker::all(&reader, &ctx.tenant).await?;
        let mut histories = BTreeMap::new();
        let mut cursors = BTreeMap::new();
        for (feed, told) in [
            ("profile", peers.profile.follow(&own, None).await?),
            ("interaction", peers.interaction.follow(&own, None).await?),
            ("feedback", peers.feedback.follow(&own, None).await?),
        ] {
            let end = read_all(told, &speakers, &mut histories).await?;
            cursors.insert(feed.to_owned(), end);
        }
        let customers = histories
            .into_iter()
            .map(|(id, history)| (id, history.into_customer()));
        Ok(Rebuilt {
            customers: customers.collect(),
            cursors,
        })
    }

    async fn compare(&self, ctx: &Ctx, rebuilt: Rebuilt) -> Result<Verification> {
        let (conn, tenant) = (&self.0.db.reader_of(&ctx.tenant), &ctx.tenant);
        let mut comparison = Comparison {
            app: self,
            tenant,
            currency: schemes::get(conn, tenant).await?.currency(),
            rules: self.0.rules.of_tenant(conn, tenant).await?,
            unseen: rebuilt.customers,
            report: Verification::default(),
        };
        let mut after = None;
        loop {
            ctx.check_deadline()?;
            let page = rows::page(conn, tenant, after, PAGE).await?;
            let Some(last) = page.keys().next_back() else {
                break;
            };
            after = Some(*last);
            comparison.compare(&page).await?;
        }
        Ok(comparison.finish())
    }
}

struct Comparison<'a> {
    app: &'a App,
    tenant: &'a TenantId,
    currency: Currency,
    rules: Vec<LiveRule>,
    /// What the feeds tell of customers that were not compared yet.
    unseen: BTreeMap<CustomerId, Customer>,
    report: Verification,
}

impl Comparison<'_> {
    async fn compare(&mut self, page: &BTreeMap<CustomerId, Known>) -> Result<()> {
        let (conn, tenant, at) = (
            &self.app.0.db.reader_of(self.tenant),
            self.tenant,
            self.app.0.clock.now(),
        );
        let needs = Needs {
            totals: true,
            window: None,
            feedback: true,
        };
        let live = customers::load(conn, tenant, page, needs, at).await?;
        let ids: BTreeSet<CustomerId> = page.keys().copied().collect();
        let mut bought = purchases::since(conn, tenant, &ids, None).await?;
        let mut members = memberships::of_customers(conn, tenant, &ids).await?;
        for (id, known) in page {
            let told = self.unseen.remove(id).unwrap_or_else(Customer::unknown);
            self.compare_file(*id, known, &told);
            let bought = bought.remove(id).unwrap_or_default();
            self.compare_facts(*id, known, live.get(id), &bought, &told);
            let stored = members.remove(id).unwrap_or_default();
            let rules = self
                .rules
                .iter()
                .map(|live| (live.segment, live.rule.as_ref()));
            let wanted = assess(rules, &told, at, self.currency).members_of;
            self.compare_memberships(*id, stored.into_keys().collect(), &wanted);
        }
        Ok(())
    }

    fn compare_file(&mut self, id: CustomerId, known: &Known, told: &Customer) {
        let stored = known
            .profile
            .as_ref()
            .filter(|_| known.standing == Standing::Live);
        if stored.is_some() {
            self.report.customer_count += 1;
        }
        if stored != told.live_profile() {
            self.report.differ(id, "has another file");
        }
    }

    fn compare_facts(
        &mut self,
        id: CustomerId,
        known: &Known,
        live: Option<&Customer>,
        bought: &[Purchase],
        told: &Customer,
    ) {
        // Profile's snapshot does not tell of those who are gone.
        let gone = matches!(known.standing, Standing::Erased | Standing::Purged);
        if !gone && bought != told.purchases {
            self.report.differ(id, "has other purchases");
        }
        if live.is_some_and(|live| live.totals != told.totals) {
            self.report.differ(id, "has other purchase totals");
        }
        if live.is_some_and(|live| live.feedback != told.feedback) {
            self.report.differ(id, "has said other things");
        }
    }

    fn compare_memberships(
        &mut self,
        id: CustomerId,
        mut stored: BTreeSet<SegmentId>,
        wanted: &BTreeSet<SegmentId>,
    ) {
        // Members of a segment that is being deleted are still leaving.
        stored.retain(|segment| self.rules.iter().any(|live| live.segment == *segment));
        self.report.membership_count += i64::try_from(stored.len()).unwrap_or(0);
        for segment in stored.symmetric_difference(wanted) {
            let words = format!("differs in membership of {}", segment.to_name());
            self.report.differ(id, &words);
        }
    }

    fn finish(mut self) -> Verification {
        for id in self.unseen.into_keys() {
            self.report.differ(id, "is not stored");
        }
        self.report
    }
}

/// Reads a feed until it says that there is nothing more; gives its cursor there.
async fn read_all(
    mut told: Told,
    speakers: &HashMap<CustomerId, CustomerId>,
    histories: &mut BTreeMap<CustomerId, History>,
) -> Result<String> {
    while let Some(delivery) = told.next().await {
        let delivery = delivery?;
        match delivery.event {
            None => return Ok(delivery.cursor),
            Some(None) => {}
            Some(Some(News {
                tenant: _,
                customer,
                what,
            })) => {
                let customer = match what.is_of_file() {
                    true => customer,
                    false => speakers.get(&customer).copied().unwrap_or(customer),
                };
                histories.entry(customer).or_default().learn(what);
            }
        }
    }
    Err(Error::unavailable(
        "A feed ended before everything was read; try again.",
    ))
}
