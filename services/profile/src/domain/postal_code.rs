//! What postal codes look like, by region.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

/// Source and licence: `data/README.md`.
static PATTERNS: LazyLock<HashMap<&'static str, Pattern>> = LazyLock::new(|| {
    let rows = include_str!("../../data/postal-codes.tsv").lines();
    rows.filter_map(Pattern::read).collect()
});

struct Pattern {
    regex: LazyLock<Option<Regex>, Box<dyn FnOnce() -> Option<Regex> + Send>>,
    example: &'static str,
}

impl Pattern {
    fn read(row: &'static str) -> Option<(&'static str, Self)> {
        let mut columns = row.split('\t');
        let (region, pattern, example) = (columns.next()?, columns.next()?, columns.next()?);
        // Compiled when the first address of the region comes.
        let compile = move || Regex::new(&format!("^(?:{pattern})$")).ok();
        let regex = LazyLock::new(Box::new(compile) as Box<dyn FnOnce() -> _ + Send>);
        Some((region, Self { regex, example }))
    }
}

/// The code in capitals; as it is where it is not known how the region's look. Errors are the words
/// of a violation.
pub fn normalize(region: &str, code: &str) -> Result<String, String> {
    let Some(pattern) = PATTERNS.get(region) else {
        return Ok(code.to_owned());
    };
    let capitals = code.to_ascii_uppercase();
    match pattern
        .regex
        .as_ref()
        .is_none_or(|regex| regex.is_match(&capitals))
    {
        true => Ok(capitals),
        false => {
            let example = pattern.example;
            Err(format!(
                "must be a postal code as {region} has them, such as {example}"
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_takes_its_example_and_no_more() {
        assert_eq!(PATTERNS.len(), 181);
        for (region, pattern) in &*PATTERNS {
            assert!(pattern.regex.is_some(), "{region}");
            let example = pattern.example;
            assert_eq!(
                normalize(region, &example.to_lowercase()).as_deref(),
                Ok(example),
                "{region}"
            );
            assert!(
                normalize(region, &format!("{example}!")).is_err(),
                "{region}"
            );
        }
    }

    #[test]
    fn regions_without_a_pattern_take_anything() {
        assert_eq!(normalize("HK", "any").as_deref(), Ok("any"));
        assert_eq!(normalize("CN", "200000").as_deref(), Ok("200000"));
        assert!(normalize("CN", "20000").is_err_and(|words| words.contains("266033")));
    }
}
