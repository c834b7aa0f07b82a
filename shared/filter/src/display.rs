//! The canonical text of a filter. It parses back to the same tree.

use std::fmt::{self, Display, Formatter, Write};

use crate::lex::is_plain_name;
use crate::literal::{date_text, decimal_text, duration_text};
use crate::node::{Has, Node, Op, Target};
use crate::{Arg, Call, FieldType, Filter, Value};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.node().fmt(f)
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::True => Ok(()),
            Self::And(children) => joined(f, children, " AND "),
            Self::Or(children) => joined(f, children, " OR "),
            Self::Not(child) => {
                f.write_str("NOT ")?;
                nested(f, child)
            }
            Self::Compare { target, op, value } => {
                write!(f, "{target} {op} ")?;
                literal(f, value, target.kind())
            }
            Self::Has { target, has } => match has {
                Has::Any => write!(f, "{target}:*"),
                Has::Prefix(prefix) => {
                    write!(f, "{target}:")?;
                    quoted(f, prefix, "*")
                }
                Has::Member(member) => {
                    write!(f, "{target}:")?;
                    quoted(f, member, "")
                }
            },
        }
    }
}

/// OR binds tighter than AND, which few readers expect: both get their parentheses.
fn joined(f: &mut Formatter<'_>, children: &[Node], between: &str) -> fmt::Result {
    for (i, child) in children.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        match child {
            Node::Not(_) => child.fmt(f)?,
            _ => nested(f, child)?,
        }
    }
    Ok(())
}

fn nested(f: &mut Formatter<'_>, node: &Node) -> fmt::Result {
    match node {
        Node::And(_) | Node::Or(_) | Node::Not(_) => write!(f, "({node})"),
        Node::True | Node::Compare { .. } | Node::Has { .. } => node.fmt(f),
    }
}

impl Display for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for Target {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { path, .. } => path_text(f, path),
            Self::Call { call, .. } => call.fmt(f),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match arg {
                Arg::Path(path) => path_text(f, path)?,
                Arg::Duration(duration) => f.write_str(&duration_text(*duration))?,
                Arg::Text(text) => quoted(f, text, "")?,
                Arg::Number(micros) => f.write_str(&decimal_text(*micros))?,
            }
        }
        f.write_char(')')
    }
}

fn path_text(f: &mut Formatter<'_>, path: &[String]) -> fmt::Result {
    for (i, name) in path.iter().enumerate() {
        if i > 0 {
            f.write_char('.')?;
        }
        if is_plain_name(name) {
            f.write_str(name)?;
        } else {
            quoted(f, name, "")?;
        }
    }
    Ok(())
}

fn literal(f: &mut Formatter<'_>, value: &Value, kind: &FieldType) -> fmt::Result {
    match value {
        Value::String(name) if matches!(kind, FieldType::Enum(_)) && is_plain_name(name) => {
            f.write_str(name)
        }
        Value::String(text) => quoted(f, text, ""),
        Value::Int(number) => write!(f, "{number}"),
        Value::Decimal(micros) => f.write_str(&decimal_text(*micros)),
        Value::Bool(flag) => write!(f, "{flag}"),
        Value::Time(at) => write!(f, "\"{}\"", at.to_rfc3339()),
        Value::Date(days) => write!(f, "\"{}\"", date_text(*days).unwrap_or_default()),
        Value::Id(id) => write!(f, "\"{id}\""),
        // No literal is missing or a set: the parser makes none.
        Value::Null | Value::Set(_) => Ok(()),
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str, suffix: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c => f.write_char(c)?,
        }
    }
    write!(f, "{suffix}\"")
}
