//! The history of a customer: what its file was, who changed it, and back again.

use std::collections::BTreeSet;

use dossier_access::Sight;
use dossier_db::Room;
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{
    Ctx, CustomerId, Error as Failure, PageSize, PageToken, Result, Timestamp, Violation,
};

use super::customer::known;
use super::seen::{hidden, shown};
use super::unit::{Done, Locked, Unit};
use super::{Mutation, Profile, Seen};
use crate::domain::{
    Checked, Customer, Difference, FIRST, Found, Origin, Source, Tracer, Violations,
};
use crate::error::Error;
use crate::store::revision::{self as rows, Heading};
use crate::store::{self, Version};

/// Revisions whose headings are read at once to find where values come from.
const TRACED_AT_ONCE: u64 = 500;

/// When a revision was made, by whom and how.
#[derive(Clone, Debug)]
pub struct Deed {
    pub customer: CustomerId,
    pub revision: i64,
    pub time: Timestamp,
    /// `None` where none was kept.
    pub origin: Option<Origin>,
}

/// A revision as the caller may see it.
pub struct Revised {
    pub deed: Deed,
    /// `None` where the revision before it is not kept.
    pub difference: Option<Difference>,
}

/// Where the values of a file come from.
pub struct Origins {
    pub file: Seen,
    pub values: Vec<Found<Deed>>,
}

/// Back to an older revision.
pub struct Rollback {
    pub id: CustomerId,
    pub revision: i64,
    /// The contract's names of the fields to bring back; `None` is all.
    pub fields: Option<BTreeSet<String>>,
    /// What the caller believes to be current; `None` accepts anything.
    pub etag: Option<String>,
}

impl Deed {
    fn at(customer: CustomerId, heading: Heading) -> Self {
        let Heading {
            revision,
            update_time: time,
            origin,
        } = heading;
        Self {
            customer,
            revision,
            time,
            origin,
        }
    }

    fn of(version: &Version) -> Self {
        let Version {
            outline, origin, ..
        } = version;
        Self {
            customer: outline.id,
            revision: outline.revision,
            time: outline.update_time,
            origin: origin.clone(),
        }
    }
}

impl Profile {
    /// The customer as it was. What of it is seen is decided by what it is now.
    pub async fn get_customer_at(
        &self,
        ctx: &Ctx,
        id: CustomerId,
        read_time: Timestamp,
    ) -> Result<Seen> {
        let (newest, sight) = self.newest(ctx, id).await?;
        let id = newest.outline.id;
        // A time that a file has was given by us, whatever this process' clock says of it.
        if read_time > self.0.clock.now().max(newest.outline.update_time) {
            let words = "must not be in the future";
            return Err(Failure::invalid(vec![Violation::new("read_time", words)]));
        }
        if read_time < newest.outline.create_time {
            return Err(Error::NoCustomer(id).into());
        }
        let version = match newest.outline.update_time <= read_time {
            true => newest,
            false => {
                let reader = self.0.db.reader_of(&ctx.tenant);
                let tenant = &ctx.tenant;
                let found = rows::find_at(&reader, tenant, id, read_time).await?;
                let number = found.as_ref().map_or(0, |found| found.outline.revision);
                let next = number + 1;
                // What replaced it tells until when it was so.
                let is_whole = newest.outline.revision == next
                    || rows::find(&reader, tenant, id, next).await?.is_some();
                match found.filter(|_| is_whole) {
                    Some(version) => version,
                    None => {
                        let kept = rows::first_time(&reader, tenant, id, number).await?;
                        let begins = kept.unwrap_or(newest.outline.update_time);
                        return Err(Error::BeforeHistory(id, begins).into());
                    }
                }
            }
        };
        let customer = self.open_versions(ctx, vec![version], sight).await?.pop();
        let customer = customer.ok_or(Error::NoCustomer(id))?;
        let seen = Seen { customer, sight };
        self.tell_audit(ctx, std::slice::from_ref(&seen)).await?;
        Ok(seen)
    }

    /// A page of revisions, newest first, and the token of the next one.
    pub async fn list_revisions(
        &self,
        ctx: &Ctx,
        id: CustomerId,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Revised>, String)> {
        let name = id.to_name();
        let query = [ctx.tenant.as_str(), "revisions", name.as_str()];
        let token = PageToken::decode(page_token, &query)?;
        let newest = self.newest(ctx, id).await?;
        let after = match token.as_ref().and_then(|token| token.after.first()) {
            Some(KeyValue::Int(revision)) => Some(*revision),
            Some(_) | None => None,
        };
        let page = self
            .page_of_revisions(ctx, newest, after, page_size)
            .await?;
        let (revised, next) = page;
        let next = next.map(|revision| vec![KeyValue::Int(revision)]);
        Ok((revised, PageToken::next(&query, next)))
    }

    /// Revisions before `after`, and where to go on.
    pub(super) async fn page_of_revisions(
        &self,
        ctx: &Ctx,
        (newest, sight): (Version, Sight),
        after: Option<i64>,
        page_size: PageSize,
    ) -> Result<(Vec<Revised>, Option<i64>)> {
        let id = newest.outline.id;
        let mut room = Room::of_rows_like(newest.bytes(sight));
        let (mut versions, before) = match after {
            Some(revision) => (Vec::new(), revision),
            None => {
                room.takes(newest.bytes(sight));
                let revision = newest.outline.revision;
                (vec![newest], revision)
            }
        };
        let (tenant, reader) = (&ctx.tenant, &self.0.db.reader_of(&ctx.tenant));
        let size = page_size.get();
        let page = rows::page(reader, tenant, id, before, size, sight, room);
        let (older, next) = page.await?;
        versions.extend(older);
        let count = versions.len();
        // What the last one changed says the one before it, which the next page shows.
        if next.is_some()
            && let Some(last) = versions.last()
        {
            let before = last.outline.revision - 1;
            versions.extend(rows::find(reader, tenant, id, before).await?);
        }
        let mut revised = self.differences(ctx, versions, sight).await?;
        revised.truncate(count);
        let differences = revised.iter().filter_map(|one| one.difference.as_ref());
        let customers = differences.flat_map(|one| one.before.iter().chain([&one.after]));
        self.0.audit.saw(ctx, shown(customers)).await?;
        Ok((revised, next))
    }

    /// Goes back as far as it takes to find where every value comes from.
    pub async fn get_provenance(&self, ctx: &Ctx, id: CustomerId) -> Result<Origins> {
        let (newest, sight) = self.newest(ctx, id).await?;
        let id = newest.outline.id;
        let mut after = Deed::of(&newest);
        let customer = self.open_versions(ctx, vec![newest], sight).await?.pop();
        let customer = customer.ok_or(Error::NoCustomer(id))?;
        let mut tracer = Tracer::new(&customer);
        let (tenant, reader) = (&ctx.tenant, &self.0.db.reader_of(&ctx.tenant));
        'back: while !tracer.is_done() {
            ctx.check_deadline()?;
            let before = after.revision;
            let page = rows::headings(reader, tenant, id, before, TRACED_AT_ONCE).await?;
            if page.is_empty() {
                break;
            }
            for heading in page {
                if heading.revision + 1 != after.revision {
                    break 'back;
                }
                // A revision that changed nothing that is looked for is not opened.
                let changed = after
                    .origin
                    .as_ref()
                    .map(|origin| origin.changed.as_slice());
                if changed.is_none_or(|changed| tracer.may_find(changed)) {
                    let version = rows::find(reader, tenant, id, heading.revision).await?;
                    let Some(version) = version else { break 'back };
                    let opened = self.open_versions(ctx, vec![version], sight).await?;
                    tracer.step(&after, opened.first());
                }
                after = Deed::at(id, heading);
            }
        }
        // Nothing is known of what was before.
        tracer.step(&after, None);
        let values = tracer.finish();
        let file = Seen { customer, sight };
        self.tell_audit(ctx, std::slice::from_ref(&file)).await?;
        Ok(Origins { file, values })
    }

    /// Makes the values of an older revision the file's again, as far as the caller sees them.
    pub async fn rollback_customer(
        &self,
        ctx: &Ctx,
        rollback: Rollback,
        mutation: Mutation,
    ) -> Result<Done> {
        let definitions = self.definitions(&ctx.tenant, true).await?;
        let Rollback {
            id,
            revision,
            fields,
            etag,
        } = rollback;
        self.mutate(ctx, mutation, move |mut unit| {
            Box::pin(async move {
                unit.source = Source::Rollback(revision);
                let locked = known(&unit, id).await?;
                let past = unit.past(&locked, revision).await?;
                let draft = Checked::restoring(past, fields.as_ref(), hidden(locked.sight));
                let violations = Violations::default();
                unit.revise(locked, draft, etag, &definitions, violations)
                    .await
            })
        })
        .await
    }

    /// The customer as it is, and what the caller may see of it, now and in the past.
    async fn newest(&self, ctx: &Ctx, id: CustomerId) -> Result<(Version, Sight)> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::customer::find(&reader, &ctx.tenant, id).await?;
        let row = row.ok_or(Error::NoCustomer(id))?;
        let (row, sight) = self.visible_one(ctx, row)?.ok_or(Error::NoCustomer(id))?;
        Ok((row.try_into()?, sight))
    }

    async fn open_versions(
        &self,
        ctx: &Ctx,
        versions: Vec<Version>,
        sight: Sight,
    ) -> Result<Vec<Customer>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let cells = versions.iter().flat_map(|version| version.cells(sight));
        let keys = self.0.vault.keys_to_open(&reader, &ctx.tenant, cells);
        let keys = keys.await?;
        let opened = versions.into_iter().map(|version| {
            let key = keys.get(&version.outline.id);
            version.open(key, sight)
        });
        opened.collect()
    }

    /// Each version beside the one after it in the list, which is the one before it in time.
    async fn differences(
        &self,
        ctx: &Ctx,
        versions: Vec<Version>,
        sight: Sight,
    ) -> Result<Vec<Revised>> {
        let deeds: Vec<Deed> = versions.iter().map(Deed::of).collect();
        let opened = self.open_versions(ctx, versions, sight).await?;
        let hidden = hidden(sight);
        let mut revised = Vec::with_capacity(deeds.len());
        for (index, deed) in deeds.into_iter().enumerate() {
            let Some(after) = opened.get(index) else {
                break;
            };
            let before = opened.get(index + 1);
            let before = before.filter(|before| before.revision + 1 == deed.revision);
            let told = deed.origin.as_ref().map(|origin| origin.changed.as_slice());
            let difference = match before {
                Some(before) => Some(Difference::between(
                    before,
                    after,
                    told.unwrap_or_default(),
                    hidden,
                )),
                None if deed.revision == FIRST => Some(Difference::first(after, hidden)),
                None => None,
            };
            revised.push(Revised { deed, difference });
        }
        Ok(revised)
    }
}

impl Unit<'_> {
    /// A customer as it was at a revision, as far as the caller sees it.
    pub(super) async fn past(&self, locked: &Locked, revision: i64) -> Result<Customer> {
        let Locked { row, sight, .. } = locked;
        let (id, conn) = (row.id(), self.tx.conn());
        let version = match revision == row.revision {
            true => Some(Version::try_from(row.clone())?),
            false => rows::find(conn, &self.tenant, id, revision).await?,
        };
        let version = version.ok_or(Error::NoRevision(id, revision))?;
        let vault = &self.profile.0.vault;
        let keys = vault.keys_to_open(conn, &self.tenant, version.cells(*sight));
        let keys = keys.await?;
        version.open(keys.get(&id), *sight)
    }
}
