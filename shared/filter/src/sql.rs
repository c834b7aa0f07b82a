//! A filter as a SeaQuery condition that answers exactly as the evaluator does.
//!
//! SQL's third truth value is kept out: negation is pushed down to the leaves, and a negated leaf
//! asks for the complement *or* a missing value. What remains is built of AND and OR, under which
//! an unknown leaf and a false one select the same rows.

use dossier_kernel::{Error, Reason, Violation};
use sea_query::{Condition, Expr, ExprTrait, Func};

use crate::node::{Has, Node, Op, Target};
use crate::{Call, Value};

/// Asked with `Some(member)`: whether the set has it. Asked with `None`: whether it has any. Must
/// never be NULL; `EXISTS` is not.
pub type SetQuestion = Box<dyn Fn(Option<&str>) -> Expr>;

/// Where a field is stored.
///
/// What a literal is bound as: text and enum names as text, whole numbers as 64-bit integers,
/// decimals as their millionths and times as their microseconds (both 64-bit), dates as days since
/// 1970-01-01 (32-bit), ids as UUIDs.
pub enum Column {
    Expr(Expr),
    Set(SetQuestion),
}

/// The columns behind a schema.
pub trait Columns {
    /// `None` when lists cannot be filtered on the field.
    fn column(&self, path: &[String]) -> Option<Column>;

    fn call(&self, call: &Call) -> Option<Column> {
        let _ = call;
        None
    }
}

pub(crate) fn condition(node: &Node, columns: &dyn Columns) -> Result<Condition, Error> {
    Translation { columns }.node(node, true)
}

struct Translation<'a> {
    columns: &'a dyn Columns,
}

impl Translation<'_> {
    /// The rows where `node` is `wanted`.
    fn node(&self, node: &Node, wanted: bool) -> Result<Condition, Error> {
        match node {
            Node::True => Ok(Condition::all()),
            Node::And(children) if wanted => self.children(Condition::all(), children, wanted),
            Node::And(children) => self.children(Condition::any(), children, wanted),
            Node::Or(children) if wanted => self.children(Condition::any(), children, wanted),
            Node::Or(children) => self.children(Condition::all(), children, wanted),
            Node::Not(child) => self.node(child, !wanted),
            Node::Compare { target, op, value } => {
                let leaf = self.compare(target, *op, value, wanted)?;
                Ok(Condition::all().add(leaf))
            }
            Node::Has { target, has } => {
                let leaf = self.has(target, has, wanted)?;
                Ok(Condition::all().add(leaf))
            }
        }
    }

    fn children(
        &self,
        mut joined: Condition,
        children: &[Node],
        wanted: bool,
    ) -> Result<Condition, Error> {
        for child in children {
            joined = joined.add(self.node(child, wanted)?);
        }
        Ok(joined)
    }

    fn compare(&self, target: &Target, op: Op, value: &Value, wanted: bool) -> Result<Expr, Error> {
        let Column::Expr(column) = self.column(target)? else {
            return Err(mismatch(target));
        };
        let value = bind(value).ok_or_else(|| mismatch(target))?;
        Ok(if wanted {
            operate(column, op, value)
        } else {
            operate(column.clone(), op.complement(), value).or(column.is_null())
        })
    }

    fn has(&self, target: &Target, has: &Has, wanted: bool) -> Result<Expr, Error> {
        let holds = match (self.column(target)?, has) {
            (Column::Expr(column), Has::Any) if wanted => return Ok(column.is_not_null()),
            (Column::Expr(column), Has::Any) => return Ok(column.is_null()),
            (Column::Expr(column), Has::Prefix(prefix)) => {
                let starts = head(column.clone(), prefix);
                return Ok(if wanted {
                    starts.eq(prefix.as_str())
                } else {
                    starts.ne(prefix.as_str()).or(column.is_null())
                });
            }
            (Column::Set(ask), Has::Any) => ask(None),
            (Column::Set(ask), Has::Member(member)) => ask(Some(member)),
            (Column::Expr(_), Has::Member(_)) | (Column::Set(_), Has::Prefix(_)) => {
                return Err(mismatch(target));
            }
        };
        Ok(if wanted { holds } else { holds.not() })
    }

    fn column(&self, target: &Target) -> Result<Column, Error> {
        let column = match target {
            Target::Field { path, .. } => self.columns.column(path),
            Target::Call { call, .. } => self.columns.call(call),
        };
        column.ok_or_else(|| {
            let words = format!("`{target}` cannot be used to filter this list");
            Error::new(
                Reason::InvalidFilter,
                format!("The filter is not valid: {words}."),
            )
            .with_violations(vec![Violation::new("filter", words)])
        })
    }
}

/// A schema and its columns that contradict each other are a fault of ours.
fn mismatch(target: &Target) -> Error {
    Error::internal(format!("the column of `{target}` does not fit its type"))
}

fn bind(value: &Value) -> Option<Expr> {
    let bound: sea_query::Value = match value {
        Value::String(text) => text.as_str().into(),
        Value::Int(number) => (*number).into(),
        Value::Decimal(micros) => (*micros).into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Time(at) => at.micros().into(),
        Value::Date(days) => (*days).into(),
        Value::Id(id) => (*id).into(),
        Value::Null | Value::Set(_) => return None,
    };
    Some(Expr::value(bound))
}

fn operate(column: Expr, op: Op, value: Expr) -> Expr {
    match op {
        Op::Equal => column.eq(value),
        Op::NotEqual => column.ne(value),
        Op::Less => column.lt(value),
        Op::LessOrEqual => column.lte(value),
        Op::Greater => column.gt(value),
        Op::GreaterOrEqual => column.gte(value),
    }
}

/// The first characters of the column, as many as `prefix` has. Not LIKE: SQLite's ignores case
/// and PostgreSQL's does not.
fn head(column: Expr, prefix: &str) -> Expr {
    let length = i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX);
    Func::cust("SUBSTR")
        .arg(column)
        .arg(1_i32)
        .arg(length)
        .into()
}
