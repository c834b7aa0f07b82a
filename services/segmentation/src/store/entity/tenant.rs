//! Tenants, with where each cuts. Whoever changes what rules mean locks the row; whoever evaluates
//! rules holds it shared.

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "tenant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    /// Counts the writes of the scheme; 0 while the defaults hold.
    pub revision: i64,
    pub update_time: Option<i64>,
    pub purchase_count_min: i64,
    pub amount_min_micros: i64,
    /// The tenant's.
    pub currency: String,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}
