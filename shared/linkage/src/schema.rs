//! Which fields are compared, and how.

use serde::{Deserialize, Serialize};

use crate::comparator::Comparator;
use crate::error::Error;

/// The most fields of a schema, its exchanged ones counted twice.
pub const MAX_FIELDS: usize = 30;

/// A field that records are compared by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name in evidence.
    pub name: String,
    /// How two of its values are compared.
    pub comparator: Comparator,
}

/// The fields that records are compared by, in the order of a record's values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Draft")]
pub struct Schema {
    fields: Vec<Field>,
    exchanges: Vec<(usize, usize)>,
}

/// A schema as it is stored, before it is checked.
#[derive(Deserialize)]
struct Draft {
    fields: Vec<Field>,
    exchanges: Vec<(usize, usize)>,
}

impl Schema {
    /// A schema of these fields.
    ///
    /// `exchanges` names fields whose values people put into each other's place: given and family
    /// name, the two lines of an address, suburb and postal code.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn new<N: Into<String>>(
        fields: impl IntoIterator<Item = (N, Comparator)>,
        exchanges: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let fields: Vec<Field> = fields
            .into_iter()
            .map(|(name, comparator)| Field {
                name: name.into(),
                comparator,
            })
            .collect();
        let place = |name: &str| {
            let mut places = (0..fields.len()).filter(|place| fields[*place].name == name);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                _ => Err(Error::NoSuchField { name: name.into() }),
            }
        };
        let exchanges = exchanges
            .iter()
            .map(|(left, right)| Ok((place(left)?, place(right)?)))
            .collect::<Result<_, _>>()?;
        Draft { fields, exchanges }.try_into()
    }

    /// The fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The places of fields whose values may be in each other's place.
    pub(crate) fn exchanges(&self) -> &[(usize, usize)] {
        &self.exchanges
    }

    /// The exchange that a field is part of.
    pub(crate) fn exchange_of(&self, field: usize) -> Option<usize> {
        self.exchanges
            .iter()
            .position(|(left, right)| *left == field || *right == field)
    }

    /// The field that stands for a field and the one it is exchanged with.
    pub(crate) fn family(&self, field: usize) -> usize {
        let exchange = self.exchanges.iter().find(|(_, right)| *right == field);
        exchange.map_or(field, |(left, _)| *left)
    }
}

impl TryFrom<Draft> for Schema {
    type Error = Error;

    fn try_from(Draft { fields, exchanges }: Draft) -> Result<Self, Error> {
        let count = fields.len() + 2 * exchanges.len();
        if count > MAX_FIELDS {
            return Err(Error::TooManyFields { count });
        }
        for (at, (left, right)) in exchanges.iter().enumerate() {
            let (Some(one), Some(other)) = (fields.get(*left), fields.get(*right)) else {
                return Err(Error::NoSuchField {
                    name: format!("#{}", left.max(right)),
                });
            };
            let is_text = |field: &Field| {
                matches!(
                    field.comparator,
                    Comparator::Name | Comparator::Text | Comparator::Code
                )
            };
            let taken = exchanges[..at]
                .iter()
                .any(|(a, b)| [a, b].iter().any(|place| [left, right].contains(place)));
            if left == right || taken || !is_text(one) || !is_text(other) {
                return Err(Error::NotExchangeable {
                    left: one.name.clone(),
                    right: other.name.clone(),
                });
            }
        }
        Ok(Self { fields, exchanges })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let fields = [
            ("a", Comparator::Name),
            ("b", Comparator::Name),
            ("c", Comparator::Date),
        ];
        let refused = |exchanges: &[(&str, &str)]| Schema::new(fields, exchanges).err();
        assert_eq!(refused(&[("a", "b")]), None);
        let name = "d".to_owned();
        assert_eq!(refused(&[("a", "d")]), Some(Error::NoSuchField { name }));
        for wrong in [&[("a", "c")][..], &[("a", "a")], &[("a", "b"), ("b", "a")]] {
            assert!(
                matches!(refused(wrong), Some(Error::NotExchangeable { .. })),
                "{wrong:?}"
            );
        }
        let many = (0..=MAX_FIELDS).map(|at| (at.to_string(), Comparator::Name));
        let count = MAX_FIELDS + 1;
        assert_eq!(
            Schema::new(many, &[]).err(),
            Some(Error::TooManyFields { count })
        );
    }
}
