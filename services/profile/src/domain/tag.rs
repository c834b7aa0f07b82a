//! Marks such as `vip`.

use super::{Many, Violations, normalize};

pub const LENGTH_MAX: usize = 64;
pub const COUNT_MAX: usize = 200;

/// Normalises the tags and keeps them as a sorted set.
pub fn check(tags: Many<String>, violations: &mut Violations) -> Many<String> {
    let mut tags = tags.filter_map(|index, tag| {
        let tag = normalize::text(&tag);
        match tag.chars().count() {
            1..=LENGTH_MAX => Some(tag),
            _ => {
                violations.add(format!("tags[{index}]"), "must have 1 to 64 characters");
                None
            }
        }
    });
    if let Many::Replace(values) | Many::Add(values) | Many::Remove(values) = &mut tags {
        values.sort_unstable();
        values.dedup();
    }
    tags
}

/// The most tags that are put away at once.
const MERGED_MAX: usize = 50;

/// One tag in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retag {
    pub from: Vec<String>,
    pub into: String,
    /// Nobody has the new tag yet.
    pub is_renaming: bool,
}

impl Retag {
    /// Another name for a tag.
    pub fn rename(tag: &str, new_tag: &str, problems: &mut Violations) -> Self {
        let from = one("tag", tag, problems);
        let into = one("new_tag", new_tag, problems);
        if from == into {
            problems.add_to_request("new_tag", "must be another tag");
        }
        Self {
            from: vec![from],
            into,
            is_renaming: true,
        }
    }

    /// One tag instead of several.
    pub fn merge(tags: &[String], into: &str, problems: &mut Violations) -> Self {
        let into = one("into_tag", into, problems);
        let mut from = Vec::new();
        if !(1..=MERGED_MAX).contains(&tags.len()) {
            problems.add_to_request("tags", "must have 1 to 50 tags");
        } else {
            for (index, tag) in tags.iter().enumerate() {
                let field = format!("tags[{index}]");
                let tag = one(&field, tag, problems);
                if tag == into {
                    problems.add_to_request(field, "must be another tag than into_tag");
                }
                from.push(tag);
            }
        }
        Self {
            from,
            into,
            is_renaming: false,
        }
    }

    /// Says whether that changes anything.
    pub fn apply(&self, tags: &mut Vec<String>) -> bool {
        let before = tags.len();
        tags.retain(|tag| !self.from.contains(tag));
        if tags.len() == before {
            return false;
        }
        if let Err(place) = tags.binary_search(&self.into) {
            tags.insert(place, self.into.clone());
        }
        true
    }
}

fn one(field: &str, tag: &str, problems: &mut Violations) -> String {
    let tag = normalize::text(tag);
    if !(1..=LENGTH_MAX).contains(&tag.chars().count()) {
        problems.add_to_request(field, "must have 1 to 64 characters");
    }
    tag
}

/// Keeps `field` sorted and without repeats, as it was.
pub fn apply(tags: Many<String>, field: &mut Vec<String>) {
    tags.apply(
        field,
        |a, b| a == b,
        |field, tag| {
            if let Err(place) = field.binary_search(&tag) {
                field.insert(place, tag);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_takes_the_place_of_others_and_the_set_stays_sorted() {
        let mut problems = Violations::default();
        let merge = Retag::merge(&["b".to_owned(), " c ".to_owned()], "e", &mut problems);
        assert!(problems.is_empty());
        let of = |tags: &[&str]| tags.iter().map(|&tag| tag.to_owned()).collect::<Vec<_>>();
        for (before, after, changes) in [
            (&["a", "b", "c", "d"][..], &["a", "d", "e"][..], true),
            (&["c", "e", "f"], &["e", "f"], true),
            (&["a", "e"], &["a", "e"], false),
        ] {
            let mut tags = of(before);
            assert_eq!(merge.apply(&mut tags), changes);
            assert_eq!(tags, of(after));
        }
        Retag::rename("a", "ａ", &mut problems);
        assert_eq!(problems.count(), 1);
    }
}
