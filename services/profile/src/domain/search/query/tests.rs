//! The laws of the search: what a customer is called finds it, by its terms and by judgement.

use dossier_kernel::{CustomerId, Patch, Pii, Timestamp};
use proptest::prelude::*;

use super::*;
use crate::domain::search::terms;
use crate::domain::{
    ContactPoint, ContactPointType, CustomerType, Definitions, Draft, Many, Violations,
};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

fn customer(draft: Draft) -> Customer {
    let mut violations = Violations::default();
    let draft = Draft {
        kind: Patch::Set(CustomerType::Person),
        ..draft
    };
    let draft = draft.check(Some("CN"), NOW, &mut violations);
    let id = CustomerId::generate();
    let made = Customer::create(id, draft, &Definitions::new(), NOW, &mut violations);
    made.unwrap_or_else(|| panic!("{violations:?}"))
}

fn called(name: &str) -> Customer {
    customer(Draft {
        display_name: Patch::Set(Pii::from(name)),
        ..Draft::default()
    })
}

fn query(text: &str) -> Query {
    let mut violations = Violations::default();
    let query = Query::parse(text, &mut violations);
    query.unwrap_or_else(|| panic!("{text}: {violations:?}"))
}

/// As the store finds somebody and the app judges: the first step that leads to a match.
fn find(text: &str, customer: &Customer) -> Option<Rank> {
    let (query, terms) = (query(text), terms(customer));
    let has = |group: &Vec<String>| group.iter().any(|term| terms.contains(term));
    let mut steps = query.steps().into_iter();
    steps.find_map(|step| match step.groups.iter().all(has) {
        true => query.judge(customer, step.reach).map(|found| found.rank),
        false => None,
    })
}

#[test]
fn a_chinese_name_is_found_by_characters_pinyin_and_initials() {
    let wang = called("王小明");
    for (text, rank) in [
        ("王小明", Some(Rank::Whole)),
        ("王", Some(Rank::Part)),
        ("王小", Some(Rank::Part)),
        ("小明", Some(Rank::Part)),
        ("wangxiaoming", Some(Rank::Pinyin)),
        ("WangXiaoMing", Some(Rank::Pinyin)),
        ("ｗａｎｇ", Some(Rank::Pinyin)),
        ("wang xiaoming", Some(Rank::Pinyin)),
        ("xiaoming wang", Some(Rank::Pinyin)),
        ("xiaoming", Some(Rank::Pinyin)),
        ("xiaom", Some(Rank::Pinyin)),
        ("wa", Some(Rank::Pinyin)),
        ("w", Some(Rank::Pinyin)),
        ("wxm", Some(Rank::Initials)),
        ("xm", Some(Rank::Initials)),
        ("wangxm", Some(Rank::Initials)),
        ("wxiaom", Some(Rank::Initials)),
        ("王晓明", Some(Rank::Similar)),
        ("晓鸣", Some(Rank::Similar)),
        ("明", None),
        ("王明", None),
        ("李小明", None),
        ("wangming", None),
        ("lxm", None),
    ] {
        assert_eq!(find(text, &wang), rank, "{text}");
    }
}

#[test]
fn characters_are_found_in_every_reading_that_names_have() {
    for (name, readings) in [
        ("单田芳", ["shantianfang", "dantianfang", "stf"]),
        ("曾国藩", ["zengguofan", "cengguofan", "zgf"]),
        ("张重", ["zhangchong", "zhangzhong", "zc"]),
        ("欧阳娜娜", ["ouyangnana", "nana", "oynn"]),
        ("吕布", ["lvbu", "lv", "lb"]),
        ("朴树", ["piaoshu", "pushu", "ps"]),
    ] {
        let customer = called(name);
        for reading in readings {
            assert!(find(reading, &customer).is_some(), "{name} by {reading}");
        }
    }
}

#[test]
fn words_are_found_by_beginnings_and_with_one_letter_wrong() {
    let smith = called("Jonathan  José O'Smith-Meyer");
    for (text, rank) in [
        ("jonathan josé o'smith meyer", Some(Rank::Whole)),
        ("JONATHAN", Some(Rank::Word)),
        ("jose", Some(Rank::Word)),
        ("jon mey", Some(Rank::Part)),
        ("j", Some(Rank::Part)),
        ("osmith", Some(Rank::Word)),
        ("jonahtan", Some(Rank::Similar)),
        ("jnathan", Some(Rank::Similar)),
        ("jonnathan", Some(Rank::Similar)),
        ("jomathan", Some(Rank::Similar)),
        ("jonathax", Some(Rank::Similar)),
        ("jonathann", Some(Rank::Similar)),
        ("jonatha", Some(Rank::Part)),
        ("meyre", Some(Rank::Similar)),
        ("jonahtna", None),
        ("jonathan smithers", None),
        ("onathan", Some(Rank::Similar)),
        ("athan", None),
    ] {
        assert_eq!(find(text, &smith), rank, "{text}");
    }
}

#[test]
fn a_phone_is_found_by_its_end_and_an_address_by_all_of_it() {
    let point = |kind, value: &str| ContactPoint {
        kind,
        value: Pii::from(value),
        normalized: Pii::from(""),
        label: String::new(),
        primary: false,
        verify_time: None,
    };
    let reached = customer(Draft {
        display_name: Patch::Set(Pii::from("Ann")),
        contact_points: Many::Replace(vec![
            point(ContactPointType::Phone, "+86 138 0000 4711"),
            point(ContactPointType::Email, "Ann@Example.com"),
        ]),
        ..Draft::default()
    });
    for (text, rank) in [
        ("4711", Some(Rank::Part)),
        ("138 0000 4711", Some(Rank::Part)),
        ("0138-0000-4711", Some(Rank::Part)),
        ("+86 (138) 00004711", Some(Rank::Whole)),
        ("4712", None),
        ("711", None),
        ("94711", None),
    ] {
        assert_eq!(find(text, &reached), rank, "{text}");
    }
    let by_mail = query("ann@example.com");
    assert!(by_mail.email().is_some());
    let found = by_mail.judge(&reached, Rank::Whole);
    assert_eq!(found.map(|found| found.rank), Some(Rank::Whole));
    assert!(
        query("bob@example.com")
            .judge(&reached, Rank::Similar)
            .is_none()
    );
}

#[test]
fn a_match_says_which_fields_are_it() {
    let wang = customer(Draft {
        given_name: Patch::Set(Pii::from("小明")),
        family_name: Patch::Set(Pii::from("王")),
        ..Draft::default()
    });
    let fields = |text: &str| {
        let found = query(text).judge(&wang, Rank::Similar).expect("is found");
        found.fields.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(fields("王小明"), ["display_name"]);
    assert_eq!(fields("小明"), ["given_name"]);
    assert_eq!(fields("xm"), ["display_name", "given_name"]);
}

#[test]
fn what_is_no_query_is_refused_with_its_field() {
    for text in ["", " -·'", &"王".repeat(201), "a b c d e f g h i"] {
        let mut violations = Violations::default();
        assert!(Query::parse(text, &mut violations).is_none(), "{text}");
        let error = violations.into_result().expect_err("refused");
        assert_eq!(error.violations()[0].field, "query");
    }
}

#[test]
fn a_customer_has_few_terms_and_always_the_same() {
    assert_eq!(terms(&called("王小明")).len(), 12);
    assert_eq!(terms(&called("Jonathan Meyer")).len(), 23);
    let long = called(&"单重曾 Abcdefghij ".repeat(10));
    assert!(terms(&long).len() <= 96);
    assert_eq!(terms(&long), terms(&long));
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[王李张单曾欧阳][小明伟芳重娜]{1,3}",
        "[A-Z][a-zé]{0,12}( [A-Z][a-z'-]{0,12}){0,3}",
        "[王李张][小明]{1,2} [A-Za-z]{1,9}",
        "[ァ-ヴ가-힣]{1,8}",
        "[\\p{L}\\p{N}]{1,12}( [\\p{L}\\p{N}]{1,12}){0,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn everybody_is_found_by_every_beginning_of_every_word(name in names()) {
        let customer = called(&name);
        for word in words(&name) {
            for length in 1..=word.chars.len() {
                let beginning: String = word.chars[..length].iter().collect();
                let rank = find(&beginning, &customer);
                prop_assert!(rank.is_some_and(|rank| rank <= Rank::Part), "{beginning} of {name}");
            }
        }
        if words(&name).len() <= QUERY_WORDS_MAX {
            prop_assert!(find(&name, &customer).is_some(), "{name}");
        }
    }

    #[test]
    fn one_wrong_letter_does_not_hide_anybody(
        name in "[a-z]{4,12}",
        at in any::<prop::sample::Index>(),
        letter in "[a-z]",
        kind in 0..4_u8,
    ) {
        let customer = called(&name);
        let mut typed: Vec<char> = name.chars().collect();
        let at = at.index(typed.len());
        let letter = letter.chars().next().unwrap_or('x');
        match kind {
            0 => typed[at] = letter,
            1 => typed.insert(at, letter),
            2 if typed.len() > 4 => drop(typed.remove(at)),
            _ if at + 1 < typed.len() => typed.swap(at, at + 1),
            _ => {}
        }
        let typed: String = typed.into_iter().collect();
        prop_assert!(find(&typed, &customer).is_some(), "{typed} for {name}");
    }

    #[test]
    fn pinyin_of_any_length_finds_the_name(given in "[小明伟芳娜静强磊洋]{1,3}", cut in 1..20_usize) {
        let name = format!("王{given}");
        let characters: Vec<char> = name.chars().collect();
        let readings = pinyin::readings(&characters);
        let full: String = readings.iter().map(|readings| readings[0]).collect();
        let initials: String = readings.iter().map(|readings| &readings[0][..1]).collect();
        let customer = called(&name);
        for typed in [&full[..cut.min(full.len())], &initials[..cut.min(initials.len())]] {
            let rank = find(typed, &customer);
            prop_assert!(rank.is_some_and(|rank| rank <= Rank::Initials), "{typed} for {name}");
        }
    }

    #[test]
    fn any_text_is_searched_or_refused_in_bounded_work(text in any::<String>()) {
        if let Some(query) = Query::parse(&text, &mut Violations::default()) {
            for step in query.steps() {
                prop_assert!(!step.groups.is_empty());
                let terms: usize = step.groups.iter().map(Vec::len).sum();
                prop_assert!(terms < 20_000);
            }
        }
    }
}
