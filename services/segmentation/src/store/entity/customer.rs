//! What profile said of a customer, and when to look at the customer again.

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub customer_id: Uuid,
    /// [`crate::domain::Standing`] in capitals.
    pub standing: String,
    /// JSON of [`super::super::profile::Stored`].
    pub profile: Option<String>,
    /// When a membership can change although nothing happens.
    pub due_time: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}
