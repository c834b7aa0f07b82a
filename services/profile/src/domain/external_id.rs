//! The id of a customer in another system.

use dossier_kernel::Pii;

use super::{Many, Violations};

pub const COUNT_MAX: usize = 100;

/// Unique per tenant and namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId {
    /// 1 to 63 characters of `a-z`, `0-9`, `-`, `_` and `.`.
    pub namespace: String,
    /// 1 to 256 characters, trimmed.
    pub value: Pii<String>,
}

impl ExternalId {
    /// The normalised form; says in `violations`, below `path`, what keeps it from being one.
    pub fn check(self, path: &str, violations: &mut Violations) -> Option<Self> {
        let namespace_fine = is_namespace(&self.namespace);
        if !namespace_fine {
            violations.add(
                format!("{path}.namespace"),
                "must have 1 to 63 characters of a-z, 0-9, '-', '_' and '.'",
            );
        }
        let value = self.value.expose().trim();
        let fine = (1..=256).contains(&value.chars().count()) && !value.contains(char::is_control);
        if !fine {
            violations.add(
                format!("{path}.value"),
                "must have 1 to 256 characters and no control characters",
            );
        }
        (namespace_fine && fine).then(|| Self {
            value: Pii::new(value.to_owned()),
            namespace: self.namespace,
        })
    }
}

pub fn is_namespace(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.".contains(&b);
    (1..=63).contains(&text.len()) && text.bytes().all(legal)
}

pub fn check(ids: Many<ExternalId>, violations: &mut Violations) -> Many<ExternalId> {
    let mut seen: Vec<ExternalId> = Vec::new();
    ids.filter_map(|index, id| {
        let path = format!("external_ids[{index}]");
        let id = id.check(&path, violations)?;
        if seen.contains(&id) {
            violations.add(path, "is named twice; name every external id once");
            return None;
        }
        seen.push(id.clone());
        Some(id)
    })
}

pub fn apply(ids: Many<ExternalId>, field: &mut Vec<ExternalId>) {
    ids.apply(
        field,
        |a, b| a == b,
        |field, id| {
            if !field.contains(&id) {
                field.push(id);
            }
        },
    );
}
