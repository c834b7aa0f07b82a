//! Whether a suite, or what it left on the disk, is what the book says.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use dossier_proto::feedback::v1 as feedback;
use dossier_proto::interaction::v1 as interaction;
use dossier_proto::profile::v1 as profile;
use dossier_proto::segmentation::v1 as segmentation;
use dossier_testkit::{Clients, Suite, build, cursor_of};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rusqlite::Connection;
use tonic::{Code, Request, Status};

use super::Book;
use super::thing::{Kind, Thing};
use super::writer::Writer;

const LOOKS_AT_ONCE: usize = 16;
/// What the audit log's keeper says when it cannot write.
const UNRECORDED: &str = "cannot be written down";
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);
const HEAL_TIMEOUT: Duration = Duration::from_secs(10);

impl Book {
    /// Everything acknowledged until `mark` is there.
    pub async fn compare(&self, clients: &Clients, mark: u64) -> anyhow::Result<()> {
        let things = self.writers.iter().flat_map(|writer| &writer.things);
        compare(things, clients, mark).await
    }

    /// As [`Self::compare`] of everything, while the suite cannot write. Reads of personal data may
    /// be refused then, because nobody could say later who made them; all others are answered.
    pub async fn compare_shown(&self, clients: &Clients) -> anyhow::Result<()> {
        for thing in self.writers.iter().flat_map(|writer| &writer.things) {
            let compared = compare(std::iter::once(thing), clients, super::NOW).await;
            let Err(error) = compared else { continue };
            let personal = matches!(thing.kind, Kind::Customer | Kind::Case);
            ensure!(personal && is_unrecorded(&error), "{error:#}");
        }
        Ok(())
    }

    /// As [`Self::compare`] of everything, once the suite writes again. What it could not record
    /// meanwhile it records first.
    pub async fn compare_healed(&self, clients: &Clients) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            match self.compare(clients, super::NOW).await {
                Err(error) if is_unrecorded(&error) && begun.elapsed() < HEAL_TIMEOUT => {
                    // Looking without a pause would keep it busy.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                compared => return compared,
            }
        }
    }

    /// As [`Self::compare`], but only what has changed since this was last called.
    pub async fn compare_new(&mut self, clients: &Clients) -> anyhow::Result<()> {
        let things = self
            .writers
            .iter()
            .flat_map(|writer| &writer.things[writer.compared..]);
        compare(things, clients, super::NOW).await?;
        for writer in &mut self.writers {
            // The last one goes on changing.
            writer.compared = writer.things.len().saturating_sub(1);
        }
        Ok(())
    }

    /// Nothing is there twice and nothing that was not asked for. Everything is acknowledged.
    pub async fn count(&self, clients: &Clients) -> anyhow::Result<()> {
        let known = |kind: Kind| -> Vec<String> {
            let of_kind = self.writers.iter().filter(|writer| writer.kind == kind);
            of_kind
                .flat_map(|writer| &writer.things)
                .map(|thing| thing.name.clone())
                .collect()
        };
        let mut customers = known(Kind::Customer);
        customers.extend(self.customers.iter().cloned());
        same(customers, list_customers(clients).await?)?;
        same(known(Kind::Interaction), list_interactions(clients).await?)?;
        same(known(Kind::Case), list_cases(clients).await?)?;
        same(known(Kind::Survey), list_surveys(clients).await?)
    }

    /// Segmentation has followed everything acknowledged, and its state is what a rebuild makes.
    /// Records one more interaction, so that there is something to follow up to.
    pub async fn settle(&mut self, clients: &Clients) -> anyhow::Result<()> {
        let mut clients = clients.clone();
        let last = build::purchase(
            &self.customers[0],
            "settle",
            &build::request_id(),
            1_700_000_000,
            1,
        );
        let request = interaction::RecordInteractionRequest {
            interaction: Some(last),
            ..Default::default()
        };
        let recorded = clients.interactions.record_interaction(request).await?;
        let mut cursors: std::collections::BTreeMap<_, _> =
            [("interaction".to_owned(), cursor_of(&recorded))].into();
        let of = |service| {
            let written =
                |writer: &&Writer| writer.kind.service() == service && !writer.cursor.is_empty();
            self.writers
                .iter()
                .rfind(written)
                .map(|writer| writer.cursor.clone())
        };
        for service in ["profile", "feedback"] {
            cursors.extend(of(service).map(|cursor| (service.to_owned(), cursor)));
        }
        let mut request = Request::new(segmentation::AwaitProgressRequest { cursors });
        request.set_timeout(SETTLE_TIMEOUT);
        clients.progress.await_progress(request).await?;
        let mut request = Request::new(segmentation::VerifyStateRequest {});
        request.set_timeout(SETTLE_TIMEOUT);
        let state = clients.progress.verify_state(request).await?.into_inner();
        ensure!(
            state.difference_count == 0,
            "not as rebuilt: {:?}",
            state.differences
        );
        check_purchases(&clients, &self.customers).await
    }
}

/// Whether a read was refused because nobody could write down who read.
fn is_unrecorded(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<Status>();
    status.is_some_and(|status| {
        status.code() == Code::Unavailable && status.message().contains(UNRECORDED)
    })
}

async fn compare(
    things: impl Iterator<Item = &Thing>,
    clients: &Clients,
    mark: u64,
) -> anyhow::Result<()> {
    // What never was acknowledged has no name to ask for.
    let named = things.filter(|thing| !thing.name.is_empty());
    stream::iter(named.map(|thing| compare_one(thing, clients, mark)))
        .buffer_unordered(LOOKS_AT_ONCE)
        .try_collect()
        .await
}

async fn compare_one(thing: &Thing, clients: &Clients, mark: u64) -> anyhow::Result<()> {
    let kept = |acknowledged: Option<u64>| acknowledged.is_some_and(|at| at <= mark);
    let Some(wanted) = thing
        .states
        .iter()
        .rposition(|state| kept(state.acknowledged))
    else {
        return Ok(());
    };
    match thing.look(clients).await? {
        None => bail!("{} ({}) is lost", thing.key, thing.name),
        Some(found) if found < wanted => {
            bail!(
                "{} ({}) is in state {found}: state {wanted} is lost",
                thing.key,
                thing.name
            )
        }
        Some(_) => Ok(()),
    }
}

fn same(known: Vec<String>, found: Vec<String>) -> anyhow::Result<()> {
    let (known, mut seen) = (BTreeSet::from_iter(known), BTreeSet::new());
    for name in found {
        ensure!(
            known.contains(&name),
            "{name} is there, as nobody asked or for the second time"
        );
        ensure!(seen.insert(name.clone()), "{name} is listed twice");
    }
    match known.difference(&seen).next() {
        Some(name) => bail!("{name} is lost from the list"),
        None => Ok(()),
    }
}

/// Segmentation counts as many purchases of each customer as interaction has.
pub async fn check_purchases(clients: &Clients, customers: &[String]) -> anyhow::Result<()> {
    let mut clients = clients.clone();
    for customer in customers {
        let request = interaction::GetActivitySummaryRequest {
            customer: customer.clone(),
            window_days: 0,
        };
        let summary = clients.interactions.get_activity_summary(request).await?;
        let request = segmentation::GetCustomerClassesRequest {
            customer: customer.clone(),
        };
        let classes = clients.values.get_customer_classes(request).await?;
        let stored = summary.into_inner().purchase_count;
        let counted = classes.into_inner().purchase_count;
        ensure!(
            counted == stored,
            "segmentation counts {counted} purchases of {customer}, interaction has {stored}"
        );
    }
    Ok(())
}

/// Makes a function that lists the names of all resources of a kind, page by page.
macro_rules! listing {
    ($name:ident, $client:ident.$rpc:ident, $request:expr, $rows:ident) => {
        async fn $name(clients: &Clients) -> anyhow::Result<Vec<String>> {
            let mut names = Vec::new();
            let mut request = $request;
            loop {
                let page = clients
                    .$client
                    .clone()
                    .$rpc(request.clone())
                    .await?
                    .into_inner();
                names.extend(page.$rows.into_iter().map(|row| row.name));
                if page.next_page_token.is_empty() {
                    return Ok(names);
                }
                request.page_token = page.next_page_token;
            }
        }
    };
}

listing!(
    list_customers,
    customers.list_customers,
    profile::ListCustomersRequest {
        page_size: 1_000,
        ..Default::default()
    },
    customers
);
listing!(
    list_cases,
    cases.list_cases,
    feedback::ListCasesRequest {
        page_size: 1_000,
        ..Default::default()
    },
    cases
);
listing!(
    list_surveys,
    surveys.list_surveys,
    feedback::ListSurveysRequest {
        page_size: 1_000,
        ..Default::default()
    },
    surveys
);
listing!(
    list_interactions,
    interactions.list_interactions,
    interaction::ListInteractionsRequest {
        filter: "source = \"book\"".to_owned(),
        page_size: 1_000,
        ..Default::default()
    },
    interactions
);

/// SQLite files of a suite that does not run: sound, and the feed without a hole.
pub fn check_files(data: &Path) -> anyhow::Result<()> {
    for service in ["profile", "interaction", "segmentation", "feedback"] {
        let database = Connection::open(data.join(format!("dossier-{service}.db")))?;
        let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
        ensure!(sound == "ok", "{service}: integrity_check says {sound}");
        let hole = database.query_row(FEED_HOLES, [], |row| row.get::<_, i64>(0))?;
        ensure!(hole == 0, "{service}: the feed has holes in {hole} shards");
    }
    Ok(())
}

/// As [`check_files`], for the feeds of a suite on PostgreSQL.
pub fn check_schemas(suite: &Suite) -> anyhow::Result<()> {
    for service in ["profile", "interaction", "segmentation", "feedback"] {
        let sql = format!("SET search_path = dossier_{service}; {FEED_HOLES}");
        let holes = suite.sql(&sql).context(service)?;
        ensure!(
            holes == "0",
            "{service}: the feed has holes in {holes} shards"
        );
    }
    Ok(())
}

/// How many shards have a number missing, twice, or other than their counter says.
const FEED_HOLES: &str = "SELECT COUNT(*) FROM feed_head AS h LEFT JOIN \
    (SELECT shard, COUNT(*) AS n, COUNT(DISTINCT seq) AS d, MIN(seq) AS lo, MAX(seq) AS hi \
     FROM feed_event GROUP BY shard) AS e ON e.shard = h.shard \
    WHERE e.n IS NOT NULL AND (e.n <> e.hi - e.lo + 1 OR e.n <> e.d OR e.hi <> h.seq)";
