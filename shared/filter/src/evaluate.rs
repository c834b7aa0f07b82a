//! A filter's verdict about one row.

use crate::node::{Has, Node, Target};
use crate::{Call, Value};

/// What a filter can look at while it is evaluated. A value of another type than the schema says
/// counts as missing.
pub trait Row {
    fn field(&self, path: &[String]) -> Value;

    fn call(&self, call: &Call) -> Value {
        let _ = call;
        Value::Null
    }
}

pub(crate) fn node(node: &Node, row: &dyn Row) -> bool {
    match node {
        Node::True => true,
        Node::And(children) => children.iter().all(|child| self::node(child, row)),
        Node::Or(children) => children.iter().any(|child| self::node(child, row)),
        Node::Not(child) => !self::node(child, row),
        Node::Compare { target, op, value } => {
            compare(&look(target, row), value).is_some_and(|ordering| op.holds(ordering))
        }
        Node::Has { target, has } => has_value(&look(target, row), has),
    }
}

fn look(target: &Target, row: &dyn Row) -> Value {
    match target {
        Target::Field { path, .. } => row.field(path),
        Target::Call { call, .. } => row.call(call),
    }
}

/// `None` when a side is missing or the types differ.
fn compare(left: &Value, right: &Value) -> Option<std::cmp::Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Decimal(left), Value::Decimal(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        (Value::Date(left), Value::Date(right)) => Some(left.cmp(right)),
        (Value::Id(left), Value::Id(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn has_value(value: &Value, has: &Has) -> bool {
    match (value, has) {
        (Value::Null, _) => false,
        (Value::Set(members), Has::Any) => !members.is_empty(),
        (_, Has::Any) => true,
        (Value::String(text), Has::Prefix(prefix)) => text.starts_with(prefix.as_str()),
        (Value::Set(members), Has::Member(member)) => members.contains(member),
        (_, Has::Prefix(_) | Has::Member(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FieldType, Filter, Schema};

    struct Regions;

    impl Schema for Regions {
        fn field(&self, path: &[String]) -> Option<FieldType> {
            match path.join(".").as_str() {
                "region" => Some(FieldType::String),
                "tags" => Some(FieldType::StringSet),
                _ => None,
            }
        }

        fn known(&self) -> Vec<String> {
            vec!["region".to_owned(), "tags".to_owned()]
        }
    }

    struct Customer(Value, Value);

    impl Row for Customer {
        fn field(&self, path: &[String]) -> Value {
            if path == ["region"] {
                self.0.clone()
            } else {
                self.1.clone()
            }
        }
    }

    fn passes(text: &str, region: Value) -> bool {
        let tags = Value::Set(vec!["vip".to_owned()]);
        Filter::parse(text, &Regions)
            .expect("valid")
            .evaluate(&Customer(region, tags))
    }

    fn cn() -> Value {
        Value::String("CN".to_owned())
    }

    #[test]
    fn a_missing_value_fails_every_comparison_and_passes_their_negation() {
        for text in [
            "region = \"CN\"",
            "region != \"CN\"",
            "region:*",
            "region:\"C*\"",
        ] {
            assert!(!passes(text, Value::Null), "{text}");
            assert!(passes(&format!("NOT {text}"), Value::Null), "NOT {text}");
        }
    }

    #[test]
    fn a_value_of_another_type_counts_as_missing() {
        assert!(!passes("region = \"1\"", Value::Int(1)));
        assert!(passes("NOT region = \"1\"", Value::Int(1)));
    }

    #[test]
    fn or_binds_tighter_than_and() {
        assert!(passes(
            "region = \"CN\" OR region = \"DE\" AND tags:vip",
            cn()
        ));
        assert!(!passes(
            "region = \"CN\" OR region = \"DE\" AND tags:new",
            cn()
        ));
        assert!(passes(
            "region = \"CN\" OR (region = \"DE\" AND tags:new)",
            cn()
        ));
    }

    #[test]
    fn the_empty_filter_keeps_everything() {
        assert!(passes("", Value::Null));
        assert!(passes("  \n", Value::Null));
    }
}
