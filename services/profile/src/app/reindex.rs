//! Identifiers and terms under a new index key.

use dossier_access::Sight;
use dossier_db::Tx;
use dossier_kernel::{CustomerId, Result, TenantId};
use dossier_vault::{Reindexed, Vault};
use futures::FutureExt;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::search::blind_terms;
use crate::domain::search;
use crate::store;
use crate::store::customer_key::{self, BlindKey};
use crate::store::customer_term;

/// Identifiers and names are DIRECT; nothing else is opened for their sake.
pub(super) const IDENTIFIERS: Sight = Sight {
    direct: true,
    sensitive: false,
};

/// Gives the customers after `after` the blind indexes they lack, deleted ones too: they hold their
/// identifiers until they are purged. Fails at one that does not open, because nobody would find it
/// any more when the old index key is gone.
pub fn reindex<'t>(
    tx: &'t Tx,
    vault: &'t Vault,
    tenant: &'t TenantId,
    after: Uuid,
    limit: u64,
) -> BoxFuture<'t, Result<Reindexed>> {
    async move {
        let rows = store::customer::lock_after(tx.conn(), tenant, after, limit).await?;
        let last = rows.last().map(|row| row.id);
        let cells = rows.iter().flat_map(|row| row.cells(IDENTIFIERS));
        let keys = vault.keys_to_open(tx.conn(), tenant, cells).await?;
        let (mut held, mut found_by) = (Vec::new(), Vec::new());
        for row in rows {
            let id = CustomerId(row.id);
            let customer = store::open(&row, keys.get(&id), IDENTIFIERS)?;
            let terms = search::terms(&customer);
            found_by.extend(blind_terms(vault, tenant, id, &terms).await?);
            for key in customer.keys() {
                let kind = key.kind;
                let text = key.text.expose();
                let index = vault.blind_index(tenant, kind.as_str(), text).await?;
                held.push((BlindKey { kind, index }, id));
            }
        }
        let ids: Vec<CustomerId> = held.iter().map(|(_, id)| *id).collect();
        let parts = store::customer::parts(tx.conn(), tenant, &ids).await?;
        if !parts.is_empty() {
            // What a part has stays the part's, although the file of who speaks for it has it too.
            let keys: Vec<BlindKey> = held.iter().map(|(key, _)| *key).collect();
            let own = customer_key::rows(tx.conn(), tenant, &keys).await?;
            held.retain(|one| !parts.contains_key(&one.1) || own.contains(one));
        }
        let added = customer_key::complete(tx, tenant, held).await?
            + customer_term::insert(tx, tenant, found_by).await?;
        Ok(Reindexed { last, added })
    }
    .boxed()
}
