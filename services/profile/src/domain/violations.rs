//! Everything that is wrong with a request, collected before any of it is refused.

use dossier_kernel::violations::is_own_name;
use dossier_kernel::{Error, Violation};

/// What is kept; an answer lists fewer. Beyond it violations are counted, so that what is wrong with
/// a request never takes more memory than the request.
const KEPT_MAX: usize = 100;

/// Collects violations. Those of the customer have paths counted from it; those of the request
/// around it are kept apart, because only the request knows where the customer is in it.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    customer: Vec<Violation>,
    request: Vec<Violation>,
    /// How many are not kept.
    left_out: usize,
}

impl Violations {
    /// `description` says what would be right, and never repeats the value.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        match self.customer.len() < KEPT_MAX {
            true => self.customer.push(Violation::new(field, description)),
            false => self.left_out += 1,
        }
    }

    /// A violation of the request around the customer; its path stays as it is.
    pub fn add_to_request(&mut self, field: impl Into<String>, description: impl Into<String>) {
        match self.request.len() < KEPT_MAX {
            true => self.request.push(Violation::new(field, description)),
            false => self.left_out += 1,
        }
    }

    /// Objects to a name in the request around the customer that is none of the tenant's own.
    pub fn check_own_name(&mut self, field: impl Into<String>, value: &str) {
        if !is_own_name(value) {
            let words =
                "must have 1 to 63 characters of a-z, 0-9, '_' and '.', beginning with a letter";
            self.add_to_request(field, words);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.customer.is_empty() && self.request.is_empty()
    }

    /// Those of the customer that are kept.
    pub fn as_slice(&self) -> &[Violation] {
        &self.customer
    }

    /// How many there are, whether they are kept or not.
    pub fn count(&self) -> usize {
        self.customer.len() + self.request.len() + self.left_out
    }

    /// Whether something below `path` is wrong already.
    pub fn has_below(&self, path: &str) -> bool {
        let below = |field: &str| {
            field
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        self.customer
            .iter()
            .any(|violation| below(&violation.field))
    }

    /// The same violations as seen from a message that holds the customer in the field `parent`.
    #[must_use]
    pub fn under(self, parent: &str) -> Self {
        let customer = self.customer.into_iter().map(|violation| Violation {
            field: format!("{parent}.{}", violation.field),
            ..violation
        });
        Self {
            customer: customer.collect(),
            ..self
        }
    }

    pub fn append(&mut self, others: Self) {
        self.left_out += others.left_out;
        for Violation { field, description } in others.customer {
            self.add(field, description);
        }
        for Violation { field, description } in others.request {
            self.add_to_request(field, description);
        }
    }

    /// `Ok` when nothing is wrong, else one error that names everything.
    pub fn into_result(self) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let Self {
            customer,
            mut request,
            left_out: _,
        } = self;
        request.extend(customer);
        Err(Error::invalid(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_first_hundred_they_are_counted() {
        let mut violations = Violations::default();
        for index in 0..250 {
            violations.add(format!("tags[{index}]"), "is wrong");
        }
        let mut all = Violations::default();
        all.add("type", "is required");
        all.add_to_request("update_mask", "is wrong");
        all.append(violations.under("customer"));
        assert_eq!(all.as_slice().len(), KEPT_MAX);
        assert_eq!(all.count(), 252);
        assert_eq!(all.as_slice()[1].field, "customer.tags[0]");
    }
}
