//! That a customer must be kept.

use dossier_kernel::{CustomerId, Timestamp};

use super::Violations;

const REASON_CHARS_MAX: usize = 500;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegalHold {
    pub customer: CustomerId,
    pub reason: String,
    pub create_time: Timestamp,
    /// Who set it, such as `person:amy`.
    pub creator: String,
}

/// Why something was decided about somebody, in words that name nobody.
pub fn check_reason(reason: &str, problems: &mut Violations) {
    let chars = reason.chars().count();
    if chars == 0 || chars > REASON_CHARS_MAX || reason.contains('\0') {
        problems.add_to_request(
            "reason",
            format!("must have 1 to {REASON_CHARS_MAX} characters without U+0000"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_needed_and_bounded() {
        let wrong = |reason: &str| {
            let mut problems = Violations::default();
            check_reason(reason, &mut problems);
            !problems.is_empty()
        };
        assert!(!wrong("case 4711"));
        assert!(!wrong(&"字".repeat(500)));
        assert!(wrong("") && wrong("a\0") && wrong(&"字".repeat(501)));
    }
}
