//! The typed tree behind a filter.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::{Call, FieldType, Value};

/// A part of a filter. `And` and `Or` have at least two children, none of their own kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// The empty filter; only ever the root.
    True,
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare {
        target: Target,
        op: Op,
        /// Of the target's type; never `Null` or `Set`.
        value: Value,
    },
    Has {
        target: Target,
        has: Has,
    },
}

/// What a leaf looks at, with its type.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    Field { path: Vec<String>, kind: FieldType },
    Call { call: Call, kind: FieldType },
}

impl Target {
    pub const fn kind(&self) -> &FieldType {
        match self {
            Self::Field { kind, .. } | Self::Call { kind, .. } => kind,
        }
    }
}

/// What `:` asks for, where it is more than equality.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Has {
    /// `field:*`: a value is there; for a set, at least one member.
    Any,
    /// `field:"Wa*"`: text that begins so.
    Prefix(String),
    /// `tags:"vip"`: a set that has this member.
    Member(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Op {
    pub const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Whether the operator needs values that have an order.
    pub const fn is_ordering(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    /// The operator that is true exactly where this one is false, for values that are there.
    pub const fn complement(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }

    /// Whether the operator holds for a left side that compares so with the right side.
    pub const fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

impl Node {
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Self::True => 0,
            Self::And(children) | Self::Or(children) => {
                children.iter().map(Self::cost).fold(0, u32::saturating_add)
            }
            Self::Not(child) => child.cost(),
            Self::Compare { target, .. } => target.cost(),
            Self::Has {
                target,
                has: Has::Any,
            } => target.cost(),
            Self::Has {
                target,
                has: Has::Prefix(_) | Has::Member(_),
            } => target.cost() + 1,
        }
    }

    /// A leaf has depth 1.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::And(children) | Self::Or(children) => {
                1 + children.iter().map(Self::depth).max().unwrap_or(0)
            }
            Self::Not(child) => 1 + child.depth(),
            Self::True | Self::Compare { .. } | Self::Has { .. } => 1,
        }
    }

    pub(crate) fn collect_targets<'n>(&'n self, found: &mut Vec<&'n Target>) {
        match self {
            Self::True => {}
            Self::And(children) | Self::Or(children) => {
                children
                    .iter()
                    .for_each(|child| child.collect_targets(found));
            }
            Self::Not(child) => child.collect_targets(found),
            Self::Compare { target, .. } | Self::Has { target, .. } => found.push(target),
        }
    }

    pub(crate) fn collect_ids(&self, found: &mut BTreeSet<Uuid>) {
        match self {
            Self::And(children) | Self::Or(children) => {
                children.iter().for_each(|child| child.collect_ids(found));
            }
            Self::Not(child) => child.collect_ids(found),
            Self::Compare { value, .. } => found.extend(match value {
                Value::Id(id) => Some(*id),
                _ => None,
            }),
            Self::True | Self::Has { .. } => {}
        }
    }

    pub(crate) fn with_ids(&self, several: &HashMap<Uuid, Vec<Uuid>>) -> Self {
        let all = |children: &[Self]| children.iter().map(|one| one.with_ids(several)).collect();
        match self {
            Self::And(children) => Self::And(all(children)),
            Self::Or(children) => Self::Or(all(children)),
            Self::Not(child) => Self::Not(Box::new(child.with_ids(several))),
            Self::Compare {
                target,
                op: op @ (Op::Equal | Op::NotEqual),
                value: Value::Id(id),
            } => match several.get(id) {
                Some(ids) if ids.len() > 1 => {
                    let each = ids.iter().map(|id| Self::Compare {
                        target: target.clone(),
                        op: *op,
                        value: Value::Id(*id),
                    });
                    let each = each.collect();
                    match op {
                        Op::Equal => Self::Or(each),
                        _ => Self::And(each),
                    }
                }
                _ => self.clone(),
            },
            Self::True | Self::Compare { .. } | Self::Has { .. } => self.clone(),
        }
    }
}

impl Target {
    const fn cost(&self) -> u32 {
        match self {
            Self::Field { .. } => 1,
            Self::Call { .. } => 10,
        }
    }
}
