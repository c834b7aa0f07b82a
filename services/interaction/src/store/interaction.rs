//! Reading interactions by id.

use std::collections::HashMap;

use dossier_db::error;
use dossier_kernel::id::InteractionId;
use dossier_kernel::{Result, TenantId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, Iterable, QueryFilter, QuerySelect, Select};

use super::Model;
use super::entity::{Column, Entity};

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: InteractionId,
) -> Result<Option<Model>> {
    dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.eq(id.uuid()))
        .one(conn)
        .await
        .map_err(error)
}

/// By id, with their words.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[InteractionId],
) -> Result<HashMap<InteractionId, Model>> {
    by_id(dossier_db::find::<Entity>(tenant), conn, ids).await
}

/// By id, without their words: `direct` is not even read.
pub async fn find_many_clear<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[InteractionId],
) -> Result<HashMap<InteractionId, Model>> {
    by_id(clear(dossier_db::find::<Entity>(tenant)), conn, ids).await
}

async fn by_id<C: ConnectionTrait>(
    select: Select<Entity>,
    conn: &C,
    ids: &[InteractionId],
) -> Result<HashMap<InteractionId, Model>> {
    let ids = ids.iter().map(|id| id.uuid());
    let models = select
        .filter(Column::Id.is_in(ids))
        .all(conn)
        .await
        .map_err(error)?;
    Ok(models
        .into_iter()
        .map(|model| (InteractionId(model.id), model))
        .collect())
}

fn clear(select: Select<Entity>) -> Select<Entity> {
    let columns = Column::iter().filter(|column| !matches!(column, Column::Direct));
    select
        .select_only()
        .columns(columns)
        .expr_as(Expr::val(None::<Vec<u8>>), "direct")
}
