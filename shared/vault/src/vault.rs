//! One service's keys: loaded, made, remembered, destroyed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dossier_db::{Db, Tx};
use dossier_kernel::{Ctx, CustomerId, Error, Reason, Result, TenantId};
use sea_orm::sea_query::LockType;
use tokio::sync::Notify;

use crate::blind_index::BlindIndexes;
use crate::cell::FIRST;
use crate::memory::Memory;
use crate::table::{Purpose, WrappedCustomerKey};
use crate::tenant_key::{self, TenantKeys};
use crate::{CustomerKey, RootKey, RootKeys, Source, table};

/// The keys of one service's database. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    roots: RootKeys,
    db: Db,
    memory: Memory,
    key_life: Duration,
    rotation_begun: Notify,
}

/// What a vault is opened with.
#[derive(Clone)]
pub struct Options {
    pub roots: RootKeys,
    /// How long unwrapped keys stay in memory: what other processes change is seen so late.
    pub key_life: Duration,
}

impl Options {
    /// Half of the minute within which an erasure is promised to be seen everywhere.
    pub const KEY_LIFE: Duration = Duration::from_secs(30);
}

impl From<RootKey> for Options {
    fn from(root: RootKey) -> Self {
        Self {
            roots: RootKeys::new(root),
            key_life: Self::KEY_LIFE,
        }
    }
}

impl Vault {
    /// [`Reason::FailedPrecondition`] when a key of the database is wrapped with a root key that is
    /// not among the known ones: what that one sealed could not be read, and what another would
    /// seal nobody else could.
    pub async fn open(options: impl Into<Options>, db: Db) -> Result<Self> {
        let Options { roots, key_life } = options.into();
        let vault = Self(Arc::new(Inner {
            roots,
            db,
            memory: Memory::new(key_life),
            key_life,
            rotation_begun: Notify::new(),
        }));
        for id in table::root_ids(&vault.0.db.reader_of(&TenantId::all())).await? {
            vault.0.roots.find(&id)?;
        }
        // Keys of no tenant, which seal nothing, are there to tell root keys apart from the start.
        let pin = TenantId::all();
        if vault
            .read_tenant_keys(&pin)
            .await
            .map_err(another_root)?
            .is_none()
        {
            vault.make_tenant_keys(&pin).await?;
        }
        Ok(vault)
    }

    /// Keys of those customers that have one; one query for what is not remembered. To open what
    /// was read from a table or a cache prefer [`Self::keys_to_open`].
    pub async fn keys<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let (mut found, missing) = self.0.memory.customers(tenant, ids);
        if !missing.is_empty() {
            Box::pin(self.load(source, tenant, missing, &mut found)).await?;
        }
        Ok(found)
    }

    /// Keys of the customers to whom these cells belong, those that have one. A cell of a version
    /// that is not remembered yet has its customer's key read again, so that a rotation elsewhere
    /// is not noticed.
    pub async fn keys_to_open<'c, S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        cells: impl IntoIterator<Item = (CustomerId, &'c [u8])>,
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let cells: Vec<(CustomerId, &[u8])> = cells.into_iter().collect();
        let ids: Vec<CustomerId> = cells.iter().map(|(id, _)| *id).collect();
        let (mut found, mut missing) = self.0.memory.customers(tenant, &ids);
        for (id, cell) in cells {
            if found.get(&id).is_some_and(|key| !key.knows(cell)) {
                found.remove(&id);
                missing.push(id);
            }
        }
        if !missing.is_empty() {
            // Boxed: mostly all are known, and what reads them is large.
            Box::pin(self.load(source, tenant, missing, &mut found)).await?;
        }
        Ok(found)
    }

    /// The same of one customer.
    pub async fn key_to_open<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        id: CustomerId,
        cells: &[&[u8]],
    ) -> Result<Option<CustomerKey>> {
        if cells.is_empty() {
            return Ok(None);
        }
        let known = self.0.memory.customer(tenant, id);
        if let Some(key) = known.filter(|key| cells.iter().all(|cell| key.knows(cell))) {
            return Ok(Some(key));
        }
        let mut found = HashMap::new();
        Box::pin(self.load(source, tenant, vec![id], &mut found)).await?;
        Ok(found.remove(&id))
    }

    async fn load<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        mut ids: Vec<CustomerId>,
        found: &mut HashMap<CustomerId, CustomerKey>,
    ) -> Result<()> {
        ids.sort_unstable();
        ids.dedup();
        let rows = table::customer_keys(source, tenant, &ids, None).await?;
        for (id, key) in self.unwrap(source, tenant, &rows).await? {
            if S::COMMITTED {
                self.0.memory.remember_customer(tenant, id, &key);
            }
            found.insert(id, key);
        }
        Ok(())
    }

    async fn unwrap<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
        rows: &HashMap<CustomerId, Vec<WrappedCustomerKey>>,
    ) -> Result<Vec<(CustomerId, CustomerKey)>> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut tenant_keys = self.find_tenant_keys(source, tenant).await?;
        let known = |keys: &TenantKeys| rows.values().flatten().all(|row| keys.knows(row));
        if !tenant_keys.as_deref().is_some_and(known) {
            // Wrapped anew since those were read.
            tenant_keys = self.load_tenant_keys(source, tenant).await?;
        }
        let tenant_keys = tenant_keys.ok_or_else(lost)?;
        rows.iter()
            .map(|(id, rows)| Ok((*id, tenant_keys.customer_key(rows)?)))
            .collect()
    }

    /// Keys of all these customers, to seal with; made in the transaction where there is none yet.
    /// They are read from the table and cannot be destroyed before the transaction ends: what this
    /// process remembers another may have destroyed, and what is sealed under such a key nobody
    /// ever reads.
    pub async fn keys_or_create(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let mut found = self.lock(tx, tenant, ids).await?;
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
        let tenant_keys = self.tenant_keys_in(tx, tenant).await?;
        let mut rows = Vec::with_capacity(missing.len());
        for id in &missing {
            let (key, wrapped) = tenant_keys.generate_customer_key(*id)?;
            found.insert(*id, key);
            rows.push(wrapped);
        }
        let made = table::insert_customer_keys(tx, tenant, rows).await?;
        if made < missing.len() as u64 {
            // Another transaction was first with some of them: theirs are the keys.
            found.extend(self.lock(tx, tenant, &missing).await?);
        }
        Ok(found)
    }

    /// Keys that are there, and stay until the transaction ends.
    pub(crate) async fn lock(
        &self,
        tx: &Tx,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let rows = table::customer_keys(tx.conn(), tenant, &ids, Some(LockType::KeyShare)).await?;
        let keys = self.unwrap(tx.conn(), tenant, &rows).await?;
        Ok(keys.into_iter().collect())
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

    /// Before a transaction that asks for blind indexes: makes the tenant's keys where there are
    /// none, and reads them again before they are forgotten, so that the transaction need not ask
    /// for them through another connection while it holds its own.
    pub async fn prepare(&self, tenant: &TenantId) -> Result<()> {
        if self.0.memory.keeps_tenant(tenant) || self.refresh_tenant(tenant).await? {
            return Ok(());
        }
        self.make_tenant_keys(tenant).await?;
        Ok(())
    }

    /// By what a value is found and kept unique: equal in the tenant for equal kind and value.
    /// [`Self::prepare`] comes before the transaction that this is asked in.
    pub async fn blind_index(
        &self,
        tenant: &TenantId,
        kind: &str,
        normalized: &str,
    ) -> Result<BlindIndexes> {
        let keys = match self.read_tenant_keys(tenant).await? {
            Some(keys) => keys,
            None => self.make_tenant_keys(tenant).await?,
        };
        keys.blind(kind, normalized)
    }

    /// Deletes the customer's key in all its versions. Once this commits, nothing that was sealed
    /// under it can be read: by this process at once, by others when they have forgotten it, within
    /// [`Options::key_life`]. Who seals for the same customer later gets another key.
    pub async fn destroy(&self, tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<()> {
        self.forget(tenant, id);
        table::delete_customer_key(tx, tenant, id).await
    }

    /// Drops the customer's key from this process' memory, also where somebody is just reading it;
    /// for those who hear of a destruction elsewhere, and for whoever destroyed, after the commit.
    pub fn forget(&self, tenant: &TenantId, id: CustomerId) {
        self.0.memory.forget_customer(tenant, id);
    }

    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }

    pub(crate) fn roots(&self) -> &RootKeys {
        &self.0.roots
    }

    pub(crate) fn key_life(&self) -> Duration {
        self.0.key_life
    }

    /// Returns when a rotation was begun by this process.
    pub(crate) async fn rotation_begun(&self) {
        self.0.rotation_begun.notified().await;
    }

    pub(crate) fn tell_rotator(&self) {
        self.0.rotation_begun.notify_one();
    }

    /// Reads the tenant's keys again; false where it has none.
    pub(crate) async fn refresh_tenant(&self, tenant: &TenantId) -> Result<bool> {
        let reader = self.0.db.reader_of(tenant);
        Ok(self.load_tenant_keys(&reader, tenant).await?.is_some())
    }

    async fn find_tenant_keys<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
    ) -> Result<Option<Arc<TenantKeys>>> {
        match self.0.memory.tenant(tenant) {
            Some(keys) => Ok(Some(keys)),
            None => self.load_tenant_keys(source, tenant).await,
        }
    }

    async fn load_tenant_keys<S: Source>(
        &self,
        source: &S,
        tenant: &TenantId,
    ) -> Result<Option<Arc<TenantKeys>>> {
        let rows = table::tenant_keys(source, tenant).await?;
        let keys = TenantKeys::read(&self.0.roots, tenant, &rows).await?;
        let keys = keys.map(Arc::new);
        if let Some(keys) = &keys
            && S::COMMITTED
        {
            self.0.memory.remember_tenant(tenant, keys);
        }
        Ok(keys)
    }

    async fn read_tenant_keys(&self, tenant: &TenantId) -> Result<Option<Arc<TenantKeys>>> {
        self.find_tenant_keys(&self.0.db.reader_of(tenant), tenant)
            .await
    }

    /// Inside a transaction: found, or made and not remembered.
    pub(crate) async fn tenant_keys_in(
        &self,
        tx: &Tx,
        tenant: &TenantId,
    ) -> Result<Arc<TenantKeys>> {
        if let Some(keys) = self.find_tenant_keys(tx.conn(), tenant).await? {
            return Ok(keys);
        }
        insert_first(&self.0.roots, tx, tenant).await?;
        let keys = self.find_tenant_keys(tx.conn(), tenant).await?;
        keys.ok_or_else(lost)
    }

    /// In a transaction of its own; gives what is in the table then.
    async fn make_tenant_keys(&self, tenant: &TenantId) -> Result<Arc<TenantKeys>> {
        let ctx = Ctx::service("vault", tenant.clone());
        let (roots, of) = (self.0.roots.clone(), tenant.clone());
        let work = self.0.db.write(&ctx, move |tx| {
            Box::pin(async move { insert_first(&roots, tx, &of).await })
        });
        work.await?;
        self.read_tenant_keys(tenant).await?.ok_or_else(lost)
    }
}

async fn insert_first(roots: &RootKeys, tx: &Tx, tenant: &TenantId) -> Result<()> {
    let mut keys = Vec::with_capacity(2);
    for purpose in [Purpose::Wrap, Purpose::Index] {
        keys.push(tenant_key::generate(roots, tenant, purpose, FIRST).await?);
    }
    table::insert_tenant_keys(tx, tenant, keys).await
}

/// A known id and yet another key: somebody wrote to the table.
fn another_root(cause: Error) -> Error {
    if cause.reason() != Reason::Internal {
        return cause;
    }
    Error::new(
        Reason::FailedPrecondition,
        "The root key is not the one this database was made with; configure that one.",
    )
    .caused_by(cause)
}

fn lost() -> Error {
    Error::internal("a tenant's keys were inserted and are not there")
}
