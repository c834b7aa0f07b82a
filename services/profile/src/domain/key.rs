//! Identifiers by which a customer is found.

use dossier_kernel::Pii;

use super::{ContactPoint, ContactPointType, ExternalId, Violations, normalize};

/// What kind of identifier; the numbers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    Email = 1,
    Phone = 2,
    ExternalId = 3,
}

impl KeyKind {
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Names the blind index, so that equal texts of different kinds have different indexes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::ExternalId => "external_id",
        }
    }

    /// Whether one customer of a tenant has it and no other; contact points may be shared, as by
    /// a family.
    pub const fn is_exclusive(self) -> bool {
        matches!(self, Self::ExternalId)
    }
}

/// An identifier in its normalised form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub kind: KeyKind,
    pub text: Pii<String>,
}

impl Key {
    /// Errors are the words of a violation.
    pub fn email(address: &str) -> Result<Self, &'static str> {
        let text = Pii::new(normalize::email(address)?);
        Ok(Self {
            kind: KeyKind::Email,
            text,
        })
    }

    /// `region` reads national forms. Errors are the words of a violation.
    pub fn phone(number: &str, region: Option<&str>) -> Result<Self, &'static str> {
        let text = Pii::new(normalize::phone(number, region)?);
        Ok(Self {
            kind: KeyKind::Phone,
            text,
        })
    }

    /// Says in `violations`, below `path`, what keeps the id from being one.
    pub fn external_id(id: ExternalId, path: &str, violations: &mut Violations) -> Option<Self> {
        id.check(path, violations).as_ref().map(Self::from)
    }
}

impl From<&ContactPoint> for Key {
    fn from(point: &ContactPoint) -> Self {
        let kind = match point.kind {
            ContactPointType::Email => KeyKind::Email,
            ContactPointType::Phone => KeyKind::Phone,
        };
        Self {
            kind,
            text: point.normalized.clone(),
        }
    }
}

impl From<&ExternalId> for Key {
    fn from(id: &ExternalId) -> Self {
        // A namespace has no slash, so that two ids never make the same text.
        let text = Pii::new(format!("{}/{}", id.namespace, id.value.expose()));
        Self {
            kind: KeyKind::ExternalId,
            text,
        }
    }
}
