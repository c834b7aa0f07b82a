//! Reading as one tenant.

use dossier_kernel::{Result, TenantId};
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Executor as _, Postgres};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult,
    IsolationLevel, QueryResult, RuntimeErr, Statement, TransactionOptions, TransactionTrait,
    Value, Values,
};
use sea_orm_migration::async_trait;
use sea_query_sqlx::SqlxValues;

use crate::{error, wall};

/// Reads the committed rows of one tenant, or of [`TenantId::all`].
///
/// On PostgreSQL every statement is preceded by one that names the tenant to the connection, which
/// costs a round trip; on SQLite it is the pool of readers, which refuse to write.
#[derive(Clone)]
pub struct Reader {
    pool: DatabaseConnection,
    tenant: TenantId,
}

impl Reader {
    pub(crate) fn new(pool: &DatabaseConnection, tenant: &TenantId) -> Self {
        Self {
            pool: pool.clone(),
            tenant: tenant.clone(),
        }
    }

    /// A transaction in which everything is seen as it was at its first statement.
    pub(crate) async fn snapshot(&self) -> Result<DatabaseTransaction> {
        let isolation_level = match self.get_database_backend() {
            DbBackend::Postgres => Some(IsolationLevel::RepeatableRead),
            // SQLite's readers see one state from their first read on without being told.
            _ => None,
        };
        let options = TransactionOptions {
            isolation_level,
            ..TransactionOptions::default()
        };
        let tx = self.pool.begin_with_options(options).await.map_err(error)?;
        if isolation_level.is_some() {
            wall::enter(&tx, &self.tenant).await.map_err(error)?;
        }
        Ok(tx)
    }

    /// A connection that PostgreSQL shows this tenant's rows. Whoever has it next says anew whom it
    /// is for, so that nothing need be taken back.
    async fn postgres(&self) -> Result<PoolConnection<Postgres>, DbErr> {
        let pool = self.pool.get_postgres_connection_pool();
        let mut conn = pool.acquire().await.map_err(away)?;
        sqlx::query(wall::ENTER_SESSION)
            .bind(self.tenant.as_str())
            .execute(&mut *conn)
            .await
            .map_err(failed)?;
        Ok(conn)
    }

    fn is_postgres(&self) -> bool {
        self.get_database_backend() == DbBackend::Postgres
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.pool.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        if !self.is_postgres() {
            return self.pool.execute_raw(statement).await;
        }
        let mut conn = self.postgres().await?;
        let done = conn.execute(query(&statement)).await;
        done.map(Into::into).map_err(failed)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        if !self.is_postgres() {
            return self.pool.execute_unprepared(sql).await;
        }
        let mut conn = self.postgres().await?;
        let done = conn.execute(sqlx::AssertSqlSafe(sql)).await;
        done.map(Into::into).map_err(failed)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        if !self.is_postgres() {
            return self.pool.query_one_raw(statement).await;
        }
        let mut conn = self.postgres().await?;
        let row = conn.fetch_optional(query(&statement)).await;
        row.map(|row| row.map(Into::into)).map_err(failed)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        if !self.is_postgres() {
            return self.pool.query_all_raw(statement).await;
        }
        let mut conn = self.postgres().await?;
        let rows = conn.fetch_all(query(&statement)).await.map_err(failed)?;
        Ok(rows.into_iter().map(Into::into).collect())
    }
}

fn query(statement: &Statement) -> sqlx::query::Query<'_, Postgres, SqlxValues> {
    let values: Vec<Value> = match &statement.values {
        Some(Values(values)) => values.clone(),
        None => Vec::new(),
    };
    sqlx::query_with(
        sqlx::AssertSqlSafe(statement.sql.as_str()),
        SqlxValues(Values(values)),
    )
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

fn away(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}
