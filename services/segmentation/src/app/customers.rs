//! Customers as rules look at them, put together from what is stored.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};

use crate::domain::{Customer, Needs, Standing};
use crate::store::{Connection, Known, feedback, purchases};

/// The live ones of the known customers, with what is needed at `at`: a few queries for all.
pub async fn load<C: Connection>(
    conn: &C,
    tenant: &TenantId,
    known: &BTreeMap<CustomerId, Known>,
    needs: Needs,
    at: Timestamp,
) -> Result<BTreeMap<CustomerId, Customer>> {
    let live: BTreeSet<CustomerId> = known
        .iter()
        .filter(|(_, known)| known.standing == Standing::Live)
        .map(|(id, _)| *id)
        .collect();
    let mut totals = if needs.totals {
        purchases::totals(conn, tenant, &live).await?
    } else {
        Default::default()
    };
    let mut windows = match needs.window {
        Some(window) => purchases::since(conn, tenant, &live, Some(at.minus(window))).await?,
        None => Default::default(),
    };
    let mut said = if needs.feedback {
        feedback::load(conn, tenant, &live).await?
    } else {
        Default::default()
    };
    let customer = |id: CustomerId| {
        let known = known.get(&id)?;
        let customer = Customer {
            standing: known.standing,
            profile: known.profile.clone(),
            totals: totals.remove(&id).unwrap_or_default(),
            purchases: windows.remove(&id).unwrap_or_default(),
            feedback: said.remove(&id).unwrap_or_default(),
        };
        Some((id, customer))
    };
    Ok(live.into_iter().filter_map(customer).collect())
}
