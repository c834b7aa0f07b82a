//! Which tenants have said anything: for followers of all tenants.

use dossier_db::{Db, error};
use dossier_kernel::{Result, TenantId};
use sea_orm::{ConnectionTrait, Statement};

pub async fn tenants(db: &Db) -> Result<Vec<TenantId>> {
    let statement = Statement::from_string(
        db.backend().into(),
        "SELECT tenant_id FROM response UNION SELECT tenant_id FROM feedback_case",
    );
    let rows = db
        .reader_of(&TenantId::all())
        .query_all_raw(statement)
        .await
        .map_err(error)?;
    rows.iter()
        .map(|row| TenantId::parse(&row.try_get_by::<String, _>(0).map_err(error)?))
        .collect()
}
