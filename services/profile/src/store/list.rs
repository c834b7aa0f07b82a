//! A page of customers: filter, order, keyset.

use dossier_access::Sight;
use dossier_db::{Backend, PageQuery, keyset};
use dossier_filter::{Column as FilterColumn, Columns, Direction, FieldType, Filter, Schema};
use dossier_kernel::paging::KeyValue;
use dossier_kernel::{CustomerId, Result, TenantId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Query};
use sea_orm::{ConnectionTrait, Order};

use super::customer::{Column, Entity, Model};
use super::customer_tag;
use crate::domain::{AttributeType, CustomerType, Definitions, Gender, Protection, industry};

/// What lists can be ordered by.
pub const ORDERS: [&str; 4] = ["create_time", "update_time", "birth_date", "region_code"];

const ATTRIBUTES: &str = "attributes";

/// The fields of a customer that filters may speak about: classes NONE and QUASI.
pub struct CustomerSchema<'a> {
    pub definitions: &'a Definitions,
}

impl Schema for CustomerSchema<'_> {
    fn field(&self, path: &[String]) -> Option<FieldType> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        Some(match names.as_slice() {
            ["type"] => FieldType::Enum(CustomerType::ALL.map(|k| k.as_str().to_owned()).into()),
            ["gender"] => FieldType::Enum(Gender::ALL.map(|g| g.as_str().to_owned()).into()),
            ["birth_date"] => FieldType::Date,
            ["region_code" | "language_code" | "time_zone" | "owner" | "team"] => FieldType::String,
            ["create_time" | "update_time"] => FieldType::Time,
            ["tags" | "industry"] => FieldType::StringSet,
            [ATTRIBUTES, id] => {
                let definition = self.definitions.get(*id)?;
                if definition.class.protection() != Protection::Clear {
                    return None;
                }
                match definition.kind {
                    AttributeType::String => FieldType::String,
                    AttributeType::Enum => FieldType::Enum(definition.choices.clone()),
                    AttributeType::Int => FieldType::Int,
                    AttributeType::Decimal => FieldType::Decimal,
                    AttributeType::Bool => FieldType::Bool,
                    AttributeType::Date => FieldType::Date,
                    AttributeType::Time => FieldType::Time,
                    AttributeType::StringList => FieldType::StringSet,
                    // Amounts of different currencies do not compare.
                    AttributeType::Money => return None,
                }
            }
            _ => return None,
        })
    }

    fn known(&self) -> Vec<String> {
        let fixed = [
            "type",
            "gender",
            "birth_date",
            "region_code",
            "language_code",
            "time_zone",
            "create_time",
            "update_time",
            "owner",
            "team",
            "tags",
            "industry",
        ];
        let clear = self.definitions.values().filter(|definition| {
            definition.class.protection() == Protection::Clear
                && definition.kind != AttributeType::Money
        });
        let attributes = clear.map(|definition| format!("{ATTRIBUTES}.{}", definition.id));
        fixed
            .map(str::to_owned)
            .into_iter()
            .chain(attributes)
            .collect()
    }
}

struct CustomerColumns<'a> {
    backend: Backend,
    definitions: &'a Definitions,
}

impl Columns for CustomerColumns<'_> {
    fn column(&self, path: &[String]) -> Option<FilterColumn> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let column = match names.as_slice() {
            ["type"] => Column::Kind,
            ["gender"] => Column::Gender,
            ["birth_date"] => Column::BirthDate,
            ["region_code"] => Column::RegionCode,
            ["language_code"] => Column::LanguageCode,
            ["time_zone"] => Column::TimeZone,
            ["owner"] => Column::Owner,
            ["team"] => Column::Team,
            ["create_time"] => Column::CreateTime,
            ["update_time"] => Column::UpdateTime,
            ["tags"] => return Some(FilterColumn::Set(Box::new(has_tag))),
            ["industry"] => return Some(FilterColumn::Set(Box::new(is_of_industry))),
            // Only ids of definitions come this far, and those are of a-z, 0-9 and '_'.
            [ATTRIBUTES, id] => return self.attribute(id),
            _ => return None,
        };
        Some(FilterColumn::Expr(col(column)))
    }
}

impl CustomerColumns<'_> {
    fn attribute(&self, id: &str) -> Option<FilterColumn> {
        let definition = self.definitions.get(id)?;
        // The letters of AttributeValue's stored form, and PostgreSQL's type of what is there.
        let (letter, cast) = match definition.kind {
            AttributeType::String | AttributeType::Enum => ("s", "text"),
            AttributeType::Int => ("i", "bigint"),
            AttributeType::Decimal => ("d", "bigint"),
            AttributeType::Bool => ("b", "boolean"),
            AttributeType::Date => ("a", "integer"),
            AttributeType::Time => ("t", "bigint"),
            AttributeType::StringList => {
                let (backend, id) = (self.backend, id.to_owned());
                let ask = move |member: Option<&str>| has_text(backend, &id, member);
                return Some(FilterColumn::Set(Box::new(ask)));
            }
            AttributeType::Money => return None,
        };
        let id = &definition.id;
        Some(FilterColumn::Expr(match self.backend {
            Backend::Sqlite => Expr::cust(format!(
                r#"json_extract("customer"."attributes", '$."{id}".{letter}')"#
            )),
            Backend::Postgres => Expr::cust(format!(
                r#"("customer"."attributes" -> '{id}' ->> '{letter}')::{cast}"#
            )),
        }))
    }
}

fn col(column: Column) -> Expr {
    Expr::col((Entity, column))
}

fn has_tag(tag: Option<&str>) -> Expr {
    let tags = |column| Expr::col((customer_tag::Entity, column));
    let mut query = Query::select();
    query
        .expr(Expr::value(1))
        .from(customer_tag::Entity)
        .and_where(tags(customer_tag::Column::TenantId).eq(col(Column::TenantId)))
        .and_where(tags(customer_tag::Column::CustomerId).eq(col(Column::Id)));
    if let Some(tag) = tag {
        query.and_where(tags(customer_tag::Column::Tag).eq(tag));
    }
    Expr::exists(query)
}

/// An industry is the set of its code and those above it.
fn is_of_industry(code: Option<&str>) -> Expr {
    let own = || col(Column::IndustryCode);
    let Some(code) = code else {
        return own().is_not_null();
    };
    let below = industry::stems(code)
        .into_iter()
        .map(|stem| own().like(format!("{stem}%")));
    match below.reduce(ExprTrait::or) {
        // Without an industry the answer is no, not unknown: NOT has to turn it.
        Some(below) => own().is_not_null().and(below),
        None => Expr::value(false),
    }
}

fn has_text(backend: Backend, id: &str, member: Option<&str>) -> Expr {
    let texts = match backend {
        Backend::Sqlite => Func::cust("json_each")
            .arg(col(Column::Attributes))
            .arg(Expr::cust(format!(r#"'$."{id}".l'"#))),
        Backend::Postgres => Func::cust("jsonb_array_elements_text").arg(Expr::cust(format!(
            r#""customer"."attributes" -> '{id}' -> 'l'"#
        ))),
    };
    let mut query = Query::select();
    query
        .expr(Expr::value(1))
        .from_function(texts, Alias::new("texts"));
    if let Some(member) = member {
        // Both functions name their column so.
        query.and_where(Expr::col((Alias::new("texts"), Alias::new("value"))).eq(member));
    }
    Expr::exists(query)
}

/// Those of `ids` that live and that the filter keeps, in no order. Who is being erased is not among
/// them, nor who was deleted.
pub async fn among<C: ConnectionTrait>(
    conn: &C,
    backend: Backend,
    tenant: &TenantId,
    ids: &[CustomerId],
    filter: &Filter,
    definitions: &Definitions,
) -> Result<Vec<Model>> {
    let columns = CustomerColumns {
        backend,
        definitions,
    };
    let query = dossier_db::find::<Entity>(tenant)
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .filter(Column::DeleteTime.is_null())
        .filter(Column::EraseTime.is_null())
        .filter(filter.to_condition(&columns)?);
    query.all(conn).await.map_err(dossier_db::error)
}

/// Which customers, in which order, from where on.
pub struct Page<'a> {
    pub filter: &'a Filter,
    pub definitions: &'a Definitions,
    /// Fields of [`ORDERS`]; ids decide between equals.
    pub order: &'a [(String, Direction)],
    pub show_deleted: bool,
    pub after: Option<&'a [KeyValue]>,
    pub size: u64,
}

/// What `see` makes of the rows, `None` where one is not seen, and where to go on when there are
/// more.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    backend: Backend,
    tenant: &TenantId,
    page: Page<'_>,
    mut see: impl FnMut(Model) -> Result<Option<(Model, Sight)>>,
) -> Result<(Vec<(Model, Sight)>, Option<Vec<KeyValue>>)> {
    let columns = CustomerColumns {
        backend,
        definitions: page.definitions,
    };
    let mut query = dossier_db::find::<Entity>(tenant).filter(page.filter.to_condition(&columns)?);
    // Parts of others are deleted, too.
    query = query.filter(match page.show_deleted {
        true => Column::MergedInto.is_null(),
        false => Column::DeleteTime.is_null(),
    });
    let mut keys: Vec<keyset::Key> = page.order.iter().map(key).collect();
    let last = match page.order.last() {
        Some((_, Direction::Descending)) => Order::Desc,
        Some((_, Direction::Ascending)) | None => Order::Asc,
    };
    if page.order.is_empty() {
        keys.push(keyset::Key::int(col(Column::CreateTime), Order::Asc));
    }
    keys.push(keyset::Key::uuid(col(Column::Id), last));
    let query = PageQuery {
        select: query,
        keys: &keys,
        after: page.after,
        rows_max: page.size,
        room: dossier_db::Room::default(),
    };
    let shown = |row: Model| {
        Ok(see(row)?.map(|(row, sight)| {
            let bytes = row.message_bytes(sight);
            ((row, sight), bytes)
        }))
    };
    query.read(conn, |row| place(row, page.order), shown).await
}

fn key((field, direction): &(String, Direction)) -> keyset::Key {
    let order = match direction {
        Direction::Ascending => Order::Asc,
        Direction::Descending => Order::Desc,
    };
    match field.as_str() {
        "update_time" => keyset::Key::int(col(Column::UpdateTime), order),
        "birth_date" => keyset::Key::int(col(Column::BirthDate), order).nullable(),
        "region_code" => keyset::Key::text(col(Column::RegionCode), order).nullable(),
        _ => keyset::Key::int(col(Column::CreateTime), order),
    }
}

/// Where `row` lies in the order.
fn place(row: &Model, order: &[(String, Direction)]) -> Vec<KeyValue> {
    let mut at: Vec<KeyValue> = order
        .iter()
        .map(|(field, _)| match field.as_str() {
            "update_time" => KeyValue::Int(row.update_time),
            "birth_date" => row
                .birth_date
                .map_or(KeyValue::Null, |days| KeyValue::Int(days.into())),
            "region_code" => row
                .region_code
                .as_ref()
                .map_or(KeyValue::Null, |code| KeyValue::Text(code.clone())),
            _ => KeyValue::Int(row.create_time),
        })
        .collect();
    if order.is_empty() {
        at.push(KeyValue::Int(row.create_time));
    }
    at.push(KeyValue::Uuid(row.id));
    at
}
