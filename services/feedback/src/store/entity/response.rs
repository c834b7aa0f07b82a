//! Responses. `(tenant_id, invitation_id)` is unique: one invitation, one response.

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "response")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub response_id: Uuid,
    pub survey_id: Uuid,
    pub survey_version: i32,
    pub customer_id: Uuid,
    pub invitation_id: Uuid,
    pub create_time: i64,
    /// JSON of scores and of which questions have a text.
    pub scores: String,
    /// The texts, sealed under the customer's key.
    pub direct: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}
