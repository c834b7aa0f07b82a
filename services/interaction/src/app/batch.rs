//! Interactions on their way into one transaction.

use std::sync::Arc;

use dossier_db::{NewRows, Tx};
use dossier_kernel::{self as kernel, Ctx, Result, TenantId};
use dossier_vault::Vault;

use super::Interactions;
use super::subject::soon;
use crate::domain::{Draft, Interaction, Who};
use crate::error::Error;
use crate::store::{self, Event, Recorded, Rows};

/// What a caller wants recorded, found well formed.
#[derive(Debug)]
pub struct Record {
    pub draft: Draft,
    pub who: Who,
}

/// Records whose customers were asked for, ready to be written.
pub struct Batch {
    tenant: TenantId,
    /// In which it is written: not long after profile said who the customers are.
    ctx: Ctx,
    interactions: Arc<Vec<Interaction>>,
    rows: Rows,
    /// One per record, in order.
    places: Vec<Place>,
}

enum Place {
    /// The next of the interactions.
    Row,
    /// Nobody knows the customer. That is an error only where the event is not recorded already:
    /// an event that comes again is answered for ever, also after its customer is gone.
    Nobody(Box<Record>),
}

impl Interactions {
    /// Asks profile for the customers, all at once, and makes rows.
    pub(super) async fn batch(&self, ctx: &Ctx, records: Vec<Record>) -> Result<Batch> {
        let soon = soon(ctx);
        let who: Vec<&Who> = records.iter().map(|record| &record.who).collect();
        let customers = self.0.customers.resolve(ctx, &who).await?;
        let now = self.now();
        let mut interactions = Vec::with_capacity(records.len());
        let mut places = Vec::with_capacity(records.len());
        for (record, customer) in records.into_iter().zip(customers) {
            places.push(match customer {
                Some(customer) => {
                    let (id, create_time) = self.0.ids.next(now);
                    interactions.push(Interaction {
                        id,
                        customer,
                        create_time,
                        draft: record.draft,
                    });
                    Place::Row
                }
                None => Place::Nobody(Box::new(record)),
            });
        }
        let interactions = Arc::new(interactions);
        self.0.recent.keep(&ctx.tenant, Arc::clone(&interactions));
        let rows = Rows::new(self.0.db.backend(), &ctx.tenant, Arc::clone(&interactions))?;
        Ok(Batch {
            tenant: ctx.tenant.clone(),
            ctx: soon,
            interactions,
            rows,
            places,
        })
    }
}

impl Batch {
    pub(super) fn ctx(&self) -> Ctx {
        self.ctx.clone()
    }

    pub(super) fn interactions(&self) -> Arc<Vec<Interaction>> {
        Arc::clone(&self.interactions)
    }

    /// The rows, to be inserted with others', where all of the batch can be.
    pub(super) fn give_rows(&mut self) -> Option<(NewRows, Vec<Recorded>)> {
        if self.places.iter().any(|place| place.stranger().is_some()) {
            return None;
        }
        self.rows.give()
    }

    /// Writes what can be written; says of each record what became of it.
    pub(super) async fn write(
        self,
        tx: &Tx,
        vault: &Vault,
    ) -> Result<Vec<Result<Recorded, Error>>> {
        let Self {
            tenant,
            ctx: _,
            interactions: _,
            rows,
            places,
        } = self;
        let mut written = rows.insert(tx, vault).await?.into_iter();
        let strangers = places.iter().filter_map(Place::stranger);
        let known = store::recorded(tx.conn(), &tenant, strangers).await?;
        places
            .iter()
            .map(|place| match place {
                Place::Row => written
                    .next()
                    .map(Ok)
                    .ok_or_else(|| kernel::Error::internal("fewer outcomes than rows")),
                Place::Nobody(record) => Ok(match known.get(&Event::from(&record.draft)) {
                    Some(id) => Ok(Recorded {
                        id: *id,
                        duplicate: true,
                    }),
                    None => Err(match &record.who {
                        Who::Customer(id) => Error::NoCustomer(*id),
                        Who::Key(_) => Error::NobodyHasKey,
                    }),
                }),
            })
            .collect()
    }
}

impl Place {
    fn stranger(&self) -> Option<Event<'_>> {
        match self {
            Self::Row => None,
            Self::Nobody(record) => Some(Event::from(&record.draft)),
        }
    }
}
