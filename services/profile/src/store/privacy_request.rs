//! What people asked for, as rows. They stay when the customer is erased, with the id alone.

use dossier_db::{PageQuery, Room, TenantScoped, Tx, keyset};
use dossier_filter::{Column as FilterColumn, Columns, Filter};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId, Timestamp};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, IntoActiveModel, Order, QuerySelect};

use crate::domain::{PrivacyRequest, PrivacyRequestState, PrivacyRequestType};
use crate::error::Error;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "privacy_request")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub customer_id: Uuid,
    pub kind: String,
    pub state: String,
    pub create_time: i64,
    pub due_time: i64,
    pub end_time: Option<i64>,
    pub creator: String,
    pub cancel_reason: Option<String>,
    pub certificate: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl TenantScoped for Entity {
    fn tenant_column() -> Column {
        Column::TenantId
    }
}

/// Names, times and reasons of a message.
const MESSAGE_BYTES: usize = 1_024;

impl Model {
    pub fn of(tenant: &TenantId, request: &PrivacyRequest) -> Self {
        let PrivacyRequest {
            id,
            customer,
            kind,
            state,
            create_time,
            due_time,
            end_time,
            creator,
            cancel_reason,
        } = request.clone();
        Self {
            tenant_id: tenant.as_str().to_owned(),
            id,
            customer_id: customer.uuid(),
            kind: kind.as_str().to_owned(),
            state: state.as_str().to_owned(),
            create_time: create_time.micros(),
            due_time: due_time.micros(),
            end_time: end_time.map(Timestamp::micros),
            creator,
            cancel_reason,
            certificate: None,
        }
    }

    pub fn into_request(self) -> Result<PrivacyRequest> {
        let Self {
            tenant_id: _,
            id,
            customer_id,
            kind,
            state,
            create_time,
            due_time,
            end_time,
            creator,
            cancel_reason,
            certificate: _,
        } = self;
        let unreadable = |what| Error::unreadable("privacy request", what);
        Ok(PrivacyRequest {
            id,
            customer: CustomerId(customer_id),
            kind: PrivacyRequestType::parse(&kind).ok_or_else(|| unreadable("type"))?,
            state: PrivacyRequestState::parse(&state).ok_or_else(|| unreadable("state"))?,
            create_time: Timestamp(create_time),
            due_time: Timestamp(due_time),
            end_time: end_time.map(Timestamp),
            creator,
            cancel_reason,
        })
    }
}

pub async fn insert(tx: &Tx, row: Model) -> Result<()> {
    Entity::insert(row.into_active_model())
        .exec_without_returning(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant).filter(Column::Id.eq(id));
    query.one(conn).await.map_err(dossier_db::error)
}

/// Reads a row that is about to be changed; nobody else changes it before this transaction ends.
pub async fn lock(tx: &Tx, tenant: &TenantId, id: Uuid) -> Result<Option<Model>> {
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.eq(id))
        .lock_exclusive();
    query.one(tx.conn()).await.map_err(dossier_db::error)
}

/// The requests are under way.
pub async fn run(tx: &Tx, tenant: &TenantId, ids: &[Uuid]) -> Result<()> {
    let running = PrivacyRequestState::Running.as_str();
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(running))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// How a request ended.
pub struct End {
    pub state: PrivacyRequestState,
    pub time: Timestamp,
    pub cancel_reason: Option<String>,
    pub certificate: Option<String>,
}

pub async fn end(tx: &Tx, tenant: &TenantId, id: Uuid, end: End) -> Result<()> {
    let End {
        state,
        time,
        cancel_reason,
        certificate,
    } = end;
    dossier_db::update_many::<Entity>(tenant)
        .col_expr(Column::State, Expr::value(state.as_str()))
        .col_expr(Column::EndTime, Expr::value(time.micros()))
        .col_expr(Column::CancelReason, Expr::value(cancel_reason))
        .col_expr(Column::Certificate, Expr::value(certificate))
        .filter(Column::Id.eq(id))
        .exec(tx.conn())
        .await
        .map_err(dossier_db::error)?;
    Ok(())
}

/// A page by id, newest first, and where to go on when there are more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    filter: &Filter,
    after: Option<&[KeyValue]>,
    size: u64,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let keys = [keyset::Key::uuid(Expr::col(Column::Id), Order::Desc)];
    let query = PageQuery {
        select: dossier_db::find::<Entity>(tenant).filter(filter.to_condition(&Stored)?),
        keys: &keys,
        after,
        rows_max: size,
        room: Room::default(),
    };
    let shown = |row: Model| Ok(Some((row, MESSAGE_BYTES)));
    let place = |row: &Model| vec![KeyValue::Uuid(row.id)];
    query.read(conn, place, shown).await
}

struct Stored;

impl Columns for Stored {
    fn column(&self, path: &[String]) -> Option<FilterColumn> {
        let [name] = path else { return None };
        let column = match name.as_str() {
            "type" => Column::Kind,
            "state" => Column::State,
            "customer" => Column::CustomerId,
            "create_time" => Column::CreateTime,
            "due_time" => Column::DueTime,
            _ => return None,
        };
        Some(FilterColumn::Expr(Expr::col(column)))
    }
}
