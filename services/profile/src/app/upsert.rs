//! Create or update by identifier: one decision for one customer or for a batch.

use std::collections::{BTreeSet, HashMap, HashSet};

use dossier_access::Sight;
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Reason, Result};

use super::seen::hidden;
use super::unit::{Done, Edit, Effect, Locked, Saved, Unit};
use super::{Mutation, Profile};
use crate::domain::{
    Checked, Customer, CustomerType, Definitions, Draft, FIRST, Key, KeyKind, Protection,
    Violations,
};
use crate::error::Error;
use crate::store::customer_key::{self, BlindKey};
use crate::store::{ChangeKind, SealedCustomer};

/// A customer to be found by its identifiers, or made.
pub struct Upsert {
    /// For a new customer, and for a known one without `update`.
    pub draft: Draft,
    /// What to change on a known customer, where a mask says less than the whole draft.
    pub update: Option<Draft>,
}

/// A row of a batch, checked.
#[derive(Clone)]
pub(super) struct Candidate {
    pub draft: Checked,
    pub update: Option<Checked>,
    /// What a new customer is, where the draft does not say.
    pub kind_default: Option<CustomerType>,
    /// By which customers are found; all of the draft's.
    pub keys: Vec<BlindKey>,
}

/// Which identifiers decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decisive {
    /// All that the draft names.
    All,
    /// The external ids alone, where there are any: a family may share a phone number, and a file
    /// that names its rows means those.
    ExternalIds,
}

/// How often a decision is made anew when another writer was faster.
const ATTEMPTS: u32 = 4;

impl Profile {
    /// Creates the customer or updates the one that has the identifiers; one atomic decision.
    pub async fn upsert_customer(
        &self,
        ctx: &Ctx,
        upsert: Upsert,
        mutation: Mutation,
    ) -> Result<Done> {
        let Upsert { draft, update } = upsert;
        let needed = !draft.attributes.is_absent();
        let definitions = self.definitions(&ctx.tenant, needed).await?;
        let now = self.0.clock.now();
        let mut violations = Violations::default();
        let draft = draft.check(None, now, &mut violations);
        // The same values were objected to a line above.
        let update = update.map(|update| update.check(None, now, &mut Violations::default()));
        if draft.keys().is_empty() && violations.is_empty() {
            violations.add(
                "external_ids",
                "name an external id or a contact point to find by",
            );
        }
        violations.under("customer").into_result()?;
        for attempt in 1.. {
            // Index keys may have been rotated since an earlier attempt.
            let keys = self.blind(&ctx.tenant, &draft.keys()).await?;
            let candidate = Candidate {
                draft: draft.clone(),
                update: update.clone(),
                kind_default: None,
                keys,
            };
            let definitions = definitions.clone();
            let done = self
                .mutate(ctx, mutation.clone(), move |unit| {
                    Box::pin(upsert_one(unit, candidate, definitions))
                })
                .await;
            match done {
                Err(error) if attempt < ATTEMPTS && is_race(&error) => continue,
                done => return done,
            }
        }
        Err(Failure::unavailable(
            "Other writers were faster; retry with the same request id.",
        ))
    }
}

/// Whether another writer took what this one had found free, or took from a customer by what it was
/// found. The next look finds what is there now.
pub(super) fn is_race(error: &Failure) -> bool {
    let source = std::error::Error::source(error);
    error.reason() == Reason::AlreadyExists || source.is_some_and(|source| source.is::<Race>())
}

/// Between the look at who has an identifier and the lock of that customer it changed hands.
#[derive(Debug, thiserror::Error)]
#[error("an identifier changed hands while it was decided by")]
struct Race;

impl From<Race> for Failure {
    fn from(race: Race) -> Self {
        Self::unavailable("An identifier changed hands just now; retry with the same request id.")
            .caused_by(race)
    }
}

async fn upsert_one(
    unit: Unit<'_>,
    candidate: Candidate,
    definitions: Definitions,
) -> Result<Saved> {
    let mut batch = Settlement::load(
        &unit,
        std::slice::from_ref(&candidate),
        Decisive::All,
        &definitions,
    )
    .await?;
    let (id, effect) = batch
        .settle(&unit, candidate, &definitions)
        .map_err(|problem| problem.into_error("customer"))?;
    let rows = batch.save(&unit).await?;
    batch.saved(id, effect, rows)
}

/// Why one row of a batch is not taken; the others are.
pub(super) enum Problem {
    Violations(Violations),
    Refused(Error),
}

impl Problem {
    fn into_error(self, parent: &str) -> Failure {
        match self {
            Self::Refused(error) => error.into(),
            Self::Violations(violations) => match violations.under(parent).into_result() {
                Err(error) => error,
                Ok(()) => Failure::internal("a row was refused without a violation"),
            },
        }
    }
}

/// The customers a batch is about, as they become row after row.
pub(super) struct Settlement {
    decisive: Decisive,
    holders: HashMap<BlindKey, BTreeSet<CustomerId>>,
    /// External ids that deleted customers still hold.
    reserved: HashMap<BlindKey, CustomerId>,
    entries: HashMap<CustomerId, Entry>,
    /// In the order in which rows named them, so that the feed is too.
    order: Vec<CustomerId>,
}

struct Entry {
    /// `None` for a new customer.
    before: Option<(SealedCustomer, Customer, Sight)>,
    after: Customer,
    changed: BTreeSet<String>,
}

impl Settlement {
    /// Reads who has the identifiers and locks the customers that rows may change: those that are
    /// decided for now. Whoever is decided for later only got an identifier by a row in between,
    /// which was decided for it, or made it. Others share an identifier, in any number.
    pub async fn load(
        unit: &Unit<'_>,
        rows: &[Candidate],
        decisive: Decisive,
        definitions: &Definitions,
    ) -> Result<Self> {
        let keys: BTreeSet<BlindKey> = rows
            .iter()
            .flat_map(|row| decisive_keys(&row.keys, decisive).copied())
            .collect();
        let keys: Vec<BlindKey> = keys.into_iter().collect();
        // External ids are unique in the store; whatever else decides must not be decided by two at
        // a time.
        let shared = keys.iter().filter(|key| !key.kind.is_exclusive());
        customer_key::decide_alone(unit.tx, &shared.copied().collect::<Vec<_>>()).await?;
        let mut holders: HashMap<BlindKey, BTreeSet<CustomerId>> = HashMap::new();
        let mut reserved = HashMap::new();
        for holder in customer_key::holders(unit.tx.conn(), &unit.tenant, &keys).await? {
            if !holder.deleted {
                holders
                    .entry(holder.key)
                    .or_default()
                    .insert(holder.customer);
            } else if holder.key.kind.is_exclusive() {
                reserved.insert(holder.key, holder.customer);
            }
        }
        let mut batch = Self {
            decisive,
            holders,
            reserved,
            entries: HashMap::new(),
            order: Vec::new(),
        };
        let decided = rows.iter().filter_map(|row| batch.decide(&row.keys).ok()?);
        let named: BTreeSet<CustomerId> = decided.collect();
        let named: Vec<CustomerId> = named.into_iter().collect();
        let sets_sensitive = rows
            .iter()
            .any(|row| row.draft.sets(Protection::Sensitive, definitions));
        let locked = unit.lock(&named, sets_sensitive).await?;
        batch.confirm(&locked, rows)?;
        for Locked { row, before, sight } in locked {
            let after = before.clone();
            let before = Some((row, before, sight));
            batch.entries.insert(
                after.id,
                Entry {
                    before,
                    after,
                    changed: BTreeSet::new(),
                },
            );
        }
        Ok(batch)
    }

    /// Fails where a customer lost what it was found by before it was locked. From then on nobody
    /// else changes it.
    fn confirm(&self, locked: &[Locked], rows: &[Candidate]) -> Result<(), Race> {
        // Who became a part of another meanwhile is found as that one by the next look.
        if locked.iter().any(|one| one.row.merged_into.is_some()) {
            return Err(Race);
        }
        let kept: HashMap<CustomerId, HashSet<Key>> = locked
            .iter()
            .map(|one| (one.before.id, one.before.keys().into_iter().collect()))
            .collect();
        for row in rows {
            for (key, blind) in row.draft.keys().iter().zip(&row.keys) {
                let holders = self.holders.get(blind).into_iter().flatten();
                let mut kept = holders.filter_map(|id| kept.get(id));
                if kept.any(|keys| !keys.contains(key)) {
                    return Err(Race);
                }
            }
        }
        Ok(())
    }

    /// Decides one row and applies it in memory.
    pub fn settle(
        &mut self,
        unit: &Unit<'_>,
        row: Candidate,
        definitions: &Definitions,
    ) -> Result<(CustomerId, Effect), Problem> {
        let Candidate {
            draft,
            update,
            kind_default,
            keys,
        } = row;
        let mut violations = Violations::default();
        let known = self.decide(&keys).map_err(Problem::Refused)?;
        let (id, effect) = match known {
            None => {
                let id = CustomerId::generate();
                let draft = draft.or_kind(kind_default);
                let made = Customer::create(id, draft, definitions, unit.now, &mut violations);
                let Some(after) = made else {
                    return Err(Problem::Violations(violations));
                };
                unit.permit(&after).map_err(Problem::Refused)?;
                self.entries.insert(
                    id,
                    Entry {
                        before: None,
                        after,
                        changed: BTreeSet::new(),
                    },
                );
                self.order.push(id);
                (id, Effect::Created)
            }
            Some(id) => {
                let Some(entry) = self.entries.get_mut(&id) else {
                    return Err(Problem::Refused(Error::NoCustomer(id)));
                };
                if entry.after.delete_time.is_some() {
                    return Err(Problem::Refused(Error::Deleted(id)));
                }
                let draft = update.unwrap_or(draft);
                let draft = match &entry.before {
                    Some((_, _, sight)) => draft.unseeing(hidden(*sight)),
                    None => draft,
                };
                let known = entry.after.clone();
                let changed = entry
                    .after
                    .apply(draft, definitions, unit.now, &mut violations);
                let Some(changed) = changed else {
                    return Err(Problem::Violations(violations));
                };
                if changed.is_empty() {
                    return Ok((id, Effect::Unchanged));
                }
                if let Err(refused) = unit.permit(&entry.after) {
                    entry.after = known;
                    return Err(Problem::Refused(refused));
                }
                if entry.changed.is_empty() && entry.before.is_some() {
                    self.order.push(id);
                }
                entry.changed.extend(changed);
                (id, Effect::Updated)
            }
        };
        for key in keys {
            self.holders.entry(key).or_default().insert(id);
        }
        Ok((id, effect))
    }

    /// The customer that has the identifiers: the only one that has all of those that anybody has.
    fn decide(&self, keys: &[BlindKey]) -> Result<Option<CustomerId>, Error> {
        if let Some((key, holder)) = keys
            .iter()
            .find_map(|key| self.reserved.get(key).map(|holder| (key, *holder)))
        {
            return Err(Error::IdentifierOfDeleted {
                kind: key.kind,
                holder,
            });
        }
        let held: Vec<&BTreeSet<CustomerId>> = decisive_keys(keys, self.decisive)
            .filter_map(|key| self.holders.get(key))
            .collect();
        let Some((first, others)) = held.split_first() else {
            return Ok(None);
        };
        let mut common = first
            .iter()
            .filter(|id| others.iter().all(|ids| ids.contains(id)));
        match (common.next(), common.next()) {
            (Some(id), None) => Ok(Some(*id)),
            _ => {
                let all: BTreeSet<CustomerId> = held.into_iter().flatten().copied().collect();
                Err(Error::IdentityConflict(all.into_iter().collect()))
            }
        }
    }

    /// Writes what changed, in the order of the rows.
    pub async fn save(&mut self, unit: &Unit<'_>) -> Result<Vec<SealedCustomer>> {
        let mut made = Vec::new();
        let mut edits = Vec::new();
        for id in &self.order {
            let Some(entry) = self.entries.get(id) else {
                continue;
            };
            match &entry.before {
                None => made.push(Customer {
                    revision: FIRST,
                    ..entry.after.clone()
                }),
                Some((row, before, _)) => edits.push(Edit {
                    row: row.clone(),
                    before: before.clone(),
                    after: Customer {
                        revision: before.revision + 1,
                        ..entry.after.clone()
                    },
                    kind: ChangeKind::Updated,
                    changed: entry.changed.iter().cloned().collect(),
                }),
            }
        }
        let mut rows = unit.create(&made).await?;
        rows.append(&mut unit.replace(&edits).await?);
        Ok(rows)
    }

    /// What a batch of one says.
    fn saved(mut self, id: CustomerId, effect: Effect, rows: Vec<SealedCustomer>) -> Result<Saved> {
        let entry = self.entries.remove(&id).ok_or(Error::NoCustomer(id))?;
        match (rows.into_iter().next(), entry.before) {
            (Some(row), _) => Ok(Saved::new(row, entry.after, effect)),
            (None, Some((row, before, _))) => Ok(Saved::unchanged(row, before)),
            (None, None) => Err(Error::NoCustomer(id).into()),
        }
    }
}

/// The identifiers that decide about a row.
fn decisive_keys(keys: &[BlindKey], decisive: Decisive) -> impl Iterator<Item = &BlindKey> {
    let only_ids =
        decisive == Decisive::ExternalIds && keys.iter().any(|key| key.kind == KeyKind::ExternalId);
    keys.iter()
        .filter(move |key| !only_ids || key.kind == KeyKind::ExternalId)
}
