//! What is known of a value at a glance.

use crate::value::Value;

/// A value of a record: where it is, and enough of it to tell most pairs apart.
///
/// Most pairs that are compared differ altogether. The sketches of a record lie side by side, so
/// that this is seen without touching a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sketch {
    /// Place in the table's pool.
    pub place: u32,
    /// The place of the first value that differs from this one in nothing but spaces.
    pub shape: u32,
    letters: Letters,
}

/// The letters of a text, counted in 32 buckets of up to two.
#[derive(Clone, Copy, Debug)]
struct Letters {
    /// Two bits a bucket, in unary.
    counts: u64,
    /// Letters beyond the second of their bucket.
    beyond: u16,
    /// All letters.
    total: u16,
}

impl Sketch {
    pub fn new(place: u32, shape: u32, value: &Value) -> Self {
        let mut letters = Letters {
            counts: 0,
            beyond: 0,
            total: 0,
        };
        for letter in value.squeezed.chars() {
            let bucket = 2 * (u32::from(letter) & 31);
            letters.total = letters.total.saturating_add(1);
            match (letters.counts >> bucket) & 3 {
                0 => letters.counts |= 1 << bucket,
                1 => letters.counts |= 2 << bucket,
                _ => letters.beyond = letters.beyond.saturating_add(1),
            }
        }
        Self {
            place,
            shape,
            letters,
        }
    }

    /// At least as many letters as both texts have in common, wherever they stand.
    fn common_max(self, other: Self) -> u32 {
        let (one, other) = (self.letters, other.letters);
        (one.counts & other.counts).count_ones() + u32::from(one.beyond.min(other.beyond))
    }

    /// Whether Jaro's similarity can be 0.7: whether it is so if all letters in common are at the
    /// right place. The same bound holds for the relative edit distance, which the longer text limits.
    pub fn may_be_similar(self, other: Self) -> bool {
        let (one, two) = (
            u32::from(self.letters.total),
            u32::from(other.letters.total),
        );
        10 * self.common_max(other) * (one + two) >= 11 * one * two
    }

    /// At most the edits that turn one text into the other.
    pub fn edits_min(self, other: Self) -> u32 {
        let longer = self.letters.total.max(other.letters.total);
        u32::from(longer).saturating_sub(self.common_max(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::comparator::{Comparator, Level};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn a_glance_never_sees_less_than_there_is(
            (one, other) in alike(),
            comparator in prop::sample::select(&[Comparator::Name, Comparator::Text, Comparator::Code, Comparator::Email][..]),
        ) {
            let [one, other] = [one, other].map(|text| Value::new(text.into()));
            prop_assume!(one.squeezed != other.squeezed);
            let glance = comparator.level_at_best(Sketch::new(0, 0, &one), Sketch::new(1, 1, &other));
            let level = comparator.level(&one, &other);
            prop_assert!(glance <= level, "{glance:?} at a glance, {level:?} in truth");
            prop_assert_eq!(level, comparator.level(&other, &one));
        }

        #[test]
        fn a_glance_at_dates_never_sees_less_than_there_is(one in "[0-2]{8}", other in "[0-2]{8}") {
            prop_assume!(one != other);
            let [one, other] = [one, other].map(|text| Value::new(text.into()));
            let by = Comparator::Date;
            let glance = by.level_at_best(Sketch::new(0, 0, &one), Sketch::new(1, 1, &other));
            prop_assert!(Level::EQUAL < glance && glance <= by.level(&one, &other));
        }
    }

    /// Texts of few letters, so that many are similar.
    fn alike() -> impl Strategy<Value = (String, String)> {
        ("[a-d王芳 ]{1,12}", "[a-d王芳 ]{1,12}")
    }
}
