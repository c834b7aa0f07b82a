//! Who sees which customers, and what of them: the one place where that is decided.

use dossier_access::{Facts, Sight};
use dossier_kernel::{Ctx, CustomerId, Reason, Result, TenantId};
use dossier_vault::Source;

use super::Profile;
use crate::domain::{Address, Customer, Hidden, Outline, Protection};
use crate::store::{self, SealedCustomer};

/// A customer as the caller may see it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub customer: Customer,
    pub sight: Sight,
}

impl Seen {
    /// What was left out, in the contract's names.
    pub fn masked_fields(&self) -> Vec<&'static str> {
        hidden(self.sight).fields()
    }
}

/// What a sight does not reach.
pub(super) const fn hidden(sight: Sight) -> Hidden {
    Hidden {
        direct: !sight.direct,
        sensitive: !sight.sensitive,
    }
}

impl Profile {
    /// Tells the audit log what an answer shows; without its consent there is no answer. A mutation
    /// that is kept says itself what it did.
    pub(super) async fn tell_audit(&self, ctx: &Ctx, seen: &[Seen]) -> Result<()> {
        let shown = shown(seen.iter().map(|seen| &seen.customer));
        self.0.audit.saw(ctx, shown).await
    }

    /// What the caller may see of a customer with these facts; `None` where it is as if there were
    /// none.
    pub(super) fn sight(&self, ctx: &Ctx, facts: Facts<'_>) -> Result<Option<Sight>> {
        match self.0.access.sight(ctx, facts) {
            Ok(sight) => Ok(Some(sight)),
            Err(error) if error.reason() == Reason::PermissionDenied => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a watcher may see what happened to a customer.
    pub(super) fn may_follow(&self, ctx: &Ctx, tenant: &str, customer: &Outline) -> Result<bool> {
        let facts = Facts {
            tenant: Some(tenant),
            owner: customer.owner.as_deref(),
            team: customer.team.as_deref(),
            tags: &customer.tags,
        };
        Ok(self.sight(ctx, facts)?.is_some())
    }

    /// The rows that the caller may see, in their order.
    pub(super) fn visible(
        &self,
        ctx: &Ctx,
        rows: Vec<SealedCustomer>,
    ) -> Result<Vec<(SealedCustomer, Sight)>> {
        let visible = rows.into_iter().map(|row| self.visible_one(ctx, row));
        visible.filter_map(Result::transpose).collect()
    }

    /// The row, where the caller may see it.
    pub(super) fn visible_one(
        &self,
        ctx: &Ctx,
        row: SealedCustomer,
    ) -> Result<Option<(SealedCustomer, Sight)>> {
        let sight = self.sight_of(ctx, &row)?;
        Ok(sight.map(|sight| (row, sight)))
    }

    /// What the caller may see of a row; `None` where it is as if there were none. Nobody sees one
    /// that is being erased.
    pub(super) fn sight_of(&self, ctx: &Ctx, row: &SealedCustomer) -> Result<Option<Sight>> {
        match row.erase_time {
            None => self.sight(ctx, row.facts()),
            Some(_) => Ok(None),
        }
    }

    /// Opens rows as far as their sights reach, in their order.
    pub(super) async fn open(
        &self,
        tenant: &TenantId,
        rows: Vec<(SealedCustomer, Sight)>,
    ) -> Result<Vec<Seen>> {
        let reader = self.0.db.reader_of(tenant);
        self.open_in(&reader, tenant, rows).await
    }

    /// The same with the keys that there are in `source`.
    pub(super) async fn open_in<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        rows: Vec<(SealedCustomer, Sight)>,
    ) -> Result<Vec<Seen>> {
        let cells = rows.iter().flat_map(|(row, sight)| row.cells(*sight));
        let keys = self.0.vault.keys_to_open(source, tenant, cells).await?;
        let opened = rows.into_iter().map(|(row, sight)| {
            let key = keys.get(&row.id());
            Ok(Seen {
                customer: store::open(&row, key, sight)?,
                sight,
            })
        });
        opened.collect()
    }

    /// One row for the caller; `None` where it is as if there were none.
    pub(super) async fn show(&self, ctx: &Ctx, row: &SealedCustomer) -> Result<Option<Seen>> {
        let Some(sight) = self.sight_of(ctx, row)? else {
            return Ok(None);
        };
        let reader = self.0.db.reader_of(&ctx.tenant);
        let cells: Vec<&[u8]> = row.cells(sight).map(|(_, cell)| cell).collect();
        let vault = &self.0.vault;
        let key = vault.key_to_open(&reader, &ctx.tenant, row.id(), &cells);
        let customer = store::open(row, key.await?.as_ref(), sight)?;
        Ok(Some(Seen { customer, sight }))
    }

    /// A customer that was changed for the caller, as the caller may see it.
    pub(super) fn show_changed(&self, ctx: &Ctx, mut customer: Customer) -> Result<Option<Seen>> {
        let facts = facts(&ctx.tenant, &customer);
        let Some(sight) = self.sight(ctx, facts)? else {
            return Ok(None);
        };
        customer.hide(hidden(sight));
        Ok(Some(Seen { customer, sight }))
    }
}

/// What policies may ask for of a customer.
pub(super) fn facts<'c>(tenant: &'c TenantId, customer: &'c Customer) -> Facts<'c> {
    Facts {
        tenant: Some(tenant.as_str()),
        owner: customer.owner.as_deref(),
        team: customer.team.as_deref(),
        tags: &customer.tags,
    }
}

/// What is shown of customers in the clear: one that comes several times in a row is one.
pub(super) fn shown<'c>(customers: impl Iterator<Item = &'c Customer>) -> dossier_audit::Seen {
    let mut shown = dossier_audit::Seen::of(CustomerId::COLLECTION);
    let mut last = None;
    for customer in customers {
        if add_shown(customer, &mut shown) && last != Some(customer.id) {
            shown.resource(customer.id.uuid());
            last = Some(customer.id);
        }
    }
    shown
}

/// What of a customer is shown in the clear; says whether anything is.
fn add_shown(customer: &Customer, shown: &mut dossier_audit::Seen) -> bool {
    let reaches = |one: &Address| one.postal_code.is_some() || !one.lines.is_empty();
    let direct = [
        ("display_name", !customer.display_name.expose().is_empty()),
        ("given_name", customer.given_name.is_some()),
        ("family_name", customer.family_name.is_some()),
        ("legal_name", customer.legal_name.is_some()),
        ("contact_points", !customer.contact_points.is_empty()),
        ("external_ids", !customer.external_ids.is_empty()),
        ("addresses", customer.addresses.iter().any(reaches)),
    ];
    let mut any = false;
    for (field, _) in direct.into_iter().filter(|(_, there)| *there) {
        shown.direct(field);
        any = true;
    }
    for (id, attribute) in &customer.attributes {
        match attribute.protection {
            Protection::Clear => continue,
            Protection::Direct => shown.direct(format!("attributes.{id}")),
            Protection::Sensitive => shown.sensitive(format!("attributes.{id}")),
        }
        any = true;
    }
    any
}
