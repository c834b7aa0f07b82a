//! Everything that is wrong with a request, collected before any of it is refused.

use dossier_kernel::{Error, Violation};

/// Collects violations. Those of the customer have paths counted from it; those of the request
/// around it are kept apart, because only the request knows where the customer is in it.
#[derive(Clone, Debug, Default)]
pub struct Violations {
    customer: Vec<Violation>,
    request: Vec<Violation>,
}

impl Violations {
    /// `description` says what would be right, and never repeats the value.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.customer.push(Violation::new(field, description));
    }

    /// A violation of the request around the customer; its path stays as it is.
    pub fn add_to_request(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.request.push(Violation::new(field, description));
    }

    pub fn is_empty(&self) -> bool {
        self.customer.is_empty() && self.request.is_empty()
    }

    /// Those of the customer.
    pub fn as_slice(&self) -> &[Violation] {
        &self.customer
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
            request: self.request,
        }
    }

    pub fn append(&mut self, mut others: Self) {
        self.customer.append(&mut others.customer);
        self.request.append(&mut others.request);
    }

    /// `Ok` when nothing is wrong, else one error that names everything.
    pub fn into_result(self) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        let Self {
            customer,
            mut request,
        } = self;
        request.extend(customer);
        Err(Error::invalid(request))
    }
}
