//! Many rows in few statements.
//!
//! A statement of n rows is another text for every n, and preparing a long one costs more than
//! running it. Rows are therefore sent in groups of powers of two: few distinct texts, all of which
//! stay prepared, and no more values than a statement may bind.

use std::fmt::Write as _;

use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DbBackend, DbErr, EntityName, EntityTrait,
    IdenStatic, Iterable, Statement, Value,
};

use crate::Backend;

/// Rows of one statement at most: enough to make the round trip cheap, few enough to keep prepared
/// statements small.
const ROWS_MAX: usize = 512;

/// `INSERT INTO table (columns)` of many rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insert<'a> {
    table: &'a str,
    columns: &'a [&'a str],
    skip_conflicts: bool,
}

impl<'a> Insert<'a> {
    pub fn into(table: &'a str, columns: &'a [&'a str]) -> Self {
        Self {
            table,
            columns,
            skip_conflicts: false,
        }
    }

    /// A row whose key exists is left out instead of failing the statement; what [`Insert::rows`]
    /// returns tells whether there was one.
    #[must_use]
    pub fn skip_conflicts(mut self) -> Self {
        self.skip_conflicts = true;
        self
    }

    pub(crate) fn rows_in(self, values: &[Value]) -> usize {
        values.len() / self.columns.len().max(1)
    }

    /// Inserts rows given value after value, row after row; returns how many were inserted.
    pub async fn rows<C>(self, conn: &C, values: Vec<Value>) -> Result<u64, DbErr>
    where
        C: ConnectionTrait,
    {
        let width = self.columns.len();
        if width == 0 || !values.len().is_multiple_of(width) {
            return Err(DbErr::Custom("values do not fill whole rows".to_owned()));
        }
        let count = self.rows_in(&values);
        self.each(conn, count, values.into_iter()).await
    }

    /// Inserts `count` rows. While the database works on a statement, the next one is made ready: what
    /// it takes to make the values does not come on top.
    pub async fn each<C, V>(self, conn: &C, count: usize, mut values: V) -> Result<u64, DbErr>
    where
        C: ConnectionTrait,
        V: Iterator<Item = Value> + Send,
    {
        let backend = conn.get_database_backend();
        let mut left = count;
        let mut inserted = 0;
        let mut next = self.statement(backend, &mut left, &mut values);
        while let Some(statement) = next {
            let ready = async { self.statement(backend, &mut left, &mut values) };
            let (done, after) = futures::join!(conn.execute_raw(statement), ready);
            inserted += done?.rows_affected();
            next = after;
        }
        Ok(inserted)
    }

    /// One that inserts as many of the rows that are left as it can.
    fn statement(
        &self,
        backend: DbBackend,
        left: &mut usize,
        values: &mut (impl Iterator<Item = Value> + Send),
    ) -> Option<Statement> {
        if *left == 0 {
            return None;
        }
        let width = self.columns.len();
        let rows = rows_per_statement(backend, width).min(previous_power_of_two(*left));
        *left -= rows;
        let values: Vec<Value> = values.take(rows * width).collect();
        Some(Statement::from_sql_and_values(
            backend,
            self.sql(backend, rows),
            values,
        ))
    }

    fn sql(&self, backend: DbBackend, rows: usize) -> String {
        let width = self.columns.len();
        let mut sql = String::with_capacity(64 + width * 16 + rows * width * 5);
        let (insert, otherwise) = match (self.skip_conflicts, backend) {
            (false, _) => ("INSERT", ""),
            // ON CONFLICT DO NOTHING leaves other constraints free to abort the statement, so that
            // SQLite keeps a copy of every page it touches. This skips those rows as well, which the
            // count of inserted ones shows.
            (true, DbBackend::Sqlite) => ("INSERT OR IGNORE", ""),
            (true, _) => ("INSERT", " ON CONFLICT DO NOTHING"),
        };
        let _ = write!(
            sql,
            "{insert} INTO \"{}\" (\"{}\") VALUES ",
            self.table,
            self.columns.join("\", \"")
        );
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                if column > 0 {
                    sql.push_str(", ");
                }
                match backend {
                    DbBackend::Postgres => {
                        let _ = write!(sql, "${}", row * width + column + 1);
                    }
                    _ => sql.push('?'),
                }
            }
            sql.push(')');
        }
        sql.push_str(otherwise);
        sql
    }
}

/// Inserts entities, every column of which must be set.
pub async fn insert_many<A, C>(conn: &C, models: impl IntoIterator<Item = A>) -> Result<u64, DbErr>
where
    A: ActiveModelTrait,
    C: ConnectionTrait,
{
    let entity = A::Entity::default();
    let columns: Vec<_> = <A::Entity as EntityTrait>::Column::iter().collect();
    let names: Vec<&str> = columns.iter().map(IdenStatic::as_str).collect();
    let mut values = Vec::new();
    for mut model in models {
        for column in &columns {
            values.push(match model.take(*column) {
                ActiveValue::Set(value) | ActiveValue::Unchanged(value) => value,
                // A NULL needs its type on PostgreSQL, which only the caller's value carries.
                ActiveValue::NotSet => return Err(DbErr::AttrNotSet(column.as_str().to_owned())),
            });
        }
    }
    Insert::into(entity.table_name(), &names)
        .rows(conn, values)
        .await
}

fn rows_per_statement(backend: DbBackend, width: usize) -> usize {
    let binds = match backend {
        DbBackend::Postgres => Backend::Postgres,
        _ => Backend::Sqlite,
    }
    .max_binds();
    previous_power_of_two((binds / width).clamp(1, ROWS_MAX))
}

const fn previous_power_of_two(n: usize) -> usize {
    1 << n.ilog2()
}
