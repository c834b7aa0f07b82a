//! Ways to reach a customer.

use dossier_kernel::{Pii, Timestamp};

use super::{Many, Violations, normalize};

pub const COUNT_MAX: usize = 100;
pub const LABEL_LENGTH_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContactPointType {
    Email,
    Phone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPoint {
    pub kind: ContactPointType,
    /// As typed, without what nobody sees.
    pub value: Pii<String>,
    /// Folded e-mail or E.164 phone; empty until checked.
    pub normalized: Pii<String>,
    /// What it is for, such as `work`; may be empty.
    pub label: String,
    /// The one to use first of its type.
    pub primary: bool,
    /// When somebody proved to own it.
    pub verify_time: Option<Timestamp>,
}

impl ContactPoint {
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        self.kind == other.kind && self.normalized == other.normalized
    }

    fn check(self, path: &str, region: Option<&str>, violations: &mut Violations) -> Option<Self> {
        // Limits look at what can be seen of it: nothing else is kept.
        let value = Pii::new(normalize::typed(self.value.expose()));
        let normalized = match self.kind {
            ContactPointType::Email => normalize::email(value.expose()),
            ContactPointType::Phone => normalize::phone(value.expose(), region),
        };
        let label = normalize::text(&self.label);
        if label.chars().count() > LABEL_LENGTH_MAX {
            violations.add(format!("{path}.label"), "must have at most 64 characters");
        }
        match normalized {
            Ok(normalized) => Some(Self {
                normalized: Pii::new(normalized),
                value,
                label,
                ..self
            }),
            Err(why) => {
                violations.add(format!("{path}.value"), why);
                None
            }
        }
    }
}

pub fn check(
    points: Many<ContactPoint>,
    region: Option<&str>,
    violations: &mut Violations,
) -> Many<ContactPoint> {
    let mut seen: Vec<ContactPoint> = Vec::new();
    points.filter_map(|index, point| {
        let path = format!("contact_points[{index}]");
        if violations.has_below(&path) {
            return None;
        }
        let point = point.check(&path, region, violations)?;
        if seen.iter().any(|other| other.is_same_as(&point)) {
            violations.add(path, "is named twice; name every contact point once");
            return None;
        }
        if point.primary
            && seen
                .iter()
                .any(|other| other.primary && other.kind == point.kind)
        {
            violations.add(
                format!("{path}.primary"),
                "only one of a type can be primary",
            );
            return None;
        }
        seen.push(point.clone());
        Some(point)
    })
}

/// A point that is added and already there keeps what the new one does not say; one that is added
/// as primary takes that place from the one that had it.
pub fn apply(points: Many<ContactPoint>, field: &mut Vec<ContactPoint>) {
    points.apply(field, ContactPoint::is_same_as, |field, point| {
        if point.primary {
            field
                .iter_mut()
                .filter(|other| other.kind == point.kind)
                .for_each(|p| p.primary = false);
        }
        let Some(known) = field.iter_mut().find(|other| other.is_same_as(&point)) else {
            field.push(point);
            return;
        };
        known.primary |= point.primary;
        known.verify_time = point.verify_time.or(known.verify_time);
        if !point.label.is_empty() {
            known.label = point.label;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_of_a_value_is_not_kept() {
        for (kind, value) in [
            (ContactPointType::Email, "A@b.cn"),
            (ContactPointType::Phone, "+86 138 0000 0000"),
        ] {
            let padded = format!(" {value}{}", "\u{200b}".repeat(1_000_000));
            let point = ContactPoint {
                kind,
                value: Pii::new(padded),
                normalized: Pii::from(""),
                label: String::new(),
                primary: false,
                verify_time: None,
            };
            let mut violations = Violations::default();
            let checked = check(Many::Add(vec![point]), None, &mut violations);
            assert!(violations.is_empty());
            assert_eq!(checked.values()[0].value, Pii::from(value));
        }
    }
}
