#![doc = include_str!("../README.md")]

mod display;
mod evaluate;
mod lex;
mod literal;
mod node;
mod order;
mod parse;
mod problem;
mod restriction;
mod schema;
mod sql;

use std::collections::{BTreeSet, HashMap};

use dossier_kernel::Error;
use uuid::Uuid;

pub use evaluate::Row;
pub use node::{Has, Node, Op, Target};
pub use order::{Direction, OrderBy};
pub use schema::{Arg, Call, FieldType, Schema, Value};
pub use sql::{Column, Columns};

/// The longest filter that is read, in bytes; its canonical text may not be longer either.
pub const MAX_TEXT_BYTES: usize = 8_192;
/// How deep parentheses and the tree behind them may nest.
pub const MAX_DEPTH: usize = 24;
/// The most a filter may cost; see [`Filter::cost`].
pub const MAX_COST: u32 = 500;

/// A filter that was read, typed against a schema and found affordable.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    root: Node,
}

impl Filter {
    /// The empty filter: keeps everything.
    pub const fn everything() -> Self {
        Self { root: Node::True }
    }

    /// Reads `text` against `schema`.
    ///
    /// Fails with `InvalidFilter` and one violation on the field `filter` that names the character
    /// (counted from 1), the problem and the cure. Values are never repeated in it.
    pub fn parse(text: &str, schema: &dyn Schema) -> Result<Self, Error> {
        parse::parse(text, schema).map_err(problem::Problem::into_error)
    }

    /// What evaluating costs, known before anything runs: 1 for a comparison, 2 for a prefix or a
    /// member of a set, 10 for a call.
    pub fn cost(&self) -> u32 {
        self.root.cost()
    }

    pub fn node(&self) -> &Node {
        &self.root
    }

    /// What the filter looks at, leaf by leaf, in the order of the text.
    pub fn targets(&self) -> Vec<&Target> {
        let mut found = Vec::new();
        self.root.collect_targets(&mut found);
        found
    }

    /// The ids that something is compared with.
    pub fn ids(&self) -> BTreeSet<Uuid> {
        let mut found = BTreeSet::new();
        self.root.collect_ids(&mut found);
        found
    }

    /// The same filter where an id stands for several: what equals one of them equals it.
    #[must_use]
    pub fn with_ids(&self, several: &HashMap<Uuid, Vec<Uuid>>) -> Self {
        let root = self.root.with_ids(several);
        Self { root }
    }

    /// Whether `row` passes.
    pub fn evaluate(&self, row: &dyn Row) -> bool {
        evaluate::node(&self.root, row)
    }

    /// The same filter as a condition of a query. Values are bound parameters, never text.
    ///
    /// Fails with `InvalidFilter` when `columns` has no column for a field: a field can be part of
    /// a schema and still not be something that lists can be filtered on.
    pub fn to_condition(&self, columns: &dyn Columns) -> Result<sea_query::Condition, Error> {
        sql::condition(&self.root, columns)
    }
}
