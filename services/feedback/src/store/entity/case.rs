//! Cases. (\`case\` is a word of SQL.)

use dossier_db::TenantScoped;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "feedback_case")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub case_id: Uuid,
    pub revision: i64,
    pub create_time: i64,
    pub update_time: i64,
    pub customer_id: Uuid,
    pub case_type: String,
    pub channel: Option<String>,
    pub state: String,
    pub resolve_time: Option<i64>,
    pub close_time: Option<i64>,
    /// Subject, description and resolution, sealed under the customer's key.
    pub direct: Vec<u8>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}
