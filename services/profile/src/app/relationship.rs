//! Who belongs to whom: written down, ended, listed.

use std::collections::{BTreeMap, HashMap, HashSet};

use dossier_db::{Committed, Once, Tx};
use dossier_kernel::{Ctx, CustomerId, PageSize, PageToken, Result, Timestamp};
use uuid::Uuid;

use super::Profile;
use super::customer::refuse_part;
use crate::domain::{
    CustomerType, LEVELS_MAX, NewRelationship, Relationship, RelationshipType, Span, Violations,
    climb,
};
use crate::error::Error;
use crate::store::relationship::{self as store, Model, Which};
use crate::store::{self as stores, SealedCustomer};

/// A relationship after a mutation.
#[derive(Debug)]
pub struct Related {
    pub relationship: Relationship,
    /// Covers the changes on the feed.
    pub cursor: Option<String>,
}

impl Profile {
    /// ALREADY_EXISTS where the two have one of the type at the same time.
    pub async fn create_relationship(
        &self,
        ctx: &Ctx,
        new: NewRelationship,
        once: Option<Once>,
    ) -> Result<Related> {
        let mut problems = Violations::default();
        let told_by = new.from;
        let checked = new.check(self.0.clock.now(), &mut problems);
        problems.into_result()?;
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                // Without violations there is one.
                let relationship = checked.ok_or(Error::NoCustomer(told_by))?.stored();
                profile.relate(tx, &inside, relationship).await
            })
        });
        self.related(work.await?, told_by).await
    }

    async fn relate(&self, tx: &Tx, ctx: &Ctx, new: Relationship) -> Result<Model> {
        if new.kind.is_of_the_tree() {
            // Two that close a circle only together touch no row in common.
            let tree = format!("profile.organization_tree/{}", ctx.tenant.as_str());
            tx.alone(&tree).await?;
        }
        let now = self.0.clock.now();
        let [from, to] = self.lock_both(tx, ctx, [new.from, new.to]).await?;
        for (row, wanted) in [(&from, new.kind.ends().0), (&to, new.kind.ends().1)] {
            if CustomerType::parse(&row.kind) != Some(wanted) {
                let mut problems = Violations::default();
                let words = "does not join customers of these types";
                problems.add_to_request("relationship.type", words);
                problems.into_result()?;
            }
        }
        self.check_alone(tx, ctx, &new).await?;
        if new.kind.is_of_the_tree() {
            self.check_tree(tx, ctx, &new).await?;
        }
        let fields = ["from", "to", "type", "start_time", "end_time", "label"];
        tx.touch(new.to_name(), fields);
        let row = Model::of(&ctx.tenant, new);
        store::insert(tx, row.clone()).await?;
        Self::publish_attached(tx, from, "relationships", now)?;
        Self::publish_attached(tx, to, "relationships", now)?;
        Ok(row)
    }

    /// Whether there is none yet that excludes it: their customers are locked.
    async fn check_alone(&self, tx: &Tx, ctx: &Ctx, new: &Relationship) -> Result<()> {
        let (from, to) = (
            std::slice::from_ref(&new.from),
            std::slice::from_ref(&new.to),
        );
        let during = Some(new.span);
        let of_kind = std::slice::from_ref(&new.kind);
        let same = Which {
            from: Some(from),
            to: Some(to),
            kinds: of_kind,
            during,
        };
        if let Some(other) = store::select(tx.conn(), &ctx.tenant, same, None, 1)
            .await?
            .pop()
        {
            return Err(Error::RelationshipExists(other.id).into());
        }
        let (which, error) = match new.kind {
            RelationshipType::HouseholdMember => (
                Which {
                    from: Some(from),
                    to: None,
                    kinds: of_kind,
                    during,
                },
                Error::SecondHousehold(new.from),
            ),
            kind if kind.is_of_the_tree() => (
                Which {
                    from: None,
                    to: Some(to),
                    kinds: &RelationshipType::OF_THE_TREE,
                    during,
                },
                Error::SecondSuperior(new.to),
            ),
            _ => return Ok(()),
        };
        match store::select(tx.conn(), &ctx.tenant, which, None, 1)
            .await?
            .pop()
        {
            Some(_) => Err(error.into()),
            None => Ok(()),
        }
    }

    /// Climbs from the upper end: whoever is above it at the time must not be the lower one. Nobody
    /// else changes the tree meanwhile. Customers that are deleted count, because they may come back.
    async fn check_tree(&self, tx: &Tx, ctx: &Ctx, new: &Relationship) -> Result<()> {
        let mut level = vec![(new.from, new.span)];
        for _ in 0..=LEVELS_MAX {
            if level.is_empty() {
                return Ok(());
            }
            if level.iter().any(|(customer, _)| *customer == new.to) {
                return Err(Error::Circle(new.to).into());
            }
            let below: HashSet<CustomerId> = level.iter().map(|(customer, _)| *customer).collect();
            let below: Vec<CustomerId> = below.into_iter().collect();
            let which = Which {
                from: None,
                to: Some(&below),
                kinds: &RelationshipType::OF_THE_TREE,
                during: Some(new.span),
            };
            let edges = store::select(tx.conn(), &ctx.tenant, which, None, EDGES_MAX).await?;
            if edges.len() as u64 == EDGES_MAX {
                return Err(Error::TooManyLevels.into());
            }
            level = climb(&level, &edges);
        }
        Err(Error::TooManyLevels.into())
    }

    /// Two live customers that the caller may see, in the order of `ids`; nobody else changes them
    /// before this transaction ends.
    async fn lock_both(
        &self,
        tx: &Tx,
        ctx: &Ctx,
        ids: [CustomerId; 2],
    ) -> Result<[SealedCustomer; 2]> {
        let rows = stores::customer::lock(tx.conn(), &ctx.tenant, &ids).await?;
        let rows = self.visible(ctx, rows)?.into_iter();
        let mut rows: BTreeMap<CustomerId, SealedCustomer> =
            rows.map(|(row, _)| (row.id(), row)).collect();
        let mut take = |id| -> Result<SealedCustomer> {
            let row = rows.remove(&id).ok_or(Error::NoCustomer(id))?;
            refuse_part(&row)?;
            match row.delete_time {
                Some(_) => Err(Error::Deleted(id).into()),
                None => Ok(row),
            }
        };
        let [from, to] = ids;
        Ok([take(from)?, take(to)?])
    }

    /// Ends a relationship at an instant, now where none is given.
    pub async fn end_relationship(
        &self,
        ctx: &Ctx,
        id: Uuid,
        at: Option<Timestamp>,
        once: Option<Once>,
    ) -> Result<Related> {
        let (profile, inside) = (self.clone(), ctx.clone());
        let work = self.0.db.write_once(ctx, once, move |tx| {
            Box::pin(async move {
                let now = profile.0.clock.now();
                let tenant = &inside.tenant;
                // Customers before relationships, as whoever creates or purges locks them.
                let found = store::find(tx, tenant, id).await?;
                let found = found.ok_or(Error::NoRelationship(id))?;
                let ends = [CustomerId(found.from_id), CustomerId(found.to_id)];
                let both = stores::customer::lock(tx.conn(), tenant, &ends).await?;
                let seen = profile.visible(&inside, both)?;
                let is_live =
                    |row: &SealedCustomer| row.delete_time.is_none() || row.merged_into.is_some();
                let is_live = seen.iter().any(|(row, _)| is_live(row));
                if seen.len() < ends.len() || !is_live {
                    return Err(Error::NoRelationship(id).into());
                }
                let row = store::lock(tx, tenant, id).await?;
                let row = row.ok_or(Error::NoRelationship(id))?;
                let mut relationship = row.clone().into_relationship()?;
                let mut problems = Violations::default();
                let changes = relationship.end(at.unwrap_or(now), now, &mut problems);
                problems.into_result()?;
                if !changes {
                    tx.touch(relationship.to_name(), [""; 0]);
                    return Ok(row);
                }
                tx.touch(relationship.to_name(), ["end_time"]);
                let row = Model::of(tenant, relationship);
                store::update(tx, tenant, row.clone()).await?;
                for (customer, _) in seen {
                    Self::publish_attached(tx, customer, "relationships", now)?;
                }
                Ok(row)
            })
        });
        let done = work.await?;
        let told_by = CustomerId(done.value.from_id);
        self.related(done, told_by).await
    }

    async fn related(&self, done: Committed<Model>, told_by: CustomerId) -> Result<Related> {
        let cursor = self.cursor_of(&done).await?;
        let relationship = done.value.into_relationship()?.seen_from(told_by);
        Ok(Related {
            relationship,
            cursor,
        })
    }

    /// A page of what a customer is of others, at an instant or ever, and the token of the next one.
    pub async fn list_relationships(
        &self,
        ctx: &Ctx,
        customer: CustomerId,
        at: Option<Timestamp>,
        page_size: PageSize,
        page_token: &str,
    ) -> Result<(Vec<Relationship>, String)> {
        let (name, instant) = (customer.to_name(), at.map(Timestamp::micros));
        let instant = instant.map_or_else(String::new, |at| at.to_string());
        let query = [ctx.tenant.as_str(), "relationships", &name, &instant];
        let token = PageToken::decode(page_token, &query)?;
        let after = token.as_ref().map(|token| token.after.as_slice());
        let (row, _) = self.find_visible(ctx, customer).await?;
        if row.delete_time.is_some() {
            return Ok((Vec::new(), String::new()));
        }
        let reader = &self.0.db.reader_of(&ctx.tenant);
        let during = at.map(instant_of);
        let size = page_size.get();
        let all = stores::customer::with_parts(reader, &ctx.tenant, row.id()).await?;
        let page = store::page(reader, &ctx.tenant, &all, during, after, size);
        let (rows, next) = page.await?;
        let mut relationships = Vec::with_capacity(rows.len());
        for row in rows {
            let own = [row.from_id, row.to_id].map(CustomerId);
            let own = own.into_iter().find(|end| all.contains(end));
            let seen = row.into_relationship()?.seen_from(own.unwrap_or(customer));
            // What parts of one customer were of each other shows when they are several again.
            if !all.contains(&seen.to) {
                relationships.push(seen);
            }
        }
        let others: Vec<CustomerId> = relationships.iter().map(|one| one.to).collect();
        let shown = self.live_and_visible(ctx, &others).await?;
        relationships.retain_mut(|one| match shown.get(&one.to) {
            Some(speaker) => {
                one.to = *speaker;
                true
            }
            None => false,
        });
        Ok((relationships, PageToken::next(&query, next)))
    }

    /// Those of the customers who are not deleted and whom the caller may see, each with who speaks
    /// for it: what is asked of a part is asked of them.
    pub(super) async fn live_and_visible(
        &self,
        ctx: &Ctx,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerId>> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let (rows, speakers) = stores::customer::find_speakers(&reader, &ctx.tenant, ids).await?;
        let rows = self.visible(ctx, rows)?.into_iter();
        let live = rows.filter(|(row, _)| row.delete_time.is_none());
        let live: HashSet<CustomerId> = live.map(|(row, _)| row.id()).collect();
        let speakers = speakers.into_iter();
        Ok(speakers.filter(|(_, id)| live.contains(id)).collect())
    }
}

/// Relations between the levels of a tree that are looked at together: an organisation has one
/// superior at a time, but others at other times.
const EDGES_MAX: u64 = 10_000;

/// What holds at an instant holds during the microsecond that begins with it.
pub(super) fn instant_of(at: Timestamp) -> Span {
    Span {
        start: at,
        end: Timestamp(at.micros().saturating_add(1)),
    }
}
