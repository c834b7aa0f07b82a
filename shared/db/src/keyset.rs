//! Pages that continue after the last row seen: whatever is written meanwhile, no row that stays is
//! skipped or comes twice.
//!
//! NULL sorts as the smallest value on both databases. The last key must be unique in the tenant
//! (the row's id), or rows that tie would be lost at a page's end.

use dossier_kernel::paging::KeyValue;
use dossier_kernel::{Error, Result, Violation};
use sea_orm::sea_query::{Condition, Expr, ExprTrait, NullOrdering};
use sea_orm::{Order, QueryFilter, QueryOrder, Value};

/// One part of the sort key.
#[derive(Clone, Debug)]
pub struct Key {
    expr: Expr,
    order: Order,
    kind: Kind,
    nullable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Int,
    Text,
    Uuid,
}

impl Key {
    pub fn int(expr: impl Into<Expr>, order: Order) -> Self {
        Self {
            expr: expr.into(),
            order,
            kind: Kind::Int,
            nullable: false,
        }
    }

    pub fn text(expr: impl Into<Expr>, order: Order) -> Self {
        Self {
            expr: expr.into(),
            order,
            kind: Kind::Text,
            nullable: false,
        }
    }

    pub fn uuid(expr: impl Into<Expr>, order: Order) -> Self {
        Self {
            expr: expr.into(),
            order,
            kind: Kind::Uuid,
            nullable: false,
        }
    }

    /// The column may hold NULL.
    #[must_use]
    pub fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    fn ascending(&self) -> bool {
        !matches!(self.order, Order::Desc)
    }

    /// `None` for NULL. A token is made by us but carried by the client: a value of another type
    /// than the column's is refused here instead of by the database.
    fn value(&self, at: &KeyValue) -> Result<Option<Value>> {
        match (self.kind, at) {
            (_, KeyValue::Null) if self.nullable => Ok(None),
            (Kind::Int, KeyValue::Int(v)) => Ok(Some((*v).into())),
            (Kind::Text, KeyValue::Text(v)) => Ok(Some(v.as_str().into())),
            (Kind::Uuid, KeyValue::Uuid(v)) => Ok(Some((*v).into())),
            _ => Err(foreign_token()),
        }
    }

    fn same_as(&self, value: &Option<Value>) -> Expr {
        match value {
            None => self.expr.clone().is_null(),
            Some(value) => self.expr.clone().eq(value.clone()),
        }
    }

    /// `None` where nothing can come after.
    fn beyond(&self, value: &Option<Value>) -> Option<Expr> {
        let expr = self.expr.clone();
        match (self.ascending(), value) {
            (true, None) => Some(expr.is_not_null()),
            (true, Some(value)) => Some(expr.gt(value.clone())),
            (false, None) => None,
            (false, Some(value)) if self.nullable => {
                Some(expr.clone().lt(value.clone()).or(expr.is_null()))
            }
            (false, Some(value)) => Some(expr.lt(value.clone())),
        }
    }
}

/// Orders `select` by `keys` and lets it begin after `after` (`PageToken::after`). The caller limits
/// it to one row more than the page and passes the rows to [`cut`].
pub fn page<S>(select: S, keys: &[Key], after: Option<&[KeyValue]>) -> Result<S>
where
    S: QueryFilter + QueryOrder,
{
    let mut select = select;
    if let Some(after) = after {
        select = select.filter(condition(keys, after)?);
    }
    for key in keys {
        select = match (key.nullable, key.ascending()) {
            (false, _) => select.order_by(key.expr.clone(), key.order.clone()),
            (true, true) => {
                select.order_by_with_nulls(key.expr.clone(), Order::Asc, NullOrdering::First)
            }
            (true, false) => {
                select.order_by_with_nulls(key.expr.clone(), Order::Desc, NullOrdering::Last)
            }
        };
    }
    Ok(select)
}

/// Drops the extra row of a page read with `limit(size + 1)`; true when there are more pages.
pub fn cut<T>(mut rows: Vec<T>, size: u64) -> (Vec<T>, bool) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let more = rows.len() > size;
    rows.truncate(size);
    (rows, more)
}

fn condition(keys: &[Key], after: &[KeyValue]) -> Result<Condition> {
    if keys.len() != after.len() {
        return Err(foreign_token());
    }
    let values = keys
        .iter()
        .zip(after)
        .map(|(k, v)| k.value(v))
        .collect::<Result<Vec<_>>>()?;
    let uniform = keys
        .iter()
        .all(|k| !k.nullable && k.ascending() == keys[0].ascending());
    if uniform && keys.len() > 1 {
        // Row values walk a composite index; the general form below may scan.
        let row = Expr::tuple(keys.iter().map(|k| k.expr.clone()));
        let at = Expr::tuple(values.into_iter().flatten().map(Expr::val));
        let beyond = if keys[0].ascending() {
            row.gt(at)
        } else {
            row.lt(at)
        };
        return Ok(Condition::all().add(beyond));
    }
    let mut any = Condition::any();
    for (last, (key, value)) in keys.iter().zip(&values).enumerate() {
        let Some(beyond) = key.beyond(value) else {
            continue;
        };
        let same = keys.iter().zip(&values).take(last);
        let all = same.fold(Condition::all(), |all, (key, value)| {
            all.add(key.same_as(value))
        });
        any = any.add(all.add(beyond));
    }
    // The last key is unique and not null, so there is always at least one way to go on.
    Ok(any)
}

fn foreign_token() -> Error {
    Error::invalid(vec![Violation::new(
        "page_token",
        "is not a token of this service; pass next_page_token unchanged",
    )])
}
