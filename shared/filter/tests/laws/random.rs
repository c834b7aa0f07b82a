//! Random rows and random filters whose values often meet.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use uuid::Uuid;

use crate::fixture::Record;

const NAMES: [&str; 14] = [
    "",
    "a",
    "A",
    "ab",
    "abc",
    "ab*",
    "a\"b",
    "a\\b",
    "王小明",
    "王",
    "%",
    "a_c",
    "it's; --",
    "x\ny\t",
];
const TEXTS: [&str; 2] = ["name", "attributes.\"loyalty tier\""];
const KINDS: [&str; 3] = ["PERSON", "ORGANIZATION", "2nd"];
const NUMBERS: [i64; 7] = [i64::MIN, -1, 0, 1, 2, 3, i64::MAX];
const MICROS: [i64; 7] = [
    i64::MIN + 1,
    -500_000,
    0,
    1,
    29_330_000,
    100_000_000,
    i64::MAX,
];
const SECS: [i64; 4] = [-62_135_596_800, 0, 883_612_800, 253_402_300_799];
const TIMES: [&str; 4] = [
    "0001-01-01T00:00:00Z",
    "1970-01-01",
    "1998-01-01T08:00:00+08:00",
    "9999-12-31T23:59:59.000000Z",
];
const DAYS: [i32; 4] = [-719_162, 0, 10_227, 2_932_896];
const DATES: [&str; 4] = ["0001-01-01", "1970-01-01", "1998-01-01", "9999-12-31"];
const OWNERS: [u128; 3] = [0, 7, u128::MAX];

pub fn record() -> impl Strategy<Value = Record> {
    let text = || option::of(select(&NAMES[..]).prop_map(str::to_owned));
    (
        (
            text(),
            text(),
            option::of(select(&KINDS[..]).prop_map(str::to_owned)),
        ),
        (
            option::of(select(&NUMBERS[..])),
            option::of(select(&MICROS[..])),
        ),
        (
            option::of(any::<bool>()),
            option::of(select(&SECS[..]).prop_map(|s| s * 1_000_000)),
        ),
        (
            option::of(select(&DAYS[..])),
            option::of(select(&OWNERS[..]).prop_map(Uuid::from_u128)),
        ),
        (
            option::of(select(&MICROS[..])),
            vec(select(&NAMES[1..5]).prop_map(str::to_owned), 0..3),
        ),
    )
        .prop_map(
            |((name, tier, kind), (orders, amount), (active, seen), (birth, owner), rest)| {
                let (total, mut tags) = rest;
                tags.sort();
                tags.dedup();
                let id = 0;
                Record {
                    id,
                    name,
                    tier,
                    kind,
                    orders,
                    amount,
                    active,
                    seen,
                    birth,
                    owner,
                    total,
                    tags,
                }
            },
        )
}

/// The shape of a filter, each leaf with two spellings that differ in their values only.
#[derive(Clone, Debug)]
pub enum Shape {
    Leaf([String; 2]),
    Not(Box<Self>, &'static str),
    Group(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

impl Shape {
    pub fn text(&self, which: usize) -> String {
        match self {
            Self::Leaf(texts) => texts[which].clone(),
            Self::Not(inner, word) => format!("{word}({})", inner.text(which)),
            Self::Group(inner) => format!("({})", inner.text(which)),
            Self::And(parts) => Self::join(parts, which, " AND "),
            Self::Or(parts) => Self::join(parts, which, " OR "),
        }
    }

    fn join(parts: &[Self], which: usize, between: &str) -> String {
        let texts: Vec<String> = parts.iter().map(|part| part.grouped(which)).collect();
        texts.join(between)
    }

    /// AND under OR needs parentheses; leaving them away elsewhere tries the precedence.
    fn grouped(&self, which: usize) -> String {
        match self {
            Self::And(_) => format!("({})", self.text(which)),
            _ => self.text(which),
        }
    }
}

pub fn shape() -> impl Strategy<Value = Shape> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), select(&["NOT ", "-"][..]))
                .prop_map(|(s, w)| Shape::Not(Box::new(s), w)),
            inner.clone().prop_map(|s| Shape::Group(Box::new(s))),
            vec(inner.clone(), 1..4).prop_map(Shape::And),
            vec(inner, 1..4).prop_map(Shape::Or),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Shape> {
    let ordered = || select(&["=", "!=", "<", "<=", ">", ">="][..]);
    let equality = || select(&["=", "!="][..]);
    prop_oneof![
        compare(
            select(&TEXTS[..]),
            equality(),
            select(&NAMES[..]).prop_map(quote)
        ),
        compare(
            select(&TEXTS[..]),
            Just(":"),
            select(&NAMES[..]).prop_map(|text| quote(text.trim_end_matches('*'))),
        ),
        compare(
            select(&TEXTS[..]),
            Just(":"),
            select(&["a", "ab", "王", "it's", "%", "x\n"][..]).prop_map(|t| quote(format!("{t}*"))),
        ),
        compare(
            Just("kind"),
            equality(),
            select(&KINDS[..]).prop_map(str::to_owned)
        ),
        compare(
            Just("orders"),
            ordered(),
            select(&NUMBERS[..]).prop_map(|n| n.to_string())
        ),
        compare(
            select(&["amount", "total(amount, 30d)", "total( amount,43200m )"][..]),
            ordered(),
            select(&MICROS[..]).prop_map(decimal),
        ),
        compare(
            Just("active"),
            equality(),
            any::<bool>().prop_map(|flag| flag.to_string())
        ),
        compare(Just("seen"), ordered(), select(&TIMES[..]).prop_map(quote)),
        compare(Just("birth"), ordered(), select(&DATES[..]).prop_map(quote)),
        compare(
            Just("owner"),
            equality(),
            select(&OWNERS[..]).prop_map(|id| quote(Uuid::from_u128(id).to_string())),
        ),
        compare(
            Just("tags"),
            Just(":"),
            select(&NAMES[1..5]).prop_map(quote)
        ),
        select(
            &[
                "name:*",
                "orders:*",
                "tags:*",
                "seen:*",
                "total(amount, 30d):*"
            ][..]
        )
        .prop_map(|text| Shape::Leaf([text.to_owned(), text.to_owned()])),
    ]
}

fn compare(
    field: impl Strategy<Value = &'static str>,
    op: impl Strategy<Value = &'static str>,
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = Shape> {
    (field, op, vec(value, 2)).prop_map(|(field, op, values)| {
        Shape::Leaf([0, 1].map(|which: usize| format!("{field} {op} {}", values[which])))
    })
}

fn quote(text: impl AsRef<str>) -> String {
    let mut quoted = String::from("\"");
    for c in text.as_ref().chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    quoted
}

fn decimal(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let magnitude = micros.unsigned_abs();
    format!(
        "{sign}{}.{:06}",
        magnitude / 1_000_000,
        magnitude % 1_000_000
    )
}
