//! Definitions of segments.

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "segment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub segment_id: Uuid,
    pub revision: i64,
    pub create_time: i64,
    pub update_time: i64,
    pub display_name: String,
    pub description: String,
    /// As the client wrote it.
    pub rule: String,
    /// JSON of the types of the attributes that the rule names.
    pub attributes: String,
    pub rule_revision: i32,
    /// [`super::super::segment::State`].
    pub state: String,
    /// The last customer that the backfill has done.
    pub backfill_after: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}
