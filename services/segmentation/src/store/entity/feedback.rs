//! What a customer said: responses, and cases as they stand.

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "feedback")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// Of the response or the case.
    #[sea_orm(primary_key, auto_increment = false)]
    pub fact_id: Uuid,
    /// When a response was submitted; nothing for a case.
    pub response_time: Option<i64>,
    /// Whether it is a case that waits for us.
    pub open_case: bool,
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
