//! `order_by` of lists (AIP-132): `create_time desc, name`.

use dossier_kernel::Error;

use crate::problem::{Problem, shown, suggest};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    Ascending,
    Descending,
}

/// Reads the order of a list.
pub struct OrderBy;

impl OrderBy {
    /// The fields and directions of `text`, in its order; empty for an empty text, which leaves the
    /// order to the list. `allowed` are the fields the list can be ordered by.
    ///
    /// Fails with `InvalidFilter` and a violation on the field `order_by`.
    pub fn parse(text: &str, allowed: &[&str]) -> Result<Vec<(String, Direction)>, Error> {
        parse(text, allowed).map_err(Problem::into_order_error)
    }
}

fn parse(text: &str, allowed: &[&str]) -> Result<Vec<(String, Direction)>, Problem> {
    let mut order: Vec<(String, Direction)> = Vec::new();
    if text.trim().is_empty() {
        return Ok(order);
    }
    for part in text.split(',') {
        let mut words = part.split_whitespace();
        let Some(field) = words.next() else {
            return Err(Problem::whole("a field is missing beside a comma"));
        };
        let direction = match (words.next(), words.next()) {
            (None | Some("asc"), None) => Direction::Ascending,
            (Some("desc"), None) => Direction::Descending,
            _ => return Err(Problem::whole("only `asc` or `desc` may follow a field")),
        };
        if !allowed.contains(&field) {
            let known: Vec<String> = allowed.iter().map(|&name| name.to_owned()).collect();
            let suggestion = suggest(field, &known);
            let words = format!("`{}` is no field to order by{suggestion}", shown(field));
            return Err(Problem::whole(words));
        }
        if order.iter().any(|(name, _)| name == field) {
            return Err(Problem::whole(format!("`{field}` is named twice")));
        }
        order.push((field.to_owned(), direction));
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_with_its_field(
            words in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(&["name", "create_time", "desc", "asc", ",", " ", "."][..])
                        .prop_map(str::to_owned),
                    any::<String>(),
                ],
                0..8,
            ),
        ) {
            match OrderBy::parse(&words.concat(), &ALLOWED) {
                Ok(order) => prop_assert!(order.iter().all(|(field, _)| ALLOWED.contains(&field.as_str()))),
                Err(error) => prop_assert_eq!(error.violations()[0].field.as_str(), "order_by"),
            }
        }
    }

    const ALLOWED: [&str; 2] = ["create_time", "name"];

    #[test]
    fn fields_come_in_order_with_their_direction() {
        let order = OrderBy::parse(" create_time  desc,name ", &ALLOWED).expect("valid");
        let expected = [
            ("create_time", Direction::Descending),
            ("name", Direction::Ascending),
        ];
        assert_eq!(
            order,
            expected.map(|(field, direction)| (field.to_owned(), direction))
        );
        assert_eq!(
            OrderBy::parse("", &ALLOWED).expect("the list's own order"),
            []
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("nmae", "did you mean `name`?"),
            ("secret", "known are create_time, name"),
            ("name descending", "only `asc` or `desc`"),
            ("name desc desc", "only `asc` or `desc`"),
            ("name, ", "a field is missing"),
            ("name, name desc", "named twice"),
        ] {
            let error = OrderBy::parse(text, &ALLOWED).expect_err(text);
            assert!(error.message().contains(words), "{text}: {error}");
            assert_eq!(error.violations()[0].field, "order_by");
        }
    }
}
