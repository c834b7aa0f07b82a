//! Writes customers with everything that hangs on them: row, identifiers, tags, what they were.

use std::collections::HashMap;

use dossier_db::{Insert, Tx};
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, IntoActiveModel, Iterable, Value};

use super::customer::{self, Model as SealedCustomer};
use super::customer_key::{self, BlindKey, Holder};
use super::customer_term::{self, Terms};
use super::{customer_tag, revision};
use crate::domain::KeyKind;
use crate::error::Error;

/// A customer that is new.
pub struct Creation {
    pub row: SealedCustomer,
    pub keys: Vec<BlindKey>,
    pub terms: Vec<Terms>,
}

/// A customer that changed: the new row, what it was, and what is different about its identifiers
/// and tags.
pub struct Replacement {
    pub row: SealedCustomer,
    pub was: revision::Model,
    pub keys: Difference<BlindKey>,
    pub tags: Difference<String>,
    /// All of them, where they are others than before.
    pub terms: Option<Vec<Terms>>,
}

pub struct Difference<T> {
    pub added: Vec<T>,
    pub removed: Vec<T>,
}

impl<T: PartialEq + Clone> Difference<T> {
    pub fn between(before: &[T], after: &[T]) -> Self {
        let without = |these: &[T], those: &[T]| {
            these
                .iter()
                .filter(|value| !those.contains(value))
                .cloned()
                .collect()
        };
        Self {
            added: without(after, before),
            removed: without(before, after),
        }
    }
}

/// Inserts customers. Fails where an id or an identifier is taken: the store decides that, not an
/// earlier read, so that two creations at the same time cannot both win.
pub async fn create(tx: &Tx, tenant: &TenantId, creations: Vec<Creation>) -> Result<()> {
    let mut claims = Vec::new();
    let mut tags = Vec::new();
    let mut found_by = Vec::with_capacity(creations.len());
    let mut values = Vec::new();
    let mut ids = Vec::with_capacity(creations.len());
    let columns: Vec<customer::Column> = customer::Column::iter().collect();
    for Creation { row, keys, terms } in creations {
        let id = CustomerId(row.id);
        claims.extend(keys.into_iter().map(|key| (key, id)));
        tags.extend(row.tags.0.iter().map(|tag| (tag.clone(), id)));
        values.extend(values_of(row, &columns));
        found_by.extend(terms);
        ids.push(id);
    }
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let insert = Insert::into("customer", &names).skip_conflicts();
    let inserted = insert
        .rows(tx.conn(), values)
        .await
        .map_err(dossier_db::error)?;
    if usize::try_from(inserted) != Ok(ids.len()) {
        // One of them: which, says only a creation of one, and only that one names its id.
        let taken = ids.first().copied().unwrap_or_else(CustomerId::generate);
        return Err(Error::CustomerExists(taken).into());
    }
    claim(tx, tenant, claims).await?;
    customer_term::insert(tx, tenant, found_by).await?;
    add_tags(tx, tenant, tags).await
}

/// Gives customers the identifiers of theirs that others had for them. Fails where one is somebody
/// else's by now.
pub async fn reclaim(
    tx: &Tx,
    tenant: &TenantId,
    claims: Vec<(BlindKey, CustomerId)>,
) -> Result<()> {
    match customer_key::reclaim(tx, tenant, claims).await? {
        None => Ok(()),
        Some(Holder { key, customer, .. }) => Err(taken(key.kind, customer)),
    }
}

/// Replaces customers that were locked before.
pub async fn replace(tx: &Tx, tenant: &TenantId, replacements: Vec<Replacement>) -> Result<()> {
    let mut claims = Vec::new();
    let mut tags = Vec::new();
    let mut revisions = Vec::with_capacity(replacements.len());
    let (mut found_by, mut found_otherwise) = (Vec::new(), Vec::new());
    let mut released = Vec::with_capacity(replacements.len());
    let differ = |one: &&Replacement| !one.keys.added.is_empty() || !one.keys.removed.is_empty();
    let differing = replacements.iter().filter(differ);
    let differing: Vec<CustomerId> = differing.map(|one| one.row.id()).collect();
    for Replacement {
        row,
        was,
        keys,
        tags: tags_differ,
        terms,
    } in replacements
    {
        let id = row.id();
        revisions.push(was);
        if let Some(terms) = terms {
            found_otherwise.push(id);
            found_by.extend(terms);
        }
        update(tx, tenant, row).await?;
        released.push((id, keys.removed));
        claims.extend(keys.added.into_iter().map(|key| (key, id)));
        tags.extend(tags_differ.added.into_iter().map(|tag| (tag, id)));
        if !tags_differ.removed.is_empty() {
            dossier_db::delete_many::<customer_tag::Entity>(tenant)
                .filter(customer_tag::Column::CustomerId.eq(id.uuid()))
                .filter(customer_tag::Column::Tag.is_in(tags_differ.removed))
                .exec(tx.conn())
                .await
                .map_err(dossier_db::error)?;
        }
    }
    revision::insert(tx, revisions).await?;
    // Who is whose part from now on.
    let parts = match differing.is_empty() {
        true => HashMap::new(),
        false => customer::parts(tx.conn(), tenant, &differing).await?,
    };
    for (id, keys) in released {
        let parts = parts.get(&id).into_iter().flatten().copied();
        let customers: Vec<CustomerId> = std::iter::once(id).chain(parts).collect();
        customer_key::release(tx, tenant, &customers, &keys).await?;
    }
    let claims = customer_key::without_parts(tx, tenant, claims, &parts).await?;
    claim(tx, tenant, claims).await?;
    customer_term::delete(tx, tenant, &found_otherwise).await?;
    customer_term::insert(tx, tenant, found_by).await?;
    add_tags(tx, tenant, tags).await
}

async fn update(tx: &Tx, tenant: &TenantId, row: SealedCustomer) -> Result<()> {
    let id = row.id;
    let mut active = row.into_active_model().reset_all();
    active.tenant_id = ActiveValue::NotSet;
    active.id = ActiveValue::NotSet;
    let updated = dossier_db::update_many::<customer::Entity>(tenant)
        .set(active)
        .filter(customer::Column::Id.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    match updated.rows_affected {
        1 => Ok(()),
        _ => Err(Error::NoCustomer(CustomerId(id)).into()),
    }
}

async fn claim(tx: &Tx, tenant: &TenantId, claims: Vec<(BlindKey, CustomerId)>) -> Result<()> {
    match customer_key::claim(tx, tenant, claims).await? {
        None => Ok(()),
        Some(Holder { key, customer, .. }) => Err(taken(key.kind, customer)),
    }
}

fn taken(kind: KeyKind, holder: CustomerId) -> dossier_kernel::Error {
    Error::IdentifierTaken { kind, holder }.into()
}

async fn add_tags(tx: &Tx, tenant: &TenantId, tags: Vec<(String, CustomerId)>) -> Result<()> {
    let values = tags.into_iter().flat_map(|(tag, customer)| {
        [
            Value::from(tenant.as_str()),
            tag.into(),
            customer.uuid().into(),
        ]
    });
    Insert::into("customer_tag", &["tenant_id", "tag", "customer_id"])
        .skip_conflicts()
        .rows(tx.conn(), values.collect())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

fn values_of(row: SealedCustomer, columns: &[customer::Column]) -> Vec<Value> {
    let mut active = row.into_active_model();
    // A model sets every column.
    columns
        .iter()
        .filter_map(|column| active.take(*column).into_value())
        .collect()
}
