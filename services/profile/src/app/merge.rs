//! Several customers become one: planned, done, read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use dossier_access::Sight;
use dossier_db::{Once, Tx};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Ctx, CustomerId, Error as Failure, PageSize, PageToken, Reason, Result};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::seen::hidden;
use super::unit::{Edit, Locked, Unit};
use super::{Profile, Seen, cache_key};
use crate::domain::merge::{self, GROUP_MAX};
use crate::domain::{
    Customer, MergeConflict, MergeRecord, MergeSpec, MergeState, Source, Violations,
};
use crate::error::Error;
use crate::store::{self, ChangeKind, SealedCustomer, merge_part};

/// What a merge would do.
pub struct Plan {
    pub file: Seen,
    pub conflicts: Vec<MergeConflict>,
    pub hash: String,
}

/// A merge after it was done or taken back.
pub struct MergeDone {
    pub record: MergeRecord,
    /// Covers the changes on the feed.
    pub cursor: Option<String>,
}

/// Who is to be one, locked, and what of it comes.
struct Union {
    survivor: Locked,
    others: Vec<Locked>,
    /// Parts of the others.
    parts: HashMap<CustomerId, Vec<CustomerId>>,
    merged: Customer,
    conflicts: Vec<MergeConflict>,
    hash: String,
    /// What the caller may see of every file.
    sight: Sight,
}

impl Profile {
    /// Does it and keeps nothing: what the store objects to is objected to here.
    pub async fn plan_merge(&self, ctx: &Ctx, spec: MergeSpec) -> Result<Plan> {
        self.0.vault.prepare(&ctx.tenant).await?;
        let planned = Arc::new(Mutex::new(None));
        let (keep, profile, inside) = (Arc::clone(&planned), self.clone(), ctx.clone());
        let rehearsal = self.0.db.write(ctx, move |tx| {
            Box::pin(async move {
                let unit = profile.unit(tx, inside, Source::Merge(Uuid::nil()));
                let union = unit.unite(&spec).await?;
                let mut file = union.merged.clone();
                let (sight, hash) = (union.sight, union.hash.clone());
                let hidden = hidden(sight);
                let mut conflicts = union.conflicts.clone();
                conflicts.retain(|one| !union.hides(&one.field));
                unit.merge(union, Uuid::nil()).await?;
                file.hide(hidden);
                let file = Seen {
                    customer: file,
                    sight,
                };
                *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some(Plan {
                    file,
                    conflicts,
                    hash,
                });
                Err::<(), _>(Failure::new(Reason::Cancelled, "A rehearsal is not kept."))
            })
        });
        let rehearsed = rehearsal.await;
        let planned = planned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let plan = match (planned, rehearsed) {
            (Some(plan), _) => plan,
            (None, Err(error)) => return Err(error),
            (None, Ok(_)) => return Err(Failure::internal("a rehearsal without an end")),
        };
        self.tell_audit(ctx, std::slice::from_ref(&plan.file))
            .await?;
        Ok(plan)
    }

    /// ETAG_MISMATCH where `plan_hash` is of something else.
    pub async fn merge_customers(
        &self,
        ctx: &Ctx,
        spec: MergeSpec,
        plan_hash: Option<String>,
        once: Option<Once>,
    ) -> Result<MergeDone> {
        self.0.vault.prepare(&ctx.tenant).await?;
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let id = Uuid::now_v7();
                let unit = profile.unit(tx, inside, Source::Merge(id));
                let union = unit.unite(&spec).await?;
                if plan_hash.is_some_and(|hash| hash != union.hash) {
                    return Err(Error::PlanOutdated.into());
                }
                unit.merge(union, id).await?;
                Ok(id)
            })
        });
        let done = work.await?;
        let cursor = self.cursor_of(&done).await?;
        self.merge_done(ctx, done.value, cursor).await
    }

    /// After the commit: whoever answers to the names is another.
    pub(super) async fn merge_done(
        &self,
        ctx: &Ctx,
        id: Uuid,
        cursor: Option<String>,
    ) -> Result<MergeDone> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let record = self.get_merge_record(ctx, id).await?;
        let parts = merge_part::of_merges(&reader, &ctx.tenant, std::iter::once(id)).await?;
        let parts = parts.into_values().flatten();
        let parts = parts.map(|part| CustomerId(part.customer_id));
        let all: Vec<_> = std::iter::once(record.survivor)
            .chain(parts)
            .map(|id| cache_key(&ctx.tenant, id))
            .collect();
        self.0.cache.remove(&all).await;
        Ok(MergeDone { record, cursor })
    }

    pub async fn get_merge_record(&self, ctx: &Ctx, id: Uuid) -> Result<MergeRecord> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::merge::find(&reader, &ctx.tenant, id).await?;
        let row = row.ok_or(Error::NoMergeRecord(id))?;
        let mut records = self.records(ctx, vec![row]).await?;
        Ok(records.pop().ok_or(Error::NoMergeRecord(id))?)
    }

    /// A page, newest first, of all or of one customer, and the token of the next one.
    pub async fn list_merge_records(
        &self,
        ctx: &Ctx,
        customer: Option<CustomerId>,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<MergeRecord>, String)> {
        let name = customer.map(CustomerId::to_name).unwrap_or_default();
        let query = [ctx.tenant.as_str(), "mergeRecords", &name];
        let token = PageToken::decode(page_token, &query)?;
        let after: Option<&[KeyValue]> = token.as_ref().map(|token| token.after.as_slice());
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let page = store::merge::page(reader, &ctx.tenant, customer, after, page_size.get());
        let (rows, next) = page.await?;
        let records = self.records(ctx, rows).await?;
        Ok((records, PageToken::next(&query, next)))
    }

    async fn records(&self, ctx: &Ctx, rows: Vec<store::merge::Model>) -> Result<Vec<MergeRecord>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let ids = rows.iter().map(|row| row.merge_id);
        let mut parts = merge_part::of_merges(&reader, &ctx.tenant, ids).await?;
        let records = rows.into_iter().map(|row| {
            let parts = parts.remove(&row.merge_id).unwrap_or_default();
            let others = parts.iter().filter(|part| part.spoken_for_by.is_none());
            let others = others.map(|part| CustomerId(part.customer_id));
            row.into_record(others.collect())
        });
        records.collect()
    }

    pub(super) fn unit<'t>(&self, tx: &'t Tx, ctx: Ctx, source: Source) -> Unit<'t> {
        Unit {
            tx,
            profile: self.clone(),
            now: self.0.clock.now(),
            tenant: ctx.tenant.clone(),
            ctx,
            source,
        }
    }
}

impl Union {
    /// Whether a field is an attribute that the caller may not see.
    fn hides(&self, field: &str) -> bool {
        let Some(id) = field.strip_prefix("attributes.") else {
            return false;
        };
        let all = self.others.iter().chain([&self.survivor]);
        let mut values = all.filter_map(|one| one.before.attributes.get(id));
        values.any(|value| hidden(self.sight).hides(value.protection))
    }
}

impl Unit<'_> {
    /// Locks the customers and makes the file of them all; fails where they may not be one.
    async fn unite(&self, spec: &MergeSpec) -> Result<Union> {
        let ids = spec.customers();
        let mut locked = self.lock_whole(&ids).await?;
        let mut files = Vec::with_capacity(ids.len());
        for id in &ids {
            let one = locked.remove(id).ok_or(Error::NoCustomer(*id))?;
            if !one.sight.direct {
                return Err(Error::NotSeenWhole(*id).into());
            }
            super::customer::refuse_part(&one.row)?;
            if one.before.delete_time.is_some() {
                return Err(Error::Deleted(*id).into());
            }
            files.push(one);
        }
        let kind = files.first().map(|one| one.before.kind);
        if let Some(other) = files.iter().find(|one| Some(one.before.kind) != kind) {
            return Err(Error::OtherType(other.before.id).into());
        }
        let conn = self.tx.conn();
        let parts = store::customer::parts(conn, &self.tenant, &ids).await?;
        let count = ids.len() + parts.values().map(Vec::len).sum::<usize>();
        if count > GROUP_MAX {
            return Err(Error::TooManyParts.into());
        }
        self.check_free(&ids).await?;
        let sight = Sight {
            direct: true,
            sensitive: files.iter().all(|one| one.sight.sensitive),
        };
        let hash = hash(spec, &files, &parts);
        let before: Vec<Customer> = files.iter().map(|one| one.before.clone()).collect();
        let mut violations = Violations::default();
        let merged = merge::merge(&before, spec, self.now, &mut violations);
        violations.under("merge.survivor").into_result()?;
        let (merged, conflicts) = merged.ok_or(Error::NoCustomer(spec.survivor))?;
        let survivor = files.remove(0);
        Ok(Union {
            survivor,
            others: files,
            parts,
            merged,
            conflicts,
            hash,
            sight,
        })
    }

    /// Reads customers that are about to be changed, with everything that is sealed of them: what is
    /// made of several files cannot leave out what the caller may not see.
    pub(super) async fn lock_whole(
        &self,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, Locked>> {
        let locked = self.lock(ids, true).await?;
        Ok(locked.into_iter().map(|one| (one.before.id, one)).collect())
    }

    /// Fails where customers must stay as they are.
    pub(super) async fn check_free(&self, ids: &[CustomerId]) -> Result<()> {
        let (conn, tenant) = (self.tx.conn(), &self.tenant);
        let uuids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
        if let Some(held) = store::legal_hold::held(conn, tenant, &uuids).await?.first() {
            return Err(Error::Held(CustomerId(*held)).into());
        }
        if store::merge::is_under_way(self.tx, tenant, &uuids).await? {
            let first = ids.first().copied();
            return Err(Error::MergeUnderWay(first.unwrap_or(CustomerId(Uuid::nil()))).into());
        }
        Ok(())
    }

    async fn merge(&self, union: Union, id: Uuid) -> Result<()> {
        let Union {
            survivor,
            others,
            parts,
            merged,
            ..
        } = union;
        let into = merged.id;
        self.permit(&merged)?;
        // Of the survivor's own parts nothing changes.
        let redirected = others.iter().flat_map(|other| {
            let of_other = parts.get(&other.before.id).into_iter().flatten();
            of_other.map(|part| (*part, Some(other.before.id.uuid())))
        });
        let redirected: Vec<(CustomerId, Option<Uuid>)> = redirected.collect();
        let nested: Vec<CustomerId> = redirected.iter().map(|(part, _)| *part).collect();
        if !nested.is_empty() {
            store::customer::remap(self.tx, &self.tenant, &nested, into).await?;
        }
        let new = others.iter().map(|other| (other.before.id, None));
        let all: Vec<_> = new.chain(redirected).collect();
        store::merge::insert(
            self.tx,
            store::merge::Model {
                tenant_id: self.tenant.as_str().to_owned(),
                merge_id: id,
                survivor_id: into.uuid(),
                survivor_revision: merged.revision,
                state: MergeState::Merging.as_str().to_owned(),
                create_time: self.now.micros(),
                creator: self.ctx.principal.to_string(),
                unmerge_time: None,
                kept_fields: "[]".to_owned(),
                step_time: Some(self.now.micros()),
                failure_count: 0,
            },
        )
        .await?;
        merge_part::insert(self.tx, &self.tenant, id, all.into_iter()).await?;
        self.tx.touch(MergeRecord::name_of(id), ["others"]);
        let mut edits = Vec::with_capacity(1 + others.len());
        let changed = merge::changed(&survivor.before, &merged);
        edits.push(Edit {
            row: survivor.row,
            before: survivor.before,
            after: merged,
            kind: ChangeKind::Updated,
            changed,
        });
        edits.extend(others.into_iter().map(|other| {
            let mut after = other.before.clone();
            after.become_part(self.now);
            Edit {
                row: SealedCustomer {
                    merged_into: Some(into.uuid()),
                    ..other.row
                },
                before: other.before,
                after,
                kind: ChangeKind::Deleted,
                changed: Vec::new(),
            }
        }));
        self.replace(&edits).await?;
        Ok(())
    }
}

/// Of everything that decides what becomes of a merge.
fn hash(
    spec: &MergeSpec,
    files: &[Locked],
    parts: &HashMap<CustomerId, Vec<CustomerId>>,
) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{spec:?}"));
    for one in files {
        let parts = parts.get(&one.before.id);
        hash.update(format!("{}/{} {parts:?}", one.row.id, one.row.revision));
    }
    hex::encode(hash.finalize())
}
