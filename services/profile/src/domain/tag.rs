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
