//! One transaction that changes customers.

use std::sync::{Arc, Mutex, PoisonError};

use dossier_access::Sight;
use dossier_db::{Change, Tx};
use dossier_kernel::{Ctx, CustomerId, Error as Failure, Reason, Result, TenantId, Timestamp};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::search::blind_terms;
use super::seen::facts;
use super::{Mutation, Profile, Seen, keyless};
use crate::domain::{Customer, FIRST, Key, Origin, Outline, Protection, Source, search};
use crate::error::Error;
use crate::store::customer_key::BlindKey;
use crate::store::save::{Creation, Difference, Replacement};
use crate::store::{self, ChangeBody, ChangeKind, SealedCustomer};

/// What a mutation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    Created,
    Updated,
    Unchanged,
}

/// A customer after a mutation.
#[derive(Debug)]
pub struct Done {
    pub seen: Seen,
    pub effect: Effect,
    /// Covers the change on the feed.
    pub cursor: Option<String>,
}

/// What is remembered of a mutation with a `request_id`: the sealed row, so that a repeat gets the
/// same answer and the table of outcomes holds no plain text.
#[derive(Serialize, Deserialize)]
pub(super) struct Receipt {
    row: SealedCustomer,
    effect: Effect,
}

/// What work hands back: the receipt, and the customer in the clear for this answer.
pub(super) struct Saved {
    pub receipt: Receipt,
    pub customer: Customer,
}

/// A customer before and after, and what the feed says about it.
pub(super) struct Edit {
    /// The row that is replaced; who speaks for the customer then is in it already.
    pub row: SealedCustomer,
    pub before: Customer,
    pub after: Customer,
    pub kind: ChangeKind,
    /// The contract's names of the fields that changed, for updates.
    pub changed: Vec<String>,
}

impl Edit {
    /// What followers are told of what changed. That a customer has a certain attribute of class
    /// SENSITIVE can say as much as its value.
    fn told(&self) -> Vec<String> {
        let sensitive = |id: &str| {
            let known = [&self.before, &self.after].map(|one| one.attributes.get(id));
            let mut known = known.into_iter().flatten();
            known.any(|one| one.protection == Protection::Sensitive)
        };
        let mut told: Vec<String> = Vec::with_capacity(self.changed.len());
        for field in &self.changed {
            let field = match field.strip_prefix("attributes.") {
                Some(id) if sensitive(id) => "attributes",
                _ => field,
            };
            if told.iter().all(|other| other != field) {
                told.push(field.to_owned());
            }
        }
        told
    }
}

/// A customer that is about to be changed.
pub(super) struct Locked {
    pub row: SealedCustomer,
    pub before: Customer,
    /// What the caller may see of it.
    pub sight: Sight,
}

/// The open transaction with what work needs beside it.
pub(super) struct Unit<'t> {
    pub tx: &'t Tx,
    pub profile: Profile,
    /// Who asks: what they may not see of a customer they do not change unseen.
    pub ctx: Ctx,
    pub tenant: TenantId,
    pub now: Timestamp,
    /// What the revisions say that are made here.
    pub source: Source,
}

impl Profile {
    /// Runs `work` in one transaction. In a rehearsal (`validate_only`) everything happens, the
    /// store's own objections included, and is rolled back.
    pub(super) async fn mutate<F>(&self, ctx: &Ctx, mutation: Mutation, work: F) -> Result<Done>
    where
        F: for<'t> FnOnce(Unit<'t>) -> BoxFuture<'t, Result<Saved>> + Send + 'static,
    {
        let Mutation {
            once,
            validate_only,
        } = mutation;
        // Makes the tenant's key where there is none: inside the transaction it could not.
        self.0.vault.prepare(&ctx.tenant).await?;
        // What the work made, in the clear: for this answer only, never stored.
        let plain = Arc::new(Mutex::new(None));
        let (keep, profile, tenant) = (Arc::clone(&plain), self.clone(), ctx.tenant.clone());
        let inside = ctx.clone();
        let written = self
            .0
            .db
            .write_once(ctx, once.filter(|_| !validate_only), move |tx| {
                Box::pin(async move {
                    let now = profile.0.clock.now();
                    let Saved { receipt, customer } = work(Unit {
                        tx,
                        profile,
                        ctx: inside,
                        tenant,
                        now,
                        source: Source::Api,
                    })
                    .await?;
                    let effect = receipt.effect;
                    if effect == Effect::Unchanged {
                        tx.touch(customer.id.to_name(), [""; 0]);
                    }
                    *keep.lock().unwrap_or_else(PoisonError::into_inner) = Some((customer, effect));
                    match validate_only {
                        true => Err(Failure::new(Reason::Cancelled, "A rehearsal is not kept.")),
                        false => Ok(receipt),
                    }
                })
            })
            .await;
        let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner).take();
        if validate_only && let Some((customer, effect)) = plain.take() {
            let id = customer.id;
            let seen = self.show_changed(ctx, customer)?;
            let seen = seen.ok_or(Error::NoCustomer(id))?;
            self.tell_audit(ctx, std::slice::from_ref(&seen)).await?;
            return Ok(Done {
                seen,
                effect,
                cursor: None,
            });
        }
        let done = written?;
        let cursor = self.cursor_of(&done).await?;
        let Receipt { row, effect } = done.value;
        let id = CustomerId(row.id);
        if done.replayed {
            self.refuse_hidden(ctx, id).await?;
        }
        // Also of a replay: the first call may have died between its commit and this line.
        if effect != Effect::Unchanged {
            self.tell_cache(ctx, id, row.revision).await;
        }
        let seen = match plain {
            Some((customer, _)) => self.show_changed(ctx, customer)?,
            None => self.show(ctx, &row).await?,
        };
        let seen = seen.ok_or(Error::NoCustomer(id))?;
        if done.replayed {
            self.tell_audit(ctx, std::slice::from_ref(&seen)).await?;
        }
        Ok(Done {
            seen,
            effect,
            cursor,
        })
    }

    /// What an outcome remembers of a customer must not be shown once it is being erased.
    async fn refuse_hidden(&self, ctx: &Ctx, id: CustomerId) -> Result<()> {
        let reader = self.0.db.reader_of(&ctx.tenant);
        let row = store::customer::find(&reader, &ctx.tenant, id).await?;
        let is_there = row.is_some_and(|row| row.erase_time.is_none());
        is_there
            .then_some(())
            .ok_or_else(|| Error::NoCustomer(id).into())
    }

    /// The blind indexes of identifiers, in their order.
    pub(super) async fn blind(&self, tenant: &TenantId, keys: &[Key]) -> Result<Vec<BlindKey>> {
        let mut blind = Vec::with_capacity(keys.len());
        for key in keys {
            let text = key.text.expose();
            let index = self
                .0
                .vault
                .blind_index(tenant, key.kind.as_str(), text)
                .await?;
            blind.push(BlindKey {
                kind: key.kind,
                index,
            });
        }
        Ok(blind)
    }
}

impl Unit<'_> {
    /// Reads customers that are about to be changed, in no order; nobody else changes them before
    /// this transaction ends. Those that the caller may not see are as if they were not there.
    ///
    /// DIRECT values are always opened: names, identifiers and addresses hang together, and only the
    /// whole can be checked. SENSITIVE ones are opened where the caller may see them or sets some.
    pub async fn lock(&self, ids: &[CustomerId], sets_sensitive: bool) -> Result<Vec<Locked>> {
        let rows = store::customer::lock(self.tx.conn(), &self.tenant, ids).await?;
        let rows = self.profile.visible(&self.ctx, rows)?;
        let reach = |sight: Sight| Sight {
            direct: true,
            sensitive: sight.sensitive || sets_sensitive,
        };
        let cells = rows
            .iter()
            .flat_map(|(row, sight)| row.cells(reach(*sight)));
        let vault = &self.profile.0.vault;
        let keys = vault
            .keys_to_open(self.tx.conn(), &self.tenant, cells)
            .await?;
        rows.into_iter()
            .map(|(row, sight)| {
                let before = store::open(&row, keys.get(&row.id()), reach(sight))?;
                Ok(Locked { row, before, sight })
            })
            .collect()
    }

    /// Fails where the caller may not have a customer become so.
    pub fn permit(&self, after: &Customer) -> Result<(), Error> {
        match self
            .profile
            .0
            .access
            .decide(&self.ctx, facts(&self.tenant, after))
        {
            Ok(()) => Ok(()),
            Err(_) => Err(Error::NotYours(after.id)),
        }
    }

    /// Saves new customers; their rows come back in the same order.
    pub async fn create(&self, customers: &[Customer]) -> Result<Vec<SealedCustomer>> {
        if customers.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<CustomerId> = customers.iter().map(|customer| customer.id).collect();
        let vault = &self.profile.0.vault;
        let keys = vault.keys_or_create(self.tx, &self.tenant, &ids).await?;
        let mut rows = Vec::with_capacity(customers.len());
        let mut creations = Vec::with_capacity(customers.len());
        // Everything is new: what followers are told names no fields.
        let origin = store::write_origin(&self.origin(FIRST, Vec::new()))?;
        for customer in customers {
            let key = keys.get(&customer.id).ok_or_else(|| keyless(customer.id))?;
            let row = store::seal(&self.tenant, customer, key, origin.clone())?;
            rows.push(row.clone());
            let keys = self.profile.blind(&self.tenant, &customer.keys()).await?;
            let terms = search::terms(customer);
            let terms = blind_terms(vault, &self.tenant, customer.id, &terms).await?;
            creations.push(Creation { row, keys, terms });
        }
        store::save::create(self.tx, &self.tenant, creations).await?;
        for customer in customers {
            self.tx
                .touch(customer.id.to_name(), customer.filled_fields());
            self.publish(customer, ChangeKind::Created, Vec::new())?;
        }
        Ok(rows)
    }

    /// Saves customers that changed; their rows come back in the same order.
    pub async fn replace(&self, edits: &[Edit]) -> Result<Vec<SealedCustomer>> {
        // What is replaced moves, so that all of it is opened; nobody is shown it.
        let cells = edits.iter().flat_map(|edit| edit.row.cells(Sight::ALL));
        let vault = &self.profile.0.vault;
        let keys = vault
            .keys_to_open(self.tx.conn(), &self.tenant, cells)
            .await?;
        let mut rows = Vec::with_capacity(edits.len());
        let mut replacements = Vec::with_capacity(edits.len());
        for edit in edits {
            let Edit { before, after, .. } = edit;
            let key = keys.get(&after.id).ok_or_else(|| keyless(after.id))?;
            let origin = store::write_origin(&self.origin(after.revision, edit.told()))?;
            let mut row = store::seal(&self.tenant, after, key, origin)?;
            row.merged_into = edit.row.merged_into;
            let was = store::revision::Model::of(&edit.row, key)?;
            rows.push(row.clone());
            let differ = Difference::between(&before.keys(), &after.keys());
            let keys = Difference {
                added: self.profile.blind(&self.tenant, &differ.added).await?,
                removed: self.profile.blind(&self.tenant, &differ.removed).await?,
            };
            let tags = Difference::between(&before.tags, &after.tags);
            let found_by = search::terms(after);
            let terms = match found_by == search::terms(before) {
                true => None,
                false => Some(blind_terms(vault, &self.tenant, after.id, &found_by).await?),
            };
            replacements.push(Replacement {
                row,
                was,
                keys,
                tags,
                terms,
            });
        }
        store::save::replace(self.tx, &self.tenant, replacements).await?;
        for edit in edits {
            let Edit {
                row: _,
                before: _,
                after,
                kind,
                changed,
            } = edit;
            match kind {
                ChangeKind::Deleted | ChangeKind::Undeleted => {
                    self.tx.touch(after.id.to_name(), ["delete_time"]);
                }
                _ => self.tx.touch(after.id.to_name(), changed),
            }
            self.publish(after, *kind, edit.told())?;
        }
        Ok(rows)
    }

    /// Saves one new customer.
    pub async fn create_one(&self, customer: Customer) -> Result<Saved> {
        self.permit(&customer)?;
        let rows = self.create(std::slice::from_ref(&customer)).await?;
        Saved::only(rows, customer, Effect::Created)
    }

    /// Saves one changed customer.
    pub async fn replace_one(&self, edit: Edit) -> Result<Saved> {
        self.permit(&edit.after)?;
        let rows = self.replace(std::slice::from_ref(&edit)).await?;
        Saved::only(rows, edit.after, Effect::Updated)
    }

    /// Where a revision comes from that is made here.
    fn origin(&self, revision: i64, changed: Vec<String>) -> Origin {
        let ctx = &self.ctx;
        Origin {
            revision,
            source: self.source,
            actor: ctx.principal.to_string(),
            on_behalf_of: ctx.on_behalf_of.as_ref().map(ToString::to_string),
            purpose: ctx.purpose.clone(),
            request_id: ctx.request_id.to_string(),
            changed,
        }
    }

    fn publish(&self, customer: &Customer, kind: ChangeKind, changed: Vec<String>) -> Result<()> {
        let body = ChangeBody {
            kind,
            customer: Outline::of(customer),
            changed,
        };
        self.tx.stage(Change {
            tenant: self.tenant.clone(),
            subject: customer.id.uuid(),
            time: self.now,
            body: body.to_bytes()?,
        });
        Ok(())
    }
}

impl Saved {
    pub fn new(row: SealedCustomer, customer: Customer, effect: Effect) -> Self {
        Self {
            receipt: Receipt { row, effect },
            customer,
        }
    }

    pub fn unchanged(row: SealedCustomer, customer: Customer) -> Self {
        Self::new(row, customer, Effect::Unchanged)
    }

    fn only(rows: Vec<SealedCustomer>, customer: Customer, effect: Effect) -> Result<Self> {
        let row = rows
            .into_iter()
            .next()
            .ok_or_else(|| keyless(customer.id))?;
        Ok(Self::new(row, customer, effect))
    }
}
