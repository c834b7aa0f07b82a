//! A small resource with a field of every type: its schema, its rows and its columns.

use std::time::Duration;

use dossier_filter::{Arg, Call, Column, Columns, FieldType, Row, Schema, Value};
use dossier_kernel::Timestamp;
use sea_query::{Expr, ExprTrait, Query};
use uuid::Uuid;

pub struct Fixture;

impl Schema for Fixture {
    fn field(&self, path: &[String]) -> Option<FieldType> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        Some(match path.as_slice() {
            ["name"] | ["attributes", "loyalty tier"] => FieldType::String,
            ["kind"] => FieldType::Enum(vec!["PERSON".into(), "ORGANIZATION".into(), "2nd".into()]),
            ["orders"] => FieldType::Int,
            ["amount"] => FieldType::Decimal,
            ["active"] => FieldType::Bool,
            ["seen"] => FieldType::Time,
            ["birth"] => FieldType::Date,
            ["owner"] => FieldType::Id,
            ["tags"] => FieldType::StringSet,
            _ => return None,
        })
    }

    fn function(&self, call: &Call) -> Option<Result<FieldType, String>> {
        if call.name != "total" {
            return None;
        }
        let window = [
            Arg::Path(vec!["amount".into()]),
            Arg::Duration(Duration::from_secs(2_592_000)),
        ];
        Some(if call.args == window {
            Ok(FieldType::Decimal)
        } else {
            Err("total takes a field and a window, such as total(amount, 30d)".into())
        })
    }

    fn known(&self) -> Vec<String> {
        [
            "name", "kind", "orders", "amount", "active", "seen", "birth", "owner", "tags",
            "total()",
        ]
        .map(String::from)
        .to_vec()
    }
}

#[derive(Clone, Debug)]
pub struct Record {
    pub id: i64,
    pub name: Option<String>,
    pub tier: Option<String>,
    pub kind: Option<String>,
    pub orders: Option<i64>,
    pub amount: Option<i64>,
    pub active: Option<bool>,
    pub seen: Option<i64>,
    pub birth: Option<i32>,
    pub owner: Option<Uuid>,
    pub total: Option<i64>,
    pub tags: Vec<String>,
}

impl Row for Record {
    fn field(&self, path: &[String]) -> Value {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let value = match path.as_slice() {
            ["name"] => self.name.clone().map(Value::String),
            ["attributes", "loyalty tier"] => self.tier.clone().map(Value::String),
            ["kind"] => self.kind.clone().map(Value::String),
            ["orders"] => self.orders.map(Value::Int),
            ["amount"] => self.amount.map(Value::Decimal),
            ["active"] => self.active.map(Value::Bool),
            ["seen"] => self.seen.map(|at| Value::Time(Timestamp(at))),
            ["birth"] => self.birth.map(Value::Date),
            ["owner"] => self.owner.map(Value::Id),
            ["tags"] => Some(Value::Set(self.tags.clone())),
            _ => None,
        };
        value.unwrap_or(Value::Null)
    }

    fn call(&self, _: &Call) -> Value {
        self.total.map_or(Value::Null, Value::Decimal)
    }
}

impl Columns for Fixture {
    fn column(&self, path: &[String]) -> Option<Column> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let column = match path.as_slice() {
            ["tags"] => return Some(Column::Set(Box::new(has_tag))),
            ["attributes", "loyalty tier"] => "tier",
            ["name"] => "name",
            ["kind"] => "kind",
            ["orders"] => "orders",
            ["amount"] => "amount",
            ["active"] => "active",
            ["seen"] => "seen",
            ["birth"] => "birth",
            ["owner"] => "owner",
            _ => return None,
        };
        Some(Column::Expr(Expr::col(("record", column))))
    }

    fn call(&self, _: &Call) -> Option<Column> {
        Some(Column::Expr(Expr::col(("record", "total"))))
    }
}

fn has_tag(member: Option<&str>) -> Expr {
    let mut tags = Query::select();
    tags.expr(Expr::val(1))
        .from("record_tag")
        .and_where(Expr::col(("record_tag", "record_id")).equals(("record", "id")));
    if let Some(member) = member {
        tags.and_where(Expr::col(("record_tag", "tag")).eq(member));
    }
    Expr::exists(tags)
}
