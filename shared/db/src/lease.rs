//! Work that one process at a time does, of all that serve the same database: a durable job of
//! several replicas takes a lease on each piece of it.
//!
//! | you want | use |
//! |---|---|
//! | to do work unless another process does it already | [`Lease::take`], then [`Lease::keep`] around the work |
//! | that nothing is committed once another has taken over | [`Lease::confirm`] in the transaction |
//! | that the next one need not wait for the end | [`Lease::give_up`] |
//!
//! A lease ends by itself, so that whoever dies with it holds the work up for its length and no longer.
//! Clocks differ, and a process that stood still does not know that its lease is over: a lease saves
//! work that would be done twice, and only [`Lease::confirm`] makes it certain that it is not.

use std::convert::Infallible;
use std::time::Duration;

use dossier_kernel::{Clock, Ctx, Error, Result, TenantId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement, Value};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, async_trait};
use uuid::Uuid;

use crate::{Backend, Db, Tx, error};

/// How often a lease is renewed in its length: two renewals may fail to come in time.
const RENEWALS: u32 = 3;

/// That a piece of work is this process's.
#[derive(Clone)]
pub struct Lease {
    db: Db,
    clock: Clock,
    tenant: TenantId,
    name: String,
    holder: Uuid,
    length: Duration,
}

impl Lease {
    /// Takes the work called `name`, such as `erasure/{id}`, or nothing where somebody has it.
    pub async fn take(
        db: &Db,
        clock: &Clock,
        tenant: &TenantId,
        name: impl Into<String>,
        length: Duration,
    ) -> Result<Option<Self>> {
        let lease = Self {
            db: db.clone(),
            clock: clock.clone(),
            tenant: tenant.clone(),
            name: name.into(),
            holder: Uuid::new_v4(),
            length,
        };
        let now = clock.now();
        let taken = lease.run(
            "INSERT INTO lease (tenant_id, name, holder, expire_time) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (tenant_id, name) DO UPDATE \
             SET holder = excluded.holder, expire_time = excluded.expire_time \
             WHERE lease.expire_time <= $5",
            vec![now.plus(length).micros().into(), now.micros().into()],
        );
        Ok(taken.await?.then_some(lease))
    }

    /// Does the work and renews the lease meanwhile. Where it is lost the work is dropped in the
    /// middle, wherever it awaits.
    pub async fn keep<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let renewing = async {
            loop {
                tokio::time::sleep(self.length / RENEWALS).await;
                self.renew().await?;
            }
        };
        let lost: Result<Infallible> = tokio::select! {
            biased;
            done = work => return done,
            lost = renewing => lost,
        };
        match lost {
            Ok(never) => match never {},
            Err(error) => Err(error),
        }
    }

    /// Fails where another has taken over; else nobody does before this transaction ends.
    pub async fn confirm(&self, tx: &Tx) -> Result<()> {
        let wait = match tx.backend() {
            // There is one writer.
            Backend::Sqlite => "",
            Backend::Postgres => " FOR SHARE",
        };
        let sql =
            format!("SELECT 1 FROM lease WHERE tenant_id = $1 AND name = $2 AND holder = $3{wait}");
        let statement = Statement::from_sql_and_values(tx.backend().into(), sql, self.values());
        let row = tx.conn().query_one_raw(statement).await.map_err(error)?;
        row.map(|_| ()).ok_or_else(|| self.lost())
    }

    /// The work is done, or somebody else may do it.
    pub async fn give_up(self) -> Result<()> {
        let sql = "DELETE FROM lease WHERE tenant_id = $1 AND name = $2 AND holder = $3";
        self.run(sql, Vec::new()).await.map(|_| ())
    }

    async fn renew(&self) -> Result<()> {
        let until = self.clock.now().plus(self.length);
        let sql = "UPDATE lease SET expire_time = $4 \
                   WHERE tenant_id = $1 AND name = $2 AND holder = $3";
        match self.run(sql, vec![until.micros().into()]).await? {
            true => Ok(()),
            false => Err(self.lost()),
        }
    }

    /// Says whether there was such a row. `more` follows tenant, name and holder.
    async fn run(&self, sql: &'static str, more: Vec<Value>) -> Result<bool> {
        let ctx = Ctx::service(self.db.service(), self.tenant.clone());
        let mut values = self.values();
        values.extend(more);
        let work = self.db.write(&ctx, move |tx| {
            Box::pin(async move {
                let statement = Statement::from_sql_and_values(tx.backend().into(), sql, values);
                let done = tx.conn().execute_raw(statement).await.map_err(error)?;
                Ok(done.rows_affected() == 1)
            })
        });
        Ok(work.await?.value)
    }

    fn values(&self) -> Vec<Value> {
        vec![
            self.tenant.as_str().into(),
            self.name.as_str().into(),
            self.holder.into(),
        ]
    }

    fn lost(&self) -> Error {
        let words = format!("Another process has taken over {}.", self.name);
        Error::unavailable(words)
    }
}

/// The table `lease`. Part of every service's migrations.
pub(crate) struct CreateLease;

impl MigrationName for CreateLease {
    fn name(&self) -> &str {
        "db_0002_lease"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CreateLease {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (uuid, end) = match manager.get_database_backend() {
            DbBackend::Sqlite => ("BLOB", " WITHOUT ROWID"),
            _ => ("uuid", ""),
        };
        let sql = format!(
            "CREATE TABLE lease (\
             tenant_id text NOT NULL, name text NOT NULL, holder {uuid} NOT NULL, \
             expire_time bigint NOT NULL, PRIMARY KEY (tenant_id, name)){end}"
        );
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
