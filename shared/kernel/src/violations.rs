//! Collecting everything that is wrong with an input, so that a caller hears it at once.

use crate::{Error, Violation};

/// What is wrong so far. Paths are only built for what is wrong: a good input allocates nothing.
#[derive(Debug, Default)]
pub struct Violations(Vec<Violation>);

impl Violations {
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(Violation::new(field, description));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Moves everything under a parent, such as `requests[3]`.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        for violation in &mut self.0 {
            violation.field.insert(0, '.');
            violation.field.insert_str(0, parent);
        }
        self
    }

    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Fails with everything collected, if there is anything.
    pub fn into_result(self) -> Result<(), Error> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.into_error())
        }
    }

    pub fn into_error(self) -> Error {
        Error::invalid(self.0)
    }

    /// At most `max` characters, and none that a database or a log could trip over.
    pub fn text(&mut self, field: &str, value: &str, max: usize) {
        if is_longer(value, max) {
            self.add(field, format!("must have at most {max} characters"));
        }
        if value.contains('\0') {
            self.add(field, "must not contain the character U+0000");
        }
    }

    /// As [`Self::text`], on one line, and not empty.
    pub fn required_label(&mut self, field: &str, value: &str, max: usize) {
        if value.is_empty() {
            self.add(field, format!("is required, 1 to {max} characters"));
        }
        self.label(field, value, max);
    }

    /// As [`Self::text`], on one line; empty means not given.
    pub fn label(&mut self, field: &str, value: &str, max: usize) {
        if is_longer(value, max) {
            self.add(field, format!("must have at most {max} characters"));
        }
        if value.chars().any(char::is_control) {
            self.add(field, "must not contain control characters");
        }
    }

    /// Names of systems and channels: 1 to 63 characters of `a-z`, `0-9`, `-`, `_`, `.`.
    pub fn code(&mut self, field: &str, value: &str) {
        let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
        if value.is_empty() || value.len() > CODE_MAX || !value.bytes().all(fine) {
            self.add(
                field,
                "must have 1 to 63 characters of a-z, 0-9, '-', '_' and '.'",
            );
        }
    }

    /// Names of the tenant's own: as codes without `-`, beginning with a letter.
    pub fn own_name(&mut self, field: &str, value: &str) {
        if !is_own_name(value) {
            self.add(
                field,
                "must have 1 to 63 characters of a-z, 0-9, '_' and '.', beginning with a letter",
            );
        }
    }

    pub fn not_negative(&mut self, field: &str, value: i32) {
        if value < 0 {
            self.add(field, "must not be negative");
        }
    }
}

const CODE_MAX: usize = 63;

/// Whether the text is a name as [`Violations::own_name`] wants it.
pub fn is_own_name(value: &str) -> bool {
    let fine = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.".contains(&b);
    value.len() <= CODE_MAX
        && value.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && value.bytes().all(fine)
}

/// Counts characters only when the bytes leave a doubt.
fn is_longer(value: &str, max: usize) -> bool {
    value.len() > max && value.chars().count() > max
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(check: impl Fn(&mut Violations)) -> usize {
        let mut violations = Violations::default();
        check(&mut violations);
        violations.0.len()
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        let four = "客户档案";
        assert_eq!(found(|v| v.text("t", four, 4)), 0);
        assert_eq!(found(|v| v.text("t", four, 3)), 1);
    }

    #[test]
    fn codes_and_own_names_know_their_letters() {
        for good in ["shop", "a", "0.a-b_c", &"x".repeat(63)] {
            assert_eq!(found(|v| v.code("c", good)), 0, "{good}");
        }
        for bad in ["", "Shop", "a b", "é", &"x".repeat(64)] {
            assert_eq!(found(|v| v.code("c", bad)), 1, "{bad}");
        }
        assert!(is_own_name("trade_in.v2"));
        for bad in ["", "2a", "_a", "a-b", "A", &"x".repeat(64)] {
            assert!(!is_own_name(bad), "{bad}");
        }
    }

    #[test]
    fn violations_move_under_a_parent() {
        let mut violations = Violations::default();
        violations.add("interaction.source", "x");
        let error = violations
            .under("requests[3]")
            .into_result()
            .expect_err("one is wrong");
        assert_eq!(
            error.violations()[0].field,
            "requests[3].interaction.source"
        );
    }
}
