//! Each mistake is answered with its place and its cure.

use dossier_filter::Filter;

use crate::fixture::Fixture;

fn refusal(text: &str) -> String {
    Filter::parse(text, &Fixture)
        .expect_err(text)
        .message()
        .to_owned()
}

#[test]
fn mistakes_are_named_with_their_place_and_cure() {
    for (text, words) in [
        (
            "nmae = \"x\"",
            "at character 1: unknown field `nmae`; did you mean `name`?",
        ),
        (
            "name = \"x\" AND region = 1",
            "at character 16: unknown field `region`; known are name,",
        ),
        (
            "totl(amount, 30d) > 1",
            "unknown function `totl()`; did you mean `total()`?",
        ),
        ("total(amount) > 1", "total takes a field and a window"),
        (
            "total(amount, 30 d) > 1",
            "at character 18: a comma or a closing parenthesis is missing",
        ),
        ("total(amount, 30y) > 1", "a duration is written 30d"),
        ("vip", "at character 1: bare words are not searched"),
        ("name", "an operator is missing"),
        ("name \"x\"", "an operator is missing"),
        ("name = ", "at character 8: a value is missing"),
        ("name == \"x\"", "a value is missing"),
        (
            "name = \"x",
            "at character 8: the quoted text that begins here has no closing quote",
        ),
        ("name = \"a\\q\"", "a backslash stands before"),
        ("name = a.b", "a value is a literal"),
        ("orders = total(amount, 30d)", "a value is a literal"),
        ("name < \"x\"", "at character 6: text has no order"),
        ("tags = \"vip\"", "a set is asked with `:`"),
        ("tags:\"vi*\"", "members of a set are compared whole"),
        ("name:\"a*b\"", "at the end only"),
        ("name = a*", "after `:` only"),
        (
            "kind = ORGANISATION",
            "the value must be one of PERSON, ORGANIZATION",
        ),
        ("kind > PERSON", "names of an enum have no order"),
        ("orders = 1.5", "a whole number"),
        ("orders = \"1\"", "a whole number without quotes"),
        ("amount > 1.1234567", "at most six decimals"),
        ("active = yes", "true or false"),
        ("seen > \"yesterday\"", "a time such as"),
        ("seen > \"9999-12-31T23:59:59-23:00\"", "a time such as"),
        ("birth = \"1998-02-30\"", "a date such as"),
        ("owner = \"me\"", "a UUID"),
        (
            "orders = 1 orders = 2",
            "at character 12: AND or OR is missing between two conditions",
        ),
        (
            "orders = 1 and orders = 2",
            "AND, OR and NOT are written in capitals",
        ),
        ("orders = 1 && orders = 2", "joined with AND and OR"),
        (
            "orders = 1 AND",
            "at character 15: a condition is missing at the end",
        ),
        ("AND orders = 1", "a condition is missing before AND"),
        ("(orders = 1", "the parenthesis is not closed"),
        ("(orders = 1 orders = 2)", "AND or OR is missing"),
        (
            "orders = 1)",
            "at character 11: this parenthesis closes nothing",
        ),
        ("orders = - 1", "a number is missing after the minus"),
        (
            "name = \"王小明\" AND x = 1",
            "at character 18: unknown field `x`",
        ),
    ] {
        let message = refusal(text);
        assert!(
            message.contains(words),
            "{text}\n  said   {message}\n  wanted {words}"
        );
    }
}

#[test]
fn values_are_not_repeated_in_errors() {
    for text in [
        "kind = \"13800138000\"",
        "orders = \"13800138000\"",
        "name \"13800138000\"",
        "13800138000",
        "\"13800138000\" = name",
        "attributes.\"13800138000\".x = 1",
        "13800138000 = name",
    ] {
        assert!(!refusal(text).contains("13800138000"), "{text}");
    }
}

#[test]
fn the_canonical_text_is_one_spelling_of_many() {
    for (text, canonical) in [
        (
            "kind=PERSON OR kind:'ORGANIZATION' AND -tags:vip",
            "(kind = PERSON OR kind = ORGANIZATION) AND NOT tags:\"vip\"",
        ),
        (
            "((orders>1) AND (amount>=1.50 AND active=true))",
            "orders > 1 AND amount >= 1.5 AND active = true",
        ),
        ("total(amount,43200m)<-0.5", "total(amount, 30d) < -0.5"),
        ("seen > 1998-01-01", "seen > \"1998-01-01T00:00:00Z\""),
        ("birth<=1998-01-01", "birth <= \"1998-01-01\""),
        ("name:Wa* AND name:'*'", "name:\"Wa*\" AND name:*"),
        ("NOT(NOT(orders=1))", "NOT (NOT orders = 1)"),
        ("kind = 2nd", "kind = \"2nd\""),
        (
            "attributes.'loyalty tier' = \"a\\\"b\"",
            "attributes.\"loyalty tier\" = \"a\\\"b\"",
        ),
    ] {
        let filter = Filter::parse(text, &Fixture).expect(text);
        assert_eq!(filter.to_string(), canonical, "{text}");
    }
}
