//! What a service holds of customers, and its part in their rights: everything is found, counted and
//! erased by what its recipe says, so that no service has a deletion of its own to keep complete.

use dossier_db::speaker::{self, Remapped};
use dossier_db::subject::{self, Counts};
use dossier_db::{Db, HeldTable, Once, Tx, failpoint};
use dossier_kernel::{Ctx, CustomerId, Error, Reason, Result, TenantId, Timestamp};
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
    pub outcomes: Outcomes,
}

/// What the bodies of a service's feed say of somebody who was erased.
#[derive(Clone, Copy)]
pub enum Told {
    /// Ids of rows that are gone, and nothing else: they stay.
    Ids,
    /// More: they are blanked, but those that say no more than that somebody is gone.
    Blanked { but: Stays },
}

/// Whether a body says no more than that somebody is gone.
pub type Stays = fn(&[u8]) -> bool;

/// What the kept outcomes of a service's requests say of customers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Outcomes {
    /// Ids of rows, and nothing else: they stay, and nothing is written to find them.
    Ids,
    /// More, or customers' ids: who is named in them is kept beside them, and they are blanked.
    NameCustomers,
}

/// Customers' keys, which every service has.
const KEYS: HeldTable = HeldTable::by("vault_customer_key", "customer_id");
const FEED: &str = "feed_event";
const OUTCOMES: &str = "idempotency";
/// Rows or events of one transaction: who else writes waits for no more.
const ROWS_MAX: u16 = 2_000;

impl Held {
    /// Of a service whose tables know no customers.
    pub const NOTHING: Self = Self {
        tables: &[],
        told: Told::Ids,
        outcomes: Outcomes::Ids,
    };

    /// Deletes most of what long histories hold of the customers, in transactions of bounded length,
    /// and takes most of them out of the feed; counts it by table. The rest is for [`Self::erase`].
    pub async fn thin(self, db: &Db, ctx: &Ctx, customers: &[CustomerId]) -> Result<Counts> {
        // The audit log has the erasure itself, not each of its parts.
        let mut quiet = ctx.clone();
        quiet.call = None;
        let mut counts = Counts::new();
        let ids: Arc<[CustomerId]> = customers.into();
        loop {
            let (ids, tenant) = (Arc::clone(&ids), ctx.tenant.clone());
            let work = db.write(&quiet, move |tx| {
                Box::pin(async move {
                    subject::thin(tx, &tenant, self.tables(), &ids, ROWS_MAX.into()).await
                })
            });
            let thinned = work.await?.value;
            if thinned.is_empty() {
                break;
            }
            counts.extend(thinned);
        }
        let (subjects, but) = self.told_of(customers);
        let reader = db.reader_of(&ctx.tenant);
        let events = dossier_feed::told_of(&reader, &ctx.tenant, &subjects, but);
        for events in events.await?.chunks(ROWS_MAX.into()) {
            let (events, tenant) = (events.to_vec(), ctx.tenant.clone());
            let work = db.write(&quiet, move |tx| {
                Box::pin(async move { dossier_feed::blank(tx, &tenant, &events).await })
            });
            counts.push((FEED, work.await?.value));
        }
        Ok(counts)
    }

    /// Deletes the customers' rows, blanks what the feed and kept outcomes say of them and destroys
    /// the keys; counts them by table.
    pub async fn erase(
        self,
        tx: &Tx,
        vault: &Vault,
        tenant: &TenantId,
        customers: &[CustomerId],
    ) -> Result<Counts> {
        let mut counts = subject::erase(tx, tenant, self.tables(), customers).await?;
        let (subjects, but) = self.told_of(customers);
        let events = dossier_feed::told_of(tx.conn(), tenant, &subjects, but).await?;
        counts.push((FEED, dossier_feed::blank(tx, tenant, &events).await?));
        let outcomes = match self.outcomes {
            Outcomes::Ids => 0,
            Outcomes::NameCustomers => subject::blank(tx, tenant, customers).await?,
        };
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
        let mut counts = subject::count(tx.conn(), tenant, self.tables(), customers).await?;
        counts.extend(subject::count(tx.conn(), tenant, &[KEYS], customers).await?);
        Ok(counts)
    }

    /// What there is of the customers, by table.
    pub async fn count(
        self,
        db: &Db,
        tenant: &TenantId,
        customers: &[CustomerId],
    ) -> Result<Counts> {
        let reader = db.reader_of(tenant);
        let mut counts = subject::count(&reader, tenant, self.tables(), customers).await?;
        let (subjects, but) = self.told_of(customers);
        let events = dossier_feed::told_of(&reader, tenant, &subjects, but).await?;
        counts.push((FEED, events.len() as u64));
        let outcomes = match self.outcomes {
            Outcomes::Ids => 0,
            Outcomes::NameCustomers => subject::outcomes(&reader, tenant, customers).await?,
        };
        counts.push((OUTCOMES, outcomes));
        counts.extend(subject::count(&reader, tenant, &[KEYS], customers).await?);
        Ok(counts)
    }

    /// But the first, where the erasures' harness plants that one was left out of the registry.
    fn tables(self) -> &'static [HeldTable] {
        let forgotten = failpoint::planted("subject::forget_first_table");
        self.tables
            .get(usize::from(forgotten)..)
            .unwrap_or_default()
    }

    /// Of whom the feed must say nothing any more, and which bodies stay all the same.
    fn told_of(self, customers: &[CustomerId]) -> (Vec<Uuid>, Stays) {
        match self.told {
            Told::Ids => (Vec::new(), |_| true),
            Told::Blanked { but } => (customers.iter().map(|id| id.uuid()).collect(), but),
        }
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

    /// In the transaction after which others speak for customers, or they for themselves: what follows
    /// of that besides their being read together.
    fn remap<'t>(
        &'t self,
        tx: &'t Tx,
        tenant: &'t TenantId,
        remapped: &'t [Remapped],
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
        // A call that was made before is answered, and one of another body refused, before anything goes.
        let thinned = match self.is_new(ctx, once.clone()).await? {
            // One that comes again after this was cut off counts what is left; the rows are gone all
            // the same.
            true => self.held.thin(&self.db, ctx, &customers).await?,
            false => Counts::new(),
        };
        let (own, of, ids) = (self.clone(), tenant.clone(), customers.clone());
        let work = self.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                own.participant.leave(tx, &of, &ids).await?;
                let counts = own.held.erase(tx, &own.vault, &of, &ids).await?;
                for id in &ids {
                    tx.touch(id.to_name(), ["*"]);
                }
                Ok(erased(thinned, counts))
            })
        });
        let done = work.await?;
        for id in &customers {
            self.vault.forget(tenant, *id);
        }
        self.participant.forget(tenant, &customers);
        Ok(done.value)
    }

    /// Whether a call has no outcome yet. REQUEST_ID_REUSED where it has that of another body.
    async fn is_new(&self, ctx: &Ctx, once: Option<Once>) -> Result<bool> {
        if once.is_none() {
            return Ok(true);
        }
        let look = self.db.write_once(ctx, once, |_| {
            let looked = Error::new(Reason::Cancelled, "A look is not kept.");
            Box::pin(async move { Err::<Vec<Erased>, _>(looked) })
        });
        match look.await {
            Ok(_) => Ok(false),
            Err(error) if error.reason() == Reason::Cancelled => Ok(true),
            Err(error) => Err(error),
        }
    }

    pub async fn remap(
        &self,
        ctx: &Ctx,
        once: Option<Once>,
        speakers: Vec<(CustomerId, CustomerId)>,
        time: Timestamp,
    ) -> Result<()> {
        let (own, of) = (self.clone(), ctx.tenant.clone());
        let work = self.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let remapped = speaker::remap(tx, &of, &speakers, time).await?;
                own.participant.remap(tx, &of, &remapped).await?;
                for (customer, _) in &speakers {
                    tx.touch(customer.to_name(), ["speaker"]);
                }
                Ok(())
            })
        });
        work.await?;
        Ok(())
    }

    pub async fn attest(&self, ctx: &Ctx, customers: &[CustomerId]) -> Result<Counts> {
        self.held.count(&self.db, &ctx.tenant, customers).await
    }
}

/// The tables of the last transaction, with what had been deleted of them before.
fn erased(thinned: Counts, counts: Counts) -> Vec<Erased> {
    let erased = counts.into_iter().map(|(table, rows)| {
        let before = thinned.iter().filter(|(thinned, _)| *thinned == table);
        Erased {
            table: table.to_owned(),
            rows: rows + before.map(|(_, rows)| rows).sum::<u64>(),
        }
    });
    erased.collect()
}
