//! Keeping interactions: many rows in few statements, each event once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use dossier_db::{Backend, Change, Insert, NewRows, Tx, error};
use dossier_kernel::id::InteractionId;
use dossier_kernel::{CustomerId, Error, Result, TenantId};
use dossier_vault::Vault;
use sea_orm::sea_query::Value;
use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::details::Clear;
use super::entity::{Column, Entity};
use super::{change, words};
use crate::domain::{Details, Direction, Draft, Interaction};

const TABLE: &str = "interaction";
/// `direct` is last: it is filled in inside the transaction, where the customers' keys are.
const COLUMNS: [&str; 14] = [
    "tenant_id",
    "id",
    "customer_id",
    "kind",
    "source",
    "event_id",
    "occur_time",
    "create_time",
    "channel",
    "direction",
    "amount_micros",
    "currency",
    "details",
    "direct",
];
/// What recording writes, in the contract's names.
const FIELDS: [&str; 7] = [
    "customer",
    "source",
    "event_id",
    "occur_time",
    "channel",
    "direction",
    "details",
];
/// How many event ids one question names.
const EVENTS_PER_QUESTION: usize = 500;

/// What makes an event the same event: unique in a tenant for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Event<'a> {
    pub source: &'a str,
    pub event_id: &'a str,
}

impl<'a> From<&'a Draft> for Event<'a> {
    fn from(draft: &'a Draft) -> Self {
        Self {
            source: &draft.source,
            event_id: &draft.event_id,
        }
    }
}

/// What became of an interaction. Holds no personal data: it is also what is remembered of a
/// request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub id: InteractionId,
    /// The event had been recorded before, under this id.
    pub duplicate: bool,
}

/// Interactions as rows, made before the transaction begins: while it runs, others wait.
pub struct Rows {
    tenant: TenantId,
    interactions: Arc<Vec<Interaction>>,
    /// Column after column, row after row; empty once they were given away.
    values: Vec<Value>,
    unsealed: Vec<Unsealed>,
}

/// Words that wait for the customer's key.
struct Unsealed {
    /// Where the sealed words go in the values.
    slot: usize,
    id: Uuid,
    customer: CustomerId,
    plain: Zeroizing<Vec<u8>>,
}

impl Rows {
    pub fn new(
        backend: Backend,
        tenant: &TenantId,
        interactions: Arc<Vec<Interaction>>,
    ) -> Result<Self> {
        let mut rows = Self {
            tenant: tenant.clone(),
            interactions,
            values: Vec::new(),
            unsealed: Vec::new(),
        };
        rows.fill(backend)?;
        Ok(rows)
    }

    /// Gives the rows away, to be inserted with others', and what they come to if they are all new;
    /// `None` where words wait for a customer's key. [`Self::insert`] makes them anew.
    pub fn give(&mut self) -> Option<(NewRows, Vec<Recorded>)> {
        if self.values.is_empty() || !self.unsealed.is_empty() {
            return None;
        }
        let rows = NewRows {
            insert: Insert::into(TABLE, &COLUMNS),
            values: std::mem::take(&mut self.values),
            changes: self
                .interactions
                .iter()
                .map(|one| change(&self.tenant, one))
                .collect(),
            resources: self
                .interactions
                .iter()
                .map(|one| one.id.to_name())
                .collect(),
            fields: &FIELDS,
        };
        let recorded = self.interactions.iter().map(|one| Recorded {
            id: one.id,
            duplicate: false,
        });
        Some((rows, recorded.collect()))
    }

    fn fill(&mut self, backend: Backend) -> Result<()> {
        let interactions = Arc::clone(&self.interactions);
        let mut order: Vec<&Interaction> = interactions.iter().collect();
        if backend == Backend::Postgres {
            // Writers who insert the same events at the same time wait for each other; in one
            // order they cannot wait in a circle.
            order.sort_by_key(|interaction| Event::from(&interaction.draft));
        }
        self.values.reserve(order.len() * COLUMNS.len());
        for interaction in order {
            self.values.extend(row(&self.tenant, interaction)?);
            if let Some(plain) = words::to_plain(&interaction.draft.words)? {
                self.unsealed.push(Unsealed {
                    slot: self.values.len() - 1,
                    id: interaction.id.uuid(),
                    customer: interaction.customer,
                    plain,
                });
            }
        }
        Ok(())
    }

    /// Inserts what is new and hands it to the feed, in the order given; says of each interaction
    /// what became of it. An event that comes twice, in these rows or from elsewhere at the same
    /// time, is kept once: the table's unique index decides.
    pub async fn insert(mut self, tx: &Tx, vault: &Vault) -> Result<Vec<Recorded>> {
        if self.interactions.is_empty() {
            return Ok(Vec::new());
        }
        if self.values.is_empty() {
            self.fill(tx.backend())?;
        }
        self.seal(tx, vault).await?;
        let Self {
            tenant,
            interactions,
            values,
            unsealed: _,
        } = self;
        let insert = Insert::into(TABLE, &COLUMNS).skip_conflicts();
        let inserted = insert.rows(tx.conn(), values).await.map_err(error)?;
        let kept = if usize::try_from(inserted).is_ok_and(|n| n == interactions.len()) {
            None
        } else {
            let events = interactions
                .iter()
                .map(|interaction| Event::from(&interaction.draft));
            Some(recorded(tx.conn(), &tenant, events).await?)
        };
        let mut outcome = Vec::with_capacity(interactions.len());
        for interaction in interactions.iter() {
            let id = match &kept {
                None => interaction.id,
                Some(kept) => *kept
                    .get(&Event::from(&interaction.draft))
                    .ok_or_else(|| Error::internal("an event is neither new nor kept"))?,
            };
            let duplicate = id != interaction.id;
            if !duplicate {
                tx.touch(id.to_name(), FIELDS);
                tx.stage(change(&tenant, interaction));
            }
            outcome.push(Recorded { id, duplicate });
        }
        Ok(outcome)
    }

    async fn seal(&mut self, tx: &Tx, vault: &Vault) -> Result<()> {
        if self.unsealed.is_empty() {
            return Ok(());
        }
        let mut customers: Vec<CustomerId> =
            self.unsealed.iter().map(|words| words.customer).collect();
        // Sorted, so that writers who make the same keys cannot wait for each other in a circle.
        customers.sort_unstable();
        customers.dedup();
        let keys = vault.keys_or_create(tx, &self.tenant, &customers).await?;
        for Unsealed {
            slot,
            id,
            customer,
            plain,
        } in self.unsealed.drain(..)
        {
            let key = keys
                .get(&customer)
                .ok_or_else(|| Error::internal("the vault gave no key for a customer"))?;
            self.values[slot] = key.seal(&words::place(id), &plain)?.into();
        }
        Ok(())
    }
}

fn change(tenant: &TenantId, interaction: &Interaction) -> Change {
    Change {
        tenant: tenant.clone(),
        subject: interaction.customer.uuid(),
        time: interaction.create_time,
        body: change::body(interaction.id),
    }
}

fn row(tenant: &TenantId, interaction: &Interaction) -> Result<[Value; COLUMNS.len()]> {
    let Interaction {
        id,
        customer,
        create_time,
        draft,
    } = interaction;
    let Draft {
        source,
        event_id,
        occur_time,
        channel,
        direction,
        details,
        words: _,
    } = draft;
    let amount = match details {
        Details::Purchase(purchase) => Some(purchase.amount),
        _ => None,
    };
    let column = Clear::of(details).to_column().map_err(Error::internal)?;
    Ok([
        tenant.as_str().into(),
        id.uuid().into(),
        customer.uuid().into(),
        details.kind().as_str().into(),
        source.as_str().into(),
        event_id.as_str().into(),
        occur_time.micros().into(),
        create_time.micros().into(),
        (!channel.is_empty()).then_some(channel.as_str()).into(),
        direction.map(Direction::as_str).into(),
        amount.map(|amount| amount.micros).into(),
        amount.map(|amount| amount.currency.to_string()).into(),
        column.into(),
        None::<Vec<u8>>.into(),
    ])
}

/// The interactions that are kept of these events.
pub async fn recorded<'a, C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    events: impl IntoIterator<Item = Event<'a>>,
) -> Result<HashMap<Event<'a>, InteractionId>> {
    let mut by_source: HashMap<&str, HashSet<&'a str>> = HashMap::new();
    for Event { source, event_id } in events {
        by_source.entry(source).or_default().insert(event_id);
    }
    let mut found = HashMap::new();
    for (source, ids) in by_source {
        let asked: Vec<&str> = ids.iter().copied().collect();
        for ids_asked in asked.chunks(EVENTS_PER_QUESTION) {
            let rows: Vec<(String, Uuid)> = dossier_db::find::<Entity>(tenant)
                .filter(Column::Source.eq(source))
                .filter(Column::EventId.is_in(ids_asked.iter().copied()))
                .select_only()
                .columns([Column::EventId, Column::Id])
                .into_tuple()
                .all(conn)
                .await
                .map_err(error)?;
            for (event_id, id) in rows {
                if let Some(event_id) = ids.get(event_id.as_str()) {
                    found.insert(Event { source, event_id }, InteractionId(id));
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use sea_orm::{IdenStatic, Iterable};

    use super::*;

    #[test]
    fn every_column_is_written() {
        let names: Vec<&str> = Column::iter().map(|column| column.as_str()).collect();
        assert_eq!(names, COLUMNS);
    }
}
