//! Customers that must be kept.

use dossier_db::{Insert, TenantScoped, Tx};
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::ConnectionTrait;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::LegalHold;

/// Also what idempotent requests remember.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "legal_hold")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    pub reason: String,
    pub create_time: i64,
    pub creator: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

impl Model {
    pub fn of(tenant: &TenantId, hold: &LegalHold) -> Self {
        let LegalHold {
            customer,
            reason,
            create_time,
            creator,
        } = hold.clone();
        Self {
            tenant_id: tenant.as_str().to_owned(),
            customer_id: customer.uuid(),
            reason,
            create_time: create_time.micros(),
            creator,
        }
    }

    pub fn into_hold(self) -> LegalHold {
        let Self {
            tenant_id: _,
            customer_id,
            reason,
            create_time,
            creator,
        } = self;
        LegalHold {
            customer: CustomerId(customer_id),
            reason,
            create_time: Timestamp(create_time),
            creator,
        }
    }
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: CustomerId,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::CustomerId.eq(id.uuid()));
    query.one(conn).await.map_err(dossier_db::error)
}

/// Those of `ids` that are held.
pub async fn held<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    let query =
        dossier_db::find::<Entity>(tenant).filter(Column::CustomerId.is_in(ids.iter().copied()));
    let rows = query.all(conn).await.map_err(dossier_db::error)?;
    Ok(rows.into_iter().map(|row| row.customer_id).collect())
}

/// Replaces the hold that is there.
pub async fn save(tx: &Tx, tenant: &TenantId, row: Model) -> Result<()> {
    let id = CustomerId(row.customer_id);
    delete(tx, tenant, id).await?;
    let Model {
        tenant_id,
        customer_id,
        reason,
        create_time,
        creator,
    } = row;
    let columns = [
        "tenant_id",
        "customer_id",
        "reason",
        "create_time",
        "creator",
    ];
    let values = vec![
        tenant_id.into(),
        customer_id.into(),
        reason.into(),
        create_time.into(),
        creator.into(),
    ];
    Insert::into("legal_hold", &columns)
        .rows(tx.conn(), values)
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

pub async fn delete(tx: &Tx, tenant: &TenantId, id: CustomerId) -> Result<()> {
    dossier_db::delete_many::<Entity>(tenant)
        .filter(Column::CustomerId.eq(id.uuid()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}
