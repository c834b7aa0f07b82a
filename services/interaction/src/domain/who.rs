//! Whom something happened with, as a caller may say it.

use dossier_kernel::{CustomerId, Pii};

use super::Violations;

/// A customer by name or by an identifier that profile resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    Customer(CustomerId),
    Key(CustomerKey),
}

/// An identifier by which a customer is known. Not normalised: profile does that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CustomerKey {
    Email(Pii<String>),
    Phone {
        number: Pii<String>,
        region_code: String,
    },
    ExternalId {
        namespace: String,
        value: Pii<String>,
    },
}

impl CustomerKey {
    /// The shape only; whether it is an address or a number at all is profile's to say.
    pub fn check(&self, violations: &mut Violations) {
        match self {
            Self::Email(email) => {
                violations.required_label("customer_key.email", email.expose(), 320);
            }
            Self::Phone {
                number,
                region_code,
            } => {
                violations.required_label("customer_key.phone", number.expose(), 64);
                let region = region_code.as_bytes();
                let fine = region.len() == 2 && region.iter().all(u8::is_ascii_uppercase);
                if !region.is_empty() && !fine {
                    violations.add(
                        "customer_key.region_code",
                        "must be a CLDR region of two capital letters, such as CN",
                    );
                }
            }
            Self::ExternalId { namespace, value } => {
                violations.code("customer_key.external_id.namespace", namespace);
                violations.required_label("customer_key.external_id.value", value.expose(), 256);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_everything_that_is_wrong_with_it_but_not_its_value() {
        let key = CustomerKey::ExternalId {
            namespace: "Shop".into(),
            value: Pii::from(""),
        };
        let mut violations = Violations::default();
        key.check(&mut violations);
        let error = violations
            .into_result()
            .expect_err("namespace and value are wrong");
        assert_eq!(error.violations().len(), 2);

        let phone = CustomerKey::Phone {
            number: "10\n86".into(),
            region_code: "china".into(),
        };
        let mut violations = Violations::default();
        phone.check(&mut violations);
        assert!(!format!("{violations:?}").contains("86"));
        assert_eq!(
            violations
                .into_result()
                .expect_err("both")
                .violations()
                .len(),
            2
        );
    }
}
