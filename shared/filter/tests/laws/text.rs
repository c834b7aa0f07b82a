//! Text in, text out.

use dossier_filter::{Filter, MAX_COST, MAX_DEPTH, MAX_TEXT_BYTES};
use dossier_kernel::Reason;
use proptest::prelude::*;

use crate::fixture::Fixture;
use crate::random::shape;

/// Pieces that come near to a filter, so that errors deep in the grammar are reached too.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        proptest::sample::select(
            &[
                "name",
                "tags",
                "orders",
                "seen",
                "amount",
                "total",
                "AND",
                "OR",
                "NOT",
                "and",
                "(",
                ")",
                "\"",
                "'",
                "\\",
                "=",
                "!=",
                "<",
                ">=",
                ":",
                "*",
                "-",
                ".",
                ",",
                "30d",
                "1.5",
                "\"x\"",
                "\"2026-01-01\"",
                "\"9999-12-31T23:59:59-23:00\"",
                "true",
                "1e9",
                "王",
                "\0",
            ][..]
        )
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    (
        proptest::collection::vec(piece, 0..40),
        proptest::sample::select(&["", " "][..]),
    )
        .prop_map(|(pieces, between)| pieces.join(between))
}

proptest! {
    #[test]
    fn the_canonical_text_parses_back_to_the_same_filter(shape in shape()) {
        let text = shape.text(0);
        let filter = Filter::parse(&text, &Fixture).expect("the generator writes valid filters");
        let canonical = filter.to_string();
        let again = Filter::parse(&canonical, &Fixture).expect("canonical text is valid");
        prop_assert_eq!(&again, &filter);
        prop_assert_eq!(again.to_string(), canonical);
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_crash(text in prop_oneof![any::<String>(), soup()]) {
        match Filter::parse(&text, &Fixture) {
            Ok(filter) => {
                let again = Filter::parse(&filter.to_string(), &Fixture).expect("canonical text");
                prop_assert_eq!(again, filter);
            }
            Err(error) => {
                prop_assert_eq!(error.reason(), Reason::InvalidFilter);
                prop_assert_eq!(error.violations()[0].field.as_str(), "filter");
            }
        }
    }
}

#[test]
fn limits_are_reached_and_not_passed() {
    let nested = |depth: usize| format!("{}orders=1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(MAX_DEPTH), &Fixture).is_ok());
    let error = Filter::parse(&nested(MAX_DEPTH + 1), &Fixture).expect_err("too deep");
    assert!(error.message().contains("nest deeper"), "{error}");
    assert!(Filter::parse(&nested(4_000), &Fixture).is_err());

    let calls = |n: usize| vec!["total(amount,30d)>1"; n].join(" OR ");
    assert_eq!(
        Filter::parse(&calls(50), &Fixture)
            .expect("affordable")
            .cost(),
        MAX_COST
    );
    let error = Filter::parse(&calls(51), &Fixture).expect_err("too dear");
    assert!(error.message().contains("it costs 510"), "{error}");

    let long = format!("name = \"{}\"", "x".repeat(MAX_TEXT_BYTES));
    assert!(
        Filter::parse(&long, &Fixture)
            .expect_err("too long")
            .message()
            .contains("8192 bytes")
    );
}
