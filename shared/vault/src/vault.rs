//! One service's keys: loaded, made, cached, destroyed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dossier_db::{Db, Insert, Tx, error};
use dossier_kernel::{Ctx, CustomerId, Error, Reason, Result, TenantId};
use moka::sync::Cache;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, ExecResult, Statement, StatementBuilder};
use uuid::Uuid;

use crate::cell::Cipher;
use crate::tenant_key::{TenantKey, VERSION};
use crate::{CustomerKey, RootKey};

/// Unwrapped customer keys kept in memory, and for how long at most: what a process that does not
/// see an erasure may still read.
const CUSTOMER_KEYS_MAX: u64 = 50_000;
const CUSTOMER_KEY_LIFE: Duration = Duration::from_secs(300);
const TENANT_KEYS_MAX: u64 = 10_000;
/// Ids of one query, below the binds of every backend.
const IDS_MAX: usize = 1_000;

/// The keys of one service's database. Cheap to clone.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    root: Cipher,
    db: Db,
    tenants: Cache<TenantId, Arc<TenantKey>>,
    customers: Cache<(TenantId, CustomerId), CustomerKey>,
}

impl Vault {
    /// Refuses a root key that is not the one the database was made with: what it sealed could
    /// not be read, and what it would seal could not be read by the others.
    pub async fn open(root: RootKey, db: Db) -> Result<Self> {
        let vault = Self(Arc::new(Inner {
            root: root.cipher(),
            db,
            tenants: Cache::new(TENANT_KEYS_MAX),
            customers: Cache::builder()
                .max_capacity(CUSTOMER_KEYS_MAX)
                .time_to_live(CUSTOMER_KEY_LIFE)
                .build(),
        }));
        // The key of no tenant is never used to seal: it is there to tell root keys apart.
        match vault.tenant_key(&TenantId::all()).await {
            Ok(_) => Ok(vault),
            Err(e) if e.reason() == Reason::Internal => Err(Error::new(
                Reason::FailedPrecondition,
                "The root key is not the one this database was made with; configure that one.",
            )),
            Err(e) => Err(e),
        }
    }

    /// Keys of those customers that have one, in one query for what is not in memory.
    pub async fn keys(
        &self,
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> Result<HashMap<CustomerId, CustomerKey>> {
        let (mut found, missing) = self.cached(tenant, ids);
        if missing.is_empty() {
            return Ok(found);
        }
        let Some(tenant_key) = self.find_tenant_key(conn, tenant).await? else {
            return Ok(found);
        };
        for (id, key) in self.read(conn, tenant, &tenant_key, &missing).await? {
            self.0.customers.insert((tenant.clone(), id), key.clone());
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
        let (mut found, missing) = self.cached(tenant, ids);
        if missing.is_empty() {
            return Ok(found);
        }
        let tenant_key = self.tenant_key_in(tx, tenant).await?;
        // What is read here may still be rolled back: none of it is cached.
        found.extend(self.read(tx.conn(), tenant, &tenant_key, &missing).await?);
        let mut made = HashMap::new();
        let mut rows = Vec::new();
        for id in missing {
            if found.contains_key(&id) || made.contains_key(&id) {
                continue;
            }
            let (key, wrapped) = tenant_key.generate_customer_key(id)?;
            made.insert(id, key);
            rows.extend([
                tenant.as_str().into(),
                id.uuid().into(),
                VERSION.into(),
                wrapped.into(),
            ]);
        }
        let count = made.len() as u64;
        let columns = ["tenant_id", "customer_id", "version", "wrapped"];
        let inserted = Insert::into("vault_customer_key", &columns)
            .skip_conflicts()
            .rows(tx.conn(), rows)
            .await
            .map_err(error)?;
        if inserted < count {
            // Another transaction made some first: theirs are the keys.
            let ids: Vec<CustomerId> = made.keys().copied().collect();
            made.extend(self.read(tx.conn(), tenant, &tenant_key, &ids).await?);
        }
        found.extend(made);
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
    /// Asked before a transaction, never inside one: the first use makes the tenant's key.
    pub async fn blind_index(
        &self,
        tenant: &TenantId,
        kind: &str,
        normalized: &str,
    ) -> Result<[u8; 32]> {
        Ok(self.tenant_key(tenant).await?.blind_index(kind, normalized))
    }

    /// Deletes the customer's key. Once this commits, nothing sealed under it can be read, in
    /// backups neither; call [`Vault::forget`] then.
    pub async fn destroy(&self, tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<()> {
        self.forget(tenant, id);
        let delete = Query::delete()
            .from_table(Alias::new("vault_customer_key"))
            .and_where(Expr::col(Alias::new("tenant_id")).eq(tenant.as_str()))
            .and_where(Expr::col(Alias::new("customer_id")).eq(id.uuid()))
            .to_owned();
        execute(tx, &delete).await?;
        Ok(())
    }

    /// Drops the customer's key from this process' memory.
    pub fn forget(&self, tenant: &TenantId, id: CustomerId) {
        self.0.customers.invalidate(&(tenant.clone(), id));
    }

    fn cached(
        &self,
        tenant: &TenantId,
        ids: &[CustomerId],
    ) -> (HashMap<CustomerId, CustomerKey>, Vec<CustomerId>) {
        let mut found = HashMap::with_capacity(ids.len());
        let mut missing = Vec::new();
        for id in ids {
            match self.0.customers.get(&(tenant.clone(), *id)) {
                Some(key) => drop(found.insert(*id, key)),
                None => missing.push(*id),
            }
        }
        (found, missing)
    }

    async fn read(
        &self,
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
        tenant_key: &TenantKey,
        ids: &[CustomerId],
    ) -> Result<Vec<(CustomerId, CustomerKey)>> {
        let mut keys = Vec::with_capacity(ids.len());
        for ids in ids.chunks(IDS_MAX) {
            let select = Query::select()
                .columns([Alias::new("customer_id"), Alias::new("wrapped")])
                .from(Alias::new("vault_customer_key"))
                .and_where(Expr::col(Alias::new("tenant_id")).eq(tenant.as_str()))
                .and_where(
                    Expr::col(Alias::new("customer_id")).is_in(ids.iter().map(|id| id.uuid())),
                )
                .and_where(Expr::col(Alias::new("version")).eq(VERSION))
                .to_owned();
            let statement = conn.get_database_backend().build(&select);
            for row in conn.query_all_raw(statement).await.map_err(error)? {
                let id = CustomerId(row.try_get_by::<Uuid, _>(0).map_err(error)?);
                let wrapped: Vec<u8> = row.try_get_by(1).map_err(error)?;
                keys.push((id, tenant_key.unwrap_customer_key(id, &wrapped)?));
            }
        }
        Ok(keys)
    }

    /// The tenant's key; made in a transaction of its own where there is none yet.
    async fn tenant_key(&self, tenant: &TenantId) -> Result<Arc<TenantKey>> {
        if let Some(key) = self.find_tenant_key(self.0.db.reader(), tenant).await? {
            return Ok(key);
        }
        let (vault, of) = (self.clone(), tenant.clone());
        let ctx = Ctx::service("vault", tenant.clone());
        self.0
            .db
            .write(&ctx, move |tx| {
                Box::pin(async move { vault.tenant_key_in(tx, &of).await.map(|_| ()) })
            })
            .await?;
        self.find_tenant_key(self.0.db.reader(), tenant)
            .await?
            .ok_or_else(|| Error::internal("a tenant key was committed and is not there"))
    }

    /// From memory or the table. Only what is committed is cached, so `conn` must not be the
    /// connection of a transaction that wrote it.
    async fn find_tenant_key(
        &self,
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
    ) -> Result<Option<Arc<TenantKey>>> {
        if let Some(key) = self.0.tenants.get(tenant) {
            return Ok(Some(key));
        }
        let key = self.read_tenant_key(conn, tenant).await?;
        if let Some(key) = &key {
            self.0.tenants.insert(tenant.clone(), key.clone());
        }
        Ok(key)
    }

    /// Inside a transaction: found, or made and not cached.
    async fn tenant_key_in(&self, tx: &Tx, tenant: &TenantId) -> Result<Arc<TenantKey>> {
        if let Some(key) = self.0.tenants.get(tenant) {
            return Ok(key);
        }
        if let Some(key) = self.read_tenant_key(tx.conn(), tenant).await? {
            return Ok(key);
        }
        let wrapped = TenantKey::generate(&self.0.root, tenant)?;
        Insert::into("vault_tenant_key", &["tenant_id", "version", "wrapped"])
            .skip_conflicts()
            .rows(
                tx.conn(),
                vec![tenant.as_str().into(), VERSION.into(), wrapped.into()],
            )
            .await
            .map_err(error)?;
        self.read_tenant_key(tx.conn(), tenant)
            .await?
            .ok_or_else(|| Error::internal("a tenant key was inserted and is not there"))
    }

    async fn read_tenant_key(
        &self,
        conn: &impl ConnectionTrait,
        tenant: &TenantId,
    ) -> Result<Option<Arc<TenantKey>>> {
        let select = Query::select()
            .column(Alias::new("wrapped"))
            .from(Alias::new("vault_tenant_key"))
            .and_where(Expr::col(Alias::new("tenant_id")).eq(tenant.as_str()))
            .and_where(Expr::col(Alias::new("version")).eq(VERSION))
            .to_owned();
        let statement = conn.get_database_backend().build(&select);
        let Some(row) = conn.query_one_raw(statement).await.map_err(error)? else {
            return Ok(None);
        };
        let wrapped: Vec<u8> = row.try_get_by(0).map_err(error)?;
        TenantKey::unwrap(&self.0.root, tenant, &wrapped).map(|key| Some(Arc::new(key)))
    }
}

async fn execute(tx: &Tx, statement: &impl StatementBuilder) -> Result<ExecResult> {
    let statement: Statement = tx.conn().get_database_backend().build(statement);
    tx.conn().execute_raw(statement).await.map_err(error)
}
