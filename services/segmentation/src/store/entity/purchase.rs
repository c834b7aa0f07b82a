//! Purchases: facts that never change. The key orders them as windows read them; an interaction has
//! one customer and one time for ever, so it is in the table once.

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "purchase")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub occur_time: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub interaction_id: Uuid,
    pub amount_micros: i64,
    pub currency: String,
    /// Whose it was told of; nothing where that is the customer itself and nobody it speaks for.
    pub origin_id: Option<Uuid>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}
