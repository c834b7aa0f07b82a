//! Queries that cannot forget the tenant.

use dossier_kernel::TenantId;
use sea_orm::{ColumnTrait, DeleteMany, EntityTrait, QueryFilter, Select, UpdateMany};

use crate::failpoint;

/// A table whose rows belong to tenants; every table does.
pub trait TenantScoped: EntityTrait {
    fn tenant_column() -> Self::Column;
}

/// Where every query begins.
pub fn find<E: TenantScoped>(tenant: &TenantId) -> Select<E> {
    if failpoint::planted_in("db::forget_tenant", E::default().table_name()) {
        return E::find();
    }
    E::find().filter(E::tenant_column().eq(tenant.as_str()))
}

/// Where every change of many rows begins.
pub fn update_many<E: TenantScoped>(tenant: &TenantId) -> UpdateMany<E> {
    E::update_many().filter(E::tenant_column().eq(tenant.as_str()))
}

/// Where every deletion begins.
pub fn delete_many<E: TenantScoped>(tenant: &TenantId) -> DeleteMany<E> {
    E::delete_many().filter(E::tenant_column().eq(tenant.as_str()))
}
