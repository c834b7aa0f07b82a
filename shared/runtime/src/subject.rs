//! What a service holds of customers, and its part in their rights: everything is found, counted and
//! erased by what its recipe says, so that no service has a deletion of its own to keep complete.

use dossier_db::subject::{self, Counts};
use dossier_db::{Db, HeldTable, Once, Tx};
use dossier_feed::{Feed, Place};
use dossier_kernel::{Ctx, CustomerId, Result, TenantId};
use dossier_vault::Vault;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// What the database of a service holds of customers, besides their keys and the outcomes of
/// requests.
#[derive(Clone, Copy)]
pub struct Held {
    /// A table that finds its customers through another comes before that one.
    pub tables: &'static [HeldTable],
    pub told: Told,
}

/// What the bodies of a service's feed say of somebody who was erased.
#[derive(Clone, Copy)]
pub enum Told {
    /// Ids of rows that are gone, and nothing else: they stay.
    Ids,
    /// More: they are blanked, but those that say no more than that somebody is gone.
    Blanked { but: fn(&[u8]) -> bool },
}

/// Customers' keys, which every service has.
const KEYS: HeldTable = HeldTable::by("vault_customer_key", "customer_id");
const FEED: &str = "feed_event";
const OUTCOMES: &str = "idempotency";

/// What no index finds, found outside of the transaction that blanks it.
pub struct Traces {
    outcomes: Vec<Uuid>,
    events: Vec<Place>,
}

impl Held {
    /// Of a service whose tables know no customers.
    pub const NOTHING: Self = Self {
        tables: &[],
        told: Told::Ids,
    };

    pub async fn traces(
        self,
        db: &Db,
        feed: &Feed,
        tenant: &TenantId,
        customers: &[CustomerId],
    ) -> Result<Traces> {
        let events = match self.told {
            Told::Ids => Vec::new(),
            Told::Blanked { but } => {
                let subjects: Vec<Uuid> = customers.iter().map(|id| id.uuid()).collect();
                feed.told_of(tenant, &subjects, but).await?
            }
        };
        let outcomes = subject::outcomes(&db.reader_of(tenant), tenant, customers).await?;
        Ok(Traces { outcomes, events })
    }

    /// Deletes the customers' rows, blanks the traces and destroys the keys; counts them by table.
    pub async fn erase(
        self,
        tx: &Tx,
        vault: &Vault,
        tenant: &TenantId,
        customers: &[CustomerId],
        traces: &Traces,
    ) -> Result<Counts> {
        let mut counts = subject::erase(tx, tenant, self.tables, customers).await?;
        let events = dossier_feed::blank(tx, tenant, &traces.events).await?;
        counts.push((FEED, events));
        let outcomes = subject::blank(tx, tenant, &traces.outcomes).await?;
        counts.push((OUTCOMES, outcomes));
        counts.extend(subject::count(tx.conn(), tenant, &[KEYS], customers).await?);
        for id in customers {
            vault.destroy(tx, tenant, *id).await?;
        }
        Ok(counts)
    }

    /// What [`Self::erase`] left of rows and keys, in its transaction, by table.
    pub async fn left(
        self,
        tx: &Tx,
        tenant: &TenantId,
        customers: &[CustomerId],
    ) -> Result<Counts> {
        let mut counts = subject::count(tx.conn(), tenant, self.tables, customers).await?;
        counts.extend(subject::count(tx.conn(), tenant, &[KEYS], customers).await?);
        Ok(counts)
    }

    /// What there is of the customers, by table.
    pub async fn count(
        self,
        db: &Db,
        feed: &Feed,
        tenant: &TenantId,
        customers: &[CustomerId],
    ) -> Result<Counts> {
        let Traces { outcomes, events } = self.traces(db, feed, tenant, customers).await?;
        let reader = db.reader_of(tenant);
        let mut counts = subject::count(&reader, tenant, self.tables, customers).await?;
        counts.push((FEED, events.len() as u64));
        counts.push((OUTCOMES, outcomes.len() as u64));
        counts.extend(subject::count(&reader, tenant, &[KEYS], customers).await?);
        Ok(counts)
    }
}

/// What a service does besides when customers are erased, and what it tells of one.
pub trait Participant: Send + Sync + 'static {
    /// In the transaction that erases, before anything is deleted.
    fn leave<'t>(
        &'t self,
        tx: &'t Tx,
        tenant: &'t TenantId,
        customers: &'t [CustomerId],
    ) -> BoxFuture<'t, Result<()>>;

    /// After the commit: drops what is remembered in memory and in caches.
    fn forget(&self, tenant: &TenantId, customers: &[CustomerId]);

    /// Everything held of a customer that no other service told.
    fn export(&self, ctx: Ctx, customer: CustomerId) -> BoxStream<'static, Result<Record>>;
}

/// Something held about a customer, as a message of the contract.
pub struct Record {
    /// `interactions`.
    pub collection: &'static str,
    /// Its resource name.
    pub name: String,
    /// `dossier.interaction.v1.Interaction`.
    pub message_type: &'static str,
    /// Encoded.
    pub message: Vec<u8>,
}

/// A service of this process that answers for its customers.
#[derive(Clone)]
pub(crate) struct Subjects {
    pub service: &'static str,
    pub db: Db,
    pub feed: Feed,
    pub vault: Vault,
    pub held: Held,
    pub participant: Arc<dyn Participant>,
}

/// What is remembered of an erasure.
#[derive(Serialize, Deserialize)]
pub(crate) struct Erased {
    pub table: String,
    pub rows: u64,
}

impl Subjects {
    pub async fn erase(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        customers: Vec<CustomerId>,
    ) -> Result<Vec<Erased>> {
        let tenant = &ctx.tenant;
        let traces = self
            .held
            .traces(&self.db, &self.feed, tenant, &customers)
            .await?;
        let (own, of, ids) = (self.clone(), tenant.clone(), customers.clone());
        let work = self.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                own.participant.leave(tx, &of, &ids).await?;
                let counts = own.held.erase(tx, &own.vault, &of, &ids, &traces).await?;
                for id in &ids {
                    tx.touch(id.to_name(), ["*"]);
                }
                let erased = counts.into_iter().map(|(table, rows)| Erased {
                    table: table.to_owned(),
                    rows,
                });
                Ok(erased.collect::<Vec<_>>())
            })
        });
        let done = work.await?;
        for id in &customers {
            self.vault.forget(tenant, *id);
        }
        self.participant.forget(tenant, &customers);
        Ok(done.value)
    }

    pub async fn attest(&self, ctx: &Ctx, customers: &[CustomerId]) -> Result<Counts> {
        self.held
            .count(&self.db, &self.feed, &ctx.tenant, customers)
            .await
    }
}
