//! One service's keys: loaded, made, remembered, destroyed.

use std::collections::HashMap;
use std::sync::Arc;

use dossier_db::{Db, Tx};
use dossier_kernel::{Ctx, CustomerId, Error, Reason, Result, TenantId};

use crate::cell::{Cipher, Unreadable};
use crate::memory::Memory;
use crate::tenant_key::TenantKey;
use crate::{CustomerKey, RootKey, Source, table};

/// The keys of one service's database. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    root: Cipher,
    db: Db,
    memory: Memory,
}

impl Vault {
    /// [`Reason::FailedPrecondition`] for another root key than the database was made with: what
    /// that one sealed could not be read, and what this one would seal nobody else could.
    pub async fn open(root: RootKey, db: Db) -> Result<Self> {
        let vault = Self(Arc::new(Inner {
            root: root.cipher(),
            db,
            memory: Memory::new(),
        }));
        // A key of no tenant, which seals nothing, is there to tell root keys apart from the start.
        let pin = TenantId::all();
        let wrapped = match table::tenant_key(vault.0.db.reader(), &pin).await? {
            Some(wrapped) => wrapped,
            None => vault.make_tenant_key(&pin).await?,
        };
        TenantKey::unwrap(&vault.0.root, &pin, &wrapped).map_err(|Unreadable| {
            Error::new(
                Reason::FailedPrecondition,
                "The root key is not the one this database was made with; configure that one.",
            )
        })?;
        Ok(vault)
    }

    /// Keys of those customers that have one; one query for what is not remembered.
    pub async fn keys<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let (mut found, missing) = self.0.memory.customers(tenant, ids);
        if missing.is_empty() {
            return Ok(found);
        }
        // A tenant without a key has no customer with one.
        let Some(tenant_key) = self.find_tenant_key(source, tenant).await? else {
            return Ok(found);
        };
        for (id, wrapped) in table::customer_keys(source, tenant, &missing).await? {
            let key = tenant_key.unwrap_customer_key(id, &wrapped)?;
            if S::COMMITTED {
                self.0.memory.remember_customer(tenant, id, &key);
            }
            found.insert(id, key);
        }
        Ok(found)
    }

    /// Keys of all these customers, made in the transaction where there is none yet.
    pub async fn keys_or_create(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let mut found = self.keys(tx.conn(), tenant, ids).await?;
        let mut missing: Vec<CustomerId> = ids
            .iter()
            .copied()
            .filter(|id| !found.contains_key(id))
            .collect();
        if missing.is_empty() {
            return Ok(found);
        }
        missing.sort_unstable();
        missing.dedup();
        let tenant_key = self.tenant_key_in(tx, tenant).await?;
        let mut rows = Vec::with_capacity(missing.len());
        for id in &missing {
            let (key, wrapped) = tenant_key.generate_customer_key(*id)?;
            found.insert(*id, key);
            rows.push((*id, wrapped));
        }
        let made = table::insert_customer_keys(tx.conn(), tenant, rows).await?;
        if made < missing.len() as u64 {
            // Another transaction was first with some of them: theirs are the keys.
            for (id, wrapped) in table::customer_keys(tx.conn(), tenant, &missing).await? {
                found.insert(id, tenant_key.unwrap_customer_key(id, &wrapped)?);
            }
        }
        Ok(found)
    }

    /// The key of one customer, made in the transaction where there is none yet.
    pub async fn key_or_create(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        id: CustomerId,
    ) -> Result<CustomerKey> {
        self.keys_or_create(tx, tenant, &[id])
            .await?
            .remove(&id)
            .ok_or_else(|| Error::internal("a customer key was neither found nor made"))
    }

    /// By what a value is found and kept unique: equal in the tenant for equal kind and value.
    /// The tenant's first use makes its key in a transaction of its own, so that one must not
    /// happen inside a transaction; later ones may.
    pub async fn blind_index(
        &self,
        tenant: &TenantId,
        kind: &str,
        normalized: &str,
    ) -> Result<[u8; 32]> {
        let key = match self.find_tenant_key(self.0.db.reader(), tenant).await? {
            Some(key) => key,
            None => {
                let wrapped = self.make_tenant_key(tenant).await?;
                self.unwrap_committed(tenant, &wrapped)?
            }
        };
        Ok(key.blind_index(kind, normalized))
    }

    /// Deletes the customer's key. Once this commits, nothing that was sealed under it can be read:
    /// by this process at once, by others when they have forgotten it, within 30 seconds.
    pub async fn destroy(&self, tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<()> {
        self.forget(tenant, id);
        table::delete_customer_key(tx.conn(), tenant, id).await
    }

    /// Drops the customer's key from this process' memory, also where somebody is just reading it;
    /// for those who hear of a destruction elsewhere.
    pub fn forget(&self, tenant: &TenantId, id: CustomerId) {
        self.0.memory.forget_customer(tenant, id);
    }

    async fn find_tenant_key<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
    ) -> Result<Option<Arc<TenantKey>>> {
        if let Some(key) = self.0.memory.tenant(tenant) {
            return Ok(Some(key));
        }
        let Some(wrapped) = table::tenant_key(source, tenant).await? else {
            return Ok(None);
        };
        if S::COMMITTED {
            return self.unwrap_committed(tenant, &wrapped).map(Some);
        }
        Ok(Some(Arc::new(self.unwrap(tenant, &wrapped)?)))
    }

    /// Inside a transaction: found, or made and not remembered.
    async fn tenant_key_in(&self, tx: &Tx, tenant: &TenantId) -> Result<Arc<TenantKey>> {
        if let Some(key) = self.find_tenant_key(tx.conn(), tenant).await? {
            return Ok(key);
        }
        let made = TenantKey::generate(&self.0.root, tenant)?;
        table::insert_tenant_key(tx.conn(), tenant, made).await?;
        let wrapped = table::tenant_key(tx.conn(), tenant)
            .await?
            .ok_or_else(lost)?;
        Ok(Arc::new(self.unwrap(tenant, &wrapped)?))
    }

    /// In a transaction of its own; gives what is in the table then, wrapped.
    async fn make_tenant_key(&self, tenant: &TenantId) -> Result<Vec<u8>> {
        let ctx = Ctx::service("vault", tenant.clone());
        let made = TenantKey::generate(&self.0.root, tenant)?;
        let of = tenant.clone();
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { table::insert_tenant_key(tx.conn(), &of, made).await })
        });
        work.await?;
        table::tenant_key(self.0.db.reader(), tenant)
            .await?
            .ok_or_else(lost)
    }

    fn unwrap_committed(&self, tenant: &TenantId, wrapped: &[u8]) -> Result<Arc<TenantKey>> {
        let key = Arc::new(self.unwrap(tenant, wrapped)?);
        self.0.memory.remember_tenant(tenant, &key);
        Ok(key)
    }

    fn unwrap(&self, tenant: &TenantId, wrapped: &[u8]) -> Result<TenantKey> {
        Ok(TenantKey::unwrap(&self.0.root, tenant, wrapped)?)
    }
}

fn lost() -> Error {
    Error::internal("a tenant key was inserted and is not there")
}
