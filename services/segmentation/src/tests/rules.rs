//! Random rules over purchases and windows, decided twice: by the service, from the totals and the
//! windows that its tables hold, and by counting through everything that was ever told.

use std::collections::{BTreeMap, BTreeSet};

use dossier_kernel::id::InteractionId;
use dossier_kernel::{Currency, CustomerId, Money, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use uuid::Uuid;

use super::world::{World, file, ids};
use crate::domain::{Purchase, What};

const RULES: u32 = 300;
const CUSTOMERS: usize = 24;
/// Seconds: as long ago as purchases lie, and a little into the future.
const AGES: [i64; 9] = [-30, 0, 1, 59, 60, 61, 3_600, 86_400, 2_592_000];
const WINDOWS: [(&str, i64); 5] = [
    ("1s", 1),
    ("60s", 60),
    ("60m", 3_600),
    ("24h", 86_400),
    ("40d", 3_456_000),
];

/// What a customer did: seconds ago, units, code.
type Told = Vec<(i64, i64, &'static str)>;

struct Known {
    region: &'static str,
    vip: bool,
    told: Told,
}

#[derive(Clone, Debug)]
enum Rule {
    Region(&'static str),
    Vip,
    Count(Window, &'static str, i64),
    Sum(Code, Window, &'static str, i64),
    Average(Code, Window, &'static str, i64),
    Any(&'static str, Window),
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

type Window = Option<(&'static str, i64)>;
type Code = Option<&'static str>;

impl Rule {
    fn text(&self) -> String {
        let join = |rules: &[Self], word: &str| {
            let rules: Vec<_> = rules
                .iter()
                .map(|rule| format!("({})", rule.text()))
                .collect();
            rules.join(word)
        };
        let amounts = |name: &str, code: &Code, window: &Window| {
            let code = code.map_or_else(String::new, |code| format!(", \"{code}\""));
            let window = window.map_or_else(String::new, |(text, _)| format!(", {text}"));
            format!("{name}(purchase.amount{code}{window})")
        };
        let purchases = |name: &str, window: &Window| {
            let window = window.map_or_else(String::new, |(text, _)| format!(", {text}"));
            format!("{name}(purchase{window})")
        };
        match self {
            Self::Region(code) => format!("region_code = \"{code}\""),
            Self::Vip => "tags:vip".to_owned(),
            Self::Count(window, op, n) => format!("{} {op} {n}", purchases("count", window)),
            Self::Sum(code, window, op, n) => {
                format!("{} {op} {n}", amounts("sum", code, window))
            }
            Self::Average(code, window, op, n) => {
                format!("{} {op} {n}", amounts("average", code, window))
            }
            Self::Any(name, window) => format!("{}:*", purchases(name, window)),
            Self::Not(rule) => format!("NOT ({})", rule.text()),
            Self::And(rules) => join(rules, " AND "),
            Self::Or(rules) => join(rules, " OR "),
        }
    }

    /// Word by word, from everything that was told.
    fn holds(&self, known: &Known) -> bool {
        let inside = |window: &Window, age: i64| {
            window.is_none_or(|(_, seconds)| (0..seconds).contains(&age))
        };
        let units = |code: &Code, window: &Window| -> Vec<i64> {
            let code = code.unwrap_or("USD");
            let bought = known.told.iter();
            let bought = bought.filter(|(age, _, of)| *of == code && inside(window, *age));
            bought.map(|(_, units, _)| *units).collect()
        };
        let count = |window: &Window| {
            known
                .told
                .iter()
                .filter(|(age, ..)| inside(window, *age))
                .count() as i64
        };
        match self {
            Self::Region(code) => known.region == *code,
            Self::Vip => known.vip,
            Self::Count(window, op, n) => compare(count(window), op, *n),
            Self::Sum(code, window, op, n) => compare(units(code, window).iter().sum(), op, *n),
            Self::Average(code, window, op, n) => {
                let units = units(code, window);
                // Of nothing there is no average, and what is missing compares with nothing.
                let count = units.len() as i64;
                count > 0 && compare(units.iter().sum(), op, *n * count)
            }
            Self::Any(_, window) => count(window) > 0,
            Self::Not(rule) => !rule.holds(known),
            Self::And(rules) => rules.iter().all(|rule| rule.holds(known)),
            Self::Or(rules) => rules.iter().any(|rule| rule.holds(known)),
        }
    }
}

fn compare(left: i64, op: &str, right: i64) -> bool {
    match op {
        "=" => left == right,
        "!=" => left != right,
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        _ => left >= right,
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let window = || proptest::option::of(select(&WINDOWS[..]));
    let code = || select(&[None, Some("USD"), Some("EUR")][..]);
    let op = || select(&["=", "!=", "<", "<=", ">", ">="][..]);
    // Averages are rounded to micros: those that are not whole are only told apart by order.
    let order = || select(&["<", ">="][..]);
    let leaf = prop_oneof![
        select(&["CN", "DE"][..]).prop_map(Rule::Region),
        Just(Rule::Vip),
        (window(), op(), 0_i64..4).prop_map(|(w, op, n)| Rule::Count(w, op, n)),
        (code(), window(), op(), 0_i64..30).prop_map(|(c, w, op, n)| Rule::Sum(c, w, op, n)),
        (code(), window(), order(), 1_i64..12).prop_map(|(c, w, op, n)| Rule::Average(c, w, op, n)),
        (select(&["first", "last"][..]), window()).prop_map(|(name, w)| Rule::Any(name, w)),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        let some = || proptest::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            inner.clone().prop_map(|rule| Rule::Not(Box::new(rule))),
            some().prop_map(Rule::And),
            some().prop_map(Rule::Or),
        ]
    })
}

fn told() -> impl Strategy<Value = Told> {
    let purchase = (select(&AGES[..]), 1_i64..12, select(&["USD", "EUR"][..]));
    proptest::collection::vec(purchase, 0..8)
}

/// Tells the service of customers that were made up by `runner`.
async fn populate(world: &World, runner: &mut TestRunner) -> BTreeMap<CustomerId, Known> {
    let made = (told(), select(&["CN", "DE"][..]), any::<bool>());
    let mut all = BTreeMap::new();
    for customer in ids(CUSTOMERS) {
        let (told, region, vip) = made.new_tree(runner).expect("a customer").current();
        let tags: &[&str] = if vip { &["vip"] } else { &[] };
        let mut news = vec![world.news(customer, What::File(file(region, tags)))];
        for (age, units, code) in &told {
            let currency = Currency::parse(code).expect("a code");
            let purchase = Purchase {
                occur_time: Timestamp(world.now().0 - age * 1_000_000),
                amount: Money::new(units * 1_000_000, currency),
            };
            let interaction = InteractionId::generate();
            let what = What::Purchase {
                interaction,
                purchase,
            };
            news.push(world.news(customer, what));
        }
        world.tell(news).await;
        all.insert(customer, Known { region, vip, told });
    }
    all
}

/// What each of the two says, where they differ.
async fn differ(
    world: &World,
    rule: &Rule,
    all: &BTreeMap<CustomerId, Known>,
) -> Option<(BTreeSet<CustomerId>, BTreeSet<CustomerId>)> {
    let text = rule.text();
    let preview = world.app.preview_segment(&world.ctx, &text, 100);
    let decided: BTreeSet<_> = preview.await.expect("decides").sample.into_iter().collect();
    let counted = all.iter().filter(|(_, known)| rule.holds(known));
    let counted: BTreeSet<_> = counted.map(|(customer, _)| *customer).collect();
    (decided != counted).then_some((decided, counted))
}

#[tokio::test]
async fn the_service_decides_as_whoever_counts_everything() {
    let seed = Uuid::new_v4().as_u64_pair().0;
    for world in World::each().await {
        let bytes = [seed.to_le_bytes(); 4].concat();
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let mut all = populate(&world, &mut runner).await;
        for _ in 0..RULES {
            let rule = rule().new_tree(&mut runner).expect("a rule").current();
            let differ = differ(&world, &rule, &all).await;
            assert_eq!(
                differ,
                None,
                "{:?}, seed {seed}: {}",
                world.test,
                rule.text()
            );
        }
        // A comparison that cannot fail proves nothing.
        let known = all.values_mut().next().expect("a customer");
        known.told.push((0, 1, "USD"));
        let counts = (0..9).map(|n| Rule::Count(None, "=", n));
        let mut noticed = 0;
        for rule in counts {
            noticed += u32::from(differ(&world, &rule, &all).await.is_some());
        }
        assert_eq!(noticed, 2, "one customer counts as one purchase more");
        world.test.discard().await;
    }
}
