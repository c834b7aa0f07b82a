//! Pages of a timeline: of a customer, or of the whole tenant.

use dossier_db::{PageQuery, keyset};
use dossier_filter::{Columns, Filter};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, Order as Sort, QueryFilter};

use super::Model;
use super::entity::{Column, Entity};
use crate::domain::timeline::{Field, Order, Time};

/// Names, times and enumerations of an interaction's message.
const MESSAGE_BYTES: usize = 256;

/// Which rows, in which order, from where.
pub struct Page<'a> {
    /// `None`: of all customers.
    pub customers: Option<&'a [CustomerId]>,
    pub filter: &'a Filter,
    pub order: Order,
    pub after: Option<&'a [KeyValue]>,
    pub size: u64,
}

/// The rows, and where the next page begins.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    page: Page<'_>,
) -> Result<(Vec<Model>, Option<Vec<KeyValue>>)> {
    let mut select = dossier_db::find::<Entity>(tenant).filter(page.filter.to_condition(&Stored)?);
    if let Some(customers) = page.customers {
        let ids = customers.iter().map(|id| id.uuid());
        select = select.filter(Column::CustomerId.is_in(ids));
    }
    let query = PageQuery {
        select,
        keys: &keys(page.order),
        after: page.after,
        rows_max: page.size,
        room: dossier_db::Room::default(),
    };
    let shown = |model: Model| {
        let bytes = bytes(&model);
        Ok(Some((model, bytes)))
    };
    query.read(conn, |row| place(page.order, row), shown).await
}

/// About what the message of a row has.
fn bytes(model: &Model) -> usize {
    let texts = [&model.channel, &model.details].into_iter().flatten();
    let words = model.direct.as_ref().map_or(0, Vec::len);
    let fixed = MESSAGE_BYTES + model.source.len() + model.event_id.len();
    fixed + words + texts.map(String::len).sum::<usize>()
}

/// The sort key of a row, as the next page's token carries it.
fn place(order: Order, model: &Model) -> Vec<KeyValue> {
    match order.by {
        Time::Occurred => vec![KeyValue::Int(model.occur_time), KeyValue::Uuid(model.id)],
        Time::Recorded => vec![KeyValue::Uuid(model.id)],
    }
}

fn keys(order: Order) -> Vec<keyset::Key> {
    let sort = if order.newest_first {
        Sort::Desc
    } else {
        Sort::Asc
    };
    let id = keyset::Key::uuid(Expr::col(Column::Id), sort.clone());
    match order.by {
        Time::Occurred => vec![keyset::Key::int(Expr::col(Column::OccurTime), sort), id],
        Time::Recorded => vec![id],
    }
}

/// Where the fields of filters are stored.
struct Stored;

impl Columns for Stored {
    fn column(&self, path: &[String]) -> Option<dossier_filter::Column> {
        let column = match Field::parse(path)? {
            Field::Kind => Column::Kind,
            Field::Source => Column::Source,
            Field::Channel => Column::Channel,
            Field::Direction => Column::Direction,
            Field::OccurTime => Column::OccurTime,
            Field::CreateTime => Column::CreateTime,
        };
        Some(dossier_filter::Column::Expr(Expr::col(column)))
    }
}
