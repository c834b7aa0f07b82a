//! One restriction, `target operator value`: which operators a type has and what they mean.

use crate::FieldType;
use crate::literal::{self, Literal};
use crate::node::{Has, Node, Op, Target};
use crate::problem::Problem;

/// `at` is the operator's place.
pub(crate) fn compare(target: Target, op: Op, at: usize, value: &Literal) -> Result<Node, Problem> {
    check_operator(&target, op, at)?;
    let value = literal::read(value, target.kind())?;
    Ok(Node::Compare { target, op, value })
}

fn check_operator(target: &Target, op: Op, at: usize) -> Result<(), Problem> {
    let words = match target.kind() {
        FieldType::Int | FieldType::Decimal | FieldType::Time | FieldType::Date => return Ok(()),
        FieldType::StringSet => "a set is asked with `:`, such as tags:\"vip\"",
        _ if !op.is_ordering() => return Ok(()),
        FieldType::String => "text has no order here; use =, != or :",
        FieldType::Bool => "true and false have no order; use = or !=",
        FieldType::Enum(_) => "names of an enum have no order; use = or !=",
        FieldType::Id => "ids have no order; use = or !=",
    };
    Err(Problem::at(at, words))
}

/// `:` is presence, a prefix, a member, and else equality.
pub(crate) fn has(target: Target, value: &Literal) -> Result<Node, Problem> {
    if value.is_any() {
        return Ok(Node::Has {
            target,
            has: Has::Any,
        });
    }
    match target.kind() {
        FieldType::StringSet => {
            let member = literal::member(value)?;
            Ok(Node::Has {
                target,
                has: Has::Member(member),
            })
        }
        FieldType::String => match literal::prefix(value)? {
            Some(prefix) => Ok(Node::Has {
                target,
                has: Has::Prefix(prefix),
            }),
            None => equal(target, value),
        },
        _ => equal(target, value),
    }
}

fn equal(target: Target, value: &Literal) -> Result<Node, Problem> {
    let value = literal::read(value, target.kind())?;
    Ok(Node::Compare {
        target,
        op: Op::Equal,
        value,
    })
}
