//! The second wall between tenants: PostgreSQL shows a connection the rows of one tenant only.
//!
//! The first wall is [`crate::find`], which starts every query from the tenant. Should a query get
//! past it, row-level security answers with no row: every table with a `tenant_id` carries a policy
//! that compares it with the setting `dossier.tenant`, which [`crate::Reader`] and every writing
//! transaction set from their context. A connection that names nobody sees nothing. Owners are held
//! to the policy too (`FORCE`); superusers and roles with `BYPASSRLS` pass every policy.

use dossier_kernel::{Result, TenantId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};

use crate::error;

/// Whom a statement is run for. The value `*` is every tenant.
const ENTER: &str = "SELECT set_config('dossier.tenant', $1, true)";

/// As [`ENTER`], beyond the transaction: until the connection's next user says another.
pub(crate) const ENTER_SESSION: &str = "SELECT set_config('dossier.tenant', $1, false)";

/// Tables of the service's schema that hold tenants' rows and lack the wall, or whose policies are
/// more than the one.
const GAPS: &str = "SELECT c.oid, c.relname::text AS name FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema() \
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped \
    WHERE c.relkind IN ('r', 'p') AND NOT (c.relrowsecurity AND c.relforcerowsecurity \
    AND (SELECT array_agg(p.polname::text) FROM pg_policy p WHERE p.polrelid = c.oid) \
    IS NOT DISTINCT FROM ARRAY['tenant']) ORDER BY 2";

/// What the database does about a query that forgot its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// It answers no row.
    Stands,
    /// The role is a superuser or has `BYPASSRLS`: it answers every row.
    Bypassed,
    /// SQLite knows no roles.
    Absent,
}

pub(crate) async fn state(conn: &impl ConnectionTrait) -> Result<Wall> {
    if conn.get_database_backend() != DbBackend::Postgres {
        return Ok(Wall::Absent);
    }
    let sql = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user";
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = conn.query_one_raw(statement).await.map_err(error)?;
    let passes: Option<bool> = row
        .map(|row| row.try_get_by(0))
        .transpose()
        .map_err(error)?;
    Ok(match passes {
        Some(false) => Wall::Stands,
        // A role that cannot be looked up is not trusted to be an ordinary one.
        Some(true) | None => Wall::Bypassed,
    })
}

/// Says to PostgreSQL for whom the open transaction works.
pub(crate) async fn enter(
    conn: &impl ConnectionTrait,
    tenant: &TenantId,
) -> std::result::Result<(), DbErr> {
    let tenant = [tenant.as_str().into()];
    let statement = Statement::from_sql_and_values(DbBackend::Postgres, ENTER, tenant);
    conn.execute_raw(statement).await.map(|_| ())
}

/// Puts every table behind the wall that is not; a new table is covered by having a `tenant_id`.
pub(crate) async fn raise(conn: &impl ConnectionTrait) -> std::result::Result<(), DbErr> {
    let policy = "tenant_id = current_setting(''dossier.tenant'', true) \
                  OR current_setting(''dossier.tenant'', true) = ''*''";
    let sql = format!(
        "DO $wall$ DECLARE gap record; extra record; BEGIN FOR gap IN {GAPS} LOOP \
         EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', \
         gap.name); \
         FOR extra IN SELECT polname FROM pg_policy WHERE polrelid = gap.oid LOOP \
         EXECUTE format('DROP POLICY %I ON %I', extra.polname, gap.name); END LOOP; \
         EXECUTE format('CREATE POLICY tenant ON %I USING ({policy}) WITH CHECK ({policy})', \
         gap.name); END LOOP; END $wall$"
    );
    conn.execute_unprepared(&sql).await.map(|_| ())
}

/// The tables that [`raise`] would have work with.
pub(crate) async fn gaps(conn: &impl ConnectionTrait) -> std::result::Result<Vec<String>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, GAPS);
    let rows = conn.query_all_raw(statement).await?;
    rows.iter().map(|row| row.try_get_by(1)).collect()
}
