//! One customer: create, get, update, delete, bring back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dossier_cache::{Key, Loaded, MAX_TTL};
use dossier_kernel::{Ctx, CustomerId, Result, Timestamp};

use super::seen::hidden;
use super::unit::{Done, Edit, Locked, Saved, Unit};
use super::{Mutation, Profile, Seen, cache_key};
use crate::domain::{Checked, Customer, Definitions, Draft, Protection, Violations};
use crate::error::Error;
use crate::store::{self, ChangeKind, SealedCustomer};

/// How long a row is cached; its owner announces every change.
const CACHED_FOR: Duration = MAX_TTL;

/// The most customers of one batch.
pub const BATCH_MAX: usize = 500;

/// What is to become of a customer.
pub struct Update {
    pub id: CustomerId,
    pub draft: Draft,
    /// What the caller believes to be current; `None` accepts anything.
    pub etag: Option<String>,
    /// What to create under the id when there is none; without it that is NOT_FOUND.
    pub missing: Option<Draft>,
}

impl Profile {
    /// ALREADY_EXISTS when the id or an external id is taken.
    pub async fn create_customer(
        &self,
        ctx: &Ctx,
        id: Option<CustomerId>,
        draft: Draft,
        mutation: Mutation,
    ) -> Result<Done> {
        let definitions = self
            .definitions(&ctx.tenant, !draft.attributes.is_absent())
            .await?;
        let id = id.unwrap_or_else(CustomerId::generate);
        let draft = NewDraft::check(draft, self.0.clock.now());
        self.mutate(ctx, mutation, move |unit| {
            Box::pin(async move {
                let customer = draft.make(&unit, id, &definitions)?;
                unit.create_one(customer).await
            })
        })
        .await
    }

    /// Answers from the cache where it can: then no database is asked.
    pub async fn get_customer(&self, ctx: &Ctx, id: CustomerId) -> Result<Seen> {
        let cached = self.cached(ctx, id).await?;
        let cached = match cached.merged_into {
            Some(speaker) => self.cached(ctx, CustomerId(speaker)).await?,
            None => cached,
        };
        let id = cached.id();
        let key = cache_key(&ctx.tenant, id);
        let seen = match self.show(ctx, &cached).await {
            Ok(seen) => seen,
            Err(_) => Box::pin(self.reread(ctx, &key, id)).await?,
        };
        let seen = seen.ok_or(Error::NoCustomer(id))?;
        self.tell_audit(ctx, std::slice::from_ref(&seen)).await?;
        Ok(seen)
    }

    async fn cached(&self, ctx: &Ctx, id: CustomerId) -> Result<Arc<SealedCustomer>> {
        let load = || async {
            let reader = self.0.db.reader_of(&ctx.tenant);
            let row = store::customer::find_own(&reader, &ctx.tenant, id).await?;
            Ok(row.map(|row| Loaded {
                version: row.revision,
                value: row,
            }))
        };
        let key = cache_key(&ctx.tenant, id);
        let cached = self.0.cache.get_or_load(&key, CACHED_FOR, load).await?;
        Ok(cached.ok_or(Error::NoCustomer(id))?)
    }

    /// What was cached before a rotation that has ended since: the row itself is sealed anew.
    async fn reread(&self, ctx: &Ctx, key: &Key, id: CustomerId) -> Result<Option<Seen>> {
        self.0.cache.remove(std::slice::from_ref(key)).await;
        let row = store::customer::find(&self.0.db.reader_of(&ctx.tenant), &ctx.tenant, id).await?;
        match row {
            Some(row) => self.show(ctx, &row).await,
            None => Ok(None),
        }
    }

    /// In the order of `ids`; NOT_FOUND when one of them is missing.
    pub async fn batch_get_customers(&self, ctx: &Ctx, ids: &[CustomerId]) -> Result<Vec<Seen>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let (rows, speakers) = store::customer::find_speakers(&reader, &ctx.tenant, ids).await?;
        let found = self.open(&ctx.tenant, self.visible(ctx, rows)?).await?;
        self.tell_audit(ctx, &found).await?;
        let by_id: HashMap<CustomerId, Seen> = found
            .into_iter()
            .map(|seen| (seen.customer.id, seen))
            .collect();
        ids.iter()
            .map(|id| {
                let speaker = speakers.get(id).and_then(|speaker| by_id.get(speaker));
                speaker
                    .cloned()
                    .ok_or_else(|| Error::NoCustomer(*id).into())
            })
            .collect()
    }

    /// Changes what the draft names. Without an etag, writers of different fields do not disturb
    /// each other: the row is locked, read and changed in one transaction.
    pub async fn update_customer(
        &self,
        ctx: &Ctx,
        update: Update,
        mutation: Mutation,
    ) -> Result<Done> {
        let drafts = [Some(&update.draft), update.missing.as_ref()];
        let needed = drafts
            .iter()
            .flatten()
            .any(|draft| !draft.attributes.is_absent());
        let definitions = self.definitions(&ctx.tenant, needed).await?;
        let Update {
            id,
            draft,
            etag,
            missing,
        } = update;
        // An etag says that the caller has seen the customer.
        let missing = missing.filter(|_| etag.is_none());
        let missing = missing.map(|draft| NewDraft::check(draft, self.0.clock.now()));
        self.mutate(ctx, mutation, move |unit| {
            Box::pin(async move {
                let sets_sensitive = draft.sets(Protection::Sensitive, &definitions);
                let Some(locked) = unit.lock(&[id], sets_sensitive).await?.pop() else {
                    let draft = missing.ok_or(Error::NoCustomer(id))?;
                    let customer = draft.make(&unit, id, &definitions)?;
                    return unit.create_one(customer).await;
                };
                let mut violations = Violations::default();
                let region = locked.before.region_code.as_deref();
                let draft = draft.unseeing(hidden(locked.sight));
                let draft = draft.check(region, unit.now, &mut violations);
                unit.revise(locked, draft, etag, &definitions, violations)
                    .await
            })
        })
        .await
    }

    /// Deletes softly; deleting a deleted customer changes nothing.
    pub async fn delete_customer(
        &self,
        ctx: &Ctx,
        id: CustomerId,
        etag: Option<String>,
        mutation: Mutation,
    ) -> Result<Done> {
        self.mutate(ctx, mutation, move |unit| {
            Box::pin(async move {
                let Locked { row, before, .. } = known(&unit, id).await?;
                refuse_part(&row)?;
                let mut after = before.clone();
                if !after.delete(unit.now) {
                    return Ok(Saved::unchanged(row, before));
                }
                if etag.is_some_and(|etag| etag != before.etag()) {
                    let current = before.etag();
                    return Err(Error::EtagMismatch {
                        current,
                        fields: Vec::new(),
                    }
                    .into());
                }
                let (kind, changed) = (ChangeKind::Deleted, Vec::new());
                unit.replace_one(Edit {
                    row,
                    before,
                    after,
                    kind,
                    changed,
                })
                .await
            })
        })
        .await
    }

    /// FAILED_PRECONDITION when the customer is not deleted.
    pub async fn undelete_customer(
        &self,
        ctx: &Ctx,
        id: CustomerId,
        mutation: Mutation,
    ) -> Result<Done> {
        self.mutate(ctx, mutation, move |unit| {
            Box::pin(async move {
                let Locked { row, before, .. } = known(&unit, id).await?;
                refuse_part(&row)?;
                let mut after = before.clone();
                if !after.undelete(unit.now) {
                    return Err(Error::NotDeleted(id).into());
                }
                let (kind, changed) = (ChangeKind::Undeleted, Vec::new());
                unit.replace_one(Edit {
                    row,
                    before,
                    after,
                    kind,
                    changed,
                })
                .await
            })
        })
        .await
    }
}

/// What is a part of another customer is not changed by its own name.
pub(super) fn refuse_part(row: &SealedCustomer) -> Result<(), Error> {
    match row.merged_into {
        Some(speaker) => Err(Error::IsPart(row.id(), CustomerId(speaker))),
        None => Ok(()),
    }
}

pub(super) async fn known(unit: &Unit<'_>, id: CustomerId) -> Result<Locked> {
    unit.lock(&[id], false)
        .await?
        .pop()
        .ok_or_else(|| Error::NoCustomer(id).into())
}

impl Unit<'_> {
    /// Applies a draft to a customer, and saves what changed. `violations` are those of the draft
    /// so far.
    pub async fn revise(
        &self,
        locked: Locked,
        draft: Checked,
        etag: Option<String>,
        definitions: &Definitions,
        mut violations: Violations,
    ) -> Result<Saved> {
        let Locked {
            row,
            before,
            sight: _,
        } = locked;
        refuse_part(&row)?;
        if before.delete_time.is_some() {
            return Err(Error::Deleted(before.id).into());
        }
        let mut after = before.clone();
        let changed = after.apply(draft, definitions, self.now, &mut violations);
        match etag {
            Some(etag) if etag != before.etag() => {
                let fields = changed.unwrap_or_default();
                return Err(Error::EtagMismatch {
                    current: before.etag(),
                    fields,
                }
                .into());
            }
            Some(_) | None => violations.under("customer").into_result()?,
        }
        let changed = changed.unwrap_or_default();
        if changed.is_empty() {
            return Ok(Saved::unchanged(row, before));
        }
        let kind = ChangeKind::Updated;
        self.replace_one(Edit {
            row,
            before,
            after,
            kind,
            changed,
        })
        .await
    }
}

/// A draft of a new customer, looked at before the transaction: what is wrong is told together with
/// what only the definitions know.
struct NewDraft {
    draft: Checked,
    violations: Violations,
}

impl NewDraft {
    fn check(draft: Draft, now: Timestamp) -> Self {
        let mut violations = Violations::default();
        let draft = draft.check(None, now, &mut violations);
        Self { draft, violations }
    }

    fn make(self, unit: &Unit<'_>, id: CustomerId, definitions: &Definitions) -> Result<Customer> {
        let Self {
            draft,
            mut violations,
        } = self;
        let customer = Customer::create(id, draft, definitions, unit.now, &mut violations);
        violations.under("customer").into_result()?;
        // Without violations there is a customer.
        customer.ok_or_else(|| Error::NoCustomer(id).into())
    }
}
