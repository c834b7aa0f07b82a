//! What is wrong with a filter, where, and what to write instead.

use dossier_kernel::{Error, Reason, Violation};

/// The filter's text is never part of a problem: it may hold personal values. Names of fields are.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Characters before the place, or `None` when the filter as a whole is at fault.
    at: Option<usize>,
    words: String,
}

impl Problem {
    pub(crate) fn at(at: usize, words: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            words: words.into(),
        }
    }

    pub(crate) fn whole(words: impl Into<String>) -> Self {
        Self {
            at: None,
            words: words.into(),
        }
    }

    pub(crate) fn into_error(self) -> Error {
        refuse("filter", "The filter", self.at, &self.words)
    }

    pub(crate) fn into_order_error(self) -> Error {
        refuse("order_by", "The order", self.at, &self.words)
    }
}

fn refuse(field: &str, subject: &str, at: Option<usize>, words: &str) -> Error {
    let place = at
        .map(|at| format!(" at character {}", at + 1))
        .unwrap_or_default();
    let description = format!("not valid{place}: {words}");
    Error::new(
        Reason::InvalidFilter,
        format!("{subject} is {description}."),
    )
    .with_violations(vec![Violation::new(field, description)])
}

/// `; did you mean …?` or `; known are …`, for a name that does not exist.
pub(crate) fn suggest(name: &str, known: &[String]) -> String {
    const SHOWN_MAX: usize = 20;
    const TYPOS_MAX: usize = 3;
    // Names that differ more in length differ in more than typos; a distance costs the product of
    // both lengths, and the name may be as long as a filter.
    let length = name.chars().count();
    let nearest = known
        .iter()
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= TYPOS_MAX)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .min_by_key(|(distance, _)| *distance);
    if let Some((distance, candidate)) = nearest
        && distance <= (length / 3).clamp(1, TYPOS_MAX)
    {
        return format!("; did you mean `{candidate}`?");
    }
    if known.is_empty() {
        return String::new();
    }
    let more = if known.len() > SHOWN_MAX { ", …" } else { "" };
    let shown = known
        .iter()
        .take(SHOWN_MAX)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    format!("; known are {shown}{more}")
}

/// A name as it may be repeated in an error: short and on one line.
pub(crate) fn shown(name: &str) -> String {
    const SHOWN_MAX: usize = 64;
    name.chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_typo_is_recognised_and_a_long_name_costs_nothing() {
        let known: Vec<String> = (0..500)
            .map(|n| format!("attributes.{}{n}", "a".repeat(60)))
            .chain(["region_code".to_owned()])
            .collect();
        assert!(suggest("regoin_code", &known).contains("did you mean `region_code`?"));
        let begun = Instant::now();
        assert!(suggest(&"a".repeat(8_000), &known).contains("known are"));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}
